"""Budget curves: the best Q found by the memory-path frames spent on it, a line a method."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.reports.plots.canvas import add_legend, blank, styled, write_title
from vot_memory.reports.style import Style, distinct_styles
from vot_memory.reports.tables.curves import BASELINE, Curves
from vot_memory.reports.text import MINUS, count, number, one_line, shorten_apart
from vot_memory.statistics import mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

Values = NDArray[np.float64]

MADE_UP = "made-up curves, to show the plot"
_PANELS = 12  # up to so many sequences have a panel each
_COLUMNS = 4
_STEPS = 40  # points of a mean, each with an interval
_LEAST = 0.02  # height of an axis in Q, so that its labels have decimals enough
_LONGEST = 24  # letters of a name
_UNEVEN = 1.5  # longest run of a method over its shortest that is worth a word


class _Mean(NamedTuple):
    """Mean of a method by budget and the ends of its band, [G] each.

    `sequences` it is over; from `shortest` frames on some of its runs have ended.
    """

    frames: Values
    mean: Values
    low: Values
    high: Values
    sequences: int
    shortest: int


@styled
def curves_plot(curves: Curves) -> Figure | None:
    """Mean over sequences of the best Q found by budget; below it a panel a sequence where few.

    Where the baseline's Q is known everywhere, the gain over it is shown instead of Q. Methods are
    compared on the sequences that all have, if there are some. A run that ends early keeps what it
    has found; where a method's own budget ends, a dotted line carries its mean on. Bands span the
    seeds, each the mean over sequences, since methods are compared on the same ones; where no
    method has several seeds they are 95% bootstrap intervals over sequences.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.ticker import MaxNLocator

    shown = _compared(curves)
    sequences = list(shown["sequence"].unique())
    panels = sequences if 1 < len(sequences) <= _PANELS else []
    rows = -(-len(panels) // _COLUMNS)
    figure = blank(8.6, 4.1 + 1.45 * rows, layout=ConstrainedLayoutEngine(w_pad=0.07))
    grid = figure.add_gridspec(1 + rows, _COLUMNS, height_ratios=[3.2, *[1.35] * rows])
    styles = distinct_styles(curves.methods)
    axes = figure.add_subplot(grid[0, :])
    means = _means(shown)
    _draw_means(axes, means, styles, curves.has_baseline, float(shown["frames"].max()))
    add_legend(figure, axes, "in the end")
    first: Axes | None = None
    titles = shorten_apart([one_line(name) for name in panels], _LONGEST)
    for i, (name, title) in enumerate(zip(panels, titles, strict=True)):
        place = grid[1 + i // _COLUMNS, i % _COLUMNS]
        panel = figure.add_subplot(place, sharex=axes, sharey=first)
        first = first or panel
        panel.tick_params(labelleft=i % _COLUMNS == 0, labelbottom=i + _COLUMNS >= len(panels))
        _draw_sequence(panel, shown[shown["sequence"] == name], styles)
        panel.set_title(title, fontsize=8, parse_math=False)
        panel.tick_params(labelsize=7)
    for own in figure.axes:
        own.grid(color="0.92", lw=0.7)
        if curves.has_baseline:
            own.axhline(0, color="0.35", lw=0.9, zorder=1)
            own.yaxis.set_major_formatter(lambda y, _: number(y, 3, signed=True))
            own.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        low, high = own.get_ylim()
        room = max(0.0, _LEAST - (high - low)) / 2
        own.set_ylim(low - room, high + room)
    _scale(axes, shown["frames"].to_numpy(float))
    axes.set_xlabel("memory-path frames spent")
    axes.set_ylabel(f"best Q found {MINUS} baseline" if curves.has_baseline else "best Q found")
    write_title(figure, _title(curves, means))
    return figure


def curves_alt(curves: Curves) -> str:
    """What the plot shows, in words."""
    shown = _compared(curves)
    means = _means(shown)
    ends = [
        f"{one_line(str(method))} {number(float(own.mean[-1]), signed=curves.has_baseline)} "
        f"after {own.frames[-1]:,.0f} frames"
        for method, own in _ranked(means)
    ]
    what = "Mean gain in Q over the baseline" if curves.has_baseline else "Mean of the best Q found"
    text = f"{what} by memory-path frames spent: {'; '.join(ends)}. All saw the ground truth."
    return f"{text} These are {MADE_UP}." if curves.synthetic else text


def _compared(curves: Curves) -> DataFrame:
    """Points of the sequences that all methods have (of all where there is none), with `value`."""
    rows = curves.rows
    methods = rows.groupby("sequence")["method"].nunique()
    common = methods.index[methods == len(curves.methods)]
    shown = rows[rows["sequence"].isin(common)] if len(common) else rows
    base = shown[BASELINE] if curves.has_baseline else 0.0
    return shown.assign(value=shown["Q"] - base)


def _steps(own: DataFrame, frames: Values) -> Values:
    """Best value of a run at each budget, [G]; NaN before its first point."""
    known, values = own["frames"].to_numpy(float), own["value"].to_numpy(float)
    last = np.searchsorted(known, frames, side="right") - 1
    return np.where(last >= 0, values[last], np.nan)


def _means(shown: DataFrame) -> dict[str, _Mean]:
    seeded = _seeded(shown)
    return {str(method): _mean(own, seeded) for method, own in shown.groupby("method", sort=False)}


def _seeded(shown: DataFrame) -> bool:
    """Whether bands span seeds: some method has several, or there is but one sequence."""
    seeds = shown.groupby(["method", "sequence"])["seed"].nunique()
    return bool(seeds.max() > 1) or shown["sequence"].nunique() == 1


def _mean(own: DataFrame, seeded: bool) -> _Mean:
    """Mean over seeds, then over sequences, from where every run has found something."""
    first = own.groupby(["sequence", "seed"])["frames"].min().max()
    frames = np.unique(own["frames"].to_numpy(float))
    frames = frames[frames >= first]
    if len(frames) > _STEPS:
        wanted = np.geomspace(frames[0], frames[-1], _STEPS)
        frames = np.unique(frames[np.searchsorted(frames, wanted * (1 - 1e-9))])
    runs = {key: _steps(run, frames) for key, run in own.groupby(["sequence", "seed"], sort=False)}
    names = list(dict.fromkeys(sequence for sequence, _ in runs))
    units = [np.mean([v for (s, _), v in runs.items() if s == name], axis=0) for name in names]
    mean = np.mean(units, axis=0)
    shortest = int(own.groupby(["sequence", "seed"])["frames"].max().min())
    if seeded:
        seeds = list(dict.fromkeys(seed for _, seed in runs))
        whole = len(runs) == len(seeds) * len(names)  # else a seed's mean is over other sequences
        by_seed = [np.mean([runs[n, seed] for n in names], axis=0) for seed in seeds if whole]
        every = np.array(by_seed or [np.full(len(frames), np.nan)])
        low, high = every.min(axis=0), every.max(axis=0)
        return _Mean(frames, mean, low, high, len(names), shortest)
    ends = [mean_interval(column) for column in np.array(units).T]
    low = np.array([np.nan if end.low is None else end.low for end in ends])
    high = np.array([np.nan if end.high is None else end.high for end in ends])
    return _Mean(frames, mean, low, high, len(names), shortest)


def _ranked(means: dict[str, _Mean]) -> list[tuple[str, _Mean]]:
    """What has found most in the end comes first."""
    return sorted(means.items(), key=lambda pair: -pair[1].mean[-1])


def _draw_means(
    axes: Axes, means: dict[str, _Mean], styles: dict[str, Style], signed: bool, last: float
) -> None:
    ranked = _ranked(means)
    names = shorten_apart([one_line(method) for method, _ in ranked], _LONGEST)
    for i, ((method, own), name) in enumerate(zip(ranked, names, strict=True)):
        style, end = styles[method], number(float(own.mean[-1]), signed=signed)
        axes.fill_between(
            own.frames, own.low, own.high, step="post", color=style.color, alpha=0.15, lw=0
        )
        axes.plot(
            own.frames,
            own.mean,
            drawstyle="steps-post",
            color=style.color,
            lw=1.6,
            marker=style.marker,
            ms=5,
            mec="white",
            mew=0.5,
            markevery=(i * 2 % 7, 7),
            label=f"{end}  {name}",
        )
        if own.frames[-1] < last:
            x, y = [own.frames[-1], last], [own.mean[-1]] * 2
            axes.plot(x, y, ":", color=style.color, lw=1.1, alpha=0.8, zorder=1.5)


def _draw_sequence(axes: Axes, rows: DataFrame, styles: dict[str, Style]) -> None:
    """Each seed as a thin line and the mean over seeds as a strong one."""
    for method, own in rows.groupby("method", sort=False):
        color = styles[str(method)].color
        seeds = [run for _, run in own.groupby("seed", sort=False)]
        for run in seeds if len(seeds) > 1 else []:
            axes.step(run["frames"], run["value"], where="post", color=color, lw=0.6, alpha=0.45)
        first = max(float(run["frames"].iloc[0]) for run in seeds)
        frames = np.unique(own["frames"].to_numpy(float))
        frames = frames[frames >= first]
        mean = np.mean([_steps(run, frames) for run in seeds], axis=0)
        axes.step(frames, mean, where="post", color=color, lw=1.3)


def _scale(axes: Axes, frames: Values) -> None:
    """A log axis with plain numbers: 500, 1k, 2M."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_xlim(frames.min() / 1.05, max(frames.max(), frames.min() * 2) * 1.05)
    subs = (1.0,) if frames.max() > 200 * frames.min() else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _title(curves: Curves, means: dict[str, _Mean]) -> list[str]:
    what = "Gain over the baseline" if curves.has_baseline else "Best Q found"
    counts = sorted({own.sequences for own in means.values()})
    total = len(curves.sequences)
    over = count(counts[0], "sequence")
    if len(counts) > 1:
        over = f"{counts[0]} to {counts[-1]} sequences, not the same for all methods"
    elif counts[0] < total:
        over = f"the {counts[0]} of {total} sequences that all methods have"
    seeded = _seeded(_compared(curves))
    band = "from the worst to the best seed" if seeded else "95% interval over sequences"
    lines = [
        f"{what} by budget; all methods saw the ground truth",
        f"mean over {over}; band: {band}",
    ]
    lines += [
        f"{one_line(method)}: runs of {own.shortest:,} to {own.frames[-1]:,.0f} frames; those that "
        "have ended keep what they found"
        for method, own in means.items()
        if own.frames[-1] > _UNEVEN * own.shortest
    ]
    return [MADE_UP.capitalize(), *lines] if curves.synthetic else lines
