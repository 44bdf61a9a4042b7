"""What a report shows of a section beside its tables: plots and pictures, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.reports.gather import Section

if TYPE_CHECKING:
    from vot_memory.reports.pictures.strips import Strip
    from vot_memory.reports.tables.study import Study


@dataclass(frozen=True, eq=False)
class PagePlot:
    """A plot on the page.

    Attributes:
        name: of the plot. title: what it shows. svg: to stand in the page.
        files: relative to the page. wide: takes the whole width.
    """

    name: str
    title: str
    svg: str
    files: tuple[str, ...]
    wide: bool = False


@dataclass(frozen=True, eq=False)
class PageStudy:
    """What a study found, on the page.

    Attributes:
        study: its table. files: of the table, relative to the page. plot: None where there is none.
    """

    study: Study
    files: tuple[str, ...]
    plot: PagePlot | None = None


@dataclass(frozen=True, eq=False)
class Sheet:
    """The pictures of one object of a video.

    Attributes:
        what: the video, and the object where it has several. strip: its frames side by side.
        memory, frames: files of the signature plot and of the strip, relative to the page.
    """

    what: str
    strip: Strip
    memory: tuple[str, ...]
    frames: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page shows of a section.

    Attributes:
        section: the runs and videos.
        figures: its plots.
        files: kind -> file, relative to the page: tables, and plots that Markdown can show.
        sheets: the pictures of videos.
        said: what the reader has to know beside the table's notes, in sentences.
    """

    section: Section
    figures: tuple[PagePlot, ...] = ()
    files: Mapping[str, Path] = field(default_factory=dict)
    sheets: tuple[Sheet, ...] = ()
    said: tuple[str, ...] = ()

    def strips(self, sequence: str) -> dict[str, Strip]:
        """Object -> strip of a video."""
        strips = (sheet.strip for sheet in self.sheets)
        return {strip.object: strip for strip in strips if strip.sequence == sequence}
