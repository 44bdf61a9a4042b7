"""What some things gain over another, with intervals: a line each, in panels."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, NamedTuple

from vot_memory.reports.plots.canvas import blank, write_title
from vot_memory.reports.text import MINUS, interval, is_defined, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.style import Style

_ROW = 0.27  # inches


class Line(NamedTuple):
    """A line of a panel.

    Attributes:
        name: what it is about. quality: its Q.
        gain, low, high: over the base, and the interval; NaN of the base itself.
    """

    name: str
    quality: float
    gain: float
    low: float
    high: float


class Panel(NamedTuple):
    """Lines of one kind.

    Attributes:
        title: what kind. style: of its marks. filled: marks are not hollow. lines: from above.
    """

    title: str
    style: Style
    filled: bool
    lines: Seq[Line]


def gains_figure(panels: Seq[Panel], base: str, title: Seq[str]) -> Figure:
    """Panels below one another, with the numbers flush right.

    Args:
        panels: at least one.
        base: whose Q is subtracted.
        title: lines above.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    sizes = [len(panel.lines) for panel in panels]
    height = 1.15 + sum(_ROW * size + 0.32 for size in sizes)
    figure = blank(7.8, height, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.03))
    ratios = [size + 0.3 for size in sizes]
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=ratios)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        _draw(axes, panel)
    last = grid[-1, 0]
    low, high = last.get_xlim()
    last.set_xlim(low, high + 0.5 * (high - low))  # room for the numbers
    _number_ticks(last)
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        _write(axes, panel.lines)
    last.set_xlabel(f"Q {MINUS} Q of {base}, mean over videos")
    write_title(figure, title)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    color, marker = panel.style.color, panel.style.marker
    fill = color if panel.filled else "white"
    for y, line in enumerate(panel.lines):
        if is_defined(line.low):
            axes.plot([line.low, line.high], [y, y], color=color, lw=1.4)
        gain = line.gain if is_defined(line.gain) else 0.0
        axes.plot(gain, y, marker, color=color, mfc=fill, mew=1.3, ms=7, zorder=3)
    axes.set_title(panel.title, parse_math=False)
    axes.set_yticks(range(len(panel.lines)), [line.name for line in panel.lines], parse_math=False)
    axes.set_ylim(len(panel.lines) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.axvline(0, color="0.35", lw=0.9, zorder=1)
    axes.grid(axis="x", color="0.92", lw=0.7)


def _number_ticks(axes: Axes) -> None:
    """Ticks at round numbers, with as many decimals as they need; panels share them."""
    from matplotlib.ticker import MaxNLocator

    ticks = MaxNLocator(8, steps=[1, 2, 5, 10])
    first, second, *_ = ticks.tick_values(*axes.get_xlim())
    digits = 2 if second - first > 0.009 else 3
    axes.xaxis.set_major_locator(ticks)
    axes.xaxis.set_major_formatter(lambda x, _: number(x, digits, signed=True))


def _write(axes: Axes, lines: Seq[Line]) -> None:
    for y, line in enumerate(lines):
        text = f"Q {number(line.quality)}"
        if is_defined(line.gain):
            ends = interval(line.low, line.high, signed=True)
            text = f"{number(line.gain, signed=True)}  ({ends})"
        place = axes.get_yaxis_transform()
        axes.text(1.0, y, text, transform=place, ha="right", va="center", fontsize=7.5)
