"""The signature plot as SVG: read back, its coordinates are frames, slots and per cent."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from fake_timelines import NAN, anchor, fifo, imported, nothing, prompt, recent, timeline

from vot_memory.reports.pages.timeline_svg import (
    LEFT,
    PLOT,
    find_losses,
    make_axes,
    say_losses,
    say_panel,
    timeline_svg,
)
from vot_memory.reports.timeline import Timeline


def draw(
    shown: Timeline, *others: Timeline, baseline: str | None = None, **events: np.ndarray
) -> ElementTree.Element:
    svg = timeline_svg(shown, make_axes([shown, *others], baseline, events), "in words")
    assert "nan" not in svg.lower()
    return ElementTree.fromstring(svg)


def paths(svg: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [path for path in svg.iter("path") if path.get("class") == name]


def shapes(svg: ElementTree.Element, name: str) -> list[str]:
    return [path.get("d", "") for path in paths(svg, name)]


def texts(svg: ElementTree.Element, name: str) -> list[str]:
    groups = [group for group in svg.iter("g") if group.get("class") == name]
    return [text.text or "" for group in groups for text in group.iter("text")]


def points(line: str) -> list[tuple[int, int]]:
    """Of a path M x y l dx dy ...: where it passes."""
    start, moves = line.removeprefix("M").split("l")
    numbers = [int(n) for n in re.findall(r"-?\d+", moves)]
    at = [tuple(int(n) for n in re.findall(r"-?\d+", start))]
    for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
        at.append((at[-1][0] + dx, at[-1][1] + dy))
    return at


def test_bars_stand_where_memories_stay():
    memories = (
        prompt(10),
        recent(1, 1, 1, 4, 0.9),
        recent(4, 1, 4, 10, 0.1),
        anchor(5, 2, 6, 9, 0.5),
    )
    svg = draw(timeline(10, memories=memories))
    assert shapes(svg, "qp") == ["M0 0h10v1h-10z"]
    assert shapes(svg, "q4") == ["M1 1h3v1h-3z"]
    assert shapes(svg, "q0") == ["M4 1h6v1h-6z"]
    assert shapes(svg, "q2") == ["M6 2h3v1h-3z"]
    assert shapes(svg, "an") == ["M6 2.11h3"]  # within its bar
    [raster] = [group for group in svg.iter("g") if group.get("class") == "m"]
    assert f"translate({LEFT} " in raster.get("transform", "")
    assert f"scale({PLOT / 10:g} " in raster.get("transform", "")


def test_bars_have_tooltips_and_names_where_there_is_room():
    short = [recent(t, 2, t, t + 1, 0.9) for t in range(2, 40)]
    svg = draw(timeline(80, memories=(prompt(80), recent(1, 1, 1, 80, 0.5), *short)))
    [bar] = paths(svg, "q2")
    assert bar.findtext("title") == "frame 1 in slot 1 to the end; overlap 0.50"
    assert texts(svg, "deep") == ["prompt"]  # one frame of 80 is too thin for a number
    assert texts(svg, "pale") == ["1"]


def test_memories_of_an_absent_object_are_hollow_and_lie_above_the_others():
    memories = (prompt(20), nothing(1, 1, 1, 10), recent(10, 1, 10, 20, 1.0))
    svg = draw(timeline(20, memories=memories))
    assert shapes(svg, "qa") == ["M1 1h9v1h-9z"]
    [raster] = [group for group in svg.iter("g") if group.get("class") == "m"]
    assert [path.get("class") for path in raster] == ["qp", "q4", "qa"]
    assert texts(svg, "hollow") == ["1"]
    assert texts(svg, "deep") == ["prompt", "10"]


def test_the_overlap_has_no_fill_where_the_object_is_absent_and_the_answer_empty():
    overlap = np.array([NAN, 0.8, 0.6, 1.0, 1.0, 0.0, 0.5])
    absent = np.isin(np.arange(7), (3, 4, 5))
    svg = draw(timeline(7, overlap=overlap, absent=absent))
    assert len(points(shapes(svg, "line")[0])) == 6
    areas = shapes(svg, "fill")
    assert [area[area.index("V") :] for area in areas] == ["V100H1z", "V100H5z"]


def test_the_overlap_is_a_line_with_gaps_where_frames_are_not_scored():
    overlap = np.array([NAN, 0.8, 0.6, NAN, 0.25, 1.0, 0.0])
    [line] = shapes(draw(timeline(7, overlap=overlap)), "line")
    first, second = line.removeprefix("M").split("M")
    assert points(first) == [(1, 20), (2, 40)]
    assert points(second) == [(4, 75), (5, 0), (6, 100)]
    areas = shapes(draw(timeline(7, overlap=overlap)), "fill")
    assert [area[area.index("V") :] for area in areas] == ["V100H1z", "V100H4z"]


def test_data_annotated_on_each_fourth_frame_make_one_line():
    overlap = np.full(21, NAN)
    overlap[4::4] = [0.5, 0.6, 0.0, 0.8, 0.9]
    absent = np.zeros(21, bool)
    absent[12] = True
    svg = draw(timeline(21, overlap=overlap, absent=absent), absent=absent)
    [line] = shapes(svg, "line")
    assert [x for x, _ in points(line)] == [4, 8, 12, 16, 20]
    assert shapes(svg, "ab")[0].startswith("M12 ")
    assert "h4V" in shapes(svg, "ab")[0]


def test_absence_is_shaded_and_events_are_strips_with_tooltips():
    absent, hidden = np.zeros(12, bool), np.zeros(12, bool)
    absent[[4, 5, 6, 9]] = True
    hidden[2:4] = True
    svg = draw(
        timeline(12, absent=absent), occluded=hidden, never=np.zeros(12, bool), absent=absent
    )
    [shade] = shapes(svg, "ab")
    assert re.findall(r"M(\d+) \d+h(\d+)V\d+h-(\d+)z", shade) == [("4", "3", "3"), ("9", "1", "1")]
    [strip] = paths(svg, "e-occluded")
    assert strip.get("d") == "M2 0h2v4h-2z"
    assert strip.findtext("title") == "occluded: frames 2 to 3"
    [strip] = paths(svg, "e-absent")
    assert strip.findtext("title") == "absent: frames 4 to 6, 9"
    assert not paths(svg, "e-never")


def test_the_baseline_stands_behind_the_others_only():
    base, other = fifo(20, 3), timeline(20, label="other")
    axes = make_axes([base, other], "fifo", {})
    behind = ElementTree.fromstring(timeline_svg(other, axes, ""))
    alone = ElementTree.fromstring(timeline_svg(base, axes, ""))
    assert shapes(behind, "base") == shapes(alone, "line")
    assert not shapes(alone, "base")
    assert not shapes(draw(other, base, baseline="nobody"), "base")


def test_object_scores_have_an_axis_with_a_zero_line():
    scores = np.array([10.0, 3.2, -3.5, 0.0])
    svg = draw(timeline(4, object_score=scores))
    line = next(line for line in shapes(svg, "thin"))
    zero = round(100 * 4 / 8)  # the axis goes from -4 to 4: the prompt's score is left out
    assert points(line) == [(0, 0), (1, 10), (2, 94), (3, zero)]
    assert shapes(svg, "area")[0].endswith(f"V{zero}H0z")
    labels = texts(svg, "y")
    assert labels[3:6] == ["4", "0", "\N{MINUS SIGN}4"]


def test_another_programs_masks_have_an_overlap_and_no_empty_axes():
    svg = draw(imported(10))
    assert [text.text for text in svg.iter("text")] == ["overlap", "1", ".5", "0", *texts(svg, "x")]
    assert not shapes(svg, "thin")
    assert len(shapes(svg, "line")) == 1


def test_a_late_object_begins_late():
    late = fifo(60, 4, first=20, object_score=np.array([NAN] * 20 + [3.0] * 40))
    svg = draw(late)
    assert points(shapes(svg, "line")[0])[0][0] == 21
    assert points(shapes(svg, "thin")[0])[0][0] == 20
    assert shapes(svg, "qp") == ["M20 0h40v1h-40z"]


@pytest.mark.parametrize("slots", [7, 16])
def test_a_long_video_stays_small_and_keeps_its_extremes(slots: int):
    long = fifo(2500, slots)
    long.overlap[[700, 1400]] = 0.0, 1.0
    long.discarded[::2] = True
    svg = timeline_svg(long, make_axes([long], None, {}), "")
    assert len(svg) < 65_000
    [line] = shapes(ElementTree.fromstring(svg), "line")
    at = points(line)
    assert len(at) <= 2 * PLOT + 100
    assert {(700, 100), (1400, 0)} <= set(at)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_videos_can_be_drawn(frames: int):
    svg = draw(timeline(frames))
    assert texts(svg, "x") == ["frame 0", "1", "2"][:frames]
    nothing = np.full(frames, NAN)
    draw(timeline(frames, overlap=nothing, object_score=nothing, predicted_iou=nothing))


def test_it_is_told_in_words_and_names_are_only_text():
    hostile = timeline(4, label='<script>"&', sequence="a'b")
    said = say_panel(hostile, 0.5)
    assert said == "<script>\"& on object 1 of a'b: Q 0.500, never lost"
    svg = timeline_svg(hostile, make_axes([hostile], None, {}), said)
    assert "<script>" not in svg
    root = ElementTree.fromstring(svg)
    assert (root.get("role"), root.get("aria-label")) == ("img", said)


def test_losses_end_where_half_the_object_is_covered():
    overlap = np.array([NAN, 0.9, 0.0, 0.4, 0.6, 0.3, 0.0, 0.0])
    run = timeline(8, overlap=overlap)
    assert [tuple(loss) for loss in find_losses(run)] == [(2, False, 4), (6, False, None)]
    assert say_losses(run) == "lost at frame 2, found again at 4; lost at frame 6, not found again"


def test_an_object_that_is_back_must_be_found():
    overlap = np.array([NAN, 0.9, 1.0, 0.2, 0.3, 0.7, 1.0, 0.8, 0.0, 0.4])
    absent = np.isin(np.arange(10), (2, 6, 8))
    run = timeline(10, overlap=overlap, absent=absent)
    assert [tuple(loss) for loss in find_losses(run)] == [(3, True, 5), (9, True, None)]
    assert say_losses(run) == "back at frame 3, found at 5; back at frame 9, not found"


def test_many_losses_are_counted_and_unscored_runs_are_not_judged():
    overlap = np.array([NAN, *[0.0, 0.9] * 4])
    said = say_losses(timeline(9, overlap=overlap))
    assert said.endswith("lost at frame 3, found again at 4; and 2 more times, at last found")
    assert say_losses(timeline(3, overlap=np.full(3, NAN))) == "no frame is scored"
