import numpy as np
import pytest
from fake_results import sequence

from vot_memory.reports.plots.canvas import save
from vot_memory.reports.plots.robustness import ar_plot
from vot_memory.reports.plots.sequences import sequence_plot
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table


@pytest.fixture
def make(results):
    def table(count, policies):
        store = results(*(sequence(f"s{i:03d}") for i in range(count)))
        rng = np.random.default_rng(0)
        folders = [
            store.run(p, {s.name: int(rng.integers(20, 95)) for s in store.sequences})
            for p in policies
        ]
        return make_table(score_runs(folders, store.sequences), "fifo", count)

    return table


@pytest.mark.parametrize("draw", [ar_plot, sequence_plot])
def test_the_same_table_gives_the_same_bytes(make, draw, tmp_path):
    table = make(5, ["fifo", "first"])
    first = save(draw(table), tmp_path / "a")
    again = save(draw(table), tmp_path / "b")
    assert [file.suffix for file in first] == [".png", ".svg", ".pdf"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    assert b"<dc:date>" not in first[1].read_bytes()


def test_points_lie_at_robustness_and_accuracy(make):
    table = make(5, ["fifo", "first"])
    axes = ar_plot(table).axes[0]
    points = {tuple(line.get_xydata()[0]) for line in axes.lines if len(line.get_xdata()) == 1}
    assert points == {(row.R, row.A) for row in table.overview.itertuples()}
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert all(left <= r <= right and bottom <= a <= top for r, a in points)


@pytest.mark.parametrize(("policies", "named"), [(16, 16), (17, 12)])
def test_of_many_points_the_first_rows_have_names(make, policies, named):
    table = make(5, ["fifo", *(f"rule {i}" for i in range(1, policies))])
    axes = ar_plot(table).axes[0]
    said = [text.get_text() for text in axes.texts if text.get_text()[:4] in ("fifo", "rule")]
    assert [name.removesuffix("?") for name in said] == list(table.overview["label"])[:named]
    assert ("named: the first 12 of 17 rows" in axes.get_xlabel()) == (named < policies)
    assert sum(len(line.get_xdata()) == 1 for line in axes.lines) == policies


@pytest.mark.parametrize("count", [1, 4, 60])
def test_every_policy_has_a_panel_and_every_sequence_a_dot(make, count):
    table = make(count, ["fifo", "first", "random"])
    figure = sequence_plot(table)
    assert len(figure.axes) == 2
    for axes in figure.axes:
        dots = [line for line in axes.lines if line.get_marker() == "o"]
        assert sum(len(line.get_xdata()) for line in dots) == count
    names = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert len(names) == (count if count <= 48 else 0)


def test_dots_stand_in_the_order_of_the_baseline(make):
    figure = sequence_plot(make(12, ["fifo", "first"]))
    bars = next(line for line in figure.axes[0].lines if line.get_marker() == "_")
    assert np.all(np.diff(bars.get_ydata()) >= 0)


def test_one_policy_alone_has_a_plot(make):
    table = make(4, ["first"])
    assert table.baseline is None
    assert len(sequence_plot(table).axes) == 1


def test_nothing_defined_gives_no_plot(make):
    table = make(2, ["fifo"])
    for frame, column in ((table.overview, "A"), (table.sequences, "Q")):
        frame[column] = np.nan
    assert ar_plot(table) is None
    assert sequence_plot(table) is None


def test_names_are_never_mathematics(make, tmp_path):
    table = make(3, ["fifo", r"$\frac{$"])
    for draw in (ar_plot, sequence_plot):
        save(draw(table), tmp_path / "odd")  # matplotlib would refuse the formula
