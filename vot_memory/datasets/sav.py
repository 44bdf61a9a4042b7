"""SA-V as it is published for training: videos and masks in run lengths.

    ROOT/**/sav_000001.mp4              24 frames per second
    ROOT/**/sav_000001_manual.json      beside it: the masklets that people made, every 4th frame

SA-V val and test are folders of pictures, which `vot_memory.datasets.vos` reads.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from vot_memory.datasets.loading import collect_failure, open_each
from vot_memory.datasets.pictures import describe_size, digest_listing, natural_key
from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sav_annotation import (
    ANNOTATED_EVERY,
    MANUAL,
    Annotation,
    annotation_of,
    read_annotation,
)
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.video import VideoFrames
from vot_memory.errors import InputError

VIDEO_FPS = 24.0

_log = logging.getLogger(__name__)


class SavLayout(BaseModel):
    """What of SA-V to read.

    Attributes:
        frames: "all" at 24 fps, of which every fourth is annotated, or only the "annotated", 6 fps.
        objects: "all" manual masklets, or the "first" that a file lists.
        start: "video" takes videos whole, "first" cuts away what is before the first non-empty
            mask of the chosen masklets, which is then frame 0; `Sequence.labels["start"]` is the
            number of video frames cut.
        lowest: only the so many videos with the lowest sha256 of their id, in that order.
        ids: only these videos, in that order too, so that a pinned set keeps its name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: Literal["all", "annotated"] = "all"
    objects: Literal["all", "first"] = "all"
    start: Literal["video", "first"] = "video"
    lowest: PositiveInt | None = None
    ids: Annotated[tuple[str, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_choice(self) -> Self:
        if self.lowest is not None and self.ids is not None:
            raise ValueError("lowest and ids both choose the videos: keep one of them")
        if self.ids is not None and len(set(self.ids)) != len(self.ids):
            raise ValueError("ids names a video twice")
        return self


def load_sav(root: Path, layout: SavLayout | None = None) -> list[Sequence]:
    """List the videos below a folder; annotations and videos are read when first asked for.

    A video without its annotation beside it, or the other way round, is left out and counted in a
    warning.

    Raises:
        InputError: there is no video, two have the same id, or one of `layout.ids` is missing.
    """
    layout = layout or SavLayout()
    places, incomplete = _find_videos(root)
    if layout.ids is None:
        left = [e for name, e in incomplete.items() if not collect_failure(name, e)]
        if left:
            _log.warning("Left out as incomplete: %d. The first: %s", len(left), left[0])
    if not places:
        raise InputError(
            f"{root} holds no whole video of SA-V's training set: put sav_NNNNNN.mp4 and "
            f"sav_NNNNNN{MANUAL} side by side into it or into any folder below."
        )
    if layout.lowest is not None and len(places) < layout.lowest:
        text = "%s has %d of the %d videos asked for; the name of the set tells it from others"
        _log.warning(text, root, len(places), layout.lowest)

    def open_one(name: str) -> Sequence:
        if name in places:
            return SavSequence(name, places[name] / f"{name}.mp4", layout)
        raise incomplete.get(name) or InputError(
            f"Video {name} of the split's list is not below {root}: add it; "
            "`vot-memory data check` names all that are missing."
        )

    return open_each(_choose(places, layout), open_one)


class SavSequence(Sequence):
    """A video of SA-V; its annotation is read at first access, the video when a frame is."""

    def __init__(self, name: str, video: Path, layout: SavLayout) -> None:
        fps = VIDEO_FPS / (ANNOTATED_EVERY if layout.frames == "annotated" else 1)
        own = {"name": name, "fps": fps, "_path": video, "_layout": layout}
        self.__dict__.update(own)  # the other fields of the frozen dataclass are computed below

    _path: Path
    _layout: SavLayout

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) that the annotation states."""
        return self._clip.size

    @cached_property
    def objects(self) -> tuple[ObjectTrack, ...]:
        """The chosen masklets in the order of the file.

        Raises:
            InputError: the annotation is damaged or contradicts itself, or a masklet never appears.
        """
        return self._clip.objects

    @cached_property
    def labels(self) -> dict[str, int]:
        """`start`: how many video frames come before frame 0, where the layout may cut some."""
        return {"start": self._clip.numbers.start} if self._layout.start == "first" else {}

    @cached_property
    def frames(self) -> SavFrames:
        """Pictures of the video; raises as `objects`."""
        clip = self._clip
        return SavFrames(self._path, clip.numbers, clip.video_length, clip.size)

    @cached_property
    def digest(self) -> str:
        """sha256 of the video's name and length, the annotation's bytes and the layout."""
        layout = self._layout
        digest = digest_listing([self._path])
        digest.update(f"{layout.frames} {layout.objects} {layout.start}\n".encode())
        digest.update(annotation_of(self._path).read_bytes())
        return str(digest.hexdigest())

    @cached_property
    def _clip(self) -> _Clip:
        return _cut(read_annotation(self._path, self._layout.objects == "first"), self._layout)


@dataclass(frozen=True)
class _Clip:
    """What a sequence takes of its video.

    Attributes:
        size: (height, width). video_length: number of frames of the file.
        numbers: which of them the sequence has.
        objects: masklets on those.
    """

    size: tuple[int, int]
    video_length: int
    numbers: range
    objects: tuple[ObjectTrack, ...]


def _cut(annotation: Annotation, layout: SavLayout) -> _Clip:
    first = min(m.appears for m in annotation.masklets) if layout.start == "first" else 0
    step = ANNOTATED_EVERY if layout.frames == "annotated" else 1
    apart = ANNOTATED_EVERY // step  # frames of the sequence from one annotation to the next
    numbers = range(ANNOTATED_EVERY * first, annotation.video_length, step)
    objects = []
    for masklet in annotation.masklets:
        rles: list[RLE | None] = [None] * len(numbers)
        rles[::apart] = masklet.rles[first:]
        objects.append(ObjectTrack(masklet.id, (masklet.appears - first) * apart, tuple(rles)))
    return _Clip(annotation.size, annotation.video_length, numbers, tuple(objects))


class SavFrames:
    """`Frames` of a video file by chosen frame numbers; the file is opened at first access.

    Going forward decodes each frame of the file once. A file that is not the one that was
    annotated raises `InputError`.
    """

    def __init__(self, path: Path, numbers: range, length: int, size: tuple[int, int]) -> None:
        self._path, self._numbers, self._length, self._size = path, numbers, length, size

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        if not 0 <= t < len(self._numbers):
            raise IndexError(f"frame {t} of {len(self._numbers)}")
        return self._video[self._numbers[t]]

    @cached_property
    def _video(self) -> VideoFrames:
        video = VideoFrames(self._path)
        if len(video) != self._length:
            raise InputError(
                f"{self._path} has {len(video)} frames but its annotation was made on "
                f"{self._length}: replace it by a whole copy."
            )
        if video.size != self._size:
            raise InputError(
                f"{self._path} is {describe_size(video.size)} but its annotation is "
                f"{describe_size(self._size)}: replace it by the published video."
            )
        return video


def _find_videos(root: Path) -> tuple[dict[str, Path], dict[str, InputError]]:
    """Folders of videos by id; and what is wrong with incomplete ones.

    Raises:
        InputError: two videos have one id.
    """
    places: dict[str, Path] = {}
    incomplete: dict[str, InputError] = {}
    for top, folders, files in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        place = Path(top)
        here = [name for name in sorted(files) if not name.startswith(".")]
        filmed = {name.removesuffix(".mp4") for name in here if name.endswith(".mp4")}
        annotated = {name.removesuffix(MANUAL) for name in here if name.endswith(MANUAL)}
        for name in sorted(filmed ^ annotated):
            lost = place / f"{name}{MANUAL if name in filmed else '.mp4'}"
            incomplete[name] = InputError(f"{lost} does not exist: unpack its archive again.")
        for name in sorted(filmed & annotated):
            if other := places.get(name):
                raise InputError(
                    f"{other / name}.mp4 and {place / name}.mp4 are one video by their names: "
                    "remove one of them."
                )
            places[name] = place
    return places, incomplete


def _choose(names: Iterable[str], layout: SavLayout) -> list[str]:
    """Ids in the order of the split."""
    if layout.lowest is None and layout.ids is None:
        return sorted(names, key=natural_key)
    ranked = sorted(layout.ids or names, key=lambda name: hashlib.sha256(name.encode()).digest())
    return ranked[: layout.lowest]
