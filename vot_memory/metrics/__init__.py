"""Measures: pure functions on masks and arrays."""

from vot_memory.metrics.measure import Measure
from vot_memory.metrics.overlap import MaskStack, mask_iou, shared_areas, stack_masks
from vot_memory.metrics.vots import (
    MEASURES,
    SUCCESS_THRESHOLDS,
    FrameCounts,
    FrameOverlaps,
    ObjectScores,
    Scores,
    count_frames,
    frame_overlaps,
    mean_scores,
    object_scores,
    score_object,
    success_curve,
)

__all__ = [
    "MEASURES",
    "SUCCESS_THRESHOLDS",
    "FrameCounts",
    "FrameOverlaps",
    "MaskStack",
    "Measure",
    "ObjectScores",
    "Scores",
    "count_frames",
    "frame_overlaps",
    "mask_iou",
    "mean_scores",
    "object_scores",
    "score_object",
    "shared_areas",
    "stack_masks",
    "success_curve",
]
