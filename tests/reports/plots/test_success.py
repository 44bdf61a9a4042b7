import numpy as np
import pytest
from fake_results import sequence

from vot_memory.metrics.vots import SUCCESS_THRESHOLDS
from vot_memory.reports.plots.success import success_alt, success_curves, success_plot
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table


@pytest.fixture
def make(results):
    """A table of policies with the overlap of every visible frame, in per cent, by video."""

    def table(sequences, baseline="fifo", **policies):
        store = results(*sequences)
        folders = [store.run(name.replace("_", "-"), own) for name, own in policies.items()]
        return make_table(score_runs(folders, store.sequences), baseline, len(sequences))

    return table


def test_a_curve_falls_at_the_overlaps(make):
    videos = [sequence("a"), sequence("b")]
    curve = success_curves(make(videos, fifo={"a": 60, "b": 80}))["fifo"]
    expected = [1.0] * 60 + [0.5] * 20 + [0.0] * 20  # above 0.00 .. 0.59, then only b's frames
    assert curve.tolist() == expected
    assert curve.mean() == pytest.approx(0.7)  # Q


def test_an_absence_answered_empty_counts_one(make):
    video = sequence("a", absent=7)  # 14 scored frames, 7 of them absent
    curve = success_curves(make([video], fifo={"a": 50}))["fifo"]
    assert curve.tolist() == [1.0] * 50 + [0.5] * 50
    wrong = success_curves(make([video], fifo={"a": [50] * 15}))["fifo"]
    assert wrong.tolist() == [0.5] * 50 + [0.0] * 50


def test_objects_are_averaged_before_videos(make):
    videos = [sequence("a", ("1", "2", "3")), sequence("b")]
    curve = success_curves(make(videos, fifo={"a": 20, "b": 80}))["fifo"]
    assert curve[50] == 0.5  # four objects, but two videos


def test_only_videos_that_all_have_finished_count(make):
    table = make([sequence("a"), sequence("b")], fifo={"a": 20, "b": 80}, sam3={"b": 40})
    curves = success_curves(table)
    assert curves["fifo"].mean() == pytest.approx(0.8)
    assert curves["sam3"].mean() == pytest.approx(0.4)


def test_the_second_panel_is_the_difference_to_the_baseline(make):
    table = make([sequence("a")], fifo={"a": 60}, sam3={"a": 70}, first={"a": 50})
    above, below = success_plot(table).axes
    names = [line.get_label().split()[-1].rstrip("‡") for line in above.lines]
    assert names == ["sam3", "fifo", "first"]  # by area
    curves = success_curves(table)
    for name, line in zip(names, below.lines, strict=False):
        assert np.allclose(line.get_xdata(), SUCCESS_THRESHOLDS)
        assert np.allclose(line.get_ydata(), curves[name] - curves["fifo"])
    low, high = below.get_ylim()
    assert low < -1
    assert high > 1
    legend = [text.get_text() for text in success_plot(table).legends[0].get_texts()]
    assert [text.split()[0] for text in legend] == ["0.700", "0.600", "0.500"]


def test_without_a_baseline_there_is_one_panel(make):
    table = make([sequence("a")], baseline="fifo", sam3={"a": 70})
    assert len(success_plot(table).axes) == 1
    assert "sam3 (0.700) has the largest" in success_alt(table)


def test_of_many_lines_the_best_and_the_baseline_are_strong(make):
    rules = {f"rule{i:02d}": {"a": 80 - i} for i in range(14)}
    table = make([sequence("a")], fifo={"a": 30}, **rules)
    lines = success_plot(table).axes[0].lines
    strong = {line.get_label().split()[1].rstrip("?") for line in lines if line.get_alpha() is None}
    assert strong == {"fifo", *(f"rule{i:02d}" for i in range(6))}


def test_nothing_scored_gives_no_plot(make):
    table = make([sequence("a")], fifo={"a": 60})
    for frames in table.runs[0].frames.values():
        frames.overlap[:] = np.nan
    assert success_plot(table) is None


def test_the_words_name_best_and_least(make):
    text = success_alt(make([sequence("a")], fifo={"a": 60}, first={"a": 45}))
    assert "fifo (0.600)" in text
    assert "first (0.450)" in text
    assert "fifo's frames 1.000 overlap by more than one half" in text
