"""Contract tests that every policy has to pass, built-in or third-party."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import torch

from vot_memory.datasets.prompts import Prompt, PromptKind, prompt_from_truth
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.datasets.synth import generate
from vot_memory.engine import Engine
from vot_memory.errors import InputError, described
from vot_memory.log import Log
from vot_memory.models import load_model
from vot_memory.policy import MemoryPolicy, State
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker

MASK_TOLERANCE = 1e-3  # share of mask pixels in which a batch may differ from single rows
SHORT = 16  # frames of checks that need no long memory

_Log = dict[tuple[int, str], tuple[Any, ...]]  # (frame, object) -> decisions, mask
_Begins = dict[str, tuple[int, Prompt]]  # object -> frame, prompt


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
    the interface, ranges of every answer, determinism, a batch of objects against single ones and
    against another order, every kind of prompt that the policy says it takes, and bounded memory.
    With several rows an object these checks also tell whether groups are kept apart. The first
    check that cannot be made ends the list.

    Raises:
        InputError: the policy cannot be made.
    """

    def make() -> MemoryPolicy:
        return load_policy(name, options)

    policy = make()
    checks = [_interface(policy)]
    if not checks[0].ok:
        return checks
    lab = _Laboratory(make, frames)
    try:
        checks.extend(_experiments(lab, policy.spec.prompts))
    except Exception as error:  # a foreign policy may raise anything
        seen = str(error) if isinstance(error, InputError) else described(error)
        checks.append(Check(lab.doing, False, seen))
    return checks


def _interface(policy: MemoryPolicy) -> Check:
    spec = policy.spec
    for what, value, low, high in (
        ("slots", spec.slots, 1, 16),
        ("pointers", spec.pointers, 1, 64),
        ("rows_per_object", spec.rows_per_object, 1, 16),
    ):
        if not low <= value <= high:
            return Check("interface", False, f"spec.{what} is {value}, outside {low}..{high}")
    known = get_args(PromptKind)
    if not spec.prompts or not set(spec.prompts) <= set(known):
        return Check("interface", False, f"spec.prompts is {spec.prompts}, not some of {known}")
    try:
        state = policy.reset(3, torch.device("cpu"), None)
    except Exception as error:
        return Check("interface", False, f"reset raised {described(error, type(policy))}")
    if not isinstance(state, dict):
        return Check("interface", False, f"reset answers a {type(state).__name__}, not a dict")
    for key, value in state.items():
        if not isinstance(value, torch.Tensor) or value.shape[:1] != (3,):
            return Check("interface", False, f"state[{key!r}] is no tensor with 3 rows")
    if not spec.offline and _revises(policy, state):
        return Check("interface", False, "finish revises, but is not asked: set spec.offline")
    return Check("interface", True, f"{spec.slots} slots, {spec.rows_per_object} row(s) an object")


def _revises(policy: MemoryPolicy, state: State) -> bool:
    """Whether `finish` does anything at all after a video of no frames."""
    try:
        return policy.finish(state, Log()) is not None
    except Exception:  # it looked for frames
        return True


def _experiments(lab: _Laboratory, kinds: tuple[PromptKind, ...]) -> Iterator[Check]:
    begins = lab.begins(kinds[0])
    both = lab.play("ranges", begins)
    yield Check("ranges", True, f"{lab.frames} frames, 2 objects, one late")
    yield _same("determinism", both, lab.play("determinism", begins))
    for name in begins:
        check = f"object {name} alone as in a batch"
        yield _same(check, both, lab.play(check, {name: begins[name]}))
    check = "objects in another order"
    begins = lab.begins(kinds[0], at=(lab.meeting, lab.meeting))
    ordered = lab.play(check, begins, SHORT)
    yield _same(check, ordered, lab.play(check, dict(reversed(begins.items())), SHORT))
    for kind in kinds[1:]:
        check = f"{kind} prompt"
        yield Check(check, True, f"{len(lab.play(check, lab.begins(kind), SHORT))} answers")
    yield lab.bounded("bounded memory", lab.begins(kinds[0]))


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
    """A clip, encoded once, and two of its objects.

    Attributes:
        frames: length of the clip. meeting: first frame that shows both objects.
        doing: the check that is being made.
    """

    def __init__(self, make: Callable[[], MemoryPolicy], frames: int) -> None:
        clip = generate(seed=7, num_frames=frames)
        self._make, self._labels, self.frames, self.doing = make, clip.labels, frames, ""
        self.meeting = next(t for t, shown in enumerate(clip.labels) if len(np.unique(shown)) > 2)
        self._engine = Engine(load_model("nano", device="cpu"))
        self._features = [self._engine.encode_image(picture) for picture in clip.frames]

    def begins(self, kind: PromptKind, at: tuple[int, int] = (0, 5)) -> _Begins:
        """Prompts on these frames, each for the largest object that has none yet."""
        begins: _Begins = {}
        for frame in at:
            ids, area = np.unique(self._labels[frame], return_counts=True)
            size = {str(i): n for i, n in zip(ids, area, strict=True) if i}
            best = max((i for i in size if i not in begins), key=size.__getitem__)
            rles = tuple(encode(labels == int(best)) for labels in self._labels[: frame + 1])
            begins[best] = frame, prompt_from_truth(ObjectTrack(best, frame, rles), kind)
        return begins

    def play(self, check: str, begins: _Begins, frames: int | None = None) -> _Log:
        """Track with a fresh policy; revised masks stand for an offline policy's first ones."""
        self.doing = check
        features = self._features[:frames]
        tracker = Tracker(self._engine, self._make(), num_frames=len(features), sequence="check")
        log: _Log = {}
        for frame, feature in enumerate(features):
            starting = {name: p for name, (at, p) in begins.items() if at == frame}
            answer = tracker.track(feature, starting)
            for index, name in enumerate(answer.objects):
                log[frame, name] = (
                    answer.memory[index],
                    answer.tags[index],
                    answer.chosen[index],
                    answer.written[index],
                    answer.masks[index],
                )
        for frame, masks in tracker.finish() or ():
            for name, mask in masks.items():
                log[frame, name] = *log[frame, name][:-1], mask
        return log

    def bounded(self, check: str, begins: _Begins, laps: int = 4) -> Check:
        """The same bytes after one lap of the clip and after several."""
        self.doing = check
        tracker = Tracker(self._engine, self._make(), num_frames=None, sequence="check")
        name, (_, prompt) = next(iter(begins.items()))
        seen = []
        for lap in range(laps):
            for frame, feature in enumerate(self._features):
                tracker.track(feature, {name: prompt} if lap == frame == 0 else None)
            track = tracker.state
            private = sum(v.numel() * v.element_size() for v in track.state.values())
            seen.append(track.bank.nbytes + private)
        text = f"{seen[0]} bytes after {self.frames} frames, {seen[-1]} after {laps * self.frames}"
        return Check(check, len(set(seen)) == 1, text)
