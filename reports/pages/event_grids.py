"""What happens in the frames and how hard the videos are, as grids."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vot_memory.metrics.events import ABSENT
from vot_memory.reports.pages.grids import Cell, Grid, Head, Row, numeric, run_row
from vot_memory.reports.tables.difficulty import DifficultyTable
from vot_memory.reports.tables.events import FRAMES, VIDEOS, EventTable
from vot_memory.reports.text import MINUS, interval, is_defined, number, one_line

if TYPE_CHECKING:
    from vot_memory.reports.tables.table import Table

HEADS = {ABSENT: "absent: share answered empty"}
_Fill = Callable[[EventTable, str, str], Cell]  # (events, label, kind) -> cell


def event_grids(table: Table) -> list[Grid]:
    """Grids of the section, the notes below the last; empty where there is nothing to split."""
    events = table.events
    if events is None:
        return []
    base = None if table.baseline is None or len(table.overview) < 2 else one_line(table.baseline)
    frames, videos = events.kinds(FRAMES), events.kinds(VIDEOS)
    visible = [kind for kind in frames if kind != ABSENT]
    below = "" if base is None else _gaps(base)
    caption = "Mean overlap on the frames of an event"
    grids = [replace(_grid("events", caption, table, events, frames, _overlap), below=below)]
    if base is not None:
        grids.append(_parts(f"How much of Q {MINUS} {base} comes from which frames", table, events))
    caption = (
        "How the visible object is lost, as shares of the frames: the answer lies elsewhere "
        "(drifted) / nothing is answered (missed)"
    )
    grids.append(_grid("events-lost", caption, table, events, visible, _lost))
    if videos:
        caption = "Q of the videos in which something happens and of those in which it does not"
        grid = _grid("events-videos", caption, table, events, videos, _overlap)
        grids.append(replace(grid, below=below))
    return [*grids[:-1], replace(grids[-1], notes=events.notes)]


def _grid(
    name: str, caption: str, table: Table, events: EventTable, kinds: Seq[str], fill: _Fill
) -> Grid:
    """A row a policy, a column a kind, below how many videos and frames stand behind it."""
    heads = (Head("policy", numeric=False), *(Head(HEADS.get(kind, kind)) for kind in kinds))
    rows = [
        run_row(table, label, [fill(events, label, kind) for kind in kinds])
        for label in table.overview["label"]
    ]
    for column in ("videos", "frames"):
        cells = (Cell(column), *(Cell(events.counts(kind, column)) for kind in kinds))
        rows.append(Row(column, "", "summary", cells))
    return Grid(name, caption, heads, tuple(rows))


def _parts(caption: str, table: Table, events: EventTable) -> Grid:
    """How the difference in Q adds up."""
    kinds = [*events.kinds(FRAMES), "all frames"]
    rows = []
    for label in table.overview["label"]:
        if label != table.baseline:
            parts = [*events.parts(label), sum(events.parts(label))]
            rows.append(run_row(table, label, [numeric(part, signed=True) for part in parts]))
    heads = (Head("policy", numeric=False), *map(Head, kinds))
    return Grid("events-parts", caption, heads, tuple(rows))


def difficulty_grid(table: Table, difficulty: DifficultyTable) -> Grid:
    """A row a policy, a column a level of difficulty, below what the level holds."""
    levels = difficulty.levels
    heads = [Head("policy", numeric=False)]
    heads += [Head(f"{kind}: {level}", holds) for kind, level, holds in levels]
    rows = []
    for label in table.overview["label"]:
        cells = [difficulty.cell(label, kind, level) for kind, level, _ in levels]
        rows.append(run_row(table, label, [_compared(cell["Q"], cell) for cell in cells]))
    held = (Cell("range"), *(Cell(holds) for _, _, holds in levels))
    videos = (Cell("videos"), *(Cell(_videos(difficulty, *level[:2])) for level in levels))
    rows += [Row(cells[0].text, "", "summary", cells) for cells in (held, videos)]
    alone = table.baseline is None or len(table.overview) < 2
    below = "" if alone else _gaps(one_line(table.baseline or ""))
    caption = "Q by how hard the videos are"
    return Grid("difficulty", caption, tuple(heads), tuple(rows), difficulty.notes, below)


def _gaps(base: str) -> str:
    return f"the difference to {base} with its 95% interval"


def _videos(difficulty: DifficultyTable, kind: str, level: str) -> str:
    """Number of videos; a range where the runs cover different ones."""
    rows = difficulty.rows
    chosen = (rows["difficulty"] == kind) & (rows["level"] == level)
    least, most = (int(n) for n in rows.loc[chosen, "videos"].agg(["min", "max"]))
    return str(most) if least == most else f"{least} to {most}"


def _overlap(events: EventTable, label: str, kind: str) -> Cell:
    row = events.cell(label, kind)
    return _compared(row["overlap"], row)


def _compared(value: float, row: dict[str, Any]) -> Cell:
    """A value, below it the difference to the baseline with its interval."""
    cell = numeric(value)
    if not is_defined(row["difference"]):
        return cell
    below = number(row["difference"], signed=True)
    if is_defined(row["difference_low"]):
        ends = interval(row["difference_low"], row["difference_high"], signed=True)
        below += f" ({ends})"
    return cell._replace(below=below)


def _lost(events: EventTable, label: str, kind: str) -> Cell:
    row = events.cell(label, kind)
    drifted, missed = row["drifted"], row["missed"]
    text = f"{number(drifted)} / {number(missed)}"
    return Cell(text, drifted + missed if is_defined(drifted) and is_defined(missed) else None)
