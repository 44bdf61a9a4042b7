"""Q of every sequence, each policy beside the baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vot_memory.reports.plots.canvas import (
    LETTER,
    add_title,
    new_figure,
    row_names,
    row_styles,
    settle,
    styled,
)
from vot_memory.reports.plots.labels import label_points
from vot_memory.reports.text import (
    MINUS,
    count,
    interval,
    is_defined,
    number,
    one_line,
    shorten,
    shorten_apart,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from vot_memory.reports.tables.table import Table

_PANELS = 12  # policies at most, those with the highest Q
_NAMED = 48  # up to so many sequences stand by name under the axis
_SHORT = 22  # letters of a name under the axis
_EXTREMES = 2  # sequences named on either side where there are more
_LEAST = 0.05  # smallest difference in Q that is worth a name
_LETTERS = 13.4  # of a panel's title, for an inch of the figure


@styled
def sequence_plot(table: Table) -> Figure | None:
    """Q of every sequence: each policy's dots against the baseline's, a panel a policy.

    Sequences stand in the order of the baseline's Q (of the first policy's without a baseline), so
    all panels share one axis. Where some are finished by all, only those are shown. None without
    any defined Q.
    """
    quality = _quality(table.sequences, list(table.overview["label"]))
    reference = table.baseline or str(table.overview["label"].iloc[0])
    complete = quality.dropna()
    quality = quality.dropna(how="all") if complete.empty else complete
    if quality.empty:
        return None
    quality = quality.sort_values(reference, kind="stable")
    others = [label for label in quality.columns if label != reference]
    left, others = others[_PANELS:], others[:_PANELS]
    styles, rows = row_styles(table), row_names(table)
    names = [one_line(name) for name in quality.index]
    named = len(names) <= _NAMED
    width = float(np.clip(2.2 + 0.24 * len(names), 5.6, 10.5))
    longest = LETTER * min(max(map(len, names)), _SHORT)
    turned = longest + LETTER > (width - 0.6) / len(names)
    tail = longest if named and turned else 0.15
    height = 1.15 + tail + 1.9 * max(1, len(others))
    figure, panels = new_figure(width, height, rows=max(1, len(others)))
    base = quality[reference].to_numpy(float)
    for axes, label in zip(panels, others or [reference], strict=True):
        _set_up(axes, len(names))
        if others:
            values = quality[label].to_numpy(float)
            _paired_dots(axes, base, values, styles[label].color)
            pair = f"{rows[label]} {MINUS} {rows[reference]}"
            title = _panel_title(pair, table.row(label), int(width * _LETTERS))
            axes.set_title(title, parse_math=False)
        else:
            axes.plot(base, "o", color=styles[reference].color, ms=_dot(len(names)))
    _name_sequences(panels[-1], names if named else [], turned)
    what = f"bars: {rows[reference]}; hollow: below it" if others else ""
    what += f"; {len(left)} more are in the tables" if left else ""
    if not named:
        what = "; ".join([count(len(names), "sequence"), *([what] if what else [])])
    panels[-1].set_xlabel(what, parse_math=False)
    add_title(figure, f"Q of each sequence, sorted by {rows[reference]}", table)
    if not named:
        settle(figure)  # labels need the final layout
        for axes, label in zip(panels, others, strict=False):
            _name_extremes(axes, names, base, quality[label].to_numpy(float))
    return figure


def sequence_alt(table: Table) -> str:
    """What the plot shows, in words."""
    quality = _quality(table.sequences, list(table.overview["label"]))
    text = f"Q of {count(len(quality), 'sequence')}"
    rows = table.overview.dropna(subset=["difference"]).sort_values("difference")
    if table.baseline is None or rows.empty:
        return f"{text} for {', '.join(one_line(label) for label in quality.columns)}."
    ends = [rows.iloc[-1], rows.iloc[0]][: len(rows)]
    said = [
        f"{one_line(row['label'])} is better on {row['wins']:.0f} and worse on "
        f"{row['losses']:.0f} ({number(row['difference'], signed=True)} in the mean)"
        for row in ends
    ]
    others = f" each of {len(rows)} policies" if len(rows) > 2 else ""
    return f"{text},{others} beside {one_line(table.baseline)}: {'; '.join(said)}."


def _quality(sequences: DataFrame, labels: list[str]) -> DataFrame:
    """Q as a frame [sequence, label], columns in the table's order."""
    return sequences.pivot_table(index="sequence", columns="label", values="Q").reindex(
        columns=labels
    )


def _set_up(axes: Axes, sequences: int) -> None:
    """Limits, ticks and grid of a panel."""
    axes.set_xlim(-0.7, sequences - 0.3)
    axes.set_ylim(-0.03, 1.03)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.set_ylabel("Q")
    axes.grid(axis="y", color="0.92", lw=0.7)


def _paired_dots(
    axes: Axes, base: NDArray[np.float64], values: NDArray[np.float64], color: str
) -> None:
    """Baseline as short bars, the policy as dots (hollow where below), a stem between them."""
    x, size = np.arange(len(base)), _dot(len(base))
    gap = np.full(len(x), np.nan)  # between stems, which are one line: a smaller file
    stems = np.column_stack([base, values, gap]).ravel()
    axes.plot(np.repeat(x, 3), stems, color=color, lw=size * 0.28, alpha=0.55, zorder=2)
    axes.plot(x, base, "_", color="0.25", ms=size * 1.7, mew=1.3, zorder=3)
    above = values >= base
    for chosen, fill in ((above, color), (~above, "white")):
        axes.plot(
            x[chosen],
            values[chosen],
            "o",
            color=color,
            mfc=fill,
            ms=size,
            mew=1.0,
            ls="none",
            zorder=4,
        )


def _dot(n: int) -> float:
    """Size of a dot in points for n sequences."""
    return float(np.clip(7.5 - 0.03 * n, 3.6, 7.0))


def _panel_title(pair: str, row: dict[str, Any], letters: int) -> str:
    """The difference of a pair and its videos; in two lines where there are too many letters."""
    if not is_defined(row["difference"]):
        return f"{pair}: no common sequence"
    said = number(row["difference"], signed=True)
    if is_defined(row["difference_low"]):
        ends = interval(row["difference_low"], row["difference_high"], signed=True)
        said += f" (95%: {ends})"
    wins, ties, losses = (int(row[key]) for key in ("wins", "ties", "losses"))
    said += f"; {wins} better, {ties} equal, {losses} worse"
    return f"{pair}: {said}" if len(pair) + len(said) + 2 <= letters else f"{pair}:\n{said}"


def _name_sequences(axes: Axes, names: list[str], turned: bool) -> None:
    axes.set_xticks(range(len(names)), shorten_apart(names, _SHORT), parse_math=False)
    axes.tick_params(axis="x", rotation=90 if turned else 0, labelsize=8, length=2)


def _name_extremes(
    axes: Axes, names: list[str], base: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    """Name the sequences that gain and lose most."""
    difference = values - base
    order = [int(i) for i in np.argsort(difference) if is_defined(difference[i])]
    ends = [*order[:_EXTREMES], *order[-_EXTREMES:]]
    chosen = [i for i in dict.fromkeys(ends) if abs(difference[i]) >= _LEAST]
    x = np.arange(len(names))
    dots = np.vstack([np.column_stack([x, base]), np.column_stack([x, values])])
    label_points(
        axes,
        chosen,
        [float(values[i]) for i in chosen],
        [shorten(names[i], _SHORT) for i in chosen],
        obstacles=dots[~np.isnan(dots).any(axis=1)],
        fontsize=7,
    )
