"""Q by how hard the videos are: a map of differences to the baseline."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from vot_memory.reports.plots.canvas import (
    LETTER,
    add_title,
    new_figure,
    row_names,
    styled,
    wrap,
)
from vot_memory.reports.style import OVERLAP_COLORS
from vot_memory.reports.text import count, interval, is_defined, number, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.table import Table

_BAD, _GOOD = OVERLAP_COLORS[0], OVERLAP_COLORS[-1]
_FULL = 0.1  # a difference in Q that is drawn in full colour, unless there are larger ones
_STRONGEST = 0.75  # opacity of the full colour, so that numbers can be read on it
_GAP = 0.12  # between difficulties, in columns
_LINE = 0.17  # of text, inches
_ALL = ("all videos", "", "")

Cells = dict[tuple[str, str, str], dict[str, Any]]


@styled
def difficulty_plot(table: Table) -> Figure | None:
    """A row a policy, a column a level of difficulty: the difference in Q to the baseline.

    The first row is the baseline's Q itself. Cells are blue where a policy is better and orange
    where it is worse; bold where 0 lies outside the interval. Without a baseline all rows show Q
    and no colour. None where the videos are alike or no Q is defined.
    """
    if table.difficulty is None or table.difficulty.rows["Q"].isna().all():
        return None
    labels = list(table.overview["label"])
    columns = [_ALL, *table.difficulty.levels]
    cells = {label: _cells(table, label) for label in labels}
    names = list(row_names(table).values())
    width = max(0.5 + LETTER * max(map(len, names)) + 0.94 * len(columns), 5.2)
    below = wrap(_meaning(table), width)
    lines = len(below) - 1 + len(table.legend)
    figure, (axes,) = new_figure(width, 2.15 + 0.36 * len(labels) + _LINE * lines)
    left = _left_edges(columns)
    gaps = [abs(cell["difference"]) for row in cells.values() for cell in row.values()]
    full = max([_FULL, *(gap for gap in gaps if is_defined(gap))])
    for y, label in enumerate(labels):
        for x, column in zip(left, columns, strict=True):
            own = label == table.baseline or table.baseline is None
            _draw_cell(axes, x, y, cells[label][column], full, own)
    _head(axes, columns, left, cells[labels[0]])
    axes.set_xlim(-0.02, left[-1] + 1.02)
    axes.set_ylim(len(labels) - 0.45, -2.15)
    axes.set_yticks(range(len(labels)), names, parse_math=False)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    figure.supxlabel("\n".join(below), fontsize=9, parse_math=False)
    add_title(figure, "Q by how hard the videos are", table)
    return figure


def difficulty_alt(table: Table) -> str:
    """What the map shows, in words."""
    if table.difficulty is None:
        return "Q by how hard the videos are: the videos are alike."
    label = table.baseline or str(table.overview["label"].iloc[0])
    cells = _cells(table, label)
    parts = []
    for difficulty, found in groupby(table.difficulty.levels, key=lambda level: level[0]):
        levels = list(found)
        ends = [f"{name} {number(cells[d, name, span]['Q'])}" for d, name, span in levels]
        parts.append(f"{difficulty}: {', '.join(ends)}")
    text = f"Q of {one_line(label)} by difficulty of the video: {'; '.join(parts)}."
    rows = table.difficulty.rows.dropna(subset=["difference_low"])
    if table.baseline is None or rows.empty:
        return text
    sure = int(((rows["difference_low"] > 0) | (rows["difference_high"] < 0)).sum())
    return f"{text} {sure} of {count(len(rows), 'interval')} of differences to it leave out 0."


def _cells(table: Table, label: str) -> Cells:
    """A row's cells by column, that of all videos first."""
    assert table.difficulty is not None  # noqa: S101  callers have looked
    row = table.row(label)
    cells = {_ALL: row | {"videos": row["sequences"]}}
    for level in table.difficulty.levels:
        cells[level] = table.difficulty.cell(label, level[0], level[1])
    return cells


def _left_edges(columns: list[tuple[str, str, str]]) -> list[float]:
    """Where columns begin: one wide each, with a gap before another difficulty."""
    edges, gaps = [0.0], 0
    for i in range(1, len(columns)):
        gaps += columns[i][0] != columns[i - 1][0]
        edges.append(i + gaps * _GAP)
    return edges


def _draw_cell(axes: Axes, x: float, y: int, cell: dict[str, Any], full: float, own: bool) -> None:
    """A number on its colour and its interval below it; of the baseline, or without one, Q."""
    from matplotlib.patches import Rectangle

    gap = cell["difference"]
    place = (x + 0.02, y - 0.46)
    if own or not is_defined(gap):
        axes.add_patch(Rectangle(place, 0.96, 0.92, facecolor="0.95", lw=0))
        text = number(cell["Q"]) if own else number(None)
        axes.text(x + 0.5, y, text, ha="center", va="center", fontsize=8.5)
        return
    color = _GOOD if gap > 0 else _BAD
    strength = _STRONGEST * min(abs(gap) / full, 1) ** 0.7
    axes.add_patch(Rectangle(place, 0.96, 0.92, facecolor=color, alpha=strength, lw=0))
    ends = is_defined(cell["difference_low"])
    weight = "bold" if _sure(cell) else "normal"
    up = 0.13 if ends else 0.0
    text = number(gap, signed=True)
    axes.text(x + 0.5, y - up, text, ha="center", va="center", fontsize=8.5, weight=weight)
    if ends:
        text = interval(cell["difference_low"], cell["difference_high"], signed=True)
        axes.text(x + 0.5, y + 0.23, text, ha="center", va="center", fontsize=5.6)


def _sure(cell: dict[str, Any]) -> bool:
    """Whether 0 lies outside the interval of the difference."""
    return bool(cell["difference_low"] > 0 or cell["difference_high"] < 0)


def _head(axes: Axes, columns: list[tuple[str, str, str]], left: list[float], cells: Cells) -> None:
    """Above the columns: the difficulty, its levels and how many videos they have."""
    for x, (difficulty, level, span) in zip(left, columns, strict=True):
        videos = count(int(cells[difficulty, level, span]["videos"]), "video")
        lines = f"{level}\n{span}\n{videos}" if level else videos
        axes.text(x + 0.5, -0.56, lines, ha="center", va="bottom", fontsize=7, linespacing=1.25)
    for _, group in groupby(zip(left, columns, strict=True), key=lambda pair: pair[1][0]):
        found = list(group)
        begin, end, name = found[0][0], found[-1][0] + 1, found[0][1][0]
        axes.text((begin + end) / 2, -1.76, name, ha="center", va="bottom", fontsize=9)
        axes.plot([begin + 0.02, end - 0.02], [-1.72, -1.72], color="0.6", lw=0.8)


def _meaning(table: Table) -> str:
    if table.baseline is None:
        return "mean Q of the videos"
    base = row_names(table)[table.baseline]
    return (
        f"row of {base}: Q; others: difference in Q to it with 95% interval over videos, "
        "bold where 0 lies outside"
    )
