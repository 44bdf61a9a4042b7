"""Bars and ticks of the memory raster, by hand."""

from itertools import pairwise

import numpy as np
import pytest
from fake_timelines import anchor, fifo, nothing, prompt, recent, timeline

from vot_memory.policy import RECENT
from vot_memory.reports.pages.memory_raster import (
    MAX_BARS,
    color_class,
    find_bars,
    find_ticks,
    runs_of,
    say_runs,
)
from vot_memory.reports.timeline import Memory

NAN = float("nan")


def test_bars_are_stays_with_the_colour_of_what_was_remembered():
    memories = (
        prompt(10),
        recent(1, 1, 1, 4, 0.95),
        recent(4, 1, 4, 10, 0.05),
        anchor(5, 2, 6, 9, 0.5),
    )
    bars = find_bars(timeline(10, memories=memories))
    assert [bar[:6] for bar in bars] == [
        (0, 10, 0, "qp", "prompt", False),
        (1, 4, 1, "q4", "1", False),
        (4, 10, 1, "q0", "4", False),
        (6, 9, 2, "q2", "5", True),
    ]
    assert [bar.title for bar in bars] == [
        "prompt, frame 0 in slot 0 to the end",
        "frame 1 in slot 1 to frame 3; overlap 0.95; replaced by frame 4",
        "frame 4 in slot 1 to the end; overlap 0.05",
        "anchor, frame 5 in slot 2 from frame 6 to frame 8; overlap 0.50; then removed",
    ]


def test_a_frame_that_is_not_scored_is_grey():
    [bar] = find_bars(timeline(4, memories=(recent(2, 1, 2, 4, NAN),)))
    assert (bar.color, bar.title) == ("qu", "frame 2 in slot 1 to the end; not scored")


def test_what_was_remembered_of_an_absent_object():
    wrong = Memory(3, 1, 3, 4, RECENT, 0.0, absent=True)
    bars = find_bars(timeline(4, memories=(nothing(2, 1, 2, 3), wrong)))
    assert [bar.color for bar in bars] == ["qa", "q0"]
    assert [bar.title for bar in bars] == [
        "frame 2 in slot 1 to frame 2; the object was absent: remembered as empty; "
        "replaced by frame 3",
        "frame 3 in slot 1 to the end; the object was absent: a mask was remembered all the same",
    ]


@pytest.mark.parametrize(
    ("overlap", "color"), [(0.1, "q0"), (0.5, "q2"), (0.7, "qa"), (1.0, "qa"), (NAN, "qa")]
)
def test_an_empty_memory_is_worse_than_a_good_one_and_better_than_a_wrong_one(overlap, color):
    pair = (recent(1, 1, 1, 2, overlap), nothing(2, 1, 2, 3))
    [bar] = find_bars(timeline(3, memories=pair), thinnest=2)
    assert bar.color == color
    assert bar.title.endswith("remembered as empty") == (color == "qa")


def test_stays_too_thin_to_be_seen_are_joined_under_the_worst_overlap():
    stays = [recent(t, 1, t, t + 1, 0.9) for t in range(1, 9)]
    stays[2] = recent(3, 1, 3, 4, 0.3)
    bars = find_bars(timeline(40, memories=(*stays, recent(9, 1, 9, 40, NAN))), thinnest=4)
    assert [(bar.begin, bar.end, bar.color, bar.name) for bar in bars] == [
        (1, 5, "q1", ""),
        (5, 9, "q4", ""),
        (9, 40, "qu", "9"),
    ]
    assert bars[0].title == "4 memories in slot 1 from frame 1 to 4; worst of them: overlap 0.30"


@pytest.mark.parametrize("slots", [2, 7, 16])
def test_the_number_of_bars_is_bounded_and_no_stay_is_lost(slots: int):
    long = fifo(2500, slots)
    bars = find_bars(long)
    assert len(bars) <= MAX_BARS
    for slot in range(1, slots):
        own = [bar for bar in bars if bar.slot == slot]
        assert (own[0].begin, own[-1].end) == (slot, 2500)
        assert all(a.end == b.begin for a, b in pairwise(own))


def test_ticks_are_the_frames_that_were_not_remembered():
    overlap = np.array([NAN, 0.9, 0.05, 0.1, 0.9, NAN])
    discarded = np.array([False, True, True, True, True, True])
    ticks = find_ticks(timeline(6, overlap=overlap, discarded=discarded))
    assert [tuple(group) for group in ticks] == [
        ("q0", [(2, 4)], "not remembered: frames 2 to 3"),
        ("q4", [(1, 2), (4, 5)], "not remembered: frames 1, 4"),
        ("qu", [(5, 6)], "not remembered: frame 5"),
    ]


def test_frames_without_the_object_have_ticks_of_their_own():
    overlap = np.array([NAN, 1.0, 1.0, 0.0, 1.0])
    absent = np.array([False, False, True, True, True])
    discarded = np.array([False, True, True, True, False])
    ticks = find_ticks(timeline(5, overlap=overlap, absent=absent, discarded=discarded))
    assert [tuple(group) for group in ticks] == [
        ("q0", [(3, 4)], "not remembered: frame 3"),
        ("q4", [(1, 2)], "not remembered: frame 1"),
        ("qa", [(2, 3)], "not remembered: frame 2; the object was absent, the answer empty"),
    ]


def test_thin_ticks_are_joined_under_the_worst_overlap():
    overlap = np.array([NAN, 0.9, 0.05, 0.9, 0.9, 0.7, 0.9])
    discarded = np.array([True, True, True, True, True, False, True])
    ticks = find_ticks(timeline(7, overlap=overlap, discarded=discarded), thinnest=2)
    assert [tuple(group) for group in ticks] == [
        ("q0", [(2, 4)], "not remembered: 2 frames"),
        ("q4", [(0, 2), (4, 7)], "not remembered: 4 frames"),
    ]


def test_colours_are_bins_of_the_overlap():
    overlaps = (0.0, 0.19, 0.2, 0.5, 0.79, 0.8, 1.0, NAN)
    assert [color_class(value) for value in overlaps] == [
        "q0", "q0", "q1", "q2", "q3", "q4", "q4", "qu",
    ]  # fmt: skip


def test_runs_are_told_in_words_and_many_are_counted():
    assert runs_of([]) == []
    assert say_runs(runs_of([7])) == "frame 7"
    assert say_runs(runs_of(range(0, 18, 2))) == "frames 0, 2, 4, 6, 8, 10, and 3 more times"
