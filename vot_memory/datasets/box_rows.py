"""Text annotations of box data sets: a box a line, and flags that say where it is absent."""

from __future__ import annotations

import math
import re
from pathlib import Path

from vot_memory.datasets.sequence import NO_BOX, Box
from vot_memory.errors import InputError, closed

VATIC_COLUMNS = 10  # track, xmin, ymin, xmax, ymax, frame, lost, occluded, generated, "label"
_SEPARATORS = re.compile(r"[,\s]+")


def read_boxes(path: Path) -> list[Box | None]:
    """Read a box a line, as published: no coordinate is shifted or rounded.

    A line has x, y, width and height between commas, tabs or spaces; or it is a row of VATIC, whose
    corners become x, y, width and height and whose mark "lost" (outside the view) means absent
    (https://github.com/cvondrick/vatic). Four NaN mean that the frame is not annotated.

    Returns:
        One entry a line: `NO_BOX` for lost, None for NaN.

    Raises:
        InputError: the file cannot be read, or a line is neither.
    """
    lines = _read(path).rstrip().splitlines()
    if not lines:
        raise InputError(f"{path} has no boxes: replace it by a whole copy.")
    return [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def read_flags(path: Path) -> list[int]:
    """Read whole numbers, one a frame, between commas or line ends.

    Raises:
        InputError: the file cannot be read or something in it is no whole number.
    """
    words = [word for word in _SEPARATORS.split(_read(path)) if word]
    for position, word in enumerate(words, start=1):
        if not word.isdecimal():
            raise InputError(
                f"{path} has {word!r} as value {position} where a whole number stands for each "
                "frame: replace it by a whole copy."
            )
    return [int(word) for word in words]


def _parse(line: str, place: str) -> Box | None:
    words = _SEPARATORS.split(line.strip())
    vatic = len(words) >= VATIC_COLUMNS
    try:
        numbers = [float(word) for word in (words[1:9] if vatic else words)]
    except ValueError:
        numbers = []
    if len(numbers) == 4 and all(math.isnan(number) for number in numbers):
        return None
    if len(numbers) != (8 if vatic else 4) or not all(math.isfinite(n) for n in numbers):
        raise InputError(
            f"{place} is {line.strip()[:60]!r}, not x,y,width,height nor a row of VATIC: "
            "correct it or replace the file by a whole copy."
        )
    if not vatic:
        x, y, width, height = numbers
        return x, y, width, height
    left, top, right, bottom, _frame, lost, *_ = numbers
    return NO_BOX if lost else (left, top, right - left, bottom - top)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except PermissionError as error:
        raise closed(error) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The annotation {path} cannot be read: add it or replace it by a whole copy."
        ) from error
