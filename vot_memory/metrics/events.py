"""What happens in each frame, and how a tracker did on the frames of each kind.

Every scored frame after the object's prompt belongs to exactly one event, the first that fits:

==================  ============================================================================
absent              the object is annotated as away (an empty mask)
after return        one of the first RETURN_FRAMES annotated frames since it was away
occluded            labelled as partly hidden
look-alike near     labelled as close to something that looks alike
clear               none of these
otherwise visible   none of these, where occlusion and look-alikes are not labelled
==================  ============================================================================

Absence comes from the annotation, so that every dataset has it; occlusion and look-alikes come
from `Sequence.labels`, which the generator of procedural video fills. Since the events share the
frames out, their parts of Q add up to Q.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.metrics.vots import FrameOverlaps

RETURN_FRAMES = 10  # a tracker that finds the object again has done so by then
CLEAR, UNLABELLED = "clear", "otherwise visible"
ABSENT, RETURNED, OCCLUDED, LOOKALIKE = "absent", "after return", "occluded", "look-alike near"
EVENTS = (CLEAR, UNLABELLED, LOOKALIKE, OCCLUDED, ABSENT, RETURNED)  # as reports order them
_LABELS = {OCCLUDED: "occluded", LOOKALIKE: "lookalike_near"}


class EventScore(NamedTuple):
    """How a tracker did on the frames of one event of one object.

    Attributes:
        event: one of `EVENTS`.
        frames: how many there are.
        overlap: their mean overlap; on absent frames the share that was answered empty.
        drifted: share of them on which something is predicted that misses the visible object.
        missed: share of them on which nothing is predicted for the visible object.
        part: sum of their overlap over the number of frames of all events: the part of Q that
            comes from here.

    Shares and means are None without frames and, but for `overlap` and `part`, where the object is
    absent.
    """

    event: str
    frames: int
    overlap: float | None
    drifted: float | None
    missed: float | None
    part: float | None


def find_events(
    frames: FrameOverlaps, first_frame: int, labels: Mapping[str, Any]
) -> dict[str, NDArray[np.bool_]]:
    """Share the frames of a video out among the events that can be told apart there.

    Args:
        frames: what happened to the object, by either rules; the prompt frame never counts.
        first_frame: index of the prompt frame.
        labels: of the sequence, as far as they speak about this object.

    Returns:
        Event -> bool [T]; no frame is in two of them. An event may have no frame.
    """
    left = frames.scored.copy()
    left[: first_frame + 1] = False
    absent = left & ~frames.visible
    kinds = {ABSENT: absent, RETURNED: _after(absent, left)}
    for event, key in _LABELS.items():
        if key in labels:
            kinds[event] = np.asarray(labels[key], bool)
    events = {}
    for event, fits in kinds.items():
        events[event] = fits & left
        left = left & ~fits
    labelled = all(event in kinds for event in _LABELS)
    return {**events, CLEAR if labelled else UNLABELLED: left}


def score_events(
    frames: FrameOverlaps, first_frame: int, labels: Mapping[str, Any]
) -> list[EventScore]:
    """How a tracker did on each event of one object; the arguments are those of `find_events`."""
    events = find_events(frames, first_frame, labels)
    total = int(sum(chosen.sum() for chosen in events.values()))
    failed = frames.visible & (frames.overlap == 0)
    scores = []
    for event, chosen in events.items():
        n = int(chosen.sum())
        covered = float(frames.overlap[chosen].sum())
        drifted = int((failed & frames.predicted & chosen).sum())
        missed = int((failed & ~frames.predicted & chosen).sum())
        there = n > 0 and event != ABSENT
        scores.append(
            EventScore(
                event=event,
                frames=n,
                overlap=covered / n if n else None,
                drifted=drifted / n if there else None,
                missed=missed / n if there else None,
                part=covered / total if total else None,
            )
        )
    return scores


def _after(absent: NDArray[np.bool_], scored: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The first RETURN_FRAMES scored frames after each absence, bool [T]."""
    after = np.zeros_like(absent)
    remaining = 0
    for t in np.flatnonzero(scored):
        remaining = RETURN_FRAMES if absent[t] else remaining - 1
        after[t] = not absent[t] and remaining >= 0
    return after
