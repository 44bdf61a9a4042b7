"""Sequences in the format of the VOT toolkit (VOT, VOTS, VOTSt, DiDi).

    ROOT/list.txt, or ROOT/sequences/list.txt    a sequence name a line
    SEQ/sequence                                 lines of key=value: channels.color=color/%08d.jpg,
                                                 fps=30, and maybe width, height, length
    SEQ/color/00000001.jpg ...                   frames count from 1
    SEQ/groundtruth.txt                          a region a line: one object, "1"
    SEQ/groundtruth_ID.txt                       object ID; then groundtruth.txt is not read
    SEQ/groundtruth__ignore.txt                  pixels that count nowhere
    SEQ/NAME.tag                                 0 or 1 a line: what happens in a frame
    SEQ/NAME.value                               a number a line

Without a list every folder with a file `sequence` is one. Lines are regions as in
`vot_memory.datasets.vot_regions`: `0` is not annotated, as are frames after the last line, and `1`
counts as absent, as it does in the toolkit. Masks and polygons make a track of masks, rectangles
one of boxes. An object begins where it is first annotated with an area.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from vot_memory.datasets.loading import open_each, read_names, read_text
from vot_memory.datasets.pictures import (
    PictureFrames,
    describe_size,
    digest_listing,
    natural_key,
)
from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import NO_BOX, Box, ObjectTrack, Sequence, has_area
from vot_memory.datasets.vos import subfolders
from vot_memory.datasets.vot_regions import (
    UNKNOWN,
    Mask,
    Point,
    Polygon,
    Rectangle,
    Region,
    read_lines,
    read_regions,
    rles_of_regions,
)
from vot_memory.errors import InputError

LISTS = ("list.txt", "sequences/list.txt")
METADATA: Final = "sequence"
IGNORED: Final = "_ignore"  # the object whose pixels count nowhere
SINGLE: Final = "1"  # what the object of groundtruth.txt is called
Line = TypeVar("Line")


class VotLayout(BaseModel):
    """How to read sequences of the VOT toolkit.

    Attributes:
        channel: which pictures to take, as `channels.NAME` in the sequence's metadata.
        truth: "first" if only the first region of an object is public; later ones are not read.
        filter_tag: count only frames with this tag, besides those with prompts; such as
            "evaluation" of the VOTSt validation set. None counts all annotated frames.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel: str = "color"
    truth: Literal["all", "first"] = "all"
    filter_tag: str | None = None


def holds_vot(root: Path) -> bool:
    """Whether a folder has a list of sequences in VOT's format, or at least one of them."""
    found = (*(root / place for place in LISTS), *root.glob(f"*/{METADATA}"))
    return any(path.is_file() for path in found)  # JPEGImages may have a video "sequence"


def load_vot(root: Path, layout: VotLayout | None = None) -> list[Sequence]:
    """List the sequences of a folder; pictures and regions are read when first asked for.

    Raises:
        InputError: there is no sequence, or one lacks its folder, metadata, frames or ground truth.
    """
    layout = layout or VotLayout()
    lists = [root / place for place in LISTS if (root / place).is_file()]
    if lists:
        base, names = lists[0].parent, read_names(lists[0])
    else:
        base, names = root, _unlisted(root)
    if not names:
        raise InputError(
            f"{root} has no VOT sequences: put a folder a sequence there and their names into "
            f"{root / LISTS[0]}."
        )
    if twice := next((name for i, name in enumerate(names) if name in names[:i]), None):
        raise InputError(f"{lists[0]} names the sequence {twice} twice: remove one of the lines.")
    return open_each(names, lambda name: VotSequence(base / name, layout))


