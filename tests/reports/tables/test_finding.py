import pytest
from fake_results import sequence

from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.comparison import compare
from vot_memory.reports.tables.finding import (
    better_equal_worse,
    explain,
    find_caveats,
    find_words,
)
from vot_memory.reports.tables.table import make_table
from vot_memory.reports.text import MINUS


@pytest.fixture
def compared(results):
    """Compare two runs with given qualities, a video each, in per cent."""

    def make(a, b, **options):
        store = results(*(sequence(f"s{i}", **options) for i in range(max(len(a), len(b)))))
        runs = [
            store.run(policy, {f"s{i}": value for i, value in enumerate(values) if value})
            for policy, values in (("first", a), ("fifo", b))
        ]
        scores = score_runs(runs, store.sequences)
        return compare(make_table(scores, "fifo", len(store.sequences)), "first", "fifo")

    return make


def test_a_clear_difference_is_established(compared):
    values = list(range(40, 61))
    said = find_words(compared([v + 10 + i % 3 for i, v in enumerate(values)], values))
    assert said.startswith("first is 0.110 above fifo in Q (95%: +0.10")
    assert "better on 21, equal on 0, worse on 0 of 21 videos" in said
    assert said.endswith("p < 0.001: a difference is established, taken as one comparison.")


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (0.0, "level with"),
        (1e-16, "level with"),  # rounding
        (0.0004, "less than 0.001 above"),
        (-0.0004, "less than 0.001 below"),
        (0.0006, "0.001 above"),
    ],
)
def test_a_small_difference_is_not_called_none(compared, gap, said):
    found = compared([60, 70, 50], [50, 50, 60])
    found.measures["difference"] = gap
    assert find_words(found).startswith(f"first is {said} fifo in Q (95%: ")


def test_noise_establishes_nothing(compared):
    said = find_words(compared([50, 40, 60, 45, 55, 50], [45, 45, 50, 55, 50, 50]))
    assert said.startswith("first is 0.008 above fifo")
    assert "better on 3, equal on 1, worse on 2 of 6 videos" in said
    assert said.endswith("no difference is established.")


def test_interval_and_test_must_both_speak(compared):
    said = find_words(compared([50] * 4 + [80, 90, 70, 85], [50] * 5 + [50, 50, 50]))
    assert "(95%: +0.0" in said
    assert said.endswith("the mean rests on few videos; no difference is established.")
    many = find_words(compared([51] * 15 + [10], [50] * 15 + [90]))
    assert "mostly to one side, but the mean may be 0; no difference is established." in many


def test_few_videos_are_said_to_be_few(compared):
    one = compared([60], [50])
    assert find_words(one) == (
        "first is 0.100 above fifo on the one video that both have finished: an anecdote, "
        "no finding."
    )
    assert not any("p-value" in line for line in find_caveats(one))
    four = find_caveats(compared([60, 70, 50, 40], [50, 50, 50, 50]))
    assert "With 4 videos the test cannot give a p-value below 0.125." in four
    assert find_words(compared([60, 0], [0, 60])) == (
        "first and fifo have finished no video in common, so they cannot be compared."
    )


def test_equal_runs_are_equal(compared):
    same = compared([60, 50], [60, 50])
    assert find_words(same) == (
        "first and fifo have the same Q on all 2 videos that both have finished."
    )
    assert explain(same) == ""


def test_the_largest_gain_and_loss_are_named(compared):
    found = compared([60, 60], [50, 50])
    assert explain(found) == (
        "Net of the reverse case, first gains most where both track and first fits better (+0.100)."
    )
    assert explain(found.swapped()) == (
        "Net of the reverse case, fifo loses most where both track and first fits better "
        f"({MINUS}0.100)."
    )


def test_gains_and_losses_are_net_and_say_so(compared):
    found = compared([70, 50, [40] * 7 + [0] * 8], [30, 60, 40])
    overlap, missed = found.outcomes[0], found.outcomes[2]
    assert (overlap.gain, overlap.loss) == pytest.approx((0.4 / 3, -0.1 / 3))
    assert missed.net == pytest.approx(-0.4 * 8 / 14 / 3)
    assert explain(found) == (
        "Net of the reverse case, first gains most where both track and first fits better "
        f"(+0.100), and loses most where first gives no mask and fifo tracks ({MINUS}0.076)."
    )


def test_better_is_not_always_larger():
    row = {"wins": 5, "ties": 2, "losses": 1, "higher_is_better": True}
    assert better_equal_worse(row) == (5, 2, 1)
    assert better_equal_worse(row | {"higher_is_better": False}) == (1, 2, 5)
