"""Success plot: how many frames overlap the ground truth by more than a threshold."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vot_memory.metrics.vots import SUCCESS_THRESHOLDS, success_curve
from vot_memory.reports.plots.canvas import (
    LETTER,
    add_legend,
    add_title,
    new_figure,
    row_names,
    row_styles,
    styled,
)
from vot_memory.reports.text import MINUS, number, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.scores import RunScores
    from vot_memory.reports.style import Style
    from vot_memory.reports.tables.table import Table

Curve = NDArray[np.float64]

_LINE = 0.19  # height in inches of a line of the legend
_ALONG = 26  # letters beside a panel
_MARKS = 7  # markers on a line
_STRONG = 12  # up to so many lines are strong; of more, the best and the baseline are
_BEST = 6
_HALF = int(np.argmin(np.abs(SUCCESS_THRESHOLDS - 0.5)))  # index of the threshold 0.5


def success_curves(table: Table) -> dict[str, Curve]:
    """Success [100] at `SUCCESS_THRESHOLDS` by label, of the videos that the overview is about.

    Share of scored frames with overlap above the threshold: mean over the objects of a video, then
    over videos. As in VOTS, an absent object that is answered by an empty mask has overlap 1. Runs
    without a scored frame are left out.
    """
    finished = [set(run.objects["sequence"]) for run in table.runs]
    common = set.intersection(*finished)
    curves = {}
    for run, own in zip(table.runs, finished, strict=True):
        videos = _by_video(run, common or own)
        if videos:
            curves[run.label] = np.mean([np.mean(objects, axis=0) for objects in videos], axis=0)
    return curves


def _by_video(run: RunScores, sequences: set[str]) -> list[list[Curve]]:
    """Curves of the objects of each video, without those that no frame defines."""
    videos: dict[str, list[Curve]] = {}
    for (sequence, _), frames in run.frames.items():
        curve = success_curve(frames) if sequence in sequences else None
        if curve is not None:
            videos.setdefault(sequence, []).append(curve)
    return list(videos.values())


@styled
def success_plot(table: Table) -> Figure | None:
    """Success over thresholds, a line a policy, and below it the difference to the baseline.

    Lines lie close together where policies do, so the second panel shows what is between them.
    None without a scored frame.
    """
    from matplotlib.ticker import MaxNLocator

    curves = success_curves(table)
    if not curves:
        return None
    ranked = sorted(curves, key=lambda label: -curves[label].mean())
    base = curves.get(table.baseline or "") if len(curves) > 1 else None
    names = row_names(table)
    legend = 0.9 + LETTER * max(map(len, names.values()))
    height = max(4.0 if base is None else 6.0, 1.3 + _LINE * len(ranked))
    figure, panels = new_figure(5.6 + legend, height, rows=1 if base is None else 2, share_y=False)
    styles = row_styles(table)
    faint = set() if len(ranked) <= _STRONG else {*ranked[_BEST:]} - {table.baseline}
    for axes, below in zip(panels, (None, base), strict=False):
        for i, label in enumerate(ranked):
            values = curves[label] if below is None else curves[label] - below
            name = f"{number(float(curves[label].mean()))}  {names[label]}"
            _draw_line(axes, values, styles[label], i, name)
            if label in faint:
                axes.lines[-1].set(alpha=0.4, linewidth=0.8, markersize=3.5)
        axes.grid(color="0.92", lw=0.7)
    panels[0].set(xlim=(0, 1), ylim=(0, 1.01), ylabel="success  (share of frames)")
    panels[0].set_yticks([0, 0.25, 0.5, 0.75, 1])
    if base is not None:
        less = f"success {MINUS} that of {names[table.baseline or '']}"
        panels[1].set_ylabel("\n".join(textwrap.wrap(less, _ALONG)), parse_math=False)
        panels[1].axhline(0, color="0.35", lw=0.9, zorder=1)
        panels[1].yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        panels[1].yaxis.set_major_formatter(lambda y, _: number(y, 2, signed=True))
        _limit(panels[1], [curves[label] - base for label in ranked])
    panels[-1].set_xlabel("overlap threshold")
    panels[-1].set_xticks(np.linspace(0, 1, 6))
    add_legend(figure, panels[0], "area (about Q)")
    add_title(figure, "Success: share of frames that overlap by more than a threshold", table)
    return figure


def success_alt(table: Table) -> str:
    """What the success plot shows, in words."""
    curves = success_curves(table)
    ranked = sorted(curves, key=lambda label: -curves[label].mean())
    best, last = (
        f"{one_line(label)} ({number(float(curves[label].mean()))})"
        for label in (ranked[0], ranked[-1])
    )
    least = f"; the smallest is that of {last}" if len(ranked) > 1 else ""
    half = number(float(curves[ranked[0]][_HALF]))
    return (
        f"Success curves: {best} has the largest area under its curve{least}. "
        f"Of {one_line(ranked[0])}'s frames {half} overlap by more than one half."
    )


def _draw_line(axes: Axes, values: Curve, style: Style, i: int, name: str) -> None:
    """A line whose markers stand beside those of the other lines."""
    step = len(values) // _MARKS
    axes.plot(
        SUCCESS_THRESHOLDS,
        values,
        color=style.color,
        lw=1.4,
        marker=style.marker,
        ms=5,
        mec="white",
        mew=0.5,
        markevery=(2 + i * 5 % step, step),
        label=name,
        zorder=3,
    )


def _limit(axes: Axes, differences: list[Curve]) -> None:
    """Room around the differences, at least 0.04 to either side."""
    low = min(-0.04, *(1.15 * float(curve.min()) for curve in differences))
    high = max(0.04, *(1.15 * float(curve.max()) for curve in differences))
    axes.set_ylim(low, high)
