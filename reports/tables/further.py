"""Measures beside Q, A and R, a table each: J and F, boxes, and how soon an object is found again.

A table is there where its measure is: J and F where they were asked for, box measures where boxes
are annotated, returns where objects come back. All rows cover the sequences of the overview.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from vot_memory.metrics.returns import FOUND_OVERLAP
from vot_memory.reports.scores import BOX_COLUMNS, BOX_FRAMES, DAVIS_COLUMNS, RunScores
from vot_memory.reports.tables.notes import FEW_SEQUENCES, describe_box_rules
from vot_memory.reports.tables.pairing import paired_gap
from vot_memory.reports.tables.ranks import find_ranks, may_test
from vot_memory.statistics import holm

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_RETURN = ["sequence", "object", "frame"]  # what names one
_DELAY_GAP = ["delay_difference", "delay_low", "delay_high"]
_PAIRED = "Differences are paired by sequence, a sequence the mean over its objects"
_MAY_DIFFER = "so they may differ from the difference of two rows"


class Column(NamedTuple):
    """A column of numbers: its name in `rows`, what is written over it, and how it is read.

    Attributes:
        name: of the column in `FurtherTable.rows`.
        head: what stands over it.
        higher_is_better: for arrow and places; None where a number alone says nothing.
        digits: decimals.
        brief: whether it is also shown in the terminal, which is narrow.
    """

    name: str
    head: str
    higher_is_better: bool | None = True
    digits: int = 3
    brief: bool = True

    @property
    def arrow(self) -> str:
        """The head with the direction of what is better."""
        if self.higher_is_better is None:
            return self.head
        return f"{self.head} {'↑' if self.higher_is_better else '↓'}"


@dataclass(frozen=True, eq=False)
class FurtherTable:
    """Runs by some further measures.

    Attributes:
        name: stem of its file.
        title: what it is about.
        columns: its measures.
        compared: the one that differences to the baseline are in.
        rows: a row a run: `label`, `policy`, the columns, and as in the overview the `difference`
            with its interval, `wins`, `ties`, `losses`, `p` and `p_holm`. Of returns also
            `delay_difference` with its interval. NaN where undefined.
        ranks: (label, column) -> 1, 2 or 3.
        notes: what a reader has to know about them, in sentences.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    compared: Column
    rows: DataFrame
    ranks: dict[tuple[str, str], int]
    notes: tuple[str, ...]

    @property
    def compares_delays(self) -> bool:
        """Whether there are differences of delays."""
        return "delay_difference" in self.rows and bool(self.rows["delay_difference"].notna().any())

    def row(self, label: str) -> dict[str, Any]:
        """The row of a run as a dict of its columns."""
        rows = self.rows[self.rows["label"] == label].to_dict("records")
        return {str(name): value for name, value in rows[0].items()}


def make_further(
    runs: Seq[RunScores], common: Seq[str], reference: int | None
) -> tuple[FurtherTable, ...]:
    """All further tables that there is something to say in.

    Args:
        runs: with at least one finished sequence each.
        common: sequences that the rows cover; empty where they have none in common, then each row
            covers its own and nothing is ranked.
        reference: index of the baseline; None if it is not there.
    """
    made = [make(runs, common, reference) for make in (_jf, _boxes, _returns)]
    return tuple(table for table in made if table is not None)


def _jf(runs: Seq[RunScores], common: Seq[str], reference: int | None) -> FurtherTable | None:
    chosen = [_on(run.objects, common) for run in runs]
    if not any("J&F" in objects and objects["J&F"].notna().any() for objects in chosen):
        return None
    values = [{name: float(own[name].mean()) for name in DAVIS_COLUMNS} for own in chosen]
    columns = tuple(Column(name, name) for name in DAVIS_COLUMNS)
    notes = (
        "J is the intersection over union, F compares contours (within 0.008 of the picture's "
        "diagonal), as DAVIS and SA-V define them: the mean over all objects of the set, without "
        "the first and the last annotated frame of each. J is therefore not Q.",
        f"{_PAIRED}, {_MAY_DIFFER}.",
    )
    series = [own.groupby("sequence", sort=False)["J&F"].mean() for own in chosen]
    rows = _compare(runs, values, series, reference)
    return _table("jf", "J and F", columns, columns[-1], rows, common, notes)


def _boxes(runs: Seq[RunScores], common: Seq[str], reference: int | None) -> FurtherTable | None:
    chosen = [_on(run.objects, common) for run in runs]
    if not any("AUC" in objects and objects["AUC"].notna().any() for objects in chosen):
        return None
    rules = runs[0].box_rules
    values = [_box_means(own, rules.by_frame) for own in chosen]
    series = [own.groupby("sequence", sort=False)["AUC"].mean() for own in chosen]
    columns = tuple(Column(name, name, brief=name[:2] != "SR") for name in BOX_COLUMNS)
    notes = (
        "The box of a predicted mask against the annotated box. AUC: mean share of overlaps above "
        "0, 0.05, ..., 1 (0.952 at best); P: centres within 20 pixels; Pnorm: within 0.2 of the "
        "object's size; AO: mean overlap; SR50 and SR75: overlaps above 0.5 and 0.75.",
        describe_box_rules(rules),
        f"{_PAIRED}, {_MAY_DIFFER}." if rules.by_frame else f"{_PAIRED}.",
    )
    rows = _compare(runs, values, series, reference)
    return _table("boxes", "Boxes", columns, columns[0], rows, common, notes)


