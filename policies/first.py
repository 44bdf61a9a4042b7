"""Only the prompt is remembered: the lower end of what a memory can do.

No publication; the ablation "never update" of our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vot_memory import reading
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, ReadPlan, Selection, State, Write

if TYPE_CHECKING:
    from torch import Tensor

    from vot_memory.bank import Bank
    from vot_memory.candidates import Candidates


@dataclass(frozen=True)
class FirstConfig:
    """Nothing to choose."""


class First(BasePolicy):
    """Read the prompt's memory and pointer, write nothing."""

    name = "first"
    Config = FirstConfig
    spec = PolicySpec(slots=1, source="ablation of SAM 2", parity="nothing to compare with")

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """Slot 0 and its pointer."""
        none = torch.zeros(len(t), 0, dtype=torch.int64, device=t.device)
        ptrs, dist = reading.slot_pointers(bank, none, t)
        return reading.plan(bank, none, none, ptrs, dist, state["max_ptrs"])

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Discard every frame."""
        return Write(slot=torch.full_like(t, DISCARD))
