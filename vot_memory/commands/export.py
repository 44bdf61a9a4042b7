"""`vot-memory export`: masks of results as the PNG files that evaluation servers take."""

from __future__ import annotations

from pathlib import Path

from vot_memory.commands.track import frame_names
from vot_memory.datasets.export import export_vos
from vot_memory.datasets.splits import Split, load_split, split_names
from vot_memory.errors import InputError
from vot_memory.reports.overlay import check_new_folder
from vot_memory.results import Record, RunFolder, open_results


def export_results(
    results: Path, out: Path, split: str | None = None, data: Path | None = None
) -> dict[Path, int]:
    """Write OUT/<policy>-<key>/<sequence>/<frame>.png for every run on one split.

    Args:
        results: a folder of results, or that of one run in it.
        out: where; a folder of one of these runs in it must be empty.
        split: a name, or the folder that was run; needed where the results do not tell.
        data: the folder with published data sets.

    Returns:
        Folder -> number of sequences in it.

    Raises:
        InputError: no results, results of several splits, other data than were run, or a place
            that holds something.
    """
    if (results / "identity.json").is_file():
        folders = [RunFolder.open(results)]
    else:
        folders = open_results(results, split if split in split_names() else None)
    names = sorted({folder.identity.dataset for folder in folders})
    if len(names) > 1:
        raise InputError(f"{results} has results on {' and '.join(names)}: choose one by --split.")
    if split is None and names[0] not in split_names():
        raise InputError(
            f"The results on {names[0]} do not tell how its frames are called: give the folder "
            "that was run as --split."
        )
    loaded = load_split(split or names[0], data=data)
    places = {out / folder.path.name: folder for folder in folders}
    for place in places:
        check_new_folder(place)
    return {place: _export_run(folder, loaded, place) for place, folder in places.items()}


def _export_run(folder: RunFolder, split: Split, out: Path) -> int:
    if folder.identity.dataset_digest != split.digest:
        raise InputError(
            f"{folder.path} was made on other data than {split.name} is now: give the data that "
            "were run."
        )
    records: dict[str, list[Record]] = {}
    for record in folder.records():
        records.setdefault(record.sequence, []).append(record)
    for sequence in split.sequences:
        if of_sequence := records.get(sequence.name):
            rles = {record.object: record.rles() for record in of_sequence}
            export_vos(rles, sequence.size, out / sequence.name, frame_names(sequence))
    return len(records)
