"""A report as Markdown: what is missing first, then tables, plots and caveats."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import replace
from pathlib import Path

from vot_memory.reports.gather import Gathered
from vot_memory.reports.pages.event_grids import difficulty_grid, event_grids
from vot_memory.reports.pages.files import KINDS
from vot_memory.reports.pages.grids import MEASURED, SPEED, Grid, further_grid, overview_grid
from vot_memory.reports.pages.markdown_grids import EXPLAINED, bullets, render_grid, render_lines
from vot_memory.reports.pages.shown import PagePlot, PageStudy, Sheet, Shown
from vot_memory.reports.pages.study_grids import gap_grid, study_grid
from vot_memory.reports.plots.figures import PLOTS
from vot_memory.reports.tables.table import Table
from vot_memory.reports.text import markdown, number

_PATH = "Memory path: ms per frame, all objects together."


def render(
    gathered: Gathered,
    shown: Seq[Shown],
    curves: Seq[PagePlot] = (),
    studies: Seq[PageStudy] = (),
) -> str:
    """The whole document.

    Args:
        gathered: at least one section.
        shown: what to show of each of its sections.
        curves: plots that belong to no section.
        studies: of search and training, which belong to no section either.
    """
    blocks = [*_opening(gathered), "# Memory policies compared"]
    for own in shown:
        blocks += _section(own.section.table, own.files)
        blocks += _sheets(own.sheets)
    if curves or studies:
        blocks.append("## Search and training")
    for figure in curves:
        blocks += _picture(figure.title, figure.files)
    for found in studies:
        blocks += _study(found)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _study(found: PageStudy) -> list[str]:
    study, grid = found.study, study_grid(found.study)
    made_on = [markdown(study.made_on), *(f"**{markdown(said)}**" for said in study.apart)]
    setting = [" ".join(made_on)] if study.made_on else []
    plot = [] if found.plot is None else _picture(found.plot.title, found.plot.files)
    links = "Files: " + ", ".join(_link(Path(file)) for file in found.files)
    heading = f"### {markdown(grid.caption)}"
    return [heading, *setting, *plot, render_grid(grid), bullets(grid.notes), links]


def _sheets(sheets: Seq[Sheet]) -> list[str]:
    """The pictures of videos, as far as Markdown can show them."""
    blocks = ["### What was in memory"] if sheets else []
    for sheet in sheets:
        blocks += _picture(f"{sheet.what}: overlap, scores and memory over time", sheet.memory)
        blocks += _picture(f"{sheet.what}: masks on some frames", sheet.frames)
    return blocks


def _picture(what: str, files: Seq[str]) -> list[str]:
    plain = [file for file in files if file.endswith((".png", ".svg"))]
    return [f"![{markdown(what)}]({plain[0]})"] if plain else []


def _opening(gathered: Gathered) -> list[str]:
    if not gathered.headline:
        return []
    return [f"**{gathered.headline}**", bullets(gathered.incomplete)]


def _section(table: Table, files: Mapping[str, Path]) -> list[str]:
    blocks = [f"## {markdown(table.title)}", *_overview(table)]
    of_events = ("difficulty", "events")  # these plots stand beside their tables
    blocks += [_plot(table, p.name, files) for p in PLOTS if p.name not in of_events]
    for further in table.further:
        grid = further_grid(table, further)
        blocks += [f"### {markdown(grid.caption)}", render_grid(grid), bullets(grid.notes)]
    gap = gap_grid(table)
    if gap is not None:
        blocks += [f"### {markdown(gap.caption)}", render_grid(gap), bullets(gap.notes)]
    if table.difficulty is not None:
        grid = difficulty_grid(table, table.difficulty)
        blocks += ["### How hard the videos are", *_titled(grid)]
        blocks += [_plot(table, "difficulty", files), bullets(grid.notes)]
    if table.events is not None:
        first, *others = event_grids(table)
        blocks += ["### Where the numbers differ", *_titled(first), _plot(table, "events", files)]
        blocks += [block for grid in others for block in _titled(grid)]
        blocks.append(bullets(table.events.notes))
    return [*blocks, "### Sources and files", _sources(table), *_links(files)]


def _overview(table: Table) -> list[str]:
    """Measures and differences, then the speed, then what has to be known about both."""
    grid = overview_grid(table)
    groups = [name for name, _ in grid.groups]
    against = [name for name in groups if name not in (MEASURED, SPEED, "")]
    blocks = [render_grid(grid.of_groups(MEASURED, *against))]
    if SPEED in groups:
        blocks += [render_grid(_runs(grid.of_groups(SPEED))), _PATH]
    return [*blocks, bullets([*([EXPLAINED] if grid.ranked else []), *grid.notes])]


def _runs(grid: Grid) -> Grid:
    return replace(grid, rows=tuple(row for row in grid.rows if row.kind == "run"))


def _titled(grid: Grid) -> list[str]:
    return [f"{markdown(grid.title)}:", render_grid(grid)]


def _plot(table: Table, name: str, files: Mapping[str, Path]) -> str:
    """A plot with its alternative text; nothing where there is none."""
    alt = {plot.name: plot.alt for plot in PLOTS}
    return f"![{markdown(alt[name](table))}]({files[name].as_posix()})" if name in files else ""


def _sources(table: Table) -> str:
    rows = [
        [
            markdown(run.label) + table.signs[run.label],
            markdown(run.spec.source if run.spec else "") or number(None),
            markdown(run.spec.parity if run.spec else "") or number(None),
            run.identity.key,
        ]
        for run in table.runs
    ]
    return render_lines(["policy", "source", "parity", "key of the results"], rows, "---")


def _links(files: Mapping[str, Path]) -> list[str]:
    """Every table as files."""
    names = [kind.removesuffix("_csv") for kind in files if kind.endswith("_csv")]
    rows = [[name, *(_link(files[f"{name}_{kind}"]) for kind in KINDS)] for name in names]
    said = "An empty cell of a CSV file is an undefined value."
    return [render_lines(["table", "all numbers", "Markdown", "LaTeX"], rows, "---"), said]


def _link(file: Path) -> str:
    return f"[{file.name}]({file.as_posix()})"
