import struct
from pathlib import Path

import numpy as np
import pytest

from vot_memory.datasets.rle import encode
from vot_memory.datasets.vot_regions import (
    BEGUN,
    EMPTY,
    UNKNOWN,
    Mask,
    Point,
    Polygon,
    Rectangle,
    Region,
    format_region,
    mask_region,
    rle_of_region,
)
from vot_memory.datasets.vot_trajectory import read_trajectory, write_trajectory
from vot_memory.errors import InputError


def every_kind() -> list[Region]:
    rng = np.random.default_rng(1)
    return [
        BEGUN,
        UNKNOWN,
        Rectangle(1.5, 2.0, 3.25, 4.0),
        Polygon(((1.0, 2.0), (5.0, 6.0), (7.0, 1.0))),
        Point(3.0, -4.5),
        Mask(-3, 7, 2, 2, np.array([1, 3])),
        EMPTY,
        mask_region(encode(rng.random((40, 50)) < 0.4)),
    ]


@pytest.mark.parametrize("name", ["a.bin", "a.txt"])
def test_a_trajectory_survives(tmp_path: Path, name: str) -> None:
    write_trajectory(tmp_path / name, every_kind())
    back = read_trajectory(tmp_path / name)
    assert [format_region(r) for r in back] == [format_region(r) for r in every_kind()]
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_trajectory(path, [BEGUN, Mask(1, -2, 3, 4, np.array([5, 7]))])
    expected = "0100 02000000 00 01000000 03 0100 feff 0300 0400 0200 0500 0700"
    assert path.read_bytes() == bytes.fromhex(expected)


def test_a_file_of_the_toolkit_is_read(tmp_path: Path) -> None:
    """A full 300x300 mask as vot-toolkit 0.9.0 wrote it: it splits runs above 65025."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes.fromhex("010001000000 03 0000 0000 2c01 2c01 0400 0000 01fe 0000 8f61"))
    (region,) = read_trajectory(path)
    assert rle_of_region(region, (300, 300)) == encode(np.ones((300, 300), bool))


@pytest.mark.parametrize(
    "runs",
    [
        [0, 65535, 65535],
        [65536, 1, 65536, 70000],
        [200000, 200000],
        [3, 131070, 131071, 0, 1],
        [400000],
    ],
)
def test_long_runs_are_split_without_a_change(tmp_path: Path, runs: list[int]) -> None:
    region = Mask(0, 0, 700, 700, np.array(runs))
    write_trajectory(tmp_path / "a.bin", [region])
    (back,) = read_trajectory(tmp_path / "a.bin")
    assert isinstance(back, Mask)
    assert back.runs.max() <= 65535
    np.testing.assert_array_equal(back.crop(), region.crop())


def test_what_does_not_fit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    checkers = mask_region(encode(np.indices((400, 400)).sum(0) % 2 == 0))
    with pytest.raises(InputError, match=r"a\.bin cannot hold a mask .*--text"):
        write_trajectory(tmp_path / "a.bin", [checkers])
    assert not list(tmp_path.iterdir())
    write_trajectory(tmp_path / "a.txt", [checkers])
    (back,) = read_trajectory(tmp_path / "a.txt")
    assert isinstance(back, Mask)
    np.testing.assert_array_equal(back.runs, checkers.runs)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"byte 0 \(the file ends there\)"),
        (struct.pack("<hI", 2, 0), r"byte 0 \(version 2 is unknown, expected 1\)"),
        (struct.pack("<hIBI", 1, 2, 0, 1), r"byte 11 \(the file ends there\)"),
        (struct.pack("<hIBIBf", 1, 2, 0, 1, 1, 2.0), r"byte 11 \(the file ends there\)"),
        (struct.pack("<hIB", 1, 1, 9), r"byte 6 \(there is no region of kind 9\)"),
        (struct.pack("<hIBI", 1, 1, 0, 1) + b"xx", r"byte 11 \(2 bytes follow the last of 1"),
        (struct.pack("<hIBH4f", 1, 1, 2, 2, 1, 2, 3, 4)[:-1], r"byte 6 \(the file ends there\)"),
        (
            struct.pack("<hIB2h4H", 1, 1, 3, 0, 0, 2, 2, 1, 5),
            r"byte 6 \(the runs of the mask cover more than its box 2x2",
        ),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.bin is damaged at {message}.*: replace it"):
        read_trajectory(tmp_path / "a.bin")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.bin cannot be read"):
        read_trajectory(tmp_path / "a.bin")
