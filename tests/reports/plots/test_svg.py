import base64
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import patheffects
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from vot_memory.reports.plots.canvas import save
from vot_memory.reports.plots.svg import compact

HEAD = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
NAME = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"


def small(inner):
    return ET.fromstring(compact(f"<svg {HEAD}>{inner}</svg>".encode()))


def test_coordinates_are_short_and_factors_exact():
    root = small(
        '<g transform="translate(1.23456 2.5) scale(0.015625 -0.085)">'
        '<path d="M 1.23456 7.00001 \nL -0.001 3 \nz\n"/></g>'
    )
    (group,) = root.iter(f"{NAME}g")
    assert group.attrib["transform"] == "translate(1.23 2.5) scale(0.015625 -0.085)"
    assert group[0].attrib["d"] == "M1.23 7L0 3z"


def test_a_style_stands_once_and_an_id_only_where_it_is_used():
    style = 'style="fill: none; stroke: #ebebeb"'
    root = small(
        '<metadata>by whom</metadata><defs><path id="mark-4711" d="M 0 0"/></defs>'
        f'<g id="figure_1"><g id="a" {style}/><g id="b" {style}><path d="M 1 1"/></g>'
        '<use xlink:href="#mark-4711" transform="translate(63.625 0)"/></g>'
    )
    assert "by whom" not in "".join(root.itertext())
    assert root[0].tag == f"{NAME}style"
    assert root[0].text.count("fill:none;stroke:#ebebeb") == 1
    assert [e.attrib["id"] for e in root.iter() if "id" in e.attrib] == ["i0"]
    (use,) = root.iter(f"{NAME}use")
    assert use.attrib == {LINK: "#i0", "x": "63.62"}


def test_an_outline_that_is_drawn_twice_stands_once():
    outline = "M 0 0 " + "L 1 1 " * 100
    root = small(
        f'<path d="{outline}" style="stroke: #ffffff"/><path d="{outline}" style="fill: #000000"/>'
    )
    (path,) = root.iter(f"{NAME}path")
    uses = list(root.iter(f"{NAME}use"))
    assert [use.attrib[LINK] for use in uses] == [f"#{path.attrib['id']}"] * 2
    sheet = dict(re.findall(r"\.([\w-]+)\{([^}]*)\}", root[0].text))
    assert [sheet[use.attrib["class"]] for use in uses] == ["stroke:#ffffff", "fill:#000000"]


@pytest.mark.parametrize(("colors", "kind"), [(256, "png"), (600, "jpeg")])
def test_pictures_of_few_colours_are_kept_exactly(colors, kind):
    pixels = np.zeros((30, 20, 3), np.uint8)
    pixels.reshape(-1, 3)[:, 0] = np.arange(600) % min(colors, 256)
    if colors > 256:
        pixels.reshape(-1, 3)[:, 1] = np.arange(600) // 256
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    data = base64.b64encode(file.getvalue()).decode()
    root = small(f'<image xlink:href="data:image/png;base64,{data}"/>')
    (image,) = root.iter(f"{NAME}image")
    head, _, packed = image.attrib[LINK].partition(",")
    assert head == f"data:image/{kind};base64"
    back = np.array(Image.open(io.BytesIO(base64.b64decode(packed))).convert("RGB")).astype(int)
    assert np.abs(back - pixels).max() <= (0 if kind == "png" else 25)


def test_files_of_a_plot_are_small_and_keep_their_colours(tmp_path):
    figure = Figure(figsize=(4, 3))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#d55e00", linewidth=4)
    outline = [patheffects.withStroke(linewidth=2, foreground="white")]
    axes.text(0.5, 0.5, "<name> & $x$ " * 4, parse_math=False, path_effects=outline)
    png, svg, pdf = save(figure, tmp_path / "a")
    picture = Image.open(png)
    assert picture.mode == "P"
    colors = {color for _, color in picture.convert("RGB").getcolors()}
    assert (255, 255, 255) in colors
    assert min(max(abs(a - b) for a, b in zip(c, (213, 94, 0), strict=True)) for c in colors) <= 3
    text = svg.read_text()
    assert "metadata" not in text
    assert text == (save(figure, tmp_path / "b", ["svg"])[0]).read_text()
    assert not (tmp_path / "b.png").exists()
    assert pdf.read_bytes().startswith(b"%PDF")
