"""Ceilings of memory decisions: what each gains over FIFO, in panels by what it is told."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from vot_memory.reports.plots.canvas import styled
from vot_memory.reports.plots.gains import Line, Panel, gains_figure
from vot_memory.reports.style import Style
from vot_memory.reports.tables.ceilings import BASE, GROUPS
from vot_memory.reports.text import count, is_defined, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.study import Study

_STYLES = {
    "deployable": Style("#0072B2", "o"),
    "causal": Style("#D55E00", "^"),
    "hindsight": Style("#000000", "D"),
    "component": Style("#6C6C6C", "s"),
}


@styled
def ceilings_plot(study: Study) -> Figure:
    """Mean gain over FIFO with its 95% interval, a panel a group; only what can track is filled."""
    records = study.records()
    panels = [
        Panel(f"told {GROUPS[name]}", _STYLES[name], name == "deployable", [_line(r) for r in rows])
        for name, rows in groupby(records, key=lambda row: row["group"])
    ]
    videos = count(int(records[0]["videos"]), "video")
    said = f"{videos}; bars: 95% intervals, paired by video; hollow: no trackers"
    return gains_figure(panels, BASE, [study.title, study.made_on, said])


def ceilings_alt(study: Study) -> str:
    """What the plot shows, in words."""
    said = []
    for name, rows in groupby(study.records(), key=lambda row: row["group"]):
        gains = [
            f"{r['ceiling']} {number(r['gain'], signed=True)}"
            for r in rows
            if is_defined(r["gain"])
        ]
        if gains:
            said.append(f"told {GROUPS[name]}: {', '.join(gains)}")
    return f"Mean gain in Q over {BASE}; {'; '.join(said)}."


def _line(row: dict[str, Any]) -> Line:
    name = f"{row['ceiling']}: {row['what']}" if row["what"] else row["ceiling"]
    return Line(name, row["Q"], row["gain"], row["gain_low"], row["gain_high"])
