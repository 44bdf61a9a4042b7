"""Tables of studies by the columns of their files."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import replace
from pathlib import Path

from vot_memory.errors import InputError
from vot_memory.reports.tables import (
    ablation,
    calibration,
    causal,
    ceilings,
    perturbations,
    readings,
)
from vot_memory.reports.tables.csv_rows import read_csv
from vot_memory.reports.tables.made_on import read_setting
from vot_memory.reports.tables.study import Study

KINDS: tuple[tuple[tuple[str, ...], Callable[[Seq[Path]], Study]], ...] = (
    (ceilings.COLUMNS, ceilings.read_ceilings),
    (perturbations.COLUMNS, perturbations.read_perturbations),
    (readings.COLUMNS, readings.read_readings),
    (calibration.COLUMNS, calibration.read_calibration),
    (ablation.COLUMNS, ablation.read_ablation),
    (causal.COLUMNS, causal.read_causal),
)


def read_studies(paths: Seq[Path]) -> tuple[Study, ...]:
    """Read CSV files of studies, known by their columns; files of one kind make one table.

    Raises:
        InputError: a file cannot be read, is of no known kind, or holds what cannot be right.
    """
    chosen: list[list[tuple[Path, str]]] = [[] for _ in KINDS]
    for path in paths:
        file = read_csv(path, "studies")
        chosen[_kind(path, file.columns)].append((path, read_setting(file)))
    studies = []
    for (_, read), own in zip(KINDS, chosen, strict=True):
        if own:
            settings = dict.fromkeys(setting for _, setting in own if setting)
            studies.append(replace(read([path for path, _ in own]), settings=tuple(settings)))
    return tuple(studies)


def _kind(path: Path, columns: Seq[str]) -> int:
    for i, (needs, _) in enumerate(KINDS):
        if set(needs) <= set(columns):
            return i
    kinds = "; ".join(",".join(needs) for needs, _ in KINDS)
    raise InputError(
        f"{path} is no study, its columns are {','.join(columns)}: give a CSV that vot-memory "
        f"study wrote, with the columns {kinds}."
    )
