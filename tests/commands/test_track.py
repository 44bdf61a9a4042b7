import dataclasses

import numpy as np
import pytest
from PIL import Image

from vot_memory.commands.track import follow, frame_names, write_masks, write_overlay
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


def make_tracker(backbone, policy="fifo"):
    return Tracker(Engine(backbone), load_policy(policy), num_frames=FRAMES)


def test_steps_are_what_the_tracker_answers(backbone, video, prompts):
    seen = []
    steps = follow(video, make_tracker(backbone), prompts, FRAMES, seen.append)
    assert seen == [1, 2, 3, 4, 5]
    tracker = make_tracker(backbone)
    for t in range(FRAMES):
        answer = tracker.track(video.frames[t], prompts if t == 0 else None)
        for index, name in enumerate(("1", "2")):
            step = steps[name][t]
            assert (decode(step.mask) == answer.masks[index]).all()
            assert step.score == pytest.approx(float(answer.object_score[index]))
            assert step.memory == tuple(answer.memory[index])
            assert step.prompted == (t == 0)
    assert sorted(steps["1"][4].memory) == [-1, -1, 0, 1, 2, 3, 4]


def test_revised_masks_replace_the_first_ones(backbone, video, prompts):
    tracker = make_tracker(backbone)
    revised = [np.eye(*video.size, k=t, dtype=bool) for t in range(FRAMES)]
    tracker.finish = lambda: ((t, {"1": mask}) for t, mask in enumerate(revised))
    steps = follow(video, tracker, {"1": prompts["1"]}, FRAMES, lambda done: None)
    assert all((decode(s.mask) == mask).all() for s, mask in zip(steps["1"], revised, strict=True))
    assert steps["1"][0].prompted


def test_files_are_named_after_the_frames(backbone, video, prompts, tmp_path):
    names = ["10", "11", "12", "13", "14"]
    assert frame_names(video) == names
    steps = follow(video, make_tracker(backbone, "first"), prompts, 3, lambda done: None)
    write_masks(video, steps, tmp_path / "masks")
    assert sorted(path.stem for path in (tmp_path / "masks").iterdir()) == names[:3]
    write_overlay(video, steps, OverlayWriter(tmp_path / "overlay", 25))
    assert len(list((tmp_path / "overlay").iterdir())) == 3


def test_frames_without_files_are_numbered(video):
    streamed = dataclasses.replace(video, frames=[np.zeros((4, 4, 3), np.uint8)] * 3)
    assert frame_names(streamed) == ["00000", "00001", "00002"]
