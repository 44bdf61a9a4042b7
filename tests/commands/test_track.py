import dataclasses

import numpy as np
import pytest
from PIL import Image

from vot_memory.commands.track import frame_names, offline_answers, online_answers
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt
from vot_memory.datasets.rle import decode
from vot_memory.datasets.video import open_video
from vot_memory.engine import Engine
from vot_memory.registry import load_policy
from vot_memory.reports.overlay import OverlayWriter
from vot_memory.tracking import Tracker

FRAMES = 5


@pytest.fixture
def video(tmp_path, clip):
    folder = tmp_path / "video"
    folder.mkdir()
    for t in range(FRAMES):
        Image.fromarray(clip.frames[t]).save(folder / f"{10 + t}.png")
    return open_video(folder)


@pytest.fixture
def prompts(clip):
    label = next(i for i in np.unique(clip.labels[0]) if i)
    mask = clip.labels[0] == label
    ys, xs = np.nonzero(mask)
    box = np.array([xs.min(), ys.min(), xs.max(), ys.max()], float)
    return {"1": MaskPrompt(mask), "2": BoxPrompt(box)}


def len_of(done):
    """A watch that looks away."""


def online(video, backbone, prompts):
    pictures = (video.frames[t] for t in range(FRAMES))
    return online_answers(pictures, make_tracker(backbone, "sam2long"), prompts, len_of)


def make_tracker(backbone, policy="fifo"):
    return Tracker(Engine(backbone), load_policy(policy), num_frames=FRAMES)


def follow(video, tracker, prompts, count=FRAMES, watch=lambda done: None):
    offline = tracker.policy.spec.offline
    pictures = (video.frames[t] for t in range(count))
    if offline:
        return list(offline_answers(video, pictures, tracker, prompts, watch))
    return list(online_answers(pictures, tracker, prompts, watch))


def test_answers_are_those_of_the_tracker(backbone, video, prompts):
    seen = []
    found = follow(video, make_tracker(backbone), prompts, watch=seen.append)
    assert seen == [1, 2, 3, 4, 5]
    tracker = make_tracker(backbone)
    for t, (picture, answer) in enumerate(found):
        assert (picture == video.frames[t]).all()
        expected = tracker.track(video.frames[t], prompts if t == 0 else None)
        assert answer.objects == ("1", "2")
        assert (answer.masks == expected.masks).all()
        assert (answer.object_score == expected.object_score).all()
        assert (answer.memory == expected.memory).all()
        assert (answer.written == 0).all() == (t == 0)
    assert sorted(found[4][1].memory[0]) == [-1, -1, 0, 1, 2, 3, 4]


def test_an_answer_comes_before_the_next_picture_is_read(backbone, video, prompts):
    read = []
    pictures = (read.append(t) or video.frames[t] for t in range(FRAMES))
    for t, _ in enumerate(online_answers(pictures, make_tracker(backbone), prompts, len_of)):
        assert read == list(range(t + 1))


def test_revised_masks_replace_the_first_ones(backbone, video, prompts):
    tracker = make_tracker(backbone, "sam2long")
    revised = [np.eye(*video.size, k=t, dtype=bool) for t in range(FRAMES)]
    tracker.finish = lambda: ((t, {"1": mask}) for t, mask in enumerate(revised))
    found = follow(video, tracker, {"1": prompts["1"]})
    for t, (picture, answer) in enumerate(found):
        assert answer.frame == t
        assert (picture == video.frames[t]).all()
        assert (answer.masks[0] == revised[t]).all()
    assert found[0][1].written[0] == 0


def test_masks_that_are_not_revised_stand(backbone, video, prompts):
    tracker = make_tracker(backbone, "sam2long")
    tracker.finish = lambda: None
    plain = [tracker_answer.masks for _, tracker_answer in online(video, backbone, prompts)]
    for (_, answer), masks in zip(follow(video, tracker, prompts), plain, strict=True):
        assert (answer.masks == masks).all()


def test_frames_without_files_are_numbered(video):
    streamed = dataclasses.replace(video, frames=[np.zeros((4, 4, 3), np.uint8)] * 3)
    assert frame_names(streamed) == ["00000", "00001", "00002"]
