"""Proof on the user's own weights and video: sam2's video predictor beside our FIFO.

Both read the same JPEG files (the only input sam2 takes without further packages), run the same
weights in the same precision, and are compared logit by logit at the size of the video.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vot_memory import models
from vot_memory.backbone import Backbone
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt, Prompt
from vot_memory.datasets.sequence import Frames
from vot_memory.engine import Engine, Settings
from vot_memory.errors import InputError
from vot_memory.registry import load_policy

# One bit in the last place of a logit near 30, after some frames of feedback through the memory.
MARGINS = {torch.float32: 1e-2, torch.float16: 0.1, torch.bfloat16: 0.5}
PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"


@dataclass(frozen=True)
class Started:
    """A prompt and the frame it belongs to."""

    frame: int
    prompt: Prompt


@dataclass(frozen=True)
class Verification:
    """What was compared and how far the two are apart.

    Attributes:
        model: name and weights hash. frames: compared frames. objects: compared objects.
        largest_difference: of logits, over all pixels of all frames.
        where: (object, frame) of it.
        differing_pixels, pixels: mask pixels that differ, and all.
        margin: size of a logit that rounding in this precision may turn (MARGINS).
        near_zero: of the differing ones, those where the reference logit is within the margin.
    """

    model: str
    frames: int
    objects: int
    largest_difference: float
    where: tuple[str, int]
    differing_pixels: int
    near_zero: int
    pixels: int
    margin: float

    @property
    def equal(self) -> bool:
        """Masks agree wherever the reference is not within the margin of its threshold."""
        return self.differing_pixels == self.near_zero


def verify(
    frames: Frames,
    objects: Mapping[str, Started],
    model: str,
    checkpoint: Path | None = None,
    *,
    image_size: int | None = None,
    device: str = "auto",
    dtype: str = "float32",
    compile: bool = False,
    limit: int | None = None,
) -> Verification:
    """Run both on `frames` and measure the difference.

    Args:
        frames: the video. objects: object id -> its prompt and first frame.
        objects: object id -> prompt.
        model: as in `models.load_model`. checkpoint, image_size, device, dtype: likewise.
        checkpoint: weights.
        image_size: side of the model's input.
        device: where both run.
        dtype: precision of both.
        compile: compile ours, to see what that changes.
        limit: only the first frames.
    """
    backbone = models.load_model(
        model,
        checkpoint,
        image_size=image_size,
        device=device,
        dtype=dtype,
        compile=compile,
    )
    config, weights = models.locate(model, checkpoint)
    predictor = models.build(config, image_size, target=PREDICTOR)
    models.load_weights(predictor, weights)
    predictor = predictor.to(backbone.device)
    count = min(len(frames), limit or len(frames))
    last = max((s.frame for s in objects.values()), default=0)
    if last >= count:
        raise InputError(f"An object begins at frame {last}, but only {count} frames are compared.")
    with tempfile.TemporaryDirectory() as folder:
        pictures = write_jpegs(frames, Path(folder), count)
        with backbone.autocast():
            theirs = {
                name: reference_logits(predictor, Path(folder), started)
                for name, started in objects.items()
            }
        return _compare(backbone, pictures, objects, theirs)


def write_jpegs(frames: Frames, folder: Path, count: int) -> list[NDArray[np.uint8]]:
    """Write 00000.jpg ... for sam2's loader; returns the pictures as they read back."""
    from PIL import Image

    pictures = []
    for t in range(count):
        path = folder / f"{t:05d}.jpg"
        Image.fromarray(frames[t]).save(path, quality=95)
        pictures.append(np.asarray(Image.open(path).convert("RGB")))
    return pictures


@torch.inference_mode()
def reference_logits(predictor: Any, folder: Path, started: Started) -> dict[int, Tensor]:
    """Logits of SAM2VideoPredictor for one object, from its prompt on.

    One propagation an object: the stock predictor would track late objects before their prompt.

    Returns:
        frame -> float32 [H, W].
    """
    with contextlib.redirect_stderr(io.StringIO()):  # sam2's progress bars
        state = predictor.init_state(video_path=str(folder))
        at, prompt = started.frame, started.prompt
        if isinstance(prompt, MaskPrompt):
            predictor.add_new_mask(state, at, 1, prompt.mask)
        elif isinstance(prompt, BoxPrompt):
            predictor.add_new_points_or_box(state, at, 1, box=prompt.xyxy.astype(np.float32))
        else:
            predictor.add_new_points_or_box(
                state,
                at,
                1,
                points=prompt.points.astype(np.float32),
                labels=prompt.labels.astype(np.int32),
            )
        propagated = predictor.propagate_in_video(state, start_frame_idx=at)
        return {frame: masks[0, 0].float().cpu() for frame, _, masks in propagated}


@torch.inference_mode()
def fifo_logits(
    backbone: Backbone, pictures: list[NDArray[np.uint8]], objects: Mapping[str, Started]
) -> Iterator[dict[str, Tensor]]:
    """Logits of our FIFO in protocol release, all objects as rows: object id -> float32 [H, W]."""
    policy = load_policy("fifo")
    preset = policy.spec.release
    settings = Settings(preset.resize, preset.stability, preset.hard_prompt, preset.fill_hole_area)
    engine = Engine(backbone, settings)
    track = engine.start(policy, len(pictures))
    for frame, picture in enumerate(pictures):
        features = engine.encode_image(picture)
        track.frame = frame
        logits = [engine.step(track, features)[0].logits] if track.objects else []
        begins = {name: s.prompt for name, s in objects.items() if s.frame == frame}
        if begins:
            logits.append(engine.prompt(track, features, begins).logits)
        if logits:
            full = F.interpolate(
                torch.cat(logits)[:, None],
                features.video_size,
                mode="bilinear",
                align_corners=False,
            )
            yield dict(zip(track.objects, full[:, 0].cpu(), strict=True))
        else:
            yield {}


def _compare(
    backbone: Backbone,
    pictures: list[NDArray[np.uint8]],
    objects: Mapping[str, Started],
    theirs: Mapping[str, Mapping[int, Tensor]],
) -> Verification:
    largest, where, differing, near_zero, pixels = 0.0, ("", 0), 0, 0, 0
    margin = MARGINS[backbone.dtype]
    for frame, ours in enumerate(fifo_logits(backbone, pictures, objects)):
        for name, logits in ours.items():
            reference = theirs[name][frame]
            gap = float((logits - reference).abs().max())
            if gap > largest:
                largest, where = gap, (name, frame)
            wrong = (logits > 0) != (reference > 0)
            differing += int(wrong.sum())
            near_zero += int((wrong & (reference.abs() <= margin)).sum())
            pixels += wrong.numel()
    return Verification(
        backbone.name,
        len(pictures),
        len(objects),
        largest,
        where,
        differing,
        near_zero,
        pixels,
        margin,
    )
