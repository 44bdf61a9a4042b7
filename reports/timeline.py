"""What a run did to one object, frame by frame: how well it tracked and what was in memory."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vot_memory.metrics.vots import FrameOverlaps
from vot_memory.policy import DISCARD
from vot_memory.results import Record

if TYPE_CHECKING:
    from vot_memory.reports.scores import RunScores

EMPTY = -1  # `Record.memory` of a slot without a memory


@dataclass(frozen=True)
class Memory:
    """A frame's stay in one slot of the bank.

    Attributes:
        frame: of the video, the one that was remembered.
        slot: where; 0 holds the prompt.
        begin: frame after which it stands there.
        end: frame after which it does no longer; the video's length if it stays to the end.
        tag: `PROMPT`, `RECENT` or `ANCHOR` of `vot_memory.policy`, as it was when it came.
        overlap: of the answer on the frame that was remembered with the ground truth (1 where an
            absent object was answered by an empty mask); NaN where that frame is not scored, as
            the prompt's. It is that of the mask in the record, which where several rows track one
            object need not be the mask that the memory was made from.
        absent: the object was annotated as away on the frame that was remembered; False where that
            frame is not scored.
    """

    frame: int
    slot: int
    begin: int
    end: int
    tag: int
    overlap: float
    absent: bool = False

    @property
    def rightly_empty(self) -> bool:
        """It remembers that nothing is there, of a frame where that was so."""
        return self.absent and self.overlap == 1


@dataclass(frozen=True, eq=False)
class Timeline:
    """A run on one object; arrays have an entry for each of the T frames of the video.

    Attributes:
        label: row of the table. policy: its name. sequence, object: what was tracked.
        first_frame: index of the prompt's frame.
        offline: the masks, and so `overlap`, were revised after the last frame.
        overlap: float64 [T] with the ground truth, as Q counts it; NaN where it is not scored and
            on the frame that the VOT toolkit counts without an answer.
        absent: bool [T], annotated as away.
        object_score: float64 [T], logit. predicted_iou: float64 [T], of the chosen mask. NaN before
            the prompt, and everywhere if another program made the masks.
        discarded: bool [T], the frame was not remembered.
        memories: all stays in the bank, by slot and begin; empty if another program made the masks.
    """

    label: str
    policy: str
    sequence: str
    object: str
    first_frame: int
    offline: bool
    overlap: NDArray[np.float64]
    absent: NDArray[np.bool_]
    object_score: NDArray[np.float64]
    predicted_iou: NDArray[np.float64]
    discarded: NDArray[np.bool_]
    memories: tuple[Memory, ...]

    def __len__(self) -> int:
        return len(self.overlap)

    @property
    def rightly_empty(self) -> NDArray[np.bool_]:
        """Frames where the object is absent and the answer is an empty mask, bool [T]."""
        empty: NDArray[np.bool_] = self.absent & (self.overlap == 1)
        return empty

    @property
    def slots(self) -> int:
        """Number of slots that were ever used, the prompt's included."""
        return 1 + max((memory.slot for memory in self.memories), default=-1)


def read_timeline(run: RunScores, sequence: str, name: str) -> Timeline:
    """The timeline of a scored object.

    Args:
        run: scores of a run folder.
        sequence: one that it has finished.
        name: id of one of its objects.

    Raises:
        InputError: the record is missing or damaged.
        KeyError: the run has no scores of that object.
    """
    frames = run.frames[sequence, name]
    return make_timeline(run.label, run.folder.read(sequence, name), frames)


def make_timeline(label: str, record: Record, frames: FrameOverlaps) -> Timeline:
    """The timeline of a record whose frames have been compared with the ground truth."""
    known = record.object_score[record.first_frame] is not None  # else another program's
    overlap = frames.overlap.copy()
    if frames.counts_init:
        overlap[0] = np.nan
    pairs = zip(record.ious, record.chosen, strict=True)
    chosen = [None if ious is None or k is None else ious[k] for ious, k in pairs]
    return Timeline(
        label=label,
        policy=record.policy,
        sequence=record.sequence,
        object=record.object,
        first_frame=record.first_frame,
        offline=record.offline,
        overlap=overlap,
        absent=frames.scored & ~frames.visible,
        object_score=_floats(record.object_score),
        predicted_iou=_floats(chosen),
        discarded=np.array([slot == DISCARD for slot in record.written]),
        memories=find_memories(record, frames) if known else (),
    )


def find_memories(record: Record, frames: FrameOverlaps) -> tuple[Memory, ...]:
    """All stays in the bank: runs of equal frames in a slot, by slot and begin."""
    begun = record.first_frame
    memory = np.array([row for row in record.memory if row is not None])
    tags = np.array([row for row in record.tags if row is not None])
    absent = frames.scored & ~frames.visible
    found = []
    for slot in range(memory.shape[1] if memory.size else 0):
        stored = memory[:, slot]
        changes = [0, *(np.flatnonzero(np.diff(stored)) + 1).tolist(), len(stored)]
        for begin, end in pairwise(changes):
            frame = int(stored[begin])
            if frame == EMPTY:
                continue
            overlap = float("nan") if frame == begun else float(frames.overlap[frame])
            tag = int(tags[begin, slot])
            stay = (frame, slot, begun + begin, begun + end)
            found.append(Memory(*stay, tag, overlap, bool(absent[frame])))
    return tuple(found)


def _floats(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
