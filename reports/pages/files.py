"""The tables of a report as files: CSV with all numbers, Markdown and LaTeX for readers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.reports.pages.event_grids import difficulty_grid, event_grids
from vot_memory.reports.pages.grids import Grid, further_grid, overview_grid, published_grid
from vot_memory.reports.pages.latex import render_tables
from vot_memory.reports.pages.markdown_grids import render_document
from vot_memory.reports.pages.quality_grids import objects_grid, sequences_grid
from vot_memory.reports.pages.study_grids import gap_grid, study_grid
from vot_memory.reports.text import csv_cell

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.reports.tables.study import Study
    from vot_memory.reports.tables.table import Table

KINDS = ("csv", "md", "tex")


def write_tables(folder: Path, table: Table, suffix: str = "") -> dict[str, Path]:
    """Write every table of a section.

    Args:
        folder: an existing one.
        table: what to write.
        suffix: of the stems, to tell sections apart.

    Returns:
        Name of a table and kind of file ("overview_csv", "overview_md", "overview_tex") -> file.
    """
    files: dict[str, Path] = {}
    grids = table_grids(table)
    for name, frame in _frames(table).items():
        stem = folder / f"{name}{suffix}"
        own = {kind: stem.with_name(f"{stem.name}.{kind}") for kind in KINDS}
        _write_csv(frame, table, own["csv"])
        own["md"].write_text(render_document(grids[name], table.title), encoding="utf-8")
        own["tex"].write_text(render_tables(grids[name], table.title, suffix), encoding="utf-8")
        files |= {f"{name}_{kind}": file for kind, file in own.items()}
    return files


def write_study(folder: Path, study: Study) -> tuple[Path, ...]:
    """Write the table of a study as CSV, Markdown and LaTeX."""
    files = tuple(folder / f"{study.name}.{kind}" for kind in KINDS)
    _save_csv(study.rows, files[0])
    grid = study_grid(study)
    setting = " ".join([study.made_on or "Search and training.", *study.apart]).removesuffix(".")
    files[1].write_text(render_document([grid], f"{setting}."), encoding="utf-8")
    files[2].write_text(render_tables([grid], setting), encoding="utf-8")
    return files


def table_grids(table: Table) -> dict[str, list[Grid]]:
    """The tables of a section by the stem of their files, ready to be printed."""
    grids = {
        "overview": [overview_grid(table)],
        "sequences": [sequences_grid(table)],
        "objects": [objects_grid(table)],
        "events": event_grids(table),
        **{further.name: [further_grid(table, further)] for further in table.further},
    }
    gap = gap_grid(table)
    if gap is not None:
        grids["gap"] = [gap]
    if table.difficulty is not None:
        grids["difficulty"] = [difficulty_grid(table, table.difficulty)]
    published = published_grid(table)
    if published is not None:
        grids["published"] = [published]
    return grids


def _frames(table: Table) -> dict[str, DataFrame]:
    """All tables by the stem of their file; what a paper published stands apart from our rows."""
    frames = {name: getattr(table, name) for name in ("overview", "sequences", "objects")}
    if table.events is not None:
        frames["events"] = table.events.rows
    if table.difficulty is not None:
        frames["difficulty"] = table.difficulty.rows
    frames |= {further.name: further.rows for further in table.further}
    if table.gap is not None:
        frames["gap"] = table.gap.rows
    if table.published is not None:
        frames["published"] = table.published.rows
    return frames


def _write_csv(frame: DataFrame, table: Table, path: Path) -> None:
    """Write a frame and each run's parity."""
    parity = {run.label: run.spec.parity for run in table.runs if run.spec is not None}
    _save_csv(frame.assign(parity=frame["label"].map(parity)) if "label" in frame else frame, path)


def _save_csv(frame: DataFrame, path: Path) -> None:
    """Write a frame; names are made harmless, undefined cells are empty."""
    safe = frame.copy()
    for name in safe.columns[[dtype.kind not in "biuf" for dtype in safe.dtypes]]:
        safe[name] = [csv_cell(value) for value in safe[name]]
    safe.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
