import numpy as np
import pytest
from fake_results import at, sequence
from matplotlib.text import Text

from vot_memory.reports.plots.canvas import row_names, save
from vot_memory.reports.plots.difficulty import difficulty_plot
from vot_memory.reports.plots.events import event_plot
from vot_memory.reports.plots.robustness import ar_plot
from vot_memory.reports.plots.sequences import sequence_plot
from vot_memory.reports.plots.success import success_plot
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


@pytest.fixture
def wordy(results):
    """A table whose names are long, alike and signed; the baseline's, too."""
    away = [(8, 9), (8, 9), (), ()]
    labels = {"occluded": at(1, 2), "lookalike_near": at()}
    store = results(*(sequence(f"video-{i}", away=away[i], labels=labels) for i in range(4)))
    rng = np.random.default_rng(0)
    options = [{"motion_weight": 0.25, "object_gate": -1, "frames": i} for i in (1, 2)]
    options.append({"motion_weight": 0.25, "object_gate": -3, "frames": 1})
    runs = [("samurai", own) for own in options]
    runs += [("replay", {"file_sha256": digit * 64}) for digit in "ab"]
    runs += [("a_laboratory.of_trackers:WithALongName", {}), ("mosam", {})]
    folders = []
    for policy, own in runs:
        quality = {s.name: [int(q) for q in rng.integers(1, 99, 15)] for s in store.sequences}
        folders.append(store.run(policy, quality, policy_config=own, offline=policy == "mosam"))
    return make_table(score_runs(folders, store.sequences), "samurai", 4)


def test_names_of_rows_are_short_and_different_with_all_their_signs(wordy):
    names = row_names(wordy)
    assert len(set(names.values())) == len(names) == 7
    for label, name in names.items():
        assert name.endswith(wordy.signs[label])
        assert len(name.removesuffix(wordy.signs[label])) <= 28
    assert {"replay [file aaaaaa]§", "replay [file bbbbbb]§"} <= set(names.values())
    assert names["mosam"] == "mosam†‡"


@pytest.mark.parametrize(
    "draw", [ar_plot, success_plot, sequence_plot, difficulty_plot, event_plot]
)
def test_long_names_are_whole_in_every_figure(wordy, draw):
    figure = draw(wordy)
    said = "\n".join(text.get_text() for text in figure.findobj(Text))
    for label, name in row_names(wordy).items():
        assert label == wordy.baseline or name in said
    inches = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert inches.x0 >= -0.01
    assert inches.y0 >= -0.01
    assert inches.x1 <= width + 0.01
    assert inches.y1 <= height + 0.01


def test_titles_of_panels_break_where_there_are_too_many_letters(wordy, make):
    for axes in sequence_plot(wordy).axes:
        pair, said = axes.get_title("left").split("\n")
        assert pair.endswith(":")
        assert said.endswith("worse")
    (title,) = [axes.get_title("left") for axes in sequence_plot(make(5, ["fifo", "first"])).axes]
    assert title.startswith("first \N{MINUS SIGN} fifo: ")
    assert "\n" not in title
