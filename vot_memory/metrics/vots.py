"""The measures of the VOTS challenges: Q, A, R, NRE, DRE, ADQ.

Per frame: the overlap is the intersection over union where the object is visible; where it is
absent, 1 if the prediction is empty and 0 if not. A frame counts as

=====  ==========================================================================
T      tracked: visible, overlap > 0 (strictly, no margin)
F      drifted: visible, overlap 0, something else predicted
M      missed: visible, overlap 0, nothing predicted
H      hallucinated: absent, something predicted
N      correctly silent: absent, nothing predicted
=====  ==========================================================================

Per object: Q = mean overlap of all scored frames; A = mean overlap of the T frames;
R = T / (T + F + M); NRE = M / (T + F + M); DRE = F / (T + F + M); ADQ = N / (N + H).
Then the mean over the objects of a sequence, then the plain mean over sequences, whatever their
length. A value that is undefined (None) is left out of the mean above it.

Choices that hold in both modes:
    * frames that are not annotated (None) and frames before the object's prompt count nowhere;
      a tag filter is the same thing: set the truth of the other frames to None;
    * an object without visible scored frames has no A, R, NRE and DRE;
    * ADQ needs N + H > 10, as in the toolkit: a share of a few frames is noise.
      `absent_correct` is the same share without that condition.

The clean mode (default) leaves out the object's prompt frame, where the answer is given: a perfect
tracker scores 1. A is undefined without T frames. Ignored pixels are taken out first and everything
is judged on the rest: a visible object that is wholly ignored makes its frame unscored, and a
prediction that is wholly ignored counts as empty.

`toolkit_compatible=True` follows the VOT toolkit 0.9.0 (established by running it):
    * frame 0 of the video counts as a miss with overlap 0 in Q, A and R, so a perfect tracker
      scores (n - 1) / n; the prompt frame of a later object counts like any frame;
    * A is 0 where no frame is tracked;
    * ignored pixels leave intersection and union, but empty or not is judged before; a visible
      object wholly under the ignore mask is a failure.
    Not followed are its bugs with masks one pixel wide or tall: it erases or calls empty such a
    mask, and it gives overlap 1 where the union is one row or column. Here such masks are masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import NO_BOX, Box, ObjectTrack
from vot_memory.errors import InputError
from vot_memory.metrics.boxes import box_iou, mask_boxes
from vot_memory.metrics.measure import Measure
from vot_memory.metrics.overlap import Mask, shared_areas, stack_masks

ADQ_MIN_ABSENT = 10  # ADQ needs more absent frames than this
SUCCESS_THRESHOLDS: NDArray[np.float64] = np.arange(100) / 100  # 0, .01, ..., .99


MEASURES = (
    Measure("quality", "Q", True),
    Measure("accuracy", "A", True),
    Measure("robustness", "R", True),
    Measure("nre", "NRE", False),
    Measure("dre", "DRE", False),
    Measure("adq", "ADQ", True),
)


@dataclass(frozen=True)
class FrameOverlaps:
    """What happened to one object in each frame of a video.

    Attributes:
        overlap: float64 [T]; NaN where the frame is not scored (a gap in a plot).
        visible: bool [T], the object is there; False where the frame is not scored.
        predicted: bool [T], the prediction is not empty; False where the frame is not scored.
        toolkit_compatible: which rules made it.
        counts_init: frame 0 stands in it as a zero, without a prediction (toolkit only).
    """

    overlap: NDArray[np.float64]
    visible: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    toolkit_compatible: bool = False
    counts_init: bool = False

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Frames that count, bool [T]."""
        return ~np.isnan(self.overlap)


class FrameCounts(NamedTuple):
    """Numbers of frames by outcome (T, F, M, H, N of the module's table)."""

    tracked: int
    drifted: int
    missed: int
    hallucinated: int
    silent: int


@dataclass(frozen=True)
class Scores:
    """Measures of an object, a sequence or a split; each in [0, 1], None where undefined.

    Attributes:
        quality: Q.
        accuracy: A.
        robustness: R.
        nre: not-reported error.
        dre: drift-rate error.
        adq: absence-detection quality.
        visible_iou: mean overlap of the visible frames, failures included.
        absent_correct: share of absent frames answered empty, however few they are.
    """

    quality: float | None
    accuracy: float | None
    robustness: float | None
    nre: float | None
    dre: float | None
    adq: float | None
    visible_iou: float | None
    absent_correct: float | None


