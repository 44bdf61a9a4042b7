"""Prompts that start a track, given by a person or derived from ground truth.

Coordinates are pixels with x to the right and y downwards; pixel (0, 0) is the upper left one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.pictures import describe_size
from vot_memory.datasets.sequence import Box, ObjectTrack, bounding_box, has_area
from vot_memory.errors import InputError

PromptKind = Literal["mask", "box", "point"]


@dataclass(frozen=True, eq=False)
class MaskPrompt:
    """The object's mask, bool [H, W]."""

    kind: ClassVar[PromptKind] = "mask"
    mask: NDArray[np.bool_]

    def validate(self, size: tuple[int, int]) -> None:
        """Raise `InputError` unless the mask fits a picture of (height, width) and is not empty."""
        if self.mask.shape != tuple(size):
            shape = "x".join(str(n) for n in self.mask.shape[::-1])
            raise InputError(
                f"The prompt mask is {shape} but the picture is {describe_size(size)}: "
                "give a mask of the picture's size."
            )
        if not self.mask.any():
            raise InputError("The prompt mask is empty: mark the object on the prompt frame.")


@dataclass(frozen=True, eq=False)
class BoxPrompt:
    """A box, float [4] = x0, y0, x1, y1.

    Both corners belong to the box: (x1, y1) is its last pixel, as in `mask_to_box`, with which
    SAM 2 was trained. So an object one pixel wide has x0 == x1.
    """

    kind: ClassVar[PromptKind] = "box"
    xyxy: NDArray[np.float64]

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> BoxPrompt:
        """Box of width x height pixels whose first pixel is (x, y).

        Raises:
            InputError: width or height is not positive.
        """
        if not (width > 0 and height > 0):
            raise InputError(
                f"The box {x:g},{y:g},{width:g},{height:g} has no area: "
                "give x,y,w,h with positive w and h."
            )
        right, bottom = x + max(width - 1, 0), y + max(height - 1, 0)
        return cls(np.array([x, y, right, bottom], dtype=np.float64))

    def validate(self, size: tuple[int, int]) -> None:
        """Raise `InputError` unless the box has area and lies in a (height, width) picture."""
        height, width = size
        if self.xyxy.shape != (4,) or not np.isfinite(self.xyxy).all():
            raise InputError(
                f"The box prompt {self.xyxy.tolist()} is not four numbers x0,y0,x1,y1: correct it."
            )
        x0, y0, x1, y1 = self.xyxy.tolist()
        box = f"The box prompt x0,y0,x1,y1 = {x0:g},{y0:g},{x1:g},{y1:g}"
        if x1 < x0 or y1 < y0:
            raise InputError(f"{box} has no area: give x0 <= x1 and y0 <= y1.")
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            raise InputError(
                f"{box} leaves the picture, which is {describe_size(size)}: clip it to the picture."
            )


@dataclass(frozen=True, eq=False)
class PointPrompt:
    """Clicks on one frame: points float [N, 2] (x, y), labels int [N], 1 = object, 0 = not it."""

    kind: ClassVar[PromptKind] = "point"
    points: NDArray[np.float64]
    labels: NDArray[np.int64]

    def validate(self, size: tuple[int, int]) -> None:
        """Raise `InputError` unless all clicks lie in a (height, width) picture, one positive."""
        height, width = size
        if self.points.ndim != 2 or self.points.shape != (len(self.labels), 2):
            raise InputError(
                f"The point prompt has points of shape {list(self.points.shape)} and "
                f"{self.labels.size} labels: give one x,y and one label a click."
            )
        for (x, y), label in zip(self.points.tolist(), self.labels.tolist(), strict=True):
            if label not in (0, 1):
                raise InputError(
                    f"The point prompt has label {label}: use 1 for the object and 0 for the rest."
                )
            if not (0 <= x < width and 0 <= y < height):
                raise InputError(
                    f"The point {x:g},{y:g} is outside the picture, which is "
                    f"{describe_size(size)}: click inside it."
                )
        if not (self.labels == 1).any():
            raise InputError("The point prompt has no click on the object: give one with label 1.")


Prompt: TypeAlias = MaskPrompt | BoxPrompt | PointPrompt


def prompt_from_truth(
    track: ObjectTrack, kind: PromptKind, size: tuple[int, int] | None = None
) -> Prompt:
    """Derive the prompt of an object from its annotation on `track.first_frame`.

    mask: the mask. box: the tight box. point: one positive click on the pixel that is farthest
    from the mask's boundary, the uppermost and then leftmost of equals; the picture's border
    counts as boundary (SAM 2's evaluation clicks: `sample_one_point_from_error_center`).

    An object that is annotated by boxes begins with its box; what of it leaves a picture of `size`
    (height, width) is cut off.

    Raises:
        InputError: unknown kind, a mask or point of an object that has only boxes, or the
            annotation of the first frame is missing or empty.
    """
    if kind not in get_args(PromptKind):
        raise InputError(f"Unknown prompt kind {kind!r}: use one of mask, box, point.")
    if track.boxes is not None:
        return _annotated_box(track, track.boxes[track.first_frame], kind, size)
    mask = track.mask(track.first_frame)
    if mask is None or (box := bounding_box(mask)) is None:
        raise InputError(
            f"Object {track.id} has no mask on frame {track.first_frame}, its first: "
            "annotate the object there."
        )
    if kind == "mask":
        return MaskPrompt(mask)
    if kind == "box":
        return BoxPrompt.from_xywh(*box)
    return PointPrompt(_innermost_pixel(mask)[None], np.ones(1, dtype=np.int64))


def _annotated_box(
    track: ObjectTrack, box: Box | None, kind: PromptKind, size: tuple[int, int] | None
) -> BoxPrompt:
    if kind != "box":
        raise InputError(
            f"Object {track.id} is annotated by boxes and has no {kind} prompt: give --init box."
        )
    if box is None or not has_area(box):
        raise InputError(
            f"Object {track.id} has no box on frame {track.first_frame}, its first: "
            "annotate the object there."
        )
    prompt = BoxPrompt.from_xywh(*box)
    if size is None:
        return prompt
    height, width = size
    inside = prompt.xyxy.clip(0, [width - 1, height - 1, width - 1, height - 1])
    x, y, w, h = box
    if x + w <= 0 or y + h <= 0 or x >= width or y >= height:
        raise InputError(
            f"The box of object {track.id} on frame {track.first_frame} lies outside the picture, "
            f"which is {describe_size(size)}: correct the annotation."
        )
    return BoxPrompt(inside)


def _innermost_pixel(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(x, y) of the pixel farthest from the boundary of a mask [H, W]."""
    import cv2

    padded = np.pad(mask.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    y, x = np.unravel_index(int(np.argmax(distance)), mask.shape)
    return np.array([x, y], dtype=np.float64)
