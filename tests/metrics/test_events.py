"""Every frame has one event, and each event the scores of its frames."""

import numpy as np
import pytest

from vot_memory.metrics.events import (
    ABSENT,
    CLEAR,
    EVENTS,
    LOOKALIKE,
    OCCLUDED,
    RETURN_FRAMES,
    RETURNED,
    UNLABELLED,
    find_events,
    score_events,
)
from vot_memory.metrics.vots import FrameOverlaps, object_scores


def video(overlap, absent=(), silent=(), **options):
    """Frames with these overlaps; nothing is predicted on the silent ones."""
    frames = np.arange(len(overlap))
    scored = ~np.isnan(overlap)
    return FrameOverlaps(
        overlap=np.array(overlap, float),
        visible=scored & ~np.isin(frames, absent),
        predicted=scored & ~np.isin(frames, silent),
        **options,
    )


def label(length, *frames):
    return np.isin(np.arange(length), frames)


def where(events):
    return {event: np.flatnonzero(chosen).tolist() for event, chosen in events.items()}


def test_the_first_event_that_fits_takes_the_frame():
    frames = video([np.nan] + [0.5] * 9, absent=(4, 5))
    labels = {"occluded": label(10, 0, 2, 3, 6), "lookalike_near": label(10, 1, 2, 5, 7)}
    assert where(find_events(frames, 0, labels)) == {
        ABSENT: [4, 5],
        RETURNED: [6, 7, 8, 9],  # though 6 is occluded and 7 has a look-alike
        OCCLUDED: [2, 3],  # though 2 has a look-alike
        LOOKALIKE: [1],
        CLEAR: [],
    }


def test_without_labels_the_rest_is_not_called_clear():
    frames = video([np.nan] + [0.5] * 4, absent=(2,))
    events = find_events(frames, 0, {})
    assert where(events) == {ABSENT: [2], RETURNED: [3, 4], UNLABELLED: [1]}
    half = find_events(frames, 0, {"occluded": label(5, 1)})
    assert where(half) == {ABSENT: [2], RETURNED: [3, 4], OCCLUDED: [1], UNLABELLED: []}


def test_a_return_ends_after_its_frames_or_at_the_next_absence():
    length = RETURN_FRAMES + 8
    frames = video([np.nan] + [1.0] * (length - 1), absent=(1, 4))
    events = where(find_events(frames, 0, {}))
    assert events[RETURNED] == [2, 3, *range(5, 5 + RETURN_FRAMES)]
    assert events[UNLABELLED] == list(range(5 + RETURN_FRAMES, length))


def test_a_return_counts_annotated_frames():
    overlap = [np.nan] + [0.5] * (3 * RETURN_FRAMES + 6)
    overlap[2::3] = [np.nan] * len(overlap[2::3])
    overlap[3::3] = [np.nan] * len(overlap[3::3])  # frames 1, 4, 7, ... are annotated
    events = where(find_events(video(overlap, absent=(1,)), 0, {}))
    assert events[RETURNED] == [1 + 3 * k for k in range(1, RETURN_FRAMES + 1)]


def test_nothing_counts_up_to_the_prompt_by_either_rules():
    clean = video([np.nan, np.nan, np.nan, 0.5, 0.7], absent=())
    assert where(find_events(clean, 2, {})) == {ABSENT: [], RETURNED: [], UNLABELLED: [3, 4]}
    toolkit = video([0.0, 0.5, 0.7], toolkit_compatible=True, counts_init=True, silent=(0,))
    assert where(find_events(toolkit, 0, {}))[UNLABELLED] == [1, 2]
    assert score_events(toolkit, 0, {})[-1].part == pytest.approx(0.6)


def test_scores_of_events():
    overlap = [np.nan, 0.8, 0.4, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5]
    frames = video(overlap, absent=(5, 6), silent=(3, 5))
    labels = {"occluded": label(9, 2, 3, 4), "lookalike_near": label(9)}
    scores = {score.event: score for score in score_events(frames, 0, labels)}
    assert list(scores) == [ABSENT, RETURNED, OCCLUDED, LOOKALIKE, CLEAR]
    assert scores[CLEAR][1:] == pytest.approx((1, 0.8, 0, 0, 0.1))
    assert scores[OCCLUDED][1:] == pytest.approx((3, 0.4 / 3, 1 / 3, 1 / 3, 0.05))
    assert scores[RETURNED][1:] == pytest.approx((2, 0.25, 1 / 2, 0, 0.5 / 8))
    assert scores[ABSENT][1:] == (2, 0.5, None, None, 1 / 8)  # answered empty on one of two
    assert scores[LOOKALIKE][1:] == (0, None, None, None, 0.0)


def test_parts_add_up_to_q():
    rng = np.random.default_rng(0)
    overlap = np.r_[np.nan, rng.random(39)]
    frames = video(overlap, absent=range(10, 14))
    labels = {name: rng.random(40) < 0.3 for name in ("occluded", "lookalike_near")}
    parts = [score.part for score in score_events(frames, 0, labels)]
    assert sum(parts) == pytest.approx(object_scores(frames).quality)


def test_a_video_without_scored_frames_has_no_parts():
    scores = score_events(video([np.nan, np.nan]), 0, {})
    assert {score.part for score in scores} == {None}
    assert {score.event for score in scores} <= set(EVENTS)
