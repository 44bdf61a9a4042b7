"""Live sources of pictures: a camera, a network stream, a pipe. Each picture comes once."""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from vot_memory.datasets.pictures import describe_size
from vot_memory.datasets.pipe import encoded_pictures, raw_pictures
from vot_memory.datasets.sequence import Picture
from vot_memory.datasets.video import DEFAULT_FPS, plausible_fps
from vot_memory.errors import InputError

PIPE = "-"
MEND_PIPE = (
    "pipe in pictures, such as ffmpeg -i VIDEO -f image2pipe -c:v mjpeg - | vot-memory track - "
    "--box x,y,w,h --out overlay.mp4."
)


def is_stream(source: str) -> bool:
    """True for "-", a URL and the number of a camera, unless a file has that name."""
    if source == PIPE or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", source):
        return True
    return source.isdecimal() and not Path(source).exists()


class Stream:
    """Pictures that come once, of unknown number and all of one size.

    Args:
        name: how messages call it.
        pictures: RGB uint8 [H, W, 3] as they come; closing it frees the source.
        fps: frames per second, as far as the source knows.
        newest: pictures that come while another is worked on are dropped, but for the last one.
        mend: what to do about a source without a picture.

    Attributes:
        size: (height, width).

    Raises:
        InputError: there is no picture; when iterating: the source fails, or changes its size.
    """

    def __init__(
        self,
        name: str,
        pictures: Generator[Picture],
        fps: float = DEFAULT_FPS,
        *,
        newest: bool = False,
        mend: str = MEND_PIPE,
    ) -> None:
        self.name, self.fps = name, fps
        self._pictures = pictures
        first = next(pictures, None)
        if first is None:
            raise InputError(f"{name} gives no picture: {mend}")
        self.size = (int(first.shape[0]), int(first.shape[1]))
        self._first = first
        self._newest = _Newest(first, pictures) if newest else None

    @property
    def dropped(self) -> int | None:
        """Pictures that came while others were worked on; None for a source that waits."""
        return self._newest.dropped if self._newest else None

    def __iter__(self) -> Iterator[Picture]:
        if self._newest:
            self._newest.dropped = 0  # what passed while the model was loaded
        pictures = self._newest or itertools.chain([self._first], self._pictures)
        for frame, picture in enumerate(pictures):
            if picture.shape[:2] != self.size:
                raise InputError(
                    f"{self.name} changes from {describe_size(self.size)} to "
                    f"{describe_size(picture.shape[:2])} at frame {frame}, after {frame} good "
                    "frames: give all frames one size."
                )
            yield picture

    def close(self) -> None:
        """Free the source."""
        if self._newest:
            self._newest.close()
        else:
            self._pictures.close()


class _Newest:
    """Iterator over the newest picture of a source that does not wait.

    A thread reads on into a buffer of one picture.
    """

    def __init__(self, first: Picture, pictures: Generator[Picture]) -> None:
        self.dropped = 0
        self._newest: Picture | None = first
        self._end: Exception | None = None
        self._closed = False
        self._changed = threading.Condition()
        # A daemon, since a read from a dead camera may never return.
        self._thread = threading.Thread(target=self._read, args=(pictures,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Picture]:
        return self

    def __next__(self) -> Picture:
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self._end is not None)
            if self._newest is None:
                assert self._end is not None  # noqa: S101
                raise self._end
            picture, self._newest = self._newest, None
            return picture

    def close(self) -> None:
        """Stop the thread, if it answers."""
        self._closed = True
        self._thread.join(timeout=2)

    def _read(self, pictures: Generator[Picture]) -> None:
        end: Exception = StopIteration()
        try:
            for picture in pictures:
                if self._closed:
                    break
                with self._changed:
                    self.dropped += self._newest is not None
                    self._newest = picture
                    self._changed.notify()
            pictures.close()
        except Exception as error:
            end = error
        with self._changed:
            self._end = end
            self._changed.notify()


def open_stream(
    source: str, *, raw: tuple[int, int] | None = None, newest: bool | None = None
) -> Stream:
    """Open a source for which `is_stream` holds.

    Args:
        source: "-" for standard input, the number of a camera, or a URL.
        raw: (height, width) of bare RGB pictures in a pipe; None for JPEG or PNG.
        newest: drop pictures that come too fast; None drops those of cameras and of network
            streams without an end, which do not wait.

    Raises:
        InputError: it cannot be opened or gives no picture.
    """
    if source == PIPE:
        if sys.stdin.isatty():
            raise InputError(f"Nothing comes through a pipe: {MEND_PIPE}")
        # Unbuffered: no picture waits for the next one, and no lock is held when Python ends.
        pipe = io.FileIO(sys.stdin.fileno(), closefd=False)
        return pipe_stream(pipe, raw=raw, newest=bool(newest))
    return _capture_stream(source, newest)


def pipe_stream(
    pipe: BinaryIO, *, raw: tuple[int, int] | None = None, newest: bool = False
) -> Stream:
    """Pictures that come as bytes; see `open_stream`."""
    pictures = raw_pictures(pipe, raw) if raw else encoded_pictures(pipe)
    return Stream("The pipe", pictures, newest=newest)


def _capture_stream(source: str, newest: bool | None) -> Stream:
    """What OpenCV delivers from a camera or a URL."""
    # OpenCV and FFmpeg would print pages; our sentence says enough.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    import cv2

    camera = source.isdecimal()
    name = f"Camera {source}" if camera else re.sub(r"//[^/@]*@", "//", source)  # no password
    mend = (
        "see that it is plugged in, that you may use it and that no other program does, or try "
        "another number from 0 on."
        if camera
        else "see that a player such as ffplay shows it."
    )
    capture = cv2.VideoCapture(int(source) if camera else source)
    if not capture.isOpened():
        raise InputError(f"{name} cannot be opened: {mend}")
    if newest is None:
        newest = not capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0
    pictures = _captured(capture, name, endless=camera)
    return Stream(name, pictures, plausible_fps(capture), newest=newest, mend=mend)


def _captured(capture: Any, name: str, *, endless: bool) -> Generator[Picture]:
    import cv2

    frame = 0
    try:
        while True:
            ok, picture = capture.read()
            if not ok:
                break
            yield cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            frame += 1
    finally:
        capture.release()
    if endless and frame:
        raise InputError(
            f"{name} gives no more pictures, after {frame}: see that it is plugged in and that no "
            "other program uses it."
        )
