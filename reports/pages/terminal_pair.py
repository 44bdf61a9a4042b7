"""The comparison of two runs in the terminal."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any

from vot_memory.reports.pages.grids import INTERVAL
from vot_memory.reports.pages.terminal import (
    SHORT,
    literal,
    new_grid,
    print_prose,
    print_title,
    prose,
)
from vot_memory.reports.tables.comparison import Comparison, Part
from vot_memory.reports.tables.finding import (
    LEAST,
    NAMES,
    better_equal_worse,
    explain,
    find_apart,
    find_caveats,
    find_words,
    own_legend,
    tell_cause,
    tell_returns,
)
from vot_memory.reports.tables.notes import BOXES, NANO, describe_rules
from vot_memory.reports.tables.table import Table
from vot_memory.reports.text import interval, number, one_line, shorten_apart

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

_HALF = 14  # letters of a bar, on either side
_EXTREMES = 5  # videos in rows, on either side


def print_comparison(table: Table, comparison: Comparison, console: Console) -> None:
    """Print what tells two runs apart: the finding, measures, parts of Q, and videos."""
    print_title(table, console)
    console.print(prose(find_words(comparison), console, "bold"))
    if reason := explain(comparison):
        console.print(prose(reason, console))
    if comparison.quality:
        console.print(_measures(table, comparison))
        console.print(_parts(table, comparison))
        console.print(_videos(table, comparison))
    if returns := tell_returns(comparison):
        console.print(prose(returns, console))
    for line in own_legend(comparison, table):
        console.print(prose(line, console, "dim"))
    rules = [describe_rules(toolkit, table.runs[0].box_rules.name) for toolkit in (False, True)]
    said = [note for note in table.notes if note in (*rules, BOXES, NANO)]
    print_prose([*find_caveats(comparison), *said], console, "dim")


def _heads(table: Table, comparison: Comparison) -> tuple[str, str]:
    labels = (comparison.a, comparison.b)
    a, b = shorten_apart([one_line(label) for label in labels], SHORT)
    return a + table.signs[comparison.a], b + table.signs[comparison.b]


def _measures(table: Table, comparison: Comparison) -> Grid:
    heads = ("difference", INTERVAL, "better/\nequal/worse")
    grid = new_grid("measure", *_heads(table, comparison), *heads)
    for row in comparison.rows():
        arrow = "↑" if row["higher_is_better"] else "↓"
        grid.add_row(
            f"{NAMES.get(row['measure'], row['measure'])} {arrow}",
            number(row["a"]),
            number(row["b"]),
            _colored(row),
            interval(row["difference_low"], row["difference_high"], signed=True),
            "/".join(map(str, better_equal_worse(row))),
        )
    return grid


def _colored(row: dict[str, Any]) -> str:
    """The difference, coloured where its interval leaves 0 out."""
    text = number(row["difference"], signed=True)
    color = {"better": "blue", "worse": "dark_orange3"}.get(find_apart(row))
    return f"[{color}]{text}[/]" if color else text


def _parts(table: Table, comparison: Comparison) -> Grid:
    a, b = _heads(table, comparison)
    grid = new_grid("difference in Q by", f"{b} gains", f"{a} gains", "net")
    grid.columns[2].justify = "left"
    parts = [*comparison.outcomes, *comparison.events]
    scale = _HALF / max(*(max(part.gain, -part.loss) for part in parts), LEAST)
    _add_parts(grid, comparison.outcomes, scale)
    grid.add_section()
    _add_parts(grid, comparison.events, scale)
    return grid


def _add_parts(grid: Grid, parts: Seq[Part], scale: float) -> None:
    for part in parts:
        loss, gain = _bar(-part.loss * scale, "▕"), _bar(part.gain * scale, "▏")
        net = number(part.net, signed=True)
        grid.add_row(part.kind, f"[dark_orange3]{loss}[/]", f"[blue]{gain}[/]", net)


def _bar(size: float, least: str) -> str:
    """A bar of whole letters; a thin one for what is less."""
    return "█" * round(size) or (least if size > 0 else "")


def _videos(table: Table, comparison: Comparison) -> Grid:
    grid = new_grid("video", *_heads(table, comparison), "difference", "mostly")
    records = comparison.videos.dropna(subset=["difference"]).to_dict("records")
    rows = [{str(key): value for key, value in row.items()} for row in records]
    better = [row for row in rows if row["difference"] >= LEAST][:_EXTREMES]
    worse = [row for row in rows if row["difference"] <= -LEAST][-_EXTREMES:]
    for chosen in (better, worse):
        for row in chosen:
            gap = number(row["difference"], signed=True)
            numbers = (number(row["a"]), number(row["b"]), gap)
            grid.add_row(literal(row["sequence"]), *numbers, tell_cause(row))
        grid.add_section()
    return grid
