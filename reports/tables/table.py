"""Tables of runs that may be compared: measures with intervals, paired differences, ranks."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vot_memory.reports.scores import SCORE_COLUMNS, RunScores
from vot_memory.reports.tables.difficulty import DifficultyTable, make_difficulty
from vot_memory.reports.tables.events import EventTable, make_events
from vot_memory.reports.tables.further import FurtherTable, make_further
from vot_memory.reports.tables.gap import GapTable, make_gap
from vot_memory.reports.tables.notes import incompleteness, notes
from vot_memory.reports.tables.pairing import defined, paired_gap
from vot_memory.reports.tables.published import PublishedRows, published_rows
from vot_memory.reports.tables.ranks import PRIVILEGED, find_ranks, may_test
from vot_memory.reports.tables.speed import Speed
from vot_memory.reports.text import count
from vot_memory.results import IMPORTED
from vot_memory.statistics import holm, mean_interval

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from vot_memory.datasets.splits import Published

_SETTING_COLUMNS = ("dataset", "model", "image_size", "dtype", "protocol", "prompt")
_SPEED_COLUMNS = ("frames_per_second", "memory_ms", "bank_bytes")
REMARKS = {  # remark -> its sign in tables and what it says below them
    "offline": ("†", "offline: masks were revised after the last frame, knowing the future"),
    "unchecked": ("‡", "re-implemented from the description, not parity-checked"),
    "privileged": (
        "§",
        "saw the ground truth of these videos, on which its decisions were searched for or "
        "trained: no tracker, therefore below the others, without rank and test",
    ),
    "imported": ("°", "imported: another program made these masks"),
    "unknown": ("?", "the policy cannot be loaded here, so its parity is not known"),
}


@dataclass(frozen=True, eq=False)
class Table:
    """Runs that agree in data, model, resolution, precision, prompt and protocol.

    Attributes:
        title: what they agree in, in words.
        baseline: label of the run that the others are compared with; None if it is not there.
        runs: what stands behind the rows.
        all_runs: also those that have finished nothing and therefore have no row.
        overview: a row a run: `label`, `policy`, `remarks` (keys of `REMARKS`), `sequences`,
            `objects`, the measures, `Q_low`, `Q_high`, `difference` in Q with its interval, `wins`,
            `ties`, `losses`, `p`, `p_holm`, `frames_per_second`, `memory_ms`, `bank_bytes`,
            `machine`, the setting, and the `key` of the results. NaN where undefined.
        ranks: (label, measure) -> 1, 2 or 3.
        sequences: a row a run and sequence, with `difference` to the baseline in Q.
        objects: a row a run, sequence and object.
        events: the runs by what happens in the frames; None where there is nothing to split.
        difficulty: the runs by how hard the videos are; None where they are alike.
        further: the runs by other measures, as far as there are some.
        gap: how much of what was found to be possible the runs reach; None where nothing was
            searched for.
        published: figures of a paper that stand below the overview; None if there are none.
        incomplete: what is missing or failed, in sentences; empty for complete runs.
        notes: what a reader has to know about the numbers, in sentences.
    """

    title: str
    baseline: str | None
    runs: tuple[RunScores, ...]
    all_runs: tuple[RunScores, ...]
    overview: DataFrame
    ranks: dict[tuple[str, str], int]
    sequences: DataFrame
    objects: DataFrame
    events: EventTable | None
    difficulty: DifficultyTable | None
    further: tuple[FurtherTable, ...]
    gap: GapTable | None
    published: PublishedRows | None
    incomplete: tuple[str, ...]
    notes: tuple[str, ...]

    def row(self, label: str) -> dict[str, Any]:
        """The overview's row of a run as a dict of its columns."""
        rows = self.overview[self.overview["label"] == label].to_dict("records")
        return {str(name): value for name, value in rows[0].items()}

    @property
    def signs(self) -> dict[str, str]:
        """Signs behind the labels that have remarks."""
        pairs = zip(self.overview["label"], self.overview["remarks"], strict=True)
        return {
            label: "".join(REMARKS[key][0] for key in remarks.split(",") if key)
            for label, remarks in pairs
        }

    @property
    def legend(self) -> list[str]:
        """What the signs of this table mean."""
        used = {key for remarks in self.overview["remarks"] for key in remarks.split(",")}
        return [f"{sign} {meaning}" for key, (sign, meaning) in REMARKS.items() if key in used]


