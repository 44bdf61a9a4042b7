"""The plots of a table, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from vot_memory.reports.plots.events import event_plot
from vot_memory.reports.plots.robustness import ar_plot
from vot_memory.reports.plots.sequences import sequence_plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.table import Table


class Plot(NamedTuple):
    """A kind of plot.

    Attributes:
        name: stem of its files.
        title: what it shows.
        draw: makes it; returns None where there is nothing to show.
    """

    name: str
    title: str
    draw: Callable[[Table], Figure | None]


PLOTS = (
    Plot("ar", "accuracy over robustness", ar_plot),
    Plot("sequences", "Q of each sequence", sequence_plot),
    Plot("events", "difference by what happens in the frames", event_plot),
)
