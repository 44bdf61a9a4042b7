"""MoSAM: motion says where to look next, and only reliable frames and pixels are remembered.

Source: Yang et al., "MoSAM: Motion-Guided Segment Anything Model with Spatial-Temporal Memory
Selection", arXiv 2505.00739: motion-guided prompting (MGP) and spatial-temporal memory selection
(ST-MS). No code and no constants were ever published, so this is MoSAM's idea with parameters of
ours, re-implemented from the description, not parity-checked. Known:

- MGP turns the motion of past masks into a sparse and a dense prompt for the next frame;
- ST-MS keeps frames that are likely to be segmented well, not simply the last six, and drops
  memory pixels of low confidence.

Not known, and chosen here:

- motion: the displacement between the centres of the last two masks, carried on; both have to be
  reliable, or the frame gets no prompt (the authors may use optical flow);
- sparse prompt: a click on the expected centre; dense prompt: the last mask's logits, displaced;
- a reliable frame: predicted IoU and object score above SAMURAI's thresholds; the last frame is
  always read, as there;
- the pixel filter is off: no threshold is known. The prompt is never filtered;
- whether anything was trained: nothing is here.

A click leaves SAM 2 three candidates. A box is two clicks to it, which make it answer with one: so
with `sparse_prompt=box` or `both` all tracking frames have one candidate, those without motion too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vot_memory import reading
from vot_memory.errors import InputError
from vot_memory.policy import (
    DISCARD,
    BasePolicy,
    PolicySpec,
    Preset,
    Prompts,
    ReadPlan,
    Selection,
    State,
    Write,
)

if TYPE_CHECKING:
    from vot_memory.backbone import Features
    from vot_memory.bank import Bank, Entry
    from vot_memory.candidates import Candidates

STEP = 4  # memory pixels, the decoder's pixels and input pixels are each 4 of the next finer
LABELS = {  # sparse_prompt -> labels of its points: 1 on the object, 2 and 3 box corners, -1 none
    "none": (-1,),
    "point": (1,),
    "box": (2, 3),
    "both": (2, 3, 1),
}


@dataclass(frozen=True)
class MosamConfig:
    """Parameters of MoSAM; all values are ours but the first and `max_logit`.

    Attributes:
        num_maskmem: memories a frame attends to, the prompt included (SAM 2: 7).
        sparse_prompt: a click on the expected centre, the last mask's box moved there, both, none.
        dense_prompt: the last mask's logits, moved there; None: yes, but not to nano, whose encoder
            of such masks was never trained.
        max_logit: bound of the moved logits, as SAM 2 has it for masks that are fed back.
        memory_iou: predicted IoU above which a frame is reliable, 0..1.
        memory_object_score: object score logit above which it is.
        last_frame: read the last frame whether or not it is reliable.
        pixel_confidence: pixels of a memory are read where |2 sigmoid(logit) - 1| of its mask,
            averaged over the pixel, is at least this, 0..1; 0 reads all.
    """

    num_maskmem: int = 7
    sparse_prompt: Literal["none", "point", "box", "both"] = "point"
    dense_prompt: bool | None = None
    max_logit: float = 32.0
    memory_iou: float = 0.5
    memory_object_score: float = 0.0
    last_frame: bool = True
    pixel_confidence: float = 0.0

    def __post_init__(self) -> None:
        wrong = None
        if not 2 <= self.num_maskmem <= 7:
            wrong = f"num_maskmem={self.num_maskmem} is outside 2..7, the temporal rows of SAM 2"
        elif self.sparse_prompt not in LABELS:
            wrong = f"sparse_prompt={self.sparse_prompt!r} is none of {', '.join(LABELS)}"
        elif not 0 < self.max_logit < math.inf:
            wrong = f"max_logit={self.max_logit} leaves nothing of a mask: give a number above 0"
        elif not math.isfinite(self.memory_object_score):
            wrong = f"memory_object_score={self.memory_object_score} is no number"
        for name in ("memory_iou", "pixel_confidence"):
            if not 0 <= getattr(self, name) <= 1:
                wrong = f"{name}={getattr(self, name)} is outside 0..1"
        if wrong:
            raise InputError(f"Policy 'mosam': {wrong}.")


class Mosam(BasePolicy):
    """Prompt the decoder where the object is expected; read the newest reliable frames.

    The rule looks back without limit for six reliable frames, the last frame among them whatever it
    is. Six slots are exact: after an unreliable frame at most five earlier ones can be read, and it
    is the first to be replaced. Pointers are SAM 2's, the last 15 by time.
    """

    name = "mosam"
    Config = MosamConfig

    def __init__(self, config: MosamConfig | None = None) -> None:
        super().__init__(config)
        self.spec = PolicySpec(
            slots=self.config.num_maskmem,
            release=Preset(),
            source="arXiv 2505.00739; no code was published",
            parity="re-implemented from the description, not parity-checked",
        )

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """No motion yet; `logits` and `keep` get the model's size when it is known."""

        def zeros(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
            return torch.zeros(rows, *shape, dtype=dtype, device=device)

        return super().reset(rows, device, num_frames) | {
            "centres": zeros(2, 2),  # (x, y) of the last two masks in input pixels, newest last
            "reliable": zeros(2, dtype=torch.bool),  # whether these tell motion
            "box": zeros(4),  # the last mask's
            "dense": zeros(dtype=torch.bool),  # whether the model takes a dense prompt
            "logits": zeros(0, 0),  # the last mask's, [B, 4h, 4w]
            "keep": zeros(self.spec.slots, 0, dtype=torch.bool),  # pixels to read, [B, K, h * w]
        }

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """Whether the model takes a dense prompt; all pixels of the prompt are read."""
        wanted = self.config.dense_prompt
        if wanted is None:
            wanted = entry.source is None or entry.source.model.partition("@")[0] != "nano"
        state["dense"][entry.rows] = wanted
        if self.config.pixel_confidence > 0:
            if not state["keep"].shape[2]:
                _, height, width = bank.memory_shape
                state["keep"] = state["keep"].new_zeros(bank.rows, bank.slots, height * width)
            state["keep"][entry.rows] = True

    # ---- motion-guided prompting -----------------------------------------------------------

    def prompts(self, state: State, bank: Bank, frame: Features) -> Prompts | None:
        """Click, box and mask where the object is expected, for rows whose motion is known."""
        c = self.config
        if c.sparse_prompt == "none" and c.dense_prompt is False:
            return None
        known = state["reliable"].all(1)
        before, last = state["centres"].unbind(1)
        motion = last - before
        places = {2: state["box"][:, :2], 3: state["box"][:, 2:], 1: last, -1: last}
        labels = LABELS[c.sparse_prompt]
        points = torch.stack([places[label] + motion for label in labels], dim=1)
        points = points.clamp(0, STEP * STEP * bank.memory_shape[2] - 1)
        dense, valid = None, known & state["dense"]
        if bool(valid.any()):
            shift = (motion / STEP).round().long()
            moved = translated(state["logits"], torch.where(valid[:, None], shift, 0))
            dense = moved.clamp(-c.max_logit, c.max_logit)[:, None]
        label = torch.tensor(labels, dtype=torch.int32, device=known.device)
        return Prompts(points, torch.where(known[:, None], label, -1), dense, valid)

    def _remember_motion(
        self, state: State, candidates: Candidates, choice: Tensor, reliable: Tensor
    ) -> None:
        """Shift the chosen masks' centres into the history."""
        chosen = torch.arange(len(choice), device=choice.device), choice
        logits = candidates.logits[chosen]
        found, centre = centres(logits > 0)
        state["centres"] = torch.stack([state["centres"][:, 1], centre], dim=1)
        state["reliable"] = torch.stack([state["reliable"][:, 1], reliable & found], dim=1)
        if self.config.dense_prompt is not False:
            state["logits"] = logits
        if 2 in LABELS[self.config.sparse_prompt]:
            first, last = candidates.boxes("low")[chosen].to(torch.float32).chunk(2, dim=1)
            state["box"] = torch.cat([first * STEP, (last + 1) * STEP - 1], dim=1)

    # ---- spatial-temporal memory selection -------------------------------------------------

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """Prompt, newest reliable frames and the last one, rows by rank; SAM 2's pointers."""
        last = reading.last(bank, t)
        slots = reading.latest(bank, self._readable(bank) | last, bank.slots - 1)
        ptrs, dist = reading.recent_pointers(bank, t, state["max_ptrs"])
        tpos = reading.tpos_by_rank(slots)
        plan = reading.plan(bank, slots, tpos, ptrs, dist, state["max_ptrs"])
        if self.config.pixel_confidence > 0:
            rows = torch.arange(len(t), device=t.device)[:, None]
            plan.key_mask = state["keep"][rows, plan.slots.clamp(min=0)]
        return plan

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Every frame (without `last_frame` the reliable ones) over what is not read any more."""
        c = self.config
        chosen = torch.arange(len(t), device=t.device), selection.mask
        reliable = self._reliable(candidates.ious[chosen], candidates.obj)
        self._remember_motion(state, candidates, selection.mask, reliable)
        slot = reading.stalest(bank, self._readable(bank))
        if not c.last_frame:
            slot = torch.where(reliable, slot, DISCARD)
        if c.pixel_confidence > 0:
            confidence = (2 * candidates.logits[chosen].sigmoid() - 1).abs()
            confident = F.avg_pool2d(confidence, STEP).flatten(1) >= c.pixel_confidence
            rows = (slot != DISCARD).nonzero()[:, 0]
            state["keep"][rows, slot[rows]] = confident[rows]
        return Write(slot=slot)

    def _readable(self, bank: Bank) -> Tensor:
        """Slots of reliable frames, bool [B, K]."""
        return reading.stored(bank) & self._reliable(bank.iou, bank.obj)

    def _reliable(self, iou: Tensor, obj: Tensor) -> Tensor:
        """Whether frames of these predicted IoUs and object score logits are reliable, bool."""
        both: Tensor = (iou > self.config.memory_iou) & (obj > self.config.memory_object_score)
        return both


def centres(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Which masks [B, H, W] are not empty, and their centres (x, y) in input pixels, [B, 2]."""
    size = masks.sum((1, 2))
    x = (masks.sum(1) * torch.arange(masks.shape[2], device=masks.device)).sum(1)
    y = (masks.sum(2) * torch.arange(masks.shape[1], device=masks.device)).sum(1)
    mean = torch.stack([x, y], dim=1) / size.clamp(min=1)[:, None]
    return size > 0, (mean + 0.5) * STEP - 0.5


def translated(logits: Tensor, shift: Tensor) -> Tensor:
    """Logits [B, H, W] moved by whole pixels (x, y), int64 [B, 2]; the edge repeats behind them."""
    rows = torch.arange(len(logits), device=logits.device)[:, None, None]
    height, width = logits.shape[1:]
    x = torch.arange(width, device=logits.device) - shift[:, :1]
    y = torch.arange(height, device=logits.device) - shift[:, 1:]
    return logits[rows, y.clamp(0, height - 1)[:, :, None], x.clamp(0, width - 1)[:, None, :]]
