"""`vot-memory export`: masks of results as the PNG files that evaluation servers take."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from vot_memory.building import Building, check_new_folder
from vot_memory.commands.exports import Exported, chosen_runs
from vot_memory.datasets.export import export_vos, frame_names
from vot_memory.datasets.splits import Split
from vot_memory.results import Record, RunFolder


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
        InputError: as `chosen_runs`, or a place that holds something, or a damaged record.
            Nothing was written.
    """
    folders, loaded = chosen_runs(results, split, data)
    places = {out / folder.path.name: folder for folder in folders}
    for place in places:
        check_new_folder(place)
    with ExitStack() as stack:
        buildings = {place: stack.enter_context(Building(place)) for place in places}
        return [
            Exported(place, *_export_run(folder, loaded, buildings[place], apart))
            for place, folder in places.items()
        ]


def _export_run(folder: RunFolder, split: Split, out: Path, apart: bool) -> tuple[int, int]:
    """Returns how many sequences were written, and how many pixels overlapped."""
    records: dict[str, list[Record]] = {}
    for record in folder.records():
        records.setdefault(record.sequence, []).append(record)
    overlapping = 0
    for sequence in split.sequences:
        if of_sequence := records.get(sequence.name):
            rles = {record.object: record.rles() for record in of_sequence}
            place, names = out / sequence.name, frame_names(sequence)
            overlapping += export_vos(rles, sequence.size, place, names, apart=apart)
    return len(records), overlapping
