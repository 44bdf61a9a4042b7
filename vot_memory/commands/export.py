"""`vot-memory export`: masks of results as the PNG files that evaluation servers take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vot_memory.commands.track import frame_names
from vot_memory.datasets.export import export_vos
from vot_memory.datasets.splits import Split, load_split, split_names
from vot_memory.errors import InputError
from vot_memory.reports.overlay import check_new_folder
from vot_memory.results import Record, RunFolder, open_results


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


def export_results(
    results: Path,
    out: Path,
    split: str | None = None,
    data: Path | None = None,
    *,
    apart: bool = False,
) -> list[Exported]:
    """Write OUT/<policy>-<key>/<sequence>/<frame>.png for every run on one split.

    Args:
        results: a folder of results, or that of one run in it.
        out: where; a folder of one of these runs in it must be empty.
        split: a name, or the folder that was run; needed where the results do not tell.
        data: the folder with published data sets.
        apart: a folder an object, as SA-V, in which overlapping masks are kept whole.

    Raises:
        InputError: as `chosen_runs`, or a place that holds something.
    """
    folders, loaded = chosen_runs(results, split, data)
    places = {out / folder.path.name: folder for folder in folders}
    for place in places:
        check_new_folder(place)
    return [_export_run(folder, loaded, place, apart) for place, folder in places.items()]


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


def _export_run(folder: RunFolder, split: Split, out: Path, apart: bool) -> Exported:
    records: dict[str, list[Record]] = {}
    for record in folder.records():
        records.setdefault(record.sequence, []).append(record)
    overlapping = 0
    for sequence in split.sequences:
        if of_sequence := records.get(sequence.name):
            rles = {record.object: record.rles() for record in of_sequence}
            place, names = out / sequence.name, frame_names(sequence)
            overlapping += export_vos(rles, sequence.size, place, names, apart=apart)
    return Exported(out, len(records), overlapping)
