import dataclasses
import os
import signal

import numpy as np
import pytest
from PIL import Image

from vot_memory.commands.track import (
    Request,
    offline_answers,
    online_answers,
    sigterm_as_ctrl_c,
    track,
)
from vot_memory.commands.track_outputs import STDOUT, JsonLines
from vot_memory.datasets.export import frame_names
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt
from vot_memory.datasets.video import open_video
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.progress import Silent
from vot_memory.registry import load_policy
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


def pictures(video):
    return (video.frames[t] for t in range(FRAMES))


def no_watch(done):
    """Nobody looks."""


def offline(video, tracker, prompts):
    return offline_answers(video, pictures(video), tracker, prompts, no_watch)


def test_answers_are_those_of_the_tracker(backbone, video, prompts):
    seen = []
    found = list(online_answers(pictures(video), make_tracker(backbone), prompts, seen.append))
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
    shown = (read.append(t) or video.frames[t] for t in range(FRAMES))
    for t, _ in enumerate(online_answers(shown, make_tracker(backbone), prompts, no_watch)):
        assert read == list(range(t + 1))


def test_revised_masks_replace_the_first_ones(backbone, video, prompts):
    tracker = make_tracker(backbone, "sam2long")
    revised = [np.eye(*video.size, k=t, dtype=bool) for t in range(FRAMES)]
    tracker.finish = lambda: ((t, {"1": mask}) for t, mask in enumerate(revised))
    found = list(offline(video, tracker, {"1": prompts["1"]}))
    assert len(found) == FRAMES
    for t, (picture, answer) in enumerate(found):
        assert answer.frame == t
        assert (picture == video.frames[t]).all()
        assert (answer.masks[0] == revised[t]).all()
    assert found[0][1].written[0] == 0


def test_masks_that_are_not_revised_stand(backbone, video, prompts):
    tracker = make_tracker(backbone, "sam2long")
    tracker.finish = lambda: None
    other = make_tracker(backbone, "sam2long")
    plain = online_answers(pictures(video), other, prompts, no_watch)
    for (_, found), (_, first) in zip(offline(video, tracker, prompts), plain, strict=True):
        assert found.masks.any()
        assert (found.masks == first.masks).all()


@pytest.mark.parametrize("policy", ["first", "sam2long"])
def test_files_are_named_after_the_frames(video, tmp_path, policy):
    names = ["10", "11", "12", "13", "14"]
    assert frame_names(video) == names
    places = {"out": tmp_path / "overlay", "masks": tmp_path / "masks", "json": tmp_path / "json"}
    request = Request(tmp_path / "video", boxes=("9,44,32,36",), policy=policy, limit=3, **places)
    outcome = track(request, Silent())
    assert outcome.failure is None
    assert outcome.said[0].startswith("objects: 1, frames: 3, ")
    assert sorted(path.stem for path in (tmp_path / "masks").iterdir()) == names[:3]
    assert len(list((tmp_path / "overlay").iterdir())) == 3
    assert len((tmp_path / "json").read_text().splitlines()) == 3


@pytest.mark.parametrize("policy", ["first", "sam2long"])
def test_a_damaged_file_leaves_nothing(video, tmp_path, policy):
    (tmp_path / "video" / "13.png").write_bytes(b"torn")
    places = {"out": tmp_path / "a.mp4", "masks": tmp_path / "masks", "json": tmp_path / "json"}
    request = Request(tmp_path / "video", boxes=("9,44,32,36",), policy=policy, **places)
    with pytest.raises(InputError, match=r"13\.png"):
        track(request, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["video"]


def test_a_reader_that_goes_away_is_no_failure(video, tmp_path, monkeypatch):
    def add(self, picture, answer):
        if answer.frame == 2:
            raise BrokenPipeError

    monkeypatch.setattr(JsonLines, "add", add)
    request = Request(tmp_path / "video", boxes=("9,44,32,36",), json=STDOUT)
    assert len(track(request, Silent()).said) == 1
    outcome = track(dataclasses.replace(request, masks=tmp_path / "masks"), Silent())
    assert outcome.failure is None
    assert outcome.said[0].startswith("objects: 1, frames: 2, ")
    assert outcome.said[1:] == ["The reader of --json went away, so nothing else was written."]
    assert [path.name for path in tmp_path.iterdir()] == ["video"]


@pytest.fixture
def ctrl_c():
    """Python's own handler of Ctrl-C, which a shell's background jobs begin without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_video_leaves_no_file(video, tmp_path, monkeypatch, number):
    def add(self, picture, answer):
        assert len(list(tmp_path.glob(".*.tmp*"))) == 2
        os.kill(os.getpid(), number)

    monkeypatch.setattr(JsonLines, "add", add)
    before = signal.getsignal(number)
    places = {"out": tmp_path / "a.mp4", "masks": tmp_path / "masks", "json": tmp_path / "json"}
    request = Request(tmp_path / "video", boxes=("9,44,32,36",), **places)
    with pytest.raises(KeyboardInterrupt, match=r"^Stopped: no file was written\.$"):
        track(request, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["video"]
    assert signal.getsignal(number) is before


def test_a_second_sigterm_does_not_interrupt_the_cleaning_up():
    cleaned = []

    def work():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            cleaned.append(True)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), sigterm_as_ctrl_c():
        work()
    assert cleaned
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_killed_run_left_is_removed(video, tmp_path):
    (tmp_path / ".a.999999999.tmp.mp4").touch()
    (tmp_path / ".masks.999999999.tmp").mkdir()
    places = {"out": tmp_path / "a.mp4", "masks": tmp_path / "masks"}
    track(Request(tmp_path / "video", boxes=("9,44,32,36",), limit=2, **places), Silent())
    assert {path.name for path in tmp_path.iterdir()} == {"video", "a.mp4", "masks"}
