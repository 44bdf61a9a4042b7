"""Returns, their delays and those that are lost, by hand."""

import numpy as np
import pytest

from vot_memory.metrics.returns import FOUND_OVERLAP, Return, find_returns
from vot_memory.metrics.vots import FrameOverlaps, frame_overlaps

GAP = None  # not annotated


def video(*frames):
    """Overlaps by frame behind a prompt; "-" where the object is absent."""
    overlap = [np.nan if f is GAP else 1.0 if f == "-" else f for f in frames]
    overlap = np.array([np.nan, *overlap], float)
    visible = np.array([False, *(f not in (GAP, "-") for f in frames)])
    return FrameOverlaps(overlap, visible, visible & (overlap > 0))


@pytest.mark.parametrize(
    ("frames", "returns"),
    [
        ((0.9, 0.8), []),  # never away
        ((0.9, "-", "-"), []),  # never back
        ((0.9, "-", 0.6, 0.7), [Return(3, 2, 3, 0)]),  # found at once
        ((0.9, "-", 0, 0.2, 0.51, 0.7), [Return(3, 4, 5, 2)]),
        ((0.9, "-", 0, 0.5), [Return(3, 2, None, None)]),  # half is not above half
        (
            (0.9, "-", 0, "-", 0.9),
            [Return(3, 1, None, None), Return(5, 1, 5, 0)],
        ),  # lost, then found
        (("-", 0.9), [Return(2, 1, 2, 0)]),  # away right behind the prompt
        ((0.9, "-", GAP, 0, GAP, 0.8), [Return(4, 2, 6, 1)]),  # annotated frames count
        ((0, 0, 0.9), []),  # lost while visible is no return
    ],
)
def test_returns(frames, returns):
    assert find_returns(video(*frames)) == returns


def test_the_threshold_can_be_lowered_to_what_vots_calls_tracked():
    frames = video(0.9, "-", 0, 0.2, 0.6)
    assert find_returns(frames, above=0)[0].delay == 1
    assert find_returns(frames)[0].delay == 2
    assert FOUND_OVERLAP == 0.5


def test_the_prompt_counts_as_visible_wherever_it_stands():
    mask, empty = np.ones((4, 4), np.uint8), np.zeros((4, 4), np.uint8)
    truth = [None, mask, empty, mask, mask]
    for toolkit_compatible in (False, True):
        frames = frame_overlaps(
            [None, mask, empty, empty, mask],
            truth,
            first_frame=1,
            toolkit_compatible=toolkit_compatible,
        )
        assert find_returns(frames, 1) == [Return(3, 2, 4, 1)]


def test_a_mask_of_the_whole_picture_finds_nothing():
    small, full = np.zeros((10, 10), np.uint8), np.ones((10, 10), np.uint8)
    small[2:4, 2:4] = 1
    truth = [small, 0 * small, small, small]
    frames = frame_overlaps([None, full, full, full], truth)
    assert [r.delay for r in find_returns(frames)] == [None]
    assert [r.delay for r in find_returns(frames, above=0)] == [0]
