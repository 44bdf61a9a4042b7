"""The measures of box benchmarks: AUC, P and Pnorm of LaSOT and OTB, AO and SR of GOT-10k.

Of each frame: the overlap is the intersection over union of the two boxes, the centre error the
distance of their centres in pixels, the normalised error the same with x in widths and y in heights
of the annotated box. Of each object, over its scored frames:

=====  =============================================================================
AUC    mean over the 21 thresholds 0, .05, ..., 1 of the share of overlaps above it
P      share of centre errors of at most 20 pixels
Pnorm  share of normalised errors of at most 0.2
AO     mean overlap
SR50   share of overlaps above 0.5; SR75 likewise
=====  =============================================================================

A frame is scored if the object is visible in it: annotated, with a box that has an area. An empty
answer there has overlap 0 and an infinite error. Since no overlap is above 1, a perfect tracker has
an AUC of 20/21 = 0.952, in the published numbers too.

Frames that are not annotated count nowhere, nor does the frame of the prompt, where the answer is
given. Published numbers follow other rules, which `BENCHMARKS` has:

* OTB, LaSOT and TrackingNet count the first frame as a perfect answer; GOT-10k leaves it out;
* LaSOT takes frames without the object out of the numerators of AUC, P and Pnorm only, so that they
  count as failures (`eval_tracker.m` divides by all frames);
* OTB and LaSOT put the box of the frame before where an answer is empty;
* GOT-10k first moves the corners of both boxes into the picture and cuts what is behind its right
  and lower border;
* over sequences it is the plain mean everywhere but in GOT-10k, whose toolkit takes the frames of
  all sequences together, so that each weighs as many as `BoxScores.frames`.

TrackingNet rounds all boxes and reports areas by trapezoids: AUC over the same 21 thresholds (a
perfect one is 0.975), Pnorm over 0 to 0.5, which is `normalized_area` here. LaSOT's toolkit has
Pnorm at 0.2 as above, and so have the tables of most papers.

Sources: Wu et al., PAMI 2015, and github.com/jwlim/tracker_benchmark; Fan et al., CVPR 2019, and
github.com/HengLan/LaSOT_Evaluation_Toolkit; Müller et al., ECCV 2018, and
github.com/SilvioGiancola/TrackingNet-devkit; Huang et al., PAMI 2021, and PyPI got10k 0.1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import NO_BOX, Box
from vot_memory.errors import InputError
from vot_memory.metrics.measure import Measure

if TYPE_CHECKING:
    from vot_memory.datasets.boxes import Benchmark

Floats = NDArray[np.float64]

OVERLAP_THRESHOLDS: Floats = np.linspace(0, 1, 21)
NORMALIZED_THRESHOLDS: Floats = np.linspace(0, 0.5, 21)
CENTRE_PIXELS = 20
CENTRE_SHARE = 0.2

BOX_MEASURES = (
    Measure("success", "AUC", True),
    Measure("precision", "P", True),
    Measure("normalized_precision", "Pnorm", True),
    Measure("average_overlap", "AO", True),
    Measure("success_50", "SR50", True),
    Measure("success_75", "SR75", True),
)


@dataclass(frozen=True)
class BoxRules:
    """What a benchmark does beside the measures' definitions.

    Attributes:
        name: whose rules they are; empty of the clean ones.
        count_first: the prompt frame counts, as a perfect answer, if any other is annotated.
        count_absent: frames without the object count as failures in AUC, P and Pnorm.
        hold_last: an empty answer is replaced by the box of the frame before.
        in_picture: boxes are put into the picture before their overlap is taken.
        by_frame: means are over the frames of all sequences together, not over sequences.
    """

    name: str = ""
    count_first: bool = False
    count_absent: bool = False
    hold_last: bool = False
    in_picture: bool = False
    by_frame: bool = False


CLEAN = BoxRules()
BENCHMARKS: dict[Benchmark, BoxRules] = {
    "got-10k": BoxRules("GOT-10k", in_picture=True, by_frame=True),
    "lasot": BoxRules("LaSOT", count_first=True, count_absent=True, hold_last=True),
    "otb": BoxRules("OTB", count_first=True, hold_last=True),
    "trackingnet": BoxRules("TrackingNet", count_first=True),
}


@dataclass(frozen=True)
class BoxScores:
    """Measures of an object; each in [0, 1], None without scored frames.

    Attributes:
        success: AUC.
        precision: P.
        normalized_precision: Pnorm.
        normalized_area: under the shares of normalised errors up to 0, 0.025, ..., 0.5.
        average_overlap: AO.
        success_50: SR50.
        success_75: SR75.
        frames: how many frames show the object and are scored.
    """

    success: float | None
    precision: float | None
    normalized_precision: float | None
    normalized_area: float | None
    average_overlap: float | None
    success_50: float | None
    success_75: float | None
    frames: int


def mask_boxes(rles: Sequence[RLE | None]) -> Floats:
    """Tight box of each mask, float64 [T, 4] = x, y, width, height in pixels.

    The box of an empty mask is 0, 0, 0, 0, as of an absent object; that of None is NaN.
    """
    from pycocotools import mask as coco

    boxes = np.full((len(rles), 4), np.nan)
    if masks := [rle for rle in rles if rle is not None]:
        boxes[[rle is not None for rle in rles]] = coco.toBbox(masks)
    return boxes


def box_iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes x, y, width, height: [T, 4] and [T, 4] to float64 [T].

    It is 0 where either has no area and NaN where either is.
    """
    low = np.maximum(a[:, :2], b[:, :2])
    high = np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    both = np.maximum(high - low, 0).prod(axis=1)
    union = a[:, 2:].prod(axis=1) + b[:, 2:].prod(axis=1) - both
    # Rounding may leave equal boxes a bit more in common than either has, and 1 is a threshold.
    iou: Floats = np.minimum(both / np.where(union == 0, 1, union), 1)
    return iou


