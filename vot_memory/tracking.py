"""The public online API: frame in, masks out.

    tracker = Tracker(Engine(load_model("nano")), load_policy("fifo"))
    tracker.init(picture, {"1": BoxPrompt(...)})
    for picture in video:
        answer = tracker.track(picture)     # answer.mask("1") is bool [H, W]

One loop serves benchmarks, files and live streams: memory does not grow with the video's length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vot_memory.backbone import Features
from vot_memory.datasets.prompts import Prompt
from vot_memory.engine import Engine, Pending, Prediction
from vot_memory.log import Log
from vot_memory.policy import MemoryPolicy
from vot_memory.ranges import asking, check_prompts_taken, check_revision


@dataclass
class Answer:
    """What a tracker says about one frame, for the G objects begun so far.

    Attributes:
        frame: index of the frame. objects: their ids, in order of appearance.
        masks: bool [G, H, W] at the size of the video.
        ious: float32 [G, M], predicted IoU of every candidate; nan where there was none.
        object_score: float32 [G], logit. chosen: int64 [G].
        memory: int64 [G, K], video frame in each slot of the answering row, -1 = empty; what this
            frame attended to is a part of it.
        tags: int8 [G, K].
        written: int64 [G], the slot this frame was put in, -1 = discarded, 0 = it is the prompt.
    """

    frame: int
    objects: tuple[str, ...]
    masks: NDArray[np.bool_]
    ious: NDArray[np.float32]
    object_score: NDArray[np.float32]
    chosen: NDArray[np.int64]
    memory: NDArray[np.int64]
    tags: NDArray[np.int8]
    written: NDArray[np.int64]

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Mask of one object, bool [H, W]."""
        found: NDArray[np.bool_] = self.masks[self.objects.index(name)]
        return found


