"""The page of a report: one self-contained HTML file that opens from disk.

Tables and plots stand in it as they are. What is opened one at a time (a video, a pair of policies)
is packed as a panel, so that a page with hundreds of them stays small.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory import __version__
from vot_memory.reports.gather import Gathered
from vot_memory.reports.pages.files import table_grids
from vot_memory.reports.pages.grids import INTERVAL, Cell, Grid
from vot_memory.reports.pages.markers import marker_svg
from vot_memory.reports.pages.pair_panel import pair_panel
from vot_memory.reports.pages.panels import ROOM, Panel, Shelf
from vot_memory.reports.pages.sequence_panel import panel_css, sequence_panel
from vot_memory.reports.pages.shown import PagePlot, PageStudy, Shown
from vot_memory.reports.pages.study_grids import study_grid
from vot_memory.reports.pages.templating import environment, read_asset
from vot_memory.reports.plots.canvas import row_styles
from vot_memory.reports.tables.comparison import compare
from vot_memory.reports.text import UNDEFINED, is_defined, number, one_line
from vot_memory.results import IMPORTED

if TYPE_CHECKING:
    from vot_memory.reports.tables.table import Table
    from vot_memory.results import Identity

COMPARED = 12  # up to so many rows every two are compared, else each with the baseline
_SHOWN = ("overview", "published", "sequences", "objects")  # or left to the videos' panels
_TINTS = (0.01, 0.05, 0.15)  # differences in Q from which a cell is tinted, more and more


def render(
    gathered: Gathered,
    shown: Seq[Shown],
    curves: Seq[PagePlot] = (),
    studies: Seq[PageStudy] = (),
    *,
    room: int = ROOM,
) -> str:
    """The whole page.

    Args:
        gathered: what the report is about.
        shown: what to show of each of its sections.
        curves: plots that belong to no section.
        studies: of search and training, which belong to no section either.
        room: bytes of the panels together; videos on which the policies differ least have none
            where it is too small.
    """
    from markupsafe import Markup

    shelf = Shelf(room)
    names = section_names([own.section.table for own in shown])
    settings = [_setting(i, names[i], own, shelf) for i, own in enumerate(shown)]
    page = environment().get_template("index.html")
    return page.render(
        title=f"Memory policies compared: {', '.join(names)}",
        version=__version__,
        css=Markup(f"{read_asset('report.css')}\n{panel_css()}\n{read_asset('pair.css')}"),  # noqa: S704
        js=Markup(read_asset("report.js")),  # noqa: S704
        headline=gathered.headline,
        incomplete=gathered.incomplete,
        settings=settings,
        curves=[_figure(figure, "") for figure in curves],
        studies=[_study(found) for found in studies],
        panels=shelf.panels,
    )


def section_names(tables: Seq[Table]) -> list[str]:
    """Data sets by name; sections of the same one say what they do not all share."""
    identities = [table.runs[0].identity for table in tables]
    facts = [_facts(identity) for identity in identities]
    names = []
    for own, said in zip(identities, facts, strict=True):
        same = [f for i, f in zip(identities, facts, strict=True) if i.dataset == own.dataset]
        apart = ", ".join(fact for fact in said if not all(fact in other for other in same))
        names.append(one_line(f"{own.dataset} ({apart})" if apart else own.dataset))
    return names


def _facts(identity: Identity) -> list[str]:
    if identity.tracker == IMPORTED:
        return ["other programs", f"{identity.prompt} prompt"]
    return [
        identity.model,
        f"{identity.image_size} px",
        identity.dtype,
        f"{identity.prompt} prompt",
        f"protocol {identity.protocol}",
        *(["non-overlapping output"] if identity.non_overlap else []),
    ]


def _setting(index: int, name: str, shown: Shown, shelf: Shelf) -> dict[str, Any]:
    """What the template of a section is filled with; its panels go on the shelf."""
    table = shown.section.table
    facts = one_line(table.title).partition(": ")[2]
    rows = _rows(table)
    markers = {row["label"]: row["marker"] for row in rows}
    grids = table_grids(table)
    videos = _videos(shown)
    unpaged = _add_videos(index, shown, videos, shelf)
    return {
        "index": index,
        "name": name,
        "facts": facts,
        "baseline": None if table.baseline is None else one_line(table.baseline),
        "overview": _grid(grids["overview"][0], markers),
        "legend": [
            *(["1, 2, 3: first, second and third."] if table.ranks else []),
            *table.legend,
            *([] if table.published is None else [table.published.note]),
        ],
        "notes": (*shown.said, *table.notes),
        "figures": [_figure(figure, str(index)) for figure in shown.figures],
        "rows": rows,
        "videos": videos,
        "sheets": [
            (sheet.what, [("memory", _links(sheet.memory)), ("frames", _links(sheet.frames))])
            for sheet in shown.sheets
        ],
        "unpaged": unpaged,
        "pairs": _add_pairs(index, table, [video["name"] for video in videos], shelf),
        "further": [
            _grid(grid, markers) for name in grids if name not in _SHOWN for grid in grids[name]
        ],
        "files": _files(shown.files),
    }


def _rows(table: Table) -> list[dict[str, Any]]:
    """Names, markers and sources of the rows, in the table's order."""
    styles = row_styles(table)
    return [
        {
            "label": run.label,
            "name": one_line(run.label) + table.signs[run.label],
            "marker": marker_svg(styles[run.label]),
            "source": (run.spec.source if run.spec else "") or UNDEFINED,
            "parity": (run.spec.parity if run.spec else "") or UNDEFINED,
            "key": run.identity.key,
        }
        for run in table.runs
    ]