def _box_means(objects: DataFrame, by_frame: bool) -> dict[str, Any]:
    """Mean over sequences, or over the frames of all of them."""
    if by_frame:
        frames = objects[BOX_FRAMES]
        means = objects[BOX_COLUMNS].mul(frames, axis=0).sum() / frames.sum()
    else:
        means = objects.groupby("sequence", sort=False)[BOX_COLUMNS].mean().mean()
    return {name: float(means[name]) for name in BOX_COLUMNS}


def _returns(runs: Seq[RunScores], common: Seq[str], reference: int | None) -> FurtherTable | None:
    chosen = [_on(run.returns, common) for run in runs]
    if not any(len(own) for own in chosen):
        return None
    found = Column("found", "found again")
    columns = (
        Column("returns", "returns", None, 0),
        found,
        Column("median", "median delay", None, 1),
        Column("mean", "mean delay", None, 1),
        Column("seconds", "mean, s", None, 2, brief=False),
    )
    values = []
    base = None if reference is None else chosen[reference]
    for i, own in enumerate(chosen):
        values.append(_back(own) | _delay_gap(own, None if i == reference else base))
    shares = [own["delay"].notna().groupby(own["sequence"], sort=False).mean() for own in chosen]
    rows = _compare(runs, values, shares, reference)
    videos = max(own["sequence"].nunique() for own in chosen)
    notes = [
        "A return is the first annotated frame on which an object is visible after it was away; it "
        f"is found again on the first frame with overlap above {FOUND_OVERLAP:g}, and lost if that "
        "does not come before it leaves again or the video ends.",
        "Delays are in annotated frames (0: found at once) and, their mean, in seconds; they are "
        "of the returns that were found. Who finds only the easy ones has short delays: read them "
        "beside the share that was found, or as differences over the returns that both found.",
        f"Differences are paired by sequence, a sequence the share of its returns, {_MAY_DIFFER}.",
    ]
    if videos < FEW_SEQUENCES:
        notes.append(f"From fewer than {FEW_SEQUENCES} videos with a return, so rough at best.")
    return _table("returns", "Finding it again", columns, found, rows, common, notes)


def _table(
    name: str,
    title: str,
    columns: tuple[Column, ...],
    compared: Column,
    rows: DataFrame,
    common: Seq[str],
    notes: Seq[str],
) -> FurtherTable:
    ranked = {c.name: c.higher_is_better for c in columns if c.higher_is_better is not None}
    ranks = find_ranks(rows, ranked) if common else {}
    return FurtherTable(name, title, columns, compared, rows, ranks, tuple(notes))


def _on(frame: DataFrame, common: Seq[str]) -> DataFrame:
    """The rows of the sequences that count."""
    return frame[frame["sequence"].isin(common)] if common else frame


def _compare(
    runs: Seq[RunScores],
    values: Seq[dict[str, Any]],
    by_sequence: Seq[Series],
    reference: int | None,
) -> DataFrame:
    """A row a run: its values and the difference to the baseline."""
    import pandas as pd

    base = None if reference is None else by_sequence[reference]
    rows = [
        {"label": run.label, "policy": run.identity.policy}
        | values[i]
        | paired_gap(
            by_sequence[i],
            None if i == reference else base,
            test=may_test(runs, i, reference),
        )
        for i, run in enumerate(runs)
    ]
    frame = pd.DataFrame(rows)
    p_values = [None if pd.isna(p) else p for p in frame["p"]]
    frame["p_holm"] = pd.Series(holm(p_values), dtype=float)
    return frame


def _back(returns: DataFrame) -> dict[str, Any]:
    """Share of the returns that were found, and their delays."""
    delay = returns["delay"]
    return {
        "returns": len(returns),
        "found": float(delay.notna().mean()),
        "median": float(delay.median()),
        "mean": float(delay.mean()),
        "seconds": float(returns["seconds"].mean()),
    }


def _delay_gap(own: DataFrame, base: DataFrame | None) -> dict[str, float]:
    """Mean difference of the delays of returns that both found, paired by sequence."""
    if base is None:
        return dict.fromkeys(_DELAY_GAP, float("nan"))
    both = own.merge(base, on=_RETURN, suffixes=("", "_base")).dropna(
        subset=["delay", "delay_base"]
    )
    means = both.groupby("sequence", sort=False)[["delay", "delay_base"]].mean()
    gap = paired_gap(means["delay"], means["delay_base"], test=False)
    ends = (gap["difference"], gap["difference_low"], gap["difference_high"])
    return dict(zip(_DELAY_GAP, ends, strict=True))
