"""Walks through a VOS folder to find everything that is wrong with it.

The lists of objects that YouTube-VOS (`meta.json`) and LVOS (`valid_meta.json`) publish, and that
the loader does not need, are compared with the masks where they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vot_memory.datasets.checks import (
    Checked,
    Finding,
    check_pictures,
    missing_frames,
    number_gaps,
    truth_gaps,
)
from vot_memory.datasets.pictures import (
    VOID,
    check_whole,
    describe_size,
    find_pictures,
    name_fault,
    natural_key,
    read_labels,
    used_labels,
)
from vot_memory.datasets.vos import VosFolder, VosLayout, subfolders
from vot_memory.errors import InputError

Announced = Mapping[str, Mapping[str, Any]]  # sequence -> object id -> what the file says of it


@dataclass
class _Masks:
    """Annotations of a sequence as read: which object is seen in which frame.

    Attributes:
        annotated: frame names by object, "" for label maps, which annotate all objects.
        seen: names of the frames that show an object, by its id, in order.
    """

    annotated: dict[str, list[str]] = field(default_factory=dict)
    seen: dict[str, list[str]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def check_vos_sequence(
    folder: VosFolder,
    name: str,
    announced: Announced,
    *,
    quick: bool = False,
    declared: bool = False,
) -> Checked:
    """Look at all files of one sequence.

    Args:
        folder: of the data set.
        name: the sequence.
        announced: objects by sequence, from `read_meta`.
        quick: read headers of pictures; objects are not told then.
        declared: the layout stands in datasets.yaml, so that truth must be what it says.
    """
    frames_dir, masks_dir = folder.frames / name, folder.masks / name
    if absent := [place for place in (frames_dir, masks_dir) if not place.is_dir()]:
        gone = tuple(Finding("sequence", f"{place} does not exist.") for place in absent)
        return Checked(name, 0, None, gone)
    frames, findings = _pictures(frames_dir)
    paths = list(frames.values())
    findings += missing_frames(paths)
    size, unreadable = check_pictures(paths, quick=quick)
    findings += unreadable
    masks = _read_masks(masks_dir, frames, size, quick=quick)
    findings += masks.findings
    if folder.layout.truth == "all":
        findings += _check_gaps(masks, list(frames), declared=declared)
    if not quick:
        findings += _check_objects(masks, masks_dir, folder.layout)
        if not folder.layout.merge:
            findings += _compare(masks.seen, announced.get(name, {}), list(frames))
    return Checked(name, len(frames), None if quick else len(masks.seen), tuple(findings))


def read_meta(root: Path) -> tuple[dict[str, dict[str, Any]], list[Finding]]:
    """Objects by sequence as the JSON files of a folder announce them; and which are damaged."""
    announced: dict[str, dict[str, Any]] = {}
    findings = []
    for path in sorted([*root.glob("meta.json"), *root.glob("*_meta.json")]):
        try:
            videos = json.loads(path.read_text(encoding="utf-8"))["videos"]
            for name, video in videos.items():
                announced[name] = dict(video["objects"])
        except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
            findings.append(Finding("sequence", f"{path} cannot be read as JSON ({error})."))
        except (KeyError, TypeError, AttributeError, ValueError):
            text = f"{path} is not compared: it is not like that of YouTube-VOS or LVOS."
            findings.append(Finding("sequence", text, problem=False))
    return announced, findings


def _pictures(folder: Path) -> tuple[dict[str, Path], list[Finding]]:
    """Pictures by frame name in numeric order, one of those that are the same frame."""
    found = find_pictures(folder)
    pictures: dict[str, Path] = {}
    findings = []
    if not found:
        findings.append(Finding("frames", f"{folder} has no pictures."))
    findings += _misnamed(folder, found)
    for path in found:
        if (twin := pictures.setdefault(path.stem, path)) is not path:
            text = f"{folder} has frame {path.stem} twice: {twin.name} and {path.name}."
            findings.append(Finding("frames", text))
    return pictures, findings


def _misnamed(folder: Path, pictures: list[Path]) -> Iterator[Finding]:
    """Names that are not UTF-8: that of the folder, else those in it."""
    wrong = [folder] if name_fault(folder) else pictures
    yield from (Finding("frames", fault) for path in wrong if (fault := name_fault(path)))


def _read_masks(
    folder: Path, frames: Mapping[str, Path], size: tuple[int, int] | None, *, quick: bool
) -> _Masks:
    masks = _Masks()
    objects = subfolders(folder)
    lost = _between(list(frames))
    for identity in objects or [""]:
        pictures, findings = _pictures(folder / identity)
        masks.findings += findings
        masks.annotated[identity] = [name for name in pictures if name in frames]
        masks.findings += _strays([pictures[n] for n in pictures if n not in lost | frames.keys()])
        if objects:
            masks.seen[identity] = []
        for name in masks.annotated[identity]:
            try:
                labels = _labels(pictures[name], size, quick=quick)
            except InputError as error:
                masks.findings.append(Finding("annotations", str(error)))
                continue
            shown = [identity] if objects and labels else [str(label) for label in labels]
            for each in shown:
                masks.seen.setdefault(each, []).append(name)
    return masks


def _strays(paths: list[Path]) -> Iterator[Finding]:
    """Annotations of frames that are not there, but for gaps, which are named as such."""
    if len(paths) == 1:
        yield Finding("annotations", f"{paths[0]} annotates a frame that does not exist.")
    elif paths:
        text = f"{len(paths)} files of {paths[0].parent} annotate frames that do not exist: "
        yield Finding("annotations", f"{text}{paths[0].name} to {paths[-1].name}.")


def _labels(path: Path, size: tuple[int, int] | None, *, quick: bool) -> list[int]:
    """The labels of an annotation but 0, from small to large; none if only its header is read."""
    labels: list[int] = []
    if quick:
        found = check_whole(path, decode=False, labels=True)
    else:
        picture = read_labels(path)
        found = (picture.shape[0], picture.shape[1])
        labels = used_labels(picture)
    if size is not None and found != size:
        raise InputError(
            f"{path} is {describe_size(found)} but its frames are {describe_size(size)}."
        )
    return labels


def _check_gaps(masks: _Masks, frames: list[str], *, declared: bool) -> Iterator[Finding]:
    index = {name: t for t, name in enumerate(frames)}
    for identity, names in masks.annotated.items():
        who = f"Object {identity}" if identity else "The video"
        if declared and len(names) == 1 < len(frames):
            yield Finding("annotations", f"{who} is annotated in frame {names[0]} only.")
        else:
            annotated = [index[name] for name in names]
            yield from truth_gaps(who, annotated, len(frames), allowed=False, names=frames)


def _check_objects(masks: _Masks, folder: Path, layout: VosLayout) -> Iterator[Finding]:
    """Objects that never appear; labels become objects as the loader makes them."""
    if "" in masks.annotated:
        void = masks.seen.pop(str(VOID), None)
        if void and not masks.seen:
            masks.seen["1"] = void
        if layout.merge and masks.seen:
            masks.seen = {"1": sorted({n for names in masks.seen.values() for n in names})}
    if not any(masks.seen.values()):
        yield Finding("objects", f"No object appears in {folder}.")
        return
    for identity, names in masks.seen.items():
        if not names:
            yield Finding("objects", f"Object {identity} never appears.")


def _compare(
    seen: Mapping[str, list[str]], announced: Mapping[str, Any], frames: list[str]
) -> Iterator[Finding]:
    """Objects and frames that masks and meta.json do not agree on."""
    if not announced:
        return
    for identity in sorted(announced.keys() - seen.keys(), key=natural_key):
        yield Finding("objects", f"Object {identity} is announced but no mask shows it.")
    for identity, names in seen.items():
        if names and identity not in announced:
            text = f"Object {identity} is not announced but shows in frame {names[0]}."
            yield Finding("objects", text)
    known = {*frames, *_between(frames)}
    listed = {n for about in announced.values() for n in _listed_frames(about) if n not in known}
    for name in sorted(listed, key=natural_key):
        yield Finding("frames", f"Frame {name} is announced but not there.")


def _between(frames: list[str]) -> set[str]:
    """Frames that gaps in the numbers show to be missing, which are named as such."""
    return {name for _, _, between in number_gaps(frames) for name in between}


def _listed_frames(about: Any) -> list[str]:
    """The frames in which YouTube-VOS says that an object is; other data sets list none."""
    frames = about.get("frames") if isinstance(about, dict) else None
    return [str(name) for name in frames] if isinstance(frames, list) else []
