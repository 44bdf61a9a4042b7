"""Tables as grids of formatted cells, which HTML, Markdown and LaTeX print: one source of numbers.

Texts in grids are plain: whoever prints one escapes them for its format.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vot_memory.metrics.vots import MEASURES
from vot_memory.reports.tables.published import SIGN
from vot_memory.reports.text import (
    MINUS,
    bytes_size,
    interval,
    is_defined,
    number,
    one_line,
    p_value,
)

if TYPE_CHECKING:
    from vot_memory.reports.tables.further import FurtherTable
    from vot_memory.reports.tables.table import Table

MEANINGS = {
    "Q": "quality: mean overlap; 1 where an absent object is answered by an empty mask",
    "A": "accuracy: mean overlap of the tracked frames",
    "R": "robustness: share of the visible frames that are tracked (overlap above 0)",
    "NRE": "not-reported error: share of the visible frames that are answered empty",
    "DRE": "drift-rate error: share of the visible frames that are answered elsewhere",
    "ADQ": "absence-detection quality: share of the absent frames that are answered empty",
    "J": "region similarity: intersection over union, by the rules of DAVIS",
    "F": "contour accuracy, by the rules of DAVIS",
    "J&F": "mean of J and F, over all objects",
    "AUC": "area under the success plot of boxes",
    "P": "share of box centres within 20 pixels",
    "Pnorm": "share of box centres within 0.2 of the object's size",
    "AO": "mean overlap of boxes",
    "SR50": "share of box overlaps above 0.5",
    "SR75": "share of box overlaps above 0.75",
    "returns": "how often an object comes back after it was away",
    "found": "share of the returns after which the object is found again",
    "median": "median delay until it is found, in annotated frames",
    "mean": "mean delay until it is found, in annotated frames",
    "seconds": "mean delay until it is found, in seconds",
}
MEASURED, SPEED = "measures", "speed"
INTERVAL = "95% interval"
_BESIDE = {"jf": "J&F", "boxes": "AUC"}  # further measures that the overview shows, too


class Cell(NamedTuple):
    """A number as it is printed.

    Attributes:
        text: plain. sort: what to sort by; None where there is no number.
        place: 1, 2 or 3; None without. below: a second line, smaller; empty without.
    """

    text: str
    sort: float | None = None
    place: int | None = None
    below: str = ""


class Head(NamedTuple):
    """What stands over a column.

    Attributes:
        text: short, without the arrow. title: what it means, in words; may be empty.
        higher: whether higher is better; None where neither is. numeric: to be set flush right.
        group: heading over neighbouring columns; empty without.
    """

    text: str
    title: str = ""
    higher: bool | None = None
    numeric: bool = True
    group: str = ""

    @property
    def arrow(self) -> str:
        """The head with the direction of what is better."""
        return self.text if self.higher is None else f"{self.text} {'↑' if self.higher else '↓'}"


class Row(NamedTuple):
    """Cells below the heads; the first is the name.

    Attributes:
        label: what the row is about, without signs. policy: its name; empty if it is of none.
        kind: "run"; "published" by a paper; "video" or "object", with a column a run; "summary"
            of the rows above it. cells: one for each head. baseline: whether it is the baseline.
    """

    label: str
    policy: str
    kind: Literal["run", "published", "video", "object", "summary"]
    cells: tuple[Cell, ...]
    baseline: bool = False


@dataclass(frozen=True)
class Grid:
    """A table that is ready to be printed.

    Attributes:
        name: unique within a section; stem of a label. caption: what it shows, without a full stop.
        heads: of the columns. rows: in order. notes: what a reader has to know, in sentences.
        below: what stands below the numbers, after the caption; may be empty.
    """

    name: str
    caption: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    below: str = ""

    @property
    def title(self) -> str:
        """The caption, with what stands below the numbers."""
        return f"{self.caption}; below it {self.below}" if self.below else self.caption

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Headings over the columns and how many columns each spans."""
        return [(name, len(list(own))) for name, own in groupby(head.group for head in self.heads)]

    @property
    def ranked(self) -> bool:
        """Whether there are places."""
        return any(cell.place for row in self.rows for cell in row.cells)

    def columns(self, chosen: Seq[int]) -> Grid:
        """Only some columns, by index."""
        heads = tuple(self.heads[i] for i in chosen)
        rows = (row._replace(cells=tuple(row.cells[i] for i in chosen)) for row in self.rows)
        return replace(self, heads=heads, rows=tuple(rows))

    @property
    def names(self) -> range:
        """The columns on the left that say what a row is about."""
        return range(len(list(takewhile(lambda head: not head.numeric, self.heads))))

    def of_groups(self, *groups: str) -> Grid:
        """The names and the columns of some groups."""
        chosen = [i for i, h in enumerate(self.heads) if i in self.names or h.group in groups]
        return self.columns(chosen)


