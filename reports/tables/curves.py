"""Budget curves of search and training, from CSV: the best Q found by the frames spent on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError
from vot_memory.reports.tables.csv_rows import CsvRow, read_csv

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("method", "sequence", "seed", "frames", "Q")
BASELINE = "baseline"
SYNTHETIC = "# synthetic"  # a line that says that the numbers are made up
_RUN = ["method", "sequence", "seed"]
_ROUNDING = 1e-9
_BATCHES = 2e-5  # in Q: what the size of a batch and six decimals change


@dataclass(frozen=True, eq=False)
class Curves:
    """Budget curves of some methods.

    Attributes:
        rows: a row a point: `method`, `sequence`, `seed` (text), `frames` (memory-path frames spent
            so far), `Q` of the best found so far, and `baseline`: Q of the baseline on that
            sequence, NaN where it is not known. Points of one run stand in the order of `frames`.
        synthetic: the numbers are made up, which every picture of them says.
    """

    rows: DataFrame
    synthetic: bool

    @property
    def methods(self) -> list[str]:
        """In the order of the files."""
        return list(self.rows["method"].unique())

    @property
    def sequences(self) -> list[str]:
        """In the order of the files."""
        return list(self.rows["sequence"].unique())

    @property
    def has_baseline(self) -> bool:
        """Whether the baseline's Q is known for every sequence."""
        return bool(self.rows[BASELINE].notna().all())


def read_curves(paths: Seq[Path]) -> Curves:
    """Read budget curves from CSV files with the columns `COLUMNS` and maybe `baseline`.

    Lines that begin with # are comments; the comment `# synthetic` marks made-up numbers.

    Raises:
        InputError: a file cannot be read, is empty, lacks a column, or holds a number that cannot
            be right: a Q outside 0..1, frames or the best Q falling, two baselines for a sequence.
    """
    import pandas as pd

    points: list[dict[str, Any]] = []
    synthetic = False
    for path in paths:
        file = read_csv(path, "curves")
        if missing := [name for name in COLUMNS if name not in file.columns]:
            raise InputError(
                f"{path} has no column {', '.join(missing)}: curves have {', '.join(COLUMNS)} and, "
                f"where it is known, {BASELINE}."
            )
        synthetic |= SYNTHETIC in (comment.lower() for comment in file.comments)
        points += [_point(row) for row in file.rows]
    _check(points)
    rows = pd.DataFrame(points, columns=[*COLUMNS, BASELINE])
    return Curves(rows, synthetic)


def _point(row: CsvRow) -> dict[str, Any]:
    return {
        **{name: row.name(name) for name in _RUN},
        "frames": row.count("frames"),
        "Q": row.share("Q"),
        BASELINE: row.share(BASELINE) if row.cells.get(BASELINE) else math.nan,
        "where": row.where,
    }


def _check(points: Seq[Mapping[str, Any]]) -> None:
    """Budgets and what was found grow, and a sequence has one baseline."""
    last: dict[tuple[str, ...], Mapping[str, Any]] = {}
    baselines: dict[str, float] = {}
    for point in points:
        run = tuple(point[name] for name in _RUN)
        before = last.get(run, point)
        name = f"{run[0]} on {run[1]}, seed {run[2]}"
        if point["frames"] < before["frames"]:
            raise InputError(
                f"{point['where']}: frames fall from {before['frames']} to {point['frames']} in "
                f"{name}: give each run once, its points in the order of the budget."
            )
        if point["Q"] < before["Q"] - _ROUNDING:
            raise InputError(
                f"{point['where']}: Q falls from {before['Q']:g} to {point['Q']:g} in {name}: give "
                "that of the best found so far."
            )
        last[run] = point
        if math.isnan(point[BASELINE]):
            continue
        known = baselines.setdefault(run[1], point[BASELINE])
        if abs(known - point[BASELINE]) > _BATCHES:
            raise InputError(
                f"{point['where']}: the baseline of {run[1]} is {point[BASELINE]:g}, but {known:g} "
                "above: curves of one picture share one baseline."
            )
