"""Live streams through `track`: what they write, how they end, and that nothing grows."""

import contextlib
import gc
import io
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from vot_memory.commands import track as command
from vot_memory.commands.track import Request, track, until_stopped
from vot_memory.datasets.stream import pipe_stream
from vot_memory.errors import InputError
from vot_memory.progress import Silent
from vot_memory.tracking import Answer

SIZE = (48, 64)
BOX = ("5,10,20,20",)


class FakeTracker:
    """Answers with a square that moves."""

    policy = SimpleNamespace(spec=SimpleNamespace(offline=False))

    def __init__(self, fails_at=None):
        self.frame, self.fails_at = -1, fails_at

    def track(self, picture, prompts):
        self.frame += 1
        if self.frame == self.fails_at:
            raise InputError("Policy 'mine' fails.")
        masks = np.zeros((1, *SIZE), bool)
        x = self.frame % 40
        masks[0, 10:30, x : x + 20] = True
        return Answer(
            frame=self.frame,
            objects=("1",),
            masks=masks,
            ious=np.array([[0.5]], np.float32),
            object_score=np.array([2], np.float32),
            chosen=np.array([0]),
            memory=np.array([[0, self.frame]]),
            tags=np.zeros((1, 2), np.int8),
            written=np.array([min(self.frame, 1)]),
        )


@pytest.fixture
def jpeg():
    """One encoded picture with a bright square."""
    picture = np.full((*SIZE, 3), 40, np.uint8)
    picture[10:30, 5:25] = (220, 180, 60)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=95)
    return file.getvalue()


@pytest.fixture
def stream(monkeypatch, tmp_path):
    """Track the bytes of a pipe without a model, into all kinds of output."""

    def run(data, progress=None, fails_at=None, **options):
        pipe = io.BytesIO(data) if isinstance(data, bytes) else data
        monkeypatch.setattr(command, "open_stream", lambda where, raw, newest: pipe_stream(pipe))
        monkeypatch.setattr(command, "_make_tracker", lambda *words: FakeTracker(fails_at))
        places = {"out": "film.mp4", "masks": "masks", "json": "lines.jsonl"}
        places = {what: tmp_path / name for what, name in places.items()}
        request = Request(**{"video": "-", "boxes": BOX} | places | options)
        return track(request, progress or Silent())

    return run


