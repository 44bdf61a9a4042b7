"""Data sets with one annotated box a frame: LaSOT, GOT-10k, TrackingNet, NfS, OTB and their like.

A layout says by patterns where the frames and the annotation of a sequence stand below ROOT, so
that a further data set of this kind is an entry of datasets.yaml:

    {name}               the sequence, "airplane-1"
    {stem}, {number}     what stands before and after its last hyphen, "airplane" and "1"

Boxes are kept as they are published. OTB and LaSOT count pixels from 1, NfS from 0, and GOT-10k
and the extension of LaSOT leave it open; the benchmarks' own code compares published boxes with
answers as they are, and so do we: where a data set counts from 1, a perfect mask is off by one.

A box without area means that the object is absent, and so does a flag of LaSOT (fully occluded or
out of view), of GOT-10k (no ninth of it visible) or of VATIC (lost). Flags do not apply to the
first frame, whose box is the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from vot_memory.datasets.box_rows import read_boxes, read_flags
from vot_memory.datasets.loading import open_each, read_names
from vot_memory.datasets.pictures import PictureFrames, digest_listing, list_pictures, natural_key
from vot_memory.datasets.sequence import NO_BOX, Box, ObjectTrack, Sequence, has_area
from vot_memory.errors import InputError

Benchmark = Literal["got-10k", "lasot", "otb", "trackingnet"]  # whose rules a measure follows


class BoxLayout(BaseModel):
    """How to read a folder.

    Attributes:
        frames: patterns of the folder of pictures; the first that exists is taken.
        boxes: patterns of the file of boxes, likewise.
        sequences: the names; without them `image_set` has them, or all that `boxes` finds.
        image_set: text file below ROOT with a name a line.
        image_set_source: where that file is to be had, if not beside the data.
        absent: patterns of files of flags: 1 where the object is absent.
        visible: pattern of a file of visible shares: 0 where the object is absent.
        truth: "first" if only the first box is public; later ones are not read.
        first_number: number in the name of the first picture; None takes any.
        ranges: first and last number of the frames that count, where there are more pictures.
        stride: the boxes are of a video so many times as fast, or of this one.
        slack: so many boxes may be missing or too many at the end.
        fps: frames per second of the pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: tuple[str, ...]
    boxes: tuple[str, ...]
    sequences: tuple[str, ...] | None = None
    image_set: str | None = None
    image_set_source: str | None = None
    absent: tuple[str, ...] = ()
    visible: str | None = None
    truth: Literal["all", "first"] = "all"
    first_number: int | None = None
    ranges: Mapping[str, tuple[int, int]] = {}
    stride: int = 1
    slack: int = 0
    fps: float = 30.0


def load_boxes(root: Path, layout: BoxLayout) -> list[Sequence]:
    """List the sequences of a folder; boxes are read when first asked for.

    Raises:
        InputError: the folder has not this layout, the list of sequences is missing or names one
            twice, or a sequence lacks its annotation or some frames.
    """
    names = _names(root, layout)
    if odd := next((name for name in names if Path(name).name != name), None):
        raise InputError(f"The list of sequences of {root} has {odd!r}, which is no name: mend it.")
    for name, following in pairwise(sorted(names)):
        if name == following:
            raise InputError(f"The list of sequences of {root} has {name} twice: remove one.")
    return open_each(names, lambda name: BoxSequence(name, root, layout))


