"""J, F and J&F, the measures of DAVIS, SA-V, MOSE, LVOS and YouTube-VOS.

Per frame: J is the intersection over union of the two masks. F compares their contours: precision
is the share of the predicted contour that lies within a tolerance of the annotated one, recall the
reverse, F their harmonic mean. The tolerance is 0.008 of the picture's diagonal in whole pixels,
rounded up. Where neither side has a mask (or a contour) the measure is 1, where one side has, 0.

Per object: the mean over its annotated frames without the first, which shows the prompt, and
without the last, as DAVIS (semi-supervised) and SA-V score. Then the plain mean over all objects of
the data set, whatever video they are in; J&F is the mean of the two. Q of VOTS differs in all of
that: it keeps the last frame and averages the objects of a video first.

Ignored pixels are taken out of both masks first, as DAVIS does with void.

Two evaluators differ from this where an object comes late or goes: vos-benchmark drops the first
and last annotated frame of the video instead of the object's, so a late object's prompt frame
counts; and it begins an object where it is first seen among the frames that count, so frames that
are empty on both sides before that do not count.

Sources: Perazzi et al., CVPR 2016; Pont-Tuset et al., arXiv 1704.00675; the contour is that of
D. Martin's seg2bmap (Berkeley, 2003). Equal to vos-benchmark 0.1.0 on recorded cases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.errors import InputError
from vot_memory.metrics.overlap import Ints, Mask, MaskStack, shared_areas, stack_masks

TOLERANCE = 0.008  # of the picture's diagonal
Bits = NDArray[np.uint8]  # 1 inside, 0 outside


class DavisScores(NamedTuple):
    """Measures of one object, in [0, 1]; None without scored frames.

    Attributes:
        region: J.
        contour: F.
        frames: how many frames are scored.
    """

    region: float | None
    contour: float | None
    frames: int

    @property
    def both(self) -> float | None:
        """J&F."""
        if self.region is None or self.contour is None:
            return None
        return (self.region + self.contour) / 2


def davis_scores(
    predictions: Sequence[Mask | None],
    truths: Sequence[Mask | None],
    *,
    first_frame: int = 0,
    ignore: Sequence[Mask | None] | None = None,
) -> DavisScores:
    """J and F of one object of a video.

    Args:
        predictions: one mask a frame (COCO RLE or array [H, W]); None only where not scored.
        truths: one mask a frame, empty where the object is absent, None where not annotated.
        first_frame: index of the object's prompt frame.
        ignore: one mask a frame of pixels that do not count, None for none.

    Raises:
        InputError: lengths or sizes differ, a needed prediction is missing, an RLE is damaged.
    """
    truths = list(truths)  # procedural masks are drawn again at every index
    if len(predictions) != len(truths):
        raise InputError(
            f"there are {len(predictions)} predictions for {len(truths)} frames of ground truth; "
            "score a video against its own annotation."
        )
    scored = [t for t in range(first_frame, len(truths)) if truths[t] is not None][1:-1]
    truth = stack_masks(_only(truths, scored), "truth")
    if truth.size is None:
        return DavisScores(None, None, 0)
    if missing := [t for t in scored if predictions[t] is None]:
        raise InputError(f"there is no prediction for frame {missing[0]}; run this sequence again.")
    prediction = stack_masks(_only(predictions, scored), "prediction")
    ignored = None if ignore is None else stack_masks(_only(ignore, scored), "ignore mask")
    areas = shared_areas(prediction, truth, ignored)
    prediction_area, truth_area, both = (area[scored] for area in areas)
    union = prediction_area + truth_area - both
    region = np.where(union > 0, both / np.maximum(union, 1), 1.0)
    contour = [_contour_of_frame(prediction, truth, ignored, truth.size, t) for t in scored]
    return DavisScores(float(region.mean()), float(np.mean(contour)), len(scored))


def contour_measure(predicted: Bits, truth: Bits, radius: int) -> float:
    """F of one frame.

    Args:
        predicted: uint8 [H, W], 1 inside; a part of the picture will do if it has a margin of one
            pixel around both masks wherever the picture goes on.
        truth: likewise.
        radius: of the tolerance, in pixels.
    """
    import cv2

    found, wanted = _contour(predicted), _contour(truth)
    if not found.any() or not wanted.any():
        return float(not found.any() and not wanted.any())
    disk = _disk(radius)
    precision = cv2.dilate(wanted, disk)[found > 0].mean()
    recall = cv2.dilate(found, disk)[wanted > 0].mean()
    hits = precision + recall
    return float(2 * precision * recall / hits) if hits else 0.0


def tolerance_radius(size: tuple[int, int]) -> int:
    """The tolerance in pixels of a picture of (height, width)."""
    return math.ceil(TOLERANCE * math.hypot(*size))


def _contour(mask: Bits) -> Bits:
    """Pixels that differ from the next one to the right, below, or below to the right.

    The picture's border is no contour; in its last row only the pixel to the right is looked at, in
    its last column only the one below.
    """
    edge = np.zeros_like(mask)
    inner, right, below = mask[:-1, :-1], mask[:-1, 1:], mask[1:, :-1]
    edge[:-1, :-1] = (inner ^ right) | (inner ^ below) | (inner ^ mask[1:, 1:])
    edge[-1, :-1] = mask[-1, :-1] ^ mask[-1, 1:]
    edge[:-1, -1] = mask[:-1, -1] ^ mask[1:, -1]
    return edge


def _disk(radius: int) -> Bits:
    """All pixels whose centre lies within the radius."""
    squares = np.arange(-radius, radius + 1) ** 2
    return (squares[:, None] + squares <= radius**2).astype(np.uint8)


def _contour_of_frame(
    prediction: MaskStack,
    truth: MaskStack,
    ignored: MaskStack | None,
    size: tuple[int, int],
    t: int,
) -> float:
    """F of frame t, on the columns and rows that either mask touches.

    Masks lie column by column in a stack, so pictures are handled on their sides: the contour and
    the disk are the same either way.
    """
    height, width = size
    runs = [_runs(stack, height * width, t) for stack in (prediction, truth)]
    places = np.concatenate(runs)
    if not len(places):
        return 1.0
    left, right = max(places.min() // height - 1, 0), min(places.max() // height + 2, width)
    found, wanted = (_strip(cuts, height, left, right) for cuts in runs)
    if ignored is not None:
        kept = 1 - _strip(_runs(ignored, height * width, t), height, left, right)
        found, wanted = found & kept, wanted & kept
    rows = np.flatnonzero((found | wanted).any(axis=0))
    if not len(rows):
        return 1.0
    part = slice(max(rows[0] - 1, 0), rows[-1] + 2)
    return contour_measure(found[:, part], wanted[:, part], tolerance_radius(size))


def _runs(stack: MaskStack, pixels: int, t: int) -> Ints:
    """Where the mask of frame t switches on, off, on, ... counted from the frame's first pixel."""
    first, last = np.searchsorted(stack.edges[::2], [t * pixels, (t + 1) * pixels])
    return stack.edges[2 * first : 2 * last] - t * pixels


def _strip(runs: Ints, height: int, left: int, right: int) -> Bits:
    """A mask on some columns, uint8 [right - left, height]: a row a column."""
    pixels = (right - left) * height
    cuts = np.concatenate([[0], np.clip(runs - left * height, 0, pixels), [pixels]])
    inside = (np.arange(len(cuts) - 1) & 1).astype(np.uint8)
    return np.repeat(inside, np.diff(cuts)).reshape(right - left, height)


def _only(masks: Sequence[Mask | None], frames: list[int]) -> list[Mask | None]:
    kept = set(frames)
    return [mask if t in kept else None for t, mask in enumerate(masks)]
