"""A video as a grid of panels: the ground truth, and beside it what each policy made of it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE, decode
from vot_memory.datasets.sequence import ObjectTrack, Picture, Sequence
from vot_memory.reports.pictures.lettering import SWATCH, font, swatch, write
from vot_memory.reports.pictures.outlines import (
    BLACK,
    WHITE,
    Color,
    Pen,
    View,
    casing_of,
    draw,
    hatch,
    rgb,
)
from vot_memory.reports.pictures.overlay import object_color
from vot_memory.reports.pictures.strips import (
    TRUTH,
    TRUTH_PEN,
    answer_pen,
    frame_state,
    truth_outline,
)
from vot_memory.reports.style import OVERLAP_COLORS, UNSCORED_COLOR, overlap_bin, style_of
from vot_memory.reports.text import is_defined, number

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

WIDEST, HIGHEST = 1920, 1080  # pixels; more panels are made smaller
_ENLARGED = 480  # longest side up to which small pictures are enlarged
_HEAD = 30  # pixels above a picture
_BAR = 10  # of the bar below it
_GAP = 10
_LINE = 30  # of text above and below all panels
_HEADLINE = 22  # middle of the text above all panels
_COUNTER = 200  # width that "frame 12 of 80" and gaps may need
_STATE = 110  # width that an overlap, or "not annotated", and the square of colour may need
_GROUND: Color = (22, 24, 28)
_INK: Color = (235, 235, 235)
_MUTED: Color = (150, 152, 156)
_BESIDE = Pen(
    WHITE, width=1, casing=BLACK
)  # ground truth below a policy's mask; dashes would crawl


@dataclass(frozen=True, eq=False)
class Panel:
    """One policy in the grid.

    Attributes:
        name: above it. policy: gives its colour.
        masks: object -> one COCO RLE a frame, None before its prompt.
        overlap: float64 [T] with the ground truth, mean over the objects; NaN where not scored.
    """

    name: str
    policy: str
    masks: Mapping[str, Seq[RLE | None]]
    overlap: NDArray[np.float64]


class Layout(NamedTuple):
    """Where panels stand.

    Attributes:
        columns: panels side by side. size: (height, width) of a picture in its panel.
    """

    columns: int
    size: tuple[int, int]


def make_layout(size: tuple[int, int], panels: int) -> Layout:
    """The grid that shows pictures of a size [height, width] the largest, with fewest gaps.

    All fits in `WIDEST` x `HIGHEST`. Large pictures are not enlarged, small ones moderately.
    """
    height, width = size
    most = max(1.0, _ENLARGED / max(size))

    def scale(columns: int) -> float:
        rows = -(-panels // columns)
        high = (HIGHEST - 2 * _LINE - 2 * _GAP) / rows - _HEAD - _BAR - _GAP
        wide = (WIDEST - _GAP) / columns - _GAP
        return min(wide / width, high / height, most)

    columns = max(range(1, panels + 1), key=lambda n: (scale(n), -(-panels % n), n))
    factor = scale(columns)
    return Layout(columns, (max(2, int(height * factor)), max(2, int(width * factor))))


class Grid:
    """Draws a video frame by frame; only one frame is ever in memory.

    Args:
        sequence: the video with its ground truth.
        tracks: the objects to show; a single one has the policies' colours, several their own.
        panels: the policies, in order.
    """

    def __init__(self, sequence: Sequence, tracks: Seq[ObjectTrack], panels: Seq[Panel]) -> None:
        self._sequence, self._tracks, self._panels = sequence, tuple(tracks), tuple(panels)
        self._layout = make_layout(sequence.size, 1 + len(panels))
        self._view = View(0, 0, sequence.size[1], sequence.size[0], self._layout.size)
        high, wide = self._layout.size
        rows = -(-(1 + len(panels)) // self._layout.columns)
        height = 2 * _LINE + rows * (_HEAD + high + _BAR + _GAP) + _GAP
        width = self._layout.columns * (wide + _GAP) + _GAP
        # Video codecs halve the colour planes, so both sides must be even.
        self._size = (height + height % 2, width + width % 2)
        self._ground = self._draw_ground()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a drawn frame; both even."""
        return self._size

    def draw(self, t: int) -> Picture:
        """Draw frame t, RGB uint8 [*size, 3]."""
        from PIL import Image, ImageDraw

        canvas = self._ground.copy()
        high, wide = self._layout.size
        for index, picture in enumerate(self._pictures(t)):
            left, top = self._place(index)
            canvas[top : top + high, left : left + wide] = picture
            if index:
                x = left + (2 * t + 1) * wide // (2 * len(self._sequence))
                bar = canvas[top + high - 2 : top + high + _BAR + 2]
                bar[:, max(x - 3, 0) : x + 3] = BLACK
                bar[1:-1, max(x - 2, 0) : x + 2] = WHITE
        image = Image.fromarray(canvas)
        pen = ImageDraw.Draw(image)
        at = f"frame {t} of {len(self._sequence)}"
        pen.text((self._size[1] - _GAP, _HEADLINE), at, _INK, font(15), anchor="rm")
        for index in range(1 + len(self._panels)):
            left, top = self._place(index)
            self._draw_state(pen, (left + wide, top - _HEAD // 2), index, t)
        return np.asarray(image)

    def _pictures(self, t: int) -> list[Picture]:
        """The picture of each panel, the ground truth's first."""
        plain = self._view.picture(self._sequence.frames[t])
        ignore = self._sequence.ignore
        if ignore is not None and (ignored := ignore[t]) is not None:
            hatch(plain, self._view.mask(decode(ignored)))
        truths = [
            truth_outline(track, t, self._view) if t >= track.first_frame else ()
            for track in self._tracks
        ]
        truth, beside = plain.copy(), plain
        for index, outline in enumerate(truths):
            pen = answer_pen(object_color(index)) if len(self._tracks) > 1 else TRUTH_PEN
            draw(truth, outline, pen)
            draw(beside, outline, _BESIDE)
        return [truth, *(self._answer(beside.copy(), panel, t) for panel in self._panels)]

    def _answer(self, canvas: Picture, panel: Panel, t: int) -> Picture:
        for index, track in enumerate(self._tracks):
            rle = panel.masks[track.id][t]
            if rle is not None:
                own = rgb(style_of(panel.policy).color)
                color = object_color(index) if len(self._tracks) > 1 else own
                draw(canvas, self._view.mask(decode(rle)), answer_pen(color))
        return canvas

    def _place(self, index: int) -> tuple[int, int]:
        """Left and top of a panel's picture."""
        high, wide = self._layout.size
        row, column = divmod(index, self._layout.columns)
        return (
            _GAP + column * (wide + _GAP),
            _LINE + _GAP + row * (_HEAD + high + _BAR + _GAP) + _HEAD,
        )

    def _draw_ground(self) -> Picture:
        """What is the same on all frames: names, bars of the overlap, what colours mean."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", self._size[::-1], _GROUND)
        pen = ImageDraw.Draw(image)
        high, wide = self._layout.size
        write(pen, (_GAP, _HEADLINE), self._title(), _INK, room=self._size[1] - _COUNTER)
        names = [(TRUTH, WHITE), *((p.name, rgb(style_of(p.policy).color)) for p in self._panels)]
        for index, (name, color) in enumerate(names):
            x, top = self._place(index)
            middle = top - _HEAD // 2
            if len(self._tracks) == 1:  # else colours tell objects apart
                x = swatch(pen, (x, middle), color, _MUTED)
            write(pen, (x, middle), name, _INK, room=wide - _STATE)
        for index, panel in enumerate(self._panels, start=1):
            left, top = self._place(index)
            for x, color in enumerate(bar_colors(panel.overlap, wide)):
                pen.line((left + x, top + high, left + x, top + high + _BAR - 1), color)
        self._draw_legend(pen)
        return np.array(image)

    def _draw_legend(self, pen: ImageDraw) -> None:
        y, end = self._size[0] - _LINE // 2 - 2, self._size[1] - _GAP

        def say(x: int, text: str) -> int:
            return write(pen, (x, y), text, _MUTED, size=13, room=end - x) + 8

        x = say(_GAP, "overlap over time, from lost")
        for color in OVERLAP_COLORS:
            swatch(pen, (x, y), rgb(color), rgb(color))
            x += SWATCH
        x = say(x + 8, "to found;")
        x = say(swatch(pen, (x, y), rgb(UNSCORED_COLOR), _MUTED), "not scored")
        if len(self._tracks) > 1:
            for index, track in enumerate(self._tracks):
                x = say(swatch(pen, (x + 8, y), object_color(index), _MUTED), f"object {track.id}")

    def _draw_state(self, pen: ImageDraw, at: tuple[int, int], index: int, t: int) -> None:
        """To the right above a picture: the overlap, or what there is to say of the truth."""
        x, y = at
        if not index:
            state = frame_state(self._tracks[0], t) if len(self._tracks) == 1 else ""
            pen.text((x, y), state, _MUTED, font(14), anchor="rm")
            return
        overlap = float(self._panels[index - 1].overlap[t])
        if not is_defined(overlap):
            pen.text((x, y), number(overlap), _MUTED, font(14), anchor="rm")
            return
        ground = rgb(OVERLAP_COLORS[overlap_bin(overlap) or 0])
        pen.rectangle((x - 44, y - 10, x - 1, y + 10), ground)
        pen.text((x - 22, y), number(overlap, 2), casing_of(ground), font(14), anchor="mm")

    def _title(self) -> str:
        if len(self._tracks) == 1:
            return f"{self._sequence.name}, object {self._tracks[0].id}"
        return f"{self._sequence.name}, mean overlap of {len(self._tracks)} objects"


def bar_colors(overlap: NDArray[np.float64], width: int) -> list[Color]:
    """The colour of the overlap at each of so many pixels of a time axis."""
    frames = np.arange(width) * len(overlap) // width
    bins = [overlap_bin(float(overlap[t])) for t in frames]
    return [rgb(UNSCORED_COLOR if i is None else OVERLAP_COLORS[i]) for i in bins]
