"""What a study was made on, by the first line of its file, and whether a report is about the same.

`vot-memory study` writes that line: `# NAME: SPLIT, MODEL, SIZE px, PRECISION, ...`.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from vot_memory.results import IMPORTED

if TYPE_CHECKING:
    from vot_memory.reports.tables.csv_rows import CsvFile
    from vot_memory.results import Identity

_MODEL = slice(1, 4)  # parts of the line that name the model, its size and its precision


def read_setting(file: CsvFile) -> str:
    """What stands behind the study's name in the first comment; empty where there is none."""
    line = file.comments[0].lstrip("# ") if file.comments else ""
    return line.partition(": ")[2] or line


def find_apart(setting: str, identities: Seq[Identity]) -> list[str]:
    """What tells a study from the runs of a report, in sentences.

    Args:
        setting: as `read_setting` gives it; where it was not written by `vot-memory study`, nothing
            is known.
        identities: of the runs.
    """
    parts = setting.split(", ")
    if len(parts) < _MODEL.stop or not parts[2].endswith(" px"):
        return []
    split, model = parts[0], ", ".join(parts[_MODEL])
    here = [i for i in identities if i.dataset == split]
    own = [i for i in here or identities if i.tracker != IMPORTED]  # else no model is known
    models = {f"{i.model}, {i.image_size} px, {i.dtype}" for i in own}
    said = []
    if not here:
        splits = " and ".join(sorted({i.dataset for i in identities}))
        said.append(f"Another split than this report's: {split}, not {splits}.")
    if models and model not in models:
        others = " and ".join(sorted(models))
        said.append(f"Another model, size or precision than this report's: {model}, not {others}.")
    return said
