"""The panel of one video: numbers, pictures, one plot for each policy and object."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pytest
from fake_results import FRAMES, Results, at, record, sequence

from vot_memory.datasets.sequence import Sequence
from vot_memory.reports.gather import Section, gather
from vot_memory.reports.pages.markers import marker_svg
from vot_memory.reports.pages.sequence_panel import panel_css, sequence_panel
from vot_memory.reports.pictures.strips import Strip, StripRow
from vot_memory.reports.plots.canvas import row_styles
from vot_memory.reports.style import OVERLAP_COLORS
from vot_memory.results import COLUMNS, IMPORTED, Record

Make = Callable[..., Results]
HOSTILE = '<script>alert("x")</script>|$x$'


class Page(HTMLParser):
    """Start tags with attributes, and the text of table rows."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"input", "img"}:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if "tr" in self.open and self.rows[-1]:
            self.rows[-1][-1] += data.strip("\n")

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def plots(self) -> list[dict[str, str | None]]:
        return [svg for svg in self.all("svg") if svg.get("role") == "img"]


def panel(results: Results, name: str, strips: dict[str, Strip] | None = None) -> Page:
    html = sequence_panel(section(results), name, strips or {})
    assert "nan" not in re.sub(r'src="[^"]*"', "", html).lower()
    return Page(html)


def section(results: Results) -> Section:
    return gather(results.root, None, "fifo").sections[0]


def test_numbers_have_a_row_a_policy_and_the_best_is_bold(results: Make):
    made = results(sequence("a", away=(5, 6)))
    made.run("fifo", {"a": [100] * 5 + [0] * 4 + [80] * 6})
    made.run("dam4sam", {"a": 90})
    page = panel(made, "a")
    heads, *rows = page.rows
    assert heads[:3] == ["policy", "Q", "\N{MINUS SIGN} fifo"]
    # 14 scored frames: fifo has 4 of 1, 2 absent of 1, 2 of 0 and 6 of 0.8; dam4sam 12 of 0.9
    q, other = (4 + 2 + 6 * 0.8) / 14, (12 * 0.9 + 2) / 14
    assert rows[0][:3] == ["fifo", f"{q:.3f}", ""]
    assert rows[1][:3] == ["dam4sam", f"{other:.3f}", f"+{other - q:.3f}"]
    assert [row[-6:] for row in rows] == [
        ["1/1", "10", "0", "2", "0", "2"],
        ["1/1", "12", "0", "0", "0", "2"],
    ]
    assert f"<b>{other:.3f}</b>" in sequence_panel(section(made), "a", {})
    assert "back at frame 7, found at 9" in page.text
    assert [svg["aria-label"] for svg in page.plots()] == [
        f"fifo on object 1 of a: Q {q:.3f}, back at frame 7, found at 9",
        f"dam4sam on object 1 of a: Q {other:.3f}, never lost",
    ]


def test_what_happens_is_counted_in_frames(results: Make):
    labels = {"occluded": at(2, 3), "lookalike_near": at(1), "strength": "weak"}
    made = results(sequence("a", away=(5, 6), labels=labels))
    made.run("fifo", {"a": 90})
    assert (
        "What happens: occluded on 2 frames, look-alike near on 1 frame, absent on 2 frames."
        in panel(made, "a").text
    )


def test_every_policy_can_be_hidden_without_javascript(results: Make):
    made = results(sequence("a"))
    for policy in ("fifo", "dam4sam", HOSTILE):
        made.run(policy, {"a": 90})
    page = panel(made, "a")
    boxes = page.all("input")
    assert [box["class"] for box in boxes] == ["c0", "c1", "c2"]
    assert all("checked" in box for box in boxes)
    html = sequence_panel(section(made), "a", {})
    for i in range(3):
        assert f".sequence-panel:has(.c{i}:not(:checked)) .p{i}{{display:none}}" in html
        assert [f["class"] for f in page.all("figure")][i] == f"p{i}"


def test_two_runs_of_a_policy_have_markers_of_their_own(results: Make):
    made = results(sequence("a"))
    for seed in (1, 2):
        made.run("random", {"a": 90}, policy_config={"k": seed})
    page, chosen = panel(made, "a"), section(made)
    shapes = [path["d"] for path in page.all("path") if "style" in path]
    styles = row_styles(chosen.table)
    drawn = [marker_svg(styles[run.label]) for run in chosen.runs_on("a")]
    assert len(set(shapes)) == len(set(drawn)) == 2
    assert all(any(shape in marker for marker in drawn) for shape in shapes)


def test_what_the_legend_explains_is_there(results: Make):
    made = results(sequence("here"), sequence("away", away=(5, 6)))
    made.run("fifo", {"here": 90, "away": [90] * 5 + [0, 90] + [90] * 8})
    assert "absent, rightly empty" in panel(made, "away").text
    assert "absent, rightly empty" not in panel(made, "here").text
    assert "anchor (top edge)" not in panel(made, "here").text


def test_names_are_only_text(results: Make):
    made = results(sequence(HOSTILE, (HOSTILE, "2")))
    made.run(HOSTILE, {HOSTILE: 90})
    page = panel(made, HOSTILE)
    assert not page.all("script")
    assert page.text.count(HOSTILE) >= 4  # of the video, the object and the policy


