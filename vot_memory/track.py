"""What the engine steps: bank, private state and clocks of one video's objects under one policy."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from vot_memory.bank import Bank
from vot_memory.policy import MemoryPolicy, State


@dataclass
class Track:
    """The memory of all objects of one video under one policy.

    Attributes:
        policy: who decides. bank: what is remembered. state: the policy's private tensors.
        frame: index of the last frame seen, -1 before the first.
        start: int64 [B], frame of each row's prompt.
        origin: int64 [B]; rows of a group with equal origin hold identical memories.
        num_frames: length of the video, None for a stream.
    """

    policy: MemoryPolicy
    bank: Bank
    state: State
    num_frames: int | None
    start: Tensor
    origin: Tensor
    frame: int = -1
    objects: list[str] = field(default_factory=list)
