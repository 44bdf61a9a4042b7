"""The memory raster: every stay of a memory in the bank as a bar over the frames of a video."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from itertools import groupby
from typing import NamedTuple

import numpy as np

from vot_memory.policy import ANCHOR, PROMPT
from vot_memory.reports.style import overlap_bin
from vot_memory.reports.text import count
from vot_memory.reports.timeline import Memory, Timeline

MAX_BARS = 360  # of one raster; more would be slow to show and too thin to see
PROMPT_CLASS, UNSCORED_CLASS, EMPTY_CLASS = "qp", "qu", "qa"
# From the worst on, where several share a mark: wrong answers hide what follows, then those that
# rightly say that the object is absent, which show nothing of it.
_WORST_FIRST = ("q0", "q1", "q2", EMPTY_CLASS, "q3", "q4", UNSCORED_CLASS)
_NAMED = 6  # runs of frames that a tooltip names


class Bar(NamedTuple):
    """One stay in the bank, or neighbouring ones that are too thin to be seen one by one.

    Attributes:
        begin, end: in frames; `end` is left out. slot: row of the raster.
        color: class of the overlap, worst of the bar: "q0" (lost) to "q4" (found), "qa" if the
            object was absent and the answer rightly empty, "qu" if it is not scored, "qp" of the
            prompt. Worst is the lowest overlap, "qa" between "q2" and "q3".
        name: what is written in it where there is room; empty if stays are joined.
        anchor: whether it is one.
        title: all of it in words.
    """

    begin: int
    end: int
    slot: int
    color: str
    name: str
    anchor: bool
    title: str


class Ticks(NamedTuple):
    """Frames of one colour that were not remembered: where, and in words.

    Attributes:
        color: class, as of bars. runs: (begin, end) in frames, `end` left out. title: in words.
    """

    color: str
    runs: list[tuple[int, int]]
    title: str


def find_bars(timeline: Timeline, thinnest: int = 1) -> list[Bar]:
    """The bars of a raster, `MAX_BARS` at most but for one a slot.

    Args:
        timeline: whose memories they are.
        thinnest: frames that can be told apart; shorter stays are joined with their neighbours.
    """
    slots = [list(stays) for _, stays in groupby(timeline.memories, lambda m: m.slot)]
    joined = [_join(stays, thinnest) for stays in slots]
    while sum(map(len, joined)) > max(MAX_BARS, len(slots)):
        thinnest *= 2
        joined = [_join(stays, thinnest) for stays in slots]
    length = len(timeline)
    return [
        _bar(group, after, length)
        for groups in joined
        for group, after in zip(groups, [*groups[1:], None], strict=True)
    ]


def find_ticks(timeline: Timeline, thinnest: int = 1) -> list[Ticks]:
    """The frames that were not remembered, by colour; the arguments are those of `find_bars`.

    Where frames are too thin to be told apart, the worst of them colours them, as in bars.
    """
    empty = timeline.rightly_empty
    columns: dict[int, list[int]] = {}
    for t in np.flatnonzero(timeline.discarded).tolist():
        columns.setdefault(t // thinnest, []).append(t)
    colored: dict[str, list[int]] = {}
    for column, frames in columns.items():
        colors = [color_class(timeline.overlap[t], empty[t]) for t in frames]
        colored.setdefault(min(colors, key=_WORST_FIRST.index), []).append(column)
    ticks = []
    for color, own in sorted(colored.items()):
        runs = [(a * thinnest, min(b * thinnest, len(timeline))) for a, b in runs_of(own)]
        lost = sum(len(columns[column]) for column in own)
        said = say_runs(runs) if thinnest == 1 else count(lost, "frame")
        why = "; the object was absent, the answer empty" if color == EMPTY_CLASS else ""
        ticks.append(Ticks(color, runs, f"not remembered: {said}{why}"))
    return ticks


def color_class(overlap: float, empty: bool = False) -> str:
    """CSS class of an answer with this overlap: "qu" where it is NaN, "qa" if rightly empty."""
    if empty:
        return EMPTY_CLASS
    index = overlap_bin(overlap)
    return UNSCORED_CLASS if index is None else f"q{index}"


def runs_of(frames: Seq[int]) -> list[tuple[int, int]]:
    """Rising numbers as runs (begin, end), `end` left out.

    Example:
        >>> runs_of([3, 4, 5, 9])
        [(3, 6), (9, 10)]
    """
    runs = groupby(enumerate(frames), lambda pair: pair[1] - pair[0])
    spans = [[frame for _, frame in run] for _, run in runs]
    return [(span[0], span[-1] + 1) for span in spans]


def say_runs(runs: Seq[tuple[int, int]]) -> str:
    """Runs (begin, end) in words.

    Example:
        >>> say_runs([(3, 6), (9, 10)])
        'frames 3 to 5, 9'
    """
    spans = [str(a) if b - a == 1 else f"{a} to {b - 1}" for a, b in runs[:_NAMED]]
    if len(runs) > _NAMED:
        spans.append(f"and {len(runs) - _NAMED} more times")
    one = len(runs) == 1 and runs[0][1] - runs[0][0] == 1
    return f"frame{'' if one else 's'} {', '.join(spans)}"


def _join(stays: Seq[Memory], thinnest: int) -> list[list[Memory]]:
    """Neighbours within so many frames become one group."""
    groups: list[list[Memory]] = []
    for stay in stays:
        if groups and stay.end - groups[-1][0].begin <= thinnest:
            groups[-1].append(stay)
        else:
            groups.append([stay])
    return groups


def _bar(group: Seq[Memory], after: Seq[Memory] | None, length: int) -> Bar:
    first, last = group[0], group[-1]
    prompt = all(memory.tag == PROMPT for memory in group)
    worst = min(group, key=_badness)
    alone = len(group) == 1
    return Bar(
        begin=first.begin,
        end=last.end,
        slot=first.slot,
        color=PROMPT_CLASS if prompt else _color(worst),
        name=("prompt" if prompt else str(first.frame)) if alone else "",
        anchor=all(memory.tag == ANCHOR for memory in group),
        title=_say_stay(first, after, length) if alone else _say_group(group, worst),
    )


def _color(memory: Memory) -> str:
    return color_class(memory.overlap, memory.rightly_empty)


def _badness(memory: Memory) -> tuple[int, float]:
    return _WORST_FIRST.index(_color(memory)), memory.overlap


def _say_stay(memory: Memory, after: Seq[Memory] | None, length: int) -> str:
    what = {PROMPT: "prompt, ", ANCHOR: "anchor, "}.get(memory.tag, "")
    since = "" if memory.begin == memory.frame else f" from frame {memory.begin}"
    scored = "" if memory.tag == PROMPT else f"; {_say_answer(memory)}"
    if memory.end == length:
        until = " to the end"
    elif after is not None and after[0].begin == memory.end:
        until = f" to frame {memory.end - 1}"
        scored += f"; replaced by frame {after[0].frame}"
    else:
        until = f" to frame {memory.end - 1}"
        scored += "; then removed"
    return f"{what}frame {memory.frame} in slot {memory.slot}{since}{until}{scored}"


def _say_group(group: Seq[Memory], worst: Memory) -> str:
    first, last = group[0], group[-1]
    return (
        f"{len(group)} memories in slot {first.slot} "
        f"from frame {first.begin} to {last.end - 1}; worst of them: {_say_answer(worst)}"
    )


def _say_answer(memory: Memory) -> str:
    if memory.rightly_empty:
        return "the object was absent: remembered as empty"
    if memory.absent:
        return "the object was absent: a mask was remembered all the same"
    return "not scored" if np.isnan(memory.overlap) else f"overlap {memory.overlap:.2f}"
