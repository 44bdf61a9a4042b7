"""Contract tests that every policy has to pass, built-in or third-party."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vot_memory.datasets.prompts import MaskPrompt, Prompt
from vot_memory.datasets.synth import generate
from vot_memory.engine import Engine
from vot_memory.models import load_model
from vot_memory.policy import MemoryPolicy
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker

MASK_TOLERANCE = 1e-3  # share of mask pixels in which a batch may differ from single rows

_Log = dict[tuple[int, str], tuple[Any, ...]]  # (frame, object) -> decisions, mask


@dataclass(frozen=True)
class Check:
    """One promise, whether it was kept, and what was seen."""

    name: str
    ok: bool
    detail: str = ""


def check_policy(
    name: str, options: Mapping[str, Any] | None = None, frames: int = 40
) -> list[Check]:
    """Run the contract tests on a policy, built-in or third-party, with the embedded model.

    A procedural clip with two objects, one of them late, is tracked with the policy. Checked are
    the interface, ranges of every answer, determinism, a batch of rows against single rows, and
    bounded memory. The first check that cannot be made ends the list.
    """

    def make() -> MemoryPolicy:
        return load_policy(name, options)

    policy = make()
    checks = [_interface(policy)]
    if not checks[0].ok:
        return checks
    lab = _Laboratory(frames)
    try:
        both = lab.play(make(), lab.prompts)
    except Exception as error:  # a foreign policy may raise anything
        return [*checks, Check("ranges", False, f"{type(error).__name__}: {error}")]
    checks.append(Check("ranges", True, f"{frames} frames, 2 objects, one late"))
    checks.append(_same("determinism", both, lab.play(make(), lab.prompts)))
    for object_id in lab.prompts:
        alone = lab.play(make(), {object_id: lab.prompts[object_id]})
        checks.append(_same(f"object {object_id} alone as in a batch", both, alone))
    checks.append(lab.bounded(make()))
    return checks


def _interface(policy: MemoryPolicy) -> Check:
    if not isinstance(policy, MemoryPolicy):
        members = ("name", "spec", "fingerprint", "reset", "on_prompt", "prompts", "read")
        members += ("select", "write", "finish")
        lacks = [m for m in members if not hasattr(policy, m)]
        return Check("interface", False, f"lacks {', '.join(lacks)}")
    spec = policy.spec
    for what, value, low, high in (
        ("slots", spec.slots, 1, 16),
        ("pointers", spec.pointers, 1, 64),
        ("rows_per_object", spec.rows_per_object, 1, 16),
    ):
        if not low <= value <= high:
            return Check("interface", False, f"spec.{what} is {value}, outside {low}..{high}")
    state = policy.reset(3, torch.device("cpu"), None)
    for key, value in state.items():
        if not isinstance(value, torch.Tensor) or value.shape[:1] != (3,):
            return Check("interface", False, f"state[{key!r}] is no tensor with 3 rows")
    return Check("interface", True, f"{spec.slots} slots, {spec.rows_per_object} row(s) an object")


def _same(name: str, batch: _Log, other: _Log) -> Check:
    """Decisions and masks of the objects in `other` are those they had in `batch`."""
    for key, answer in other.items():
        if not all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(batch[key][:-1], answer[:-1], strict=True)
        ):
            return Check(name, False, f"another decision for object {key[1]} at frame {key[0]}")
        if (batch[key][-1] != answer[-1]).mean() > MASK_TOLERANCE:
            return Check(name, False, f"another mask of object {key[1]} at frame {key[0]}")
    return Check(name, True, f"{len(other)} answers equal")


class _Laboratory:
    """A clip, encoded once, and prompts for two of its objects."""

    def __init__(self, frames: int) -> None:

        clip = generate(seed=7, num_frames=frames)
        self.engine = Engine(load_model("nano", device="cpu"))
        self.features = [self.engine.encode_image(picture) for picture in clip.frames]
        self.prompts: dict[str, tuple[int, Prompt]] = {}
        for frame in (0, 5):
            ids, area = np.unique(clip.labels[frame], return_counts=True)
            size = {int(i): n for i, n in zip(ids, area, strict=True) if i}
            best = max((i for i in size if str(i) not in self.prompts), key=size.__getitem__)
            self.prompts[str(best)] = frame, MaskPrompt(clip.labels[frame] == best)

    def play(self, policy: MemoryPolicy, prompts: Mapping[str, tuple[int, Prompt]]) -> _Log:
        """Track; (frame, object) -> decisions and mask."""
        tracker = Tracker(self.engine, policy, num_frames=len(self.features), sequence="check")
        log: _Log = {}
        for frame, features in enumerate(self.features):
            begins = {name: p for name, (at, p) in prompts.items() if at == frame}
            answer = tracker.track(features, begins)
            for index, name in enumerate(answer.objects):
                log[frame, name] = (
                    answer.memory[index],
                    answer.tags[index],
                    answer.chosen[index],
                    answer.written[index],
                    answer.masks[index],
                )
        tracker.finish()
        return log

    def bounded(self, policy: MemoryPolicy, laps: int = 4) -> Check:
        """The same bytes after one lap of the clip and after several."""
        tracker = Tracker(self.engine, policy, num_frames=None, sequence="check")
        first = next(iter(self.prompts))
        seen = []
        for lap in range(laps):
            for frame, features in enumerate(self.features):
                begins = {first: self.prompts[first][1]} if lap == frame == 0 else None
                tracker.track(features, begins)
            track = tracker.state
            private = sum(v.numel() * v.element_size() for v in track.state.values())
            seen.append(track.bank.nbytes + private)
        lap_frames = len(self.features)
        text = f"{seen[0]} bytes after {lap_frames} frames, {seen[-1]} after {laps * lap_frames}"
        return Check("bounded memory", len(set(seen)) == 1, text)
