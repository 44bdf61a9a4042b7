"""Which features a learned policy needs: Q of policies that were fitted without some of them."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

COLUMNS = ("sequence", "without", "Q")
BASE, WHOLE = "fifo", "nothing"
WORDS = {  # what is left out, in words; another name needs none
    BASE: "SAM 2's own rule",
    WHOLE: "the policy with all features",
    "kind": "prompt, memory or new frame",
    "age": "age and order of memories",
    "score": "object score, predicted IoU",
    "alternatives": "other masks, stability",
    "area": "size of the mask",
    "pointer": "likeness of object pointers",
    "mask": "overlap of masks",
    "history": "how it was seen of late",
}
_MEASURES = (
    Measure("Q", "Q", "quality, mean over videos"),
    Measure("change", f"Q {MINUS} {WHOLE}", "to all features", signed=True, interval=True),
    Measure("gain", f"Q {MINUS} {BASE}", "to SAM 2's own rule", signed=True, interval=True),
)


def read_ablation(paths: Seq[Path]) -> Study:
    """Read an ablation from CSV files with the columns `COLUMNS` and maybe `object`.

    Raises:
        InputError: a file cannot be read or lacks a column, a value stands twice, Q lies outside
            0..1, `fifo` or `nothing` is not there, or no video has all rows.
    """
    quality, left = read_qualities(paths, COLUMNS, "ablation", (BASE, WHOLE))
    return Study(
        "ablation",
        "Features of the learned policy",
        {"without": "without", "what": "what it is"},
        _MEASURES,
        _rows(quality),
        (
            describe_videos(len(quality), left, "ablations"),
            "Every policy was fitted anew to the same labels, of states that policies with all "
            "features met.",
            "Each is one network: intervals say how much videos differ, not how much another seed "
            "would change. They are not corrected for the number of groups.",
            describe_intervals(len(quality)),
        ),
    )


def _rows(quality: DataFrame) -> DataFrame:
    """FIFO, the whole policy, then those without something, what is missed most first."""
    import pandas as pd

    means = {str(name): float(mean) for name, mean in quality.mean().items()}
    names = sorted(means, key=lambda name: (name != BASE, name != WHOLE, means[name]))
    rows = []
    for name in names:
        row: dict[str, Any] = {"without": name, "what": WORDS.get(name, "")}
        row |= {"videos": len(quality), "Q": means[name]}
        row |= gap_cells("change", None if name == WHOLE else quality[name], quality[WHOLE])
        row |= gap_cells("gain", None if name == BASE else quality[name], quality[BASE])
        rows.append(row)
    return pd.DataFrame(rows)
