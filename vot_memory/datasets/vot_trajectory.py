"""Trajectories: what the VOT toolkit stores of a tracker's answers, one region a frame.

A `.txt` file has a region a line (see `vot_memory.datasets.vot_regions`). A `.bin` file is, all
little endian: int16 version (1), uint32 number of regions; then for each a byte for its kind and

    0 special      uint32 code
    1 rectangle    float32 x, y, width, height
    2 polygon      uint16 n, then n times float32 x, y
    3 mask         int16 x, y; uint16 width, height, n; n uint16 runs
    4 point        float32 x, y

A run longer than 65535 is written in parts with runs of length 0 between them.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import Any, Final

import numpy as np

from vot_memory.building import Building
from vot_memory.datasets.vot_regions import (
    Mask,
    Polygon,
    Rectangle,
    Region,
    Runs,
    Special,
    checked_mask,
    format_region,
    read_regions,
    region_of_numbers,
)
from vot_memory.errors import InputError

VERSION: Final = 1
LONGEST: Final = 65535  # what a uint16 holds


def read_trajectory(path: Path) -> list[Region]:
    """Read a `.bin` or `.txt` file.

    Raises:
        InputError: the file is damaged; names the byte or the line.
    """
    if path.suffix != ".bin":
        return read_regions(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): replace it.") from error
    reader = _Reader(data)
    try:
        return reader.trajectory()
    except (struct.error, ValueError) as error:
        reason = "the file ends there" if isinstance(error, struct.error) else str(error)
        raise InputError(
            f"{path} is damaged at byte {reader.at} ({reason}): replace it by a whole copy."
        ) from error


def write_trajectory(path: Path, regions: Seq[Region]) -> None:
    """Write a `.bin` or `.txt` file, whole or not at all.

    Raises:
        InputError: a mask has too many runs or too large a box for `.bin`; text has no limit.
    """
    if path.suffix == ".bin":
        try:
            data = b"".join([struct.pack("<hI", VERSION, len(regions)), *map(_pack, regions)])
        except struct.error as error:
            raise InputError(
                f"{path} cannot hold a mask that is larger than 65535 pixels or has more than "
                "65535 runs: write text instead (--text)."
            ) from error
    else:
        data = "".join(format_region(region) + "\n" for region in regions).encode()
    with Building(path) as building:
        building.write_bytes(data)


class _Reader:
    """Takes regions off a byte string; `at` is where the one being read begins."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at, self._next = data, 0, 0

    def trajectory(self) -> list[Region]:
        version, count = self._take("hI")
        if version != VERSION:
            raise ValueError(f"version {version} is unknown, expected {VERSION}")
        regions = []
        for _ in range(count):
            self.at = self._next
            regions.append(self._region())
        self.at = self._next
        if left := len(self._data) - self._next:
            raise ValueError(f"{left} bytes follow the last of {count} regions")
        return regions

    def _region(self) -> Region:
        (kind,) = self._take("B")
        if kind == 0:
            return Special(*self._take("I"))
        if kind == 1:
            return region_of_numbers(self._take("4f"))
        if kind == 2:
            return region_of_numbers(self._take(f"{2 * self._take('H')[0]}f"))
        if kind == 3:
            x, y, width, height, count = self._take("2h3H")
            return checked_mask(x, y, width, height, np.array(self._take(f"{count}H"), np.int64))
        if kind == 4:
            return region_of_numbers(self._take("2f"))
        raise ValueError(f"there is no region of kind {kind}")

    def _take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from("<" + layout, self._data, self._next)
        self._next += struct.calcsize("<" + layout)
        return values


def _pack(region: Region) -> bytes:
    if isinstance(region, Special):
        return struct.pack("<BI", 0, region.code)
    if isinstance(region, Rectangle):
        return struct.pack("<B4f", 1, region.x, region.y, region.width, region.height)
    if isinstance(region, Polygon):
        numbers = [value for point in region.points for value in point]
        return struct.pack(f"<BH{len(numbers)}f", 2, len(region.points), *numbers)
    if isinstance(region, Mask):
        runs = _split(region.runs)
        box = (region.x, region.y, region.width, region.height)
        return struct.pack("<B2h3H", 3, *box, len(runs)) + runs.astype("<u2").tobytes()
    return struct.pack("<B2f", 4, region.x, region.y)


def _split(runs: Runs) -> Runs:
    """Runs of 65535 at most: a longer one becomes parts with runs of 0 between them."""
    extra = np.maximum(runs - 1, 0) // LONGEST
    if not extra.any():
        return runs
    parts = np.zeros(len(runs) + 2 * int(extra.sum()), np.int64)
    ends = np.arange(len(runs)) + 2 * np.cumsum(extra)
    parts[ends] = runs - LONGEST * extra
    for i in np.flatnonzero(extra):
        parts[ends[i] - 2 * extra[i] : ends[i] : 2] = LONGEST
    return parts
