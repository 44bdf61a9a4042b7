"""The online API as a user meets it."""

from __future__ import annotations

import numpy as np
import pytest

from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt, PointPrompt
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker


@pytest.fixture
def tracker(backbone):
    return Tracker(Engine(backbone), load_policy("fifo"))


def test_a_stream_of_unknown_length_with_a_late_object(tracker, clip):
    before = tracker.track(clip.frames[0])
    assert before.objects == ()
    assert before.masks.shape == (0, 128, 128)
    first = tracker.track(clip.frames[1], {"a": MaskPrompt(clip.labels[1] == 2)})
    assert first.objects == ("a",)
    assert (first.mask("a") == (clip.labels[1] == 2)).mean() > 0.98
    assert first.memory.tolist() == [[1, -1, -1, -1, -1, -1, -1]]
    tracker.track(clip.frames[2])
    late = tracker.track(clip.frames[3], {"b": MaskPrompt(clip.labels[3] == 4)})
    assert late.objects == ("a", "b")
    assert late.written.tolist() == [2, 0]
    assert late.memory[:, :3].tolist() == [[1, 2, 3], [3, -1, -1]]  # frames of the video
    assert late.ious.shape == (2, 3)
    assert np.isnan(late.ious[1, 1:]).all()  # a mask prompt is its own only candidate
    after = tracker.track(clip.frames[4])
    assert after.masks.dtype == np.bool_
    assert np.isfinite(after.ious).all()
    assert tracker.finish() is None


@pytest.mark.parametrize("size", [(128, 128), (90, 160), (256, 100)])
def test_masks_have_the_size_of_the_video(tracker, size):
    picture = np.zeros((*size, 3), np.uint8)
    mask = np.zeros(size, bool)
    mask[20:60, 20:60] = True
    assert tracker.init(picture, {"1": MaskPrompt(mask)}).masks.shape == (1, *size)
    assert tracker.track(picture).masks.shape == (1, *size)


def test_box_and_click_find_the_object(backbone, clip):
    target = clip.labels[0] == 2
    y, x = np.nonzero(target)
    box = BoxPrompt(np.array([x.min(), y.min(), x.max(), y.max()], float))
    middle = len(x) // 2
    click = PointPrompt(np.array([[x[middle], y[middle]]], float), np.array([1]))
    for prompt, candidates in ((box, 1), (click, 3)):
        tracker = Tracker(Engine(backbone), load_policy("fifo"))
        answer = tracker.init(clip.frames[0], {"1": prompt})
        assert answer.ious.shape == (1, candidates)
        mask = answer.masks[0]
        assert (
            mask[target].mean() > 0.3
        )  # nano's clicks are weak; that it answers there is what counts


def test_non_overlap_gives_every_pixel_one_owner(backbone, clip):
    prompts = {"a": MaskPrompt(clip.labels[0] == 2), "b": MaskPrompt(clip.labels[0] == 4)}
    grown = {k: MaskPrompt(np.roll(p.mask, 3, 0) | p.mask) for k, p in prompts.items()}
    overlaps = []
    for non_overlap in (False, True):
        tracker = Tracker(Engine(backbone), load_policy("fifo"), non_overlap=non_overlap)
        tracker.init(clip.frames[0], grown)
        overlaps.append(max(tracker.track(f).masks.sum(0).max() for f in clip.frames[1:8]))
    assert overlaps[0] > 1 >= overlaps[1]


def test_prompts_that_do_not_fit_are_refused_before_anything_happens(tracker, clip):
    empty = MaskPrompt(np.zeros((128, 128), bool))
    with pytest.raises(InputError, match="empty"):
        tracker.init(clip.frames[0], {"1": empty})
    assert tracker.state.frame == -1
    tracker.init(clip.frames[0], {"1": MaskPrompt(clip.labels[0] == 2)})
