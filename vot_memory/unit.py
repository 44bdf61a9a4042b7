"""One work unit: one pass over a sequence under several policies, all objects as rows.

Every picture is decoded once and encoded once for all policies that feed the model alike. A policy
that fails drops out of the pass, and the others go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vot_memory.datasets.prompts import Prompt, prompt_from_truth
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError, PolicyError, described
from vot_memory.results import COLUMNS, Failure, Record, rounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vot_memory.backbone import Features
    from vot_memory.trackers.sam2 import Hosted
    from vot_memory.tracking import Answer, Tracker

Seconds = dict[str, float]


@dataclass(frozen=True)
class Outcome:
    """What became of one policy.

    Attributes:
        records: one an object; empty after a failure.
        timing: seconds by phase, and what they are for.
        failure: None if all went well.
    """

    records: list[Record]
    timing: dict[str, Any]
    failure: Failure | None


def run_unit(
    sequence: Sequence,
    hosted: list[Hosted],
    *,
    non_overlap: bool = False,
    on_frame: Callable[[int], None] = lambda done: None,
) -> list[Outcome]:
    """Track all objects of a sequence under each policy.

    Args:
        sequence: video and prompts.
        hosted: the policies on their model.
        non_overlap: give every pixel to one object.
        on_frame: is told the number of frames done.

    Returns:
        One outcome a policy. Nothing is raised but what is no Exception, such as KeyboardInterrupt.
    """
    lanes = [_Lane(h, sequence, non_overlap) for h in hosted]
    decoding: Seconds = {}
    for t in range(len(sequence)):
        running = [lane for lane in lanes if lane.failure is None]
        if not running:
            break
        try:
            with _timed(decoding, "decode"):
                picture = sequence.frames[t]
        except Exception as error:
            for lane in running:
                lane.fail(error, t)
            break
        shared = _Encoded(picture)
        for lane in running:
            lane.step(t, shared)
        on_frame(t + 1)
    return [lane.outcome(decoding, len(lanes)) for lane in lanes]


class _Encoded:
    """Features of one picture, made at first use for each way to feed the model."""

    def __init__(self, picture: NDArray[np.uint8]) -> None:
        self._picture = picture
        self._made: dict[tuple[str, str], tuple[Features, float]] = {}

    def features(self, hosted: Hosted) -> tuple[Features, float]:
        """Features and the seconds they took, whoever asked for them first."""
        if hosted.encoding not in self._made:
            start = time.perf_counter()
            features = hosted.engine.encode_image(self._picture)
            _synchronise(hosted)
            self._made[hosted.encoding] = features, time.perf_counter() - start
        return self._made[hosted.encoding]


class _Lane:
    """One policy in the pass."""

    def __init__(self, hosted: Hosted, sequence: Sequence, non_overlap: bool) -> None:
        self.hosted, self.sequence = hosted, sequence
        self.failure: Failure | None = None
        self.seconds: Seconds = {"encode": 0.0}
        self.prompts: dict[int, dict[str, Prompt]] = {}
        self.columns: dict[str, dict[str, list[Any]]] = {}
        with self._guarded(None):
            if not len(sequence):
                raise InputError(f"Sequence {sequence.name} has no frames: leave it out.")
            if not sequence.objects:
                raise InputError(
                    f"Sequence {sequence.name} has no annotated object: annotate one or leave the "
                    "sequence out."
                )
            for track in sequence.objects:
                prompt = prompt_from_truth(track, hosted.prompt, sequence.size)
                self.prompts.setdefault(track.first_frame, {})[track.id] = prompt
                self.columns[track.id] = {c: [None] * len(sequence) for c in COLUMNS}
            self.tracker: Tracker = hosted.tracker(sequence, non_overlap=non_overlap)

    def step(self, t: int, shared: _Encoded) -> None:
        """Track one frame."""
        with self._guarded(t):
            features, seconds = shared.features(self.hosted)
            self.seconds["encode"] += seconds
            with _timed(self.seconds, "track"):
                answer = self.tracker.track(features, self.prompts.get(t))
            with _timed(self.seconds, "output"):
                self._note(t, answer)

    def fail(self, error: Exception, frame: int | None) -> None:
        """Drop out of the pass."""
        cause = error.__cause__ if isinstance(error, PolicyError) else None
        self.failure = Failure(
            sequence=self.sequence.name,
            error=str(error) if isinstance(error, InputError) else described(error),
            type=type(cause or error).__name__,
            frame=frame,
        )

    def outcome(self, decoding: Seconds, policies: int) -> Outcome:
        """Records and timing; to be asked once, after the last frame."""
        records: list[Record] = []
        if self.failure is None:
            with self._guarded(None), _timed(self.seconds, "output"):
                records = self._records()
        timing = {
            "frames": len(self.sequence),
            "objects": len(self.columns),
            "policies_in_pass": policies,
            "bank_bytes": self.tracker.state.bank.nbytes if records else 0,
            "seconds": {k: round(v, 6) for k, v in (decoding | self.seconds).items()},
        }
        return Outcome(records, timing, self.failure)

    def _note(self, t: int, answer: Answer) -> None:
        for i, name in enumerate(answer.objects):
            # Candidates that one object lacks and another has are padded with nan.
            ious = [rounded(x) for x in answer.ious[i].tolist() if not math.isnan(x)]
            entry = {
                "masks": encode(answer.masks[i])["counts"],
                "ious": ious,
                "object_score": rounded(float(answer.object_score[i])),
                "chosen": int(answer.chosen[i]),
                "written": int(answer.written[i]),
                "memory": answer.memory[i].tolist(),
                "tags": answer.tags[i].tolist(),
            }
            for column, value in entry.items():
                self.columns[name][column][t] = value

    def _records(self) -> list[Record]:
        revised = self.tracker.finish()
        for t, masks in revised or ():
            for name, mask in masks.items():
                self.columns[name]["masks"][t] = encode(mask)["counts"]
        return [
            Record.model_validate(
                {
                    "sequence": self.sequence.name,
                    "object": track.id,
                    "policy": self.hosted.policy.name,
                    "first_frame": track.first_frame,
                    "num_frames": len(self.sequence),
                    "size": self.sequence.size,
                    "offline": revised is not None,
                    **self.columns[track.id],
                }
            )
            for track in self.sequence.objects
        ]

    @contextmanager
    def _guarded(self, frame: int | None) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.fail(error, frame)


def _synchronise(hosted: Hosted) -> None:
    """Wait for the device, so that the time of encoding is not counted as tracking."""
    import torch

    if hosted.engine.device.type == "cuda":
        torch.cuda.synchronize(hosted.engine.device)


@contextmanager
def _timed(seconds: Seconds, phase: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        seconds[phase] = seconds.get(phase, 0.0) + time.perf_counter() - start
