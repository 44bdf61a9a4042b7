"""Pictures that come through a pipe: JPEG or PNG files one after the other, or bare RGB.

    ffmpeg -i VIDEO -f image2pipe -c:v mjpeg -
    ffmpeg -i VIDEO -f rawvideo -pix_fmt rgb24 -

Of a pipe no more is held than one picture and what came with its end.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator
from typing import BinaryIO, NoReturn

import numpy as np

from vot_memory.datasets.pictures import decode_errors, decode_picture, describe_size
from vot_memory.datasets.sequence import Picture
from vot_memory.errors import InputError

CHUNK = 1 << 16  # bytes a read; what a pipe of Linux holds
LONGEST = 1 << 26  # bytes of an encoded picture

# In the entropy-coded data of a JPEG, 0xFF stands before 0 (a data byte of 0xFF), before D0..D7
# (restart) or as padding; before anything else it begins the next segment (ITU-T T.81, B.1.1).
JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
PADDING, TEMPORARY, START_OF_SCAN, END_OF_IMAGE = 0xFF, 0x01, 0xDA, 0xD9


class _Ahead:
    """The bytes of a pipe from the current picture on, read when they are needed."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self.data = bytearray()

    def need(self, count: int) -> None:
        """Have so many bytes; EOFError where the pipe ends before."""
        if count > LONGEST:
            raise ValueError(f"it has no end within {LONGEST >> 20} MiB")
        while len(self.data) < count:
            chunk = self._pipe.read(CHUNK)
            if not chunk:
                raise EOFError
            self.data += chunk

    def take(self, count: int) -> bytes:
        """Remove so many bytes."""
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken


def encoded_pictures(pipe: BinaryIO) -> Generator[Picture]:
    """Decode JPEG and PNG pictures that follow each other without a gap.

    Args:
        pipe: unbuffered, so that a picture is answered as soon as its last byte is there.

    Yields:
        RGB uint8 [H, W, 3].

    Raises:
        InputError: other bytes, a picture that cannot be decoded, or the pipe ends within one.
    """
    ahead = _Ahead(pipe)
    frame = 0
    while True:
        try:
            ahead.need(1)
        except EOFError:
            return
        try:
            length = _kind(ahead)(ahead)
            picture = decode_picture(io.BytesIO(ahead.take(length)))
        except EOFError:
            _cut_off(frame)
        except decode_errors() as error:
            raise InputError(
                f"Frame {frame} of the pipe is no whole picture ({str(error).rstrip('.')}), after "
                f"{frame} good frames: pipe in JPEG or PNG pictures, as from ffmpeg -i VIDEO -f "
                "image2pipe -c:v mjpeg -, or give --raw WIDTHxHEIGHT for bare RGB."
            ) from error
        yield picture
        frame += 1


def raw_pictures(pipe: BinaryIO, size: tuple[int, int]) -> Generator[Picture]:
    """Pictures of (height, width) as bare RGB, three bytes a pixel, row by row.

    Yields:
        RGB uint8 [H, W, 3].

    Raises:
        InputError: the pipe ends within a picture.
    """
    frame = 0
    while True:
        picture = np.empty((*size, 3), dtype=np.uint8)
        rest = picture.data.cast("B")
        while rest and (chunk := pipe.read(len(rest))):
            rest[: len(chunk)] = chunk
            rest = rest[len(chunk) :]
        if len(rest) == picture.nbytes:
            return
        if rest:
            _cut_off(frame, f", or correct --raw {describe_size(size)}")
        yield picture
        frame += 1


def _cut_off(frame: int, mend: str = "") -> NoReturn:
    raise InputError(
        f"The pipe ends within frame {frame}, after {frame} good frames: let the program that "
        f"writes it come to its end{mend}."
    ) from None


def _kind(ahead: _Ahead) -> Callable[[_Ahead], int]:
    """What finds the end of the picture that begins here, by its first bytes."""
    kinds = {b"\xff\xd8\xff": _jpeg_length, b"\x89PNG\r\n\x1a\n": _png_length}
    for magic, length in kinds.items():
        if ahead.data[:1] == magic[:1]:
            ahead.need(len(magic))
            if ahead.data.startswith(magic):
                return length
    raise ValueError(f"it begins with {bytes(ahead.data[:8])!r}")


def _jpeg_length(ahead: _Ahead) -> int:
    """Length of a JPEG in bytes; segments are skipped, for their thumbnails are JPEGs too."""
    at = 2
    while True:
        ahead.need(at + 2)
        mark, kind = ahead.data[at : at + 2]
        if mark != 0xFF:
            raise ValueError(f"no JPEG marker at byte {at}")
        if kind == END_OF_IMAGE:
            return at + 2
        if kind in (PADDING, TEMPORARY):
            at += 1 if kind == PADDING else 2
            continue
        ahead.need(at + 4)
        at += 2 + int.from_bytes(ahead.data[at + 2 : at + 4], "big")
        if kind == START_OF_SCAN:
            at = _scan_end(ahead, at)


def _scan_end(ahead: _Ahead, at: int) -> int:
    """Where the segment after entropy-coded data begins."""
    while (found := JPEG_MARKER.search(ahead.data, at)) is None:
        at = max(at, len(ahead.data) - 1)  # the last byte may be the first of a marker
        ahead.need(len(ahead.data) + 1)
    return found.start()


def _png_length(ahead: _Ahead) -> int:
    """Length of a PNG in bytes: a signature of 8, then chunks to the one called IEND."""
    at, kind = 8, b""
    while kind != b"IEND":
        ahead.need(at + 8)
        kind = bytes(ahead.data[at + 4 : at + 8])
        at += 12 + int.from_bytes(ahead.data[at : at + 4], "big")  # length, kind, data, checksum
    ahead.need(at)
    return at
