"""What is wrong with a sequence on disk, found without stopping at the first fault.

`check_sequence` looks at any sequence through its interface. The loaders stop at the first fault
of a sequence; `vot_memory.datasets.vos_checks` walks through VOS folders to find all of them.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

from vot_memory.datasets.loading import collecting_failures
from vot_memory.datasets.pictures import check_whole, describe_size
from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import ObjectTrack, Sequence, has_area
from vot_memory.errors import InputError

MOST_RUNS = 8  # gaps in the truth of one object that are named
Kind = Literal["sequence", "frames", "annotations", "objects", "counts"]


@dataclass(frozen=True)
class Finding:
    """One fault, or one fact that may explain a surprise.

    Attributes:
        kind: what it is about.
        text: one sentence that names file, frame or object.
        problem: False for what the format allows.
    """

    kind: Kind
    text: str
    problem: bool = True


@dataclass(frozen=True)
class Checked:
    """What there is of one sequence, and what is wrong with it.

    Attributes:
        objects: None where they could not be told.
    """

    name: str
    frames: int
    objects: int | None
    findings: tuple[Finding, ...]


def check_sequence(sequence: Sequence, *, quick: bool = False, gaps: bool = False) -> Checked:
    """Look at all frames and the whole truth of a sequence.

    Args:
        sequence: of any loader.
        quick: read headers of pictures, and one frame of videos.
        gaps: the format leaves frames without annotation as it likes.
    """
    findings: list[Finding] = []
    frames, objects = 0, None
    with collecting_failures() as failures:
        try:
            frames = len(sequence)
            findings += check_frames(sequence, quick=quick)
            findings += _check_truth(sequence, gaps=gaps)
            objects = len(sequence.objects)
        except InputError as error:
            if str(error) not in {finding.text for finding in findings}:  # a frame named above
                findings.append(Finding("annotations", str(error)))
    findings += [Finding("annotations", str(error)) for error in failures.values()]
    if objects == 0 and not failures:
        findings.append(Finding("objects", "No object is annotated."))
    return Checked(sequence.name, frames, objects, tuple(findings))


def _check_truth(sequence: Sequence, *, gaps: bool) -> Iterator[Finding]:
    size, tracks, ignore = sequence.size, sequence.objects, sequence.ignore
    _ = sequence.labels  # some loaders read them here
    for identity, count in Counter(track.id for track in tracks).items():
        if count > 1:
            yield Finding("objects", f"Object {identity} is there {count} times.")
    for track in tracks:
        yield from check_track(track, len(sequence), size, gaps=gaps)
    if ignore is not None:
        yield from _check_masks("The mask of ignored pixels", ignore, sequence)


def check_frames(sequence: Sequence, *, quick: bool) -> Iterator[Finding]:
    """Frames that cannot be read or differ in size; and gaps in the numbers of picture files."""
    if paths := getattr(sequence.frames, "paths", None):
        yield from missing_frames(paths)
        yield from check_pictures(paths, quick=quick)[1]
        return
    for t in range(min(1, len(sequence)) if quick else len(sequence)):
        try:
            size = sequence.frames[t].shape[:2]
        except InputError as error:
            yield Finding("frames", str(error))
            return  # what follows in a damaged video is no news
        if size != tuple(sequence.size):
            yield Finding(
                "frames",
                f"Frame {t} is {describe_size(size)} but the video is "
                f"{describe_size(sequence.size)}.",
            )


def check_pictures(
    paths: Seq[Path], *, quick: bool
) -> tuple[tuple[int, int] | None, list[Finding]]:
    """Read pictures of one sequence.

    Returns:
        The (height, width) that most of them have, None if none can be read; and what is wrong.
    """
    sizes: dict[Path, tuple[int, int]] = {}
    findings = []
    for path in paths:
        try:
            sizes[path] = check_whole(path, decode=not quick)
        except InputError as error:
            findings.append(Finding("frames", str(error)))
    if not sizes:
        return None, findings
    ((usual, count),) = Counter(sizes.values()).most_common(1)
    findings += [
        Finding(
            "frames",
            f"{path} is {describe_size(size)} but {count} of the {len(sizes)} frames are "
            f"{describe_size(usual)}.",
        )
        for path, size in sizes.items()
        if size != usual
    ]
    return usual, findings


def missing_frames(paths: Seq[Path]) -> Iterator[Finding]:
    """Jumps in the numbers of file names, beside the usual step from one to the next."""
    for before, after, missing in number_gaps([path.stem for path in paths]):
        yield Finding(
            "frames",
            f"{_listed('Frame', missing)} missing: {paths[0].parent} goes from {before} to "
            f"{after}.",
        )


def number_gaps(names: Seq[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Gaps in numbered names, such as 00003, 00004, 00007.

    Names count up by their usual step (5 in 00000, 00005, 00010: YouTube-VOS at 6 frames a
    second). Names that are not all one prefix and a number have no gaps.

    Yields:
        The name before the gap, the name behind it, and those that would stand between.
    """
    parts = [re.fullmatch(r"(.*?)(\d+)", name) for name in names]
    whole = [part for part in parts if part]
    if len(whole) != len(names) or len({part[1] for part in whole}) > 1:
        return
    numbers = [int(part[2]) for part in whole]
    step = usual_step(numbers)
    for i, (here, there) in enumerate(itertools.pairwise(numbers)):
        if step and there - here > step:
            width = len(whole[i][2])
            between = range(here + step, there, step)
            yield names[i], names[i + 1], [f"{whole[i][1]}{n:0{width}d}" for n in between]


