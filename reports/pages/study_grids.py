"""Tables of studies, and the share of the gap, ready to be printed."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any

from vot_memory.reports.pages.grids import (
    INTERVAL,
    Cell,
    Grid,
    Head,
    Row,
    numeric,
    run_row,
)
from vot_memory.reports.tables.ranks import PRIVILEGED
from vot_memory.reports.tables.study import Measure
from vot_memory.reports.tables.table import REMARKS
from vot_memory.reports.text import MINUS, interval, is_defined, one_line

if TYPE_CHECKING:
    from vot_memory.reports.tables.study import Study
    from vot_memory.reports.tables.table import Table

_SAW_TRUTH = PRIVILEGED | {"best-found", "hindsight"}


def gap_grid(table: Table) -> Grid | None:
    """A row a run: what it gains and its share of the gap; None where nothing was searched for."""
    if table.gap is None:
        return None
    base = one_line(table.baseline or "")
    gain = f"mean of Q {MINUS} Q of {base}, paired by video"
    measures = (
        Measure("gain", f"Q {MINUS} {base}", gain, signed=True, interval=True),
        Measure("share", "share of the gap", "of what the best found gains", interval=True),
    )
    rows = [run_row(table, row["label"], _cells(row, measures)) for row in table.gap.records()]
    heads = (Head("policy", numeric=False), *_heads(measures))
    used = "".join(row.cells[0].text for row in rows)
    legend = [f"{line}." for line in table.legend if line[0] in used]
    return Grid("gap", "Share of the gap", heads, tuple(rows), (*legend, *table.gap.notes))


def study_grid(study: Study) -> Grid:
    """A row a row of the study."""
    names = [Head(head, numeric=False) for head in study.keys.values()]
    rows, sign = [], REMARKS["privileged"][0]
    for row in study.records():
        said = [str(row[name]) for name in study.keys]
        keys = [one_line(key) + sign * (key in _SAW_TRUTH) for key in said]
        cells = (*(Cell(key) for key in keys), *_cells(row, study.measures))
        rows.append(Row(keys[0], "", "run", cells))
    heads = (*names, *_heads(study.measures))
    marked = any(cell.text.endswith(sign) for row in rows for cell in row.cells)
    legend = [f"{sign} saw the ground truth of these videos: no tracker."] if marked else []
    return Grid(study.name, study.title, heads, tuple(rows), (*legend, *study.notes))


def _heads(measures: Seq[Measure]) -> list[Head]:
    heads = []
    for own in measures:
        heads.append(Head(own.head, own.meaning, own.higher))
        if own.interval:
            heads.append(Head(INTERVAL, f"of {own.head}, over videos"))
    return heads


def _cells(row: Mapping[str, Any], measures: Seq[Measure]) -> list[Cell]:
    cells = []
    for own in measures:
        cells.append(numeric(row[own.name], own.digits, signed=own.signed))
        if own.interval:
            low, high = row[f"{own.name}_low"], row[f"{own.name}_high"]
            text = interval(low, high, digits=own.digits, signed=own.signed)
            undefined = not is_defined(row[own.name])
            cells.append(Cell("" if undefined else text, low if is_defined(low) else None))
    return cells
