"""Search against enumeration: how often a method finds the optimum where the optimum is known."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.errors import InputError
from vot_memory.reports.tables.csv_rows import CsvRow, read_csv
from vot_memory.reports.tables.study import Measure, Once, Study, require
from vot_memory.reports.text import count

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = ("clip", "slots", "decisions", "method", "seed", "budget", "Q", "optimum")
_WINDOW = ("clip", "slots", "decisions")
TOLERANCE = 1e-5  # in Q: what the size of a batch changes
_MEASURES = (
    Measure("clips", "clips", higher=None, digits=0),
    Measure("runs", "runs", "clips by seeds", None, digits=0),
    Measure("exact", "optimum found", "share of clips, mean over seeds"),
    Measure("gap", "mean gap", "optimum less Q, mean over seeds and clips", False, digits=4),
    Measure("worst", "largest gap", "of any clip and seed", False, digits=4),
)


def read_calibration(paths: Seq[Path]) -> Study:
    """Read searches of clips whose optimum is known by enumeration, CSV with `COLUMNS`.

    Raises:
        InputError: a file cannot be read or lacks a column; a run stands twice, a number cannot be
            right, a window has two optima, or a Q lies above the optimum.
    """
    import pandas as pd

    once, cells, optima = Once(), [], dict[tuple[str, int, int], float]()
    for path in paths:
        file = read_csv(path, "calibrations")
        require(file, path, COLUMNS, "calibrations")
        for row in file.rows:
            once.check(row, *_WINDOW, "method", "seed", "budget")
            window = (row.name("clip"), row.count("slots"), row.count("decisions"))
            best = _optimum(row, window, optima)
            run = (row.name("method"), row.name("seed"), row.count("budget"))
            cells.append((*window, *run, row.share("Q"), best))
    runs = pd.DataFrame(cells, columns=list(COLUMNS))
    return Study(
        "calibration",
        "Search where the optimum is known",
        {
            "slots": "slots",
            "decisions": "decisions",
            "method": "method",
            "budget": "budget, forward passes",
        },
        _MEASURES,
        calibrate(runs),
        (
            f"On {count(len(optima), 'window')} so short that every sequence of decisions could be "
            "played: the optimum is exact. With S slots and D decisions there are S^D.",
            f"Found means Q within {TOLERANCE:g} of the optimum, which is what rounding changes.",
            "It says how far to trust best-found values on whole videos, where no optimum is "
            "known; their decisions are many more, so it flatters.",
        ),
    )


def calibrate(runs: DataFrame) -> DataFrame:
    """How often and how nearly each method reached the optimum.

    Args:
        runs: a row a run, `COLUMNS`.

    Returns:
        A row a size of window, method and budget: `slots`, `decisions`, `method`, `budget`,
        `clips`, `runs`, `exact` (share of clips whose optimum was found), `gap` (mean of optimum -
        Q) and `worst` (the largest). Clips are means over their seeds.
    """
    gap = (runs["optimum"] - runs["Q"]).clip(lower=0)
    scored = runs.assign(gap=gap, exact=(gap <= TOLERANCE).astype(float))
    keys = ["slots", "decisions", "method", "budget"]
    by_clip = scored.groupby([*keys, "clip"], sort=False)[["exact", "gap"]].mean()
    table = by_clip.groupby(keys, sort=False).mean()
    sizes = scored.groupby(keys, sort=False)
    table.insert(0, "clips", sizes["clip"].nunique())
    table.insert(1, "runs", sizes.size())
    table["worst"] = sizes["gap"].max()
    table = table.reset_index()
    order = {name: i for i, name in enumerate(table["method"].unique())}
    return table.sort_values(
        keys, key=lambda own: own.map(order) if own.name == "method" else own, ignore_index=True
    )


def _optimum(
    row: CsvRow, window: tuple[str, int, int], optima: dict[tuple[str, int, int], float]
) -> float:
    """The optimum of a window, which is one and above every Q."""
    best, (clip, slots, decisions) = row.share("optimum"), window
    known = optima.setdefault(window, best)
    if abs(known - best) > TOLERANCE:
        raise InputError(
            f"{row.where}: the optimum of {clip} with {slots} slots and {decisions} decisions is "
            f"{best:g}, but {known:g} above: a window has one."
        )
    if row.share("Q") > known + TOLERANCE:
        raise InputError(
            f"{row.where}: Q {row.share('Q'):g} lies above the optimum {known:g} of {clip}: "
            "enumerate it under the same rules."
        )
    return known