def _grid(grid: Grid, markers: Mapping[str, Any]) -> dict[str, Any]:
    """A table of the page: a grid and the markers of its rows."""
    grid = _fold(grid)
    rows = [(row, markers.get(row.label, "") if row.kind == "run" else "") for row in grid.rows]
    return {"grid": grid, "rows": rows}


def _fold(grid: Grid) -> Grid:
    """Intervals below their numbers instead of beside them: a page is narrower than a file."""
    ends = [i for i, head in enumerate(grid.heads) if head.text == INTERVAL]
    kept = [i for i in range(len(grid.heads)) if i not in ends]

    def folded(cells: Seq[Cell]) -> tuple[Cell, ...]:
        below = {i - 1: cells[i].text for i in ends}
        return tuple(cells[i]._replace(below=below.get(i, cells[i].below)) for i in kept)

    rows = tuple(row._replace(cells=folded(row.cells)) for row in grid.rows)
    return replace(grid, heads=tuple(grid.heads[i] for i in kept), rows=rows)


def _videos(shown: Shown) -> list[dict[str, Any]]:
    """A row a video that at least one run has finished, in the split's order."""
    table = shown.section.table
    labels = list(table.overview["label"])
    quality = table.sequences.pivot(index="sequence", columns="label", values="Q")[labels]
    facts = table.sequences.groupby("sequence")[["frames", "objects"]].max()
    rows = []
    for name in (s.name for s in shown.section.sequences if s.name in quality.index):
        values = quality.loc[[name]].iloc[0].astype(float)
        base = float(values[table.baseline]) if table.baseline else float(values.mean())
        frames, objects = facts.loc[[name]].to_numpy(int)[0].tolist()
        rows.append(
            {
                "name": name,
                "frames": frames,
                "objects": objects,
                "pictured": bool(shown.strips(name)),
                "spread": _cell(float(values.max() - values.min())),
                "cells": [_cell(float(q), float(q - base)) for q in values],
                "panel": "",  # its id, where there is room for one
                "first": False,
            }
        )
    return rows


def _cell(value: float, difference: float = float("nan")) -> dict[str, Any]:
    """Text, value to sort by (None where undefined) and tint of a number."""
    steps = sum(abs(difference) >= step for step in _TINTS) if is_defined(difference) else 0
    tint = f"{'up' if difference > 0 else 'down'}{steps}" if steps else ""
    sort = round(value, 6) if is_defined(value) else None
    return {"text": number(value), "sort": sort, "tint": tint}


def _add_videos(index: int, shown: Shown, videos: list[dict[str, Any]], shelf: Shelf) -> str:
    """Pack a panel a video, those with pictures first, and say how many found no room."""
    order = sorted(videos, key=lambda v: (not v["pictured"], -(v["spread"]["sort"] or 0)))
    for video in order:
        name = video["name"]
        make = partial(sequence_panel, shown.section, name, shown.strips(name))
        panel = Panel(f"s{index}-{videos.index(video)}", make)
        if shelf.add(panel, always=video["pictured"]):
            video["panel"] = panel.id
    if order:
        order[0]["first"] = True
    left = sum(not video["panel"] for video in videos)
    if not left:
        return ""
    return (
        f"{left} of the {len(videos)} videos have no panel, or this page would be too large: "
        "name those to be shown with --sequence."
    )


def _add_pairs(index: int, table: Table, videos: Seq[str], shelf: Shelf) -> tuple[int, int] | None:
    """Pack a panel for every two runs, both ways; return which two are shown first."""
    labels = list(table.overview["label"])
    reference = None if table.baseline is None else labels.index(table.baseline)
    if len(labels) < 2:
        return None

    def link(sequence: str) -> str:
        return f"#s{index}-{videos.index(sequence)}"

    for i, j in combinations(range(len(labels)), 2):
        if len(labels) > COMPARED and reference not in (i, j):
            continue
        pair = compare(table, labels[i], labels[j])
        for own, comparison in ((f"{i}-{j}", pair), (f"{j}-{i}", pair.swapped())):
            make = partial(pair_panel, comparison, table, link)
            shelf.add(Panel(f"c{index}-{own}", make), always=True)
    return (1, 0) if reference in (0, None) else (0, reference)


def _figure(figure: PagePlot, suffix: str) -> dict[str, Any]:
    from markupsafe import Markup

    return {
        "id": f"plot-{figure.name}{suffix}",
        "svg": Markup(figure.svg),  # noqa: S704  made by inline_svg, which escapes names
        "title": figure.title,
        "files": _links(figure.files),
        "wide": figure.wide,
    }


def _study(found: PageStudy) -> dict[str, Any]:
    grid = study_grid(found.study)
    return {
        "name": grid.name,
        "made_on": found.study.made_on,
        "apart": found.study.apart,
        "shown": _grid(grid, {}),
        "figure": None if found.plot is None else _figure(found.plot, ""),
        "files": _links(found.files),
    }


def _links(files: Seq[str]) -> list[tuple[str, str]]:
    """Kind of file and link."""
    return [(file.rpartition(".")[2].upper(), file) for file in files]


def _files(files: Mapping[str, Path]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Links to the files of each table."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for file in files.values():
        if file.parts[0] == "tables":
            kinds.setdefault(file.stem, []).append((file.suffix[1:].upper(), file.as_posix()))
    return list(kinds.items())
