"""Data sets from one folder layout into another, without losing a mask.

Pictures that are JPEG or PNG files are copied as they are, byte by byte, under their new names;
others are written as PNG. Nothing is compressed anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np

from vot_memory.building import Building, check_new_folder
from vot_memory.datasets.export import export_vos, frame_names, is_label
from vot_memory.datasets.pictures import PictureFrames
from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import Box, ObjectTrack, Sequence
from vot_memory.datasets.vos import VosLayout
from vot_memory.datasets.vot import IGNORED, LISTS, METADATA, SINGLE
from vot_memory.datasets.vot_regions import UNKNOWN, Rectangle, Region, format_region, mask_region
from vot_memory.errors import InputError, unknown

Format = Literal["vot", "vos", "sav"]
JPEG: Final = frozenset({".jpg", ".jpeg"})


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes:
        sequences, frames: how many.
        encoded: frames that were written as PNG, since they were no JPEG or PNG files.
        lost: what the layout cannot hold, in words.
    """

    sequences: int
    frames: int
    encoded: int
    lost: tuple[str, ...]


def convert(
    sequences: Seq[Sequence],
    out: Path,
    to: str,
    *,
    source: Path | None = None,
    link: bool = False,
    done: Callable[[str], None] = lambda name: None,
) -> Converted:
    """Write sequences into a new folder: the whole of it or nothing.

    `vot`: as `vot_memory.datasets.vot` reads them; an only object called 1 is in groundtruth.txt.
    `vos`: as `vot_memory.datasets.vos` does; label maps where no pixel belongs to several objects,
    all are annotated on the same frames and called 1 to 254, else a folder an object. `sav`: always
    a folder an object. A frame rate that all share stands in the folder's name, JPEGImages_30fps.

    Args:
        sequences: what to write.
        out: where; must be new or empty.
        to: vot, vos or sav.
        source: the data set's own folder, in which `out` must not lie.
        link: symbolic links to JPEG and PNG files instead of copies.
        done: is told the name of each finished sequence.

    Raises:
        InputError: `out` holds something or lies in `source`, boxes would have to be masks, or a
            sequence is damaged.
    """
    if to not in get_args(Format):
        raise unknown("format", to, get_args(Format))
    if source and out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out} lies in {source}, which is read: give a folder beside it.")
    check_new_folder(out)
    frames = _vos_frames_folder(sequences)
    encoded = 0
    with Building(out) as building:
        building.mkdir(parents=True)
        for sequence in sequences:
            if to == "vot":
                encoded += _write_vot(sequence, building / sequence.name, link)
            else:
                encoded += _write_vos(sequence, building, frames, to == "sav", link)
            done(sequence.name)
        if to == "vot":
            names = "".join(f"{sequence.name}\n" for sequence in sequences)
            (building / LISTS[0]).write_text(names, encoding="utf-8")
    lost = _lost_by_vot(sequences) if to == "vot" else _lost_by_vos(sequences, frames)
    return Converted(len(sequences), sum(map(len, sequences)), encoded, lost)


def _write_vot(sequence: Sequence, folder: Path, link: bool) -> int:
    suffix, encoded = _write_frames(sequence, folder / "color", vot_names(len(sequence)), link)
    height, width = sequence.size
    metadata = {
        "channels.color": f"color/%08d{suffix}",
        "format": "default",
        "fps": _rate(sequence.fps),
        "name": sequence.name,
        "width": width,
        "height": height,
        "length": len(sequence),
    }
    lines = [f"{key}={value}" for key, value in metadata.items()]
    _write_lines(folder / METADATA, lines)
    tracks = sequence.objects
    single = [track.id for track in tracks] == [SINGLE]
    for track in tracks:
        name = "groundtruth.txt" if single else f"groundtruth_{track.id}.txt"
        _write_lines(folder / name, [format_region(region) for region in _regions(track)])
    if sequence.ignore is not None:
        regions = [_region(rle) for rle in sequence.ignore]
        _write_lines(folder / f"groundtruth_{IGNORED}.txt", map(format_region, regions))
    for name, values in sequence.labels.items():
        if _is_per_frame(values, sequence):
            kind = "tag" if values.dtype == bool else "value"
            text = [str(int(v)) if kind == "tag" else repr(float(v)) for v in values]
            _write_lines(folder / f"{name}.{kind}", text)
    return encoded