def make_table(
    runs: Seq[RunScores],
    baseline: str,
    total: int,
    *,
    toolkit_compatible: bool = False,
    published: Published | None = None,
) -> Table | None:
    """Compare runs with equal `identity.table`.

    The overview covers the sequences that every run has finished, so that its rows are about the
    same videos. Where there is none, each row covers its own and nothing is ranked.

    Args:
        runs: scored on the same split.
        baseline: name of a policy, or label of a run.
        total: number of sequences of the split.
        toolkit_compatible: how they were scored; goes into the notes.
        published: figures of a paper on the split; they are taken up where they fit the runs.

    Returns:
        None if no run has finished a sequence.
    """
    import pandas as pd

    finished = [run for run in runs if len(run.objects)]
    if not finished:
        return None
    scored, common = _in_order(finished, baseline)
    quality = [run.sequences.set_index("sequence") for run in scored]
    reference = find_baseline(scored, baseline)
    base = None if reference is None else quality[reference]["Q"]
    chosen = [own.loc[common] if common else own for own in quality]
    bases = [None if i == reference else base for i in range(len(scored))]
    tested = [may_test(scored, i, reference) for i in range(len(scored))]
    rows = [_overview_row(*cells) for cells in zip(scored, chosen, bases, tested, strict=True)]
    overview = pd.DataFrame(rows)
    p_values = [None if np.isnan(p) else p for p in overview["p"]]
    overview["p_holm"] = pd.Series(holm(p_values), dtype=float)
    return Table(
        title=describe(scored[0], overview),
        baseline=None if reference is None else scored[reference].label,
        runs=scored,
        all_runs=tuple(runs),
        overview=overview,
        ranks=find_ranks(overview) if common else {},
        sequences=_stack(scored, [_with_difference(own, base) for own in quality]),
        objects=_stack(scored, [run.objects for run in scored]),
        events=make_events(scored, common, reference, toolkit_compatible=toolkit_compatible),
        difficulty=make_difficulty(scored, common, reference),
        further=make_further(scored, common, reference),
        gap=make_gap(scored, common, reference),
        published=None if toolkit_compatible else published_rows(published, scored[0].identity),
        incomplete=incompleteness(runs, total),
        notes=notes(scored, overview, baseline, common, toolkit_compatible),
    )


def find_baseline(runs: Seq[RunScores], baseline: str) -> int | None:
    """Index of the run with that label, else of the first of that policy; None if there is none."""
    labels = [run.label for run in runs]
    policies = [run.identity.policy for run in runs]
    return next((names.index(baseline) for names in (labels, policies) if baseline in names), None)


def _in_order(runs: Seq[RunScores], baseline: str) -> tuple[tuple[RunScores, ...], list[str]]:
    """The baseline first, then by falling Q, privileged rows last; and what sequences all have."""
    quality = [run.sequences.set_index("sequence")["Q"] for run in runs]
    common = [n for n in quality[0].index if all(n in other.index for other in quality[1:])]
    reference = find_baseline(runs, baseline)
    shown = [_nan_last((own.loc[common] if common else own).mean()) for own in quality]
    last = [run.identity.policy in PRIVILEGED for run in runs]
    order = sorted(range(len(runs)), key=lambda i: (i != reference, last[i], -shown[i]))
    return tuple(runs[i] for i in order), common


def _nan_last(value: float) -> float:
    return -1.0 if np.isnan(value) else value


def describe(run: RunScores, overview: DataFrame) -> str:
    """What the runs of a table agree in."""
    identity = run.identity
    what = [
        f"{identity.dataset}: {count(int(overview['sequences'].max()), 'sequence')}, "
        f"{count(int(overview['objects'].max()), 'object')}",
        f"{identity.model} at {identity.image_size} px, {identity.dtype}",
        f"{identity.prompt} prompt, protocol {identity.protocol}",
    ]
    if identity.tracker == IMPORTED:
        what[1:] = [f"other programs, whose models are not known here; {identity.prompt} prompt"]
    if identity.non_overlap:
        what.append("non-overlapping output")
    if run.boxed:
        what.append("boxes of the masks against annotated boxes")
    return "; ".join(what)


def _overview_row(
    run: RunScores, sequences: DataFrame, base: Series | None, tested: bool
) -> dict[str, Any]:
    quality = mean_interval(sequences["Q"].to_numpy(float))
    return {
        "label": run.label,
        "policy": run.identity.policy,
        "remarks": ",".join(_remarks(run)),
        "sequences": len(sequences),
        "objects": int(sequences["objects"].sum()),
        **{name: float(sequences[name].mean()) for name in SCORE_COLUMNS},
        **defined({"Q_low": quality.low, "Q_high": quality.high}),
        **paired_gap(sequences["Q"], base, test=tested),
        **_speed(run.speed),
        **{name: getattr(run.identity, name) for name in _SETTING_COLUMNS},
        "key": run.identity.key,
    }


def _speed(speed: Speed | None) -> dict[str, Any]:
    if speed is None:
        return defined(dict.fromkeys(_SPEED_COLUMNS)) | {"machine": ""}
    values = (speed.frames_per_second, speed.memory_ms, speed.bank_bytes)
    return {**defined(dict(zip(_SPEED_COLUMNS, values, strict=True))), "machine": speed.machine}


def _remarks(run: RunScores) -> list[str]:
    remarks = ["offline"] if run.offline else []
    if run.identity.policy in PRIVILEGED:
        remarks.append("privileged")
    elif run.identity.tracker == IMPORTED:
        remarks.append("imported")
    elif run.spec is None:
        remarks.append("unknown")
    if run.spec is not None and "not parity-checked" in run.spec.parity:
        remarks.append("unchecked")
    return remarks


def _with_difference(sequences: DataFrame, base: Series | None) -> DataFrame:
    frame = sequences.reset_index()
    frame["difference"] = (
        np.nan if base is None else frame["Q"] - base.reindex(frame["sequence"]).to_numpy()
    )
    return frame


def _stack(runs: Seq[RunScores], frames: Seq[DataFrame]) -> DataFrame:
    """One frame below the other, the run's label first."""
    import pandas as pd

    labelled = []
    for run, frame in zip(runs, frames, strict=True):
        copy = frame.copy()
        copy.insert(0, "label", run.label)
        copy.insert(1, "policy", run.identity.policy)
        labelled.append(copy)
    return pd.concat(labelled, ignore_index=True)
