"""What the comparison of two runs says, in words: how far apart, whether it is established, why."""

from __future__ import annotations

from typing import Any

from vot_memory.reports.tables.comparison import (
    DRIFTED,
    HALLUCINATED,
    MISSED,
    OUTCOMES,
    OVERLAP,
    Comparison,
)
from vot_memory.reports.tables.notes import FEW_SEQUENCES
from vot_memory.reports.tables.table import Table
from vot_memory.reports.text import count, interval, is_defined, number, one_line, p_value
from vot_memory.statistics import SAME

NAMES = {"visible_iou": "visible IoU", "absent_correct": "absent correct"}
_LEVEL = 0.05  # of the test
LEAST = 0.0005  # what prints as 0.000 explains nothing
_WHERE = {  # kind -> where the first gains on the other, where it loses
    OVERLAP: ("both track and {a} fits better", "both track and {b} fits better"),
    DRIFTED: ("{b} drifted and {a} tracks", "{a} drifted and {b} tracks"),
    MISSED: ("{b} gives no mask and {a} tracks", "{a} gives no mask and {b} tracks"),
    HALLUCINATED: (
        "the object is absent and only {b} shows a mask",
        "the object is absent and only {a} shows a mask",
    ),
}


def find_words(comparison: Comparison) -> str:
    """How far apart two runs are in Q, and whether a difference is established."""
    a, b = one_line(comparison.a), one_line(comparison.b)
    quality = comparison.quality
    if comparison.videos.empty:
        return f"{a} and {b} have finished no video in common, so they cannot be compared."
    if not quality:
        return f"No frame of the videos that {a} and {b} have in common is scored."
    n, gap = int(quality["videos"]), quality["difference"]
    if quality["ties"] == n:
        where = "the one video" if n == 1 else f"all {n} videos"
        return f"{a} and {b} have the same Q on {where} that both have finished."
    said = f"{a} is {_apart(gap)} {b}"
    if n == 1:
        return f"{said} on the one video that both have finished: an anecdote, no finding."
    wins, ties, losses = (int(quality[key]) for key in ("wins", "ties", "losses"))
    ends = interval(quality["difference_low"], quality["difference_high"], signed=True)
    return (
        f"{said} in Q (95%: {ends}); better on {wins}, equal on {ties}, worse on {losses} of "
        f"{n} videos; {_test(quality, n)}"
    )


def explain(comparison: Comparison) -> str:
    """Which kind of frames gains and which loses the most; empty where there is neither.

    A kind counts by its net part, the reverse case taken off: of runs that differ by chance only,
    each gains where the other loses.
    """
    a, b = one_line(comparison.a), one_line(comparison.b)
    most = max(comparison.outcomes, key=lambda part: part.net)
    least = min(comparison.outcomes, key=lambda part: part.net)
    said = []
    if most.net >= LEAST:
        where = _WHERE[most.kind][0].format(a=a, b=b)
        said.append(f"gains most where {where} ({number(most.net, signed=True)})")
    if least.net <= -LEAST:
        where = _WHERE[least.kind][1].format(a=a, b=b)
        said.append(f"loses most where {where} ({number(least.net, signed=True)})")
    return f"Net of the reverse case, {a} {', and '.join(said)}." if said else ""


def find_caveats(comparison: Comparison) -> tuple[str, ...]:
    """What a reader has to know about the numbers, in sentences."""
    quality = comparison.quality
    if not quality:
        return ()
    n, videos = int(quality["videos"]), len(comparison.videos)
    said = []
    if n < videos:
        said.append(f"{count(videos - n, 'video')} without a scored frame left out.")
    if 1 < n < FEW_SEQUENCES:
        said.append(f"From {n} videos the interval is rough at best.")
    if is_defined(quality["p"]) and (smallest := 2.0 ** (1 - n)) > _LEVEL:
        said.append(f"With {n} videos the test cannot give a p-value below {smallest:g}.")
    if is_defined(quality["p"]):
        said.append(
            "Only the difference in Q is tested, and p is that of one comparison: of twenty pairs "
            "that one looks at, about one is below 0.05 by chance."
        )
    said.append("Each measure is over the videos where both define it.")
    return tuple(said)


def better_equal_worse(row: dict[str, Any]) -> tuple[int, int, int]:
    """Videos on which a is better, equal and worse by a row of `Comparison.measures`."""
    wins, ties, losses = (int(row[key]) for key in ("wins", "ties", "losses"))
    return (wins, ties, losses) if row["higher_is_better"] else (losses, ties, wins)


def _apart(gap: float) -> str:
    """Above or below by how much, as it prints."""
    if abs(gap) < SAME:
        return "level with"
    size = number(abs(gap)) if abs(gap) >= LEAST else "less than 0.001"
    return f"{size} {'above' if gap > 0 else 'below'}"


def _test(quality: dict[str, Any], n: int) -> str:
    p = quality["p"]
    if not is_defined(p):
        return "without a test, since one of the two saw the ground truth of these videos."
    text = p_value(p)
    said = f"p {text}" if text.startswith("<") else f"p = {text}"
    beyond = quality["difference_low"] > 0 or quality["difference_high"] < 0  # 0 is outside
    if p < _LEVEL and beyond:
        return f"{said}: a difference is established, taken as one comparison."
    if p < _LEVEL:
        return f"{said}: mostly to one side, but the mean may be 0; no difference is established."
    if beyond:
        return f"{said}: the mean rests on few videos; no difference is established."
    return f"{said}: no difference is established."


def tell_returns(comparison: Comparison) -> str:
    """How many returns were found again by whom; empty where nothing comes back."""
    returns = comparison.returns
    if not returns.total:
        return ""
    return (
        f"{count(returns.total, 'return')} after an absence: both found {returns.both} again, "
        f"only {one_line(comparison.a)} {returns.only_a}, only {one_line(comparison.b)} "
        f"{returns.only_b}, neither {returns.neither}."
    )


def tell_cause(video: dict[str, Any]) -> str:
    """The kind of frames that moves a row of `Comparison.videos` most; empty if none does."""
    sign = 1 if video["difference"] > 0 else -1
    kind = max(OUTCOMES, key=lambda name: sign * video[name])
    return kind if sign * video[kind] >= LEAST else ""


def find_apart(row: dict[str, Any]) -> str:
    """Whether a is "better" or "worse" in a row of `Comparison.rows`; empty where 0 is possible."""
    low, high = row["difference_low"], row["difference_high"]
    if not is_defined(low) or low <= 0 <= high:
        return ""
    return "better" if (low > 0) == row["higher_is_better"] else "worse"


def own_legend(comparison: Comparison, table: Table) -> list[str]:
    """What the signs of the two mean."""
    used = table.signs[comparison.a] + table.signs[comparison.b]
    return [line for line in table.legend if line[0] in used]
