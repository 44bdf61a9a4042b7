"""What the paper leaves open: how memories are numbered in time, and which pointers go in."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError, unknown
from vot_memory.reports.tables.csv_rows import read_csv
from vot_memory.reports.tables.study import (
    Measure,
    Once,
    Study,
    describe_intervals,
    describe_videos,
    gap_cells,
    require,
)
from vot_memory.reports.text import MINUS

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("sequence", "rows", "pointers", "policy", "Q")
BASE, FOUND = POLICIES = ("fifo", "best-found")
_MEASURES = (
    Measure("fifo", "Q of fifo", "quality, mean over videos"),
    Measure("found", "Q of the best found", "quality, mean over videos"),
    Measure("gain", f"best found {MINUS} fifo", "under this reading", signed=True, interval=True),
    Measure(
        "fifo_gain", f"fifo {MINUS} first row's", "paired by video", signed=True, interval=True
    ),
    Measure(
        "found_gain", f"best found {MINUS} first row's", "paired by video", None, 3, True, True
    ),
)


def read_readings(paths: Seq[Path]) -> Study:
    """Read FIFO and the best found under each reading of the bank, CSV with `COLUMNS`.

    Raises:
        InputError: a file cannot be read or lacks a column, a policy is another, a value stands
            twice, Q lies outside 0..1, or no video has all readings.
    """
    import pandas as pd

    once, cells = Once(), []
    for path in paths:
        file = read_csv(path, "readings")
        require(file, path, COLUMNS, "readings")
        for row in file.rows:
            once.check(row, *COLUMNS[:-1])
            if row.name("policy") not in POLICIES:
                raise InputError(f"{row.where}: {unknown('policy', row.name('policy'), POLICIES)}")
            cells.append((*(row.name(name) for name in COLUMNS[:-1]), row.share("Q")))
    every = pd.DataFrame(cells, columns=list(COLUMNS))
    frame = _of_shared_videos(every)
    if frame.empty:
        where = ", ".join(path.name for path in paths)
        raise InputError(f"{where}: no video has all readings: add what is missing.")
    videos = frame["sequence"].nunique()
    return Study(
        "readings",
        "Temporal rows and pointers",
        {"rows": "temporal rows", "pointers": "pointers"},
        _MEASURES,
        compare_readings(frame),
        (
            describe_videos(videos, every["sequence"].nunique() - videos, "readings"),
            "Temporal rows by rank of age or by offset from the current frame; pointers of the "
            "last 15 frames or of the stored memories. Each is a game with its own best decisions.",
            "The best found saw the ground truth of these videos; one budget for all readings.",
            describe_intervals(videos),
        ),
    )


def _of_shared_videos(frame: DataFrame) -> DataFrame:
    """Rows of the videos that have each policy under each reading, which stands there once."""
    kinds = frame[["rows", "pointers", "policy"]].drop_duplicates()
    own = frame.groupby("sequence")["Q"].transform("size")
    return frame[own == len(kinds)]


def compare_readings(frame: DataFrame) -> DataFrame:
    """A row a reading, in the order of the file; the others are compared with the first.

    Args:
        frame: `COLUMNS`, of the policies `fifo` and `best-found`.

    Returns:
        `rows`, `pointers`, `fifo`, `found`, and with intervals `gain` (found - fifo), `fifo_gain`
        and `found_gain` (less that of the first row); NaN where undefined.
    """
    import pandas as pd

    groups = frame.groupby(["rows", "pointers", "policy"], sort=False)
    quality = {key: own.set_index("sequence")["Q"] for key, own in groups}
    readings = list(dict.fromkeys(key[:2] for key in quality))
    rows = []
    for reading in readings:
        own = {policy: quality.get((*reading, policy)) for policy in (BASE, FOUND)}
        first = {policy: quality.get((*readings[0], policy)) for policy in (BASE, FOUND)}
        row: dict[str, Any] = dict(zip(("rows", "pointers"), reading, strict=True))
        for name, policy in (("fifo", BASE), ("found", FOUND)):
            values = own[policy]
            row[name] = float("nan") if values is None else float(values.mean())
        row |= gap_cells("gain", own[FOUND], own[BASE])
        again = reading == readings[0]
        for name, policy in (("fifo_gain", BASE), ("found_gain", FOUND)):
            row |= gap_cells(name, own[policy], None if again else first[policy])
        rows.append(row)
    return pd.DataFrame(rows)
