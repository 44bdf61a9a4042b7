"""Ceilings of memory decisions: what each gains over FIFO, in panels by what it is told."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from vot_memory.reports.plots.canvas import blank, styled, write_title
from vot_memory.reports.style import Style
from vot_memory.reports.tables.ceilings import BASE, GROUPS
from vot_memory.reports.text import MINUS, count, interval, is_defined, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.study import Study

_STYLES = {
    "deployable": Style("#0072B2", "o"),
    "causal": Style("#D55E00", "^"),
    "hindsight": Style("#000000", "D"),
    "component": Style("#6C6C6C", "s"),
}
_ROW = 0.27  # inches


@styled
def ceilings_plot(study: Study) -> Figure:
    """Mean gain over FIFO with its 95% interval, a panel a group; only what can track is filled."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    records = study.records()
    groups = [(name, list(own)) for name, own in groupby(records, key=lambda row: row["group"])]
    sizes = [len(own) for _, own in groups]
    height = 1.15 + sum(_ROW * size + 0.32 for size in sizes)
    figure = blank(7.8, height, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.03))
    ratios = [size + 0.3 for size in sizes]
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=ratios)
    for axes, (name, rows) in zip(panels[:, 0], groups, strict=True):
        _draw(axes, rows, _STYLES[name])
        axes.set_title(f"told {GROUPS[name]}", parse_math=False)
    low, high = panels[-1, 0].get_xlim()
    panels[-1, 0].set_xlim(low, high + 0.5 * (high - low))  # room for the numbers
    for axes, (_, rows) in zip(panels[:, 0], groups, strict=True):
        _write(axes, rows)
    panels[-1, 0].set_xlabel(f"Q {MINUS} Q of {BASE}, mean over videos")
    videos = count(int(records[0]["videos"]), "video")
    lines = [study.title, f"{videos}; bars: 95% intervals, paired by video; hollow: no trackers"]
    write_title(figure, lines)
    return figure


def ceilings_alt(study: Study) -> str:
    """What the plot shows, in words."""
    said = []
    for name, rows in groupby(study.records(), key=lambda row: row["group"]):
        gains = [f"{r['ceiling']} {number(r['gain'], signed=True)}" for r in rows if _gains(r)]
        if gains:
            said.append(f"told {GROUPS[name]}: {', '.join(gains)}")
    return f"Mean gain in Q over {BASE}; {'; '.join(said)}."


def _gains(row: dict[str, Any]) -> bool:
    return is_defined(row["gain"])


def _draw(axes: Axes, rows: list[dict[str, Any]], style: Style) -> None:
    fill = style.color if rows[0]["group"] == "deployable" else "white"
    for y, row in enumerate(rows):
        gain = row["gain"] if _gains(row) else 0.0
        if is_defined(row["gain_low"]):
            axes.plot([row["gain_low"], row["gain_high"]], [y, y], color=style.color, lw=1.4)
        axes.plot(gain, y, style.marker, color=style.color, mfc=fill, mew=1.3, ms=7, zorder=3)
    names = [f"{r['ceiling']}: {r['what']}" if r["what"] else r["ceiling"] for r in rows]
    axes.set_yticks(range(len(rows)), names, parse_math=False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color="0.35", lw=0.9, zorder=1)
    axes.grid(axis="x", color="0.92", lw=0.7)
    axes.xaxis.set_major_formatter(lambda x, _: number(x, 2, signed=True))


def _write(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """The numbers, flush right."""
    for y, row in enumerate(rows):
        text = f"Q {number(row['Q'])}"
        if _gains(row):
            ends = interval(row["gain_low"], row["gain_high"], signed=True)
            text = f"{number(row['gain'], signed=True)}  ({ends})"
        place = axes.get_yaxis_transform()
        axes.text(1.0, y, text, transform=place, ha="right", va="center", fontsize=7.5)
