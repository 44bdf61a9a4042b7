"""Write a report: one folder with a page, Markdown, tables and plots, whole or not at all."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from vot_memory.errors import InputError
from vot_memory.reports.gather import Gathered, Section, gather
from vot_memory.reports.pages import html, markdown
from vot_memory.reports.pages.files import write_tables
from vot_memory.reports.plots.canvas import inline_svg, save
from vot_memory.reports.plots.figures import PLOTS
from vot_memory.reports.tables.table import Table

MARKER = ".vot-memory-report"  # tells our folders from those that must not be replaced
PAGE = "index.html"


@dataclass(frozen=True, eq=False)
class Report:
    """A written report.

    Attributes:
        folder: where it stands; `folder / "index.html"` is the page to open.
        gathered: what it is about.
        files: all that was written.
    """

    folder: Path
    gathered: Gathered
    files: tuple[Path, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """One for each setting (data, model, resolution, precision, prompt, protocol)."""
        return self.gathered.tables


def write_report(
    results_root: Path,
    split: str | None,
    baseline: str,
    out: Path,
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
    data: Path | None = None,
) -> Report:
    """Score all results below a folder and write tables, plots and the page.

    Args:
        results_root: what `vot-memory run` wrote to.
        split: only results on this split, by its name or the folder that was run; None takes all.
        baseline: policy (or row label) that differences are taken to.
        out: folder of the report; replaced if it is a report, otherwise it must be new or empty.
        toolkit_compatible: the VOT toolkit's scoring rules instead of the clean ones; of boxes
            those of the split's benchmark.
        jf: also J, F and J&F, which takes longer.
        data: folder of published data sets.

    Raises:
        InputError: there are no finished results, the baseline's name is unknown, a record is
            damaged, or `out` holds something else.
    """
    _check_place(out)
    gathered = gather(
        results_root, split, baseline, toolkit_compatible=toolkit_compatible, jf=jf, data=data
    )
    building = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    building.mkdir(parents=True)
    try:
        _write(building, gathered)
        names = sorted(path.relative_to(building) for path in building.rglob("*") if path.is_file())
        _swap(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return Report(out, gathered, tuple(out / name for name in names if name.name != MARKER))


def _write(folder: Path, gathered: Gathered) -> None:
    (folder / MARKER).write_text("A report of vot-memory; replaced by the next one.\n")
    shown = [
        _write_section(folder, section, "" if i == 0 else f"-{i + 1}")
        for i, section in enumerate(gathered.sections)
    ]
    page = html.render(gathered, shown)
    (folder / PAGE).write_text(page, encoding="utf-8")
    text = markdown.render(gathered, [own.files for own in shown])
    (folder / "report.md").write_text(text, encoding="utf-8")


def _write_section(folder: Path, section: Section, suffix: str) -> html.Shown:
    """Write the tables and plots of a section, and give the page what it shows of them."""
    tables, plots = folder / "tables", folder / "plots"
    tables.mkdir(exist_ok=True)
    plots.mkdir(exist_ok=True)
    files = write_tables(tables, section.table, suffix)
    figures = []
    for plot in PLOTS:
        figure = plot.draw(section.table)
        if figure is not None:
            files[plot.name] = save(figure, plots / f"{plot.name}{suffix}")[0]
            figures.append(html.Figure(plot, inline_svg(figure), f"plots/{plot.name}{suffix}"))
    links = {kind: file.relative_to(folder) for kind, file in files.items()}
    return html.Shown(section, tuple(figures), links)


def _check_place(out: Path) -> None:
    if out.is_dir() and ((out / MARKER).exists() or not any(out.iterdir())):
        return
    if out.exists():
        raise InputError(f"{out} exists and is no report: name another folder with --out.")


def _swap(building: Path, out: Path) -> None:
    """Put a finished folder in the place of an old one."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.rename(old)
    building.rename(out)
    shutil.rmtree(old, ignore_errors=True)
