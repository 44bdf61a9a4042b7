"""Small videos in SA-V's training layout, for its tests."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vot_memory.datasets.sav import SavLayout, load_sav
from vot_memory.datasets.sequence import Sequence

H, W, FRAMES = 64, 48, 18  # of a portrait video; annotations on frames 0, 4, 8, 12 and 16
SAV_64 = SavLayout(frames="annotated", objects="first", start="first", lowest=64)


def film(path: Path, frames: int = FRAMES, size: tuple[int, int] = (H, W)) -> Path:
    """A video whose frame t has red = 20 + 10 t."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 24, size[::-1])
    for t in range(frames):
        writer.write(np.full((*size, 3), (0, 0, (20 + 10 * t) % 256), np.uint8))  # BGR
    writer.release()
    return path


def one(root: Path, **layout: Any) -> Sequence:
    (sequence,) = load_sav(root, SavLayout(**layout))
    return sequence
