"""SAM 2's own memory: the prompt and the last six frames, first in, first out.

Source: Ravi et al., "SAM 2: Segment Anything in Images and Videos", arXiv 2408.00714, section 4;
release facebookresearch/sam2 2b90b9f (PyPI sam2 1.1.0), `SAM2Base` and `SAM2VideoPredictor`.
No known deviation: parity with the release is tested frame by frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from vot_memory import reading
from vot_memory.policy import BasePolicy, PolicySpec, Preset, ReadPlan, Selection, State, Write

if TYPE_CHECKING:
    from torch import Tensor

    from vot_memory.bank import Bank
    from vot_memory.candidates import Candidates


@dataclass(frozen=True)
class FifoConfig:
    """Options of FIFO.

    Attributes:
        num_maskmem: memories a frame attends to, the prompt included (SAM 2: 7).
    """

    num_maskmem: Annotated[int, Field(ge=2, le=7)] = 7


class Fifo(BasePolicy):
    """Write every frame, also an empty one; replace the oldest."""

    name = "fifo"
    Config = FifoConfig

    def __init__(self, config: FifoConfig | None = None) -> None:
        super().__init__(config)
        self.spec = PolicySpec(
            slots=self.config.num_maskmem,
            release=Preset(),
            source="SAM 2, arXiv 2408.00714; sam2 2b90b9f",
            parity="equal to SAM2VideoPredictor (tested)",
        )

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """Prompt, then the recent frames oldest first, rows by temporal offset."""
        slots = reading.in_order(bank, reading.stored(bank))[:, : bank.slots - 1]
        ptrs, dist = reading.recent_pointers(bank, t, state["max_ptrs"])
        tpos = reading.tpos_by_offset(bank, slots, t)
        return reading.plan(bank, slots, tpos, ptrs, dist, state["max_ptrs"])

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Slots 1..K-1 in turn."""
        return Write(slot=1 + (t - 1) % (bank.slots - 1))
