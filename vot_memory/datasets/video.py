"""A single video file or a folder of pictures as a `Sequence` without ground truth."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.pictures import (
    PICTURE_SUFFIXES,
    PictureFrames,
    digest_listing,
    list_pictures,
)
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError

DEFAULT_FPS = 24.0  # of pictures, and of containers that do not say


def open_video(path: str | Path) -> Sequence:
    """Open a video file (whatever OpenCV decodes) or a folder of pictures.

    Frames are decoded on access. A file is identified by its bytes, a folder by the names and
    lengths of its pictures.

    Raises:
        InputError: the path is missing, unreadable or has no frames.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        paths = list_pictures(path)
        frames: PictureFrames | VideoFrames = PictureFrames(paths)
        digest, fps = digest_listing(paths), DEFAULT_FPS
    elif path.is_file():
        frames = VideoFrames(path)
        fps = frames.fps
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
    else:
        raise InputError(f"{path} does not exist: give a video file or a folder of pictures.")
    name = path.resolve().name if path.is_dir() else path.stem
    return Sequence(
        name=name, frames=frames, objects=(), size=frames.size, fps=fps, digest=digest.hexdigest()
    )


class VideoFrames:
    """`Frames` of a video file, decoded in order by OpenCV.

    Frame t is the t-th picture that a sequential decoder yields. Reading forward costs one decode
    a frame; a step back decodes again from the start, because seeking by number is not exact in
    videos with variable frame rate or damaged indices. The last frame is kept.

    Attributes:
        size: (height, width) after the container's rotation.
        fps: frames per second.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() in PICTURE_SUFFIXES:  # OpenCV would look for its numbered siblings
            raise InputError(f"{path} is a picture, not a video: give the folder that holds it.")
        self.path = path
        self._capture: Any = None
        self._next = 0  # index of the frame that the capture decodes next
        self._last: tuple[int, NDArray[np.uint8]] | None = None
        capture = self._open()
        ok, first = capture.read()
        if not ok:
            raise InputError(
                f"{path} has no frame that OpenCV can decode: convert it to H.264 in an .mp4 file."
            )
        self.size = (int(first.shape[0]), int(first.shape[1]))
        self.fps = plausible_fps(capture)
        self._length = _announced_length(capture) or self._count()

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        if not 0 <= t < self._length:
            raise IndexError(f"frame {t} of {self._length}")
        if self._last is None or self._last[0] != t:
            self._last = (t, self._decode(t))
        return self._last[1].copy()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_capture": None, "_next": 0, "_last": None}  # for other processes

    def _decode(self, t: int) -> NDArray[np.uint8]:
        import cv2

        if self._capture is None or t < self._next:
            self._capture, self._next = self._open(), 0
        whole = all(self._capture.grab() for _ in range(self._next, t + 1))
        picture = self._capture.retrieve()[1] if whole else None
        if picture is None:
            self._capture = None
            raise InputError(f"{self.path} is damaged at frame {t}: replace it by a whole copy.")
        self._next = t + 1
        return cast("NDArray[np.uint8]", cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))

    def _count(self) -> int:
        capture, count = self._open(), 0
        while capture.grab():
            count += 1
        return count

    def _open(self) -> Any:
        # FFmpeg would print pages about a damaged file; our sentence says enough.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        import cv2

        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise InputError(
                f"{self.path} cannot be opened as a video: give a video file that OpenCV decodes "
                "(such as H.264 in .mp4) or a folder of pictures."
            )
        return capture


def _announced_length(capture: Any) -> int | None:
    """The container's frame count if its last frame is there and is the last, otherwise None."""
    import cv2

    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if count < 1 or not capture.set(cv2.CAP_PROP_POS_FRAMES, count - 1):
        return None
    return count if capture.grab() and not capture.grab() else None


def plausible_fps(capture: Any) -> float:
    """Frames per second that a capture of OpenCV claims; a default where that cannot be."""
    import cv2

    fps = float(capture.get(cv2.CAP_PROP_FPS))
    return fps if math.isfinite(fps) and 0 < fps <= 1000 else DEFAULT_FPS
