"""The folder layout of video object segmentation data sets.

    ROOT/JPEGImages/[480p/]SEQ/00000.jpg ...
    ROOT/Annotations/[480p/]SEQ/00000.png ...        label maps: DAVIS, MOSE, LVOS, YouTube-VOS
    ROOT/Annotations_6fps/SEQ/OBJ/00000.png ...      a folder of masks an object: SA-V

A folder JPEGImages_30fps says the frame rate, unless the layout does.
Frames pair with annotations by file name without suffix. In a label map 0 is background and 255 is
void, which counts as background; only where 255 is a sequence's sole label (the binary masks of
DAVIS 2016) it is object "1". A frame without an annotation file is not annotated. meta.json is not
needed and not read.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from vot_memory.datasets.loading import read_names
from vot_memory.datasets.pictures import (
    VOID,
    PictureFrames,
    describe_size,
    digest_listing,
    list_pictures,
    natural_key,
    read_labels,
    used_labels,
)
from vot_memory.datasets.rle import RLE, encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.errors import InputError

_RATE = re.compile(r"JPEGImages_([1-9]\d*(?:\.\d+)?)fps")
MaskFiles = dict[str, dict[int, Path]]  # object id ("" for label maps of all objects) -> by frame


class VosLayout(BaseModel):
    """How to read a folder; everything has a default that suits most data sets.

    Attributes:
        frames: folder of the frames below ROOT, if it is not called JPEGImages or JPEGImages_*.
        annotations: folder of the masks below ROOT, if it is not called Annotations or
            Annotations_*.
        resolution: subfolder of both ("480p"); found where there is one.
        image_set: text file under ROOT with a sequence name a line; None takes every sequence.
        truth: "all" if annotation files show every object; "first" if an object is only annotated
            where it appears first (validation sets whose truth is on a server).
        merge: all objects together are one object, "1" (DAVIS 2016).
        fps: frames per second of the pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    frames: str | None = None
    annotations: str | None = None
    resolution: str | None = None
    image_set: str | None = None
    truth: Literal["all", "first"] = "all"
    merge: bool = False
    fps: float = 24.0


@dataclass(frozen=True)
class VosFolder:
    """Where the parts of a VOS folder are.

    Attributes:
        frames: its subfolders are the videos.
        masks: its subfolders are their annotations.
        names: the sequences, in the order of their list or in numeric order.
        layout: how to read them.
    """

    frames: Path
    masks: Path
    names: tuple[str, ...]
    layout: VosLayout

    @property
    def strays(self) -> list[str]:
        """Names that have annotations but no frames; none are looked for if there is a list."""
        if self.layout.image_set:
            return []
        return sorted(set(subfolders(self.masks)) - set(self.names))


def load_vos(root: Path, layout: VosLayout | None = None) -> list[Sequence]:
    """List the sequences of a folder; pictures and masks are read when first asked for.

    Raises:
        InputError: the folder has not the layout of this module, or a sequence lacks frames or
            annotations, or an annotation has no frame.
    """
    folder = find_vos(root, layout or VosLayout())
    for name in folder.strays:
        raise InputError(
            f"{folder.masks / name} has annotations but {folder.frames / name} does not exist: "
            "add its frames or remove it."
        )
    return [
        VosSequence(name, folder.frames / name, folder.masks / name, folder.layout)
        for name in folder.names
    ]


def find_vos(root: Path, layout: VosLayout) -> VosFolder:
    """Find the parts of a folder without looking into its sequences.

    Raises:
        InputError: frames, annotations or the list of sequences are not there.
    """
    frames = _find_branch(root, "JPEGImages", layout.frames)
    masks = _find_branch(root, "Annotations", layout.annotations)
    if "fps" not in layout.model_fields_set and (rate := _RATE.fullmatch(frames.name)):
        layout = layout.model_copy(update={"fps": float(rate[1])})
    resolution = layout.resolution or _find_resolution(frames)
    if resolution:
        frames /= resolution
        masks = masks / resolution if (masks / resolution).is_dir() else masks
    if not frames.is_dir():
        raise InputError(f"{frames} does not exist: add the frames in this resolution.")
    names = read_names(root / layout.image_set) if layout.image_set else subfolders(frames)
    if not names:
        raise InputError(f"{frames} has no sequences: put one folder of frames a video there.")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(
            f"{root / str(layout.image_set)} names {twice[0]} twice: remove one of the lines."
        )
    return VosFolder(frames, masks, tuple(names), layout)


