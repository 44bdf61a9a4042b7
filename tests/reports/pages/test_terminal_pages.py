"""Comparison and video in the terminal."""

from io import StringIO

import numpy as np
import pytest
from fake_results import at, sequence
from rich.console import Console

from vot_memory.metrics.vots import FrameOverlaps
from vot_memory.reports.gather import make_sections
from vot_memory.reports.pages.terminal import print_gathered
from vot_memory.reports.pages.terminal_pair import print_comparison
from vot_memory.reports.pages.terminal_video import print_sequence, timeline
from vot_memory.reports.tables.comparison import compare
from vot_memory.reports.text import MINUS

NAN = float("nan")


def printed(show, *arguments, width=80):
    console = Console(width=width, record=True, file=StringIO())
    show(*arguments, console)
    return console.export_text()


def section_of(store, folders):
    (section,) = make_sections(folders, lambda name: store.split, "fifo").sections
    return section


def words(line):
    return line.split()


@pytest.fixture
def store(results):
    return results(
        sequence("bear", away=(5, 6), labels={"occluded": at(2, 3)}),
        sequence("[red]cows", objects=("1", "2")),
        sequence("dog"),
    )


@pytest.fixture
def section(store):
    bear = [50, 100, 40, 30, 20, 0, 9, 0, 0, 60, 60, 60, 60, 60, 60]
    return section_of(
        store,
        [
            store.run("fifo", {"bear": bear, "[red]cows": 60, "dog": 40}),
            store.run("sam3", {"bear": 70, "[red]cows": 65, "dog": 35}),
        ],
    )


def test_a_comparison_fits_into_80_columns(section):
    comparison = compare(section.table, "sam3", "fifo")
    text = printed(print_comparison, section.table, comparison)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    prose = " ".join(text.split())
    assert "sam3 is 0.093 above fifo in Q" in prose
    assert "better on 2, equal on 0, worse on 1 of 3 videos" in prose
    assert "1 return after an absence: both found 1 again" in prose
    assert "‡ re-implemented from the description, not parity-checked" in prose
    assert "Scored by the clean rules" in prose
    assert "nano is a laboratory animal" in prose
    assert "Holm" not in prose  # it is one comparison
    cows = next(line for line in lines if "[red]cows" in line)
    assert words(cows) == ["[red]cows", "0.650", "0.600", "+0.050", "both", "track"]
    missed = next(words(line) for line in lines if words(line)[:1] == ["missed"])
    assert missed[-1] == "+0.033"  # two frames of 0.7 of 14, in one of three videos
    nre = next(line for line in lines if words(line)[:2] == ["NRE", "↓"])
    assert nre.rstrip().endswith("1/2/0")  # less is better


def test_long_names_stay_different_over_columns(store):
    options = [{"motion_weight": 0.25, "frames": i} for i in (1, 2)]
    bear = {"bear": [50, 100, 40, 30, 20, 0, 9, 0, 0, 60, 60, 60, 60, 60, 60]}
    section = section_of(store, [store.run("mosam", bear, policy_config=own) for own in options])
    a, b = (run.label for run in section.table.runs)
    text = printed(print_comparison, section.table, compare(section.table, a, b))
    assert "mosam (…mes=1)?" in text
    assert "mosam (…mes=2)?" in text


def test_nothing_in_common_is_said(store):
    section = section_of(store, [store.run("fifo", {"bear": 5}), store.run("first", {"dog": 5})])
    comparison = compare(section.table, "first", "fifo")
    text = " ".join(printed(print_comparison, section.table, comparison).split())
    assert "finished no video in common, so they cannot be compared" in text


def test_letters_of_a_timeline():
    frames = FrameOverlaps(
        np.array([NAN, 1.0, 0.5, 0.0, 0.0, 1.0, 0.0, 0.01]),
        np.array([0, 1, 1, 1, 1, 0, 0, 1], bool),
        np.array([0, 1, 1, 1, 0, 0, 1, 1], bool),
    )
    assert timeline(frames) == " █▅x_·!▁"


def test_a_letter_stands_for_several_frames_of_a_long_video():
    overlap = np.repeat([0.99, 0.0, 0.3], 100)
    visible = np.ones(300, bool)
    frames = FrameOverlaps(overlap, visible, overlap > 0)
    assert timeline(frames) == "█" * 20 + "_" * 20 + "▃" * 20  # five frames a letter


def test_two_frames_and_nothing_scored_are_lines_too():
    nothing = FrameOverlaps(np.full(2, NAN), np.zeros(2, bool), np.zeros(2, bool))
    assert timeline(nothing) == "  "


def test_a_video_shows_numbers_and_when_it_was_lost(section):
    text = printed(print_sequence, section, "bear")
    assert max(map(len, text.splitlines())) <= 80
    rows = [words(line) for line in text.splitlines()]
    assert ["truth", "P─oo─··rrrrrrrr"] in rows
    assert ["fifo", "█▄▃▂·!__▅▅▅▅▅▅"] in rows
    assert ["sam3‡", "▆▆▆▆··▆▆▆▆▆▆▆▆"] in rows
    fifo = next(row for row in rows if row[:1] == ["fifo"])
    q = (1 + 0.4 + 0.3 + 0.2 + 1 + 6 * 0.6) / 14
    assert fifo[1:] == [f"{q:.3f}", "0.550", "0.833", "10", "0", "2", "1", "of", "2"]
    assert "_ missed: no mask" in " ".join(text.split())
    assert "drifted:" not in text  # what does not happen needs no explanation


def test_every_object_has_a_block(section):
    text = printed(print_sequence, section, "[red]cows")
    assert "[red]cows, object 1, 15 frames" in text
    assert "[red]cows, object 2, 15 frames" in text
    assert "hallucinated" not in text  # it is never absent
    with pytest.raises(KeyError):
        printed(print_sequence, section, "horse")


def test_few_returns_are_a_sentence_and_shared_notes_come_once(store):
    folders = [store.run(name, {"bear": 70}) for name in ("fifo", "first")]
    folders += [
        store.run(name, {"bear": 70}, seed=1, dtype="float16") for name in ("fifo", "mosam")
    ]
    folders.append(store.run("random", {"bear": [70] * 5 + [0] * 10}))
    gathered = make_sections(folders, lambda name: store.split, "fifo")
    text = " ".join(printed(lambda c: print_gathered(gathered, c, "x")).split())
    assert "1 return after an absence, found again: 1 by fifo, first; 0 by random." in text
    assert "found again: 1 by fifo, mosam" in text
    assert "median" not in text
    assert text.count("One sequence gives no interval and no test") == 1
    assert MINUS in text


def test_a_name_that_is_cut_keeps_its_sign(store):
    name = "another program [of mine]"
    folders = [store.run("fifo", {"dog": 50}), store.run(name, {"dog": 60}, tracker="imported")]
    section = section_of(store, folders)
    text = printed(print_comparison, section.table, compare(section.table, name, "fifo"))
    assert "another… mine]°" in text
    assert "° imported: another program made these masks" in text
