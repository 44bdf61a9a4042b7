"""A report in the terminal: the overview of each table, its caveats and the path of the page."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from vot_memory.metrics.vots import MEASURES
from vot_memory.reports.pages.markdown import PLACES, comparison
from vot_memory.reports.tables.events import FRAMES
from vot_memory.reports.tables.published import SIGN
from vot_memory.reports.text import MINUS, interval, is_defined, number, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from vot_memory.reports.report import Report
    from vot_memory.reports.tables.events import EventTable
    from vot_memory.reports.tables.further import FurtherTable
    from vot_memory.reports.tables.table import Table

NAMED = 320  # characters of missing names; a long run has hundreds of them
_PLACE_STYLES = {1: "bold green", 2: "cyan", 3: "yellow"}


def print_report(report: Report, console: Console) -> None:
    """Print overview tables, what a reader has to know, and where the report stands."""
    from rich.text import Text

    gathered = report.gathered
    if gathered.headline:
        console.print(Text(gathered.headline, style="bold red"))
        for line in gathered.incomplete:
            named = shorten(one_line(line), NAMED, placeholder=" ... (report.md names all)")
            console.print(Text(f"  {named}", style="red"))
    for table in gathered.tables:
        console.print()
        console.print(Text(one_line(table.title), style="bold"))
        console.print(_measures(table))
        if table.baseline is not None and len(table.overview) > 1:
            console.print(_comparison(table))
            if table.events is not None:
                console.print(_parts(table, table.events))
        for further in table.further:
            console.print(_further(table, further))
        said = [] if table.published is None else [table.published.note]
        for line in (*table.legend, *said, *table.notes):
            console.print(Text(one_line(line), style="dim"))
    console.print()
    console.print("Report:", Text(str(report.folder / "report.md")), soft_wrap=True)


def _measures(table: Table) -> Grid:
    grid = _grid("policy", "Q", "95% interval", *(m.label for m in MEASURES[1:]))
    for label in table.overview["label"]:
        row = table.row(label)
        cells = [_ranked(table.ranks, label, m.label, row[m.label]) for m in MEASURES]
        ends = interval(row["Q_low"], row["Q_high"])
        grid.add_row(_name(table, label), cells[0], ends, *cells[1:])
    for row in [] if table.published is None else table.published.records():
        values = [row[m.label] for m in MEASURES]
        cells = [number(value, 4) if is_defined(value) else "" for value in values]
        grid.add_row(_literal(row["method"] + SIGN), cells[0], "", *cells[1:], style="dim")
    return grid


def _comparison(table: Table) -> Grid:
    base = one_line(table.baseline or "")
    grid = _grid(
        "policy", f"Q {MINUS} {base}", "95% interval", "better/equal/worse", "p (Holm)", "fps"
    )
    for label in table.overview["label"]:
        row = table.row(label)
        cells = ["baseline", "", "", ""] if label == table.baseline else comparison(row)
        cells[2] = cells[2].replace(" ", "")
        grid.add_row(_name(table, label), *cells, number(row["frames_per_second"], 1))
    return grid


def _parts(table: Table, events: EventTable) -> Grid:
    """How much of the difference in Q comes from the frames of each event."""
    kinds = events.kinds(FRAMES)
    heads = (kind.replace(" ", "\n") for kind in kinds)
    grid = _grid(f"Q {MINUS} {one_line(table.baseline or '')} from", *heads, "all\nframes")
    for label in table.overview["label"]:
        if label != table.baseline:
            parts = [*events.parts(label), sum(events.parts(label))]
            grid.add_row(_name(table, label), *(number(part, signed=True) for part in parts))
    return grid


def _further(table: Table, further: FurtherTable) -> Grid:
    """Some further measures and the difference in one of them."""
    compared = table.baseline is not None and len(further.rows) > 1
    columns = [column for column in further.columns if column.brief]
    heads = [column.head.replace(" ", "\n") for column in columns]
    if compared:
        measure = further.compared.head.replace(" ", "\n")
        heads += [f"{measure}\n{MINUS} {one_line(table.baseline or '')}", "95% interval"]
    grid = _grid("policy", *heads)
    for label in further.rows["label"]:
        row = further.row(label)
        cells = [_ranked(further.ranks, label, c.name, row[c.name], c.digits) for c in columns]
        if compared:
            cells += ["baseline", ""] if label == table.baseline else comparison(row)[:2]
        grid.add_row(_name(table, label), *cells)
    return grid


def _grid(*heads: str) -> Grid:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for i, head in enumerate(heads):
        grid.add_column(
            Text(head),
            justify="right" if i else "left",
            no_wrap=i > 0,
            overflow="fold",
            min_width=None if i else 10,
        )
    return grid


def _name(table: Table, label: str) -> str:
    return _literal(label + table.signs[label])


def _literal(text: str) -> str:
    from rich.markup import escape

    return escape(one_line(text))


def _ranked(
    ranks: dict[tuple[str, str], int], label: str, measure: str, value: float, digits: int = 3
) -> str:
    place = ranks.get((label, measure), 0)
    text = number(value, digits) + PLACES.get(place, " ")
    return f"[{_PLACE_STYLES[place]}]{text}[/]" if place else text
