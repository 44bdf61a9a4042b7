"""The plots of a table, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from vot_memory.reports.plots.ablation import ablation_alt, ablation_plot
from vot_memory.reports.plots.ceilings import ceilings_alt, ceilings_plot
from vot_memory.reports.plots.difficulty import difficulty_alt, difficulty_plot
from vot_memory.reports.plots.events import event_alt, event_plot
from vot_memory.reports.plots.robustness import ar_alt, ar_plot
from vot_memory.reports.plots.sequences import sequence_alt, sequence_plot
from vot_memory.reports.plots.success import success_alt, success_plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.study import Study
    from vot_memory.reports.tables.table import Table


class Plot(NamedTuple):
    """A kind of plot.

    Attributes:
        name: stem of its files.
        title: what it shows.
        draw: makes it; returns None where there is nothing to show.
        alt: what it shows in a sentence or two, for those who do not see it; to be asked for only
            where there is a figure.
        wide: whether it needs the whole width of a page.
    """

    name: str
    title: str
    draw: Callable[[Table], Figure | None]
    alt: Callable[[Table], str]
    wide: bool = False


STUDY_PLOTS: dict[str, tuple[Callable[[Study], Figure], Callable[[Study], str]]] = {
    "ceilings": (ceilings_plot, ceilings_alt),
    "ablation": (ablation_plot, ablation_alt),
}
PLOTS = (
    Plot("ar", "accuracy over robustness", ar_plot, ar_alt),
    Plot("success", "success by overlap threshold", success_plot, success_alt),
    Plot("sequences", "Q of each sequence", sequence_plot, sequence_alt, wide=True),
    Plot("difficulty", "Q by how hard the videos are", difficulty_plot, difficulty_alt, wide=True),
    Plot("events", "difference by what happens in the frames", event_plot, event_alt, wide=True),
)
