import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets import video
from vot_memory.datasets.pictures import read_picture
from vot_memory.datasets.video import open_video
from vot_memory.errors import InputError

LEVELS = [20 + 20 * t for t in range(10)]  # red of frame t


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 12.5, (64, 48))
    for level in LEVELS:
        writer.write(np.full((48, 64, 3), (0, 0, level), np.uint8))  # BGR
    writer.release()
    return path


def red(frame: np.ndarray) -> int:
    assert frame.dtype == np.uint8
    assert frame[..., 1:].max() < 30
    return int(np.median(frame[..., 0]))


def test_video_file_forward_backward_and_jumping(clip: Path) -> None:
    sequence = open_video(clip)
    assert (sequence.name, len(sequence), sequence.size, sequence.fps) == (
        "clip",
        10,
        (48, 64),
        12.5,
    )
    assert sequence.objects == ()
    for t in [*range(10), 9, 3, 4, 0, 8, 2]:
        assert abs(red(sequence.frames[t]) - LEVELS[t]) < 8
    for t in (-1, 10):
        with pytest.raises(IndexError):
            sequence.frames[t]


def test_frames_belong_to_the_caller(clip: Path) -> None:
    frames = open_video(clip).frames
    frames[0][:] = 0
    assert red(frames[0]) > 10


def test_reading_forward_decodes_every_frame_once(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = open_video(clip).frames
    opened = []
    inner = video.VideoFrames._open
    monkeypatch.setattr(video.VideoFrames, "_open", lambda self: opened.append(1) or inner(self))
    for t in (0, 1, 1, 2, 7, 9):
        frames[t]
    assert len(opened) == 1
    frames[4]
    assert len(opened) == 2


def test_video_travels_between_processes(clip: Path) -> None:
    sequence = open_video(clip)
    sequence.frames[3]
    copy = pickle.loads(pickle.dumps(sequence))
    assert np.array_equal(copy.frames[5], sequence.frames[5])


class Capture:
    """A decoder of `real` frames whose container announces `announced`."""

    def __init__(self, real: int, announced: float, fps: float = 0.0) -> None:
        self.real, self.announced, self.fps, self.next = real, announced, fps, 0

    def isOpened(self) -> bool:  # noqa: N802
        return True

    def get(self, what: int) -> float:
        return self.announced if what == cv2.CAP_PROP_FRAME_COUNT else self.fps

    def set(self, what: int, value: float) -> bool:
        assert what == cv2.CAP_PROP_POS_FRAMES
        self.next = int(value)
        return True

    def grab(self) -> bool:
        self.next += 1
        return self.next <= self.real

    def read(self) -> tuple[bool, np.ndarray | None]:
        ok = self.grab()
        return ok, np.zeros((4, 6, 3), np.uint8) if ok else None


@pytest.mark.parametrize("announced", [7.0, 5.0, 20.0, 0.0, -1.0])
def test_a_container_that_lies_is_counted(
    clip: Path, monkeypatch: pytest.MonkeyPatch, announced: float
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: Capture(7, announced))
    sequence = open_video(clip)
    assert len(sequence) == 7
    assert sequence.fps == video.DEFAULT_FPS  # the container said 0


def test_zero_frames(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda _: Capture(0, 0))
    with pytest.raises(InputError, match=r"clip\.mp4 has no frame"):
        open_video(clip)


def test_bad_paths(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"a\.mp4 cannot be opened as a video"):
        open_video(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="does not exist"):
        open_video(tmp_path / "b.mp4")
    Image.new("RGB", (4, 4)).save(tmp_path / "00001.jpg")
    with pytest.raises(InputError, match="is a picture, not a video"):
        open_video(tmp_path / "00001.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty has no pictures"):
        open_video(tmp_path / "empty")


def test_the_decoder_does_not_print(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video")
    code = (  # in a process of its own, since FFmpeg reads its log level once
        "import sys\n"
        "from vot_memory.datasets.video import open_video\n"
        "from vot_memory.errors import InputError\n"
        "try: open_video(sys.argv[1])\n"
        "except InputError: print('refused')\n"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("refused\n", "")


def test_damage_in_the_middle_shows_when_it_is_read(clip: Path) -> None:
    frames = open_video(clip).frames
    clip.write_bytes(b"")
    with pytest.raises(InputError, match=r"clip\.mp4"):
        frames[5]


def test_folder_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "my clip"
    folder.mkdir()
    for t in (10, 9, 8):
        Image.new("RGB", (6, 4), (t, 0, 0)).save(folder / f"{t}.png")
    sequence = open_video(folder)
    assert (sequence.name, len(sequence), sequence.size) == ("my clip", 3, (4, 6))
    assert [red(sequence.frames[t]) for t in range(3)] == [8, 9, 10]
    before = sequence.digest
    assert open_video(folder).digest == before
    Image.new("RGB", (6, 4)).save(folder / "11.png")
    assert open_video(folder).digest != before


@pytest.mark.parametrize(
    ("array", "mode", "expected"),
    [
        (np.array([[0, 255, 256, 65535]], np.uint16), "I;16", [0, 0, 1, 255]),
        (np.array([[0, 7, 128, 255]], np.uint8), "L", [0, 7, 128, 255]),
        (np.array([[[9, 9, 9, 0], [8, 8, 8, 255]]], np.uint8), "RGBA", [9, 8]),
        (np.array([[[3, 99], [4, 0]]], np.uint8), "LA", [3, 4]),
    ],
)
def test_every_kind_of_picture_becomes_rgb(
    tmp_path: Path, array: np.ndarray, mode: str, expected: list[int]
) -> None:
    path = tmp_path / "p.png"
    picture = Image.fromarray(array)
    assert picture.mode == mode
    picture.save(path)
    rgb = read_picture(path)
    assert rgb.shape == (1, len(expected), 3)
    assert rgb.dtype == np.uint8
    assert rgb[0].tolist() == [[v] * 3 for v in expected]


def test_pixels_are_pillows_and_exif_is_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to see it upright
    Image.fromarray(noise).save(path, exif=exif)
    with Image.open(path) as reference:
        assert np.array_equal(read_picture(path), np.asarray(reference.convert("RGB")))
    assert read_picture(path).shape == (9, 16, 3)
