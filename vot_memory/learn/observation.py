"""What an agent sees of a bank and an incoming memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from vot_memory.learn.simulator import Simulator, States


def observe(simulator: Simulator, states: States) -> Tensor:
    """The index observation of every episode, float32 [N, T]."""
    frames = torch.from_numpy(simulator.frame(states.bank)).long()
    return index(frames, states.t, len(simulator.clip))


def index(frames: Tensor, t: int | Tensor, length: int) -> Tensor:
    """SAM2RL's observation: which frames are stored, and the current one.

    The paper has "a simple binary vector that uniquely encodes both the indices of the frames
    stored in the bank and the current timestep", as long as the video (arXiv 2507.08548, section
    4); read here as bit i for a stored frame i, the prompt's 0 included, and bit t for the
    incoming one.

    Args:
        frames: int64 [N, K], frames stored beside the prompt; negative where a slot is empty.
        t: frame of the incoming memory, one for all or int64 [N].
        length: T, frames of the clip from its prompt on.

    Returns:
        float32 [N, T].
    """
    bits = torch.zeros(len(frames), length, device=frames.device)
    bits[:, 0] = 1
    stored = frames.clamp(min=0)  # an empty slot sets bit 0, which is set
    bits.scatter_(1, stored, 1.0)
    now = torch.as_tensor(t, device=frames.device).expand(len(frames))[:, None]
    return bits.scatter_(1, now, 1.0)