@dataclass(frozen=True)
class ObjectScores(Scores):
    """Measures of one object with the frames behind them."""

    counts: FrameCounts
    frames: FrameOverlaps


def frame_overlaps(
    predictions: Sequence[Mask | None],
    truths: Sequence[Mask | None],
    *,
    first_frame: int = 0,
    ignore: Sequence[Mask | None] | None = None,
    toolkit_compatible: bool = False,
) -> FrameOverlaps:
    """Compare the predictions for one object with its ground truth.

    Args:
        predictions: one mask a frame (COCO RLE or array [H, W]); None only where not scored.
        truths: one mask a frame, empty where the object is absent, None where not annotated.
        first_frame: index of the object's prompt frame.
        ignore: one mask a frame of pixels that do not count, None for none.
        toolkit_compatible: the toolkit's rules instead of the clean ones (see the module).

    Raises:
        InputError: lengths or sizes differ, a needed prediction is missing, an RLE is damaged.
    """
    scored, compared, counts_init = _frames_to_compare(
        predictions, truths, first_frame, toolkit_compatible
    )
    truth = stack_masks([m if s else None for m, s in zip(truths, scored, strict=True)], "truth")
    prediction = stack_masks(
        [m if c else None for m, c in zip(predictions, compared, strict=True)], "prediction"
    )
    ignored = None if ignore is None else stack_masks(ignore, "ignore mask")
    truth_area, prediction_area, both = shared_areas(truth, prediction, ignored)
    if ignored is not None and toolkit_compatible:
        visible, predicted = truth.areas() > 0, prediction.areas() > 0
    else:
        visible, predicted = truth_area > 0, prediction_area > 0
        if ignored is not None:
            scored &= visible | (truth.areas() == 0)
    if not toolkit_compatible:
        scored[first_frame] = False
    iou = both / np.maximum(truth_area + prediction_area - both, 1)
    overlap = np.where(visible, iou, np.where(predicted, 0.0, 1.0))
    overlap[~scored] = np.nan
    return FrameOverlaps(
        overlap, visible & scored, predicted & scored, toolkit_compatible, counts_init
    )


def box_overlaps(
    predictions: Sequence[RLE | None],
    truths: Sequence[Box | None],
    *,
    first_frame: int = 0,
    toolkit_compatible: bool = False,
) -> FrameOverlaps:
    """Compare the tight boxes of the masks predicted for one object with its annotated boxes.

    Args:
        predictions: one RLE a frame; None only where not scored.
        truths: one box a frame, without area where the object is absent, None where not annotated.
        first_frame: index of the object's prompt frame.
        toolkit_compatible: the toolkit's rules instead of the clean ones (see the module).

    Raises:
        InputError: as `frame_overlaps`.
    """
    scored, compared, counts_init = _frames_to_compare(
        predictions, truths, first_frame, toolkit_compatible
    )
    pairs = zip(predictions, compared, strict=True)
    prediction = mask_boxes([mask if counts else None for mask, counts in pairs])
    truth = np.array([box or NO_BOX for box in truths], dtype=np.float64)
    visible, predicted = (truth[:, 2:] > 0).all(1), (prediction[:, 2:] > 0).all(1)
    iou = np.where(visible & predicted, box_iou(prediction, truth), 0.0)
    if not toolkit_compatible:
        scored[first_frame] = False
    overlap = np.where(visible, iou, np.where(predicted, 0.0, 1.0))
    overlap[~scored] = np.nan
    return FrameOverlaps(
        overlap, visible & scored, predicted & scored, toolkit_compatible, counts_init
    )


def count_frames(frames: FrameOverlaps) -> FrameCounts:
    """Count the frames of each outcome."""
    hit = frames.visible & (frames.overlap > 0)
    failed = frames.visible & ~hit
    absent = frames.scored & ~frames.visible
    kinds = (
        hit,
        failed & frames.predicted,
        failed & ~frames.predicted,
        absent & frames.predicted,
        absent & ~frames.predicted,
    )
    return FrameCounts(*(int(kind.sum()) for kind in kinds))


