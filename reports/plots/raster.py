"""The memory raster: which frames stood in which slot, coloured by how good their masks were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vot_memory.policy import ANCHOR
from vot_memory.reports.style import OVERLAP_COLORS, UNSCORED_COLOR, overlap_bin

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vot_memory.reports.timeline import Memory, Timeline

Polygon = NDArray[np.float64]  # [N, 2]

PROMPT_COLOR = "#3B3F46"
ANCHOR_COLOR = "#111111"  # of the top edge of anchors
EMPTY_COLOR = "#DFEBF6"  # ground of memories of an absent object, which are edged in blue
EMPTY_EDGE = OVERLAP_COLORS[-1]
_BARE = "#F0F0F0"  # a slot without a memory
_TAKES_WHITE = {PROMPT_COLOR, OVERLAP_COLORS[0], OVERLAP_COLORS[-1]}
_HALF = 0.43  # of a bar's height; slots are 1 apart
_EDGE = 0.17  # height of an anchor's top edge
_FONT = 4.6  # points
_DIGIT = 0.64  # width of a digit over the font's size


def draw_raster(axes: Axes, timeline: Timeline, slots: int, width: float) -> None:
    """Draw every stay in the bank as a bar: slots from above, the prompt's first.

    Frame t reaches from t - 0.5 to t + 0.5 and shows the bank as it is after that frame. Bars are
    coloured by the overlap of the answer a memory was made from and bear the number of its frame
    where there is room; those of rightly empty answers are hollow, and anchors have a thick top
    edge. In a lane below the last slot stand ticks at the frames that were discarded.

    Args:
        axes: get limits for all frames, `slots` slots and the lane.
        timeline: what to draw.
        slots: that there is room for; at least those of the timeline.
        width: of the axes in inches.
    """
    axes.set_xlim(-0.5, len(timeline) - 0.5)
    axes.set_ylim(slots + 0.6, -0.6)
    frame = 72 * width / len(timeline)  # points
    if timeline.slots:
        axes.axhspan(-0.5, timeline.slots - 0.5, color=_BARE, lw=0, zorder=0)
    for color in (*OVERLAP_COLORS, UNSCORED_COLOR, PROMPT_COLOR, EMPTY_COLOR):
        bars = [_bar(m) for m in timeline.memories if memory_color(timeline, m) == color]
        edge = EMPTY_EDGE if color == EMPTY_COLOR else "white"
        add_polygons(axes, bars, facecolor=color, edgecolor=edge, lw=min(0.5, 0.1 * frame))
    edges = [_top_edge(m) for m in timeline.memories if m.tag == ANCHOR]
    add_polygons(axes, edges, facecolor=ANCHOR_COLOR, lw=0, zorder=3)
    for memory in timeline.memories:
        _add_number(axes, timeline, memory, frame)
    away = np.flatnonzero(timeline.discarded)
    axes.vlines(away, slots - 0.15, slots + 0.4, color="0.25", lw=min(0.9, 0.5 * frame))


def memory_color(timeline: Timeline, memory: Memory) -> str:
    """The prompt's colour, else that of the answer a memory was made from."""
    if memory.frame == timeline.first_frame:
        return PROMPT_COLOR
    if memory.rightly_empty:
        return EMPTY_COLOR
    place = overlap_bin(memory.overlap)
    return UNSCORED_COLOR if place is None else OVERLAP_COLORS[place]


def add_polygons(axes: Axes, polygons: Iterable[Polygon], **style: Any) -> None:
    """Draw closed polygons as one patch, which is far faster and smaller than many."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    paths = [Path(np.vstack([polygon, polygon[:1]]), closed=True) for polygon in polygons]
    if paths:
        axes.add_patch(PathPatch(Path.make_compound_path(*paths), **style))


def box(left: float, right: float, low: float, high: float) -> Polygon:
    """A rectangle."""
    return np.array([(left, low), (right, low), (right, high), (left, high)])


def _bar(memory: Memory) -> Polygon:
    low, high = memory.slot - _HALF, memory.slot + _HALF
    return box(memory.begin - 0.5, memory.end - 0.5, low, high)


def _top_edge(memory: Memory) -> Polygon:
    top = memory.slot - _HALF
    return box(memory.begin - 0.5, memory.end - 0.5, top, top + _EDGE)


def _add_number(axes: Axes, timeline: Timeline, memory: Memory, frame: float) -> None:
    text = str(memory.frame)
    if (memory.end - memory.begin) * frame < _FONT * (_DIGIT * len(text) + 0.35):
        return
    ground = memory_color(timeline, memory)
    color = "0.35" if ground == EMPTY_COLOR else "white" if ground in _TAKES_WHITE else "0.1"
    x = (memory.begin + memory.end - 1) / 2
    axes.text(x, memory.slot, text, color=color, fontsize=_FONT, ha="center", va="center_baseline")
