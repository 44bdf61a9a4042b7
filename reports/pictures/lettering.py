"""Words in pictures, in the letters that plots have."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.reports.text import one_line

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

    from vot_memory.reports.pictures.outlines import Color

SWATCH = 12  # side of a square of colour, pixels


@cache
def font(size: int) -> FreeTypeFont:
    """DejaVu Sans of so many pixels, which ships with matplotlib."""
    import matplotlib as mpl
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


def write(
    pen: ImageDraw, at: tuple[int, int], text: str, color: Color, *, size: int = 15, room: int
) -> int:
    """Write one line to the right of a point at its middle height, cut to the room there is.

    Returns:
        x of its end.
    """
    letters = font(size)
    text = one_line(text)
    shown = text
    while shown and letters.getlength(shown) > room:
        text = text[:-1]
        shown = f"{text}…" if text else ""
    pen.text(at, shown, color, letters, anchor="lm")
    return at[0] + round(letters.getlength(shown))


def swatch(pen: ImageDraw, at: tuple[int, int], color: Color, edge: Color) -> int:
    """Draw a square of colour to the right of a point; returns x of what follows it."""
    x, y = at
    half = SWATCH // 2
    pen.rectangle((x, y - half, x + SWATCH - 1, y + half - 1), color, edge)
    return x + SWATCH + 7
