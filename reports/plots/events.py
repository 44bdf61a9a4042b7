"""A plot of what happens in the frames: differences to the baseline by event, with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vot_memory.metrics.events import ABSENT
from vot_memory.reports.plots.canvas import (
    LETTER,
    add_title,
    new_figure,
    row_names,
    row_styles,
    styled,
)
from vot_memory.reports.tables.events import FRAMES
from vot_memory.reports.text import MINUS, count, is_defined, number, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.style import Style
    from vot_memory.reports.tables.events import EventTable
    from vot_memory.reports.tables.table import Table

ALL = "all frames"


@styled
def event_plot(table: Table) -> Figure | None:
    """Difference in overlap to the baseline: a panel an event, a line a policy.

    The first panel shows all frames, that is Q. All panels share one scale, so that lengths compare
    across them. None without events or without a policy to compare.
    """
    from matplotlib.ticker import MaxNLocator

    rows = table.overview.dropna(subset=["difference"])
    if table.events is None or rows.empty:
        return None
    labels = list(rows["label"])
    gaps = {ALL: {label: table.row(label) for label in labels}}
    for event in table.events.kinds(FRAMES):
        gaps[event] = {label: table.events.cell(label, event) for label in labels}
    short = row_names(table)
    names = [short[label] for label in labels]
    width = 0.6 + LETTER * max(map(len, names)) + 1.65 * len(gaps)
    figure, panels = new_figure(width, 1.7 + 0.27 * len(labels), columns=len(gaps))
    styles = row_styles(table)
    for axes, (event, cells) in zip(panels, gaps.items(), strict=True):
        axes.axvline(0, color="0.35", lw=0.9, zorder=1)
        axes.grid(axis="x", color="0.92", lw=0.7)
        for y, label in enumerate(labels):
            _draw_gap(axes, y, cells[label], styles[label])
        axes.set_title(_head(table, table.events, event))
        axes.tick_params(axis="y", length=0)
        axes.tick_params(axis="x", labelsize=7)
    panels[0].set_yticks(range(len(labels)), names, parse_math=False)
    panels[0].set_ylim(len(labels) - 0.4, -0.6)  # the table's order, from above
    panels[0].set_xlim(*_limits(gaps))
    panels[0].xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    panels[0].xaxis.set_major_formatter(lambda x, _: number(x, 2, signed=True))
    base = short[table.baseline or ""]
    figure.supxlabel(
        f"mean overlap {MINUS} that of {base}, 95% intervals over videos; filled: 0 lies outside",
        fontsize=9,
        parse_math=False,
    )
    add_title(figure, f"Difference to {base} by what happens in the frames", table)
    return figure


def event_alt(table: Table) -> str:
    """What the plot shows, in words: on each event the largest gain and loss that are sure."""
    base = one_line(table.baseline or "")
    text = (
        f"Difference in overlap to {base} by what happens in the frames. Sure (interval without 0):"
    )
    events = table.events
    if events is None:
        return f"{text} none."
    said = []
    for event in events.kinds(FRAMES):
        rows = events.rows[events.rows["kind"] == event]
        sure = rows[(rows["difference_low"] > 0) | (rows["difference_high"] < 0)]
        if not sure.empty:
            ends = sure.set_index("label")["difference"].sort_values(ascending=False)
            pairs = dict.fromkeys([(ends.index[0], ends.iloc[0]), (ends.index[-1], ends.iloc[-1])])
            parts = [f"{one_line(name)} {number(gap, signed=True)}" for name, gap in pairs]
            said.append(f"{event}: {' to '.join(parts)}")
    return f"{text} {'; '.join(said) or 'none'}."


def _draw_gap(axes: Axes, y: int, gap: dict[str, float], style: Style) -> None:
    """A marker at the difference, filled where 0 lies outside the interval."""
    if not is_defined(gap["difference"]):
        return
    low, high = gap["difference_low"], gap["difference_high"]
    sure = False
    if is_defined(low):
        axes.plot([low, high], [y, y], color=style.color, lw=1.8, solid_capstyle="butt", zorder=2)
        sure = low > 0 or high < 0
    fill = style.color if sure else "white"
    axes.plot(
        gap["difference"], y, style.marker, color=style.color, mfc=fill, ms=6.5, mew=1.2, zorder=3
    )


def _head(table: Table, events: EventTable, event: str) -> str:
    if event == ALL:
        return f"{ALL}: Q\n{count(int(table.overview['sequences'].max()), 'video')}"
    videos = events.counts(event, "videos")
    name = "absent: answered empty" if event == ABSENT else event
    return f"{name}\n{videos} {'video' if videos == '1' else 'videos'}"


def _limits(gaps: dict[str, dict[str, dict[str, float]]]) -> tuple[float, float]:
    """Of all differences and intervals, with room, at least 0.04 to either side of 0."""
    keys = ("difference", "difference_low", "difference_high")
    values = np.array(
        [[cell[key] for key in keys] for row in gaps.values() for cell in row.values()]
    )
    low, high = min(np.nanmin(values), -0.03), max(np.nanmax(values), 0.03)
    room = 0.06 * (high - low)
    return float(low - room), float(high + room)
