"""Places 1 to 3 in the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vot_memory.metrics.vots import MEASURES

if TYPE_CHECKING:
    from pandas import DataFrame

UNRANKED = {"replay"}  # what was recorded may have been found with the ground truth
_VOTS = {measure.label: measure.higher_is_better for measure in MEASURES}


def find_ranks(
    overview: DataFrame, measures: Mapping[str, bool] = _VOTS
) -> dict[tuple[str, str], int]:
    """Places of each measure; rows that print equal share a place.

    There are none where all rows are equal, and none for rows of `UNRANKED` policies.

    Args:
        overview: a row a run: `label`, `policy` and the measures.
        measures: name -> whether higher is better.

    Returns:
        (label, measure) -> 1, 2 or 3.
    """
    rows = overview[~overview["policy"].isin(UNRANKED)]
    ranks: dict[tuple[str, str], int] = {}
    if len(rows) < 2:
        return ranks
    for measure, higher_is_better in measures.items():
        values = rows[measure].astype(float).round(3)
        if values.nunique() < 2:  # all equal: no places
            continue
        places = values.rank(method="min", ascending=not higher_is_better)
        for label, place in zip(rows["label"], places, strict=True):
            if place <= 3:  # False for NaN
                ranks[label, measure] = int(place)
    return ranks
