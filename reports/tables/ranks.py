"""Places 1 to 3 in the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from vot_memory.metrics.vots import MEASURES

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.reports.scores import RunScores

PRIVILEGED = {"replay", "sam2rl"}  # searched for, or trained on, the truth of the very videos
_VOTS = {measure.label: measure.higher_is_better for measure in MEASURES}


def may_test(runs: Seq[RunScores], index: int, reference: int | None) -> bool:
    """Whether a p-value says something of a run's difference to the baseline.

    It says nothing where one of the two was chosen by the very scores that are compared; such a
    comparison is no member of Holm's family either.
    """
    compared = [runs[index]] if reference is None else [runs[index], runs[reference]]
    return not any(run.identity.policy in PRIVILEGED for run in compared)


def find_ranks(
    overview: DataFrame, measures: Mapping[str, bool] = _VOTS
) -> dict[tuple[str, str], int]:
    """Places of each measure; rows that print equal share a place.

    There are none where all rows are equal, and none for rows of `PRIVILEGED` policies.

    Args:
        overview: a row a run: `label`, `policy` and the measures.
        measures: name -> whether higher is better.

    Returns:
        (label, measure) -> 1, 2 or 3.
    """
    rows = overview[~overview["policy"].isin(PRIVILEGED)]
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
