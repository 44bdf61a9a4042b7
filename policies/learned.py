"""One memory policy for all videos, learned from rollouts: which memory makes room, if any.

No publication: the open question of SAM2RL (arXiv 2507.08548, section 5), whose action space this
is: 0 discards the new memory, k replaces the k-th stored one from oldest to newest; the prompt is
never replaced. While the bank fills, every frame is stored. What it sees exists at inference
(`learn/features.py`); how it was trained `learn/imitation/imitate.py` says.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vot_memory import reading
from vot_memory.learn import features
from vot_memory.learn.imitation.policy_file import load_learned
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, ReadPlan, Selection, State, Write
from vot_memory.setting import check_model, check_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from vot_memory.bank import Bank, Entry, Source
    from vot_memory.candidates import Candidates

_TRAIN_ONE = (
    "train one for it and give --set learned.weights=FILE, or run it on what it was not trained "
    "for by --set learned.other_model=true"
)


@dataclass(frozen=True)
class LearnedConfig:
    """Options of the learned policy.

    Attributes:
        weights: a file of `vot-memory train --method imitate`; the shipped one unless given.
        other_model: run it on another model or resolution than it was trained for.
    """

    weights: Path = Path()
    other_model: bool = False


class Learned(BasePolicy):
    """Ask a small network which memory the new one replaces."""

    name = "learned"
    Config = LearnedConfig
    spec = PolicySpec(
        source="learned on procedural video, action space of arXiv 2507.08548",
        parity="nothing to compare with",
    )

    def __init__(self, config: LearnedConfig | None = None) -> None:
        super().__init__(config)
        own = Path(self.config.weights)
        self.learned = load_learned(None if own == Path() else own)
        self.spec = dataclasses.replace(self.spec, slots=self.learned.card.slots)

    def fingerprint(self) -> dict[str, Any]:
        """The weights name the policy, not their path."""
        return {
            "weights_sha256": self.learned.sha256,
            "other_model": bool(self.config.other_model),
        }

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """Nothing seen; descriptions take the size of the model's pointers on the first prompt."""
        blank = torch.zeros(rows, self.spec.slots, 0, device=device)
        scalars = torch.zeros(rows, features.RECENT, len(features.SCALARS), device=device)
        return super().reset(rows, device, num_frames) | {
            "seen": blank,  # descriptions of what the slots hold
            "last": blank[:, 0],
            "recent": scalars,
        }

    def check(self, sources: Iterable[Source], num_maskmem: int) -> None:
        """Refuse another model; see `BasePolicy.check`."""
        learned, source = self.learned, next(iter(sources), None)  # one model plays them all
        if source is not None and not self.config.other_model:
            check_model(learned.path, "trained", learned.card, source, _TRAIN_ONE)
        check_rows(learned.path, learned.card, num_maskmem)

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """Refuse another model; describe the prompt."""
        self.check([entry.source] if entry.source else [], bank.num_maskmem)
        area = entry.pixels / (16 * entry.feat.shape[-2] * entry.feat.shape[-1])
        described = features.describe_prompt(area, entry.iou, entry.obj, entry.ptr)
        seen = _sized(state["seen"], described)
        seen[entry.rows, 0] = described
        state["seen"], state["last"] = seen, _sized(state["last"], described)

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """The whole bank."""
        card = self.learned.card
        return reading.whole_bank(
            bank, t, state["max_ptrs"], rows=card.rows, pointers=card.pointers
        )

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Fill the bank, then do as the network says."""
        now = features.describe(candidates, selection.mask)
        stored = reading.stored(bank)
        filled = stored.sum(1)
        slot = filled + 1
        full = (filled == bank.slots - 1).nonzero()[:, 0]
        if len(full):
            slot[full] = self._decided(state, bank, now, t, full)
        kept = (slot != DISCARD).nonzero()[:, 0]
        seen = state["seen"].clone()
        seen[kept, slot[kept]] = now[kept]
        scalars = now[:, None, : len(features.SCALARS)]
        state["seen"], state["last"] = seen, now
        state["recent"] = torch.cat([scalars, state["recent"][:, :-1]], dim=1)
        return Write(slot=slot)

    def _decided(self, state: State, bank: Bank, now: Tensor, t: Tensor, rows: Tensor) -> Tensor:
        """Slots of rows [n] whose bank is full, or DISCARD; int64 [n]."""
        oldest_first = reading.in_order(bank, reading.stored(bank))[rows, : bank.slots - 1]
        seen = state["seen"][rows]
        index = oldest_first[:, :, None].expand(-1, -1, seen.shape[2])
        scene = features.Scene(
            prompt=seen[:, 0],
            memories=seen.gather(1, index),
            incoming=now[rows],
            recent=state["recent"][rows],
            last=state["last"][rows],
            frames=bank.frame[rows].gather(1, oldest_first),
            t=t[rows],
        )
        action = self.learned.decide(features.tokens(scene))
        replaced = oldest_first.gather(1, (action - 1).clamp(min=0)[:, None])[:, 0]
        return torch.where(action == 0, DISCARD, replaced)


def _sized(seen: Tensor, described: Tensor) -> Tensor:
    """A copy of descriptions [B, ..., S], zeros if they had no size yet."""
    if seen.shape[-1]:
        return seen.clone()
    return seen.new_zeros(*seen.shape[:-1], described.shape[1])
