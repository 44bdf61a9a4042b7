"""Scores by event: hand-computed values, what is said about them, and where they are shown."""

import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from fake_results import at, sequence
from rich.console import Console

from vot_memory.metrics.events import (
    ABSENT,
    CLEAR,
    LOOKALIKE,
    OCCLUDED,
    RETURNED,
    UNLABELLED,
)
from vot_memory.reports import write_report
from vot_memory.reports.pages.terminal import print_report
from vot_memory.reports.plots.canvas import save
from vot_memory.reports.plots.events import event_plot
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.events import FRAMES, VIDEOS
from vot_memory.reports.tables.table import make_table

# Frames 1..14: look-alike near 1, occluded 2 3, clear 4, absent 5 6, after return 7..14.
EVENTFUL = {"occluded": at(2, 3), "lookalike_near": at(1, 2)}
QUIET = {"occluded": at(), "lookalike_near": at()}


@pytest.fixture
def store(results):
    return results(
        sequence("busy", away=(5, 6), labels=EVENTFUL),
        sequence("calm", labels=QUIET),
    )


@pytest.fixture
def runs(store):
    fifo = [100, 80, 50, 30, 100, 0, 10, 0, *[60] * 7]
    rule = [100, 90, 50, 50, 80, 0, 0, 40, *[40] * 7]
    return [
        store.run("fifo", {"busy": fifo, "calm": 50}),
        store.run("first", {"busy": rule, "calm": 70}),
    ]


def table_of(store, folders, baseline="fifo", **options):
    scores = score_runs(folders, store.sequences, **options)
    return make_table(scores, baseline, len(store.sequences), **options)


def test_each_event_has_the_overlap_of_its_frames(store, runs):
    events = table_of(store, runs).events
    assert events.kinds(FRAMES) == [CLEAR, LOOKALIKE, OCCLUDED, ABSENT, RETURNED]
    found = {kind: events.cell("fifo", kind) for kind in events.kinds(FRAMES)}
    assert {kind: row["frames"] for kind, row in found.items()} == {
        CLEAR: 15, LOOKALIKE: 1, OCCLUDED: 2, ABSENT: 2, RETURNED: 8,
    }  # fmt: skip
    assert found[CLEAR]["overlap"] == pytest.approx((1 + 0.5) / 2)  # a mean over videos
    assert found[LOOKALIKE]["overlap"] == pytest.approx(0.8)
    assert found[OCCLUDED]["overlap"] == pytest.approx(0.4)
    assert found[ABSENT]["overlap"] == pytest.approx(1 / 2)  # answered empty on one of two
    assert found[RETURNED]["overlap"] == pytest.approx(7 * 0.6 / 8)
    assert found[RETURNED]["missed"] == pytest.approx(1 / 8)
    assert np.isnan(found[ABSENT]["missed"])


def test_differences_are_paired_by_video(store, runs):
    events = table_of(store, runs).events
    clear = events.cell("first", CLEAR)
    assert clear["difference"] == pytest.approx((-0.2 + 0.2) / 2, abs=1e-12)
    assert (clear["videos"], clear["wins"], clear["losses"]) == (2, 1, 1)
    assert clear["difference_low"] < 0 < clear["difference_high"]
    returned = events.cell("first", RETURNED)
    assert returned["difference"] == pytest.approx(0.4 - 0.525)
    assert np.isnan(returned["difference_low"])  # one video has no interval


def test_parts_add_up_to_the_difference_in_q(store, runs):
    table = table_of(store, runs)
    parts = dict(zip(table.events.kinds(FRAMES), table.events.parts("first"), strict=True))
    assert parts[CLEAR] == pytest.approx((-0.2 / 14 + 0.2) / 2)
    assert parts[ABSENT] == pytest.approx(1 / 14 / 2)  # nothing of it in the other video
    assert sum(parts.values()) == pytest.approx(table.row("first")["difference"])
    assert np.isnan(table.events.parts("fifo")).all()


def test_videos_with_and_without_an_event(store, runs):
    table = table_of(store, runs)
    assert table.events.kinds(VIDEOS)[:2] == ["with an absence", "without an absence"]
    quality = table.sequences.set_index(["label", "sequence"])["Q"]
    for kind, name in (("with occlusion", "busy"), ("without a look-alike near", "calm")):
        row = table.events.cell("first", kind)
        assert row["overlap"] == pytest.approx(quality["first", name])
        assert row["difference"] == pytest.approx(quality["first", name] - quality["fifo", name])


def test_an_event_of_all_videos_has_no_halves(results):
    store = results(*(sequence(name, away=(5,), labels=QUIET) for name in "ab"))
    events = table_of(store, [store.run("fifo", {"a": 50, "b": 50})]).events
    assert events.kinds(FRAMES) == [CLEAR, ABSENT, RETURNED]
    assert events.kinds(VIDEOS) == []


def test_without_labels_absence_is_still_told(results):
    store = results(sequence("a", away=(3,)), sequence("b"))
    events = table_of(store, [store.run("fifo", {"a": 50, "b": 50})]).events
    assert events.kinds(FRAMES) == [UNLABELLED, ABSENT, RETURNED]
    assert events.kinds(VIDEOS) == ["with an absence", "without an absence"]
    assert "not labelled there" in events.notes[0]


