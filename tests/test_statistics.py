"""Paired comparisons: against scipy called directly, by hand, and by simulation."""

import warnings
from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy import stats

from vot_memory.errors import InputError
from vot_memory.statistics import holm, mean_interval, paired_difference


def test_equals_a_direct_scipy_call():
    rng = np.random.default_rng(3)
    a = rng.beta(5, 2, 128)
    b = np.clip(a - rng.normal(0.02, 0.1, 128), 0, 1)
    d = paired_difference(a, b, confidence=0.9, seed=7)
    reference = stats.bootstrap(
        (a, b),
        lambda x, y, axis: (x - y).mean(axis=axis),
        paired=True,
        method="BCa",
        n_resamples=9999,
        confidence_level=0.9,
        rng=np.random.default_rng(7),
    ).confidence_interval
    assert (d.low, d.high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert d.mean == pytest.approx((a - b).mean())
    assert d.p_value == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert (d.n, d.dropped, d.note) == (128, 0, "")


def test_wins_ties_losses_ignore_rounding():
    d = paired_difference([0.3, 0.1 + 0.2, 0.9, 0.5], [0.1, 0.3, 1.0, 0.1])
    assert (d.wins, d.ties, d.losses) == (2, 1, 1)


def test_wilcoxon_leaves_ties_out():
    """Five wins of different size and any number of ties: 2 / 2**5."""
    a = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0, 0, 0])
    assert paired_difference(a, np.zeros(8)).p_value == pytest.approx(0.0625)


def test_undefined_pairs_are_dropped_and_counted():
    a, b = [0.5, None, 0.7, np.nan, 0.9], [0.4, 0.4, None, np.nan, 0.3]
    d = paired_difference(a, b)
    assert (d.n, d.dropped, d.wins) == (2, 3, 2)
    assert d.mean == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        # mean, low, high, n, dropped, note, wins, ties, losses, p
        ([], [], (None, None, None, 0, 0, "no video defines it", 0, 0, 0, None)),
        ([None], [1.0], (None, None, None, 0, 1, "no video defines it", 0, 0, 0, None)),
        ([0.75], [0.5], (0.25, None, None, 1, 0, "one video: no interval", 1, 0, 0, 1.0)),
        ([0.5] * 9, [0.5] * 9, (0, 0, 0, 9, 0, "all videos have the same value", 0, 9, 0, 1.0)),
    ],
)
def test_degenerate_columns(a, b, expected):
    assert astuple(paired_difference(a, b)) == expected


def test_equal_differences_have_an_interval_of_no_width():
    d = paired_difference([0.4, 0.3, 0.9], [0.3, 0.2, 0.8])  # 0.1 each, up to rounding
    assert (d.low, d.mean, d.high) == pytest.approx((0.1, 0.1, 0.1))
    assert d.note


@pytest.mark.parametrize(
    "column",
    [[0, 1], [0] * 127 + [1], [0, 0, 0, 1e-9], [1] * 5 + [1 - 1e-11], [0.5, 0.5, 0.5, 0.6]],
)
def test_skewed_columns_never_give_nan_or_warnings(column):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        i = mean_interval(column)
    assert min(column) <= i.low <= i.mean <= i.high <= max(column)


def test_same_seed_same_interval():
    values = np.random.default_rng(0).random(40)
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_intervals_cover_about_as_often_as_they_say():
    """120 skewed samples of 40 videos; 95% intervals should hold the true mean about 114 times."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(120):
        i = mean_interval(rng.beta(6, 2, 40))
        held += i.low <= 0.75 <= i.high
    assert 105 <= held <= 119


def test_holm_by_hand():
    # Sorted .01 .02 .03 .04 times 4 3 2 1 = .04 .06 .06 .04, then never decreasing.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9, 0.001]) == pytest.approx([1, 1, 0.003])
    assert holm([None, 0.02, None, 0.01]) == [None, 0.02, None, 0.02]
    assert holm([]) == []


def test_bad_input_is_named():
    with pytest.raises(InputError, match="2 videos with 3"):
        paired_difference([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match=r"confidence 95"):
        mean_interval([1, 2], confidence=95)


def test_a_difference_may_go_untested():
    tested = paired_difference([0.8, 0.7, 0.9], [0.6, 0.7, 0.5])
    untested = paired_difference([0.8, 0.7, 0.9], [0.6, 0.7, 0.5], test=False)
    assert tested.p_value is not None
    assert untested == replace(tested, p_value=None)
