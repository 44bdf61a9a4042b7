"""What all exports of results share: which runs they take, on which data, and how they write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from vot_memory.building import Building, check_new_folder
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.splits import Split, load_split, split_names
from vot_memory.errors import InputError
from vot_memory.results import RunFolder, open_results


@dataclass(frozen=True)
class Exported:
    """What was written for one run.

    Attributes:
        folder: where.
        sequences: how many.
        overlapping: pixels that lay in several masks of a label map, which holds one object a
            pixel; the object with the highest number has them.
    """

    folder: Path
    sequences: int
    overlapping: int = 0


def chosen_runs(
    results: Path, split: str | None, data: Path | None
) -> tuple[list[RunFolder], Split]:
    """The runs below a folder and the split that all of them are on.

    Raises:
        InputError: no results, results of several splits, or other data than were run.
    """
    if (results / "identity.json").is_file():
        folders = [RunFolder.open(results)]
    else:
        folders = open_results(results)
    loaded = None if split is None else load_split(split, data=data)
    if loaded is not None:
        folders = [f for f in folders if f.identity.dataset == loaded.name] or folders
    names = sorted({folder.identity.dataset for folder in folders})
    if len(names) > 1:
        raise InputError(f"{results} has results on {' and '.join(names)}: choose one by --split.")
    if loaded is None:
        if names[0].partition("@")[0] not in split_names():
            raise InputError(
                f"The results on {names[0]} do not tell how its frames are called: give the folder "
                "that was run as --split."
            )
        loaded = load_split(names[0], data=data)
    for folder in folders:
        if folder.identity.dataset_digest != loaded.digest:
            raise InputError(
                f"{folder.path} was made on other data than {loaded.name} is now: give the data "
                "that were run."
            )
    return folders, loaded


def export_complete(
    places: Mapping[Path, RunFolder],
    split: Split,
    write: Callable[[RunFolder, Sequence, Path], None],
) -> list[Exported]:
    """Write complete runs, all of them or nothing.

    Args:
        places: the new folder of each run.
        split: what they are on.
        write: writes the answers of a run on one sequence below a folder, which is there.

    Raises:
        InputError: a folder holds something, a run lacks videos, or what `write` raises.
    """
    for place, folder in places.items():
        check_new_folder(place)
        _check_complete(folder, split)
    with ExitStack() as stack:
        for place, folder in places.items():
            building = stack.enter_context(Building(place))
            building.mkdir(parents=True)
            for sequence in split.sequences:
                write(folder, sequence, building)
    return [Exported(place, len(split.sequences)) for place in places]


def seconds_a_frame(folder: RunFolder, sequence: Sequence) -> float | None:
    """Mean time of encoding and tracking over a video; None if it was not recorded."""
    path = folder.path / "timing" / f"{sequence.name}.json"
    try:
        timing = json.loads(path.read_text(encoding="utf-8"))
        seconds = timing["seconds"]
        return float(seconds["encode"] + seconds["track"]) / len(sequence)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # timing is a by-product: without it there is no time file


def _check_complete(folder: RunFolder, split: Split) -> None:
    """Raise `InputError` unless a run has all videos of a split."""
    if missing := folder.missing(split.sequences):
        raise InputError(
            f"{folder.path} lacks {len(missing)} of {len(split.sequences)} videos ({missing[0]} "
            "first), and only complete results can be compared: run the rest."
        )