def test_labels_of_one_object_say_nothing_of_several(results):
    store = results(sequence("a", objects=("1", "2"), away=(3,), labels=EVENTFUL))
    events = table_of(store, [store.run("fifo", {"a": 50})]).events
    assert events.kinds(FRAMES) == [UNLABELLED, ABSENT, RETURNED]
    row = events.cell("fifo", RETURNED)
    assert (row["videos"], row["frames"], row["overlap"]) == (1, 20, pytest.approx(0.5))


def test_nothing_to_split_is_no_section(results, tmp_path):
    for name, labels in (("bare", {}), ("calm", QUIET)):
        store = results(sequence(name, labels=labels), name=name)
        folder = store.run("fifo", {name: 50})
        table = table_of(store, [folder, store.run("first", {name: 40})])
        assert table.events is None
        assert event_plot(table) is None


def test_runs_over_different_videos_are_compared_where_they_meet(results):
    busy = [sequence(name, away=(5, 6), labels=EVENTFUL) for name in "abcd"]
    store = results(*busy)
    folders = [
        store.run("fifo", {"a": 50, "b": 60}),
        store.run("first", {"b": 70, "c": 10}),
        store.run("random", {"d": 30}),
    ]
    events = table_of(store, folders).events
    assert events.cell("fifo", CLEAR)["overlap"] == pytest.approx(0.55)
    assert events.cell("first", CLEAR)["difference"] == pytest.approx(0.1)  # of b alone
    assert np.isnan(events.cell("random", CLEAR)["difference"])
    assert np.isnan(events.parts("random")).all()
    assert events.counts(CLEAR, "videos") == "1 to 2"
    assert any("shared with the baseline" in note for note in events.notes)
    two = table_of(store, folders[:2]).events  # they share b, and only that counts
    assert two.counts(CLEAR, "videos") == "1"
    assert two.cell("fifo", CLEAR)["overlap"] == pytest.approx(0.6)


def test_the_prompt_is_left_out_by_the_toolkits_rules_too(store, runs):
    clean, toolkit = table_of(store, runs), table_of(store, runs, toolkit_compatible=True)
    kept = ["label", "kind", "frames", "overlap", "difference", "part"]
    rows = [t.events.rows.query("scope == 'frames'")[kept] for t in (clean, toolkit)]
    pd.testing.assert_frame_equal(*rows)
    assert any("leave the prompt out" in note for note in toolkit.events.notes)


def test_notes_say_how_little_few_videos_can_show(store, runs):
    notes = table_of(store, runs).events.notes
    assert any("fewer than 20 videos" in note and "all numbers" in note for note in notes)
    assert any(note.startswith("The 1 interval") for note in notes)


def test_the_report_shows_events(store, runs, tmp_path):
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    names = {file.name for file in report.files}
    assert {"events.csv", "events.png", "events.svg"} <= names
    text = (tmp_path / "report" / "report.md").read_text()
    section = text[text.index("### Where the numbers differ") :]
    assert "absent: share answered empty" in section
    assert re.search(r"\| first \| 0\.750<br>0\.000 \(.*\| 0\.900<br>\+0\.100 \|", section)
    assert "(plots/events.png)" in section
    assert "[events.csv](tables/events.csv)" in section
    assert not re.search(r"\bnan\b", section, re.IGNORECASE)
    table = pd.read_csv(tmp_path / "report" / "tables" / "events.csv").set_index(["label", "kind"])
    assert table.loc[("fifo", OCCLUDED), "overlap"] == pytest.approx(0.4)
    console = Console(width=80, record=True, file=StringIO())
    print_report(report, console)
    shown = console.export_text()
    assert re.search(r"Q − fifo from +clear +near", shown)  # noqa: RUF001
    assert max(map(len, shown.splitlines()[:-1])) <= 80


def test_one_policy_alone_has_events_without_differences(store, runs, tmp_path):
    table = table_of(store, runs[1:])
    assert table.events.cell("first", OCCLUDED)["overlap"] == pytest.approx(0.5)
    assert table.events.rows["difference"].isna().all()
    assert event_plot(table) is None


def test_the_plot_has_a_panel_an_event_and_a_point_a_policy(store, runs):
    table = table_of(store, [*runs, store.run("random", {"busy": 20, "calm": 30})])
    figure = event_plot(table)
    assert len(figure.axes) == 1 + len(table.events.kinds(FRAMES))
    labels = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert labels == ["first", "random"]
    for axes, event in zip(figure.axes[1:], table.events.kinds(FRAMES), strict=True):
        points = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
        expected = [table.events.cell(label, event)["difference"] for label in labels]
        assert [x for x, _ in points] == pytest.approx(expected)
        assert [y for _, y in points] == [0, 1]
        low, high = axes.get_xlim()
        assert all(low < x < high for x, _ in points)


def test_the_plot_takes_names_literally_and_gives_the_same_bytes(store, runs, tmp_path):
    odd = store.run(r"$\frac{$", {"busy": 20, "calm": 30})
    table = table_of(store, [runs[0], odd])
    files = [save(event_plot(table), tmp_path / name) for name in ("a", "b")]
    assert [f.read_bytes() for f in files[0]] == [f.read_bytes() for f in files[1]]