class VotSequence(Sequence):
    """A sequence folder; `size`, `objects`, `labels`, `ignore` and `digest` are read when asked."""

    def __init__(self, folder: Path, layout: VotLayout) -> None:
        if not folder.is_dir():
            raise InputError(
                f"Sequence {folder.name} has no folder {folder}: add it or take it off the list."
            )
        metadata = _read_metadata(folder / METADATA)
        truth = _find_truth(folder)
        own = {
            "name": folder.name,
            "frames": PictureFrames(_find_frames(folder, metadata, layout.channel)),
            "fps": _number(folder, metadata, "fps", 30.0),
            "_folder": folder,
            "_metadata": metadata,
            "_ignored": truth.pop(IGNORED, None),
            "_truth": truth,
            "_layout": layout,
        }
        if layout.filter_tag and not (folder / f"{layout.filter_tag}.tag").is_file():
            raise InputError(
                f"{folder} has no {layout.filter_tag}.tag, which says which frames count: add it."
            )
        self.__dict__.update(own)  # the other fields of the frozen dataclass are computed below

    frames: PictureFrames
    _folder: Path
    _metadata: dict[str, str]
    _ignored: Path | None
    _truth: dict[str, Path]
    _layout: VotLayout

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of the first picture; raises `InputError` if the metadata differ."""
        size = self.frames.size
        said = tuple(
            int(_number(self._folder, self._metadata, key, own))
            for key, own in zip(("height", "width"), size, strict=True)
        )
        if said != size:
            raise InputError(
                f"{self._folder / METADATA} says {describe_size(said)} but "
                f"{self.frames.paths[0]} is {describe_size(size)}: correct one of them."
            )
        return size

    @cached_property
    def objects(self) -> tuple[ObjectTrack, ...]:
        """Tracks in numeric order of their ids.

        Raises:
            InputError: a line is damaged, there are more lines than frames, kinds of regions are
                mixed, or an object never appears.
        """
        counts = None
        if self._layout.filter_tag:
            counts = self.labels[self._layout.filter_tag]

        def track(identity: str) -> ObjectTrack:
            return self._track(identity, self._regions(self._truth[identity]), counts)

        return tuple(open_each(self._truth, track))

    @cached_property
    def labels(self) -> Mapping[str, Any]:
        """Tags as bool [T] (False after their last line), values as float64 [T] (nan after it)."""
        found: dict[str, NDArray[Any]] = {}
        for path in sorted(self._folder.glob("*.tag")):
            lines = self._lines(path)
            if wrong := [i for i, line in enumerate(lines) if line not in {"0", "1"}]:
                raise InputError(f"{path}, line {wrong[0] + 1}: write 0 or 1 there.")
            found[path.stem] = np.zeros(len(self), bool)
            found[path.stem][: len(lines)] = [line == "1" for line in lines]
        for path in sorted(self._folder.glob("*.value")):
            lines = self._lines(path)
            found[path.stem] = np.full(len(self), np.nan)
            for i, line in enumerate(lines):
                try:
                    found[path.stem][i] = float(line or "nan")
                except ValueError:
                    raise InputError(f"{path}, line {i + 1}: write a number there.") from None
        return found

    @cached_property
    def ignore(self) -> tuple[RLE | None, ...] | None:
        """Pixels that count nowhere; None where no frame has any."""
        if self._ignored is None:
            return None
        rles = rles_of_regions(self._regions(self._ignored), self.size)
        return tuple(rles + [None] * (len(self) - len(rles)))

    @cached_property
    def digest(self) -> str:
        """sha256 of the pictures' names and lengths, the layout and all annotation files."""
        digest = digest_listing(self.frames.paths)
        digest.update(self._layout.model_dump_json().encode())
        kinds = ("groundtruth*.txt", "*.tag", "*.value", METADATA)
        for path in sorted({path for kind in kinds for path in self._folder.glob(kind)}):
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
        return str(digest.hexdigest())

    def _regions(self, path: Path) -> list[Region]:
        return self._fitting(path, read_regions(path))

    def _track(
        self, identity: str, regions: list[Region], counts: NDArray[np.bool_] | None
    ) -> ObjectTrack:
        path = self._truth[identity]
        _check_kinds(path, regions)
        boxed = any(isinstance(region, Rectangle) for region in regions)
        truth: list[Any]
        if boxed:
            truth = [_box(region) for region in regions]
            seen = [has_area(box) for box in truth]
        else:
            from pycocotools import mask as coco

            truth = rles_of_regions(regions, self.size)
            seen = [rle is not None and coco.area(rle) > 0 for rle in truth]
        if True not in seen:
            raise InputError(
                f"Object {identity} never appears in {path}: remove the file or annotate it."
            )
        first = seen.index(True)
        nothing = (None,) * len(self)
        kept: tuple[Any, ...] = tuple(
            entry if t == first or self._counts(t, counts) else None
            for t, entry in enumerate(truth)
        )
        kept += nothing[len(kept) :]
        return ObjectTrack(identity, first, nothing if boxed else kept, kept if boxed else None)

    def _counts(self, t: int, tagged: NDArray[np.bool_] | None) -> bool:
        return self._layout.truth == "all" and (tagged is None or bool(tagged[t]))

    def _lines(self, path: Path) -> list[str]:
        return self._fitting(path, [line.strip() for line in read_lines(path)])

    def _fitting(self, path: Path, lines: list[Line]) -> list[Line]:
        """The lines of a file, of which there may be no more than frames."""
        if len(lines) > len(self):
            raise InputError(
                f"{path} has {len(lines)} lines but {self.name} has {len(self)} frames: remove "
                "lines or add the frames that are missing."
            )
        return lines


