import io
import threading
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets import stream
from vot_memory.datasets.stream import Stream, is_stream, open_stream, pipe_stream
from vot_memory.errors import InputError

SIZE = (24, 32)


def picture(value, size=SIZE):
    return np.full((*size, 3), value, np.uint8)


def values(pictures):
    return [int(p[0, 0, 0]) for p in pictures]


class Camera:
    """What OpenCV opens, in place of cv2.VideoCapture; frame t is red with value t."""

    frames, length, rate, opens = 5, 0, 30.0, True
    pause = 0.0
    made: list  # of all that were opened

    def __init__(self, source):
        self.source, self.read_so_far, self.released = source, 0, False
        self.made.append(self)

    def isOpened(self):  # noqa: N802
        return self.opens

    def get(self, what):
        return {cv2.CAP_PROP_FPS: self.rate, cv2.CAP_PROP_FRAME_COUNT: self.length}[what]

    def read(self):
        time.sleep(self.pause)
        if self.read_so_far >= self.frames:
            return False, None
        bgr = np.zeros((*SIZE, 3), np.uint8)
        bgr[..., 2] = self.read_so_far
        self.read_so_far += 1
        return True, bgr

    def release(self):
        self.released = True


@pytest.fixture
def camera(monkeypatch):
    kind = type("Fake", (Camera,), {"made": []})
    monkeypatch.setattr(cv2, "VideoCapture", kind)
    return kind


def test_what_is_a_stream(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert all(is_stream(s) for s in ("-", "0", "12", "rtsp://host/a", "http://host", "file:///a"))
    assert not any(is_stream(s) for s in ("video.mp4", "./0", "C:\\video", "a/b", "-1"))
    (tmp_path / "0").mkdir()
    assert not is_stream("0")


def test_a_camera_gives_rgb_and_its_rate(camera):
    camera.rate = 12.5
    opened = open_stream("1", newest=False)
    assert camera.made[0].source == 1
    assert (opened.size, opened.fps, opened.dropped) == (SIZE, 12.5, None)
    found = []
    with pytest.raises(InputError, match="Camera 1 gives no more pictures, after 5"):
        found.extend(opened)  # unplugged
    assert camera.made[0].released


def test_every_frame_means_every_frame(camera):
    camera.length = 5
    opened = open_stream("rtsp://host/door", newest=False)
    pictures = list(opened)
    assert values(pictures) == [0, 1, 2, 3, 4]
    assert (pictures[3][0, 0] == (3, 0, 0)).all()  # red first


@pytest.mark.parametrize(
    ("source", "length", "drops"),
    [("0", 0, True), ("0", -1, True), ("rtsp://h", -1e18, True), ("http://h/a.mp4", 5, False)],
)
def test_sources_without_an_end_drop_what_is_too_much(camera, source, length, drops):
    camera.length = length
    opened = open_stream(source)
    assert (opened.dropped is not None) == drops
    opened.close()
    assert camera.made[0].released


def test_nothing_that_opens(camera):
    camera.opens = False
    with pytest.raises(InputError, match=r"Camera 7 cannot be opened: .* another number"):
        open_stream("7")
    with pytest.raises(InputError, match="rtsp://host/door cannot be opened") as caught:
        open_stream("rtsp://me:secret@host/door")
    assert "secret" not in str(caught.value)


def test_a_camera_without_a_picture(camera):
    camera.frames = 0
    with pytest.raises(InputError, match="Camera 0 gives no picture: see that it is plugged in"):
        open_stream("0")
    assert camera.made[0].released


def test_opencv_opens_a_url(tmp_path):
    path = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20, (64, 48))
    for value in (40, 80, 120):
        writer.write(picture(value, (48, 64)))
    writer.release()
    opened = open_stream(path.as_uri())
    assert (opened.size, opened.fps, opened.dropped) == ((48, 64), 20, None)
    assert np.abs(np.array(values(opened)) - (40, 80, 120)).max() < 5


def source(items):
    """Gives pictures, waits at events and raises errors."""
    for item in items:
        if isinstance(item, threading.Event):
            item.wait(10)
        elif isinstance(item, Exception):
            raise item
        else:
            yield item


def test_the_newest_picture_is_taken_and_the_others_are_counted():
    load, work, rest = (threading.Event() for _ in range(3))
    numbers = [picture(n) for n in range(7)]
    items = [*numbers[:3], load, numbers[3], work, *numbers[4:], rest]
    opened = Stream("A camera", source(items), newest=True)
    found = iter(opened)
    settle(lambda: opened.dropped == 2)  # 0 and 1 passed while the model was loaded
    assert values([next(found)]) == [2]
    assert opened.dropped == 0
    load.set()
    assert values([next(found)]) == [3]
    work.set()
    settle(lambda: opened.dropped == 2)  # 4 and 5
    rest.set()
    assert values(found) == [6]
    assert opened.dropped == 2


def settle(condition):
    """Wait for the other thread."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_an_error_of_the_reading_thread_is_raised_after_the_last_picture():
    opened = Stream("A camera", source([picture(0), picture(1), InputError("Gone.")]), newest=True)
    settle(lambda: not opened._newest._thread.is_alive())
    found = iter(opened)
    assert values([next(found)]) == [1]
    with pytest.raises(InputError, match=r"Gone\."):
        next(found)


def test_one_picture_is_not_lost_when_the_newest_is_taken():
    assert values(Stream("A pipe", source([picture(9)]), newest=True)) == [9]


@pytest.mark.parametrize("newest", [False, True])
def test_pictures_that_change_their_size(newest):
    other = threading.Event()
    items = [picture(1), other, picture(2, (10, 12))]
    opened = Stream("The pipe", source(items), newest=newest)
    found = iter(opened)
    assert values([next(found)]) == [1]
    other.set()
    with pytest.raises(InputError, match="changes from 32x24 to 12x10 at frame 1, after 1 good"):
        next(found)


def test_a_closed_stream_reads_no_further(camera):
    camera.frames, camera.pause = 10**9, 0.001
    opened = open_stream("0")
    next(iter(opened))
    opened.close()
    assert camera.made[0].released
    assert not opened._newest._thread.is_alive()


def test_a_pipe_of_pictures_or_bare_rgb():
    file = io.BytesIO()
    Image.fromarray(picture(7)).save(file, "PNG")
    opened = pipe_stream(io.BytesIO(3 * file.getvalue()))
    assert opened.size == SIZE
    assert values(opened) == [7, 7, 7]
    raw = pipe_stream(io.BytesIO(picture(7).tobytes() + picture(8).tobytes()), raw=SIZE)
    assert values(raw) == [7, 8]
    with pytest.raises(InputError, match="The pipe gives no picture: pipe in pictures, such as"):
        pipe_stream(io.BytesIO())


def test_a_terminal_is_no_pipe(monkeypatch):
    monkeypatch.setattr(stream.sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    with pytest.raises(InputError, match="Nothing comes through a pipe: pipe in pictures"):
        open_stream("-")
