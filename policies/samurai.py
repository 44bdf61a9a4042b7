"""SAMURAI: a Kalman filter on the box helps to choose the mask, and three scores filter the memory.

Source: Yang et al., "SAMURAI: Adapting Segment Anything Model for Zero-Shot Visual Tracking with
Motion-Aware Memory", arXiv 2411.11922, sections 4.1 (motion modelling) and 4.2 (memory selection);
release yangchris11/samurai 76ba195. Where the two differ this is the release:

- the last frame is always read, and frame 1 never after frame 2;
- the motion weight is 0.15 for Hiera-L only (the paper's value) and 0.25 for B+, S and T;
- numbers published in November 2024 came from code that lost the motion score before the memory
  selection (fixed in 76ba195): `--set motion_in_memory=false` is that variant;
- an absent object with a high predicted IoU updates the filter with an empty box at the origin.

Deviation: the release keeps its filter on the model and leaks it from video to video; here it lives
with the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vot_memory import reading
from vot_memory.errors import InputError
from vot_memory.kalman import BoxFilter, box_iou, measurement
from vot_memory.policy import BasePolicy, PolicySpec, Preset, ReadPlan, Selection, State, Write

if TYPE_CHECKING:
    from vot_memory.bank import Bank, Entry
    from vot_memory.candidates import Candidates

SMALL_MODELS = ("sam2.1-t", "sam2.1-s", "sam2.1-b+", "sam2-t", "sam2-s", "sam2-b+")


@dataclass(frozen=True)
class SamuraiConfig:
    """Constants of SAMURAI, the release's by default.

    Attributes:
        num_maskmem: memories a frame attends to, the prompt included.
        stable_frames: frames in a row that the filter must agree before its motion counts.
        stable_iou: predicted IoU below which a frame breaks that row.
        object_gate: object score logit above which the object counts as visible.
        motion_weight: share of the motion score in the choice of the mask; None takes the
            release's: 0.25 for the tiny, small and base-plus models, else 0.15.
        memory_iou: predicted IoU above which a frame may be read.
        memory_object_score: object score logit above which it may.
        memory_motion_score: motion score above which it may, where there is one.
        motion_in_memory: False forgets the motion score there, as published numbers did.
        position_noise: deviation of the filter's places a frame, as a share of the box's height.
        velocity_noise: deviation of its velocities.
    """

    num_maskmem: int = 7
    stable_frames: int = 15
    stable_iou: float = 0.3
    object_gate: float = -1.0
    motion_weight: float | None = None
    memory_iou: float = 0.5
    memory_object_score: float = 0.0
    memory_motion_score: float = 0.0
    motion_in_memory: bool = True
    position_noise: float = 1 / 20
    velocity_noise: float = 1 / 160

    def __post_init__(self) -> None:
        wrong = None
        if not 2 <= self.num_maskmem <= 7:
            wrong = f"num_maskmem={self.num_maskmem} is outside 2..7, the temporal rows of SAM 2"
        elif self.stable_frames < 1:
            wrong = f"stable_frames={self.stable_frames} leaves no frame to start the filter on"
        elif self.memory_motion_score > 0 and not self.motion_in_memory:
            wrong = (
                f"memory_motion_score={self.memory_motion_score} has no effect with "
                "motion_in_memory=false"
            )
        elif not (self.position_noise > 0 and self.velocity_noise > 0):
            wrong = "position_noise and velocity_noise have to be above 0"
        for name in ("stable_iou", "motion_weight", "memory_iou", "memory_motion_score"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                wrong = f"{name}={value} is outside 0..1"
        if wrong:
            raise InputError(f"Policy 'samurai': {wrong}.")


class Samurai(BasePolicy):
    """Choose by motion and predicted IoU; read the newest frames that scored well.

    The release looks back without limit. It reads the prompt, the six newest valid frames and the
    last one, and validity is settled when a frame is written: so a bank of those is exact.
    """

    name = "samurai"
    Config = SamuraiConfig

    def __init__(self, config: SamuraiConfig | None = None) -> None:
        super().__init__(config)
        self.filter = BoxFilter(self.config.position_noise, self.config.velocity_noise)
        self.spec = PolicySpec(
            slots=self.config.num_maskmem + 1,
            object_gate=self.config.object_gate,
            release=Preset(
                dtype="float16", prompt="box", stability=True, hard_prompt=True, fill_hole_area=8
            ),
            source="arXiv 2411.11922; samurai 76ba195",
            parity="equal to recorded runs of the release (tested)",
        )

    def reset(self, rows: int, device: torch.device, num_frames: int | None) -> State:
        """No filter yet: `stable` is 0."""
        exact = reading.exact(device)
        return super().reset(rows, device, num_frames) | {
            "mean": torch.zeros(rows, 8, dtype=exact, device=device),
            "cov": torch.zeros(rows, 8, 8, dtype=exact, device=device),
            "stable": torch.zeros(rows, dtype=torch.int64, device=device),
            "motion_weight": torch.zeros(rows, dtype=exact, device=device),
            "valid": torch.zeros(rows, self.spec.slots, dtype=torch.bool, device=device),
        }

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """The motion weight follows the model."""
        weight = self.config.motion_weight
        if weight is None:
            model = "" if entry.source is None else entry.source.model.partition("@")[0]
            weight = 0.25 if model in SMALL_MODELS else 0.15
        state["motion_weight"][entry.rows] = weight

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """Prompt, newest valid frames and the last one, rows by rank; SAM 2's pointers."""
        keep = state["valid"] | reading.last(bank, t)
        slots = reading.latest(bank, keep, self.config.num_maskmem - 1)
        ptrs, dist = reading.recent_pointers(bank, t, state["max_ptrs"])
        tpos = reading.tpos_by_rank(slots)
        return reading.plan(bank, slots, tpos, ptrs, dist, state["max_ptrs"])

    def select(self, state: State, bank: Bank, candidates: Candidates, t: Tensor) -> Selection:
        """Predicted IoU, mixed with the motion score once the filter is stable."""
        trusted = state["stable"] >= self.config.stable_frames
        if not bool(trusted.any()):
            return super().select(state, bank, candidates, t)
        mean, _ = self.filter.predict(state["mean"], state["cov"])
        motion = box_iou(mean[:, None], candidates.boxes("image"))
        weight = torch.where(trusted, state["motion_weight"], 0.0)[:, None]
        return Selection(mask=(weight * motion + (1 - weight) * candidates.ious).argmax(dim=1))

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Step the filter, then overwrite what can no longer be read."""
        c = self.config
        chosen = torch.arange(len(t), device=t.device), selection.mask
        iou, box = candidates.ious[chosen], candidates.choice(selection.mask).boxes("image")[:, 0]
        motion, trusted = self._step_filter(state, iou, box)
        valid = (iou > c.memory_iou) & (candidates.obj > c.memory_object_score) & (t >= 2)
        if c.motion_in_memory:
            valid &= ~trusted | (motion > c.memory_motion_score)
        slot = reading.stalest(bank, state["valid"])
        state["valid"] = state["valid"].scatter(1, slot[:, None], valid[:, None])
        return Write(slot=slot)

    def _step_filter(self, state: State, iou: Tensor, box: Tensor) -> tuple[Tensor, Tensor]:
        """Start, update or coast; the motion score [B] of the choice and where it counted [B]."""
        c, stable = self.config, state["stable"]
        begins, trusted = stable == 0, stable >= c.stable_frames
        measured = measurement(box.to(state["mean"].dtype))
        fresh_mean, fresh_cov = self.filter.initiate(measured)
        mean = torch.where(begins[:, None], fresh_mean, state["mean"])
        cov = torch.where(begins[:, None, None], fresh_cov, state["cov"])
        mean, cov = self.filter.predict(mean, cov)
        motion = box_iou(mean, box)
        agrees = torch.where(trusted, iou >= c.stable_iou, iou > c.stable_iou)
        new_mean, new_cov = self.filter.update(mean, cov, measured)
        mean = torch.where(agrees[:, None], new_mean, mean)
        cov = torch.where(agrees[:, None, None], new_cov, cov)
        state["mean"] = torch.where(begins[:, None], fresh_mean, mean)
        state["cov"] = torch.where(begins[:, None, None], fresh_cov, cov)
        counted = torch.where(agrees, stable + (~trusted).long(), 0)
        state["stable"] = torch.where(begins, 1, counted)
        return motion, trusted
