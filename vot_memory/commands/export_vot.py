"""`vot-memory vot export`: results as trajectories that the VOT toolkit analyses and packs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from vot_memory.commands.exports import Exported, chosen_runs, export_complete, seconds_a_frame
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.vot_regions import BEGUN, UNKNOWN, Region, mask_region
from vot_memory.datasets.vot_trajectory import write_trajectory
from vot_memory.errors import InputError
from vot_memory.results import Record, RunFolder

NO_NAME: Final = r"[^A-Za-z0-9_-]"  # characters that the toolkit takes in no name


def export_trajectories(
    results: Path,
    out: Path,
    split: str | None = None,
    data: Path | None = None,
    *,
    tracker: str | None = None,
    experiment: str = "baseline",
    text: bool = False,
) -> list[Exported]:
    """Write OUT/<tracker>/<experiment>/<sequence>/<sequence>[_<object>]_001.bin for each run.

    OUT may be the folder `results` of a toolkit workspace. Beside each trajectory stands
    `..._time.value`, seconds a frame: the average of encoding and tracking over the video, since
    runs keep no time of single frames. A video without timing has no such file.

    Args:
        results: a folder of results, or that of one run in it.
        out: where; a tracker of one of these names in it must not exist.
        split: a name, or the folder that was run; needed where the results do not tell.
        data: the folder with published data sets.
        tracker: name of the only run: letters, digits, - and _; default: policy and key.
        experiment: name of the toolkit's experiment, of the same letters.
        text: write `.txt` instead of `.bin`.

    Raises:
        InputError: as `chosen_runs`, or a name does not do, or results are incomplete, or a tracker
            is there already. Nothing was written.
    """
    for name in (experiment, "x" if tracker is None else tracker):
        if re.search(NO_NAME, name) or not name:
            raise InputError(
                f"The toolkit does not take {name!r} as a name: give letters, digits, - and _."
            )
    folders, loaded = chosen_runs(results, split, data)
    if tracker is not None and len(folders) > 1:
        raise InputError(
            f"{results} has {len(folders)} runs, which cannot all be called {tracker}: give the "
            "folder of one run, or no name."
        )
    names = {tracker or re.sub(NO_NAME, "_", folder.path.name): folder for folder in folders}
    places = {out / name: folder for name, folder in names.items()}

    def write(folder: RunFolder, sequence: Sequence, place: Path) -> None:
        target = place / experiment / sequence.name
        _export_sequence(folder, sequence, target, ".txt" if text else ".bin")

    return export_complete(places, loaded, write)


def trajectory_stem(sequence: Sequence, identity: str) -> str:
    """Name of an object's files without suffix: the id stands in it if there are several."""
    own = f"_{identity}" if len(sequence.objects) > 1 else ""
    return f"{sequence.name}{own}_001"


def _export_sequence(folder: RunFolder, sequence: Sequence, target: Path, suffix: str) -> None:
    target.mkdir(parents=True)
    seconds = seconds_a_frame(folder, sequence)
    for track in sequence.objects:
        stem = trajectory_stem(sequence, track.id)
        record = folder.read(sequence.name, track.id)
        write_trajectory(target / f"{stem}{suffix}", _regions(record))
        if seconds is not None:
            times = f"{seconds:.6f}\n" * len(sequence)
            (target / f"{stem}_time.value").write_text(times, encoding="utf-8")


def _regions(record: Record) -> list[Region]:
    """As the toolkit stores an answer: code 1 on the first frame, 0 before a late object begins."""
    regions: list[Region] = [UNKNOWN if r is None else mask_region(r) for r in record.rles()]
    regions[0] = BEGUN
    return regions