def _unlisted(root: Path) -> list[str]:
    """The sequences of a folder without a list, in numeric order; locked folders count as such."""
    folders = {name: root / name for name in subfolders(root)}
    return [
        name
        for name, folder in folders.items()
        if not os.access(folder, os.X_OK) or (folder / METADATA).is_file()
    ]


def _read_metadata(path: Path) -> dict[str, str]:
    missing = "add it, with a line channels.color=color/%08d.jpg"
    lines = read_text(path, "the description of the sequence", missing).splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _number(folder: Path, metadata: Mapping[str, str], key: str, default: float) -> float:
    try:
        number = float(metadata.get(key, default))
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise InputError(
            f"{folder / METADATA} says {key}={metadata[key]}: write a number above 0 there."
        )
    return number


def _find_frames(folder: Path, metadata: Mapping[str, str], channel: str) -> list[Path]:
    """The picture files in order; they count from 1 without gaps."""
    key = f"channels.{channel}"
    parts = re.split(r"%0?(\d*)d", metadata.get(key, ""))
    if len(parts) != 3:
        raise InputError(
            f"{folder / METADATA} has no line such as {key}=color/%08d.jpg: add it, so that the "
            "frames are found."
        )
    before, digits, after = parts
    place = folder / f"{before}_"
    name = re.compile(rf"{re.escape(place.name[:-1])}(\d{{{digits or 1},}}){re.escape(after)}")
    names = [p.name for p in place.parent.iterdir()] if place.parent.is_dir() else []
    numbers = sorted(int(match[1]) for text in names if (match := name.fullmatch(text)))
    path = f"{folder}/{before}%0{digits or 1}d{after}"
    if not numbers:
        raise InputError(f"{folder} has no frames {metadata[key]}: put them there.")
    if numbers[0] == 0:
        raise InputError(f"{path % 0} is no frame, since they count from 1: rename the frames.")
    length = int(_number(folder, metadata, "length", numbers[-1]))
    if gap := next(iter(sorted({*range(1, length + 1)} - {*numbers})), None):
        raise InputError(f"{path % gap} is missing: complete the frames.")
    if numbers[-1] > length:
        raise InputError(
            f"{folder} has {numbers[-1]} frames but its metadata say length={length}: correct one "
            "of them."
        )
    return [Path(path % number) for number in numbers]


def _find_truth(folder: Path) -> dict[str, Path]:
    """Ground-truth files by object id in numeric order."""
    found = {
        path.stem.removeprefix("groundtruth_"): path for path in folder.glob("groundtruth_?*.txt")
    }
    single = folder / "groundtruth.txt"
    if not set(found) - {IGNORED} and single.is_file():
        found[SINGLE] = single
    if not set(found) - {IGNORED}:
        raise InputError(f"{folder} has no ground truth: add groundtruth.txt with a region a line.")
    return {identity: found[identity] for identity in sorted(found, key=natural_key)}


def _check_kinds(path: Path, regions: list[Region]) -> None:
    """Rectangles stand alone, since box tracks and masks are scored by different measures."""
    kinds: dict[str, int] = {}
    for number, region in enumerate(regions, start=1):
        if isinstance(region, Point):
            raise InputError(f"{path}, line {number} is a point: only areas can be tracked here.")
        if isinstance(region, Mask | Polygon):
            kinds.setdefault("a mask or polygon", number)
        elif isinstance(region, Rectangle):
            kinds.setdefault("a rectangle", number)
    if len(kinds) > 1:
        (one, first), (other, second) = sorted(kinds.items(), key=lambda kind: kind[1])
        raise InputError(
            f"{path}, line {second} is {other} but line {first} is {one}: annotate an object in "
            "one way."
        )


def _box(region: Region) -> Box | None:
    if isinstance(region, Rectangle):
        return (region.x, region.y, region.width, region.height)
    return None if region == UNKNOWN else NO_BOX
