"""Q by how hard a video is: how much of it the object is hidden, away or beside a look-alike."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vot_memory.metrics.events import ABSENT, LOOKALIKE, OCCLUDED
from vot_memory.reports.scores import RunScores
from vot_memory.reports.tables.notes import FEW_SEQUENCES
from vot_memory.reports.tables.pairing import paired_gap
from vot_memory.reports.text import count

if TYPE_CHECKING:
    from pandas import DataFrame, Series

OCCLUSION, ABSENCE, DISTRACTOR, LENGTH = "occlusion", "absence", "distractor", "length"
DIFFICULTIES = (OCCLUSION, ABSENCE, DISTRACTOR, LENGTH)  # as reports order them
_EVENTS = {OCCLUSION: OCCLUDED, ABSENCE: ABSENT, DISTRACTOR: LOOKALIKE}
_MEANINGS = {
    OCCLUSION: "occlusion is the share of a video's frames that are labelled as occluded",
    ABSENCE: "absence is the share in which the object is away",
    DISTRACTOR: "distractor is the share that are labelled with a look-alike near",
    LENGTH: "length is a video's number of frames",
}


@dataclass(frozen=True, eq=False)
class DifficultyTable:
    """What each run does on videos of each level of difficulty.

    Attributes:
        rows: a row a run and level: `label`, `policy`, `difficulty` (of `DIFFICULTIES`), `level`
            ("none", "some", "low", "high", "short", "medium", "long"), `range` (what the level
            holds, in words), `videos`, `Q`, the `difference` in Q to the baseline with its
            interval, `wins`, `ties` and `losses`. NaN where undefined.
        notes: what a reader has to know about them, in sentences.
    """

    rows: DataFrame
    notes: tuple[str, ...]

    @property
    def levels(self) -> list[tuple[str, str, str]]:
        """Difficulty, level and range of each column, in the order of the report."""
        columns = self.rows[["difficulty", "level", "range"]].drop_duplicates()
        return [(str(a), str(b), str(c)) for a, b, c in columns.itertuples(index=False)]

    def cell(self, label: str, difficulty: str, level: str) -> dict[str, Any]:
        """The row of a run and level as a dict of its columns."""
        rows = self.rows
        chosen = (rows["difficulty"] == difficulty) & (rows["level"] == level)
        row = rows[chosen & (rows["label"] == label)].to_dict("records")[0]
        return {str(name): value for name, value in row.items()}


@dataclass(frozen=True)
class _Level:
    """Videos of one level of a difficulty."""

    difficulty: str
    name: str
    range: str
    videos: frozenset[str]


def make_difficulty(
    runs: Seq[RunScores], common: Seq[str], reference: int | None
) -> DifficultyTable | None:
    """Split the videos of runs by difficulty.

    Shares are those of the events, where every frame counts once: a frame shortly after a return
    counts there and not as occluded, and an occluded one not as beside a look-alike.

    Args:
        runs: with at least one finished sequence each.
        common: sequences that the rows cover; empty where they have none in common, then each row
            covers its own and differences are over what it shares with the baseline.
        reference: index of the baseline; None if it is not there.

    Returns:
        None where the videos are alike, or what happens in them is not known.
    """
    import pandas as pd

    facts = video_facts(runs)
    facts = facts.loc[list(common)] if common else facts
    levels = [level for name in DIFFICULTIES for level in _cut(name, facts[name].dropna())]
    if not levels:
        return None
    quality = [run.sequences.set_index("sequence")["Q"] for run in runs]
    base = None if reference is None else quality[reference]
    rows = [
        {"label": run.label, "policy": run.identity.policy}
        | _row(level, own, None if i == reference else base)
        for i, (run, own) in enumerate(zip(runs, quality, strict=True))
        for level in levels
    ]
    table = pd.DataFrame(rows)
    return DifficultyTable(table, _notes(table, levels))


def video_facts(runs: Seq[RunScores]) -> DataFrame:
    """How hard each video is: `DIFFICULTIES` by sequence, NaN where it is not labelled."""
    import pandas as pd

    events = pd.concat([run.sequence_events for run in runs])
    events = events.drop_duplicates(["sequence", "event"])
    frames = events.pivot(index="sequence", columns="event", values="frames")
    shares = frames.div(frames.sum(axis=1), axis=0)
    facts = pd.DataFrame({name: shares.get(event) for name, event in _EVENTS.items()}, shares.index)
    lengths = {name: len(own.overlap) for run in runs for (name, _), own in run.frames.items()}
    facts[LENGTH] = pd.Series(lengths, dtype=float)
    return facts.astype(float)


def _cut(difficulty: str, values: Series) -> list[_Level]:
    """Levels with at least one video each; none where all videos are alike."""
    if values.nunique() < 2:
        return []
    levels = _lengths(values) if difficulty == LENGTH else _shares(values)
    found = [
        _Level(difficulty, name, span, frozenset(values.index[chosen]))
        for name, span, chosen in levels
        if chosen.any()
    ]
    return found if len(found) > 1 else []


def _shares(values: Series) -> list[tuple[str, str, Series]]:
    """None, low and high by the median of the positive ones; none and some where they are few."""
    there = values > 0
    positive = values[there]
    middle = _middle(positive)
    high = values > middle
    nothing = ("none", "0% of frames", ~there)
    if min(int(high.sum()), int((there & ~high).sum())) < FEW_SEQUENCES and not there.all():
        return [nothing, ("some", f"up to {_percent(positive.max())}", there)]
    edge = _percent(middle)
    return [nothing, ("low", f"up to {edge}", there & ~high), ("high", f"over {edge}", high)]


def _lengths(values: Series) -> list[tuple[str, str, Series]]:
    """Short, medium and long by terciles; short and long by the median where videos are few."""
    low, high = (float(values.quantile(q)) for q in (1 / 3, 2 / 3))
    levels = [
        ("short", f"up to {low:.0f} frames", values <= low),
        ("medium", f"up to {high:.0f}", (values > low) & (values <= high)),
        ("long", f"over {high:.0f}", values > high),
    ]
    if min(int(chosen.sum()) for _, _, chosen in levels) >= FEW_SEQUENCES:
        return levels
    middle = _middle(values)
    edge = f"{middle:.0f} frames"
    return [
        ("short", f"up to {edge}", values <= middle),
        ("long", f"over {edge}", values > middle),
    ]


def _middle(values: Series) -> float:
    """The median, or the largest value below it where none is above it and some are below."""
    middle = float(values.median())
    below = values[values < middle]
    return middle if (values > middle).any() or below.empty else float(below.max())


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f}%"


def _row(level: _Level, quality: Series, base: Series | None) -> dict[str, Any]:
    own = quality[quality.index.isin(level.videos)]
    gap = paired_gap(own, base, test=False)
    del gap["p"]  # so many tests would call for a correction
    return {
        "difficulty": level.difficulty,
        "level": level.name,
        "range": level.range,
        "videos": len(own),
        "Q": float(own.mean()),
        **gap,
    }


def _cuts(shown: Seq[str], levels: Seq[_Level]) -> str:
    """Where the levels that are shown are cut."""
    said = ""
    if any(level.name == "high" for level in levels):
        said += " Shares are cut at the median of the videos that have some."
    if LENGTH in shown:
        terciles = any(level.name == "medium" for level in levels)
        said += (
            f" Lengths are cut at {'terciles' if terciles else 'the median, for want of videos'}."
        )
    return said


def _notes(rows: DataFrame, levels: Seq[_Level]) -> tuple[str, ...]:
    shown = list(dict.fromkeys(level.difficulty for level in levels))
    meanings = "; ".join(_MEANINGS[name] for name in shown)
    said = [
        f"Videos by difficulty: {meanings}.{_cuts(shown, levels)}",
    ]
    if OCCLUSION in shown or DISTRACTOR in shown:
        said.append(
            "Each frame counts under one event only, the first of absent, after return, occluded "
            "and look-alike near."
        )
    few = [f"{v.difficulty} {v.name}" for v in levels if len(v.videos) < FEW_SEQUENCES]
    if few:
        said.append(f"Fewer than {FEW_SEQUENCES} videos, so rough at best: {', '.join(few)}.")
    if intervals := int(rows["difference_low"].notna().sum()):
        said.append(
            f"The {count(intervals, 'interval')} by difficulty are 95% each, not corrected for "
            "their number; difficulties go together, so the same videos may stand behind several."
        )
    return tuple(said)
