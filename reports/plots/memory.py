"""What each policy remembered of an object, and what came of it: a column of panels a policy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.policy import ANCHOR
from vot_memory.reports.plots.canvas import blank, short_names, styled, wrap
from vot_memory.reports.plots.raster import (
    ANCHOR_COLOR,
    EMPTY_COLOR,
    EMPTY_EDGE,
    PROMPT_COLOR,
    Polygon,
    add_polygons,
    box,
    draw_raster,
)
from vot_memory.reports.style import (
    OVERLAP_COLORS,
    UNSCORED_COLOR,
    Style,
    overlap_bin,
    styles_for,
)
from vot_memory.reports.text import number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.timeline import Timeline

SCORE_COLOR, IOU_COLOR, BASELINE_COLOR = "#222222", "#8A3FA0", "#6A6A6A"
_AWAY = "#DADADA"  # ground of frames where the object is absent
_IOUS = (-0.06, 1.06)  # limits of the predicted IoU
_FLOOR = -0.06  # of the panel of overlaps
_ACROSS = 3  # columns at most
_VECTORS = 300  # up to so many frames stay vectors in SVG and PDF
_TEXT, _SMALL = 7.0, 6.5  # points

# Inches.
_WIDTHS = {1: 5.9, 2: 3.7, 3: 2.75}  # of a column, by their number
_LEFT, _BETWEEN, _RIGHT = 0.68, 0.16, 0.5
_OVERLAP, _SCORE, _SLOT, _APART = 0.8, 0.55, 0.108, 0.09  # heights of panels, and between them
_HEAD, _FOOT = 0.26, 0.36  # above and below the panels of a policy
_EDGE, _LINE = 0.1, 0.17  # of the figure, of a line of text
_BOLD, _MEAN = 0.074, 1.15  # a letter of a policy's name, and what stands beside the name


class Panels(NamedTuple):
    """The axes of one policy, from above."""

    overlap: Axes
    score: Axes
    raster: Axes


@styled
def memory_plot(
    timelines: Sequence[Timeline],
    title: str,
    baseline: str | None,
    styles: Mapping[str, Style] | None = None,
    names: Mapping[str, str] | None = None,
) -> Figure:
    """Overlap, scores and memory over time, a column of panels a policy.

    From above: the overlap with the ground truth, over ground in the colours that memories have
    (none where an absent object is rightly answered by nothing); the object score and the
    predicted IoU of the chosen mask; the memory raster. All columns share their scales. Of long
    videos the vector formats hold the marks as pixels.

    Args:
        timelines: at least one, all of one object of one video.
        title: taken literally; long lines are wrapped.
        baseline: label of the timeline that the others' first panel repeats as a grey line.
        styles: label -> style, as in the plots of the whole table; by default those of these rows.
        names: label -> name, likewise.
    """
    names = names or short_names([timeline.label for timeline in timelines])
    if styles is None:
        named = styles_for([timeline.policy for timeline in timelines])
        styles = {t.label: style for t, style in zip(timelines, named, strict=True)}
    across = math.ceil(len(timelines) / math.ceil(len(timelines) / _ACROSS))
    rows = [timelines[i : i + across] for i in range(0, len(timelines), across)]
    slots = [max(4, *(t.slots for t in row)) for row in rows]
    width = _WIDTHS[across]
    full = _LEFT + across * (width + _BETWEEN) - _BETWEEN + _RIGHT
    lines = [part for line in title.splitlines() for part in wrap(line, full) or [""]]
    top = _EDGE + _LINE * (len(lines) + 2.6)
    lift = _LINE * (max(len(names[t.label]) for t in timelines) * _BOLD + _MEAN > width)
    head = _HEAD + lift
    figure = blank(full, top + sum(head + _height(count) + _FOOT for count in slots))
    reference = next((t for t in timelines if t.label == baseline), None)
    _add_head(figure, lines, timelines, None if reference is None else names[reference.label])
    logits = _limits(timelines)
    for row, count in zip(rows, slots, strict=True):
        for i, timeline in enumerate(row):
            panels = _place(figure, _LEFT + i * (width + _BETWEEN), top + head, width, count)
            _draw_overlap(panels.overlap, timeline, reference)
            _draw_scores(panels.score, timeline, logits)
            draw_raster(panels.raster, timeline, count, width)
            _say_unknown(panels, timeline)
            name, style = names[timeline.label], styles[timeline.label]
            _name(panels.overlap, timeline, name, style, lift)
            if i == len(row) - 1:
                _label_right(panels)
            _set_ticks(panels, count, row)
            if i == 0:
                _label_left(panels, width)
            if len(timeline) > _VECTORS:
                _make_pixels(panels)
        top += head + _height(count) + _FOOT
    return figure


def _height(slots: int) -> float:
    """Of the panels of a policy, in inches."""
    return _OVERLAP + _SCORE + _SLOT * (slots + 1.2) + 2 * _APART


def _place(figure: Figure, left: float, top: float, width: float, slots: int) -> Panels:
    """Panels one below the other, from a place in inches from the figure's left and top."""
    across, along = figure.get_size_inches()
    made: list[Axes] = []
    for height in (_OVERLAP, _SCORE, _SLOT * (slots + 1.2)):
        top += height
        place = (left / across, 1 - top / along, width / across, height / along)
        made.append(figure.add_axes(place, sharex=made[0] if made else None))
        top += _APART
    return Panels(*made)