def test_several_objects_have_a_block_each_and_a_late_one_says_so(results: Make):
    made_of = sequence("a", ("1", "2"), labels={"occluded": at(1, 2)})
    first, second = made_of.objects
    late = replace(second, first_frame=7, rles=(None,) * 7 + second.rles[7:])
    both = Sequence(**{**vars(made_of), "objects": (first, late)})
    made = results(both)
    folder = made.run("fifo", {})
    folder.write(record(both, first, "fifo", [90] * FRAMES, False))
    whole = record(both, late, "fifo", [60] * FRAMES, False).model_dump()
    begun = {name: [None] * 7 + whole[name][7:] for name in COLUMNS}
    begun |= {"memory": [None] * 7 + [[7]] * 8, "first_frame": 7}
    folder.write(Record(**(whole | begun)))
    page = panel(made, "a")
    assert "Object 2, from frame 7" in page.text
    assert len([d for d in page.all("details") if "open" in d]) == 2
    assert len(page.plots()) == 2
    assert "occluded" not in page.text  # nothing says of which object


def test_another_programs_memory_is_said_to_be_unknown(results: Make):
    video = sequence("a")
    made = results(video)
    folder = made.run("theirs", {}, tracker=IMPORTED)
    known = record(video, video.objects[0], "theirs", [70] * FRAMES, False)
    nothing = {name: [None] * FRAMES for name in COLUMNS[1:]}
    folder.write(known.model_copy(update=nothing))
    page = panel(made, "a")
    assert "Another program made these masks: its memory is not known here." in page.text
    assert "predicted IoU" not in page.text
    assert "slot" not in page.text


def test_offline_runs_and_missing_ones_are_said(results: Make):
    made = results(sequence("a"), sequence("b"))
    made.run("fifo", {"a": 90, "b": 90})
    made.run("sam2long", {"a": 90, "b": 90}, offline=True)
    made.run("dam4sam", {"b": 90})
    made.run("samurai", {"b": 90}, failed={"a": "no <b>memory</b> left"})
    page = panel(made, "a")
    assert "Offline: the masks were revised after the last frame" in page.text
    assert "dam4sam: not run yet" in page.text
    assert "samurai: failed: no <b>memory</b> left" in page.text
    assert "Without results" not in panel(made, "b").text


def test_one_policy_needs_neither_choice_nor_difference(results: Make):
    made = results(sequence("a"))
    made.run("fifo", {"a": 90})
    page = panel(made, "a")
    assert not page.all("input")
    assert page.rows[0][:3] == ["policy", "Q", "A"]
    assert "<b>0.900</b>" not in sequence_panel(section(made), "a", {})


def test_pictures_are_in_the_page_with_words_beside_them(results: Make):
    made = results(sequence("a"))
    made.run("fifo", {"a": 90})
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    rows: tuple[StripRow, ...] = (
        StripRow("ground truth", "", (float("nan"),) * 2, (red, red)),
        StripRow("fifo", "fifo", (0.9, float("nan")), (red, red)),
    )
    strip = Strip("a", "1", (3, 8), rows, ("", "absent"), (None, (0, 0, 3, 3)))
    page = panel(made, "a", {"1": strip})
    pictures = page.all("img")
    assert [picture["alt"] for picture in pictures] == [
        "ground truth, frame 3",
        "ground truth, frame 8",
        "fifo, frame 3, overlap 0.90",
        "fifo, frame 8, overlap \N{EN DASH}",
    ]
    kind, data = (pictures[0]["src"] or "").split(",")
    assert kind == "data:image/jpeg;base64"
    read = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert read.shape == (20, 30, 3)
    assert read[10, 15, 2] > 180  # OpenCV has red last
    assert read[10, 15, 0] < 20
    assert ["frame", "3", "8 absent, enlarged"] in page.rows
    assert ["fifo", "0.90", "\N{EN DASH}"] in page.rows
    assert [span.get("class") for span in page.all("span")[-2:]] == ["q4", "qu"]
    rows = (rows[0], StripRow("fifo", "fifo", (1.0, 1.0), (red, red)))
    empty = panel(made, "a", {"1": replace(strip, rows=rows)})
    cells = [span["class"] for span in empty.all("span") if span.get("class") in ("q4", "qa")]
    assert cells == ["q4", "qa"], "the second frame is empty, and rightly so"


def test_pictures_bear_the_signs_of_their_policy(results: Make):
    made = results(sequence("a"))
    made.run("replay", {"a": 90}, policy_config={"file_sha256": "d" * 64})
    picture = np.zeros((20, 30, 3), np.uint8)
    rows = (
        StripRow("ground truth", "", (float("nan"),), (picture,)),
        StripRow("replay", "replay", (0.9,), (picture,)),
    )
    page = panel(made, "a", {"1": Strip("a", "1", (3,), rows, ("",), (None,))})
    assert ["replay§", "0.90"] in page.rows
    assert ["ground truth", ""] in page.rows


def test_thirty_policies_are_shown_and_a_video_must_exist(results: Make):
    made = results(sequence("a"))
    for i in range(30):
        made.run(f"policy {i}", {"a": 90})
    assert len(panel(made, "a").plots()) == 30
    with pytest.raises(KeyError):
        sequence_panel(section(made), "nobody", {})


def test_colours_of_overlaps_come_from_one_place():
    css = panel_css()
    for i, color in enumerate(OVERLAP_COLORS):
        assert f"--q{i}:{color};" in css
        assert f".sequence-panel .q{i} {{ fill: var(--q{i})" in css
