"""Accuracy against robustness, a point a policy, as the VOT challenges show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vot_memory.reports.plots.canvas import (
    add_title,
    new_figure,
    row_names,
    row_styles,
    settle,
    styled,
)
from vot_memory.reports.plots.labels import label_points
from vot_memory.reports.text import count, number, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.table import Table


_NAMED = 16  # up to so many points have names; of more, the first rows of the table
_FIRST = 12


@styled
def ar_plot(table: Table) -> Figure | None:
    """Accuracy over robustness, a point a policy; None where no policy has both."""
    from matplotlib.ticker import MaxNLocator

    rows = table.overview.dropna(subset=["A", "R"])
    if rows.empty:
        return None
    styles = row_styles(table)
    figure, (axes,) = new_figure(5.4, 5.2)
    x, y = rows["R"].to_numpy(float), rows["A"].to_numpy(float)
    axes.set_xlim(*_zoom(x))
    axes.set_ylim(*_zoom(y))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _iso_lines(axes)
    named = len(rows) if len(rows) <= _NAMED else _FIRST
    for i, (label, r, a) in enumerate(zip(rows["label"], x, y, strict=True)):
        style = styles[label]
        look = {"ms": 8, "zorder": 3} if i < named else {"ms": 6, "zorder": 2, "alpha": 0.45}
        axes.plot(r, a, style.marker, color=style.color, mec="white", mew=0.7, **look)
    less = "" if named == len(rows) else f"\nnamed: the first {named} of {len(rows)} rows"
    axes.set_xlabel(f"robustness R  (share of visible frames that are tracked){less}")
    axes.set_ylabel("accuracy A  (mean overlap of tracked frames)")
    axes.grid(color="0.92", lw=0.7)
    add_title(figure, "Accuracy and robustness", table)
    settle(figure)  # labels need the final layout
    shown, short = list(rows["label"])[:named], row_names(table)
    names = [short[label] for label in shown]
    colors = [styles[label].color for label in shown]
    others = np.column_stack([x, y])[named:]
    label_points(axes, list(x[:named]), list(y[:named]), names, others, colors=colors)
    return figure


def ar_alt(table: Table) -> str:
    """What the plot shows, in words."""
    rows = table.overview.dropna(subset=["A", "R"]).set_index("label")
    most = []
    for measure, name in (("A", "accuracy"), ("R", "robustness")):
        values = rows[measure].astype(float)
        best = [one_line(str(label)) for label in values.index[values == values.max()]]
        who = f"{best[0]} has" if len(best) == 1 else f"{len(best)} share"
        most.append(f"{who} the highest {name} ({number(float(values.max()))})")
    text = f"Accuracy over robustness of {count(len(rows), 'row')}: {' and '.join(most)}."
    if table.baseline is None or table.baseline not in rows.index:
        return text
    base = table.row(table.baseline)
    return (
        f"{text} The baseline {one_line(table.baseline)} has accuracy {number(base['A'])} "
        f"and robustness {number(base['R'])}."
    )


def _zoom(values: NDArray[np.float64], least: float = 0.2) -> tuple[float, float]:
    """Limits in steps of 0.05 with room around the values, at least `least` wide, within 0..1."""
    low, high = float(values.min()), float(values.max())
    room = max(0.05, 0.15 * (high - low), (least - (high - low)) / 2)
    low, high = np.floor((low - room) * 20) / 20, np.ceil((high + room) * 20) / 20
    return max(-0.02, float(low)), min(1.02, float(high))


def _iso_lines(axes: Axes) -> None:
    """Curves of equal A x R, which is close to the mean overlap of visible frames."""
    from matplotlib.patheffects import withStroke

    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    r = np.linspace(max(left, 1e-3), min(right, 1.0), 200)
    low, high = max(left, 0) * max(bottom, 0), min(right, 1) * min(top, 1)
    step = 0.05 if high - low < 0.45 else 0.1
    multiples = np.arange(max(np.ceil(low / step), 1), np.floor(high / step) + 1)
    inside = {n * step: (n * step / r >= bottom) & (n * step / r <= min(top, 1)) for n in multiples}
    levels = [level for level, shown in inside.items() if shown.sum() > 25]
    for level in levels:
        a, shown = level / r, inside[level]
        axes.plot(r[shown], a[shown], color="0.8", lw=0.8, ls=(0, (2, 3)), zorder=1)
        axes.text(
            r[shown][-1],
            a[shown][-1],
            f"A·R = {level:.2f}" if level == levels[-1] else f"{level:.2f}",
            fontsize=7,
            color="0.55",
            ha="right",
            va="bottom",
            path_effects=[withStroke(linewidth=2, foreground="white")],
            zorder=1,
        )
