"""Regions as the VOT toolkit writes them: one line of text each, or between numbers and masks.

    m10,4,3,2,0,2,1,3    a mask: x, y, width, height of a box, then runs row by row in it,
                         beginning with the run outside (0 where the first pixel is inside)
    m0,0,0,0,0           an empty mask: the object is not in the picture
    10,4,3.5,2           a rectangle: x, y, width, height in pixels; without area = absent
    1,1,9,1,5,8          a polygon: x, y of three or more corners
    4.5,7                a point
    0                    nothing is known here: not annotated, or no answer
    1                    the frame a tracker was begun on; counts as absent in ground truth
    nan,nan,nan,nan      read as 0, as the toolkit does

Masks may reach outside the picture, where they are cut. Runs that end before the box is full
leave the rest outside, as in the toolkit; runs that overfill it are an error (the toolkit
scores such a mask as something else).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE, decode, encode
from vot_memory.errors import InputError, closed

Runs = NDArray[np.int64]
LARGEST: Final = 65535  # side of a mask's box that the binary form holds
_MASK: Final = re.compile(r"m-?\d+,-?\d+(,\d+)+", re.ASCII)


@dataclass(frozen=True)
class Special:
    """No shape: 0 = unknown, 1 = the tracker was begun here, 2 = it failed."""

    code: int


@dataclass(frozen=True)
class Rectangle:
    """An upright box in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Polygon:
    """Corners (x, y) in pixels, three or more."""

    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Point:
    """A place in pixels."""

    x: float
    y: float


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask inside a box whose corner may lie outside the picture.

    Attributes:
        x, y, width, height: the box, pixels.
        runs: int64 [R], lengths of runs row by row in the box: outside, inside, outside, ...
    """

    x: int
    y: int
    width: int
    height: int
    runs: Runs

    def crop(self) -> NDArray[np.bool_]:
        """The box as bool [height, width]."""
        flat = np.zeros(self.width * self.height, bool)
        filled = np.repeat((np.arange(len(self.runs)) & 1).astype(bool), self.runs)
        flat[: len(filled)] = filled
        return flat.reshape(self.height, self.width)


Region = Special | Rectangle | Polygon | Point | Mask
UNKNOWN: Final = Special(0)
BEGUN: Final = Special(1)
EMPTY: Final = Mask(0, 0, 0, 0, np.zeros(1, np.int64))


def parse_region(text: str) -> Region:
    """Read one region.

    Raises:
        ValueError: the text is none; says why.
    """
    if text.startswith("m"):
        return _parse_mask(text)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{_short(text)!r} is no region") from None
    if len(numbers) == 1:
        if not numbers[0].is_integer() or numbers[0] < 0:
            raise ValueError(f"{_short(text)!r} is no special code, which is 0, 1 or 2")
        return Special(int(numbers[0]))
    return region_of_numbers(numbers)


def region_of_numbers(numbers: Seq[float]) -> Special | Rectangle | Polygon | Point:
    """A rectangle, polygon or point by how many numbers there are; unknown where any is nan.

    Raises:
        ValueError: an infinite number, or a count that fits none.
    """
    if any(map(math.isnan, numbers)):
        return UNKNOWN
    if any(map(math.isinf, numbers)):
        raise ValueError("a number is infinite")
    if len(numbers) == 2:
        return Point(*numbers)
    if len(numbers) == 4:
        return Rectangle(*numbers)
    if len(numbers) >= 6 and len(numbers) % 2 == 0:
        return Polygon(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    raise ValueError(f"{len(numbers)} numbers are no rectangle (4) and no polygon (6, 8, ...)")


def format_region(region: Region) -> str:
    """The line of text that `parse_region` reads as this region."""
    if isinstance(region, Special):
        return str(region.code)
    if isinstance(region, Mask):
        box = (region.x, region.y, region.width, region.height)
        return "m" + ",".join(map(str, [*box, *region.runs.tolist()]))
    if isinstance(region, Polygon):
        return ",".join(repr(float(v)) for point in region.points for v in point)
    if isinstance(region, Point):
        return f"{float(region.x)!r},{float(region.y)!r}"
    return ",".join(repr(float(v)) for v in (region.x, region.y, region.width, region.height))


def read_lines(path: Path) -> list[str]:
    """Read the lines of a file; raises `InputError` if it is no text."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except PermissionError as error:
        raise closed(error) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read as text: replace it by a whole copy.") from error


def read_regions(path: Path) -> list[Region]:
    """Read a file with a region a line.

    Raises:
        InputError: the file cannot be read, or a line is no region; names the line.
    """
    lines = read_lines(path)
    while lines and not lines[-1].strip():
        lines.pop()
    regions: list[Region] = []
    for number, line in enumerate(lines, start=1):
        try:
            regions.append(parse_region(line.strip()))
        except ValueError as error:
            raise InputError(
                f"{path}, line {number}: {error}; correct it or take a whole copy."
            ) from None
    return regions