def usual_step(numbers: Seq[int]) -> int:
    """The most frequent difference of neighbours, the least of equals; 0 of fewer than three."""
    steps = Counter(b - a for a, b in itertools.pairwise(numbers))
    if len(numbers) < 3:
        return 0
    return min(steps, key=lambda step: (-steps[step], step))


def check_track(
    track: ObjectTrack, frames: int, size: tuple[int, int], *, gaps: bool
) -> Iterator[Finding]:
    """Truth that does not fit its video."""
    who = f"Object {track.id}"
    truth: Seq[object] = track.rles if track.boxes is None else track.boxes
    if len(truth) != frames:
        yield Finding("annotations", f"{who} has {len(truth)} annotations for {frames} frames.")
        return
    if track.boxes is None:
        for t, rle in enumerate(track.rles):
            if rle is not None and tuple(rle["size"]) != tuple(size):
                yield _wrong_size(f"The mask of object {track.id}", t, rle, size)
    else:
        yield from _check_boxes(track, size)
    seen = [t for t in range(frames) if _shows(track, t)]
    if not seen:
        yield Finding("objects", f"{who} never appears.")
    elif seen[0] != track.first_frame:
        yield Finding(
            "objects",
            f"{who} begins at frame {track.first_frame} but appears first in frame {seen[0]}.",
            problem=not _shows(track, track.first_frame),
        )
    yield from truth_gaps(
        who, [t for t, value in enumerate(truth) if value is not None], frames, allowed=gaps
    )


def truth_gaps(
    who: str, annotated: Seq[int], frames: int, *, allowed: bool, names: Seq[str] | None = None
) -> Iterator[Finding]:
    """Frames without annotation, beside the usual distance from one to the next.

    Args:
        who: what is annotated, as the beginning of a sentence.
        annotated: indices of the frames that have truth, in order.
        frames: how many frames there are.
        allowed: gaps are no problem in this format.
        names: names of the frames; None takes their indices.
    """
    if not annotated:
        return
    if len(annotated) == 1:
        if frames > 1:
            yield Finding(
                "annotations",
                f"{who} is annotated in a single frame: results can be made, not scored.",
                problem=False,
            )
        return
    step = usual_step(annotated) or min(b - a for a, b in itertools.pairwise(annotated))
    if step > 1:
        yield Finding("annotations", f"One frame in {step} is annotated.", problem=False)
    names = names or [str(t) for t in range(frames)]
    runs = []
    for here, there in zip(annotated, [*annotated[1:], frames], strict=True):
        if run := range(here + step, there, step):
            runs.append(names[run[0]] + (f" to {names[run[-1]]}" if len(run) > 1 else ""))
    if runs:
        what = "frame" if len(runs) == 1 and " to " not in runs[0] else "frames"
        more = f" and {len(runs) - MOST_RUNS} more gaps" if len(runs) > MOST_RUNS else ""
        text = f"{who} has no annotation in {what} {', '.join(runs[:MOST_RUNS])}{more}."
        yield Finding("annotations", text, problem=not allowed)


def _check_boxes(track: ObjectTrack, size: tuple[int, int]) -> Iterator[Finding]:
    height, width = size
    for t, box in enumerate(track.boxes or ()):
        if box is None:
            continue
        x, y, w, h = box
        if not all(isfinite(n) for n in box):
            yield Finding("annotations", f"The box of object {track.id} in frame {t} is {box}.")
        elif has_area(box) and (x >= width or y >= height or x + w <= 0 or y + h <= 0):
            shown = ",".join(f"{n:g}" for n in box)
            yield Finding(
                "annotations",
                f"The box {shown} of object {track.id} in frame {t} is outside the picture, "
                f"which is {describe_size(size)}.",
            )


def _check_masks(who: str, rles: Seq[RLE | None], sequence: Sequence) -> Iterator[Finding]:
    if len(rles) != len(sequence):
        yield Finding("annotations", f"{who} has {len(rles)} entries for {len(sequence)} frames.")
    for t, rle in enumerate(rles):
        if rle is not None and tuple(rle["size"]) != tuple(sequence.size):
            yield _wrong_size(who, t, rle, sequence.size)


def _wrong_size(who: str, t: int, rle: RLE, size: tuple[int, int]) -> Finding:
    return Finding(
        "annotations",
        f"{who} in frame {t} is {describe_size(rle['size'])} but the frames are "
        f"{describe_size(size)}.",
    )


def _shows(track: ObjectTrack, t: int) -> bool:
    """The object is annotated as visible in frame t."""
    from pycocotools import mask as coco

    if track.boxes is not None:
        return has_area(track.boxes[t])
    rle = track.rles[t]
    return rle is not None and bool(coco.area(rle) > 0)


def _listed(what: str, names: Seq[str]) -> str:
    """Such as "Frame 00003 is" or "Frames 00003 to 00007 (5) are"."""
    if len(names) == 1:
        return f"{what} {names[0]} is"
    return f"{what}s {names[0]} to {names[-1]} ({len(names)}) are"
