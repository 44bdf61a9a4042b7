"""The signature plot as SVG: how well a run tracked an object, and what was in its memory.

All panels of an object share their time axis. Coordinates are frames, slots and per cent, which
groups scale to their place; lines keep their width. Colours come from the style sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.metrics.returns import FOUND_OVERLAP
from vot_memory.reports.pages.memory_raster import (
    EMPTY_CLASS,
    Bar,
    find_bars,
    find_ticks,
    runs_of,
    say_runs,
)
from vot_memory.reports.pages.templating import environment
from vot_memory.reports.text import MINUS, count, number
from vot_memory.reports.timeline import Timeline

WIDTH, LEFT, RIGHT = 360, 26, 6  # of the picture, in its units: pixels on a phone
PLOT = WIDTH - LEFT - RIGHT
OVERLAP_HEIGHT, SCORE_HEIGHT, IOU_HEIGHT = 66, 36, 20
ROW, STRIP, TICK = 12, 5, 7  # heights of a slot, an event and the row of forgotten frames
_CAPTION = 14  # height
_DIGIT = 5.4  # width
_EDGED = 5  # width of bars that have room for an edge
_TICK_EDGED = 3  # width of frames whose ticks have room for an edge
_NEAR = 9  # labels on an axis that are closer hide each other
_SHADES = {"q0": "deep", "q4": "deep", "qp": "deep", EMPTY_CLASS: "hollow"}  # the rest is pale
_LOSSES = 2  # losses that are told one by one


@dataclass(frozen=True, eq=False)
class Axes:
    """What the panels of one object share.

    Attributes:
        frames: T. baseline: label of the run behind the others, None if there is none.
        baseline_overlap: float64 [T] of that run.
        events: name -> bool [T], what happens in the frames, in the order of the strips.
        spacing: usual distance of scored frames; longer ones are gaps.
    """

    frames: int
    baseline: str | None
    baseline_overlap: NDArray[np.float64] | None
    events: Mapping[str, NDArray[np.bool_]]
    spacing: int


class Label(NamedTuple):
    """A text on an axis or in a bar, at x, y."""

    x: int
    y: int
    text: str


class Loss(NamedTuple):
    """A stretch on which the visible object is not tracked.

    Attributes:
        lost: its first frame. back: whether the object has come back then after an absence.
        found: frame with overlap above `FOUND_OVERLAP` that ends it; None if there is none.
    """

    lost: int
    back: bool
    found: int | None


def make_axes(
    timelines: Seq[Timeline], baseline: str | None, events: Mapping[str, NDArray[np.bool_]]
) -> Axes:
    """The axes that fit all runs on an object.

    Args:
        timelines: one a run; at least one.
        baseline: label of the run that stands behind the others, where it is among them.
        events: name -> bool [T]; what never happens is left out.
    """
    reference = next((t.overlap for t in timelines if t.label == baseline), None)
    return Axes(
        frames=len(timelines[0]),
        baseline=None if reference is None else baseline,
        baseline_overlap=reference,
        events={name: held for name, held in events.items() if held.any()},
        spacing=_spacing(timelines[0].overlap),
    )


def timeline_svg(timeline: Timeline, axes: Axes, said: str) -> str:
    """One panel: overlap, events, object score, predicted IoU and the memory raster.

    Another program's masks have no scores and no memory, so only the overlap is drawn.

    Args:
        timeline: what to draw.
        axes: of its object.
        said: the panel in words, for readers who cannot see it.
    """
    return environment().get_template("timeline.svg").render(_layout(timeline, axes), said=said)


def find_losses(timeline: Timeline) -> list[Loss]:
    """When the visible object is not tracked (overlap 0), or not found as soon as it is back."""
    scored = np.flatnonzero(~np.isnan(timeline.overlap))
    losses: list[Loss] = []
    away = False
    for t in scored[scored > timeline.first_frame].tolist():
        if timeline.absent[t]:
            away = True
            continue
        lost = bool(losses) and losses[-1].found is None
        found = timeline.overlap[t] > FOUND_OVERLAP
        if lost and found:
            losses[-1] = losses[-1]._replace(found=t)
        elif not lost and (timeline.overlap[t] == 0 or (away and not found)):
            losses.append(Loss(t, away, None))
        away = False
    return losses


def say_losses(timeline: Timeline) -> str:
    """When the object is lost, in words: "lost at frame 31, found again at 44"."""
    if not (timeline.overlap[timeline.first_frame + 1 :] >= 0).any():
        return "no frame is scored"
    losses = find_losses(timeline)
    if not losses:
        return "never lost"
    parts = [_say_loss(loss) for loss in losses[:_LOSSES]]
    if len(losses) > _LOSSES:
        last = "not found" if losses[-1].found is None else "found"
        parts.append(f"and {count(len(losses) - _LOSSES, 'more time')}, at last {last}")
    return "; ".join(parts)


def _say_loss(loss: Loss) -> str:
    if loss.back:
        found = "not found" if loss.found is None else f"found at {loss.found}"
        return f"back at frame {loss.lost}, {found}"
    found = "not found again" if loss.found is None else f"found again at {loss.found}"
    return f"lost at frame {loss.lost}, {found}"


def _layout(timeline: Timeline, axes: Axes) -> dict[str, object]:
    """Everything that the template prints, from top to bottom."""
    scale = PLOT / axes.frames
    thinnest = max(1, -(-axes.frames // PLOT))
    known = bool(timeline.memories)
    ticks = find_ticks(timeline, thinnest) if known else []
    at = _heights(timeline, axes, bool(ticks))
    bars = find_bars(timeline, thinnest)
    lowest, highest = _score_ends(timeline)
    span = highest - lowest
    behind = None if timeline.label == axes.baseline else axes.baseline_overlap
    return at | {
        "width": WIDTH,
        "left": LEFT,
        "plot": PLOT,
        "row": ROW,
        "strip": STRIP,
        "tick": TICK,
        "sx": f"{scale:.5g}",
        "half": f"{LEFT + scale / 2:.5g}",
        "known": known,
        "overlap_scale": OVERLAP_HEIGHT / 100,
        "score_scale": SCORE_HEIGHT / 100,
        "iou_scale": IOU_HEIGHT / 100,
        "absent": _runs(timeline.absent, timeline, axes),
        "strips": _strips(timeline, axes),
        "overlap": _curve(timeline.overlap, axes.spacing),
        "found": _curve(np.where(timeline.rightly_empty, np.nan, timeline.overlap), axes.spacing),
        "baseline": [] if behind is None else _curve(behind, axes.spacing),
        "scores": _curve((timeline.object_score - lowest) / span),
        "zero": _percent(highest / span),
        "ious": _curve(timeline.predicted_iou),
        "bars": sorted(bars, key=lambda bar: bar.color == EMPTY_CLASS),  # outlines lie above
        "dense": not all(bar.name for bar in bars) or len(bars) * _EDGED > timeline.slots * PLOT,
        "anchors": [bar for bar in bars if bar.anchor],
        "names": _names(bars, scale, at["raster"]),
        "ticks": ticks,
        "thin": scale < _TICK_EDGED,
        "y_labels": _y_labels(timeline, at),
        "x_labels": _x_labels(axes.frames, scale, at["bottom"]),
        "grid": _x_ticks(axes.frames),
    }


def _heights(timeline: Timeline, axes: Axes, ticks: bool) -> dict[str, int]:
    """Where the parts of a panel begin, from the top; without a memory it ends after the events."""
    events = _CAPTION + OVERLAP_HEIGHT + 3
    score = events + STRIP * len(axes.events) + _CAPTION
    iou = score + SCORE_HEIGHT + _CAPTION
    raster = iou + IOU_HEIGHT + _CAPTION
    forgotten = raster + ROW * timeline.slots + (_CAPTION if ticks else 0)
    return {
        "top": _CAPTION,
        "middle": _CAPTION + OVERLAP_HEIGHT // 2,
        "events": events,
        "score": score,
        "iou": iou,
        "iou_end": iou + IOU_HEIGHT,
        "raster": raster,
        "forgotten": forgotten,
        "bottom": forgotten + (TICK if ticks else 0) if timeline.memories else score - _CAPTION,
    }


def _curve(values: NDArray[np.float64], spacing: int = 1) -> list[tuple[str, int, int]]:
    """Values in [0, 1] as (line, first frame, last frame), one for each stretch without a gap.

    y is per cent from the top. Where frames are thinner than half a pixel, only the lowest and the
    highest of so many are kept.
    """
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return []
    curves = []
    for stretch in np.split(known, np.flatnonzero(np.diff(known) > spacing) + 1):
        kept = _extremes(values, stretch, max(1, len(values) // PLOT))
        points = [(x, _percent(1 - values[x])) for x in kept]
        moves = " ".join(f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(points))
        line = f"M{points[0][0]} {points[0][1]}l{moves or '0 0'}".replace(" -", "-")
        curves.append((line, points[0][0], points[-1][0]))
    return curves


def _extremes(values: NDArray[np.float64], frames: NDArray[np.intp], step: int) -> list[int]:
    """Frames with the lowest and highest value within each `step` frames, the ends included."""
    if step == 1:
        return [int(t) for t in frames]
    parts = np.split(frames, np.flatnonzero(np.diff(frames // step)) + 1)
    kept = {int(frames[0]), int(frames[-1])}
    for part in parts:
        kept |= {int(part[values[part].argmin()]), int(part[values[part].argmax()])}
    return sorted(kept)


def _spacing(overlap: NDArray[np.float64]) -> int:
    """Usual distance of scored frames: many data sets annotate only each n-th frame."""
    distances = np.diff(np.flatnonzero(~np.isnan(overlap)))
    return int(np.median(distances)) if len(distances) else 1


def _runs(held: NDArray[np.bool_], timeline: Timeline, axes: Axes) -> list[tuple[int, int]]:
    """Runs of frames where something holds; between scored frames what was said last holds on."""
    scored = np.flatnonzero(~np.isnan(timeline.overlap))
    filled = held.copy()
    for t, after in pairwise([*scored.tolist(), axes.frames]):
        if held[t]:
            filled[t : min(after, t + axes.spacing)] = True
    return runs_of(np.flatnonzero(filled).tolist())


def _score_ends(timeline: Timeline) -> tuple[int, int]:
    """Ends of the axis of object scores; the prompt's is often a constant, and may stand out."""
    scores = timeline.object_score[timeline.first_frame + 1 :]
    scores = scores[np.isfinite(scores)]
    return int(np.floor(scores.min(initial=-2))), int(np.ceil(scores.max(initial=2)))


