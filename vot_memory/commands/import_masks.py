"""`vot-memory import`: masks that another tracker wrote as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vot_memory.commands.imports import Files, Imported, Masks, store_answers
from vot_memory.datasets.export import frame_names, is_label
from vot_memory.datasets.pictures import VOID, describe_size, read_labels, used_labels
from vot_memory.datasets.rle import RLE, encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError


def import_masks(
    folder: Path, split: str, name: str, out: Path, data: Path | None = None
) -> Imported:
    """Make a run folder of FOLDER/SEQ/FRAME.png (label maps) or FOLDER/SEQ/OBJECT/FRAME.png.

    Frames are called as the pictures are. Every frame after an object's first needs a file; where
    that of the first is missing, what the object began with stands in. A label map of 0 and 255
    alone is the mask of a video's only object.

    Args:
        folder: with a folder a sequence; sequences without one count as missing.
        split: name, or folder of the sequences.
        name: what to call the tracker.
        out: folder of results.
        data: the folder with published data sets.

    Raises:
        InputError: nothing fits, a frame has no file, or a file is no label map of the video's
            size, or holds an object that the video has not.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist: give the folder with one folder a video.")

    def find(sequence: Sequence) -> Files:
        return _find_files(folder / sequence.name, sequence)

    def read(sequence: Sequence, track: ObjectTrack, paths: list[Path]) -> Masks:
        shared = bool(paths) and paths[0].parent == folder / sequence.name
        found = {p.stem: _mask(p, sequence, track.id, shared) for p in paths}
        return [found.get(name) for name in frame_names(sequence)]

    (imported,) = store_answers({name: find}, load_split(split, data=data), out, read)
    return imported


def _find_files(place: Path, sequence: Sequence) -> Files:
    if not place.is_dir():
        return {}
    names = frame_names(sequence)
    apart = any(p.is_dir() for p in place.iterdir())
    files: Files = {}
    for track in sequence.objects:
        if not apart and not is_label(track.id):
            raise InputError(
                f"{place} has label maps, which cannot hold object {track.id} of {sequence.name}: "
                "give a folder of masks an object."
            )
        own = place / track.id if apart else place
        paths = [own / f"{name}.png" for name in names]
        lacking = [t for t in range(track.first_frame + 1, len(paths)) if not paths[t].is_file()]
        if lacking:
            raise InputError(
                f"{paths[lacking[0]]} is missing: add a mask for every frame of object {track.id} "
                f"of {sequence.name} after its first ({len(lacking)} missing)."
            )
        files[track.id] = [path for path in paths[track.first_frame :] if path.is_file()]
    return files


def _mask(path: Path, sequence: Sequence, identity: str, shared: bool) -> RLE:
    labels = read_labels(path)
    if labels.shape != sequence.size:
        raise InputError(
            f"{path} is {describe_size(labels.shape)} but its video is "
            f"{describe_size(sequence.size)}: give masks of the pictures' size."
        )
    return encode(_of_object(path, labels, sequence, identity) if shared else labels)


def _of_object(
    path: Path, labels: NDArray[np.uint8], sequence: Sequence, identity: str
) -> NDArray[np.bool_]:
    """The object's pixels in a label map; a label of no object means that ids were confused."""
    known = {int(track.id) for track in sequence.objects}
    used = set(used_labels(labels))
    label = VOID if len(known) == 1 and used == {VOID} else int(identity)
    if strange := sorted(used - known - {label}):
        raise InputError(
            f"{path} has an object {strange[0]} but {sequence.name} has "
            f"{', '.join(map(str, sorted(known)))}: number objects as the data set does."
        )
    mask: NDArray[np.bool_] = labels == label
    return mask
