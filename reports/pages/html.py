"""The page of a report: one self-contained HTML file that opens from disk."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

from vot_memory.reports.gather import Gathered, Section
from vot_memory.reports.plots.figures import Plot


@dataclass(frozen=True, eq=False)
class Figure:
    """A plot on the page.

    Attributes:
        plot: what it is. svg: to stand in the page. stem: of its files, relative to the page.
    """

    plot: Plot
    svg: str
    stem: str


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page shows of a section.

    Attributes:
        section: the runs and videos. figures: its plots.
        files: kind -> file, relative to the page, as `markdown.render` takes them.
    """

    section: Section
    figures: tuple[Figure, ...]
    files: Mapping[str, Path]


def render(gathered: Gathered, shown: Seq[Shown]) -> str:
    """The whole page."""
    return "<!doctype html>\n"
