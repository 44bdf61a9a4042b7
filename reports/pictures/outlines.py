"""Masks and boxes drawn into pictures of another size: smooth outlines, seen on any ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.sequence import Box, Picture

Color = tuple[int, int, int]  # red, green, blue in 0..255
Outline = Sequence[NDArray[np.int32]]  # closed lines [N, 1, 2], x and y in parts of a shown pixel

WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)
_PARTS = 4  # of a shown pixel, to either side: lines are drawn finely and averaged
_SMOOTH = 0.7  # sigma, pixels of the picture; more would lose lines of one pixel
_SEAM = 0.9  # width of a casing on each side, shown pixels
_SEAM_OPACITY = 0.75
_HATCH = 6  # pixels from stripe to stripe


class Pen(NamedTuple):
    """How an outline is drawn.

    Attributes:
        color: of line and filling. width: of the line, in shown pixels.
        fill: opacity of what is inside.
        casing: colour of a seam on both sides, which shows the line on a ground of its own colour.
        dash: length of dashes and gaps, in shown pixels; None for a whole line.
    """

    color: Color
    width: float = 2.0
    fill: float = 0.0
    casing: Color | None = None
    dash: float | None = None


class View(NamedTuple):
    """A part of a picture, and the size that it is shown at.

    Attributes:
        x, y, width, height: the part, in pixels of the picture.
        size: (height, width) in shown pixels.
    """

    x: int
    y: int
    width: int
    height: int
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Shown pixels a pixel of the picture."""
        return self.size[1] / self.width

    def picture(self, picture: Picture) -> Picture:
        """What is shown of a picture, RGB uint8 [*size, 3]."""
        import cv2

        how = cv2.INTER_CUBIC if self.scale > 1 else cv2.INTER_AREA
        part = picture[self._part]
        return cast("Picture", cv2.resize(part, self.size[::-1], interpolation=how))

    def mask(self, mask: NDArray[np.bool_]) -> Outline:
        """Smooth outline of a mask bool [H, W], of holes too; empty without a pixel in the part."""
        import cv2

        part: Any = mask[self._part].astype(np.float32)
        if not part.any():
            return ()
        fine = (self.size[1] * _PARTS, self.size[0] * _PARTS)
        # Steps of single pixels are rounded off; half the maximum keeps masks of one pixel.
        if fine[0] < self.width:
            part = cv2.resize(part, fine, interpolation=cv2.INTER_AREA)
        field = cv2.GaussianBlur(part, (0, 0), _SMOOTH)
        if fine[0] >= self.width:
            field = cv2.resize(field, fine, interpolation=cv2.INTER_CUBIC)
        inside = (field > field.max() / 2).astype(np.uint8)
        found, _ = cv2.findContours(inside, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        return cast("Outline", found)

    def box(self, box: Box) -> Outline:
        """Outline of a box in pixels of the picture."""
        x, y, width, height = box
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        shown = (np.array(corners) - (self.x, self.y)) * (self.scale * _PARTS)
        return (np.round(shown).astype(np.int32)[:, None],)

    @property
    def _part(self) -> tuple[slice, slice]:
        return np.s_[self.y : self.y + self.height, self.x : self.x + self.width]


def draw(canvas: Picture, outline: Outline, pen: Pen) -> None:
    """Draw an outline into a shown picture, in place."""
    if not outline:
        return
    canvas, outline = _around(canvas, outline, round(pen.width) + 2)
    if not canvas.size:  # a box that begins outside the part that is shown
        return
    if pen.fill:
        _blend(canvas, _filled(canvas, outline) * np.float32(pen.fill), pen.color)
    lines = [part for line in outline for part in _dashes(line, pen.dash)]
    closed = pen.dash is None
    if pen.casing is not None:
        seam = _stroked(canvas, lines, pen.width + 2 * _SEAM, closed)
        _blend(canvas, seam * np.float32(_SEAM_OPACITY), pen.casing)
    _blend(canvas, _stroked(canvas, lines, pen.width, closed), pen.color)


def hatch(canvas: Picture, outline: Outline) -> None:
    """Stripe what is inside an outline, in place: pixels that count nowhere."""
    if not outline:
        return
    ys, xs = np.indices(canvas.shape[:2])
    stripe = (xs + ys) % _HATCH
    inside = _filled(canvas, outline) * np.float32(0.5)
    _blend(canvas, inside * (stripe == 0), WHITE)
    _blend(canvas, inside * (stripe == 1), BLACK)


def rgb(color: str) -> Color:
    """A colour from its hexadecimal digits, "#rrggbb"."""
    return cast("Color", tuple(bytes.fromhex(color.removeprefix("#"))))


def casing_of(color: Color) -> Color:
    """Black or white, whichever stands out more against a colour (ITU-R BT.601 luma)."""
    luma = 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
    return WHITE if luma < 140 else BLACK


def _around(canvas: Picture, outline: Outline, margin: int) -> tuple[Picture, Outline]:
    """The part of a canvas that an outline is in, as a view, and the outline in that part."""
    points = np.concatenate(list(outline))[:, 0] // _PARTS
    left, top = np.maximum(points.min(0) - margin, 0)
    right, bottom = np.maximum(points.max(0) + margin + 1, 0)
    moved = [line - np.array([left, top], np.int32) * _PARTS for line in outline]
    return canvas[top:bottom, left:right], moved


def _dashes(line: NDArray[np.int32], dash: float | None) -> list[NDArray[np.int32]]:
    """A closed line, or its dashes."""
    if dash is None:
        return [line]
    points = np.concatenate([line[:, 0], line[:1, 0]]).astype(float)
    reached = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    count = max(1, round(reached[-1] / (2 * dash * _PARTS)))  # the last gap is as long as others
    parts = []
    for begin in np.arange(count) / count:
        at = np.linspace(begin, begin + 0.5 / count, 16) * reached[-1]
        x, y = (np.interp(at, reached, points[:, axis]) for axis in (0, 1))
        parts.append(np.round(np.stack([x, y], 1)).astype(np.int32)[:, None])
    return parts


def _filled(canvas: Picture, outline: Outline) -> NDArray[np.float32]:
    """How much of each pixel is inside, float32 [H, W]."""
    import cv2

    fine = _fine(canvas)
    cv2.fillPoly(fine, list(outline), 255)
    return _average(fine, canvas)


def _stroked(canvas: Picture, lines: Outline, width: float, closed: bool) -> NDArray[np.float32]:
    """How much of each pixel lies on lines, float32 [H, W]."""
    import cv2

    fine = _fine(canvas)
    cv2.polylines(fine, list(lines), closed, 255, round(width * _PARTS))
    return _average(fine, canvas)


def _fine(canvas: Picture) -> NDArray[np.uint8]:
    return np.zeros((canvas.shape[0] * _PARTS, canvas.shape[1] * _PARTS), np.uint8)


def _average(fine: NDArray[np.uint8], canvas: Picture) -> NDArray[np.float32]:
    import cv2

    small = cv2.resize(fine, canvas.shape[1::-1], interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.float32(255)


def _blend(canvas: Picture, share: NDArray[np.float32], color: Color) -> None:
    """Cover a share of each pixel with a colour."""
    opacity = share[..., None]
    mixed = canvas * (1 - opacity) + np.array(color, np.float32) * opacity
    canvas[:] = np.round(mixed).astype(np.uint8)
