"""SAM2Long: three pathways of memory, each scored by the predicted IoUs along it.

Source: Ding et al., "SAM2Long: Enhancing SAM 2 for Long Video Segmentation with a Training-Free
Memory Tree", arXiv 2410.16268, section 3; release Mark12Ding/SAM2Long 7193b77, re-implemented from
a description. Where the two differ this is the release:

- the oldest valid memory gives no pointer, and pointer distances are ranks, not ages;
- memory tokens are weighted 0.95 to 1.05 by object score, and a lone pointer by 0.95;
- defaults are those of its README; `variant` names the others.

Deviation: pathways that hold the same memories are computed once; the release computes each.
`sam2long` answers for every frame when the video ends, tracing the best pathway back, and sees the
future in that sense; `sam2long-online` gives the best pathway's mask at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

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
    from vot_memory.bank import Bank
    from vot_memory.candidates import Candidates
    from vot_memory.log import Log

VARIANTS = {"readme": (0.1, 2.0), "script": (0.3, 1.0), "paper": (0.3, 2.0)}


@dataclass(frozen=True)
class Sam2LongConfig:
    """Constants of SAM2Long.

    Attributes:
        num_maskmem: memories a frame attends to, the prompt included.
        pathways: hypotheses that are kept.
        variant: where `iou` and `uncertainty` come from: the release's README (0.1, 2), its
            script's defaults (0.3, 1) or the paper's best (0.3, 2).
        iou: predicted IoU above which a frame may be read; None is the variant's.
        uncertainty: object score logit up to which, in all pathways, the frame is uncertain and
            diverse hypotheses are kept; None is the variant's.
        lowest, highest: factors on the keys of the memories with the lowest and highest score.
        prompt_score: object score logit that the prompt is ranked by.
        log_offset: is added to a predicted IoU before its logarithm is taken.
    """

    num_maskmem: int = 7
    pathways: int = 3
    variant: Literal["readme", "script", "paper"] = "readme"
    iou: float | None = None
    uncertainty: float | None = None
    lowest: float = 0.95
    highest: float = 1.05
    prompt_score: float = 10.0
    log_offset: float = 1e-5

    def __post_init__(self) -> None:
        wrong = None
        if not 2 <= self.num_maskmem <= 7:
            wrong = f"num_maskmem={self.num_maskmem} is outside 2..7, the temporal rows of SAM 2"
        elif not 1 <= self.pathways <= 16:
            wrong = f"pathways={self.pathways} is outside 1..16"
        elif self.iou is not None and not 0 <= self.iou <= 1:
            wrong = f"iou={self.iou} is outside 0..1"
        elif self.uncertainty is not None and self.uncertainty < 0:
            wrong = f"uncertainty={self.uncertainty} is negative"
        elif not 0 < self.lowest <= self.highest:
            wrong = f"lowest={self.lowest} and highest={self.highest} do not rise from above 0"
        elif self.log_offset <= 0:
            wrong = f"log_offset={self.log_offset} leaves no logarithm of 0: give a number above 0"
        if wrong:
            raise InputError(f"Policy 'sam2long': {wrong}.")


class Sam2Long(BasePolicy):
    """A tree of memories: every frame keeps the best continuations of its pathways.

    The release looks back without limit. A pathway reads the prompt, six spatial memories and up to
    fifteen pointers, all of the newest valid frames and the last one; the oldest of fifteen is left
    out, so sixteen slots are exact if the number of valid frames is counted.
    """

    name = "sam2long"
    Config = Sam2LongConfig
    offline = True
    parity = "equal to recorded runs of the release (tested)"

    def __init__(self, config: Sam2LongConfig | None = None) -> None:
        super().__init__(config)
        c = self.config
        iou, uncertainty = VARIANTS[c.variant]
        self.iou = iou if c.iou is None else c.iou
        self.uncertainty = uncertainty if c.uncertainty is None else c.uncertainty
        self.spec = PolicySpec(
            slots=16,
            rows_per_object=c.pathways,
            release=Preset(),
            source="arXiv 2410.16268; SAM2Long 7193b77",
            parity=self.parity,
            offline=self.offline,
        )

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """Cumulative score, and the number of valid frames so far."""
        return super().reset(rows, device, num_frames) | {
            "score": torch.zeros(rows, dtype=reading.exact(device), device=device),
            "valid_frames": torch.zeros(rows, dtype=torch.int64, device=device),
        }

    # ---- read ------------------------------------------------------------------------------

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """The newest valid memories and the last one, rows and pointers by rank, keys weighted."""
        valid = self._valid(bank)
        last = reading.last(bank, t)
        scan = reading.latest(bank, valid | last, bank.slots - 1)
        rank = reading.tpos_by_rank(scan)
        slots = torch.where(rank < self.config.num_maskmem - 1, scan, UNUSED)
        found = torch.minimum(state["valid_frames"], state["max_ptrs"] - 1) + (last & ~valid).any(1)
        ptrs, dist = reading.ranked_pointers(scan, found - 1, t)  # the oldest gives none
        plan = reading.plan(bank, slots, rank, ptrs, dist, state["max_ptrs"])
        alone = (plan.slots != UNUSED).sum(1, keepdim=True) == 1
        plan.key_scale = torch.where(alone, 1.0, self._weights(bank, plan.slots))
        plan.ptr_scale = torch.where(alone, 1.0, self._weights(bank, plan.ptrs))
        return plan

    def _valid(self, bank: Bank) -> Tensor:
        """Frames that scored well on their pathway, bool [B, K]."""
        return reading.stored(bank) & (bank.iou > self.iou) & (bank.obj > 0)

    def _weights(self, bank: Bank, ids: Tensor) -> Tensor:
        """Factors [B, n] that rise with the object score; the prompt's score is the highest."""
        used = ids != UNUSED
        score = torch.where(
            ids == 0, self.config.prompt_score, bank.obj.gather(1, ids.clamp(min=0))
        )
        rank = torch.where(used, score, torch.inf).argsort(dim=1, stable=True).argsort(dim=1)
        table = _factors(self.config.lowest, self.config.highest, ids.shape[1], ids.device)
        return table[used.sum(1)].gather(1, rank)

    # ---- select ----------------------------------------------------------------------------

    def select(self, state: State, bank: Bank, candidates: Candidates, t: Tensor) -> Selection:
        """The best continuations of an object's pathways by cumulative log IoU.

        Where no pathway is sure about the object, continuations whose signed predicted IoUs are
        equal to two decimals count as the same one.
        """
        p, m = self.config.pathways, candidates.ious.shape[1]
        ious, obj = candidates.ious.view(-1, p, m), candidates.obj.view(-1, p)
        score = state["score"].view(-1, p, 1) + self._log(ious, state)
        order = score.flatten(1).argsort(dim=1, descending=True, stable=True)
        sure = obj.abs().amax(1) > self.uncertainty
        signed = torch.where(obj[..., None] > 0, ious, -ious).to(score.dtype)
        diverse = order.gather(1, _diverse(signed.flatten(1).gather(1, order), order // m, p))
        best = torch.where(sure[:, None], order[:, :p], diverse)
        first = torch.arange(len(t), device=t.device).view(-1, p)
        begins = t.view(-1, p) == 1  # one pathway yet
        parent = torch.where(begins, first, first[:, :1] + best // m)
        mask = torch.where(begins, ious.argmax(2), best % m)
        return Selection(mask=mask.flatten(), parent=parent.flatten())

    def _log(self, ious: Tensor, state: State) -> Tensor:
        logs: Tensor = (ious.to(state["score"].dtype) + self.config.log_offset).log()
        return logs

    # ---- write -----------------------------------------------------------------------------

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Store every frame over one that can no longer be read."""
        iou = candidates.ious[torch.arange(len(t), device=t.device), selection.mask]
        state["score"] = state["score"] + torch.where(t == 1, 0.0, self._log(iou, state))
        fit = (iou > self.iou) & (candidates.obj > 0)
        state["valid_frames"] = state["valid_frames"] + fit.long()
        return Write(slot=reading.stalest(bank, self._valid(bank)))

    def finish(self, state: State, log: Log) -> Tensor | None:
        """The pathway with the best score, traced back."""
        if not self.offline or not log.frames:
            return None
        return log.backtrace(torch.arange(0, len(state["score"]), self.config.pathways))


class Sam2LongOnline(Sam2Long):
    """SAM2Long without looking back: every frame is answered by its best pathway."""

    name = "sam2long-online"
    offline = False
    parity = "sam2long's pathways; the release has no online answer"


@lru_cache
def _factors(lowest: float, highest: float, width: int, device: torch.device) -> Tensor:
    """Row n has n factors that rise evenly from lowest to highest; [width + 1, width]."""
    table = torch.ones(width + 1, width)
    for n in range(1, width + 1):
        table[n, :n] = torch.linspace(lowest, highest, n)
    return table.to(device)


def _diverse(signed: Tensor, path: Tensor, count: int) -> Tensor:
    """Positions [G, count] of distinct values, then the best of each pathway not among those.

    Args:
        signed: float64 [G, n], signed predicted IoUs, best score first.
        path: int64 [G, n], the pathway each continues.
        count: how many to keep.
    """
    n = signed.shape[1]
    earlier = torch.ones(n, n, dtype=torch.bool, device=signed.device).tril(-1)
    cents = (signed * 100).round()
    new = ~((cents[:, :, None] == cents[:, None]) & earlier).any(2)
    same_path = path[:, :, None] == path[:, None]
    left_out = ~(same_path & new[:, None]).any(2) & ~(same_path & earlier).any(2)
    position = torch.arange(n, device=signed.device)
    key = torch.where(new, position, torch.where(left_out, n + path, 2 * n))
    return key.argsort(dim=1, stable=True)[:, :count]
