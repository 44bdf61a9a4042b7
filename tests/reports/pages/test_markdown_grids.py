"""Grids as Markdown: places, two lines in a cell, and names that cannot break a table."""

from vot_memory.reports.pages.grids import Cell, Grid, Head, Row
from vot_memory.reports.pages.markdown_grids import EXPLAINED, render_document, render_grid

HEADS = (Head("policy", numeric=False), Head("Q", higher=True), Head("a|b", higher=False))


def grid(*rows, **options):
    return Grid("some", "A *caption*", HEADS, rows, **options)


def run(label, *cells):
    return Row(label, label, "run", (Cell(label), *cells))


def test_places_of_policies_are_bold_or_numbered():
    text = render_grid(
        grid(
            run("x", Cell("0.7", 0.7, 1), Cell("0.2", 0.2, 3)),
            run("<y>", Cell("0.6", 0.6, 2), Cell("0.3", below="+0.1 (0.0 to 0.2)")),
        )
    )
    assert text.splitlines() == [
        r"| policy | Q ↑ | a\|b ↓ |",
        "| --- | ---: | ---: |",
        "| x | **0.7**¹ | 0.2³ |",
        "| &lt;y&gt; | 0.6² | 0.3<br>+0.1 (0.0 to 0.2) |",
    ]


def test_places_within_a_video_are_bold_only_and_need_no_explanation():
    cells = (Cell("v"), Cell("0.7", 0.7, 1), Cell("0.6", 0.6, 2))
    own = grid(Row("v", "", "video", cells))
    assert "| v | **0.7** | 0.6 |" in render_grid(own)
    assert EXPLAINED not in render_document([own], "here")
    assert EXPLAINED in render_document([grid(run("x", Cell("0.7", 0.7, 1), Cell("")))], "here")


def test_a_document_says_what_it_shows_of_what_and_what_stands_below():
    first = grid(run("x", Cell("1"), Cell("2")), below="the difference to fifo")
    second = grid(run("x", Cell("3"), Cell("4")), notes=("A | note.",))
    blocks = render_document([first, second], "set_ting").rstrip("\n").split("\n\n")
    assert blocks[0] == r"# A \*caption\*"
    assert blocks[1] == r"set\_ting"
    assert blocks[2] == r"A \*caption\*; below it the difference to fifo:"
    assert blocks[4] == r"A \*caption\*:"
    assert blocks[6] == r"- A \| note."
