import numpy as np
import pytest
from fake_results import at, sequence

from vot_memory.reports.plots.difficulty import difficulty_plot
from vot_memory.reports.plots.events import event_alt
from vot_memory.reports.plots.robustness import ar_alt
from vot_memory.reports.plots.sequences import sequence_alt
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table


@pytest.fixture
def make(results):
    def table(sequences, **policies):
        store = results(*sequences)
        folders = [store.run(name, own) for name, own in policies.items()]
        return make_table(score_runs(folders, store.sequences), "fifo", len(sequences))

    return table


def test_accuracy_and_robustness(make):
    half = [80] * 8 + [0] * 7  # 7 of the 14 frames after the prompt are tracked
    table = make([sequence("a")], fifo={"a": 60}, sam3={"a": half})
    assert ar_alt(table) == (
        "Accuracy over robustness of 2 rows: sam3 has the highest accuracy (0.800) and fifo has "
        "the highest robustness (1.000). The baseline fifo has accuracy 0.600 and robustness 1.000."
    )
    assert "2 share the highest robustness (1.000)" in ar_alt(
        make([sequence("a")], fifo={"a": 60}, sam3={"a": 50})
    )


def test_sequences_better_and_worse(make):
    videos = [sequence(name) for name in "abc"]
    fifo = {"a": 50, "b": 50, "c": 50}
    table = make(
        videos, fifo=fifo, sam3={"a": 60, "b": 70, "c": 44}, first=dict.fromkeys("abc", 20)
    )
    assert sequence_alt(table) == (
        "Q of 3 sequences, beside fifo: sam3 is better on 2 and worse on 1 "
        "(+0.080 in the mean); first is better on 0 and worse on 3 (−0.300 in the mean)."  # noqa: RUF001
    )
    assert sequence_alt(make(videos, sam3=fifo)) == "Q of 3 sequences for sam3."


def test_events_that_are_sure(make):
    labels = {"occluded": at(1, 2, 3), "lookalike_near": at()}
    videos = [sequence(f"s{i}", labels=labels) for i in range(4)]
    fifo = {f"s{i}": 50 for i in range(4)}
    gain = {f"s{i}": [50] + [60 + i] * 3 + [50 + (-1) ** i] * 11 for i in range(4)}
    text = event_alt(make(videos, fifo=fifo, sam3=gain))
    assert "occluded: sam3 +0.115" in text
    assert "clear" not in text
    assert event_alt(make(videos, fifo=fifo, sam3=fifo)).endswith(" none.")


def test_a_map_without_any_number_is_not_drawn(make):
    table = make([sequence("a", absent=3), sequence("b")], fifo={"a": 50, "b": 60})
    assert difficulty_plot(table) is not None
    table.difficulty.rows["Q"] = np.nan
    assert difficulty_plot(table) is None
