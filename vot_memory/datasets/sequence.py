"""The one Sequence type that every loader returns and everything else consumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE, decode

Picture = NDArray[np.uint8]  # RGB [H, W, 3]
Box = tuple[float, float, float, float]  # x, y, width, height in pixels
NO_BOX: Final[Box] = (0.0, 0.0, 0.0, 0.0)  # of an absent object; any box without area means that


def has_area(box: Box | None) -> bool:
    """Whether a box shows an object: annotated, with positive width and height."""
    return box is not None and box[2] > 0 and box[3] > 0


def bounding_box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    """x, y, width, height in pixels of a mask [H, W]; None without a pixel."""
    xs, ys = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not len(xs):
        return None
    x, y = int(xs[0]), int(ys[0])
    return x, y, int(xs[-1]) - x + 1, int(ys[-1]) - y + 1


class Frames(Protocol):
    """Lazy pictures of a video: `frames[t]` decodes frame t.

    `frames[t]` is RGB uint8 [H, W, 3]; it raises `InputError` naming the file when the picture
    cannot be read, and IndexError outside 0..len-1.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, t: int) -> Picture: ...


@dataclass(frozen=True)
class ObjectTrack:
    """Ground truth of one object.

    Attributes:
        id: the object's name in its dataset ("1", "2", ...).
        first_frame: index of the frame that carries the prompt; its mask is not empty.
        rles: one entry a frame of the video: the mask as COCO RLE, the RLE of an empty mask where
            the object is annotated as absent, None where the frame is not annotated.
        boxes: of data sets that annotate boxes, whose `rles` are all None: one entry a frame of the
            video, a box without area where the object is absent, None where not annotated.
    """

    id: str
    first_frame: int
    rles: tuple[RLE | None, ...]
    boxes: tuple[Box | None, ...] | None = None

    def mask(self, t: int) -> NDArray[np.bool_] | None:
        """Mask at frame t as bool [H, W], or None where the frame is not annotated."""
        rle = self.rles[t]
        return None if rle is None else decode(rle)


@dataclass(frozen=True)
class Sequence:
    """One video with its annotated objects.

    Attributes:
        name: unique within its split; safe as a folder name.
        frames: lazy pictures, RGB uint8 [H, W, 3].
        objects: ground-truth tracks; empty for a video without annotation.
        size: (height, width) in pixels.
        fps: frames per second.
        digest: sha256 (hex) that identifies the content; part of every result's identity.
        labels: what happens in the video, as the generator or dataset says: per-frame boolean
            arrays [T] ("occluded", "absent", "lookalike_near", ...) or scalars ("strength").
        ignore: pixels that count nowhere, one mask a frame or None; None where no frame has any.
    """

    name: str
    frames: Frames
    objects: tuple[ObjectTrack, ...]
    size: tuple[int, int]
    fps: float
    digest: str
    labels: Mapping[str, Any] = field(default_factory=dict)
    ignore: tuple[RLE | None, ...] | None = None

    def __len__(self) -> int:
        return len(self.frames)
