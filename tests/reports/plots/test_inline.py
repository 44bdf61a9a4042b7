import re
import xml.etree.ElementTree as ET

import pytest
from fake_results import sequence
from matplotlib.figure import Figure

from vot_memory.reports.plots.canvas import styled
from vot_memory.reports.plots.figures import PLOTS
from vot_memory.reports.plots.inline import inline_svg
from vot_memory.reports.scores import score_runs
from vot_memory.reports.style import STYLES
from vot_memory.reports.tables.table import make_table

HOSTILE = "</style><script>alert('x')</script> & \"$x$\" | ../"


@styled
def draw(name):
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
    for policy in ("fifo", "sam3"):
        axes.plot([0, 1, 2], [0, 2, 1], color=STYLES[policy].color, marker="o", label=policy)
    axes.set_title(name, parse_math=False)
    return figure


def parse(svg):
    return ET.fromstring(svg)


def styles_in(root):
    """Class -> its declarations."""
    return dict(re.findall(r"\.([\w-]+)\{([^}]*)\}", root.find("style").text))


def test_it_is_one_picture_with_an_alternative_text():
    root = parse(inline_svg(draw("x"), "plot", 'Q of <b> & "c"\nrises'))
    assert root.tag == "svg"
    assert root.attrib["role"] == "img"
    assert root.find("title").text == 'Q of <b> & "c" rises'
    assert [float(n) for n in root.attrib["viewBox"].split()] == [0, 0, 288, 216]  # points
    assert "width: 100%" in root.attrib["style"]
    assert "width" not in root.attrib


def test_names_stay_text():
    svg = inline_svg(draw(HOSTILE), "plot", HOSTILE)
    root = parse(svg)
    assert HOSTILE in [text.text for text in root.iter("text")]
    assert "<script" not in svg
    assert svg.count("</style>") == 1
    assert not list(root.iter("script"))


def test_nothing_is_fetched_and_nothing_leaks_into_the_page():
    svg = inline_svg(draw("x"), "plot", "x")
    assert "http" not in svg
    assert "<!" not in svg
    assert "<?" not in svg
    assert "metadata" not in svg
    assert re.findall(r"url\((?!#)", svg) == []
    names = re.findall(r"([^{}]+)\{", parse(svg).find("style").text)
    assert names
    assert all(name.startswith(".plot-") for name in names)


def test_two_figures_share_no_id_and_all_references_resolve():
    roots = [parse(inline_svg(draw("x"), prefix, "x")) for prefix in ("one", "two")]
    ids = [[e.attrib["id"] for e in root.iter() if "id" in e.attrib] for root in roots]
    assert not set(ids[0]) & set(ids[1])
    for root, own in zip(roots, ids, strict=True):
        text = ET.tostring(root, encoding="unicode")
        used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        assert {a or b for a, b in used} == set(own)
        assert len(own) == len(set(own))
        classes = {e.attrib["class"] for e in root.iter() if "class" in e.attrib}
        assert classes <= set(styles_in(root))


def test_colours_follow_light_and_dark():
    root = parse(inline_svg(draw("x"), "plot", "x"))
    declared = " ".join(styles_in(root).values())
    assert "stroke: light-dark(#0072b2, #4AA3F0)" in declared
    assert "stroke: light-dark(#332288, #8A55F7)" in declared
    assert "fill: light-dark(#000000, #E6E8EB)" in root.attrib["style"]  # text is black by default
    bare = re.sub(r"light-dark\([^)]*\)", "", declared)
    assert re.findall(r"#(\w\w)\1\1\b", bare) == []  # no grey that stays as it is


def test_an_outline_has_the_colour_of_the_ground_and_leaves_text():
    from matplotlib.patheffects import withStroke

    figure = draw("x")
    outline = [withStroke(linewidth=2, foreground="white")]
    label = figure.axes[0].text(1, 1, "here", path_effects=outline)
    root = parse(inline_svg(figure, "plot", "x"))
    group = next(g for g in root.iter("g") if g.attrib.get("class") == "plot-halo")
    assert [text.text for text in group.iter("text")] == ["here"]
    assert "stroke: var(--plot-ground, light-dark(#ffffff" in styles_in(root)["plot-halo"]
    assert label.get_path_effects() == outline  # files are drawn with it again


def test_coordinates_have_two_decimals_and_bytes_are_the_same():
    svg = inline_svg(draw("x"), "plot", "x")
    assert svg == inline_svg(draw("x"), "plot", "x")
    places = " ".join(re.findall(r' (?:d|x|y|transform)="([^"]*)"', svg))
    assert re.findall(r"\.\d", places)
    assert re.findall(r"\.\d{3}", places) == []


@pytest.mark.parametrize("baseline", ["fifo", "absent-policy"])
@pytest.mark.parametrize("policies", [1, 8])
def test_every_plot_can_stand_in_a_page(results, policies, baseline):
    store = results(*(sequence(f"<{i}>|$x$", absent=i % 3 * 4) for i in range(3)))
    names = ["fifo", *(f"{HOSTILE}{i}" for i in range(policies - 1))]
    folders = [
        store.run(name, {s.name: 90 - 2 * i - 9 * k for k, s in enumerate(store.sequences)})
        for i, name in enumerate(names)
    ]
    table = make_table(score_runs(folders, store.sequences), baseline, 3)
    drawn = 0
    for plot in PLOTS:
        figure = plot.draw(table)
        if figure is not None:
            drawn += 1
            svg = inline_svg(figure, plot.name, plot.alt(table))
            assert "<script" not in svg
            assert len(parse(svg).find("title").text) > 20
            words = " ".join(text.text for text in parse(svg).iter("text"))
            assert not re.search(r"\bnan\b", words)
    assert drawn >= 3
