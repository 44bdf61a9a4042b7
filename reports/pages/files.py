"""The tables of a report as files: CSV and Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.reports.pages import objects_markdown
from vot_memory.reports.text import csv_cell

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.reports.tables.table import Table


def write_tables(folder: Path, table: Table, suffix: str = "") -> dict[str, Path]:
    """Write every table of a section.

    Args:
        folder: an existing one.
        table: what to write.
        suffix: of the stems, to tell sections apart.

    Returns:
        Kind of table and of file ("overview_csv", "objects_md") -> file.
    """
    files = {}
    for name, frame in _frames(table).items():
        files[f"{name}_csv"] = folder / f"{name}{suffix}.csv"
        _write_csv(frame, table, files[f"{name}_csv"])
    files["objects_md"] = folder / f"objects{suffix}.md"
    files["objects_md"].write_text(objects_markdown.render_objects(table), encoding="utf-8")
    return files


def _frames(table: Table) -> dict[str, DataFrame]:
    """All tables by the stem of their file; what a paper published stands apart from our rows."""
    frames = {name: getattr(table, name) for name in ("overview", "sequences", "objects")}
    if table.events is not None:
        frames["events"] = table.events.rows
    frames |= {further.name: further.rows for further in table.further}
    if table.published is not None:
        frames["published"] = table.published.rows
    return frames


def _write_csv(frame: DataFrame, table: Table, path: Path) -> None:
    """Write a frame and each run's parity; names are made harmless, undefined cells are empty."""
    parity = {run.label: run.spec.parity for run in table.runs if run.spec is not None}
    safe = frame.assign(parity=frame["label"].map(parity)) if "label" in frame else frame.copy()
    for name in safe.columns[[dtype.kind not in "biuf" for dtype in safe.dtypes]]:
        safe[name] = [csv_cell(value) for value in safe[name]]
    safe.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