def box_scores(
    predicted: Floats,
    truth: Sequence[Box | None],
    *,
    first_frame: int,
    rules: BoxRules = CLEAN,
    size: tuple[int, int] | None = None,
) -> BoxScores:
    """Measures of one object of a video.

    Args:
        predicted: [T, 4] boxes x, y, width, height; without area where the answer is empty, NaN
            only where not scored.
        truth: one box a frame, without area where the object is absent, None where not annotated.
        first_frame: index of the prompt frame; frames before it count nowhere.
        rules: the clean ones, or those of a benchmark.
        size: (height, width) of the picture, for rules with `in_picture`.

    Raises:
        InputError: the lengths differ, or a scored frame has no prediction.
        ValueError: the rules need a size.
    """
    if rules.in_picture and size is None:
        raise ValueError(f"{rules.name} puts boxes into the picture, whose size is not given")
    if len(predicted) != len(truth):
        raise InputError(
            f"there are {len(predicted)} predicted boxes for {len(truth)} frames of ground truth; "
            "score a video against its own annotation."
        )
    annotated = np.array([box is not None for box in truth], dtype=np.bool_)
    annotated[: first_frame + 1] = False
    truths = np.array([box or NO_BOX for box in truth], dtype=np.float64)
    answers = np.array(predicted, dtype=np.float64)
    if rules.count_first and annotated.any():  # the prompt alone tells nothing
        annotated[first_frame] = True
        answers[first_frame] = truths[first_frame]
    if rules.hold_last:
        answers = _hold_last(answers, first_frame)
    shown = annotated & _has_area(truths)
    if (lost := np.flatnonzero(shown & np.isnan(answers).any(axis=1))).size:
        raise InputError(f"there is no prediction for frame {lost[0]}; run this sequence again.")
    total = int((annotated if rules.count_absent else shown).sum())
    return _score(answers[shown], truths[shown], total, size if rules.in_picture else None)


def _score(answers: Floats, truths: Floats, total: int, size: tuple[int, int] | None) -> BoxScores:
    """Measures of the frames that show the object, of which curves are shares of `total`."""
    if not len(truths):
        return BoxScores(None, None, None, None, None, None, None, frames=0)
    if size is None:
        overlap = box_iou(answers, truths)
    else:
        overlap = box_iou(_inside(answers, size), _inside(truths, size))
    offset = (answers[:, :2] + answers[:, 2:] / 2) - (truths[:, :2] + truths[:, 2:] / 2)
    offset[~_has_area(answers)] = np.inf
    error = np.hypot(*offset.T)
    normalized = np.hypot(*(offset / truths[:, 2:]).T)
    success = (overlap[:, None] > OVERLAP_THRESHOLDS).sum(axis=0) / total
    near = (normalized[:, None] <= NORMALIZED_THRESHOLDS).sum(axis=0) / total
    return BoxScores(
        success=float(success.mean()),
        precision=float((error <= CENTRE_PIXELS).sum() / total),
        normalized_precision=float((normalized <= CENTRE_SHARE).sum() / total),
        normalized_area=float((near[1:] + near[:-1]).mean() / 2),
        average_overlap=float(overlap.mean()),
        success_50=float((overlap > 0.5).mean()),
        success_75=float((overlap > 0.75).mean()),
        frames=len(truths),
    )


def _has_area(boxes: Floats) -> NDArray[np.bool_]:
    return cast("NDArray[np.bool_]", (boxes[:, 2:] > 0).all(axis=1))


def _hold_last(boxes: Floats, first_frame: int) -> Floats:
    """Boxes [T, 4] of which those without area behind the first are as the one before."""
    kept = _has_area(boxes) | np.isnan(boxes).any(axis=1)
    kept[: first_frame + 1] = True
    return boxes[np.maximum.accumulate(np.where(kept, np.arange(len(boxes)), 0))]


def _inside(boxes: Floats, size: tuple[int, int]) -> Floats:
    """Boxes [T, 4] with corners moved into a picture of (height, width), and cut behind it."""
    limit = np.array(size[::-1])
    corners = boxes[:, :2].clip(0, limit)
    return np.hstack([corners, boxes[:, 2:].clip(0, limit - corners)])
