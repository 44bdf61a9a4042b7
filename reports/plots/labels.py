"""Put text beside points without covering other points or text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

Boxes = NDArray[np.float64]

_ANGLES = np.deg2rad([0, 45, -45, 90, -90, 135, -135, 180])
_DISTANCES = (9.0, 20.0, 34.0, 52.0)  # points
_ACROSS: dict[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}
_ALONG: dict[int, Literal["bottom", "center", "top"]] = {1: "bottom", 0: "center", -1: "top"}
_LEADER_FROM = 20.0  # farther labels get a line to their point
_PAD = 2.0  # pixels kept free around a label


def label_points(
    axes: Axes,
    x: Sequence[float],
    y: Sequence[float],
    texts: Sequence[str],
    obstacles: Boxes | None = None,
    fontsize: float = 9,
    colors: Sequence[str] | None = None,
) -> list[Annotation]:
    """Label points one after the other, each at the free place nearest to its point.

    Call it when the limits of the axes and the layout are final.

    Args:
        axes: where the points are.
        x: coordinates of the points in data units.
        y: likewise.
        texts: a label for each point; taken literally, never as mathematics.
        obstacles: further points [N, 2] in data units that no label should cover.
        fontsize: in points.
        colors: of the labels, so that each is told from its neighbours'; None = nearly black.
    """
    points = np.column_stack([x, y]).astype(float)
    everything = points if obstacles is None else np.vstack([points, obstacles])
    dots = axes.transData.transform(everything)
    taken: list[Boxes] = []
    notes = []
    colors = ["0.1"] * len(points) if colors is None else colors
    for (left, up), text, color in zip(points.tolist(), texts, colors, strict=True):
        point = (left, up)
        size = _measure(axes, text, fontsize)
        anchor = axes.transData.transform(point)
        offset, box = _place(axes, anchor, size, dots, taken)
        taken.append(box)
        notes.append(_write(axes, text, point, offset, fontsize, color))
    return notes


def _write(
    axes: Axes,
    text: str,
    point: tuple[float, float],
    offset: tuple[float, float],
    fontsize: float,
    color: str,
) -> Annotation:
    """A label at its offset from the point in points, with a line to it where that is far."""
    from matplotlib.patheffects import withStroke

    line = {"arrowstyle": "-", "color": "0.6", "lw": 0.6, "shrinkA": 0, "shrinkB": 4}
    return axes.annotate(
        text,
        point,
        xytext=offset,
        textcoords="offset points",
        ha=_ACROSS[int(np.sign(offset[0]))],
        va=_ALONG[int(np.sign(offset[1]))],
        color=color,
        path_effects=[withStroke(linewidth=2, foreground="white")],
        fontsize=fontsize,
        parse_math=False,
        arrowprops=line if np.hypot(*offset) >= _LEADER_FROM else None,
        zorder=5,
    )


def _measure(axes: Axes, text: str, fontsize: float) -> Boxes:
    """Width and height of a text in pixels."""
    probe = axes.text(0, 0, text, fontsize=fontsize, parse_math=False)
    extent = probe.get_window_extent()
    probe.remove()
    return np.array([extent.width, extent.height])


def _place(
    axes: Axes, anchor: Boxes, size: Boxes, dots: Boxes, taken: list[Boxes]
) -> tuple[tuple[float, float], Boxes]:
    """The cheapest place around a point: its offset in points, its box in pixels."""
    places = []
    figure = axes.get_figure(root=True)
    scale = figure.dpi / 72 if figure else 1.0
    for distance in _DISTANCES:
        for rank, angle in enumerate(_ANGLES):
            offset = (
                round(float(np.cos(angle)) * distance, 3),
                round(float(np.sin(angle)) * distance, 3),
            )
            box = _box(anchor, offset, size, scale)
            cost = _cost(axes, box, dots, taken) + 0.02 * rank + 0.01 * distance
            places.append((cost, offset, box))
    _, offset, box = min(places, key=lambda place: place[0])
    return offset, box


def _box(anchor: Boxes, offset: tuple[float, float], size: Boxes, scale: float) -> Boxes:
    """(x0, y0, x1, y1) in pixels of a text whose side or corner faces the point."""
    shift = (1 - np.sign(offset)) / 2 * size  # 0 to the right, half when centred, 1 to the left
    low = anchor + scale * np.array(offset) - shift
    return np.concatenate([low - _PAD, low + size + _PAD])


def _cost(axes: Axes, box: Boxes, dots: Boxes, taken: list[Boxes]) -> float:
    """How bad a place is: labels weigh most, then the frame of the axes, then points."""
    frame = axes.get_window_extent()
    inside = bool(
        box[0] >= frame.x0 and box[1] >= frame.y0 and box[2] <= frame.x1 and box[3] <= frame.y1
    )
    margin = 3.0  # radius of a marker
    covered = (
        (dots[:, 0] > box[0] - margin)
        & (dots[:, 0] < box[2] + margin)
        & (dots[:, 1] > box[1] - margin)
        & (dots[:, 1] < box[3] + margin)
    )
    overlaps = sum(
        bool(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3]) for b in taken
    )
    return 20.0 * overlaps + 12.0 * (not inside) + 4.0 * int(covered.sum())