def _limits(timelines: Sequence[Timeline]) -> tuple[float, float]:
    """Of all object scores and 0, with room."""
    scores = np.concatenate([[-1.0, 1.0], *(t.object_score for t in timelines)])
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    room = 0.06 * (high - low)
    return low - room, high + room


def _draw_overlap(axes: Axes, timeline: Timeline, reference: Timeline | None) -> None:
    """The overlap as a line over ground in the colours of its bins."""
    _shade_absence(axes, timeline)
    bins = [overlap_bin(overlap) for overlap in timeline.overlap.tolist()]
    for t in np.flatnonzero(timeline.rightly_empty).tolist():
        bins[t] = None
    ground: dict[int, list[Polygon]] = {}
    for place, run in groupby(enumerate(bins), key=itemgetter(1)):
        if place is not None:
            frames = [t for t, _ in run]
            ground.setdefault(place, []).append(_below(timeline, frames))
    for place, polygons in ground.items():
        add_polygons(axes, polygons, facecolor=OVERLAP_COLORS[place], alpha=0.75, lw=0)
    if reference is not None and reference is not timeline:
        axes.plot(reference.overlap, color=BASELINE_COLOR, lw=0.8 * _thickness(timeline))
    axes.plot(timeline.overlap, color="0.05", lw=_thickness(timeline))
    alone = _alone(timeline)
    axes.plot(alone, timeline.overlap[alone], ".", color="0.05", ms=2)
    axes.set_ylim(_FLOOR, 1.05)


def _thickness(timeline: Timeline) -> float:
    """Of lines, in points."""
    return 0.9 if len(timeline) <= 300 else 0.6


def _below(timeline: Timeline, frames: list[int]) -> Polygon:
    """The ground below a run of scored frames; a strip of it is left where the overlap is 0."""
    scored = np.flatnonzero(~np.isnan(timeline.overlap))
    x = np.array([frames[0] - 0.5, *frames, frames[-1] + 0.5])
    y = np.interp(x, scored, timeline.overlap[scored])
    return np.column_stack([[x[0], *x, x[-1]], [_FLOOR, *y, _FLOOR]])


def _alone(timeline: Timeline) -> NDArray[np.intp]:
    """Scored frames between two that are not, which a line does not show."""
    gap = np.isnan(np.concatenate([[np.nan], timeline.overlap, [np.nan]]))
    return np.flatnonzero(~gap[1:-1] & gap[:-2] & gap[2:])


