"""Which rule stores frames best that knows the truth of each frame, not the future."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING

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
    from pandas import DataFrame

COLUMNS = ("sequence", "rule", "Q")
BASE = "fifo"
_MEASURES = (
    Measure("Q", "Q", "quality, mean over videos"),
    Measure("gain", f"Q {MINUS} {BASE}", "to SAM 2's own rule", signed=True, interval=True),
)


def read_causal(paths: Seq[Path]) -> Study:
    """Read causal rules from CSV files with the columns `COLUMNS` and maybe `object`.

    Raises:
        InputError: a file cannot be read or lacks a column, a value stands twice, Q lies outside
            0..1, there is no FIFO, or no video has all rules.
    """
    quality, left = read_qualities(paths, COLUMNS, "rule", [BASE])
    return Study(
        "causal",
        "Rules that know the truth of the current frame",
        {"rule": "rule"},
        _MEASURES,
        _rows(quality),
        (
            describe_videos(len(quality), left, "rules"),
            "A frame is stored if its overlap with the truth is above the bound and the object is "
            "there, or, with `absent`, if it is away and nothing was answered. No tracker can.",
            "The best of these is for `study ceilings` on other videos: here it was chosen.",
            describe_intervals(len(quality)),
        ),
    )


def _rows(quality: DataFrame) -> DataFrame:
    """FIFO, then the rules by falling Q."""
    import pandas as pd

    means = {str(name): float(mean) for name, mean in quality.mean().items()}
    names = sorted(means, key=lambda name: (name != BASE, -means[name]))
    base = quality[BASE]
    return pd.DataFrame(
        {"rule": name, "videos": len(quality), "Q": means[name]}
        | gap_cells("gain", None if name == BASE else quality[name], base)
        for name in names
    )
