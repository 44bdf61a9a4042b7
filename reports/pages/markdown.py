"""A report as Markdown: what is missing first, then tables, plots and caveats."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any

from vot_memory.metrics.vots import MEASURES
from vot_memory.reports.gather import Gathered
from vot_memory.reports.pages.events_markdown import render_events
from vot_memory.reports.plots.figures import PLOTS
from vot_memory.reports.tables.further import FurtherTable
from vot_memory.reports.tables.published import SIGN
from vot_memory.reports.tables.table import Table
from vot_memory.reports.text import (
    MINUS,
    grid,
    interval,
    is_defined,
    markdown,
    number,
    p_value,
)

PLACES = {1: "¹", 2: "²", 3: "³"}
_GAP_HEADS = ("95% interval", "better / equal / worse", "p (Holm)")


def render(gathered: Gathered, files: Seq[Mapping[str, Path]]) -> str:
    """The whole document.

    Args:
        gathered: at least one section.
        files: for each table, kind -> file, relative to the document: the plots (PNG) by their
            names, tables as `write_tables` names them, as far as they exist.
    """
    blocks = [*_opening(gathered), "# Memory policies compared"]
    for table, own in zip(gathered.tables, files, strict=True):
        blocks += _section(table, own)
    return "\n\n".join(blocks) + "\n"


def _opening(gathered: Gathered) -> list[str]:
    if not gathered.headline:
        return []
    return [f"**{gathered.headline}**", _bullets(gathered.incomplete)]


def _section(table: Table, files: Mapping[str, Path]) -> list[str]:
    blocks = [f"## {markdown(table.title)}", _overview(table)]
    blocks.append(_below(table))
    if (table.overview["frames_per_second"] > 0).any():
        blocks += [_speed(table), "Memory path: ms per frame, all objects together."]
    for plot in PLOTS:
        if plot.name in files and plot.name != "events":  # that one stands in its own section
            blocks.append(f"![{_alt(table, plot.title)}]({files[plot.name].as_posix()})")
    blocks.append(_bullets(table.notes))
    for further in table.further:
        blocks += _further(table, further)
    if table.events is not None:
        blocks += render_events(table, table.events, files.get("events"))
    blocks.append(_sources(table))
    blocks.append(f"Every object by itself: {_link(files['objects_md'])}.")
    keys = (*_TABLES, *(further.name for further in table.further), "published")
    links = [_link(files[f"{key}_csv"]) for key in keys if f"{key}_csv" in files]
    blocks.append(f"All numbers: {', '.join(links)}; an empty cell is an undefined value.")
    return blocks


_TABLES = ("overview", "sequences", "objects", "events")


def _link(file: Path) -> str:
    return f"[{file.name}]({file.as_posix()})"


def _overview(table: Table) -> str:
    heads = ["policy", "Q ↑", "95% interval"]
    heads += [f"{m.label} {'↑' if m.higher_is_better else '↓'}" for m in MEASURES[1:]]
    if table.baseline is not None:
        base = markdown(table.baseline)
        heads += [f"Q {MINUS} {base}", *_GAP_HEADS]
    rows = [_overview_row(table, label) for label in table.overview["label"]]
    if table.published is not None:
        rows += [_published_row(row, len(heads)) for row in table.published.records()]
    return grid(heads, rows)


def _overview_row(table: Table, label: str) -> list[str]:
    row = table.row(label)
    measures = [_ranked(table.ranks, label, m.label, row[m.label]) for m in MEASURES]
    cells = [markdown(label) + table.signs[label], measures[0]]
    cells += [interval(row["Q_low"], row["Q_high"]), *measures[1:]]
    return cells + _compared(table, label, row)


def _published_row(row: dict[str, Any], width: int) -> list[str]:
    """A row with as many decimals as were printed, and nothing that compares."""
    measures = [number(row[m.label], 4) if is_defined(row[m.label]) else "" for m in MEASURES]
    cells = [f"{markdown(row['method'])}{SIGN}", measures[0], "", *measures[1:]]
    return cells + [""] * (width - len(cells))


def _further(table: Table, further: FurtherTable) -> list[str]:
    """Blocks of the section of some further measures."""
    heads = ["policy", *(column.arrow for column in further.columns)]
    if further.compares_delays:
        heads.append(f"delay {MINUS} {markdown(table.baseline or '')}, both found")
    if table.baseline is not None:
        heads += [f"{further.compared.head} {MINUS} {markdown(table.baseline)}", *_GAP_HEADS]
    rows = [_further_row(table, further, label) for label in further.rows["label"]]
    return [f"### {further.title}", grid(heads, rows), _bullets(further.notes)]


def _further_row(table: Table, further: FurtherTable, label: str) -> list[str]:
    row = further.row(label)
    cells = [markdown(label) + table.signs[label]]
    for c in further.columns:
        cells.append(_ranked(further.ranks, label, c.name, row[c.name], c.digits))
    if further.compares_delays:
        cells.append("" if label == table.baseline else _delay_gap(row))
    return cells + _compared(table, label, row)


def _compared(table: Table, label: str, row: dict[str, Any]) -> list[str]:
    """The cells that compare a row with the baseline."""
    if table.baseline is None:
        return []
    return ["baseline", "", "", ""] if label == table.baseline else comparison(row)


def _delay_gap(row: dict[str, Any]) -> str:
    """Difference of delays with its interval, of a row of returns."""
    text = number(row["delay_difference"], 1, signed=True)
    if not is_defined(row["delay_low"]):
        return text
    return f"{text} ({interval(row['delay_low'], row['delay_high'], digits=1, signed=True)})"


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


def _ranked(
    ranks: dict[tuple[str, str], int], label: str, measure: str, value: float, digits: int = 3
) -> str:
    place = ranks.get((label, measure))
    text = number(value, digits)
    text = f"**{text}**" if place == 1 else text
    return text + PLACES.get(place or 0, "")


def _below(table: Table) -> str:
    lines = list(table.legend)
    if table.published is not None:
        lines.append(table.published.note.rstrip("."))
    if table.ranks:
        lines.insert(0, "¹ ² ³ first, second and third")
    return markdown("; ".join(lines) + ".") if lines else ""


def _speed(table: Table) -> str:
    heads = ["policy", "frames/s", "memory path, ms", "bank, bytes", "machine"]
    rows = []
    for label in table.overview["label"]:
        row = table.row(label)
        numbers = [number(row["frames_per_second"], 1), number(row["memory_ms"], 2)]
        numbers.append(number(row["bank_bytes"], 0))
        name = markdown(label) + table.signs[label]
        rows.append([name, *numbers, markdown(row["machine"]) or number(None)])
    return grid(heads, rows)


def _sources(table: Table) -> str:
    rows = [
        [
            markdown(run.label) + table.signs[run.label],
            markdown(run.spec.source if run.spec else "") or number(None),
            markdown(run.spec.parity if run.spec else "") or number(None),
            run.identity.key,
        ]
        for run in table.runs
    ]
    return grid(["policy", "source", "parity", "key of the results"], rows, "---")


def _bullets(lines: Seq[str]) -> str:
    return "\n".join(f"- {markdown(line)}" for line in lines)


def _alt(table: Table, what: str) -> str:
    return markdown(f"Plot: {what}; {table.title}")