def _shade_absence(axes: Axes, timeline: Timeline) -> None:
    away = groupby(range(len(timeline)), key=timeline.absent.tolist().__getitem__)
    runs = [list(run) for absent, run in away if absent]
    bands = [box(run[0] - 0.5, run[-1] + 0.5, 0, 1) for run in runs]
    place = axes.get_xaxis_transform()
    add_polygons(axes, bands, facecolor=_AWAY, lw=0, transform=place, zorder=0.5)


def _draw_scores(axes: Axes, timeline: Timeline, logits: tuple[float, float]) -> None:
    """The object score, and the predicted IoU on the scale of `_IOUS`."""
    _shade_absence(axes, timeline)
    axes.axhline(0, color="0.6", lw=0.6, zorder=1)
    iou = np.interp(timeline.predicted_iou, _IOUS, logits)
    axes.plot(iou, color=IOU_COLOR, lw=_thickness(timeline))
    axes.plot(timeline.object_score, color=SCORE_COLOR, lw=_thickness(timeline))
    axes.set_ylim(*logits)


def _say_unknown(panels: Panels, timeline: Timeline) -> None:
    """Why panels are empty."""
    if timeline.memories:
        return
    recorded = not np.isnan(timeline.object_score).all()
    said = "no memory" if recorded else "not known: another program made the masks"
    for axes in (panels.raster,) if recorded else (panels.score, panels.raster):
        axes.text(
            0.5,
            0.5,
            said,
            fontsize=_SMALL,
            color="0.4",
            ha="center",
            va="center",
            transform=axes.transAxes,
        )


def _name(axes: Axes, timeline: Timeline, name: str, style: Style, lift: float) -> None:
    """The policy with its marker on the left, its mean overlap on the right.

    The policy stands so many inches above the mean: 0 where there is room for both in a line.
    """
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    up = 8 + 72 * lift
    scored = timeline.overlap[~np.isnan(timeline.overlap)]
    mean = float(scored.mean()) if len(scored) else None
    above: Any = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center"}
    figure: Any = axes.figure
    place = axes.transAxes + ScaledTranslation(4 / 72, up / 72, figure.dpi_scale_trans)
    look: Any = {"ls": "none", "color": style.color, "marker": style.marker, "ms": 6.5, "mew": 0.5}
    figure.add_artist(Line2D([0], [1], transform=place, **look))
    axes.annotate(
        name, (0, 1), (11, up), fontsize=8.5, weight="bold", annotation_clip=False, **above
    ).set_parse_math(False)
    mean_text = f"mean overlap {number(mean, 2)}"
    axes.annotate(mean_text, (1, 1), (0, 8), fontsize=_TEXT, ha="right", **above)


def _set_ticks(panels: Panels, slots: int, row: Sequence[Timeline]) -> None:
    from matplotlib.ticker import MaxNLocator

    for axes in panels:
        axes.tick_params(labelsize=_SMALL, length=2, pad=1.5)
        axes.tick_params(axis="y", left=False, labelleft=False)
    for axes in (panels.overlap, panels.score):
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
    panels.raster.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    panels.raster.set_xlabel("frame", fontsize=_SMALL, labelpad=1)
    panels.overlap.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    panels.score.yaxis.set_major_locator(MaxNLocator(3, integer=True, steps=[1, 2, 5, 10]))
    every = 1 if slots <= 9 else 5
    names = {0.0: "prompt"} | {float(k): f"slot {k}" for k in range(every, slots, every)}
    if any(t.discarded.any() for t in row):
        names |= {slots + 0.12: "discarded"}
    panels.raster.set_yticks(list(names), list(names.values()))


