"""Reappearance: how long a tracker takes to find an object that comes back, and whether it does.

A return is the first annotated frame on which the object is visible after at least one annotated
frame on which it is absent. It is found again on the first frame with overlap above FOUND_OVERLAP,
as long as that comes before the next absence or the end of the video; else the return is lost. The
delay counts annotated frames: 0 if the object is found on the very frame of the return.

Overlap above 0, which VOTS calls tracked, is too weak here: a mask that stayed on the background,
or one that covers the picture, touches the object at once by luck. Half an overlap is finding it.

Delays are known of found returns only. A tracker that finds just the easy ones has short delays, so
a mean delay says nothing without the share of returns that were found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vot_memory.metrics.vots import FrameOverlaps

FOUND_OVERLAP = 0.5  # overlap above it is finding the object


class Return(NamedTuple):
    """One return of an object.

    Attributes:
        frame: index of the first annotated frame on which the object is back.
        visible: number of annotated frames until it leaves again or the video ends.
        found: index of the frame on which it is found; None if it never is.
        delay: annotated frames from `frame` to `found`; None if it is never found.
    """

    frame: int
    visible: int
    found: int | None
    delay: int | None


def find_returns(
    frames: FrameOverlaps, first_frame: int = 0, above: float = FOUND_OVERLAP
) -> list[Return]:
    """The returns of one object, in order.

    Args:
        frames: what happened to the object, by either rules.
        first_frame: index of the prompt frame; only later frames count.
        above: the overlap that must be exceeded.
    """
    scored = np.flatnonzero(frames.scored)
    scored = scored[scored > first_frame]
    visible = frames.visible[scored]
    steps = np.diff(np.concatenate([[True], visible, [False]]).astype(int))  # the prompt is visible
    begins, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    returns = []
    for begin in begins.tolist():
        end = int(ends[ends > begin][0])
        hits = np.flatnonzero(frames.overlap[scored[begin:end]] > above)
        delay = int(hits[0]) if len(hits) else None
        found = None if delay is None else int(scored[begin + delay])
        returns.append(Return(int(scored[begin]), end - begin, found, delay))
    return returns
