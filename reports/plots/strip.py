"""A strip as a figure for papers: frames side by side, a row a policy, overlaps in the pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vot_memory.reports.pictures.lettering import font
from vot_memory.reports.pictures.outlines import casing_of, rgb
from vot_memory.reports.plots.canvas import DPI, blank, short_names, styled, wrap
from vot_memory.reports.plots.raster import EMPTY_COLOR
from vot_memory.reports.style import OVERLAP_COLORS, overlap_bin, style_of
from vot_memory.reports.text import is_defined, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.pictures.strips import Strip, StripRow

# All lengths are pixels at `DPI`, so that in the PNG file a pixel is a pixel.
_GAP = 5  # between pictures
_EDGE = 10  # around everything
_LINE = 27  # a line of the title
_NAME_SIZE = 8.5  # of a row's name, points
_NAME_LETTERS = 16  # a longer name is broken
_CAPTION = (
    "Outlined: the policy's mask; dashed: the ground truth; above left: overlap of the two on this "
    "frame (1 where an absent object was answered by an empty mask)."
)


@styled
def strip_plot(
    strip: Strip,
    title: str,
    names: Mapping[str, str] | None = None,
    legend: Sequence[str] = (),
) -> Figure:
    """Draw a strip, with its pictures at their own resolution.

    Args:
        strip: what `make_strip` made.
        title: line above it.
        names: label -> name, as in the plots of the whole table; by default those of these rows.
        legend: what signs behind names mean; stands below it.
    """
    short = names or short_names([row.label for row in strip.rows])
    rows = [short.get(row.label, row.label) for row in strip.rows]
    lefts = ["\n".join(textwrap.wrap(name, _NAME_LETTERS)) for name in rows]
    letters = font(round(_NAME_SIZE * DPI / 72))
    widest = max(letters.getlength(line) for name in lefts for line in name.split("\n"))
    left = _EDGE + round(widest) + _EDGE + 4
    mosaic, across, down = _mosaic(strip.rows)
    width = left + mosaic.shape[1] + _EDGE
    heading = wrap(title, width / DPI)
    letters_across = int(mosaic.shape[1] / 8.7)
    said_below = (_caption(strip), *legend)
    caption = [line for said in said_below for line in textwrap.wrap(said, letters_across)]
    heads = _heads(strip)
    deepest = max(head.count("\n") + 1 for head in heads)
    top = _EDGE + _LINE * len(heading) + 19 * deepest + 8
    height = top + mosaic.shape[0] + 6 + 17 * len(caption) + _EDGE

    figure = blank(width / DPI, height / DPI, dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    # Without interpolation, vector files hold the pictures pixel by pixel.
    extent = (left, left + mosaic.shape[1], top + mosaic.shape[0], top)
    axes.imshow(mosaic, extent=extent, interpolation="none", aspect="auto")
    axes.set(xlim=(0, width), ylim=(height, 0))

    _write(axes, _EDGE, _EDGE, "\n".join(heading), size=10, va="top")
    below = top + mosaic.shape[0] + 8
    _write(axes, left, below, "\n".join(caption), size=6.5, color="0.35", va="top")
    for head, x in zip(heads, across, strict=True):
        _write(axes, left + x, top - 5, head, size=7.5, color="0.2", va="bottom")
    cell = strip.rows[0].pictures[0].shape[0]
    for row, name, y in zip(strip.rows, lefts, down, strict=True):
        color = style_of(row.policy).color if row.policy else "0.2"
        middle = top + y + cell / 2
        _write(
            axes, left - _EDGE, middle, name, size=_NAME_SIZE, color=color, ha="right", va="center"
        )
        empties = strip.rightly_empty(row)
        for overlap, empty, x in zip(row.overlaps, empties, across, strict=True):
            if is_defined(overlap):
                _write_overlap(axes, left + x + 6, top + y + 6, overlap, rightly_empty=empty)
    return figure


def _mosaic(rows: tuple[StripRow, ...]) -> tuple[NDArray[np.uint8], list[int], list[int]]:
    """All pictures as one, RGB; where columns begin, and where rows begin, pixels."""
    height, width = rows[0].pictures[0].shape[:2]
    across = [i * (width + _GAP) for i in range(len(rows[0].pictures))]
    down = [i * (height + _GAP) for i in range(len(rows))]
    mosaic = np.full((down[-1] + height, across[-1] + width, 3), 255, np.uint8)
    for row, y in zip(rows, down, strict=True):
        for picture, x in zip(row.pictures, across, strict=True):
            mosaic[y : y + height, x : x + width] = picture
    return mosaic, across, down


def _heads(strip: Strip) -> list[str]:
    """What stands above each column, in lines that it has room for."""
    letters = int(strip.rows[0].pictures[0].shape[1] / 9.6)
    heads = []
    for frame, state, crop in zip(strip.frames, strip.states, strip.crops, strict=True):
        said = [f"frame {frame}", state, "" if crop is None else "enlarged"]
        said = [words for words in said if words]
        line = " · ".join(said)
        heads.append(line if len(line) <= letters else "\n".join(said))
    return heads


def _caption(strip: Strip) -> str:
    if any(crop is not None for crop in strip.crops):
        return f"{_CAPTION} Enlarged: only the part of the frame around the object and all masks."
    return _CAPTION


def _write(axes: Axes, x: float, y: float, text: str, *, size: float, **how: str) -> None:
    axes.text(x, y, text, fontsize=size, parse_math=False, **how)  # type: ignore[arg-type]


def _write_overlap(axes: Axes, x: float, y: float, overlap: float, *, rightly_empty: bool) -> None:
    ground = EMPTY_COLOR if rightly_empty else OVERLAP_COLORS[overlap_bin(overlap) or 0]
    ink = tuple(value / 255 for value in casing_of(rgb(ground)))
    axes.text(
        x + 2,
        y + 3,
        number(overlap, 2),
        fontsize=6.5,
        color=ink,
        va="top",
        bbox={"boxstyle": "square,pad=0.25", "facecolor": ground, "edgecolor": "none"},
    )
