"""Paired comparisons: against scipy called directly, by hand, and by simulation."""

import warnings
from dataclasses import astuple, replace

import numpy as np
import pytest
from scipy import stats

from vot_memory.errors import InputError
from vot_memory.statistics import holm, mean_interval, paired_difference, ratio_of_means

NO_BOUNDS = "the mean below may be 0: no interval"


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


def test_ratio_of_means_by_hand():
    """Not the mean of ratios, which would be (1/4 + 2/2 + 0/1) / 3."""
    r = ratio_of_means([0.1, 0.2, None, 0.0], [0.4, 0.2, 0.3, 0.1])
    assert r.ratio == pytest.approx(0.3 / 0.7)
    assert (r.n, r.dropped, r.note) == (3, 1, "")
    assert r.low < r.ratio < r.high


def test_interval_of_a_ratio_against_a_bootstrap_written_out():
    """Efron & Tibshirani 1993, equations 14.9 to 14.15, on the same paired resamples."""
    rng = np.random.default_rng(5)
    below = rng.gamma(2, 0.03, 64)
    above = 0.4 * below + rng.normal(0, 0.02, 64)
    found = ratio_of_means(above, below, seed=3)

    n, ratio = len(above), above.mean() / below.mean()
    draws = np.random.default_rng(8).integers(0, n, (40_000, n))
    resampled = above[draws].mean(axis=1) / below[draws].mean(axis=1)
    left = np.array([np.delete(above, i).mean() / np.delete(below, i).mean() for i in range(n)])
    away = left.mean() - left
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    bias = stats.norm.ppf((resampled < ratio).mean())
    z = bias + stats.norm.ppf([0.025, 0.975])
    ends = np.quantile(resampled, stats.norm.cdf(bias + z / (1 - acceleration * z)))
    assert (found.low, found.high) == pytest.approx(ends, abs=0.006)  # 9,999 resamples
    assert found.ratio == pytest.approx(ratio)


def test_intervals_of_ratios_cover_about_as_often_as_they_say():
    """120 samples of 40 videos with a true ratio of 0.3; about 114 intervals should hold it."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(120):
        below = rng.gamma(2, 0.03, 40)
        r = ratio_of_means(0.3 * below + rng.normal(0, 0.02, 40), below)
        held += r.low <= 0.3 <= r.high
    assert 105 <= held <= 119


@pytest.mark.parametrize(
    ("above", "below", "expected"),
    [
        # ratio, low, high, n, dropped, note
        ([], [], (None, None, None, 0, 0, "no video defines it")),
        ([0.1], [None], (None, None, None, 0, 1, "no video defines it")),
        ([0.1], [0.2], (0.5, None, None, 1, 0, "one video: no interval")),
        ([0.1, 0.2], [0, 0], (None, None, None, 2, 0, "nothing to take a share of")),
        ([0.1, 0.2], [-0.1, -0.2], (None, None, None, 2, 0, "nothing to take a share of")),
        # Of resamples of nine, 35% lack the one video with a gap.
        ([0] * 8 + [0.1], [0] * 8 + [0.2], (0.5, None, None, 9, 0, NO_BOUNDS)),
        ([0.1, 0.2, 0.4], [0.2, 0.4, 0.8], (0.5, 0.5, 0.5, 3, 0, "all videos have the same ratio")),
        ([0, 0, 0], [0.2, 0.4, 0.8], (0, 0, 0, 3, 0, "all videos have the same ratio")),
    ],
)
def test_ratios_without_an_interval_say_why(above, below, expected):
    assert astuple(ratio_of_means(above, below)) == pytest.approx(expected)


def test_ratios_never_give_nan_or_warnings():
    rng = np.random.default_rng(4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for n in (2, 3, 5, 12):
            for _ in range(10):
                below = np.maximum(rng.normal(0.02, 0.03, n), 0).round(2)
                r = ratio_of_means(rng.normal(0, 0.02, n).round(2), below)
                assert (r.low is None) == (r.high is None)
                assert r.low is None or r.low <= r.high
                assert not any(v is not None and np.isnan(v) for v in (r.ratio, r.low, r.high))


def test_ratios_refuse_columns_that_do_not_pair():
    with pytest.raises(InputError, match="2 videos with 3"):
        ratio_of_means([1, 2], [1, 2, 3])