class BoxSequence(Sequence):
    """A video with one object; `size`, `objects` and `digest` are read at first access."""

    def __init__(self, name: str, root: Path, layout: BoxLayout) -> None:
        folder = _find(name, root, layout.frames, "folder of frames")
        paths = _numbered(folder, layout.first_number, layout.ranges.get(name))
        flags = [(pattern, True) for pattern in layout.absent]
        if layout.visible is not None:
            flags.append((layout.visible, False))
        own = {
            "name": name,
            "frames": PictureFrames(paths),
            "fps": layout.fps,
            "labels": {},
            "_layout": layout,
            "_boxes": _find(name, root, layout.boxes, "annotation"),
            "_flags": [(_find(name, root, (at,), "annotation"), gone) for at, gone in flags],
        }
        self.__dict__.update(own)  # the other fields of the frozen dataclass are computed below

    frames: PictureFrames
    _layout: BoxLayout
    _boxes: Path
    _flags: list[tuple[Path, bool]]  # and whether a flag above 0 means absent or visible

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of the first picture."""
        return self.frames.size

    @cached_property
    def objects(self) -> tuple[ObjectTrack, ...]:
        """The one object, "1", which is there from the first frame on.

        Raises:
            InputError: an annotation is malformed, does not fit the number of frames, or has no box
                on the first frame.
        """
        length = len(self.frames)
        boxes = read_boxes(self._boxes)
        if not has_area(boxes[0]):
            raise InputError(
                f"{self._boxes} has no box with an area for the first frame of {self.name}, where "
                "the object is shown to the tracker: correct line 1."
            )
        if self._layout.truth == "first":
            boxes = [boxes[0], *[None] * (length - 1)]
        else:
            boxes = self._fit(boxes)
            for t in self._absences():
                boxes[t] = NO_BOX
        return (ObjectTrack("1", 0, (None,) * length, tuple(boxes)),)

    @cached_property
    def digest(self) -> str:
        """sha256 of the pictures' names and lengths, the annotations' bytes and the layout."""
        digest = digest_listing(self.frames.paths)
        layout = self._layout
        digest.update(f"{layout.truth} {layout.stride} {layout.slack} {layout.fps}\n".encode())
        for path in (self._boxes, *(path for path, _ in self._flags)):
            digest.update(f"{path.name}\n".encode())
            digest.update(path.read_bytes())
        return str(digest.hexdigest())

    def _fit(self, boxes: list[Box | None]) -> list[Box | None]:
        """One entry a frame; frames that slack leaves without a box are not annotated."""
        length, slack = len(self.frames), self._layout.slack
        for rows in (boxes, boxes[:: self._layout.stride]):
            if abs(len(rows) - length) <= slack:
                return (rows + [None] * slack)[:length]
        raise self._misfit(self._boxes, len(boxes), "boxes")

    def _absences(self) -> list[int]:
        """Frames behind the first on which a flag says that the object is absent."""
        absent: set[int] = set()
        for path, means_absent in self._flags:
            flags = read_flags(path)
            if len(flags) != len(self.frames):
                raise self._misfit(path, len(flags), "flags")
            absent.update(t for t, flag in enumerate(flags) if (flag > 0) == means_absent)
        return sorted(absent - {0})

    def _misfit(self, path: Path, count: int, what: str) -> InputError:
        return InputError(
            f"{path} has {count} {what} but {self.frames.paths[0].parent} has {len(self.frames)} "
            "frames: get the sequence again, since one of them is not whole."
        )


def _names(root: Path, layout: BoxLayout) -> list[str]:
    if layout.sequences is not None:
        return list(layout.sequences)
    if layout.image_set is not None:
        return _read_list(root / layout.image_set, layout.image_set_source)
    for pattern in layout.boxes:
        if found := _search(root, pattern):
            return found
    raise InputError(
        f"{root} has no sequences: put the data set there so that boxes are at {layout.boxes[0]}."
    )


def _search(root: Path, pattern: str) -> list[str]:
    """Names for which a file stands where the pattern says, in numeric order."""
    regex = re.escape(pattern).replace(r"\{name\}", "(?P<name>[^/]+)", 1)
    regex = regex.replace(r"\{name\}", "(?P=name)").replace(r"\{stem\}", "[^/]+")
    places = (p.relative_to(root).as_posix() for p in root.glob(re.sub(r"\{\w+\}", "*", pattern)))
    found = [match["name"] for place in places if (match := re.fullmatch(regex, place))]
    return sorted((name for name in found if not name.startswith(".")), key=natural_key)


def _read_list(path: Path, source: str | None) -> list[str]:
    if names := read_names(path, source):
        return names
    raise InputError(f"{path}, the list of sequences, is empty: replace it by a whole copy.")


def _find(name: str, root: Path, patterns: tuple[str, ...], what: str) -> Path:
    stem, _, number = name.rpartition("-")
    places = [
        root / pattern.format(name=name, stem=stem or name, number=number) for pattern in patterns
    ]
    if found := next((place for place in places if place.exists()), None):
        return found
    raise InputError(
        f"Sequence {name} has no {what} {' or '.join(map(str, places))}: add it or leave the "
        "sequence out."
    )


def _numbered(folder: Path, first: int | None, span: tuple[int, int] | None) -> list[Path]:
    """Pictures in the order of their numbers, of which none may be missing."""
    paths = {path.stem: path for path in list_pictures(folder)}
    if stray := next((stem for stem in paths if not stem.isdecimal()), None):
        raise InputError(f"{paths[stray]} has no frame number for a name: remove it.")
    numbered = [(int(stem), path) for stem, path in paths.items()]
    lowest, highest = numbered[0][0], numbered[-1][0]
    low, high = span or (min(lowest, lowest if first is None else first), highest)
    kept = [(number, path) for number, path in numbered if low <= number <= high]
    for expected, (number, path) in enumerate(kept, start=low):
        if number < expected:
            raise InputError(f"{folder} has frame {number} twice: remove {path.name}.")
        if number > expected:
            raise _missing(folder, expected, path)
    if len(kept) != high - low + 1:
        raise _missing(folder, low + len(kept), numbered[-1][1])
    return [path for _, path in kept]


def _missing(folder: Path, number: int, example: Path) -> InputError:
    name = f"{number:0{len(example.stem)}d}{example.suffix}"
    return InputError(
        f"{folder} lacks frame {name}: get the sequence again, since it is not whole."
    )
