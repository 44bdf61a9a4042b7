"""Budget curves of search and training, from CSV: the best Q found by the frames spent on it."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("method", "sequence", "seed", "frames", "Q")
BASELINE = "baseline"
SYNTHETIC = "# synthetic"  # a line that says that the numbers are made up
_RUN = ["method", "sequence", "seed"]
_ROUNDING = 1e-9


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
        lines = _read_lines(path)
        synthetic |= any(line.strip().lower() == SYNTHETIC for _, line in lines)
        points += _parse(path, [(i, line) for i, line in lines if not line.startswith("#")])
    _check(points)
    rows = pd.DataFrame(points, columns=[*COLUMNS, BASELINE])
    return Curves(rows, synthetic)


def _read_lines(path: Path) -> list[tuple[int, str]]:
    """Lines that are not empty, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save the curves as CSV in UTF-8.") from error
    except OSError as error:
        why = error.strerror or "unknown error"
        raise InputError(f"The curves {path} cannot be read: {why}.") from error
    return [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]


def _parse(path: Path, lines: Seq[tuple[int, str]]) -> list[dict[str, Any]]:
    """The points of a file, each with the place where it stands."""
    if len(lines) < 2:
        raise InputError(f"{path} holds no curves: it needs a line {','.join(COLUMNS)} and points.")
    table = list(csv.reader(line for _, line in lines))
    head = [name.strip() for name in table[0]]
    if missing := [name for name in COLUMNS if name not in head]:
        raise InputError(
            f"{path} has no column {', '.join(missing)}: curves have {', '.join(COLUMNS)} and, "
            f"where it is known, {BASELINE}."
        )
    points = []
    for (line, _), cells in zip(lines[1:], table[1:], strict=False):
        if len(cells) != len(head):
            raise InputError(f"{path}, line {line}: {len(cells)} cells, the head has {len(head)}.")
        row = dict(zip(head, (cell.strip() for cell in cells), strict=True))
        points.append(_point(row, f"{path}, line {line}"))
    return points


def _point(row: Mapping[str, str], where: str) -> dict[str, Any]:
    for name in _RUN:
        if not row[name]:
            raise InputError(f"{where}: {name} is empty.")
    frames = _number(row, "frames", where)
    if frames < 1 or frames != int(frames):
        raise InputError(f"{where}: frames is {row['frames']}, not a whole number from 1 up.")
    quality = {"Q": _share(row, "Q", where), BASELINE: math.nan}
    if row.get(BASELINE):
        quality[BASELINE] = _share(row, BASELINE, where)
    return {**{name: row[name] for name in _RUN}, "frames": int(frames), **quality, "where": where}


def _number(row: Mapping[str, str], name: str, where: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {name} is {row[name]!r}, not a number.")
    return value


def _share(row: Mapping[str, str], name: str, where: str) -> float:
    value = _number(row, name, where)
    if not 0 <= value <= 1:
        raise InputError(f"{where}: {name} is {row[name]}, but lies between 0 and 1.")
    return value


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
        if abs(known - point[BASELINE]) > _ROUNDING:
            raise InputError(
                f"{point['where']}: the baseline of {run[1]} is {point[BASELINE]:g}, but {known:g} "
                "above: curves of one picture share one baseline."
            )