def overview_grid(table: Table) -> Grid:
    """A row a run, then what papers published: measures, difference to the baseline, speed."""
    beside = [further for further in table.further if further.name in _BESIDE]
    heads = [Head("policy", numeric=False), *_measure_heads(beside), *gap_heads(table, "Q")]
    timed = bool((table.overview["frames_per_second"] > 0).any())
    machines = {machine for machine in table.overview["machine"] if machine}
    heads += _speed_heads(len(machines) > 1) if timed else []
    rows = []
    for label in table.overview["label"]:
        row = table.row(label)
        cells = [*_measures(table, label, row, beside), *gap_cells(table, label, row)]
        cells += _speed(row, len(machines) > 1) if timed else []
        rows.append(run_row(table, label, cells))
    rows += [_published_row(row, len(heads)) for row in _published(table)]
    notes = (*(f"{line}." for line in table.legend), *_published_notes(table), *table.notes)
    return Grid("overview", "Memory policies compared", tuple(heads), tuple(rows), notes)


def further_grid(table: Table, further: FurtherTable) -> Grid:
    """A row a run by some further measures, with the difference to the baseline in one of them."""
    heads = [Head("policy", numeric=False)]
    for column in further.columns:
        title = MEANINGS.get(column.name, "")
        heads.append(Head(column.head, title, column.higher_is_better, group=MEASURED))
    if further.compares_delays:
        text = f"delay {MINUS} {one_line(table.baseline or '')}, both found"
        title = "mean difference of the delays of the returns that both found"
        heads.append(Head(text, title, False, group=MEASURED))
    heads += gap_heads(table, further.compared.head)
    rows = []
    for label in further.rows["label"]:
        row = further.row(label)
        cells = [
            _placed(further.ranks, label, c.name, row[c.name], c.digits) for c in further.columns
        ]
        if further.compares_delays:
            cells.append(Cell("") if label == table.baseline else _delay_gap(row))
        rows.append(run_row(table, label, [*cells, *gap_cells(table, label, row)]))
    return Grid(further.name, further.title, tuple(heads), tuple(rows), further.notes)


def published_grid(table: Table) -> Grid | None:
    """What papers published on the split, by itself; None where there is nothing."""
    if table.published is None:
        return None
    heads = (Head("method", numeric=False), *(_measure_head(m.label) for m in MEASURES))
    rows = []
    for row in _published(table):
        cells = tuple(_printed(row[m.label]) for m in MEASURES)
        rows.append(Row(row["method"], "", "published", (_published_name(row), *cells)))
    return Grid("published", "Figures of a paper", heads, tuple(rows), _published_notes(table))


def run_row(table: Table, label: str, cells: Seq[Cell]) -> Row:
    """The row of a run: its name with its signs, then cells."""
    policies = dict(zip(table.overview["label"], table.overview["policy"], strict=True))
    name = Cell(one_line(label) + table.signs[label])
    return Row(label, policies[label], "run", (name, *cells), label == table.baseline)


def _placed(
    ranks: dict[tuple[str, str], int], label: str, measure: str, value: float, digits: int = 3
) -> Cell:
    """A measure with its place."""
    return numeric(value, digits)._replace(place=ranks.get((label, measure)))


def numeric(value: float, digits: int = 3, *, signed: bool = False) -> Cell:
    """A number to sort by; a dash without where it is NaN."""
    return Cell(number(value, digits, signed=signed), value if is_defined(value) else None)


def gap_heads(table: Table, measure: str) -> list[Head]:
    """Heads of the columns that compare with the baseline; none without one."""
    if table.baseline is None:
        return []
    base = one_line(table.baseline)
    group = f"against {base}"
    test = "Wilcoxon's signed-rank test, Holm's correction for the comparisons of the table"
    return [
        Head(f"{measure} {MINUS} {base}", "mean difference, paired by video", True, group=group),
        Head(INTERVAL, "of the difference, over videos", group=group),
        Head("better / equal / worse", "number of videos", group=group),
        Head("p (Holm)", test, group=group),
    ]


