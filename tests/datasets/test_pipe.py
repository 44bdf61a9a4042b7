import io
import zlib

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets import pipe
from vot_memory.datasets.pipe import encoded_pictures, raw_pictures
from vot_memory.errors import InputError

SIZE = (24, 32)


class Dripping(io.RawIOBase):
    """A pipe that gives a few bytes at a time and counts what was taken from it."""

    def __init__(self, data, portion):
        self.rest, self.portion, self.taken = memoryview(data), portion, 0

    def read(self, count=-1):
        part = bytes(self.rest[: min(self.portion, count)])
        self.rest = self.rest[len(part) :]
        self.taken += len(part)
        return part


@pytest.fixture
def pictures(rng):
    """Noise, whose JPEG data are full of 0xFF bytes."""
    return rng.integers(0, 256, (4, *SIZE, 3), dtype=np.uint8)


def encoded(picture, kind="JPEG", **options):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def decoded(data):
    return np.array(Image.open(io.BytesIO(data)).convert("RGB"))


def with_thumbnail(jpeg, thumbnail):
    """Put a whole JPEG into an APP1 segment, as cameras do."""
    payload = b"Exif\0\0" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload + jpeg[2:]


@pytest.mark.parametrize("portion", [1, 7, 1000, 1 << 20])
def test_pictures_of_all_kinds_are_told_apart(pictures, portion):
    plain, progressive, restarts = (
        encoded(pictures[0], quality=100),
        encoded(pictures[1], quality=90, progressive=True),
        encoded(pictures[2], quality=95, restart_marker_blocks=1),
    )
    assert b"\xff\xd0" in restarts
    assert progressive.count(b"\xff\xda") > 1  # several scans
    files = [
        plain,
        progressive,
        encoded(pictures[3], "PNG"),
        restarts,
        with_thumbnail(plain, encoded(pictures[3][:8, :8])),
        encoded(pictures[0][..., 0], "PNG"),  # gray
    ]
    found = list(encoded_pictures(Dripping(b"".join(files), portion)))
    assert len(found) == len(files)
    for picture, file in zip(found, files, strict=True):
        assert picture.shape == (*SIZE, 3)
        assert (picture == decoded(file)).all()


def test_padding_before_markers_is_skipped(pictures):
    jpeg = encoded(pictures[0])
    padded = jpeg[:2] + b"\xff\xff" + jpeg[2:-2] + b"\xff" + jpeg[-2:]
    found = list(encoded_pictures(io.BytesIO(padded + jpeg)))
    assert len(found) == 2
    assert (found[0] == found[1]).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_answered_as_soon_as_it_is_there(pictures, kind):
    files = [encoded(picture, kind) for picture in pictures]
    source = Dripping(b"".join(files), 1)
    expected = 0
    for found, file in zip(encoded_pictures(source), files, strict=True):
        expected += len(file)
        assert source.taken == expected
        assert (found == decoded(file)).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_pipe_that_ends_within_a_picture(pictures, kind):
    whole = encoded(pictures[0], kind)
    for missing in (1, 5, len(whole) // 2, len(whole) - 1):
        source = encoded_pictures(io.BytesIO(2 * whole + whole[:-missing]))
        assert next(source).shape == next(source).shape == (*SIZE, 3)
        with pytest.raises(InputError, match="ends within frame 2, after 2 good frames"):
            next(source)


@pytest.mark.parametrize(
    "garbage", [b"\0" * 99, b"--boundary\r\n", b"\xff\xd8 no", b"\x89PNGless.."]
)
@pytest.mark.parametrize("good", [0, 2])
def test_other_bytes_are_refused_in_one_sentence(pictures, garbage, good):
    source = encoded_pictures(io.BytesIO(good * encoded(pictures[0]) + garbage))
    for _ in range(good):
        next(source)
    with pytest.raises(InputError, match=f"after {good} good frames.*--raw") as caught:
        next(source)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_picture_with_damaged_pixels_is_refused(pictures):
    whole = encoded(pictures[0], "PNG")
    at = whole.index(b"IDAT")
    length = int.from_bytes(whole[at - 4 : at], "big")
    body = b"IDAT" + bytes(length)
    damaged = whole[:at] + body + zlib.crc32(body).to_bytes(4, "big") + whole[at + 8 + length :]
    source = encoded_pictures(io.BytesIO(whole + damaged))
    next(source)
    with pytest.raises(InputError, match="Frame 1 of the pipe is no whole picture"):
        next(source)


def test_a_picture_without_end_does_not_fill_the_memory(pictures, monkeypatch):
    monkeypatch.setattr(pipe, "LONGEST", 1 << 20)
    jpeg = encoded(pictures[0])
    source = Dripping(jpeg[:-2] + bytes(1 << 22), pipe.CHUNK)
    with pytest.raises(InputError, match="no end within 1 MiB"):
        next(encoded_pictures(source))
    assert source.taken <= (1 << 20) + pipe.CHUNK


def test_nothing_is_no_picture():
    assert not list(encoded_pictures(io.BytesIO()))
    assert not list(raw_pictures(io.BytesIO(), SIZE))


@pytest.mark.parametrize("portion", [1, 1000, 1 << 20])
def test_bare_rgb(pictures, portion):
    found = list(raw_pictures(Dripping(pictures.tobytes(), portion), SIZE))
    assert (np.stack(found) == pictures).all()


def test_bare_rgb_that_is_cut_off(pictures):
    source = raw_pictures(io.BytesIO(pictures.tobytes()[:-1]), SIZE)
    assert len([next(source) for _ in range(3)]) == 3
    with pytest.raises(InputError, match=r"frame 3, after 3 good frames.*--raw 32x24"):
        next(source)
