"""Masks as PNG files that the evaluation servers and scripts of VOS data sets read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Sequence as Seq
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vot_memory.building import Building
from vot_memory.datasets.pictures import PictureFrames, describe_size
from vot_memory.datasets.rle import RLE, decode
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError

MAX_LABEL = 254  # 0 is background, 255 is void


@cache
def davis_palette() -> tuple[int, ...]:
    """The 256 colours of DAVIS and Pascal VOC as r, g, b, r, g, b, ...

    The bits of a label, three at a time, become the high bits of red, green and blue.
    """
    palette: list[int] = []
    for label in range(256):
        rgb, rest = [0, 0, 0], label
        for shift in range(7, -1, -1):
            for channel in range(3):
                rgb[channel] |= ((rest >> channel) & 1) << shift
            rest >>= 3
        palette += rgb
    return tuple(palette)


def write_palette_png(path: Path, label_map: NDArray[np.uint8]) -> None:
    """Write a label map uint8 [H, W] as a PNG with the DAVIS palette, atomically."""
    from PIL import Image

    picture = Image.fromarray(label_map)
    picture.putpalette(davis_palette())
    with Building(path) as building:
        picture.save(building, format="PNG")


class MaskWriter:
    """Writes the masks of one sequence, a frame at a time, as `folder/NAME.png`.

    Objects whose ids are all whole numbers 1..254 share one label map a frame, in which their ids
    are the pixel values; where masks overlap the higher number lies on top, and `overlapping`
    counts such pixels. With any other id, as in SA-V ("000"), every object has a folder of its
    own, `folder/ID/NAME.png`, with 1 inside, and masks may overlap.

    Args:
        folder: of the sequence; its parents are made.
        identities: ids of all objects.
        whole: the folder appears when all is written, and not after an error. Else, as for a live
            stream, every file appears at once and stays.
        apart: a folder an object, whatever the ids are.

    Attributes:
        overlapping: pixels so far that lay in several masks of one label map.
    """

    def __init__(
        self, folder: Path, identities: Iterable[str], *, whole: bool = True, apart: bool = False
    ) -> None:
        self._building = Building(folder, whole=whole, hidden=whole)
        self._shared = not apart and all(is_label(identity) for identity in identities)
        self.overlapping = 0

    def __enter__(self) -> Self:
        return self

    def write(self, name: str, masks: Mapping[str, NDArray[np.bool_]]) -> None:
        """Write the masks bool [H, W] of one frame; without any there is no file."""
        if self._shared:
            self._write(self._building.path / f"{name}.png", masks)
        else:
            for identity, mask in masks.items():
                self._write(self._building.path / identity / f"{name}.png", {"1": mask})

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._building.end(failed=kind is not None)

    def _write(self, path: Path, masks: Mapping[str, NDArray[np.bool_]]) -> None:
        if not masks:
            return
        label_map = np.zeros(next(iter(masks.values())).shape, dtype=np.uint8)
        covered = np.zeros_like(label_map)
        for label, mask in sorted(masks.items(), key=lambda item: int(item[0])):
            label_map[mask] = int(label)
            covered += mask
        self.overlapping += int((covered > 1).sum())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_palette_png(path, label_map)


def frame_names(video: Sequence) -> list[str]:
    """File names of the pictures without suffix; numbers of five digits where there are none."""
    if isinstance(video.frames, PictureFrames):
        return [path.stem for path in video.frames.paths]
    return [f"{t:05d}" for t in range(len(video))]


def export_vos(
    masks_by_object: Mapping[str, Seq[RLE | None]],
    size: tuple[int, int],
    folder: Path,
    names: Seq[str],
    *,
    apart: bool = False,
) -> int:
    """Write the masks of one sequence as `MaskWriter` does: the whole folder or nothing.

    A frame for which there is no mask at all (None) has no file; an empty mask has one.

    Args:
        masks_by_object: one entry a frame for each object.
        size: (height, width) of the pictures.
        folder: of the sequence; its parents are made.
        names: file names without suffix, one a frame, as the frames are called.
        apart: a folder an object, whatever the ids are: nothing is lost where masks overlap.

    Returns:
        Pixels that lay in several masks and could be given to one object only.

    Raises:
        InputError: the folder holds files already, a list of masks is not as long as `names`, or a
            mask has another size.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty: remove it or export to another place.")
    for identity, rles in masks_by_object.items():
        _check(identity, rles, size, names, folder)
    with MaskWriter(folder, masks_by_object, apart=apart) as writer:
        for t, name in enumerate(names):
            found = {identity: rles[t] for identity, rles in masks_by_object.items()}
            writer.write(name, {i: decode(rle) for i, rle in found.items() if rle is not None})
    return writer.overlapping


def _check(
    identity: str,
    rles: Seq[RLE | None],
    size: tuple[int, int],
    names: Seq[str],
    folder: Path,
) -> None:
    if len(rles) != len(names):
        raise InputError(
            f"Object {identity} of {folder.name} has {len(rles)} masks for {len(names)} frames: "
            "give one mask or None a frame."
        )
    for t, rle in enumerate(rles):
        if rle is not None and tuple(rle["size"]) != tuple(size):
            raise InputError(
                f"The mask of object {identity} of {folder.name} on frame {t} is "
                f"{describe_size(rle['size'])} but the picture is {describe_size(size)}: "
                "export with the data that the masks were made on."
            )


def is_label(identity: str) -> bool:
    """Whether an object's id can be its pixel value in a label map: a whole number 1..254."""
    return (
        identity.isdecimal() and str(int(identity)) == identity and 1 <= int(identity) <= MAX_LABEL
    )
