"""Store every n-th frame on which the object is visible, so that memory reaches further back."""

from dataclasses import dataclass

import torch

from vot_memory import reading
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, Write


@dataclass(frozen=True)
class EveryConfig:
    """The options: a field n becomes --set every.n=3."""

    n: int = 5


class Every(BasePolicy):
    """Write every n-th frame with a visible object, over the oldest memory."""

    name = "every"
    Config = EveryConfig
    spec = PolicySpec(slots=7, source="an example", parity="nothing to compare with")

    def read(self, state, bank, t):
        """The prompt, then all that is stored, oldest first; the newest is temporal row 0."""
        slots = reading.in_order(bank, reading.stored(bank))[:, : bank.slots - 1]
        ptrs, dist = reading.recent_pointers(bank, t, state["max_ptrs"])
        return reading.plan(bank, slots, reading.tpos_by_rank(slots), ptrs, dist, state["max_ptrs"])

    def write(self, state, bank, candidates, selection, t):
        """Over the oldest memory, or nowhere."""
        oldest = 1 + bank.frame[:, 1:].argmin(dim=1)  # empty slots hold -1, so they go first
        wanted = (t % self.config.n == 0) & (candidates.obj > 0)
        return Write(slot=torch.where(wanted, oldest, DISCARD))
