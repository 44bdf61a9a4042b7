"""DAM4SAM: recent frames with a stride, and anchors where a distractor was told from the target.

Source: Videnovic et al., "A Distractor-Aware Memory for Visual Object Tracking with SAM2", arXiv
2411.17576, section 3; release jovanavidenovic/DAM4SAM 9c95450 (code of 24f7acc). Where the two
differ this is the release:

- anchors carry the temporal row of prompts (the paper: none), and the recent memories shrink from
  six to three as anchors come (the paper: three from the start);
- every frame is written and the stride is applied when reading (the paper: every fifth is written);
- while t < 16 pointer distances are divided by t, since the release counts a growing stream;
- releases before 24f7acc returned the last candidate instead of the chosen one: not reproduced.

Deviations: a frame without the object is not stored, for the release never reads it. Where sam2's
CUDA extension fills holes in the output, the release counts the mask's size and makes anchors after
that; here both use the mask as decoded. The release takes masks only: its demo decodes a box to a
mask first, and begins from that; here a box begins a track as in SAM 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vot_memory import reading
from vot_memory.bank import EMPTY
from vot_memory.errors import InputError
from vot_memory.policy import (
    ANCHOR,
    DISCARD,
    RECENT,
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

NEVER = -1


@dataclass(frozen=True)
class Dam4SamConfig:
    """Constants of DAM4SAM, the release's by default.

    Attributes:
        num_maskmem: memories a frame attends to: prompt, anchors and recent ones.
        anchors: at most so many anchors are read.
        stride: recent memories but the last are frames divisible by this.
        iou: predicted IoU above which a frame may become an anchor.
        min_area, max_area: its mask's size over the median of recent ones lies between.
        area_frames: so many non-empty masks make the median ...
        area_window: ... of the last so many frames.
        gap: frames that must lie between two anchors.
        distractor_iou: box IoU of choice and joined alternative at or below which it does.
        min_pixels: a mask of at least so many pixels shows the object.
    """

    num_maskmem: int = 7
    anchors: int = 3
    stride: int = 5
    iou: float = 0.8
    min_area: float = 0.8
    max_area: float = 1.2
    area_frames: int = 10
    area_window: int = 300
    gap: int = 5
    distractor_iou: float = 0.7
    min_pixels: int = 1

    def __post_init__(self) -> None:
        wrong = None
        if not 2 <= self.num_maskmem <= 7:
            wrong = f"num_maskmem={self.num_maskmem} is outside 2..7, the temporal rows of SAM 2"
        elif not 0 <= self.anchors <= self.num_maskmem - 2:
            wrong = (
                f"anchors={self.anchors} leaves no room for prompt and last frame among "
                f"num_maskmem={self.num_maskmem} memories"
            )
        elif self.min_area > self.max_area:
            wrong = f"min_area={self.min_area} is above max_area={self.max_area}"
        elif min(self.stride, self.area_frames, self.area_window, self.min_pixels) < 1:
            wrong = "stride, area_frames, area_window and min_pixels count from 1"
        elif self.gap < 0:
            wrong = f"gap={self.gap} is negative"
        elif not (0 <= self.iou <= 1 and 0 <= self.distractor_iou <= 1):
            wrong = f"iou={self.iou} or distractor_iou={self.distractor_iou} is outside 0..1"
        if wrong:
            raise InputError(f"Policy 'dam4sam': {wrong}.")


class Dam4Sam(BasePolicy):
    """Read the prompt, the newest anchors, the last visible frame and strided visible ones.

    The release keeps everything. A bank is exact with the prompt, one anchor more than are read
    (the freshest is first read as the last frame), the last visible frame, and the newest visible
    multiples of the stride, one more than are read since the last frame may be one of them.
    """

    name = "dam4sam"
    Config = Dam4SamConfig

    def __init__(self, config: Dam4SamConfig | None = None) -> None:
        super().__init__(config)
        self.spec = PolicySpec(
            slots=1 + (self.config.anchors + 1) + 1 + (self.config.num_maskmem - 1),
            release=Preset(
                resize="tv_bilinear",
                dtype="float16",
                stability=True,
                hard_prompt=True,
                fill_hole_area=8,
            ),
            source="arXiv 2411.17576; DAM4SAM 9c95450",
            parity="equal to recorded runs of the release (tested)",
        )

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """No sizes, no anchor yet."""

        def never(*shape: int) -> Tensor:
            return torch.full((rows, *shape), NEVER, dtype=torch.int64, device=device)

        history = self.config.area_frames
        return {"sizes": never(history), "size_frame": never(history), "last_added": never()}

    # ---- read ------------------------------------------------------------------------------

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """Prompt and anchors in the prompt's temporal row, then recent frames by rank."""
        c = self.config
        anchor = reading.stored(bank) & (bank.tag == ANCHOR)
        fresh = anchor & reading.last(bank, t)
        anchors = reading.latest(bank, anchor & ~fresh, c.anchors)
        room = c.num_maskmem - 1 - (anchors != UNUSED).sum(1)
        recent = self._recent(bank, fresh, room)
        ptrs, dist, max_ptrs = self._pointers(bank, anchors, t)
        rows = torch.full_like(anchors, bank.num_maskmem - 1)
        slots = torch.cat([anchors, recent], dim=1)
        tpos = torch.cat([rows, reading.tpos_by_rank(recent)], dim=1)
        return reading.plan(bank, slots, tpos, ptrs, dist, max_ptrs)

    def _recent(self, bank: Bank, fresh: Tensor, room: Tensor) -> Tensor:
        """The last visible frame, then multiples of the stride before it; [B, num_maskmem - 1]."""
        ordinary = reading.stored(bank) & (bank.tag == RECENT)
        last = torch.where(ordinary | fresh, bank.frame, EMPTY).amax(1, keepdim=True)
        strided = ordinary & (bank.frame % self.config.stride == 0) & (bank.frame < last)
        before = reading.latest(bank, strided, self.config.num_maskmem - 2)
        spare = (before != UNUSED).sum(1) - (room - 1)
        column = torch.arange(before.shape[1], device=before.device)
        before = torch.where(column < spare[:, None], UNUSED, before)
        newest = reading.latest(bank, (ordinary | fresh) & (bank.frame == last), 1)
        return torch.cat([before, newest], dim=1)

    def _pointers(self, bank: Bank, anchors: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Those of prompt and anchors by age, then of the last frames where it was visible."""
        max_ptrs = (t + 1).clamp(max=bank.pointers)
        ptrs, dist = reading.recent_pointers(bank, t, max_ptrs)
        of_ring = (ptrs[:, 1:] - bank.slots).clamp(min=0)
        frame = bank.ring_frame.gather(1, of_ring)
        anchored = torch.where(anchors != UNUSED, bank.frame.gather(1, anchors.clamp(min=0)), EMPTY)
        seen = bank.ring_pixels.gather(1, of_ring) >= self.config.min_pixels
        seen &= ~(frame[:, :, None] == anchored[:, None]).any(2)
        recent = torch.where(seen, ptrs[:, 1:], UNUSED)
        age = (t[:, None] - anchored).to(dist.dtype)
        return (
            torch.cat([ptrs[:, :1], anchors, recent], dim=1),
            torch.cat([dist[:, :1], age, dist[:, 1:]], dim=1),
            max_ptrs,
        )

    # ---- write -----------------------------------------------------------------------------

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Store what is visible; an anchor is encoded from its binarised mask."""
        chosen = torch.arange(len(t), device=t.device), selection.mask
        added = self._resolves_distractor(state, candidates, selection, t)
        state["last_added"] = torch.where(added, t, state["last_added"])
        tag = torch.where(added, ANCHOR, RECENT)
        slot = reading.stalest(bank, self._needed(bank, added))
        visible = candidates.pixels("low")[chosen] >= self.config.min_pixels
        return Write(torch.where(visible, slot, DISCARD), tag.to(torch.int8), added)

    def _needed(self, bank: Bank, added: Tensor) -> Tensor:
        """Stored memories that may still be read once the new one is there, bool [B, K]."""
        c, stored = self.config, reading.stored(bank)
        anchor, ordinary = stored & (bank.tag == ANCHOR), stored & (bank.tag == RECENT)
        last = torch.where(ordinary, bank.frame, EMPTY).amax(1, keepdim=True)
        keep = ordinary & (bank.frame == last) & added[:, None]  # else the new one is the last
        strided = ordinary & (bank.frame % c.stride == 0)
        for kept, count in ((anchor, c.anchors), (strided, c.num_maskmem - 1)):
            slots = reading.latest(bank, kept, count)
            keep |= (slots[:, :, None] == torch.arange(bank.slots, device=slots.device)).any(1)
        return keep

    def _resolves_distractor(
        self, state: State, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Tensor:
        """Whether an alternative reaches far beyond a sure choice of usual size, bool [B]."""
        c = self.config
        chosen = torch.arange(len(t), device=t.device), selection.mask
        pixels = candidates.choice(selection.mask).pixels("video")[:, 0]
        self._remember_size(state, pixels, t)
        ratio = pixels / self._median_size(state, t)
        sure = (candidates.ious[chosen] > c.iou) & (pixels >= c.min_pixels) & (t >= 2)
        sure &= (ratio >= c.min_area) & (ratio <= c.max_area)
        last = state["last_added"]
        sure &= (last == NEVER) | (t - last > c.gap)
        result = torch.zeros_like(sure)
        rows = sure.nonzero()[:, 0]
        if len(rows):
            iou = candidates.take(rows).joined_box_iou(selection.mask[rows], "video")
            result[rows] = iou.nan_to_num(nan=torch.inf).amin(1) <= c.distractor_iou
        return result

    def _remember_size(self, state: State, pixels: Tensor, t: Tensor) -> None:
        """Shift a non-empty size into the history; int64 [B, area_frames], newest last."""
        seen = pixels[:, None] >= self.config.min_pixels
        for name, value in (("sizes", pixels), ("size_frame", t)):
            shifted = torch.cat([state[name][:, 1:], value[:, None]], dim=1)
            state[name] = torch.where(seen, shifted, state[name])

    def _median_size(self, state: State, t: Tensor) -> Tensor:
        """Median of the remembered sizes within the window, float64 [B]; inf without any."""
        recent = (state["size_frame"] != NEVER) & (
            state["size_frame"] > t[:, None] - self.config.area_window
        )
        sizes = state["sizes"].to(reading.exact(t.device))
        sizes = torch.where(recent, sizes, torch.inf).sort(dim=1).values
        count = recent.sum(1, keepdim=True)
        low, high = ((count - 1) // 2).clamp(min=0), count // 2
        middle = sizes.gather(1, low) + sizes.gather(1, high.clamp(max=sizes.shape[1] - 1))
        return middle[:, 0] / 2
