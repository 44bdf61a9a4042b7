"""Honest comparison of trackers: paired over videos, with intervals.

The video is the unit: objects and frames of one video are not independent, so they are averaged
before they come here. Intervals are bias-corrected and accelerated bootstrap intervals (BCa; Efron
1987) of the mean over videos; p-values are Wilcoxon's signed-rank test, to be corrected by `holm`
when several comparisons stand in one table. No function returns NaN: what cannot be said is None,
and `note` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vot_memory.errors import InputError

Column = Sequence[float | None] | NDArray[np.float64]

RESAMPLES = 9999
SAME = 1e-12  # differences below this are rounding, not results
BATCH_VALUES = 2_000_000  # resampled values held at once, about 32 MB


@dataclass(frozen=True)
class MeanInterval:
    """Mean over videos with its bootstrap interval.

    Attributes:
        mean: None without any defined value.
        low: lower end; None with fewer than two values.
        high: upper end; None with fewer than two values.
        n: videos that count.
        dropped: videos left out because the value is undefined.
        note: why an end is missing or unusual; empty otherwise.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    dropped: int = 0
    note: str = ""


@dataclass(frozen=True)
class PairedDifference(MeanInterval):
    """Mean of a - b over videos with its interval and a test.

    Attributes:
        wins: videos where a is larger.
        ties: videos where both are equal (to rounding).
        losses: videos where b is larger.
        p_value: two-sided Wilcoxon signed-rank test, not corrected; ties are left out of it, and it
            is 1 where all videos tie; None without videos.
    """

    wins: int = 0
    ties: int = 0
    losses: int = 0
    p_value: float | None = None


@dataclass(frozen=True)
class RatioInterval:
    """Ratio of two means over videos with its bootstrap interval.

    Attributes:
        ratio: None where the mean below is not above 0.
        low: lower end; None where there is none.
        high: upper end; None where there is none.
        n: videos that count.
        dropped: videos left out because a value is undefined.
        note: why something is missing or unusual; empty otherwise.
    """

    ratio: float | None
    low: float | None
    high: float | None
    n: int
    dropped: int = 0
    note: str = ""


def paired_difference(
    a: Column, b: Column, confidence: float = 0.95, seed: int = 0, *, test: bool = True
) -> PairedDifference:
    """Compare two trackers video by video.

    Args:
        a: one value a video, [V]; None or NaN where undefined.
        b: the other tracker's values of the same videos in the same order, [V].
        confidence: coverage of the interval, in (0, 1).
        seed: of the bootstrap.
        test: also Wilcoxon's test, which takes seconds with ties; else there is no p-value.

    Returns:
        The mean of a - b over the videos where both are defined.

    Raises:
        InputError: the columns differ in length or the confidence is no share.

    Example:
        >>> d = paired_difference([0.8, 0.7, None], [0.6, 0.7, 0.5])
        >>> round(d.mean, 3), d.wins, d.ties, d.losses, d.dropped
        (0.1, 1, 1, 0, 1)
    """
    left, right = _floats(a), _floats(b)
    if len(left) != len(right):
        raise InputError(
            f"cannot pair {len(left)} videos with {len(right)}: "
            "compare results over the same videos."
        )
    difference = left - right
    difference[np.abs(difference) < SAME] = 0.0
    interval = mean_interval(difference, confidence, seed)
    difference = difference[~np.isnan(difference)]
    return PairedDifference(
        interval.mean,
        interval.low,
        interval.high,
        interval.n,
        interval.dropped,
        interval.note,
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
        p_value=_wilcoxon(difference) if test else None,
    )


