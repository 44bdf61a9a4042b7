"""Where numbers differ: every run by event, on its frames and on the videos that have it or not."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vot_memory.metrics.events import (
    ABSENT,
    CLEAR,
    EVENTS,
    LOOKALIKE,
    OCCLUDED,
    RETURN_FRAMES,
    RETURNED,
    UNLABELLED,
)
from vot_memory.reports.scores import RunScores
from vot_memory.reports.tables.notes import FEW_SEQUENCES
from vot_memory.reports.tables.pairing import paired_gap
from vot_memory.reports.text import count

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FRAMES, VIDEOS = "frames", "videos"
WITH_AND_WITHOUT = {  # event -> kinds of videos
    ABSENT: ("with an absence", "without an absence"),
    OCCLUDED: ("with occlusion", "without occlusion"),
    LOOKALIKE: ("with a look-alike near", "without a look-alike near"),
}
_MEANINGS = {
    ABSENT: "absent (annotated as away; the overlap is the share answered empty)",
    RETURNED: f"after return (the first {RETURN_FRAMES} annotated frames since it was away)",
    OCCLUDED: "occluded (labelled; in procedural video more than 30% is hidden)",
    LOOKALIKE: "look-alike near (labelled; in procedural video within three radii)",
    CLEAR: "clear (none of these)",
    UNLABELLED: "otherwise visible (occlusion and look-alikes are not labelled there)",
}


@dataclass(frozen=True, eq=False)
class EventTable:
    """What each run does on each event.

    Attributes:
        rows: a row a run and kind: `label`, `policy`, `scope` (`FRAMES` or `VIDEOS`), `kind` (an
            event, or a kind of videos), `videos`, `frames`, `overlap` (on the frames of the event,
            or Q of the videos), `drifted` and `missed` (shares of the frames of an event), the
            `difference` in overlap to the baseline with its interval, `wins`, `ties`, `losses`, and
            `part`: how much of the difference in Q comes from the event. NaN where undefined.
        notes: what a reader has to know about them, in sentences.
    """

    rows: DataFrame
    notes: tuple[str, ...]

    def kinds(self, scope: str) -> list[str]:
        """The events, or kinds of videos, in the order of the report."""
        return list(self.rows.loc[self.rows["scope"] == scope, "kind"].unique())

    def cell(self, label: str, kind: str) -> dict[str, Any]:
        """The row of a run and kind as a dict of its columns."""
        chosen = self.rows[(self.rows["label"] == label) & (self.rows["kind"] == kind)]
        return {str(name): value for name, value in chosen.to_dict("records")[0].items()}

    def parts(self, label: str) -> list[float]:
        """Parts of a run's difference in Q, by event; they add up to it."""
        return [self.cell(label, kind)["part"] for kind in self.kinds(FRAMES)]

    def counts(self, kind: str, column: str) -> str:
        """Number of `videos` or `frames` of a kind; a range where the runs cover different ones."""
        numbers = self.rows.loc[self.rows["kind"] == kind, column]
        least, most = int(numbers.min()), int(numbers.max())
        return str(most) if least == most else f"{least} to {most}"


def make_events(
    runs: Seq[RunScores], common: Seq[str], reference: int | None, *, toolkit_compatible: bool
) -> EventTable | None:
    """Split the scores of runs by event.

    Args:
        runs: with at least one finished sequence each.
        common: sequences that the rows cover; empty where they have none in common, then each row
            covers its own and differences are over what it shares with the baseline.
        reference: index of the baseline; None if it is not there.
        toolkit_compatible: how the runs were scored; events leave the prompt out in any case.

    Returns:
        None where all frames are of one kind, so that there is nothing to split.
    """
    import pandas as pd

    split = [_Split.of(run, common) for run in runs]
    if not any(set(own.met) - {CLEAR, UNLABELLED} for own in split):
        return None
    base = None if reference is None else split[reference]
    rows = []
    for i, (run, own) in enumerate(zip(runs, split, strict=True)):
        name = {"label": run.label, "policy": run.identity.policy}
        compared = None if i == reference else base
        rows += [name | row for row in [*_frames(own, compared), *_videos(own, compared)]]
    met = _met(pd.DataFrame(rows))
    return EventTable(met, _notes(met, base is not None, common, toolkit_compatible))


