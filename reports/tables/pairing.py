"""Differences to the baseline, paired by sequence, as cells of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vot_memory.statistics import paired_difference

if TYPE_CHECKING:
    from pandas import Series

GAP_COLUMNS = ("difference", "difference_low", "difference_high", "wins", "ties", "losses", "p")


def paired_gap(values: Series, base: Series | None, *, test: bool = True) -> dict[str, float]:
    """Mean difference over the sequences of both, with interval, wins, ties, losses and p.

    Args:
        values: of one run, by sequence.
        base: the baseline's; None if there is nothing to compare with.
        test: also for p, which takes long.

    Returns:
        `GAP_COLUMNS`; NaN where undefined.
    """
    if base is None:
        return dict.fromkeys(GAP_COLUMNS, float("nan"))
    paired = values.index.intersection(base.index)
    columns = (values.loc[paired].to_numpy(float), base.loc[paired].to_numpy(float))
    gap = paired_difference(*columns, test=test)
    p_value = gap.p_value if gap.n > 1 else None  # one pair tests nothing
    cells = (gap.mean, gap.low, gap.high, gap.wins, gap.ties, gap.losses, p_value)
    return defined(dict(zip(GAP_COLUMNS, cells, strict=True)))


def defined(values: Mapping[str, float | None]) -> dict[str, float]:
    """NaN for None, as data frames have it."""
    return {name: float("nan") if value is None else float(value) for name, value in values.items()}