def _percent(share: float) -> int:
    return round(100 * min(max(float(share), 0.0), 1.0))


def _strips(timeline: Timeline, axes: Axes) -> list[tuple[str, list[tuple[int, int]], str]]:
    """Events as (CSS class, runs, in words)."""
    strips = []
    for name, held in axes.events.items():
        runs = _runs(held, timeline, axes)
        strips.append((event_class(name), runs, f"{name}: {say_runs(runs)}"))
    return strips


def event_class(event: str) -> str:
    """CSS class of an event's strip."""
    return "e-" + event.split()[0]


def _names(bars: Seq[Bar], scale: float, top: int) -> dict[str, list[Label]]:
    """What is written in bars, where it fits, by the bar's colour: "deep", "pale", "hollow"."""
    names: dict[str, list[Label]] = {"deep": [], "pale": [], "hollow": []}
    for bar in bars:
        if bar.name and (bar.end - bar.begin) * scale > len(bar.name) * _DIGIT + 1:
            x = round(LEFT + (bar.begin + bar.end) / 2 * scale)
            shade = _SHADES.get(bar.color, "pale")
            label = Label(x, top + ROW * bar.slot + ROW - 3, bar.name)
            names[shade].append(label)
    return names


def _y_labels(timeline: Timeline, at: Mapping[str, int]) -> list[Label]:
    x, score, iou = LEFT - 4, at["score"], at["iou"]
    labels = [
        Label(x, _CAPTION + round(OVERLAP_HEIGHT * (1 - share)) + 3, text)
        for share, text in ((1, "1"), (0.5, ".5"), (0, "0"))
    ]
    if not timeline.memories:
        return labels
    lowest, highest = _score_ends(timeline)
    heights = {v: SCORE_HEIGHT * (highest - v) / (highest - lowest) for v in (highest, 0, lowest)}
    labels += [
        Label(x, score + round(y) + 3, str(value).replace("-", MINUS))
        for value, y in heights.items()
        if value == 0 or abs(y - heights[0]) >= _NEAR
    ]
    labels += [Label(x, iou + 3, "1"), Label(x, iou + IOU_HEIGHT + 3, "0")]
    slots = range(timeline.slots)
    return labels + [Label(x, at["raster"] + ROW * slot + ROW - 3, str(slot)) for slot in slots]


def _x_ticks(frames: int) -> list[int]:
    """About five round frame numbers."""
    rough = max((frames - 1) / 5, 1)
    power = 10 ** int(np.floor(np.log10(rough)))
    step = next(power * k for k in (1, 2, 5, 10) if power * k >= rough)
    return list(range(0, frames, step))


def _x_labels(frames: int, scale: float, bottom: int) -> list[Label]:
    return [
        Label(round(LEFT + (t + 0.5) * scale), bottom + 11, f"frame {t}" if t == 0 else str(t))
        for t in _x_ticks(frames)
    ]


def say_panel(timeline: Timeline, quality: float) -> str:
    """A panel in words."""
    where = f"{timeline.label} on object {timeline.object} of {timeline.sequence}"
    return f"{where}: Q {number(quality)}, {say_losses(timeline)}"
