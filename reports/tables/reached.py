"""How many frames search needs to find what training found, video by video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vot_memory.reports.tables.study import Measure, Study
from vot_memory.reports.text import one_line

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.reports.tables.curves import Curves

TENTH = 0.1  # of the reference's frames
_MEASURES = (
    Measure("videos", "videos", higher=None, digits=0),
    Measure("reached", "reached", "videos on which most seeds find as much", digits=0),
    Measure(
        "tenth", f"within {TENTH:g} of the frames", "videos, by the median seed's frames", digits=0
    ),
    Measure("ratio", "median share of frames", "of the reference's, where reached", False, 4),
)


def make_reached(curves: Curves) -> Study | None:
    """Methods against the one with the largest budget, of which each video's final Q is the mark.

    Returns:
        None where there is nothing to compare: one method, or no shared video.
    """
    import pandas as pd

    ends = curves.rows.groupby("method", sort=False)["frames"].max()
    if len(ends) < 2:
        return None
    reference = str(ends.idxmax())
    reached = frames_to_reach(curves.rows, reference)
    if reached.empty:
        return None
    rows = []
    for method, own in reached.groupby("method", sort=False):
        ratio = own["frames"] / own["reference_frames"]
        rows.append(
            {
                "method": method,
                "videos": len(own),
                "reached": int(ratio.notna().sum()),
                "tenth": int((ratio <= TENTH).sum()),
                "ratio": float(ratio.median()),
            }
        )
    name = one_line(reference)
    least = int(reached["reference_frames"].min())
    return Study(
        "reached",
        f"Frames to find as much as {name}",
        {"method": "method"},
        _MEASURES,
        pd.DataFrame(rows),
        (
            f"The mark of a video is the best Q that {name} found in the end, the mean over its "
            f"seeds, after {least:,} frames or more. A method's frames are those of its median "
            "seed; a seed that never gets there counts as infinitely many.",
            "The median share of frames is over the videos that a method reached: read it beside "
            "their number.",
            "All methods saw the ground truth of these videos: none is a tracker.",
        ),
    )


def frames_to_reach(rows: DataFrame, reference: str) -> DataFrame:
    """Frames that each method needs to find as much as a reference found in the end.

    Args:
        rows: as `Curves.rows`.
        reference: a method.

    Returns:
        A row a method and sequence that the reference has, too: `method`, `sequence`, `mark`
        (of Q: mean over the reference's seeds of what each found in the end), `reference_frames`
        (spent by its shortest seed) and `frames` (of the median seed; NaN where it never gets
        there).
    """
    import pandas as pd

    own = rows[rows["method"] == reference].groupby(["sequence", "seed"], sort=False)
    ends = own[["Q", "frames"]].max().groupby("sequence", sort=False)
    marks = pd.DataFrame({"mark": ends["Q"].mean(), "reference_frames": ends["frames"].min()})
    others = rows[rows["method"] != reference].merge(marks, on="sequence")
    there = others["frames"].where(others["Q"] >= others["mark"] - _ROUNDING, np.inf)
    seeds = others.assign(frames=there).groupby(
        ["method", "sequence", "seed", "mark", "reference_frames"], sort=False
    )
    medians = seeds["frames"].min().groupby(level=[0, 1, 3, 4], sort=False).median()
    return medians.replace(np.inf, np.nan).rename("frames").reset_index()


_ROUNDING = 1e-6  # of Q in a CSV file