def mask_region(rle: RLE) -> Mask:
    """The mask of a picture as region in its smallest box; `EMPTY` if no pixel is inside."""
    from pycocotools import mask as coco

    x, y, width, height = (int(v) for v in coco.toBbox(rle))
    if width == 0 or height == 0:
        return EMPTY
    flat = decode(rle)[y : y + height, x : x + width].ravel()
    switches = np.flatnonzero(np.diff(flat, prepend=False))
    return Mask(x, y, width, height, np.diff(switches, prepend=0, append=flat.size))


def rle_of_region(region: Region, size: tuple[int, int]) -> RLE:
    """The pixels of a region in a picture; what lies outside is cut.

    A rectangle holds the columns floor(x) to floor(x + width) - 1, and rows alike, as in the
    toolkit. A polygon is filled by `cv2.fillPoly` with its corners rounded to whole pixels, the
    outline inside. Special codes and points have no pixels.

    Args:
        region: what to draw.
        size: (height, width) of the picture.
    """
    height, width = size
    if isinstance(region, Mask):
        left, top = region.x, region.y
        right, bottom = left + region.width, top + region.height
    elif isinstance(region, Rectangle):
        left, top = math.floor(region.x), math.floor(region.y)
        right, bottom = math.floor(region.x + region.width), math.floor(region.y + region.height)
    else:
        picture = np.zeros(size, np.uint8)
        if isinstance(region, Polygon):
            import cv2

            cv2.fillPoly(picture, [np.round(region.points).astype(np.int32)], 1)
        return encode(picture)
    x, y = max(left, 0), max(top, 0)
    inside = (max(min(bottom, height) - y, 0), max(min(right, width) - x, 0))
    if isinstance(region, Mask):
        crop = region.crop()[y - top :, x - left :][: inside[0], : inside[1]]
    else:
        crop = np.ones(inside, bool)
    return _embed(crop, x, y, size)


def rles_of_regions(regions: Seq[Region], size: tuple[int, int]) -> list[RLE | None]:
    """`rle_of_region` of each; None where nothing is known (code 0)."""
    nothing = encode(np.zeros(size, np.uint8))
    rles: list[RLE | None] = []
    for region in regions:
        if isinstance(region, Special):
            rles.append(None if region == UNKNOWN else nothing)
        else:
            rles.append(rle_of_region(region, size))
    return rles


def _embed(crop: NDArray[np.bool_], x: int, y: int, size: tuple[int, int]) -> RLE:
    """The RLE of a picture that is empty but for `crop` [h, w] at x, y; no picture is made.

    COCO runs go column by column. A row of background below the crop ends every run within its
    column, so that its ends can be moved to where they are in the picture; where the crop is as
    high as the picture, columns touch there too and runs go on.
    """
    from pycocotools import mask as coco

    pad = int(crop.shape[0] < size[0])
    columns = np.zeros((crop.shape[1], crop.shape[0] + pad), bool)
    columns[:, : crop.shape[0]] = crop.T
    column, row = np.divmod(
        np.flatnonzero(np.diff(columns.ravel(), prepend=False, append=False)), columns.shape[1]
    )
    edges = (x + column) * size[0] + y + row
    counts = np.diff(edges, prepend=0, append=size[0] * size[1])
    if not counts[-1] and len(counts) > 1:
        counts = counts[:-1]
    rle = coco.frPyObjects({"size": list(size), "counts": counts.tolist()}, *size)
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


def _parse_mask(text: str) -> Mask:
    if not _MASK.fullmatch(text):
        raise ValueError(f"{_short(text)!r} is no mask, which reads mX,Y,WIDTH,HEIGHT,RUN,RUN,...")
    try:
        numbers = np.array(text[1:].split(","), np.int64)
    except OverflowError:
        raise ValueError(f"{_short(text)!r} holds a number that is too large") from None
    if len(numbers) < 4:
        raise ValueError(f"{_short(text)!r} lacks the width and height of the mask")
    x, y, width, height = numbers[:4].tolist()
    return checked_mask(x, y, width, height, numbers[4:])


def checked_mask(x: int, y: int, width: int, height: int, runs: Runs) -> Mask:
    """A mask whose runs fit its box; raises ValueError where they do not."""
    if max(width, height) > LARGEST:
        raise ValueError(f"the box of the mask, {width}x{height}, is larger than {LARGEST} pixels")
    if runs.max(initial=0) > width * height or runs.sum() > width * height:
        raise ValueError(
            f"the runs of the mask cover more than its box {width}x{height}, which has "
            f"{width * height} pixels"
        )
    return Mask(x, y, width, height, runs)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
