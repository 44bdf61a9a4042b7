"""Write a report: one folder with a page, Markdown, tables and plots, whole or not at all."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.building import Building, check_writable, remove_stale
from vot_memory.errors import InputError, unknown
from vot_memory.reports.gather import Gathered, Section, gather
from vot_memory.reports.highlights import choose
from vot_memory.reports.pages import html, markdown
from vot_memory.reports.pages.files import write_study, write_tables
from vot_memory.reports.pages.panels import ROOM
from vot_memory.reports.pages.shown import PagePlot, PageStudy, Sheet, Shown
from vot_memory.reports.pictures.strips import make_strip
from vot_memory.reports.plots.canvas import FORMATS, row_names, row_styles, save
from vot_memory.reports.plots.curves import MADE_UP, curves_alt, curves_plot
from vot_memory.reports.plots.figures import PLOTS, STUDY_PLOTS
from vot_memory.reports.plots.inline import inline_svg
from vot_memory.reports.plots.memory import memory_plot
from vot_memory.reports.plots.strip import strip_plot
from vot_memory.reports.tables.curves import Curves, read_curves
from vot_memory.reports.tables.reached import make_reached
from vot_memory.reports.tables.studies import read_studies
from vot_memory.reports.tables.study import Study
from vot_memory.reports.tables.table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKER = ".vot-memory-report"  # tells our folders from those that must not be replaced
PAGE = "index.html"
ROWS = 12  # of a picture at most, the table's first
PICTURES = 4  # videos of a section that get pictures unless the user says otherwise


@dataclass(frozen=True, eq=False)
class Report:
    """A written report.

    Attributes:
        folder: where it stands. gathered: what it is about. files: all that was written.
    """

    folder: Path
    gathered: Gathered
    files: tuple[Path, ...]

    @property
    def page(self) -> Path:
        """What to open."""
        return self.folder / PAGE

    @property
    def tables(self) -> tuple[Table, ...]:
        """One for each setting (data, model, resolution, precision, prompt, protocol)."""
        return self.gathered.tables


@dataclass(frozen=True)
class Wanted:
    """What a report shows beside its tables.

    Attributes:
        pictures: number of videos with pictures in each section: those on which the policies
            differ most.
        sequences: videos that get pictures in any case.
        curves: CSV files of search and training (`tables.curves.read_curves`).
        studies: CSV files of what studies found (`tables.studies.read_studies`).
        formats: files of each plot, of `FORMATS`.
        room: bytes of the page's panels together, see `html.render`.

    Raises:
        InputError: there is no such format, or none.
    """

    pictures: int = PICTURES
    sequences: tuple[str, ...] = ()
    curves: tuple[Path, ...] = ()
    studies: tuple[Path, ...] = ()
    formats: tuple[str, ...] = FORMATS
    room: int = ROOM

    def __post_init__(self) -> None:
        """Refuse formats that nobody can draw."""
        for name in self.formats or ("",):
            if name not in FORMATS:
                raise unknown("format", name, FORMATS)


def write_report(
    results_root: Path,
    split: str | None,
    baseline: str,
    out: Path,
    *,
    wanted: Wanted | None = None,
    toolkit_compatible: bool = False,
    jf: bool = False,
    data: Path | None = None,
    say: Callable[[str], None] = lambda what: None,
) -> Report:
    """Score all results below a folder and write tables, plots and the page.

    Args:
        results_root: what `vot-memory run` wrote to.
        split: only results on this split, by its name or the folder that was run; None takes all.
        baseline: policy (or row label) that differences are taken to.
        out: folder of the report; replaced if it is a report, otherwise it must be new or empty.
        wanted: pictures and curves; None for the usual ones.
        toolkit_compatible: the VOT toolkit's scoring rules instead of the clean ones; of boxes
            those of the split's benchmark.
        jf: also J, F and J&F, which takes longer.
        data: folder of published data sets.
        say: is told what is being done.

    Raises:
        InputError: there are no finished results, the baseline's name or that of a video is
            unknown, a record or a file of curves or of a study is damaged, or `out` holds
            something else.
        OSError: `out` cannot be written.
    """
    wanted = wanted or Wanted()
    place = out.resolve()
    _check_place(out)
    check_writable(place)
    remove_stale(place)
    curves = read_curves(wanted.curves) if wanted.curves else None
    reached = None if curves is None else make_reached(curves)
    studies = (*([] if reached is None else [reached]), *read_studies(wanted.studies))
    say("scoring")
    gathered = gather(
        results_root, split, baseline, toolkit_compatible=toolkit_compatible, jf=jf, data=data
    )
    chosen = _choose(gathered, wanted)
    with Building(place) as building, warnings.catch_warnings():
        # A letter that the font has not is drawn as a box; a line for each is no help.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        building.mkdir(parents=True)
        _Builder(building, wanted, say).write(gathered, chosen, curves, studies)
        names = sorted(path.relative_to(building) for path in building.rglob("*") if path.is_file())
        _swap(building, place)
    return Report(out, gathered, tuple(out / name for name in names if name.name != MARKER))


def _choose(gathered: Gathered, wanted: Wanted) -> list[tuple[str, ...]]:
    """The videos of each section that get pictures; a named one must stand in some section."""
    known = {s.name for section in gathered.sections for s in section.sequences}
    for name in wanted.sequences:
        if name not in known:
            raise unknown("sequence", name, known)
    chosen = []
    for section in gathered.sections:
        own = {s.name for s in section.sequences}
        chosen.append(choose(section, wanted.pictures, [n for n in wanted.sequences if n in own]))
    return chosen


@dataclass(frozen=True)
class _Builder:
    """Writes the files of a report.

    Attributes:
        folder: where it is being built. wanted: pictures and files. say: is told what is done.
    """

    folder: Path
    wanted: Wanted
    say: Callable[[str], None]

    def write(
        self,
        gathered: Gathered,
        chosen: Seq[tuple[str, ...]],
        curves: Curves | None,
        studies: Seq[Study],
    ) -> None:
        """Write everything; `chosen` are the videos of each section that get pictures."""
        (self.folder / MARKER).write_text("A report of vot-memory; replaced by the next one.\n")
        shown = []
        for i, (section, videos) in enumerate(zip(gathered.sections, chosen, strict=True)):
            shown.append(self._section(section, videos, "" if i == 0 else f"-{i + 1}"))
        further = [] if curves is None else self._curves(curves)
        runs = [run.identity for table in gathered.tables for run in table.all_runs]
        found = [self._study(study.beside(runs)) for study in studies]
        self.say("writing the page")
        page = html.render(gathered, shown, further, found, room=self.wanted.room)
        (self.folder / PAGE).write_text(page, encoding="utf-8")
        text = markdown.render(gathered, shown, further, found)
        (self.folder / "report.md").write_text(text, encoding="utf-8")

    def _section(self, section: Section, videos: Seq[str], suffix: str) -> Shown:
        """Write the tables and plots of a section; return what the page shows of them."""
        self.say("drawing plots")
        tables = self.folder / "tables"
        tables.mkdir(exist_ok=True)
        files = write_tables(tables, section.table, suffix)
        figures = []
        for plot in PLOTS:
            figure = plot.draw(section.table)
            if figure is None:
                continue
            stem = f"{plot.name}{suffix}"
            saved = self._save(figure, self.folder / "plots" / stem)
            svg = inline_svg(figure, stem, plot.alt(section.table))
            figures.append(PagePlot(plot.name, plot.title, svg, self._links(saved), plot.wide))
            if plain := [file for file in saved if file.suffix in (".png", ".svg")]:
                files[plot.name] = plain[0]
        sheets, said = [], []
        for n, name in enumerate(videos):
            self.say(f"drawing video {n + 1} of {len(videos)}")
            try:
                sheets += self._pictures(section, name, suffix)
            except InputError as error:  # a picture that cannot be read spoils no numbers
                said.append(f"{name} has no pictures here: {error}")
        links = {kind: file.relative_to(self.folder) for kind, file in files.items()}
        return Shown(section, tuple(figures), links, tuple(sheets), tuple(said))

    def _pictures(self, section: Section, name: str, suffix: str) -> list[Sheet]:
        """Draw the memory of every policy and a strip of frames for each object of a video."""
        folder = self.folder / "sequences" / (_safe(name) + suffix)
        while folder.exists():  # names that differ only in what no folder can be called
            folder = folder.with_name(f"{folder.name}_")
        sequence, table = section.sequence(name), section.table
        sheets, styles, names = [], row_styles(table), row_names(table)
        for track in sequence.objects:
            own = f"-{_safe(track.id)}" if len(sequence.objects) > 1 else ""
            what = f"{name}, object {track.id}" if own else name
            timelines = section.timelines(name, track.id)[:ROWS]
            title = "\n".join([what, *table.legend])
            plot = memory_plot(timelines, title, table.baseline, styles, names)
            memory = self._save(plot, folder / f"memory{own}")
            strip = make_strip(section, name, track.id, timelines=timelines)
            frames = strip_plot(strip, what, names, table.legend)
            saved = self._save(frames, folder / f"strip{own}")
            sheets.append(Sheet(what, strip, self._links(memory), self._links(saved)))
        return sheets

    def _curves(self, curves: Curves) -> list[PagePlot]:
        figure = curves_plot(curves)
        if figure is None:
            return []
        links = self._links(self._save(figure, self.folder / "plots" / "curves"))
        title = "best-found Q against the frames that were spent"
        title += f" ({MADE_UP})" if curves.synthetic else ""
        svg = inline_svg(figure, "curves", curves_alt(curves))
        return [PagePlot("curves", title, svg, links, wide=True)]

    def _study(self, study: Study) -> PageStudy:
        files = self._links(write_study(self.folder / "tables", study))
        if study.name not in STUDY_PLOTS:
            return PageStudy(study, files)
        draw, alt = STUDY_PLOTS[study.name]
        figure = draw(study)
        links = self._links(self._save(figure, self.folder / "plots" / study.name))
        svg = inline_svg(figure, study.name, alt(study))
        return PageStudy(study, files, PagePlot(study.name, study.title, svg, links, wide=True))

    def _save(self, figure: Figure, stem: Path) -> list[Path]:
        stem.parent.mkdir(parents=True, exist_ok=True)
        return save(figure, stem, self.wanted.formats)

    def _links(self, files: Seq[Path]) -> tuple[str, ...]:
        return tuple(file.relative_to(self.folder).as_posix() for file in files)


def _safe(name: str) -> str:
    """A name as the name of a file."""
    return re.sub(r"[^\w.-]+", "_", name)[:80].strip(".") or "video"


def _check_place(out: Path) -> None:
    if out.is_dir() and ((out / MARKER).exists() or not any(out.iterdir())):
        return
    if out.exists():
        raise InputError(f"{out} exists and is no report: name another folder with --out.")


def _swap(building: Path, place: Path) -> None:
    """Put a finished folder in the place of an old one."""
    if place.exists():
        old = building.with_suffix(".old")
        place.rename(old)
        building.rename(place)
        old.rename(building)  # a name whose leftovers the next report removes
        shutil.rmtree(building, ignore_errors=True)
    else:
        building.rename(place)
