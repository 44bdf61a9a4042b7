import base64
import io
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from vot_memory.reports.pictures.strips import Strip, StripRow
from vot_memory.reports.plots.canvas import save
from vot_memory.reports.plots.strip import strip_plot
from vot_memory.reports.style import style_of

SHAPE = (60, 100, 3)
NAN = float("nan")


def picture(value):
    return np.full(SHAPE, (value, 0, 200), np.uint8)  # no text has such a colour


def row(label, policy, overlaps):
    pictures = tuple(picture(40 + 10 * i) for i in range(len(overlaps)))
    return StripRow(label, policy, overlaps, pictures)


@pytest.fixture
def strip():
    rows = (
        row("ground truth", "", (NAN, NAN, NAN)),
        row("fifo", "fifo", (0.913, NAN, 1.0)),
        row("first (a=$x$) <b>", "first", (0.05, NAN, 0.0)),
    )
    crops = (None, None, (3, 4, 25, 15))
    return Strip("a", "1", (2, 5, 130), rows, ("", "not annotated", "absent"), crops)


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_all_is_said_in_words(strip):
    figure = strip_plot(strip, "a, object <1> $y$")
    said = texts(figure)
    assert said[0] == "a, object <1> $y$"
    assert {"frame 2", "frame 5\nnot annotated", "frame 130\nabsent\nenlarged"} <= set(said)
    assert [text for text in said if re.fullmatch(r"\d\.\d\d", text)] == [
        "0.91",
        "1.00",
        "0.05",
        "0.00",
    ]
    assert "first (a=$x$)\n<b>" in said
    colors = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colors["fifo"] == style_of("fifo").color
    assert "Enlarged:" in " ".join(said)
    whole = strip_plot(replace(strip, crops=(None,) * 3), "")
    assert "Enlarged:" not in " ".join(texts(whole))
    assert not any("nan" in text for text in said)


def test_pictures_stand_in_the_files_pixel_by_pixel(strip, tmp_path):
    import matplotlib as mpl

    with mpl.rc_context({"figure.dpi": 37, "image.interpolation": "bicubic"}):
        files = save(strip_plot(strip, "a"), tmp_path / "strip")
    assert [file.suffix for file in files] == [".png", ".svg", ".pdf"]
    svg = files[1].read_text()
    (data,) = re.findall(r'xlink:href="data:image/png;base64,\s*([^"]+)"', svg)
    embedded = np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))
    gap = (embedded.shape[1] - 3 * SHAPE[1]) // 2
    expected = np.full((3 * SHAPE[0] + 2 * gap, 3 * SHAPE[1] + 2 * gap, 3), 255, np.uint8)
    for r, own in enumerate(strip.rows):
        for c, cell in enumerate(own.pictures):
            y, x = r * (SHAPE[0] + gap), c * (SHAPE[1] + gap)
            expected[y : y + SHAPE[0], x : x + SHAPE[1]] = cell
    if (embedded != expected).any():  # some versions store images upside down and turn them
        embedded = embedded[::-1]
    assert (embedded == expected).all()
    png = np.array(Image.open(files[0]).convert("RGB"))
    for value in (40, 50, 60):  # a column each; overlaps hide a part of some pictures
        near = np.abs(png.astype(int) - (value, 0, 200)).max(-1) <= 3  # of a palette
        rows, columns = np.nonzero(near)
        assert len(rows) >= 1.5 * SHAPE[0] * SHAPE[1]
        assert np.ptp(columns) == SHAPE[1] - 1
        assert np.ptp(rows) == expected.shape[0] - 1


def test_photographs_make_small_files_that_look_the_same(strip, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (160, 240, 3), np.uint8)
    smooth = cv2.resize(noise[:10, :15], (240, 160), interpolation=cv2.INTER_CUBIC)
    rows = tuple(own._replace(pictures=(smooth,) * 3) for own in strip.rows)
    photographs = replace(strip, rows=rows)
    png, svg, pdf = save(strip_plot(photographs, "a"), tmp_path / "strip")
    drawn = np.array(Image.open(png)).astype(int)
    left, top = (drawn.shape[1] - 10 - 240, next(y for y in range(40, 120) if is_photo(drawn[y])))
    shown = drawn[top : top + 160, left : left + 240]
    assert np.abs(shown - smooth).max() <= 6  # half a step of 24 levels
    (data,) = re.findall(r'xlink:href="data:image/jpeg;base64,([^"]+)"', svg.read_text())
    embedded = np.array(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)
    first = embedded[:160, :240]
    first = first if np.abs(first - smooth).mean() < 10 else embedded[::-1][:160, :240]
    assert np.abs(first - smooth).mean() < 3
    assert pdf.stat().st_size < rows[0].pictures[0].nbytes * 9 / 2


def is_photo(line):
    """Whether most of a row of pixels is no paper."""
    return (line.min(-1) < 250).mean() > 0.6


def test_files_are_the_same_bytes_each_time(strip, tmp_path):
    first = [file.read_bytes() for file in save(strip_plot(strip, "a"), tmp_path / "one")]
    second = [file.read_bytes() for file in save(strip_plot(strip, "a"), tmp_path / "two")]
    assert first == second


def test_many_policies_and_long_names(strip):
    rows = (strip.rows[0], *(strip.rows[1]._replace(label="w" * 300 + str(i)) for i in range(12)))
    figure = strip_plot(replace(strip, rows=rows), "t " * 300)
    width, height = figure.get_size_inches() * figure.dpi
    assert height > 13 * SHAPE[0]
    canvas = figure.canvas
    canvas.draw()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= width + 1, text.get_text()
        assert box.y0 >= 0
        assert box.y1 <= height


def test_names_bring_their_signs_and_what_these_mean(strip):
    names = {"fifo": "fifo†", "first (a=$x$) <b>": f"{'w' * 28}‡§"}
    figure = strip_plot(strip, "a", names, ["† first meaning", "§ second meaning"])
    said = texts(figure)
    assert {"ground truth", "fifo†", f"{'w' * 16}\n{'w' * 12}‡§"} <= set(said)
    (caption,) = [text for text in said if text.startswith("Outlined")]
    assert caption.splitlines()[-2:] == ["† first meaning", "§ second meaning"]
