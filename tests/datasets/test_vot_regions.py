import json
from pathlib import Path

import numpy as np
import pytest

from vot_memory.datasets.rle import decode, encode
from vot_memory.datasets.vot_regions import (
    BEGUN,
    EMPTY,
    UNKNOWN,
    Mask,
    Point,
    Polygon,
    Rectangle,
    Special,
    format_region,
    mask_region,
    parse_region,
    read_regions,
    rle_of_region,
    rles_of_regions,
)
from vot_memory.errors import InputError

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "vots.json"


def pixels(text: str, size: tuple[int, int] = (6, 8)) -> list[list[int]]:
    """Pixels (y, x) of a line of text."""
    return np.argwhere(decode(rle_of_region(parse_region(text), size))).tolist()


def difficult_masks() -> dict[str, np.ndarray]:
    """Masks at the limits of the format, and random ones of every density."""
    rng = np.random.default_rng(3)
    size = (13, 17)
    found = {name: np.zeros(size, bool) for name in ("empty", "pixel", "row", "column", "frame")}
    found["pixel"][12, 16] = True
    found["row"][5, 2:9] = True
    found["column"][3:11, 0] = True
    found["frame"][[0, -1]] = found["frame"][:, [0, -1]] = True
    found |= {"full": np.ones(size, bool), "wide": np.ones((1, 9), bool)}
    found |= {f"random {p}": rng.random(size) < p for p in (0.02, 0.3, 0.5, 0.9)}
    return found


@pytest.mark.parametrize("name", difficult_masks())
def test_masks_survive_text(name: str) -> None:
    mask = difficult_masks()[name]
    rle = encode(mask)
    region = mask_region(rle)
    assert rle_of_region(parse_region(format_region(region)), mask.shape) == rle
    ys, xs = np.nonzero(mask)
    box = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) if mask.any() else (0, 0, 0, 0)
    assert (region.x, region.y, region.x + region.width, region.y + region.height) == box
    assert region.runs.sum() == region.width * region.height
    assert (region.runs[1:] > 0).all()


def test_every_mask_of_the_golden_cases_reads_as_its_runs_say() -> None:
    """Against a slow reading of the format, pixel by pixel."""
    text = GOLDEN.read_text()
    width, height = json.loads(text)["size"]
    lines = {part for part in text.split('"') if part.startswith("m") and part[1:2].isdigit()}
    assert len(lines) > 10
    for line in lines:
        x0, y0, w, h, *runs = map(int, line[1:].split(","))
        expected, at = np.zeros((height, width), bool), 0
        for i, run in enumerate(runs):
            for k in range(at, at + run):
                y, x = y0 + k // w, x0 + k % w
                if i % 2 and y < height and x < width:
                    expected[y, x] = True
            at += run
        assert at == w * h
        assert rle_of_region(parse_region(line), (height, width)) == encode(expected)


def test_runs_go_row_by_row_and_begin_outside() -> None:
    assert pixels("m2,1,3,2,1,2,1,2") == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert pixels("m0,0,2,2,0,1,2,1") == [[0, 0], [1, 1]]
    assert pixels("m2,1,3,2,1,1") == [[1, 3]]  # what runs leave open is outside
    assert pixels("m0,0,3,1,1,0,1,1") == [[0, 2]]  # runs of length 0 keep the alternation


def test_what_leaves_the_picture_is_cut() -> None:
    assert pixels("m-1,-1,3,3,0,9", (2, 2)) == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert pixels("m1,1,4,4,0,16", (2, 2)) == [[1, 1]]
    assert pixels("m5,0,2,2,0,4", (2, 2)) == pixels("m-4,0,2,2,0,4", (2, 2)) == []
    assert pixels("-3,-3,4,5", (2, 2)) == [[0, 0], [1, 0]]
    assert pixels("1,0,9,1", (2, 2)) == [[0, 1]]


