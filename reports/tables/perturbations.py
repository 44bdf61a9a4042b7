"""Whether what was found survives: Q lost under dropped frames and in another precision."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError
from vot_memory.reports.tables.csv_rows import read_csv
from vot_memory.reports.tables.study import (
    Measure,
    Once,
    Study,
    describe_intervals,
    gap_cells,
    require,
)
from vot_memory.reports.text import MINUS, count

if TYPE_CHECKING:
    from pandas import DataFrame, Series

COLUMNS = ("sequence", "perturbation", "policy", "Q")
NONE, BASE = "none", "fifo"
_MEASURES = (
    Measure("Q", "Q", "quality, mean over videos"),
    Measure(
        "lost", "Q lost", "unperturbed less perturbed Q, paired by video", False, interval=True
    ),
    Measure("gain", f"Q {MINUS} {BASE}", "under the same perturbation", signed=True, interval=True),
    Measure("videos", "videos", higher=None, digits=0),
)


def read_perturbations(paths: Seq[Path]) -> Study:
    """Read what policies score on perturbed videos, CSV with `COLUMNS` and maybe `draw`.

    The perturbation `none` is what the others are compared with. Several draws of a perturbation
    are averaged on each video.

    Raises:
        InputError: a file cannot be read or lacks a column, a value stands twice, Q lies outside
            0..1, or a policy was not run without a perturbation.
    """
    import pandas as pd

    once, cells = Once(), []
    for path in paths:
        file = read_csv(path, "perturbations")
        require(file, path, COLUMNS, "perturbations")
        for row in file.rows:
            once.check(row, "sequence", "perturbation", "draw", "policy")
            names = (row.name(name) for name in COLUMNS[:-1])
            cells.append((*names, row.share("Q")))
    frame = pd.DataFrame(cells, columns=list(COLUMNS))
    whole = set(frame.loc[frame["perturbation"] == NONE, "policy"])
    if bare := sorted(set(frame["policy"]) - whole):
        raise InputError(
            f"{', '.join(path.name for path in paths)}: {', '.join(bare)} has no perturbation "
            f"{NONE!r}, which the others are compared with: add it."
        )
    rows = perturb(frame)
    videos = int(rows["videos"].min())
    return Study(
        "perturbations",
        "What survives a change of the video or of the arithmetic",
        {"perturbation": "perturbation", "policy": "policy"},
        _MEASURES if BASE in whole else tuple(m for m in _MEASURES if m.name != "gain"),
        rows,
        (
            "Decisions that were found for a video are played as they are; policies decide anew.",
            "Draws of a perturbation are averaged on each video before anything else"
            f" ({count(videos, 'video')} at least).",
            describe_intervals(videos),
        ),
    )


def perturb(frame: DataFrame) -> DataFrame:
    """Q, what is lost and what is gained over FIFO, a row a perturbation and policy.

    Args:
        frame: `COLUMNS`; several rows of a video are averaged.

    Returns:
        `perturbation`, `policy`, `Q`, `lost` against no perturbation and `gain` over FIFO under
        the same, both with `_low` and `_high`, and `videos`; NaN where undefined.
    """
    import pandas as pd

    groups = frame.groupby(["perturbation", "policy", "sequence"], sort=False)["Q"].mean()
    quality: dict[Any, Series] = {
        key: own.droplevel([0, 1]) for key, own in groups.groupby(level=[0, 1], sort=False)
    }
    kinds = sorted(frame["perturbation"].unique(), key=lambda name: name != NONE)
    rows = []
    for kind in kinds:
        for policy in frame["policy"].unique():
            own = quality.get((kind, policy))
            if own is None:
                continue
            row: dict[str, Any] = {"perturbation": kind, "policy": policy, "Q": float(own.mean())}
            row |= gap_cells("lost", None if kind == NONE else quality[NONE, policy], own)
            row |= gap_cells("gain", None if policy == BASE else own, quality.get((kind, BASE)))
            rows.append(row | {"videos": len(own)})
    return pd.DataFrame(rows)