def vot_names(count: int) -> list[str]:
    """Names of frames without suffix in VOT's format, which counts from 1."""
    return [f"{t:08d}" for t in range(1, count + 1)]


def _regions(track: ObjectTrack) -> list[Region]:
    if track.boxes is not None:
        return [_region(box) for box in track.boxes]
    return [_region(rle) for rle in track.rles]


def _region(truth: RLE | Box | None) -> Region:
    if truth is None:
        return UNKNOWN
    return mask_region(truth) if isinstance(truth, dict) else Rectangle(*truth)


def _write_vos(sequence: Sequence, root: Path, frames: str, apart: bool, link: bool) -> int:
    tracks = sequence.objects
    if boxed := next((track.id for track in tracks if track.boxes is not None), None):
        raise InputError(
            f"Object {boxed} of {sequence.name} is annotated by boxes, which PNG masks cannot "
            "hold: convert to vot."
        )
    names = frame_names(sequence)
    _, encoded = _write_frames(sequence, root / frames / sequence.name, names, link)
    masks = {track.id: track.rles for track in tracks}
    place = root / "Annotations" / sequence.name
    apart = apart or not _fits_label_maps(tracks)
    export_vos(masks, sequence.size, place, names, apart=apart)
    return encoded


def _fits_label_maps(tracks: Seq[ObjectTrack]) -> bool:
    """Whether a label map a frame says the same as a mask an object."""
    from pycocotools import mask as coco

    if not all(is_label(track.id) for track in tracks):
        return False
    for rles in zip(*(track.rles for track in tracks), strict=True):
        annotated = [rle for rle in rles if rle is not None]
        if annotated and len(annotated) < len(rles):
            return False
        if len(annotated) > 1 and coco.area(coco.merge(annotated)) < coco.area(annotated).sum():
            return False
    return True


def _write_frames(sequence: Sequence, folder: Path, names: Seq[str], link: bool) -> tuple[str, int]:
    """Copy or encode the pictures; returns their suffix and how many were encoded."""
    folder.mkdir(parents=True)
    if isinstance(sequence.frames, PictureFrames):
        paths = sequence.frames.paths
        suffixes = {".jpg" if p.suffix.lower() in JPEG else p.suffix.lower() for p in paths}
        if suffixes in ({".jpg"}, {".png"}):
            suffix = suffixes.pop()
            for path, name in zip(paths, names, strict=True):
                target = folder / f"{name}{suffix}"
                if link:
                    target.symlink_to(path.resolve())
                else:
                    shutil.copyfile(path, target)
            return suffix, 0
    from PIL import Image

    for t, name in enumerate(names):
        Image.fromarray(sequence.frames[t]).save(folder / f"{name}.png")
    return ".png", len(names)


def _write_lines(path: Path, lines: Seq[str] | map[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _is_per_frame(values: object, sequence: Sequence) -> bool:
    return isinstance(values, np.ndarray) and values.shape == (len(sequence),)


def _vos_frames_folder(sequences: Seq[Sequence]) -> str:
    """JPEGImages, with the frame rate in its name if it is one and not the usual."""
    rates = {sequence.fps for sequence in sequences}
    if len(rates) == 1 and (rate := rates.pop()) != VosLayout().fps and rate >= 1:
        return f"JPEGImages_{_rate(rate)}fps"
    return "JPEGImages"


def _rate(fps: float) -> str:
    return str(int(fps)) if float(fps).is_integer() else repr(float(fps))


def _lost_by_vot(sequences: Seq[Sequence]) -> tuple[str, ...]:
    names = {
        name
        for sequence in sequences
        for name, values in sequence.labels.items()
        if not _is_per_frame(values, sequence)
    }
    return (f"labels that are not per frame ({', '.join(sorted(names))})",) if names else ()


def _lost_by_vos(sequences: Seq[Sequence], frames: str) -> tuple[str, ...]:
    usual = VosLayout().fps
    lost = {
        "labels": any(sequence.labels for sequence in sequences),
        "ignored pixels": any(sequence.ignore is not None for sequence in sequences),
        "frame rates, which differ": frames == "JPEGImages"
        and any(sequence.fps != usual for sequence in sequences),
    }
    return tuple(name for name, is_lost in lost.items() if is_lost)