@pytest.mark.parametrize("seed", range(40))
def test_random_boxes_anywhere_are_drawn_as_by_hand(seed: int) -> None:
    """Against a loop over the pixels of the box; canonical run lengths as of pycocotools."""
    rng = np.random.default_rng(seed)
    size = tuple(int(n) for n in rng.integers(1, 9, 2))
    x, y = (int(n) for n in rng.integers(-6, 8, 2))
    crop = rng.random((int(rng.integers(1, 12)), int(rng.integers(1, 12)))) < rng.choice([0.3, 1])
    expected = np.zeros(size, bool)
    for i, j in np.argwhere(crop).tolist():
        if 0 <= y + i < size[0] and 0 <= x + j < size[1]:
            expected[y + i, x + j] = True
    runs, inside = [0], False
    for pixel in crop.ravel().tolist():
        if pixel != inside:
            runs.append(0)
            inside = pixel
        runs[-1] += 1
    text = "m" + ",".join(map(str, [x, y, crop.shape[1], crop.shape[0], *runs]))
    assert rle_of_region(parse_region(text), size) == encode(expected)


def test_rectangles_hold_the_pixels_that_the_toolkit_gives_them() -> None:
    """Recorded from vot-toolkit 0.9.0: Rectangle.rasterize."""
    block = [[y, x] for y in range(2, 6) for x in range(1, 4)]
    assert pixels("1.5,2,3,4") == pixels("1.4,2.6,3,4") == block
    assert pixels("0.5,0.5,1,1") == [[0, 0]]
    assert pixels("1.6,1.6,0.2,0.2") == pixels("3,3,0,0") == pixels("5,5,-2,-2") == []


def test_a_polygon_is_filled_with_its_outline() -> None:
    block = [[y, x] for y in range(1, 5) for x in range(1, 7)]
    assert pixels("1,1,6.4,1,6,4,0.6,4.2") == block
    assert len(pixels("-9,-9,99,-9,99,99,-9,99")) == 48


def test_kinds_of_text() -> None:
    assert parse_region("0") == parse_region("nan,nan,nan,nan") == UNKNOWN
    assert parse_region("1") == BEGUN
    assert parse_region("2.0") == Special(2)
    assert parse_region("1,2.5,3e1,4") == Rectangle(1, 2.5, 30, 4)
    assert parse_region("1,2") == Point(1, 2)
    assert parse_region("1,2,3,4,5,6") == Polygon(((1, 2), (3, 4), (5, 6)))
    assert format_region(EMPTY) == "m0,0,0,0,0"
    for text in ("0", "1.5,2.0", "0.1,2.0,3.0,4.0", "1.0,2.0,3.0,4.0,5.0,6.0", "m-1,2,3,1,0,3"):
        assert format_region(parse_region(text)) == text


def test_only_unknown_regions_have_no_mask() -> None:
    regions = [UNKNOWN, BEGUN, EMPTY, parse_region("m0,0,1,1,0,1")]
    unknown, begun, empty, pixel = rles_of_regions(regions, (2, 3))
    assert unknown is None
    assert begun == empty == encode(np.zeros((2, 3), bool))
    assert decode(pixel).sum() == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("m0,0,2,2,5", "the runs of the mask cover more than its box 2x2, which has 4 pixels"),
        ("m0,0,2,2,9223372036854775807,9223372036854775807", "cover more than its box 2x2"),
        ("m0,0,70000,2,0", "the box of the mask, 70000x2, is larger than 65535 pixels"),
        ("m0,0,2", "'m0,0,2' lacks the width and height of the mask"),
        ("m0,0,2,2,-1,5", "is no mask, which reads mX,Y,WIDTH,HEIGHT,RUN,RUN,..."),
        ("m0,0,2,2,,4", "is no mask"),
        ("m0.5,0,2,2,0,4", "is no mask"),
        ("m0,0,99999999999999999999,2,4", "holds a number that is too large"),
        ("", "'' is no region"),
        ("10;20;30;40", "'10;20;30;40' is no region"),
        ("-1", "'-1' is no special code"),
        ("1,2,3", r"3 numbers are no rectangle \(4\) and no polygon"),
        ("1,2,3,inf", "a number is infinite"),
        ("x" * 50, r"'x{37}\.\.\.' is no region"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "groundtruth.txt"
    path.write_text(f"1,2,3,4\n{line}\n0\n")
    with pytest.raises(InputError, match=rf"groundtruth\.txt, line 2: .*{message}.*; correct it"):
        read_regions(path)


def test_trailing_empty_lines_are_no_regions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"0\r\nm0,0,1,1,0,1\r\n\r\n\n")
    first, second = read_regions(path)
    assert first == UNKNOWN
    assert isinstance(second, Mask)
    with pytest.raises(InputError, match=r"b\.txt cannot be read as text"):
        read_regions(tmp_path / "b.txt")