class Tracker:
    """Tracks objects through one video under one memory policy.

    Args:
        engine: model and settings.
        policy: the memory policy.
        num_frames: length of the video where it is known; SAM 2's pointers depend on it.
        non_overlap: give every pixel to the object with the highest logit there.
        sequence: name of the video, for policies made for one.
        digest: of its content (`Sequence.digest`), where it is known.
    """

    def __init__(
        self,
        engine: Engine,
        policy: MemoryPolicy,
        *,
        num_frames: int | None = None,
        non_overlap: bool = False,
        sequence: str = "",
        digest: str = "",
    ) -> None:
        self.engine, self.policy = engine, policy
        self.non_overlap, self.sequence, self.digest = non_overlap, sequence, digest
        self.state = engine.start(policy, num_frames)
        self._log = Log() if policy.spec.offline else None
        self._size = (0, 0)

    def init(self, picture: NDArray[np.uint8] | Features, prompts: Mapping[str, Prompt]) -> Answer:
        """First frame with at least one prompt."""
        return self.track(picture, prompts)

    @torch.inference_mode()
    def track(
        self,
        picture: NDArray[np.uint8] | Features,
        prompts: Mapping[str, Prompt] | None = None,
    ) -> Answer:
        """Next frame; objects may begin on any frame, each once.

        Args:
            picture: RGB uint8 [H, W, 3], or features that were encoded already.
            prompts: object id -> prompt of objects that begin here.

        Raises:
            InputError: a prompt that does not fit the picture or the policy, or a second one for an
                object; the track is as before. Or an answer of the policy that is out of range.
        """
        features = picture if isinstance(picture, Features) else self.engine.encode_image(picture)
        self._size = features.video_size
        track = self.state
        for prompt in (prompts or {}).values():
            prompt.validate(self._size)
        check_prompts_taken(track, prompts or {}, track.frame + 1)
        track.frame += 1
        pending = self.engine.propose(track, features) if track.objects else None
        slots = None if pending is None else self.engine.commit(track, pending)
        started = None
        if prompts:
            started = self.engine.prompt(track, features, dict(prompts), self.sequence, self.digest)
        if self._log is not None:
            self._remember(pending, started)
        parts: list[tuple[Prediction, Tensor]] = []
        if pending is not None and slots is not None:
            parts.append((pending.prediction, slots[pending.prediction.row]))
        if started is not None:
            parts.append((started, torch.zeros_like(started.row)))
        return self._answer(parts)

    def finish(self) -> Iterator[tuple[int, dict[str, NDArray[np.bool_]]]] | None:
        """Revised masks of an offline policy, one frame at a time: a video need not fit in memory.

        Yields:
            The index of a frame, and object id -> bool [H, W] of the objects begun by then. None
            for online policies, whose answers stand.
        """
        if self._log is None:
            return None
        with asking(self.state, "finish"):
            rows = self.policy.finish(self.state.state, self._log)
        if rows is None:
            return None
        check_revision(self.state, rows, self._log)
        return self._revised(rows, self._log)

    def _revised(
        self, rows: Tensor, log: Log
    ) -> Iterator[tuple[int, dict[str, NDArray[np.bool_]]]]:
        """Masks of the rows [T, G] that answer each logged frame."""
        first = int(self.state.start.min()) if log.frames else 0  # logged since the first prompt
        for index in range(log.frames):
            begun = (rows[index] >= 0).nonzero()[:, 0]
            masks = self._masks(log.logits(index)[rows[index][begun]])
            names = [self.state.objects[group] for group in begun.tolist()]
            yield first + index, dict(zip(names, masks, strict=True))

    # ---- parts -----------------------------------------------------------------------------

    def _remember(self, pending: Pending | None, started: Prediction | None) -> None:
        """Log masks and parents of all rows, stepped ones first, as the bank orders them."""
        assert self._log is not None  # noqa: S101
        logits, parents = [], []
        if pending is not None:
            rows = torch.arange(len(pending.t), device=self.engine.device)
            logits.append(pending.candidates.logits[rows, pending.selection.mask])
            parent = pending.selection.parent
            parents.append(rows if parent is None else parent)
        if started is not None:
            per = self.policy.spec.rows_per_object
            logits.append(started.logits.repeat_interleave(per, 0))
            offsets = torch.arange(per, device=self.engine.device)
            parents.append((started.row[:, None] + offsets).flatten())
        if logits:
            self._log.append(torch.cat(logits), torch.cat(parents))

    def _answer(self, parts: list[tuple[Prediction, Tensor]]) -> Answer:
        track, bank = self.state, self.state.bank
        if not parts:
            none = np.zeros(0, np.int64)
            table = np.zeros((0, bank.slots), np.int64)
            return Answer(
                frame=track.frame,
                objects=(),
                masks=np.zeros((0, *self._size), np.bool_),
                ious=table.astype(np.float32),
                object_score=none.astype(np.float32),
                chosen=none,
                memory=table,
                tags=table.astype(np.int8),
                written=none,
            )
        predictions = [p for p, _ in parts]
        row = torch.cat([p.row for p in predictions])
        width = max(p.ious.shape[1] for p in predictions)
        ious = torch.cat(
            [F.pad(p.ious, (0, width - p.ious.shape[1]), value=torch.nan) for p in predictions]
        )
        frames = bank.frame[row]
        memory = torch.where(frames >= 0, frames + track.start[row][:, None], frames)
        return Answer(
            frame=track.frame,
            objects=tuple(track.objects),
            masks=self._masks(torch.cat([p.logits for p in predictions])),
            ious=ious.cpu().numpy(),
            object_score=torch.cat([p.obj for p in predictions]).cpu().numpy(),
            chosen=torch.cat([p.chosen for p in predictions]).cpu().numpy(),
            memory=memory.cpu().numpy(),
            tags=bank.tag[row].cpu().numpy(),
            written=torch.cat([slots for _, slots in parts]).cpu().numpy(),
        )

    def _masks(self, logits: Tensor) -> NDArray[np.bool_]:
        """Masks at video size from low-resolution logits [G, 4h, 4w]."""
        full = F.interpolate(logits[:, None], self._size, mode="bilinear", align_corners=False)
        if self.non_overlap and len(full) > 1:
            owner = full.argmax(dim=0, keepdim=True)
            mine = owner == torch.arange(len(full), device=full.device)[:, None, None, None]
            full = torch.where(mine, full, full.clamp(max=-10.0))
        masks: NDArray[np.bool_] = (full[:, 0] > 0).cpu().numpy()
        return masks
