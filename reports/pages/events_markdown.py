"""The section of a report on what happens in the frames, as Markdown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.metrics.events import ABSENT
from vot_memory.reports.tables.events import FRAMES, VIDEOS, EventTable
from vot_memory.reports.text import MINUS, grid, interval, is_defined, markdown, number

if TYPE_CHECKING:
    from vot_memory.reports.tables.table import Table

HEADS = {ABSENT: "absent: share answered empty"}
_Cell = Callable[[str, str], str]  # (label, kind) -> text


def render_events(table: Table, events: EventTable, figure: Path | None) -> list[str]:
    """Blocks of the section.

    Args:
        table: what the events are of.
        events: its events.
        figure: the plot of differences, beside the document; None if there is none.
    """
    base = None if table.baseline is None else markdown(table.baseline)
    compared = base is not None and len(table.overview) > 1
    blocks = ["### Where the numbers differ"]
    below = f"; below it the difference to {base} with its 95% interval" if compared else ""
    blocks.append(f"Mean overlap on the frames of an event{below}:")
    blocks.append(_grid(table, events, FRAMES, lambda *at: _overlap(events, *at)))
    if compared:
        blocks.append(f"How much of Q {MINUS} {base} comes from which frames:")
        blocks.append(_parts(table, events))
    if figure is not None:
        blocks.append(
            f"![{markdown(f'Plot: differences by event; {table.title}')}]({figure.as_posix()})"
        )
    blocks.append(
        "How the visible object is lost, as shares of the frames: the answer lies elsewhere "
        "(drifted) / nothing is answered (missed):"
    )
    blocks.append(_grid(table, events, FRAMES, lambda *at: _lost(events, *at), without=ABSENT))
    if events.kinds(VIDEOS):
        blocks.append(
            "Q of the videos in which something happens and of those in which it does not:"
        )
        blocks.append(_grid(table, events, VIDEOS, lambda *at: _overlap(events, *at)))
    blocks.append("\n".join(f"- {markdown(note)}" for note in events.notes))
    return blocks


def _grid(table: Table, events: EventTable, scope: str, cell: _Cell, without: str = "") -> str:
    """A row a policy, a column a kind, below how many videos and frames stand behind it."""
    kinds = [kind for kind in events.kinds(scope) if kind != without]
    rows = [
        [_name(table, label), *(cell(label, kind) for kind in kinds)]
        for label in table.overview["label"]
    ]
    for column in ("videos", "frames"):
        rows.append([column, *(events.counts(kind, column) for kind in kinds)])
    return grid(["policy", *(HEADS.get(kind, kind) for kind in kinds)], rows)


def _name(table: Table, label: str) -> str:
    return markdown(label) + table.signs[label]


def _overlap(events: EventTable, label: str, kind: str) -> str:
    row = events.cell(label, kind)
    lines = [number(row["overlap"])]
    if is_defined(row["difference"]):
        lines.append(number(row["difference"], signed=True))
    if is_defined(row["difference_low"]):
        ends = interval(row["difference_low"], row["difference_high"], signed=True)
        lines[-1] += f" ({ends})"
    return "<br>".join(lines)


def _lost(events: EventTable, label: str, kind: str) -> str:
    row = events.cell(label, kind)
    return f"{number(row['drifted'])} / {number(row['missed'])}"


def _parts(table: Table, events: EventTable) -> str:
    rows = []
    for label in table.overview["label"]:
        if label != table.baseline:
            parts = [*events.parts(label), sum(events.parts(label))]
            cells = (number(part, signed=True) for part in parts)
            rows.append([_name(table, label), *cells])
    return grid(["policy", *events.kinds(FRAMES), "all frames"], rows)
