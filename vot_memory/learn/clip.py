"""One object of one video, encoded once: what search and learning run on again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vot_memory.datasets.prompts import Prompt, prompt_from_truth
from vot_memory.datasets.rle import decode
from vot_memory.errors import InputError
from vot_memory.setting import Video

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vot_memory.backbone import Backbone, Features
    from vot_memory.datasets.sequence import ObjectTrack, Sequence


@dataclass(frozen=True)
class Clip:
    """One object of one video. Frames are counted from the object's prompt, which is frame 0.

    Attributes:
        sequence: name of the video. object: id of the object.
        features: T encoded pictures, the prompt's first.
        prompt: what the object begins with.
        truth: bool [T, H, W], without ignored pixels.
        valid: bool [T, H, W], False where a pixel is ignored; None where none is.
        scored: bool [T]; the prompt's frame is not (clean Q).
        num_frames: length of the whole video, which SAM 2's pointers depend on.
        digest: of the video's content, as `Sequence.digest`.
        visible: bool [T], the object is there.
    """

    sequence: str
    object: str
    features: tuple[Features, ...]
    prompt: Prompt
    truth: Tensor
    valid: Tensor | None
    scored: Tensor
    num_frames: int
    digest: str = ""

    def __len__(self) -> int:
        return len(self.features)

    @property
    def video(self) -> Video:
        """What it is a part of, as files record it."""
        return Video(
            sequence=self.sequence,
            object=self.object,
            num_frames=self.num_frames,
            digest=self.digest,
        )

    @property
    def visible(self) -> Tensor:
        """Frames that show the object, bool [T]."""
        return self.truth.flatten(1).any(1)

    @property
    def num_scored(self) -> int:
        """Frames that count in Q."""
        return int(self.scored.sum())

    def overlaps(self, logits: Tensor, t: int) -> Tensor:
        """Overlap q_t of candidate masks with the truth, as clean Q counts it.

        Args:
            logits: float32 [..., 4h, 4w], scaled to the video and cut at 0 as the tracker does.
            t: frame.

        Returns:
            float32 [...]: the IoU where the object is visible; where it is absent, 1 for an empty
            mask and 0 otherwise. 0 on frames that are not scored.
        """
        if not bool(self.scored[t]):
            return logits.new_zeros(logits.shape[:-2])
        size = self.truth.shape[1:]
        flat = logits.reshape(-1, 1, *logits.shape[-2:])
        masks = F.interpolate(flat, size, mode="bilinear", align_corners=False)[:, 0] > 0
        if self.valid is not None:
            masks = masks & self.valid[t]
        truth = self.truth[t]
        shared, own = (masks & truth).sum((1, 2)), masks.sum((1, 2))
        union = own + truth.sum() - shared
        overlap = torch.where(union > 0, shared / union.clamp(min=1), 1.0)
        return overlap.reshape(logits.shape[:-2])


def check_clips(sequences: Iterable[Sequence], frames: int) -> None:
    """Refuse videos that are too short for their first object, before hours go into others.

    Raises:
        InputError: one has no object, or fewer frames than these from its prompt on.
    """
    for sequence in sequences:
        if not sequence.objects:
            raise InputError(f"Sequence {sequence.name} has no annotated object: leave it out.")
        own = len(sequence) - sequence.objects[0].first_frame
        if own < frames:
            raise InputError(
                f"Sequence {sequence.name} has {own} frames from its first object's prompt on, "
                f"and this needs {frames}: leave it out, by naming the others with --video or by a "
                "split without it."
            )


def load_clip(
    backbone: Backbone,
    sequence: Sequence,
    track: ObjectTrack | None = None,
    resize: str = "pil_bicubic",
) -> Clip:
    """Encode a video from an object's prompt to its end.

    Args:
        backbone: the model.
        sequence: the video.
        track: the object; None is the first one, as SAM2RL takes it.
        resize: as `Backbone.encode_image` takes it.

    Raises:
        InputError: the video has no object, or no frame after the prompt is annotated by a mask.
    """
    if not sequence.objects:
        raise InputError(f"Sequence {sequence.name} has no annotated object: leave it out.")
    track = track or sequence.objects[0]
    frames = range(track.first_frame, len(sequence))
    truth = torch.zeros(len(frames), *sequence.size, dtype=torch.bool)
    scored = torch.zeros(len(frames), dtype=torch.bool)
    valid = None if sequence.ignore is None else torch.ones_like(truth)
    for i, t in enumerate(frames):
        mask = track.mask(t)
        if mask is None:
            continue
        truth[i], scored[i] = torch.from_numpy(mask), True
        ignored = None if sequence.ignore is None else sequence.ignore[t]
        if valid is not None and ignored is not None:
            valid[i] = ~torch.from_numpy(decode(ignored))
            seen = truth[i].any()
            truth[i] &= valid[i]
            scored[i] = bool(truth[i].any() == seen)  # wholly ignored: not scored
    scored[0] = False
    if not bool(scored.any()):
        raise InputError(
            f"Object {track.id} of sequence {sequence.name} has no annotated mask after its "
            "prompt: there is nothing to score decisions by."
        )
    features = tuple(backbone.encode_image(sequence.frames[t], resize) for t in frames)
    return Clip(
        sequence=sequence.name,
        object=track.id,
        features=features,
        prompt=prompt_from_truth(track, "mask", sequence.size),
        truth=truth.to(backbone.device),
        valid=None if valid is None else valid.to(backbone.device),
        scored=scored,
        num_frames=len(sequence),
        digest=sequence.digest,
    )
