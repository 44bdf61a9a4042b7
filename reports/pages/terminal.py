"""A report in the terminal: the overview of each table, its caveats and the path of the page."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from textwrap import fill, shorten
from typing import TYPE_CHECKING

from vot_memory.metrics.vots import MEASURES
from vot_memory.reports.pages.grids import INTERVAL, comparison
from vot_memory.reports.pages.markdown_grids import PLACES
from vot_memory.reports.tables.events import FRAMES
from vot_memory.reports.tables.published import SIGN
from vot_memory.reports.text import MINUS, count, interval, is_defined, number, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    from vot_memory.reports.gather import Gathered
    from vot_memory.reports.report import Report
    from vot_memory.reports.tables.events import EventTable
    from vot_memory.reports.tables.further import FurtherTable
    from vot_memory.reports.tables.gap import GapTable
    from vot_memory.reports.tables.table import Table

NAMED = 320  # characters of missing names; a long run has hundreds of them
FEW_RETURNS = 5  # below it a table of shares and delays says less than a sentence
SHORT = 14  # letters of a name over a column
LINE = 100  # letters of a line of prose, however wide the terminal
_PLACE_STYLES = {1: "bold green", 2: "cyan", 3: "yellow"}


def print_report(report: Report, console: Console) -> None:
    """Print overview tables, what a reader has to know, and where the page stands."""
    from rich.text import Text

    print_gathered(report.gathered, console, "report.md")
    console.print()
    console.print("Report:", Text(str(report.folder / "index.html")), soft_wrap=True)


def print_gathered(gathered: Gathered, console: Console, everything: str) -> None:
    """Print overview tables and what a reader has to know.

    Args:
        gathered: at least one section.
        console: where to.
        everything: what names all that is too long for here.
    """
    print_incomplete(gathered, console, everything)
    shared = _shared_notes(gathered.tables)
    for table in gathered.tables:
        print_title(table, console)
        console.print(_measures(table))
        if table.baseline is not None and len(table.overview) > 1:
            console.print(_comparison(table))
            if table.events is not None:
                console.print(_parts(table, table.events))
        for further in table.further:
            if said := _few_returns(table, further):
                print_prose([said], console)
            else:
                console.print(_further(table, further))
        if table.gap is not None:
            console.print(_gap(table, table.gap))
        published = [] if table.published is None else [table.published.note]
        for line in (*table.legend, *published):
            console.print(prose(line, console, "dim"))
        print_prose([note for note in table.notes if note not in shared], console, "dim")
    if shared:
        console.print()
        print_prose(shared, console, "dim")


def print_incomplete(gathered: Gathered, console: Console, everything: str) -> None:
    """Print what is missing or failed, cut where it is long."""
    from rich.text import Text

    if not gathered.headline:
        return
    console.print(Text(gathered.headline, style="bold red"))
    for line in gathered.incomplete:
        cut = f" ... ({everything} names all)"
        named = shorten(one_line(line), NAMED, placeholder=cut)
        console.print(Text(f"  {named}", style="red"))


def print_title(table: Table, console: Console) -> None:
    """Print what the runs of a table agree in."""
    from rich.text import Text

    console.print()
    console.print(Text(one_line(table.title), style="bold"))


def print_prose(sentences: Seq[str], console: Console, style: str = "") -> None:
    """Print sentences as one paragraph; nothing if there are none."""
    if sentences:
        console.print(prose(" ".join(sentences), console, style))


def prose(text: str, console: Console, style: str = "") -> Text:
    """Text in lines that are short enough to read, also in a file."""
    from rich.text import Text

    return Text(fill(one_line(text), min(console.width, LINE)), style=style)


def _shared_notes(tables: Seq[Table]) -> list[str]:
    """What holds for every one of several tables."""
    if len(tables) < 2:
        return []
    return [note for note in tables[0].notes if all(note in table.notes for table in tables)]


def _few_returns(table: Table, further: FurtherTable) -> str:
    """Who found how many, where they are so few that a sentence says it; else empty."""
    if further.name != "returns" or len(set(further.rows["returns"])) > 1:
        return ""
    total = int(further.rows["returns"].iloc[0])
    if total >= FEW_RETURNS:
        return ""
    found: dict[int, list[str]] = {}
    for label in further.rows["label"]:
        number_found = round(further.row(label)["found"] * total)
        found.setdefault(number_found, []).append(one_line(label) + table.signs[label])
    who = "; ".join(f"{n} by {', '.join(found[n])}" for n in sorted(found, reverse=True))
    return f"{count(total, 'return')} after an absence, found again: {who}."


def _measures(table: Table) -> Grid:
    grid = new_grid("policy", "Q", INTERVAL, *(m.label for m in MEASURES[1:]))
    for label in table.overview["label"]:
        row = table.row(label)
        cells = [_ranked(table.ranks, label, m.label, row[m.label]) for m in MEASURES]
        ends = interval(row["Q_low"], row["Q_high"])
        grid.add_row(_name(table, label), cells[0], ends, *cells[1:])
    for row in [] if table.published is None else table.published.records():
        values = [row[m.label] for m in MEASURES]
        cells = [number(value, 4) if is_defined(value) else "" for value in values]
        grid.add_row(literal(row["method"] + SIGN), cells[0], "", *cells[1:], style="dim")
    return grid


def _comparison(table: Table) -> Grid:
    base = _stacked(table.baseline)
    grid = new_grid(
        "policy", f"Q {MINUS} {base}", INTERVAL, "better/equal/worse", "p (Holm)", "fps"
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
    grid = new_grid(f"Q {MINUS} {one_line(table.baseline or '')} from", *heads, "all\nframes")
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
        heads += [f"{measure}\n{MINUS} {_stacked(table.baseline)}", INTERVAL]
    grid = new_grid("policy", *heads)
    for label in further.rows["label"]:
        row = further.row(label)
        cells = [_ranked(further.ranks, label, c.name, row[c.name], c.digits) for c in columns]
        if compared:
            cells += ["baseline", ""] if label == table.baseline else comparison(row)[:2]
        grid.add_row(_name(table, label), *cells)
    return grid


def _gap(table: Table, gap: GapTable) -> Grid:
    """What each run gains and its share of what was found."""
    base = _stacked(table.baseline)
    grid = new_grid("policy", f"Q {MINUS} {base}", "share of\nthe gap", INTERVAL)
    for row in gap.records():
        ends = interval(row["share_low"], row["share_high"])
        cells = (number(row["gain"], signed=True), number(row["share"]), ends)
        grid.add_row(_name(table, row["label"]), *cells)
    return grid


def _stacked(baseline: str | None) -> str:
    """The baseline's name as a head that stays narrow."""
    name = one_line(baseline or "")
    return name if len(name) <= SHORT else name.replace(" ", "\n")


def new_grid(*heads: str) -> Grid:
    """A table of names and numbers, without rows yet."""
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
    return literal(label + table.signs[label])


def literal(text: str) -> str:
    """A name as one line without markup."""
    from rich.markup import escape

    return escape(one_line(text))


def _ranked(
    ranks: dict[tuple[str, str], int], label: str, measure: str, value: float, digits: int = 3
) -> str:
    place = ranks.get((label, measure), 0)
    text = number(value, digits) + PLACES.get(place, " ")
    return f"[{_PLACE_STYLES[place]}]{text}[/]" if place else text
