"""An ablation of the learned policy: what it loses without each group of features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vot_memory.reports.plots.canvas import styled
from vot_memory.reports.plots.gains import Line, Panel, gains_figure
from vot_memory.reports.style import STYLES, Style
from vot_memory.reports.tables.ablation import BASE
from vot_memory.reports.text import count, is_defined, number, one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.study import Study

_WHOLE = "the policy with all features"
_LEARNED = Style("#D55E00", "^")


@styled
def ablation_plot(study: Study) -> Figure:
    """Mean difference to the policy with all features, with its 95% interval."""
    fifo, *learned = study.records()
    panels = [
        Panel("not learned", STYLES[BASE], True, [_line(fifo)]),
        Panel("learned, fitted without", _LEARNED, True, [_line(row) for row in learned]),
    ]
    said = f"{count(int(fifo['videos']), 'video')}; bars: 95% intervals, paired by video"
    return gains_figure(panels, _WHOLE, [study.title, study.made_on, said])


def ablation_alt(study: Study) -> str:
    """What the plot shows, in words."""
    fifo, *learned = study.records()
    changes = [
        f"{one_line(row['without'])} {number(row['change'], signed=True)}"
        for row in learned
        if is_defined(row["change"])
    ]
    rule = f"{BASE} {number(fifo['change'], signed=True)}"
    without = f"; fitted without {', '.join(changes)}" if changes else ""
    return f"Mean difference in Q to {_WHOLE}: {rule}{without}."


def _line(row: dict[str, Any]) -> Line:
    name = one_line(f"{row['without']}: {row['what']}" if row["what"] else row["without"])
    return Line(name, row["Q"], row["change"], row["change_low"], row["change_high"])
