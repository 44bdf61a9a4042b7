"""The SAM 2 kind of tracker: one frozen model that hosts any memory policy.

Here the protocol becomes settings. In `common` every policy gets the same prompt, resize, precision
and post-processing, so that only its memory differs; in `release` each gets its authors' preset
(`PolicySpec.release`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from vot_memory.backbone import Backbone
from vot_memory.engine import Engine, Settings
from vot_memory.errors import InputError
from vot_memory.tracking import Tracker

if TYPE_CHECKING:
    from vot_memory.datasets.prompts import PromptKind
    from vot_memory.datasets.sequence import Sequence
    from vot_memory.policy import MemoryPolicy, Preset


@dataclass(frozen=True)
class Hosted:
    """A policy on its model.

    Attributes:
        policy: the memory policy. engine: model and settings it runs with.
        prompt: what objects are begun with.
    """

    policy: MemoryPolicy
    engine: Engine
    prompt: PromptKind

    @property
    def dtype(self) -> str:
        """Precision of the model: float32, bfloat16 or float16."""
        return self.engine.backbone.precision

    @property
    def encoding(self) -> tuple[str, str]:
        """Policies on one model with equal encoding can share a picture's features."""
        return self.engine.settings.resize, self.dtype

    def tracker(self, sequence: Sequence, *, non_overlap: bool = False) -> Tracker:
        """A tracker at the beginning of a sequence."""
        return Tracker(
            self.engine,
            self.policy,
            num_frames=len(sequence),
            non_overlap=non_overlap,
            sequence=sequence.name,
            digest=sequence.digest,
        )


class Sam2:
    """Hosts memory policies on one SAM 2 model.

    Args:
        backbone: the model, in the precision of the run.
        protocol: common or release.
        prompt: mask, box or point; None is mask in `common` and the preset's in `release`.
        keep_dtype: run also `release` in the backbone's precision (the user asked for it).
    """

    def __init__(
        self,
        backbone: Backbone,
        protocol: Literal["common", "release"] = "common",
        prompt: PromptKind | None = None,
        *,
        keep_dtype: bool = False,
    ) -> None:
        self.backbone, self.protocol = backbone, protocol
        self.prompt, self.keep_dtype = prompt, keep_dtype

    def host(self, policy: MemoryPolicy) -> Hosted:
        """Settle how a policy runs.

        Raises:
            InputError: the policy does not take the prompt that objects are begun with.
        """
        preset, release = policy.spec.release, self.protocol == "release"
        prompt = self.prompt or (preset.prompt if release else "mask")
        if prompt not in policy.spec.prompts:
            raise InputError(
                f"Policy {policy.name!r} does not take a {prompt} prompt, with which every object "
                f"of this run begins: give --init {' or '.join(policy.spec.prompts)}."
            )
        if not release:
            return Hosted(policy, Engine(self.backbone, Settings()), prompt)
        settings = Settings(
            preset.resize, preset.stability, preset.hard_prompt, preset.fill_hole_area
        )
        return Hosted(policy, Engine(self._in_precision_of(preset), settings), prompt)

    def _in_precision_of(self, preset: Preset) -> Backbone:
        """The same weights in the release's autocast type, which it uses on CUDA only."""
        own = self.backbone
        if self.keep_dtype or own.device.type != "cuda":
            return own
        return Backbone(own.model, own.name, own.device, getattr(torch, preset.dtype))