def _label_left(panels: Panels, width: float) -> None:
    for axes in panels:
        axes.tick_params(axis="y", left=axes is not panels.raster, labelleft=True)
    for axes, name in ((panels.overlap, "overlap"), (panels.score, "object\nscore")):
        axes.set_ylabel(name, fontsize=_TEXT)
        axes.yaxis.set_label_coords(-0.34 / width, 0.5)


def _label_right(panels: Panels) -> None:
    """The scale of the predicted IoU."""
    axes = panels.score.twinx()
    axes.spines["right"].set_visible(True)
    axes.set_ylim(*_IOUS)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(axis="y", labelsize=_SMALL, length=2, pad=1.5, colors=IOU_COLOR)
    axes.tick_params(axis="x", bottom=False, labelbottom=False)
    axes.set_ylabel("predicted\nIoU", fontsize=_TEXT, color=IOU_COLOR)


def _make_pixels(panels: Panels) -> None:
    """Store the marks as pixels in SVG and PDF; text and axes stay as they are."""
    for axes in panels:
        for artist in (*axes.lines, *axes.patches, *axes.collections):
            artist.set_rasterized(True)


def _add_head(
    figure: Figure, lines: Sequence[str], timelines: Sequence[Timeline], reference: str | None
) -> None:
    """Title and legend."""
    width, height = figure.get_size_inches()
    text = "\n".join(lines)
    figure.text(_EDGE / width, 1 - _EDGE / height, text, fontsize=10, va="top", parse_math=False)
    for i, handles in enumerate((_color_legend(), _line_legend(timelines, reference))):
        top = _EDGE + _LINE * (len(lines) + 0.3 + i)
        left = _EDGE - (1.5 * _TEXT / 72 if i == 0 else 0)  # the first entry has no mark
        legend = figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(left / width, 1 - top / height),
            ncols=len(handles),
            fontsize=_TEXT,
            frameon=False,
            borderpad=0,
            borderaxespad=0,
            handlelength=1.1,
            handletextpad=0.4,
            columnspacing=1.0,
        )
        for entry in legend.get_texts():
            entry.set_parse_math(False)


def _color_legend() -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ends = np.linspace(0, 1, len(OVERLAP_COLORS) + 1).tolist()
    names = [f"{number(low, 1)}\N{EN DASH}{number(high, 1)}" for low, high in pairwise(ends)]
    what = "mask, and memory made from it, with overlap"
    return [
        Line2D([], [], ls="none", label=what),
        *(Patch(color=c, label=n) for c, n in zip(OVERLAP_COLORS, names, strict=True)),
        Patch(color=UNSCORED_COLOR, label="not scored"),
        Patch(color=PROMPT_COLOR, label="prompt"),
    ]


def _line_legend(timelines: Sequence[Timeline], reference: str | None) -> list[Artist]:
    """What else there is to see, as far as there is; `reference` is the baseline's name."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    known: list[Artist] = []
    if any(t.absent.any() for t in timelines):
        known.append(Patch(color=_AWAY, label="absent"))
    if any(m.rightly_empty for t in timelines for m in t.memories):
        name = "absent, rightly empty"
        known.append(Patch(facecolor=EMPTY_COLOR, edgecolor=EMPTY_EDGE, lw=0.7, label=name))
    if reference is not None and len(timelines) > 1:
        name = f"overlap of {reference}"
        known.append(Line2D([], [], color=BASELINE_COLOR, lw=0.9, label=name))
    known.append(Line2D([], [], color=SCORE_COLOR, lw=1.2, label="object score (logit)"))
    known.append(Line2D([], [], color=IOU_COLOR, lw=1.2, label="predicted IoU"))
    if any(m.tag == ANCHOR for t in timelines for m in t.memories):
        known.append(Line2D([], [], color=ANCHOR_COLOR, lw=2.2, label="anchor (top edge)"))
    if any(t.discarded.any() for t in timelines):
        known.append(Line2D([], [], color="0.25", marker="|", ms=5, ls="none", label="discarded"))
    return known