def gap_cells(table: Table, label: str, row: dict[str, Any]) -> list[Cell]:
    """What stands below `gap_heads`."""
    if table.baseline is None:
        return []
    if label == table.baseline:
        return [Cell("baseline", 0.0), Cell(""), Cell(""), Cell("")]
    values = (row["difference"], row["difference_low"], row["wins"], row["p_holm"])
    pairs = zip(comparison(row), values, strict=True)
    return [Cell(text, value if is_defined(value) else None) for text, value in pairs]


def comparison(row: dict[str, Any]) -> list[str]:
    """Difference, its interval, wins/ties/losses and p of an overview row, as text."""
    if not is_defined(row["difference"]):
        return [number(None)] * 4
    return [
        number(row["difference"], signed=True),
        interval(row["difference_low"], row["difference_high"], signed=True),
        " / ".join(str(int(row[key])) for key in ("wins", "ties", "losses")),
        p_value(row["p_holm"]),
    ]


def _measure_head(label: str) -> Head:
    higher = {m.label: m.higher_is_better for m in MEASURES}.get(label, True)
    return Head(label, MEANINGS[label], higher, group=MEASURED)


def _measure_heads(beside: Seq[FurtherTable]) -> list[Head]:
    first, *others = (_measure_head(m.label) for m in MEASURES)
    ends = Head(INTERVAL, "of Q, over videos", group=MEASURED)
    return [first, ends, *others, *(_measure_head(_BESIDE[own.name]) for own in beside)]


def _measures(
    table: Table, label: str, row: dict[str, Any], beside: Seq[FurtherTable]
) -> list[Cell]:
    first, *others = (_placed(table.ranks, label, m.label, row[m.label]) for m in MEASURES)
    low, high = row["Q_low"], row["Q_high"]
    ends = Cell(interval(low, high), low if is_defined(low) else None)
    further = []
    for own in beside:
        name = _BESIDE[own.name]
        further.append(_placed(own.ranks, label, name, own.row(label)[name]))
    return [first, ends, *others, *further]


def _speed_heads(machines: bool) -> list[Head]:
    heads = [
        Head("frames/s", "encoding and tracking of a policy as if it ran alone", True, group=SPEED),
        Head(
            "memory path, ms",
            "a frame's time after the image encoder, all objects together",
            False,
            group=SPEED,
        ),
        Head("memory bank", "largest size of the memory bank", False, group=SPEED),
    ]
    where = Head("machine", "where it was measured", numeric=False, group=SPEED)
    return [*heads, where] if machines else heads


def _speed(row: dict[str, Any], machines: bool) -> list[Cell]:
    cells = [numeric(row["frames_per_second"], 1), numeric(row["memory_ms"], 2)]
    size = row["bank_bytes"]
    cells.append(Cell(bytes_size(size), size if is_defined(size) else None))
    return [*cells, Cell(one_line(row["machine"]) or number(None))] if machines else cells


def _delay_gap(row: dict[str, Any]) -> Cell:
    """Difference of delays with its interval, of a row of returns."""
    cell = numeric(row["delay_difference"], 1, signed=True)
    if not is_defined(row["delay_low"]):
        return cell
    return cell._replace(below=interval(row["delay_low"], row["delay_high"], digits=1, signed=True))


def _published(table: Table) -> list[dict[str, Any]]:
    return [] if table.published is None else table.published.records()


def _published_notes(table: Table) -> tuple[str, ...]:
    return () if table.published is None else (table.published.note.rstrip(".") + ".",)


def _published_name(row: dict[str, Any]) -> Cell:
    return Cell(one_line(row["method"]) + SIGN)


def _printed(value: float) -> Cell:
    """As many decimals as were printed; nothing where the paper has nothing."""
    return numeric(value, 4) if is_defined(value) else Cell("")


def _published_row(row: dict[str, Any], width: int) -> Row:
    """A row that is not compared."""
    first, *others = (_printed(row[m.label]) for m in MEASURES)
    cells = [_published_name(row), first, Cell(""), *others]
    cells += [Cell("")] * (width - len(cells))
    return Row(row["method"], "", "published", tuple(cells))
