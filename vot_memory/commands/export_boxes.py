"""Boxes of results as the text files that box benchmarks take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vot_memory.commands.exports import Exported, chosen_runs, export_complete, seconds_a_frame
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError
from vot_memory.metrics.boxes import mask_boxes
from vot_memory.results import RunFolder


def export_boxes(
    results: Path,
    out: Path,
    split: str | None = None,
    data: Path | None = None,
    *,
    got10k: bool = False,
) -> list[Exported]:
    """Write OUT/<policy>-<key>/<sequence>.txt, a line x,y,width,height a frame, for each run.

    The box is the tight one around the mask, 0,0,0,0 of an empty mask; on the first frame it is the
    annotated one, as the benchmarks have it. TrackingNet's server takes the folder as a zip file,
    the toolkits of LaSOT and OTB as it is.

    Args:
        results: a folder of results, or that of one run in it.
        out: where; a folder of one of these runs in it must be empty.
        split: a name, or the folder that was run; needed where the results do not tell.
        data: the folder with published data sets.
        got10k: <sequence>/<sequence>_001.txt, and ..._time.txt beside it with the mean seconds a
            frame, as the server of GOT-10k takes them.

    Raises:
        InputError: as `chosen_runs`, or results are incomplete, or have several objects a video, or
            a folder is there already. Nothing was written.
    """
    folders, loaded = chosen_runs(results, split, data)
    for sequence in loaded.sequences:
        if (count := len(sequence.objects)) != 1:
            raise InputError(
                f"{sequence.name} has {count} objects, and a file of boxes holds one: "
                "choose another format."
            )
    places = {out / folder.path.name: folder for folder in folders}

    def write(folder: RunFolder, sequence: Sequence, place: Path) -> None:
        _export_sequence(folder, sequence, place, got10k)

    return export_complete(places, loaded, write)


def _export_sequence(folder: RunFolder, sequence: Sequence, place: Path, got10k: bool) -> None:
    boxes = _boxes(folder, sequence)
    if not got10k:
        _save(place / f"{sequence.name}.txt", boxes)
        return
    target = place / sequence.name
    target.mkdir()
    _save(target / f"{sequence.name}_001.txt", boxes)
    if (seconds := seconds_a_frame(folder, sequence)) is not None:
        _save(target / f"{sequence.name}_time.txt", np.full((len(boxes), 1), seconds), "%.6f")


def _boxes(folder: RunFolder, sequence: Sequence) -> NDArray[np.float64]:
    """One box a frame, float64 [T, 4]; 0 before the object's prompt."""
    (track,) = sequence.objects
    boxes = np.nan_to_num(mask_boxes(folder.read(sequence.name, track.id).rles()))
    if track.boxes is not None and (first := track.boxes[track.first_frame]):
        boxes[track.first_frame] = first
    return boxes


def _save(path: Path, rows: NDArray[np.float64], form: str = "%.3f") -> None:
    np.savetxt(path, rows, fmt=form, delimiter=",")
