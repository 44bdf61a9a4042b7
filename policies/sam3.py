"""SAM 3's memory selection: one score of presence and quality decides which frames are read.

Source: Carion et al., "SAM 3: Segment Anything with Concepts", arXiv 2511.16719; the tracker's
optional memory selection in its official code, facebookresearch/sam3. Re-implemented from a
description of that code, not parity-checked. What is known:

- a frame scores max(0, 2 sigmoid(object score) - 1) times its best predicted IoU, and is valid
  above 0.01; the scan goes back to frame 1, stops at 15 valid frames, and the last frame is always
  taken;
- memories get their temporal rows by rank.

What the description leaves open, and what is done here:

- it calls the rule SAM2Long's filter in one number, so pointers follow SAM2Long's rule as well: the
  scan's frames, coded by rank, the oldest of them left out;
- SAM 3 scores the objects it tracks together as a group (arXiv 2601.09699); here every object has a
  score of its own, which is the same for one object;
- SAM 3's limit of four conditioning frames never acts, since an object has one prompt.

Only the rule is taken over: model, resolution (SAM 3: 1008 px, stride 14) and detector are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vot_memory import reading
from vot_memory.errors import InputError
from vot_memory.policy import (
    UNUSED,
    BasePolicy,
    PolicySpec,
    Preset,
    ReadPlan,
    Selection,
    State,
    Write,
)

if TYPE_CHECKING:
    from torch import Tensor

    from vot_memory.bank import Bank
    from vot_memory.candidates import Candidates


@dataclass(frozen=True)
class Sam3Config:
    """Constants of SAM 3's tracker, its own by default.

    Attributes:
        num_maskmem: memories a frame attends to, the prompt included.
        max_obj_ptrs: object pointers a frame attends to, the prompt's included; the scan stops at
            one valid frame less.
        memory_score: score above which a frame is valid, 0..1.
    """

    num_maskmem: int = 7
    max_obj_ptrs: int = 16
    memory_score: float = 0.01

    def __post_init__(self) -> None:
        wrong = None
        if not 2 <= self.num_maskmem <= 7:
            wrong = f"num_maskmem={self.num_maskmem} is outside 2..7, the temporal rows of SAM 2"
        elif not self.num_maskmem <= self.max_obj_ptrs <= 16:
            wrong = (
                f"max_obj_ptrs={self.max_obj_ptrs} is outside num_maskmem={self.num_maskmem}..16: "
                "the scan has to find all memories, and the bank holds 16"
            )
        elif not 0 <= self.memory_score <= 1:
            wrong = f"memory_score={self.memory_score} is outside 0..1, the range of scores"
        if wrong:
            raise InputError(f"Policy 'sam3': {wrong}.")


class Sam3(BasePolicy):
    """Read the newest frames that show the object, and the last one.

    SAM 3 keeps every frame. At most 14 valid frames and the last one are read, as pointers, so 15
    slots are exact: the last frame is always in the scan, hence once an invalid frame takes the
    place of the oldest valid one, that one is out of reach for good. Of older frames only their
    number counts, since the oldest of the scan is left out.
    """

    name = "sam3"
    Config = Sam3Config

    def __init__(self, config: Sam3Config | None = None) -> None:
        super().__init__(config)
        limit = self.config.max_obj_ptrs
        self.spec = PolicySpec(
            slots=limit,
            pointers=limit,
            release=Preset(stability=True),
            source="arXiv 2511.16719; facebookresearch/sam3",
            parity="re-implemented from the description, not parity-checked",
        )

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """No valid frame yet."""
        none = torch.zeros(rows, dtype=torch.int64, device=device)
        return super().reset(rows, device, num_frames) | {"valid_frames": none}

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """Prompt and newest frames of the scan, rows by rank; pointers of the scan by rank."""
        valid = self._readable(bank)
        last = reading.last(bank, t)
        scan = reading.latest(bank, valid | last, bank.slots - 1)
        rank = reading.tpos_by_rank(scan)
        slots = torch.where(rank < self.config.num_maskmem - 1, scan, UNUSED)
        found = torch.minimum(state["valid_frames"], state["max_ptrs"] - 1) + (last & ~valid).any(1)
        ptrs, dist = reading.ranked_pointers(scan, found - 1, t)  # the oldest gives none
        return reading.plan(bank, slots, rank, ptrs, dist, state["max_ptrs"])

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Every frame, in the place of an invalid one or else of the oldest."""
        chosen = torch.arange(len(t), device=t.device), selection.mask
        valid = self._valid(candidates.ious[chosen], candidates.obj)
        state["valid_frames"] = state["valid_frames"] + valid
        return Write(slot=reading.stalest(bank, self._readable(bank)))

    def _readable(self, bank: Bank) -> Tensor:
        """Slots of valid frames, bool [B, K]."""
        return reading.stored(bank) & self._valid(bank.iou, bank.obj)

    def _valid(self, iou: Tensor, obj: Tensor) -> Tensor:
        """Whether frames of these predicted IoUs and object score logits may be read, bool."""
        score = (2 * obj.sigmoid() - 1).clamp(min=0) * iou
        valid: Tensor = score > self.config.memory_score
        return valid