def mean_interval(values: Column, confidence: float = 0.95, seed: int = 0) -> MeanInterval:
    """Mean over videos with its BCa bootstrap interval.

    Args:
        values: one value a video, [V]; None or NaN where undefined.
        confidence: coverage of the interval, in (0, 1).
        seed: of the bootstrap; the same call gives the same interval.

    Raises:
        InputError: the confidence is no share.
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence} is not a share; give one between 0 and 1.")
    column = _floats(values)
    defined = column[~np.isnan(column)]
    n, dropped = len(defined), int(np.isnan(column).sum())
    if n == 0:
        return MeanInterval(None, None, None, 0, dropped, "no video defines it")
    mean = float(defined.mean())
    if n == 1:
        return MeanInterval(mean, None, None, 1, dropped, "one video: no interval")
    if np.ptp(defined) < SAME:
        return MeanInterval(mean, mean, mean, n, dropped, "all videos have the same value")
    return MeanInterval(mean, *_bca((defined,), confidence, seed), n, dropped)


def ratio_of_means(
    above: Column, below: Column, confidence: float = 0.95, seed: int = 0
) -> RatioInterval:
    """Mean of one column over the mean of another, with its BCa bootstrap interval.

    Videos are resampled as pairs, and the ratio is that of the two means: the mean of the ratios
    of single videos would be ruled by those whose value below is next to nothing. Where the
    interval of the mean below touches 0 a ratio has no bounds (Fieller 1954), so it is given
    without an interval.

    Args:
        above: one value a video, [V]; None or NaN where undefined.
        below: values of the same videos in the same order, [V].
        confidence: coverage of the interval, in (0, 1).
        seed: of the bootstrap; the same call gives the same interval.

    Raises:
        InputError: the columns differ in length or the confidence is no share.

    Example:
        >>> ratio_of_means([0.01, 0.02, 0.03], [0.02, 0.04, 0.06]).ratio
        0.5
    """
    top, bottom = _floats(above), _floats(below)
    if len(top) != len(bottom):
        raise InputError(
            f"cannot pair {len(top)} videos with {len(bottom)}: "
            "compare results over the same videos."
        )
    both = ~np.isnan(top) & ~np.isnan(bottom)
    top, bottom, dropped = top[both], bottom[both], int((~both).sum())
    gap = mean_interval(bottom, confidence, seed)
    if gap.mean is None:
        return RatioInterval(None, None, None, 0, dropped, gap.note)
    if gap.mean < SAME:
        return RatioInterval(None, None, None, gap.n, dropped, "nothing to take a share of")
    ratio = float(top.mean() / bottom.mean())
    if gap.low is None:
        return RatioInterval(ratio, None, None, gap.n, dropped, gap.note)
    if gap.low <= SAME:
        said = "the mean below may be 0: no interval"
        return RatioInterval(ratio, None, None, gap.n, dropped, said)
    if np.abs(top - ratio * bottom).max() < SAME:
        said = "all videos have the same ratio"
        return RatioInterval(ratio, ratio, ratio, gap.n, dropped, said)
    low, high = _bca((top, bottom), confidence, seed, _ratio)
    if not (np.isfinite(low) and np.isfinite(high)):
        return RatioInterval(ratio, None, None, gap.n, dropped, "the resampled ratios have no ends")
    return RatioInterval(ratio, low, high, gap.n, dropped)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values for the number of comparisons (Holm 1979, step-down).

    Args:
        p_values: of one table; None is passed on and not counted.

    Returns:
        Adjusted p-values in the order given, each at least as large as before and at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = largest
    return adjusted


def _floats(values: Column) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _bca(
    columns: tuple[NDArray[np.float64], ...],
    confidence: float,
    seed: int,
    statistic: Callable[..., NDArray[np.float64]] = np.mean,
) -> tuple[float, float]:
    """Interval of a statistic of columns whose rows are resampled together."""
    from scipy.stats import bootstrap

    with np.errstate(invalid="ignore"):  # infinite values have no standard error
        found = bootstrap(
            columns,
            statistic,
            paired=len(columns) > 1,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=max(1, min(RESAMPLES, BATCH_VALUES // len(columns[0]))),
            confidence_level=confidence,
            method="BCa",
            rng=np.random.default_rng(seed),
        )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def _ratio(
    above: NDArray[np.float64], below: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    """Ratio of means; infinite where the one below is not above 0, so that it is an end at most."""
    top, bottom = above.mean(axis=axis), below.mean(axis=axis)
    ratio: NDArray[np.float64] = np.where(top < 0, -np.inf, np.inf)
    np.divide(top, bottom, out=ratio, where=bottom > SAME)
    return ratio


def _wilcoxon(difference: NDArray[np.float64]) -> float | None:
    from scipy.stats import wilcoxon

    if not len(difference):
        return None
    changed = difference[difference != 0]
    return float(wilcoxon(changed).pvalue) if len(changed) else 1.0
