"""The users' own parity check says what it saw, also when the two differ."""

from __future__ import annotations

import numpy as np
import pytest

from vot_memory import verify as module
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt
from vot_memory.errors import InputError
from vot_memory.verify import Started, verify


@pytest.fixture
def objects(clip):
    late = np.argwhere(clip.labels[3] == 4)
    box = [late[:, 1].min(), late[:, 0].min(), late[:, 1].max(), late[:, 0].max()]
    return {
        "a": Started(0, MaskPrompt(clip.labels[0] == 2)),
        "b": Started(3, BoxPrompt(np.array(box, float))),
    }


def test_equal_on_nano(clip, objects):
    found = verify(clip.frames, objects, "nano", device="cpu", limit=8)
    assert found.equal
    assert (found.frames, found.objects) == (8, 2)
    assert found.pixels == (8 + 5) * 128 * 128  # the late object counts from its prompt
    assert found.largest_difference < 1e-3


def test_a_difference_is_found_and_placed(clip, objects, monkeypatch):
    original = module.fifo_logits

    def broken(*args):
        for frame, ours in enumerate(original(*args)):
            yield {k: v + 3.0 if (k, frame) == ("b", 5) else v for k, v in ours.items()}

    monkeypatch.setattr(module, "fifo_logits", broken)
    found = verify(clip.frames, objects, "nano", device="cpu", limit=8)
    assert found.where == ("b", 5)
    assert 2.9 < found.largest_difference < 3.1
    assert found.differing_pixels > found.near_zero
    assert not found.equal


def test_objects_beyond_the_compared_frames_are_refused(clip, objects):
    with pytest.raises(InputError, match="begins at frame 3, but only 2 frames"):
        verify(clip.frames, objects, "nano", limit=2)