def written(folder):
    """Frames of the film, mask files, lines."""
    film = cv2.VideoCapture(str(folder / "film.mp4"))
    lines = (folder / "lines.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))
    masks = sorted(path.name for path in (folder / "masks").iterdir())
    assert masks == [f"{t:05d}.png" for t in range(len(masks))]
    assert not list(folder.glob(".*"))
    return int(film.get(cv2.CAP_PROP_FRAME_COUNT)), len(masks), len(lines)


def test_every_frame_of_a_pipe_is_written(stream, jpeg, tmp_path):
    outcome = stream(5 * jpeg)
    assert outcome.failure is None
    assert outcome.said[0].startswith("objects: 1, frames: 5, ")
    assert outcome.said[1:] == [
        f"overlay: {tmp_path / 'film.mp4'}",
        f"masks: {tmp_path / 'masks'}",
        f"json: {tmp_path / 'lines.jsonl'}",
    ]
    assert written(tmp_path) == (5, 5, 5)


def test_a_limit_ends_a_stream(stream, jpeg, tmp_path):
    assert "frames: 3" in stream(endless(jpeg), limit=3).said[0]
    assert written(tmp_path) == (3, 3, 3)


def endless(jpeg):
    """A pipe without an end."""
    rest = itertools.repeat(jpeg)
    return SimpleNamespace(read=lambda count: next(rest))


@pytest.mark.parametrize(
    ("tail", "says"),
    [(lambda jpeg: jpeg[:-9], "ends within frame 4, after 4"), (lambda jpeg: b"stop", "after 4")],
)
def test_a_stream_that_breaks_off_keeps_what_was_good(stream, jpeg, tmp_path, tail, says):
    outcome = stream(4 * jpeg + tail(jpeg))
    assert says in outcome.failure
    assert "frames: 4" in outcome.said[0]
    assert written(tmp_path) == (4, 4, 4)


def test_a_policy_that_fails_late_loses_nothing(stream, jpeg, tmp_path):
    assert stream(5 * jpeg, fails_at=2).failure == "Policy 'mine' fails."
    assert written(tmp_path) == (2, 2, 2)


@pytest.mark.parametrize(
    ("data", "options", "says"),
    [
        (b"", {}, "The pipe gives no picture"),
        (b"garbage", {}, "no whole picture"),
        (None, {"boxes": ("60,2,20,3",)}, "leaves the picture"),
        (None, {"boxes": ()}, "--box, --mask or --point"),
        (None, {"limit": 0}, "limit of 0"),
        (None, {"fps": 0.0}, "--fps 0"),
        (None, {"raw": "64*48"}, "not WIDTHxHEIGHT"),
        (None, {"fails_at": 0}, "Policy 'mine' fails"),
        (None, {"out": None, "masks": None, "json": None}, "Nothing would be written"),
        (None, {"video": "no.mp4", "raw": "64x48"}, "--raw is for what comes through a pipe"),
        (None, {"video": "no.mp4", "live": True}, "--live is for streams"),
    ],
)
def test_what_is_refused_writes_nothing(stream, jpeg, tmp_path, data, options, says):
    with pytest.raises(InputError, match=says) as caught:
        stream(2 * jpeg if data is None else data, **options)
    assert not list(tmp_path.iterdir())
    assert str(caught.value).endswith(".")


def test_an_offline_policy_is_refused_for_a_stream(monkeypatch, jpeg, tmp_path):
    opened = pipe_stream(io.BytesIO(2 * jpeg))
    monkeypatch.setattr(command, "open_stream", lambda where, raw, newest: opened)
    request = Request("-", tmp_path / "film.mp4", boxes=BOX, policy="sam2long")
    with pytest.raises(InputError, match="such as sam2long-online"):
        track(request, Silent())
    assert not list(tmp_path.iterdir())


# ---- the end by hand ------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_working_ends_after_the_picture(number):
    before = signal.getsignal(number)
    seen = []
    for picture in until_stopped(range(9)):
        seen.append(picture)
        if picture == 2:
            os.kill(os.getpid(), number)
            seen.append("finished")
    assert seen == [0, 1, 2, "finished"]
    assert signal.getsignal(number) is before


def test_a_signal_while_waiting_ends_the_wait():
    def pictures():
        yield 0
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(30)

    start = time.monotonic()
    assert list(until_stopped(pictures())) == [0]
    assert time.monotonic() - start < 10


def test_a_second_signal_interrupts_the_work():
    def work():
        for _ in until_stopped(range(9)):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert signal.getsignal(signal.SIGINT) is before


# ---- memory ---------------------------------------------------------------------------------


class Watched(Silent):
    """Notes after some frames how many objects Python holds."""

    def __init__(self, *at):
        self.at, self.held = at, {}

    def frame(self, done):
        if done in self.at:
            gc.collect()  # empties Python's stores of freed objects, too
            self.held[done] = sys.getallocatedblocks()


def test_nothing_grows_with_the_number_of_frames(stream, jpeg):
    """The loop, the pipe and the outputs: less than a block a frame, which libraries' stores take.

    Whatever is kept of every frame has a block at least.
    """
    progress = Watched(150, 350)
    stream(endless(jpeg), progress, limit=350, json_masks=True)
    assert progress.held[350] - progress.held[150] < 200


@pytest.mark.slow
def test_a_long_stream_through_the_command_line(jpeg, tmp_path):
    """The whole process, with the model: flat between frame 100 and frame 600."""
    pages = {}
    words = ["--json", "-", "--json-masks", "--masks", "masks", "--out", "film.avi"]
    with process(tmp_path, *words) as running:
        feed = threading.Thread(target=pour, args=(running, 600 * [jpeg]))
        feed.start()
        for line in running.stdout:
            frame = json.loads(line)["frame"]
            if frame in (100, 599):
                statm = Path(f"/proc/{running.pid}/statm").read_text()
                pages[frame] = int(statm.split()[1]) * resource.getpagesize()
        feed.join()
        assert running.wait(60) == 0
    assert pages[599] - pages[100] < 8 * 2**20


# ---- the command line -----------------------------------------------------------------------


class Running(subprocess.Popen):
    """A process whose pipe may be broken when the test ends."""

    def __exit__(self, *error):
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        super().__exit__(*error)


def process(folder, *words):
    code = "from vot_memory.cli import main; main()"
    return Running(
        [sys.executable, "-c", code, "track", "-", "--box", *BOX, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )


def pour(running, pictures):
    with contextlib.suppress(BrokenPipeError):
        for picture in pictures:
            running.stdin.write(picture)
            running.stdin.flush()
        running.stdin.close()


def lines_of(running, count):
    return [json.loads(running.stdout.readline()) for _ in range(count)]


@pytest.mark.e2e
@pytest.mark.parametrize("live", ["--live", "--every-frame"])
def test_ctrl_c_is_the_normal_end(jpeg, tmp_path, live):
    """The pipe stays open: the tracker waits for a picture when the signal comes."""
    with process(tmp_path, "--json", "-", "--out", "film.mp4", live) as running:
        running.stdin.write(jpeg)
        running.stdin.flush()
        (line,) = lines_of(running, 1)
        assert not (tmp_path / "film.mp4").exists()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
        said = running.stderr.read().decode().splitlines()
        assert running.stdout.read() == b""
    assert [thing["id"] for thing in line["objects"]] == ["1"]
    assert said[0].startswith("objects: 1, frames: 1, ")
    assert ("dropped: 0" in said[0]) == (live == "--live")
    assert said[1:] == ["overlay: film.mp4"]
    assert cv2.VideoCapture(str(tmp_path / "film.mp4")).read()[0]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.e2e
def test_a_reader_that_goes_away_ends_it_quietly(jpeg, tmp_path):
    with process(tmp_path, "--json", "-", "--masks", "masks") as running:
        feed = threading.Thread(target=pour, args=(running, itertools.repeat(jpeg)))
        feed.start()
        assert [line["frame"] for line in lines_of(running, 2)] == [0, 1]
        running.stdout.close()
        assert running.wait(60) == 0
        feed.join()
        said = running.stderr.read().decode().splitlines()
    assert said[0].startswith("objects: 1, frames: ")
    assert said[1:] == ["masks: masks"]
    assert len(list((tmp_path / "masks").iterdir())) >= 2


@pytest.mark.e2e
def test_a_pipe_that_is_cut_off_says_so(jpeg, tmp_path):
    with process(tmp_path, "--json", "lines.jsonl", "--raw", "64x48") as running:
        pour(running, 3 * [bytes(64 * 48 * 3)] + [b"rest"])
        assert running.wait(60) == 1
        said = running.stderr.read().decode().splitlines()
        told = running.stdout.read().decode().splitlines()
    assert said == [
        "vot-memory: The pipe ends within frame 3, after 3 good frames: let the program that "
        "writes it come to its end, or correct --raw 64x48."
    ]
    assert told[1:] == ["json: lines.jsonl"]
    assert len((tmp_path / "lines.jsonl").read_text().splitlines()) == 3


@pytest.mark.e2e
def test_an_empty_pipe_is_wrong_input(tmp_path):
    with process(tmp_path, "--out", "film.mp4") as running:
        pour(running, [])
        assert running.wait(60) == 2
        assert running.stderr.read().startswith(b"vot-memory: The pipe gives no picture: ")
    assert not list(tmp_path.iterdir())
