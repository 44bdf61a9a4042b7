"""Seeded random decisions: the null that a memory rule has to beat.

No publication. The action space is SAM2RL's (arXiv 2507.08548): discard the new memory or let it
replace any stored one but the prompt; the bank fills by itself first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field

from vot_memory import reading
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, ReadPlan, Selection, State, Write

if TYPE_CHECKING:
    from torch import Tensor

    from vot_memory.bank import Bank, Entry
    from vot_memory.candidates import Candidates


@dataclass(frozen=True)
class RandomConfig:
    """Options of random replacement.

    Attributes:
        seed: of all decisions; the run's seed unless given.
        write_probability: share of frames that are stored at all.
        num_maskmem: memories a frame attends to, the prompt included.
        pointers: `recent` = the last 15 frames' as in SAM 2, `bank` = those of the stored memories.
    """

    seed: int = 0
    write_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    num_maskmem: Annotated[int, Field(ge=2, le=7)] = 7
    pointers: Literal["recent", "bank"] = "recent"


class Random(BasePolicy):
    """Store a frame with a fixed probability, in a slot drawn evenly once all are full."""

    name = "random"
    Config = RandomConfig

    def __init__(self, config: RandomConfig | None = None) -> None:
        super().__init__(config)
        self.spec = PolicySpec(
            slots=self.config.num_maskmem,
            source="null hypothesis, action space of arXiv 2507.08548",
            parity="nothing to compare with",
        )

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """Every row draws from a stream of its own."""
        return super().reset(rows, device, num_frames) | {
            "stream": torch.zeros(rows, dtype=torch.int64, device=device)
        }

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """The prompt's area names the stream, so that objects differ and batches do not matter."""
        state["stream"][entry.rows] = entry.pixels

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """The whole bank, temporal rows by rank."""
        return reading.whole_bank(
            bank, t, state["max_ptrs"], rows="rank", pointers=self.config.pointers
        )

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Fill the bank, then draw."""
        filled = reading.stored(bank).sum(1)
        slots = [
            self._draw(stream, frame, full)
            for stream, frame, full in zip(
                state["stream"].tolist(), t.tolist(), filled.tolist(), strict=True
            )
        ]
        return Write(slot=torch.tensor(slots, dtype=torch.int64, device=t.device))

    def _draw(self, stream: int, frame: int, filled: int) -> int:
        if filled < self.spec.slots - 1:
            return filled + 1
        rng = np.random.default_rng((self.config.seed, stream, frame))
        if rng.random() >= self.config.write_probability:
            return DISCARD
        return int(rng.integers(1, self.spec.slots))