class VosSequence(Sequence):
    """A sequence of a VOS folder; `size`, `objects` and `digest` are read at first access."""

    def __init__(self, name: str, frames: Path, masks: Path, layout: VosLayout) -> None:
        for folder in (frames, masks):
            if not folder.is_dir():
                raise InputError(
                    f"Sequence {name} has no folder {folder}: add it or leave the sequence out."
                )
        paths = list_pictures(frames)
        own = {
            "name": name,
            "frames": PictureFrames(paths),
            "fps": layout.fps,
            "labels": {},
            "_folder": masks,
            "_files": _find_masks(masks, [p.stem for p in paths]),
            "_layout": layout,
        }
        self.__dict__.update(own)  # the other fields of the frozen dataclass are computed below

    frames: PictureFrames
    _folder: Path
    _files: MaskFiles
    _layout: VosLayout

    @cached_property
    def size(self) -> tuple[int, int]:
        """(height, width) of the first picture."""
        return self.frames.size

    @cached_property
    def objects(self) -> tuple[ObjectTrack, ...]:
        """Tracks in numeric order of their ids.

        Raises:
            InputError: an annotation is unreadable or has not the pictures' size, or an object
                never appears.
        """
        if "" in self._files:
            masks = self._split_label_maps(self._files[""])
        else:
            masks = {
                identity: {t: encode(self._read(path)) for t, path in files.items()}
                for identity, files in self._files.items()
            }
        if not masks:
            raise InputError(
                f"No object appears in the annotations {self._folder}: leave the sequence out."
            )
        return tuple(self._track(i, masks[i]) for i in sorted(masks, key=natural_key))

    @cached_property
    def digest(self) -> str:
        """sha256 of the pictures' names and lengths, the annotations' bytes and the layout."""
        digest = digest_listing(self.frames.paths)
        digest.update(f"{self._layout.truth} {self._layout.merge} {self._layout.fps}\n".encode())
        for identity, files in self._files.items():
            for t, path in files.items():
                digest.update(f"{identity} {t}\n".encode())
                digest.update(path.read_bytes())
        return str(digest.hexdigest())

    def _split_label_maps(self, files: dict[int, Path]) -> dict[str, dict[int, RLE]]:
        """Masks by object and annotated frame; an object that a map lacks has an empty mask."""
        nothing = encode(np.zeros(self.size, dtype=np.uint8))
        found: dict[int, dict[int, RLE]] = {}
        for t, path in files.items():
            for label, rle in self._masks_of(self._read(path)):
                found.setdefault(label, {})[t] = rle
        if set(found) == {VOID}:
            found = {1: found[VOID]}
        found.pop(VOID, None)
        return {
            str(label): {t: rles.get(t, nothing) for t in files} for label, rles in found.items()
        }

    def _masks_of(self, labels: NDArray[np.uint8]) -> Iterator[tuple[int, RLE]]:
        if self._layout.merge:
            labels = (labels != 0).astype(np.uint8)
        for label in used_labels(labels):
            yield label, encode(labels == label)

    def _read(self, path: Path) -> NDArray[np.uint8]:
        labels = read_labels(path)
        if labels.shape != self.size:
            raise InputError(
                f"{path} is {describe_size(labels.shape)} but its frames are "
                f"{describe_size(self.size)}: give annotations of the frames' size."
            )
        return labels

    def _track(self, identity: str, masks: dict[int, RLE]) -> ObjectTrack:
        from pycocotools import mask as coco

        first = next((t for t, rle in masks.items() if coco.area(rle) > 0), None)
        if first is None:
            raise InputError(
                f"Object {identity} never appears in {self._folder}: remove its annotations."
            )
        if self._layout.truth == "first":
            masks = {first: masks[first]}
        return ObjectTrack(identity, first, tuple(masks.get(t) for t in range(len(self.frames))))


def _find_branch(root: Path, kind: str, place: str | None) -> Path:
    """ROOT/place if that is given, else ROOT/kind, or the only ROOT/kind_* (SA-V's frame rate)."""
    if place is not None:
        if not (root / place).is_dir():
            raise InputError(f"{root / place} does not exist: unpack that part of the data there.")
        return root / place
    if (root / kind).is_dir():
        return root / kind
    choices = sorted(p.name for p in root.glob(f"{kind}_*") if p.is_dir())
    if not choices:
        raise InputError(
            f"{root} is not a VOS folder, since it has no {kind}: arrange it as "
            "JPEGImages/SEQUENCE/*.jpg and Annotations/SEQUENCE/*.png."
        )
    if len(choices) > 1:
        raise InputError(
            f"{root} has several folders of {kind} ({', '.join(choices)}): keep one of them there."
        )
    return root / choices[0]


def _find_resolution(frames_root: Path) -> str | None:
    """The subfolder that stands between JPEGImages and the sequences, if there is one."""
    choices = [
        name
        for name in subfolders(frames_root)
        if os.access(frames_root / name, os.R_OK | os.X_OK) and subfolders(frames_root / name)
    ]  # who opens a closed sequence is told
    if len(choices) > 1:
        raise InputError(
            f"{frames_root} has several resolutions ({', '.join(choices)}): "
            f"choose one by giving its folder, such as {frames_root / choices[0]}."
        )
    return choices[0] if choices else None


def _find_masks(folder: Path, frame_names: list[str]) -> MaskFiles:
    """Annotation files of a sequence by object and frame index, in order."""
    objects = subfolders(folder)
    index = {name: t for t, name in enumerate(frame_names)}
    files: MaskFiles = {}
    for identity in objects or [""]:
        paths = list_pictures(folder / identity)
        if lost := next((p for p in paths if p.stem not in index), None):
            raise InputError(f"{lost} annotates a frame that does not exist: add it or remove it.")
        files[identity] = {index[p.stem]: p for p in paths}
    return files


def subfolders(folder: Path) -> list[str]:
    """Names of the visible folders in a folder, in numeric order."""
    found = [p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    return sorted(found, key=natural_key)
