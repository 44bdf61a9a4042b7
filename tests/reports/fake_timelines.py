"""Timelines by hand, and those of a first-in-first-out bank."""

from __future__ import annotations

from typing import Any

import numpy as np

from vot_memory.policy import ANCHOR, PROMPT, RECENT
from vot_memory.reports.timeline import Memory, Timeline

NAN = float("nan")


def prompt(frames: int, frame: int = 0) -> Memory:
    return Memory(frame, 0, frame, frames, PROMPT, NAN)


def recent(frame: int, slot: int, begin: int, end: int, overlap: float) -> Memory:
    return Memory(frame, slot, begin, end, RECENT, overlap)


def anchor(frame: int, slot: int, begin: int, end: int, overlap: float) -> Memory:
    return Memory(frame, slot, begin, end, ANCHOR, overlap)


def nothing(frame: int, slot: int, begin: int, end: int) -> Memory:
    """Of a frame where the absent object was rightly answered by an empty mask."""
    return Memory(frame, slot, begin, end, RECENT, 1.0, absent=True)


def timeline(frames: int, **changes: Any) -> Timeline:
    """A run with overlap 0.8 from frame 1 on, whose memory is the prompt alone."""
    overlap = np.full(frames, 0.8)
    overlap[0] = NAN
    fields = {
        "label": "fifo",
        "policy": "fifo",
        "sequence": "video",
        "object": "1",
        "first_frame": 0,
        "offline": False,
        "overlap": overlap,
        "absent": np.zeros(frames, bool),
        "object_score": np.full(frames, 4.0),
        "predicted_iou": np.full(frames, 0.9),
        "discarded": np.zeros(frames, bool),
        "memories": (prompt(frames),),
    }
    return Timeline(**(fields | changes))


def fifo(frames: int, slots: int, first: int = 0, **changes: Any) -> Timeline:
    """Each frame takes the place of the oldest in slots 1.. ; overlaps wander, always the same."""
    overlap = np.abs(np.sin(np.arange(frames) / 30))
    overlap[: first + 1] = NAN
    memories = [prompt(frames, first)]
    for slot in range(1, slots):
        for t in range(first + slot, frames, slots - 1):
            end = min(t + slots - 1, frames)
            memories.append(recent(t, slot, t, end, float(overlap[t])))
    return timeline(frames, first_frame=first, overlap=overlap, memories=tuple(memories), **changes)


def imported(frames: int, **changes: Any) -> Timeline:
    """What is known of another program's masks."""
    nothing = np.full(frames, NAN)
    return timeline(frames, object_score=nothing, predicted_iou=nothing, memories=(), **changes)