def object_scores(frames: FrameOverlaps) -> ObjectScores:
    """Measures of one object from its frames."""
    counts = count_frames(frames)
    tracked, drifted, missed, hallucinated, silent = counts
    seen, absent = tracked + drifted + missed, hallucinated + silent
    in_view = frames.visible.copy()
    if frames.counts_init:
        in_view[0] = False
    sum_tracked = float(frames.overlap[frames.visible].sum())
    accuracy = _ratio(sum_tracked, tracked + frames.counts_init)
    if accuracy is None and frames.toolkit_compatible and frames.scored.any():
        accuracy = 0.0
    return ObjectScores(
        quality=_ratio(float(frames.overlap[frames.scored].sum()), int(frames.scored.sum())),
        accuracy=accuracy,
        robustness=_ratio(tracked, seen),
        nre=_ratio(missed, seen),
        dre=_ratio(drifted, seen),
        adq=silent / absent if absent > ADQ_MIN_ABSENT else None,
        visible_iou=_ratio(sum_tracked, int(in_view.sum())),
        absent_correct=_ratio(silent, absent),
        counts=counts,
        frames=frames,
    )


def score_object(
    predictions: Sequence[RLE | None],
    truth: ObjectTrack,
    *,
    ignore: Sequence[Mask | None] | None = None,
    toolkit_compatible: bool = False,
) -> ObjectScores:
    """Measures of one object of a video.

    Args:
        predictions: one RLE a frame of the video, None before the object's prompt.
        truth: the object's annotation; where it is boxes, those of the masks are compared.
        ignore: one mask a frame of pixels that do not count, None for none.
        toolkit_compatible: the toolkit's rules instead of the clean ones.

    Raises:
        InputError: as `frame_overlaps`.
    """
    if truth.boxes is not None:
        return object_scores(
            box_overlaps(
                predictions,
                truth.boxes,
                first_frame=truth.first_frame,
                toolkit_compatible=toolkit_compatible,
            )
        )
    return object_scores(
        frame_overlaps(
            predictions,
            truth.rles,
            first_frame=truth.first_frame,
            ignore=ignore,
            toolkit_compatible=toolkit_compatible,
        )
    )


def _frames_to_compare(
    predictions: Sequence[Any], truths: Sequence[Any], first_frame: int, toolkit_compatible: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], bool]:
    """Frames that count and frames that need a prediction, bool [T], and whether frame 0 counts."""
    length = len(truths)
    if len(predictions) != length:
        raise InputError(
            f"there are {len(predictions)} predictions for {length} frames of ground truth; "
            "score a video against its own annotation."
        )
    if not 0 <= first_frame < length:
        raise InputError(f"prompt frame {first_frame} lies outside the {length} annotated frames.")
    scored = np.array([truth is not None for truth in truths])
    scored[:first_frame] = False
    counts_init = toolkit_compatible and bool(scored[0])
    compared = scored.copy()
    if counts_init or not toolkit_compatible:
        compared[first_frame] = False
    for t in np.flatnonzero(compared).tolist():
        if predictions[t] is None:
            raise InputError(f"there is no prediction for frame {t}; run this sequence again.")
    return scored, compared, counts_init


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """Mean of each measure over the items that define it; None where none does.

    Once over the objects of a sequence gives the sequence's scores, once more over sequences the
    split's: `mean_scores(mean_scores(objects) for objects in sequences)`.
    """
    items = list(scores)
    means: dict[str, float | None] = {}
    for field in fields(Scores):
        defined = [v for s in items if (v := getattr(s, field.name)) is not None]
        means[field.name] = _ratio(float(np.sum(defined)), len(defined))
    return Scores(**means)


def success_curve(frames: FrameOverlaps) -> NDArray[np.float64] | None:
    """Share of scored frames with overlap above each of `SUCCESS_THRESHOLDS`.

    Returns:
        float64 [100], or None without scored frames. Its mean, the area under it, is about Q.
    """
    overlap = frames.overlap[frames.scored]
    if not len(overlap):
        return None
    share: NDArray[np.float64] = (overlap[:, None] > SUCCESS_THRESHOLDS).mean(axis=0)
    return share


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
