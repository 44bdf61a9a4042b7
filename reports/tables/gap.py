"""How much of what memory decisions can gain a policy gains: the share of the oracle gap.

The gap is the mean over videos of the best Q that was found with the ground truth less that of the
baseline. A policy's share is its own mean difference to the baseline over that of the best found: a
ratio of means, with a bootstrap interval over videos (`vot_memory.statistics.ratio_of_means`).
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vot_memory.reports.scores import RunScores
from vot_memory.reports.tables.pairing import defined
from vot_memory.reports.tables.ranks import PRIVILEGED
from vot_memory.reports.text import one_line
from vot_memory.statistics import RatioInterval, mean_interval, ratio_of_means

if TYPE_CHECKING:
    from pandas import DataFrame, Series

FOUND = "replay"  # the policy that plays what was found
SHARE_COLUMNS = ("share", "share_low", "share_high")


@dataclass(frozen=True, eq=False)
class GapTable:
    """Runs by the share of the oracle gap that they close.

    Attributes:
        rows: a row a run but the baseline, those that saw the ground truth last: `label`, `policy`,
            `privileged`, `sequences`, `Q`, `gain` over the baseline with `gain_low` and
            `gain_high`, and `share` of the gap with `share_low` and `share_high`; NaN where
            undefined.
        notes: what a reader has to know, in sentences.
    """

    rows: DataFrame
    notes: tuple[str, ...]

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts of their columns."""
        return [
            {str(name): value for name, value in row.items()}
            for row in self.rows.to_dict("records")
        ]


def make_gap(runs: Seq[RunScores], common: Seq[str], reference: int | None) -> GapTable | None:
    """Shares of the gap between the baseline and the best found.

    Of several runs that saw the ground truth, the best found is the best of them on each video.

    Args:
        runs: with at least one finished sequence each, in the table's order.
        common: sequences that all have finished.
        reference: index of the baseline; None if it is not there.

    Returns:
        None without a baseline that saw no ground truth, a run of `FOUND`, another run or a common
        sequence.
    """
    import pandas as pd

    policies = [run.identity.policy for run in runs]
    if reference is None or policies[reference] in PRIVILEGED or not common:
        return None
    if FOUND not in policies or len(runs) < 3:
        return None
    quality = [run.sequences.set_index("sequence")["Q"].loc[list(common)] for run in runs]
    oracles = [q for q, policy in zip(quality, policies, strict=True) if policy in PRIVILEGED]
    base, best = quality[reference], pd.concat(oracles, axis=1).max(axis=1)
    rows, shares = [], []
    for i, run in enumerate(runs):
        if i == reference:
            continue
        shares.append(share_of_gap(quality[i], base, best))
        name = {"label": run.label, "policy": policies[i], "privileged": policies[i] in PRIVILEGED}
        rows.append(name | _row(quality[i], base, shares[-1]))
    frame = pd.DataFrame(rows)
    return GapTable(frame, _notes(runs[reference].label, len(oracles), shares))


def share_of_gap(quality: Series, base: Series, best: Series) -> RatioInterval:
    """Share of the gap between a baseline and the best found that a policy closes.

    Args:
        quality: Q of the policy by video.
        base: the baseline's.
        best: the best found.

    Returns:
        mean(quality - base) / mean(best - base) over the videos that all three define.
    """
    known = quality.index.intersection(base.index).intersection(best.index)
    own, low, high = (q.loc[known].to_numpy(float) for q in (quality, base, best))
    return ratio_of_means(own - low, high - low)


def share_cells(share: RatioInterval) -> dict[str, float]:
    """`SHARE_COLUMNS`; NaN where undefined."""
    ends = (share.ratio, share.low, share.high)
    return defined(dict(zip(SHARE_COLUMNS, ends, strict=True)))


def _row(quality: Series, base: Series, share: RatioInterval) -> dict[str, Any]:
    gain = mean_interval((quality - base).to_numpy(float))
    ends = defined({"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high})
    return {"sequences": share.n, "Q": float(quality.mean())} | ends | share_cells(share)


def describe_share(base: str) -> str:
    """What a share is, in a sentence or two."""
    return (
        f"Share of the gap: mean of Q less that of {base}, over the mean of the best found less "
        f"that of {base}; 0 is {base}, 1 the best found. Its interval is a 95% bootstrap (BCa) of "
        "this ratio of means, videos resampled with both of their differences."
    )


def _notes(baseline: str, oracles: int, shares: Seq[RatioInterval]) -> tuple[str, ...]:
    base = one_line(baseline)
    said = [
        describe_share(base),
        "The best found was chosen by the ground truth of these videos: it is no tracker. It is a "
        "lower bound of what decisions can reach, so a longer search can only bring the shares "
        "nearer to 0.",
    ]
    if oracles > 1:
        said.append(
            f"The best found of a video is the best of the {oracles} rows that saw the truth."
        )
    if why := {share.note for share in shares if share.low is None and share.note}:
        said.append(f"Shares without an interval: {', '.join(sorted(why))}.")
    return tuple(said)
