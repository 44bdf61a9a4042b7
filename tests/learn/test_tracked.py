"""Quality in the tracker is what reports make of a run."""

from __future__ import annotations

import numpy as np
import pytest
from worlds import golden_model, make_simulator, make_video

from vot_memory.datasets.rle import encode
from vot_memory.engine import Engine
from vot_memory.learn.tracked import tracked_quality
from vot_memory.metrics import score_object
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker

pytestmark = pytest.mark.golden


def test_quality_in_the_tracker_is_that_of_the_metrics():
    ignored = np.zeros((128, 128), bool)
    ignored[:, 60:] = True
    video = make_video(12, absent=(5, 6), unannotated=(8,), ignore=[ignored] * 12)
    clip = make_simulator(video).clip
    tracker = Tracker(Engine(golden_model()), load_policy("fifo"), num_frames=12)
    masks = []
    for t in range(12):
        prompts = {clip.object: clip.prompt} if t == 0 else None
        masks.append(encode(tracker.track(video.frames[t], prompts).mask(clip.object)))
    (track,) = video.objects
    expected = score_object(masks, track, ignore=[ignored] * 12).quality
    made = tracked_quality(golden_model(), clip, load_policy("fifo"))
    assert made == pytest.approx(expected, abs=1e-9)