@dataclass(frozen=True, eq=False)
class _Split:
    """One run by event.

    Attributes:
        events: as `RunScores.sequence_events`, of the sequences that count.
        quality: Q by sequence.
    """

    events: DataFrame
    quality: Series

    @classmethod
    def of(cls, run: RunScores, common: Seq[str]) -> _Split:
        """A run, or what it did on some sequences."""
        events, quality = run.sequence_events, run.sequences.set_index("sequence")["Q"]
        if common:
            events, quality = events[events["sequence"].isin(common)], quality.loc[list(common)]
        return cls(events, quality)

    @property
    def met(self) -> list[str]:
        """Events with at least one frame."""
        return list(self.events.loc[self.events["frames"] > 0, "event"].unique())

    def on(self, event: str) -> DataFrame:
        """Sequences that show the event, with means over its frames."""
        chosen = (self.events["event"] == event) & (self.events["frames"] > 0)
        return self.events[chosen].set_index("sequence")

    def parts(self) -> DataFrame:
        """Part of Q by sequence and event: 0 where an event does not happen."""
        known = self.events.dropna(subset=["part"])  # else the video has no Q either
        table = known.pivot_table(index="sequence", columns="event", values="part")
        return table.reindex(columns=list(EVENTS)).fillna(0.0)

    def videos(self, event: str, *, showing: bool) -> Series:
        """Q of the sequences that show an event, or that could be told not to show it."""
        known = self.events[self.events["event"] == event].set_index("sequence")
        names = known.index[(known["frames"] > 0) == showing]
        return self.quality.loc[names]


def _met(rows: DataFrame) -> DataFrame:
    """Without events that never happen and without halves that hold all videos."""
    videos = rows.groupby("kind")["videos"].max()
    halves = [kinds for kinds in WITH_AND_WITHOUT.values() if min(videos[list(kinds)]) > 0]
    kept = [event for event in EVENTS if videos[event] > 0] + [k for pair in halves for k in pair]
    return rows[rows["kind"].isin(kept)].reset_index(drop=True)


def _frames(own: _Split, base: _Split | None) -> list[dict[str, Any]]:
    """A row an event."""
    parts = None if base is None else (own.parts() - base.parts()).mean()  # of shared sequences
    rows = []
    for event in EVENTS:
        found = own.on(event)
        rows.append(
            {
                "scope": FRAMES,
                "kind": event,
                "videos": len(found),
                "frames": int(found["frames"].sum()),
                **{name: float(found[name].mean()) for name in ("overlap", "drifted", "missed")},
                **_gap(found["overlap"], None if base is None else base.on(event)["overlap"]),
                "part": float("nan") if parts is None else float(parts[event]),
            }
        )
    return rows


def _videos(own: _Split, base: _Split | None) -> list[dict[str, Any]]:
    """A row a kind of videos."""
    rows = []
    frames = own.events.groupby("sequence")["frames"].sum()
    for event, kinds in WITH_AND_WITHOUT.items():
        for kind, showing in zip(kinds, (True, False), strict=True):
            quality = own.videos(event, showing=showing)
            rows.append(
                {
                    "scope": VIDEOS,
                    "kind": kind,
                    "videos": len(quality),
                    "frames": int(frames.loc[quality.index].sum()),
                    "overlap": float(quality.mean()),
                    **_gap(quality, None if base is None else base.quality),
                }
            )
    return rows


def _gap(values: Series, base: Series | None) -> dict[str, float]:
    """A difference without a test: so many of them would call for a correction."""
    gap = paired_gap(values, base, test=False)
    del gap["p"]
    return gap


def _notes(
    rows: DataFrame, compared: bool, common: Seq[str], toolkit_compatible: bool
) -> tuple[str, ...]:
    videos = rows.groupby("kind", sort=False)["videos"].max()
    meanings = ", ".join(meaning for event, meaning in _MEANINGS.items() if event in videos)
    said = [
        f"Every frame after the prompt counts under one event, the first that fits: {meanings}.",
        "Numbers are means over the videos that show the event, a video the mean over its objects.",
    ]
    if few := videos.index[videos < FEW_SEQUENCES].tolist():
        which = ", ".join(few) if len(few) < len(videos) else "all numbers by event"
        said.append(f"From fewer than {FEW_SEQUENCES} videos, so rough at best: {which}.")
    if intervals := int(rows["difference_low"].notna().sum()):
        said.append(
            f"The {count(intervals, 'interval')} by event are 95% each, not corrected for their "
            "number: about one in twenty misses the truth by chance."
        )
    if compared and not common:
        said.append("Differences by event are over the sequences shared with the baseline.")
    if toolkit_compatible:
        said.append("Events leave the prompt out, so their parts add up to Q by the clean rules.")
    return tuple(said)
