"""Grids as GitHub's Markdown."""

from __future__ import annotations

from collections.abc import Sequence as Seq

from vot_memory.reports.pages.grids import Cell, Grid, Row
from vot_memory.reports.text import markdown

PLACES = {1: "¹", 2: "²", 3: "³"}
EXPLAINED = "¹ ² ³ first, second and third."


def render_document(grids: Seq[Grid], setting: str) -> str:
    """A document of its own.

    Args:
        grids: one or more; the first one's caption is the title.
        setting: what all rows agree in.
    """
    blocks = [f"# {markdown(grids[0].caption)}", markdown(setting)]
    for i, grid in enumerate(grids):
        blocks.append(f"{markdown(grid.title)}:" if i or grid.below else "")
        blocks.append(render_grid(grid))
        blocks += [bullets([*([EXPLAINED] if shows_places(grid) else []), *grid.notes])]
    return "\n\n".join(block for block in blocks if block) + "\n"


def render_grid(grid: Grid) -> str:
    """A grid without its caption and notes: the first bold, places of runs as small numbers."""
    rows = [[_cell(cell, row) for cell in row.cells] for row in grid.rows]
    return render_lines([markdown(head.arrow) for head in grid.heads], rows)


def render_lines(heads: Seq[str], rows: Seq[Seq[str]], align: str = "---:") -> str:
    """A table of cells that are Markdown already; `align` is for all but the first column."""
    lines = [heads, ["---"] + [align] * (len(heads) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shows_places(grid: Grid) -> bool:
    """Whether the small numbers stand in it that `EXPLAINED` is about."""
    return any(_marks(cell, row) for row in grid.rows for cell in row.cells)


def bullets(sentences: Seq[str]) -> str:
    """A list."""
    return "\n".join(f"- {markdown(sentence)}" for sentence in sentences)


def _cell(cell: Cell, row: Row) -> str:
    text = markdown(cell.text)
    text = f"**{text}**" if cell.place == 1 else text
    text += PLACES[cell.place] if cell.place and _marks(cell, row) else ""
    return f"{text}<br>{markdown(cell.below)}" if cell.below else text


def _marks(cell: Cell, row: Row) -> bool:
    """Places within a row of policies are left to bold type: too many numbers by numbers."""
    return cell.place is not None and row.kind == "run"
