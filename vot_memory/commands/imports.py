"""Answers of other programs as results that reports score like any other.

Nobody can tell what made them, so their identity says "imported" and "unknown": they have tables
of their own. Only masks are known of them; speed is not taken over.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vot_memory.building import Building
from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.datasets.vot_regions import Rectangle, rle_of_region
from vot_memory.errors import InputError
from vot_memory.results import COLUMNS, IMPORTED, Identity, Record, Store

Files = dict[str, list[Path]]  # object id -> what its masks are read from
Masks = list[RLE | None]


@dataclass(frozen=True)
class Imported:
    """What became of the answers of one tracker.

    Attributes:
        folder: of the results.
        sequences: how many were taken.
        missing: sequences of the split for which there was nothing.
    """

    folder: Path
    sequences: int
    missing: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What to tell the user."""
        text = f"videos: {self.sequences}, results are in {self.folder}"
        if self.missing:
            text += f"; nothing there of {len(self.missing)} more ({self.missing[0]} first)"
        return text


def store_answers(
    trackers: Mapping[str, Callable[[Sequence], Files]],
    split: Split,
    out: Path,
    read: Callable[[Sequence, ObjectTrack, list[Path]], Masks],
) -> list[Imported]:
    """Read all answers of trackers and write each as a run folder: all of them or nothing.

    Args:
        trackers: by name, what finds the files of each object of a sequence; empty if there is none
            of the sequence.
        split: what they were run on.
        out: folder of results.
        read: masks of an object from its files, one a frame; frames before its first do not
            matter, and None on its first takes what it began with.

    Raises:
        InputError: a tracker has no answer at all, or what reads and finds them raises.
    """
    made = []
    with Building(out / IMPORTED) as scaffold:
        store = Store(scaffold)
        for name, find in trackers.items():
            found = {s.name: files for s in split.sequences if (files := find(s))}
            if not found:
                raise InputError(
                    f"There are no answers of {name} on {split.name}: give the folder that has one "
                    f"folder a video, such as {split.sequences[0].name}."
                )
            folder = store.run(_identity(name, split, _digest(found)))
            for sequence in split.sequences:
                if sequence.name in found:
                    folder.write(*_records(name, sequence, found[sequence.name], read))
            missing = tuple(s.name for s in split.sequences if s.name not in found)
            made.append(Imported(folder.path.relative_to(scaffold), len(found), missing))
        for imported in made:
            target = out / imported.folder
            shutil.rmtree(target, ignore_errors=True)  # of the same files: an earlier import
            target.parent.mkdir(parents=True, exist_ok=True)
            (scaffold / imported.folder).replace(target)
        shutil.rmtree(scaffold)  # all that was in it has its own place
    return [replace(imported, folder=out / imported.folder) for imported in made]


def prompt_mask(sequence: Sequence, track: ObjectTrack) -> RLE:
    """What an object begins with, as a mask; of a box all pixels in it."""
    rle, box = track.rles[track.first_frame], None
    if track.boxes is not None:
        box = track.boxes[track.first_frame]
    if box is not None:
        return rle_of_region(Rectangle(*box), sequence.size)
    if rle is None:
        raise InputError(f"Object {track.id} of {sequence.name} has no prompt: annotate it.")
    return rle


def _records(
    name: str,
    sequence: Sequence,
    files: Files,
    read: Callable[[Sequence, ObjectTrack, list[Path]], Masks],
) -> Iterable[Record]:
    for track in sequence.objects:
        masks = read(sequence, track, files[track.id])
        if masks[track.first_frame] is None:
            masks[track.first_frame] = prompt_mask(sequence, track)
        counts = [
            None if rle is None or t < track.first_frame else rle["counts"]
            for t, rle in enumerate(masks)
        ]
        unknown = dict.fromkeys(COLUMNS[1:], [None] * len(sequence))
        yield Record.model_validate(
            {
                "sequence": sequence.name,
                "object": track.id,
                "policy": name,
                "first_frame": track.first_frame,
                "num_frames": len(sequence),
                "size": sequence.size,
                "offline": False,
                "masks": counts,
                **unknown,
            }
        )


def _identity(name: str, split: Split, digest: str) -> Identity:
    return Identity(
        tracker=IMPORTED,
        model="unknown",
        image_size=0,
        dtype="unknown",
        protocol="release",
        prompt=split.prompt or "mask",
        policy=name,
        policy_config={},
        policy_source=digest,
        dataset=split.name,
        dataset_digest=split.digest,
        seed=0,
        non_overlap=False,
    )


def _digest(found: dict[str, Files]) -> str:
    """sha256 of all files, with what they are taken for."""
    digest = hashlib.sha256()
    for sequence, files in sorted(found.items()):
        for identity, paths in sorted(files.items()):
            for path in paths:
                digest.update(f"{sequence} {identity} {path.name} {path.stat().st_size}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
