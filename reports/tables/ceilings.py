"""Ceilings of memory decisions, kept apart by what each is told of the ground truth.

A tracker is told nothing of it. A causal rule may know the truth of the frame that it decides on,
hindsight knows that of all frames, and a component ceiling puts the truth in the place of one part
of the tracker. No ceiling is a tracker, and none bounds another: each is the best that was found
under its own terms.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError, unknown
from vot_memory.registry import policy_names
from vot_memory.reports.tables.csv_rows import CsvRow
from vot_memory.reports.tables.gap import SHARE_COLUMNS, describe_share, share_cells, share_of_gap
from vot_memory.reports.tables.ranks import PRIVILEGED
from vot_memory.reports.tables.study import (
    Measure,
    Study,
    describe_intervals,
    describe_videos,
    gap_cells,
    read_qualities,
)
from vot_memory.reports.text import MINUS

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COLUMNS = ("sequence", "ceiling", "Q")
BASE, HINDSIGHT = "fifo", "hindsight"
GROUPS = {  # group -> what it is told, in words
    "deployable": "nothing: it can track",
    "causal": "the truth of frames up to the current one",
    "hindsight": "the truth of all frames",
    "component": "truth in place of a part of the tracker",
}
KINDS = {  # ceiling -> its group and what it is; policies that can track need no entry
    "hand-made": ("deployable", "best hand-made rule"),
    "learned": ("deployable", "one policy for all videos"),
    "causal": ("causal", "store by the true overlap"),
    HINDSIGHT: ("hindsight", "best decisions found"),
    **dict.fromkeys(sorted(PRIVILEGED), ("hindsight", "")),
    "choice": ("component", "mask chosen by truth"),
    "memory": ("component", "truth written to memory"),
    "both": ("component", "both of them"),
}
_MEASURES = (
    Measure("Q", "Q", "quality, mean over videos"),
    Measure(
        "gain", f"Q {MINUS} {BASE}", "mean difference, paired by video", signed=True, interval=True
    ),
    Measure("share", "share of the gap", "of what the best found gains", interval=True),
)


def read_ceilings(paths: Seq[Path]) -> Study:
    """Read ceilings from CSV files with the columns `COLUMNS` and maybe `object`.

    A ceiling is one of `KINDS` or the name of a policy that can track. Rows cover the videos that
    all ceilings have, a video the mean over its objects.

    Raises:
        InputError: a file cannot be read or lacks a column; a ceiling is unknown, a value stands
            twice, Q lies outside 0..1, there is no FIFO, or the ceilings share no video.
    """
    shared, left = read_qualities(paths, COLUMNS, "ceiling", [BASE], _kind)
    return Study(
        "ceilings",
        "Ceilings of memory decisions",
        {"ceiling": "ceiling", "what": "what it is", "told": "told of the ground truth"},
        tuple(m for m in _MEASURES if m.name != "share" or HINDSIGHT in shared),
        _rows(shared),
        _notes(len(shared), left, HINDSIGHT in shared),
    )


def group_of(ceiling: str) -> str:
    """Group of a ceiling, of `GROUPS`."""
    return KINDS.get(ceiling, ("deployable", ""))[0]


def _kind(row: CsvRow) -> str:
    """The name of a ceiling, which is known, so that no oracle passes for a tracker."""
    name = row.name("ceiling")
    known = {*KINDS, *policy_names()}
    if name not in known:
        raise InputError(f"{row.where}: {unknown('ceiling', name, known)}")
    return name


def _rows(quality: DataFrame) -> DataFrame:
    """A row a ceiling, by group, in a group by rising Q."""
    import pandas as pd

    order = list(GROUPS)
    means = {str(name): float(mean) for name, mean in quality.mean().items()}
    names = sorted(means, key=lambda n: (order.index(group_of(n)), n != BASE, means[n]))
    best = quality[HINDSIGHT] if HINDSIGHT in quality else None
    return pd.DataFrame([_row(name, quality[name], quality[BASE], best) for name in names])


def _row(name: str, own: Series, base: Series, best: Series | None) -> dict[str, Any]:
    group, what = KINDS.get(name, ("deployable", ""))
    row: dict[str, Any] = {
        "ceiling": name,
        "what": what,
        "told": GROUPS[group],
        "group": group,
        "videos": len(own),
        "Q": float(own.mean()),
    }
    row |= gap_cells("gain", None if name == BASE else own, base)
    if best is None:
        return row
    # The part that a component ceiling replaces is outside of what decisions can reach.
    apart = name in (BASE, HINDSIGHT) or group == "component"
    undefined = dict.fromkeys(SHARE_COLUMNS, float("nan"))
    return row | (undefined if apart else share_cells(share_of_gap(own, base, best)))


def _notes(videos: int, left: int, shares: bool) -> tuple[str, ...]:
    return (
        describe_videos(videos, left, "ceilings"),
        "Only what is told nothing can track. The others were given ground truth of these videos: "
        "they say where there is room, and are no results of a tracker.",
        "Each is what was reached under its own terms, a lower bound of what could be; they do not "
        "bound each other.",
        *([describe_share(BASE)] if shares else []),
        describe_intervals(videos),
    )
