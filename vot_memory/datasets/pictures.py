"""Pictures on disk: which files of a folder are frames, in which order, how they are decoded."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence as Seq
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vot_memory.errors import InputError, closed, printable

if TYPE_CHECKING:
    from PIL import Image

_END_MARKS = {"JPEG": b"\xff\xd9", "PNG": b"IEND"}
VOID = 255  # label of pixels that belong to nothing
PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def find_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder as `list_pictures`, but none or twins of one frame are no error."""
    found = (path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    visible = (path for path in found if not path.name.startswith("."))
    return sorted(visible, key=lambda path: (natural_key(path.stem), path.name))


def list_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder in numeric order (2.jpg before 10.jpg), without hidden files.

    Raises:
        InputError: the folder has no picture, or two pictures that are the same frame, or a name
            is not UTF-8.
    """
    found = find_pictures(folder)
    if not found:
        raise InputError(f"{folder} has no pictures: put its frames there as .jpg or .png files.")
    stems: dict[str, Path] = {}
    for path in found:
        if fault := name_fault(path):
            raise InputError(fault)
        if (twin := stems.setdefault(path.stem, path)) is not path:
            raise InputError(
                f"{folder} has frame {path.stem!r} twice ({twin.name} and {path.name}): "
                "remove one of them."
            )
    return found


def name_fault(path: Path) -> str | None:
    """What is wrong with a name that neither digests nor records could hold."""
    shown = printable(path)
    return None if shown == str(path) else f"The name {shown} is not UTF-8: rename it."


def natural_key(text: str) -> tuple[str | int, ...]:
    """Sort key that compares runs of digits as numbers."""
    return tuple(int(p) if i % 2 else p for i, p in enumerate(re.split(r"(\d+)", text)))


def picture_size(path: Path) -> tuple[int, int]:
    """(height, width) from the header of a picture; raises `InputError` if it is unreadable."""
    try:
        with _open(path) as picture:
            return picture.height, picture.width
    except decode_errors() as error:
        raise _unreadable(path, error) from error


def check_whole(path: Path, *, decode: bool = True, labels: bool = False) -> tuple[int, int]:
    """(height, width) of a picture that is all there.

    Args:
        path: the picture.
        labels: it must be a label map, as for `read_labels`.
        decode: decode every pixel; otherwise only the header and the mark at the end of JPEG and
            PNG files are looked at, which finds unfinished copies and little else.

    Raises:
        InputError: the file is missing, empty, cut off or damaged, or no label map.
    """
    try:
        with _open(path) as picture:
            if labels:
                _check_label_map(path, picture)
            if decode:
                picture.load()
            elif (mark := _END_MARKS.get(picture.format or "")) and mark not in _tail(path):
                raise OSError("image file is truncated")
            return picture.height, picture.width
    except decode_errors() as error:
        raise _unreadable(path, error) from error


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Decode a picture file as `decode_picture` does.

    Raises:
        InputError: the file is missing or cannot be decoded.
    """
    try:
        return decode_picture(path)
    except decode_errors() as error:
        raise _unreadable(path, error) from error


def decode_picture(source: Path | BinaryIO) -> NDArray[np.uint8]:
    """Decode a picture to RGB uint8 [H, W, 3]; raises one of `decode_errors`.

    Pillow decodes, as in SAM 2's own frame loader, so that pixels are equal to its pixels; like
    there, EXIF orientation is not applied and transparency is dropped. Of 16-bit samples the high
    byte is kept.
    """
    with _open(source) as picture:
        if picture.mode.startswith("I"):  # 16-bit gray, which Pillow's convert would clip
            gray = (np.asarray(picture) >> 8).clip(0, 255).astype(np.uint8)
            return np.repeat(gray[..., None], 3, axis=2)
        return np.array(picture.convert("RGB"), dtype=np.uint8)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """Read an annotation as a label map uint8 [H, W]: palette indices, or values of a gray picture.

    Raises:
        InputError: the file is unreadable, or a colour picture (whose labels would be a guess).
    """
    try:
        with _open(path) as picture:
            _check_label_map(path, picture)
            return np.array(picture).astype(np.uint8)
    except decode_errors() as error:
        raise _unreadable(path, error) from error


def used_labels(label_map: NDArray[np.uint8]) -> list[int]:
    """The labels in a label map uint8 [H, W] but 0, from small to large."""
    import cv2  # counts three times as fast as numpy, and lets go of the interpreter's lock

    counts = cv2.calcHist([label_map], [0], None, [256], [0, 256]).ravel()
    return [label for label in range(1, 256) if counts[label]]


class PictureFrames:
    """`Frames` of picture files; each access decodes, nothing is kept.

    Args:
        paths: one picture a frame.
        size: (height, width) that every picture must have; None takes the first one's.
    """

    def __init__(self, paths: Seq[Path], size: tuple[int, int] | None = None) -> None:
        self.paths = tuple(paths)
        self._size = size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        if not 0 <= t < len(self.paths):
            raise IndexError(f"frame {t} of {len(self.paths)}")
        picture = read_picture(self.paths[t])
        if picture.shape[:2] != self.size:
            raise InputError(
                f"{self.paths[t]} is {describe_size(picture.shape[:2])} but its video is "
                f"{describe_size(self.size)}: give all frames one size."
            )
        return picture

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the video; raises `InputError` if its first picture is unreadable."""
        if self._size is None:
            self._size = picture_size(self.paths[0])
        return self._size


def digest_listing(paths: Seq[Path]) -> Any:
    """Start a sha256 with the names and byte counts of picture files.

    Pixels are not read: hashing every frame of a data set at each start would cost more than it
    tells. A frame replaced by one of the same name and length goes unnoticed.
    """
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
    return digest


def describe_size(size: Seq[int]) -> str:
    """Write (height, width) as people read it: width x height."""
    return f"{size[1]}x{size[0]}"


def _check_label_map(path: Path, picture: Image.Image) -> None:
    if picture.mode not in {"P", "L", "1"}:
        raise InputError(
            f"{path} is a picture of mode {picture.mode}, not a label map: take the original file, "
            "since some copies were saved as colours, or save it as a palette or 8-bit gray PNG "
            "whose pixel values are object numbers."
        )


def _open(source: Path | BinaryIO) -> Image.Image:
    from PIL import Image

    return Image.open(source)


def decode_errors() -> tuple[type[Exception], ...]:
    """What Pillow's decoders raise on damaged files."""
    from PIL import Image

    return (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def _tail(path: Path, count: int = 1024) -> bytes:
    """The last bytes of a file; some writers add a few behind the end of the picture."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - count, 0))
        return file.read()


def _unreadable(path: Path, error: Exception) -> InputError:
    from PIL import UnidentifiedImageError

    if isinstance(error, PermissionError):
        return closed(error)
    if isinstance(error, FileNotFoundError):
        reason = "no such file"
    elif isinstance(error, UnidentifiedImageError):  # whose own text repeats the path
        reason = "no known format" if path.stat().st_size else "0 bytes"
    else:
        reason = str(error).rstrip(".")
    return InputError(f"{path} cannot be read as a picture ({reason}): replace it by a whole copy.")
