"""One video on the page: numbers, pictures and, for each policy, overlap, scores and memory."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.metrics.events import ABSENT, LOOKALIKE, OCCLUDED
from vot_memory.metrics.vots import MEASURES
from vot_memory.policy import ANCHOR
from vot_memory.reports.pages.markers import marker_svg
from vot_memory.reports.pages.memory_raster import color_class
from vot_memory.reports.pages.templating import environment, read_asset
from vot_memory.reports.pages.timeline_svg import (
    Axes,
    event_class,
    make_axes,
    say_losses,
    say_panel,
    timeline_svg,
)
from vot_memory.reports.plots.canvas import row_name, row_styles
from vot_memory.reports.scores import COUNT_COLUMNS
from vot_memory.reports.style import OVERLAP_COLORS, UNSCORED_COLOR, Style
from vot_memory.reports.tables.ranks import PRIVILEGED
from vot_memory.reports.text import count, is_defined, number, one_line

if TYPE_CHECKING:
    from vot_memory.datasets.sequence import ObjectTrack, Picture, Sequence
    from vot_memory.reports.gather import Section
    from vot_memory.reports.pictures.strips import Strip, StripRow
    from vot_memory.reports.timeline import Timeline

_LABELS = {OCCLUDED: "occluded", LOOKALIKE: "lookalike_near"}  # event -> key of Sequence.labels
_EVENTS = (*_LABELS, ABSENT)
_JPEG_QUALITY = 80


class Row(NamedTuple):
    """How a run did on one object.

    Attributes:
        label: of the run. quality, text: its Q. difference: to the baseline's, as text.
        best: whether no other run has a higher Q. measures: A, R, NRE, DRE, ADQ as text.
        returns: found again of all; empty without returns. counts: frames by outcome, as
            `COUNT_COLUMNS`.
    """

    label: str
    quality: float
    text: str
    difference: str
    best: bool
    measures: list[str]
    returns: str
    counts: list[int]


def sequence_panel(section: Section, name: str, strips: Mapping[str, Strip]) -> str:
    """An HTML fragment about one video, of class `sequence-panel`; its style is `panel_css()`.

    Args:
        section: the runs and videos.
        name: of a video that at least one run has finished.
        strips: object id -> pictures of it; objects may be missing.

    Raises:
        InputError: a record is missing or damaged.
        KeyError: the section has no video of that name.
    """
    return environment().get_template("sequence.html").render(_panel(section, name, strips))


def panel_css() -> str:
    """The style of all panels, the colours of overlaps included."""
    colors = {f"--q{i}": color for i, color in enumerate(OVERLAP_COLORS)}
    colors["--qu"] = UNSCORED_COLOR
    lines = "".join(f"{name}:{color};" for name, color in colors.items())
    return f".sequence-panel{{{lines}}}\n{read_asset('sequence.css')}"


def _panel(section: Section, name: str, strips: Mapping[str, Strip]) -> dict[str, Any]:
    sequence = section.sequence(name)
    runs, styles = section.runs_on(name), row_styles(section.table)
    labels = [run.label for run in runs]
    tracks = sequence.objects if labels else ()
    blocks = [_block(section, sequence, track, strips.get(track.id)) for track in tracks]
    timelines = [run["timeline"] for block in blocks for run in block["runs"]]
    happening = {event for block in blocks for event in block["events"]}
    return {
        "name": name,
        "facts": _facts(sequence),
        "unfinished": _unfinished(section, name),
        "policies": [_policy(row_name(section.table, k), styles[k]) for k in labels],
        "measures": [measure.label for measure in MEASURES[1:]],
        "outcomes": COUNT_COLUMNS,
        "blocks": blocks,
        "signs": section.table.legend,
        "baseline": section.table.baseline if section.table.baseline in labels else None,
        "events": [(event, event_class(event)) for event in _EVENTS if event in happening],
        "known": any(timeline.memories for timeline in timelines),
        "anchored": any(m.tag == ANCHOR for timeline in timelines for m in timeline.memories),
        "hollow": any(timeline.rightly_empty.any() for timeline in timelines),
        "scale": [f"{i / 5:g}" for i in range(len(OVERLAP_COLORS) + 1)],
    }


def _policy(name: str, style: Style) -> dict[str, str]:
    """A run's name, its marker, and its colours on light and dark ground."""
    marker = marker_svg(style)
    return {"name": name, "marker": marker, "color": style.color, "dark": style.dark}


def _facts(sequence: Sequence) -> str:
    height, width = sequence.size
    return (
        f"{width} x {height} px, {count(len(sequence), 'frame')}, {sequence.fps:g} fps, "
        f"{count(len(sequence.objects), 'object')}"
    )


def _unfinished(section: Section, name: str) -> list[str]:
    """Runs that have no result on this video, and why."""
    runs = [run for run in section.table.all_runs if name in {*run.failed, *run.missing}]
    return [
        f"{one_line(run.label)}: "
        + (f"failed: {run.failed[name].error}" if name in run.failed else "not run yet")
        for run in runs
    ]


def _block(
    section: Section, sequence: Sequence, track: ObjectTrack, strip: Strip | None
) -> dict[str, Any]:
    """What is shown of one object."""
    timelines = section.timelines(sequence.name, track.id)
    events = _find_events(sequence, timelines)
    axes = make_axes(timelines, section.table.baseline, events)
    rows = make_rows(section, sequence.name, track.id)
    labels = [timeline.label for timeline in timelines]
    return {
        "object": track.id,
        "first": track.first_frame,
        "happens": ", ".join(
            f"{event} on {count(int(held.sum()), 'frame')}" for event, held in axes.events.items()
        ),
        "events": list(axes.events),
        "compared": section.table.baseline in labels and len(labels) > 1,
        "rows": rows,
        "strip": None if strip is None else _strip(strip, labels),
        "runs": [_run(timeline, axes, row) for timeline, row in zip(timelines, rows, strict=True)],
    }


def _run(timeline: Timeline, axes: Axes, row: Row) -> dict[str, Any]:
    return {
        "row": row,
        "timeline": timeline,
        "losses": say_losses(timeline),
        "svg": timeline_svg(timeline, axes, say_panel(timeline, row.quality)),
    }


def _find_events(sequence: Sequence, timelines: Seq[Timeline]) -> dict[str, NDArray[np.bool_]]:
    """What happens in the frames, as strips show it; a frame may be in several events."""
    # Labels speak about one object; of several, nothing says which one that is.
    labels = sequence.labels if len(sequence.objects) == 1 else {}
    events = {e: np.asarray(labels[key], bool) for e, key in _LABELS.items() if key in labels}
    return {**events, ABSENT: np.logical_or.reduce([t.absent for t in timelines])}


def make_rows(section: Section, sequence: str, name: str) -> list[Row]:
    """A row a run that has finished a video, in the table's order."""
    table = section.table
    found = table.objects[
        (table.objects["sequence"] == sequence) & (table.objects["object"] == name)
    ]
    records = {row["label"]: row for row in found.to_dict("records")}
    base = records[table.baseline]["Q"] if table.baseline in records else math.nan
    best = _best([row["Q"] for row in records.values() if row["policy"] not in PRIVILEGED])
    return [
        Row(
            label=label,
            quality=row["Q"],
            text=number(row["Q"]),
            difference="" if label == table.baseline else number(row["Q"] - base, signed=True),
            best=number(row["Q"]) == best and row["policy"] not in PRIVILEGED,
            measures=[number(row[measure.label]) for measure in MEASURES[1:]],
            returns=f"{int(row['found_again'])}/{int(row['returns'])}" if row["returns"] else "",
            counts=[int(row[column]) for column in COUNT_COLUMNS],
        )
        for label, row in records.items()
    ]


def _best(values: Seq[float]) -> str | None:
    """The highest value as it is printed; None where there is nothing to choose between."""
    printed = {number(value) for value in values if is_defined(value)}
    return max(printed, key=float) if len(printed) > 1 else None


def _strip(strip: Strip, labels: Seq[str]) -> dict[str, Any]:
    said = [
        ", ".join(filter(None, (state, "enlarged" if crop else "")))
        for state, crop in zip(strip.states, strip.crops, strict=True)
    ]
    return {
        "heads": list(zip(strip.frames, said, strict=True)),
        "rows": [_strip_row(strip, row, labels) for row in strip.rows],
    }


def _strip_row(strip: Strip, row: StripRow, labels: Seq[str]) -> dict[str, Any]:
    """A row of pictures; `index` is that of its run, None for the ground truth."""
    cells = []
    empties = strip.rightly_empty(row)
    columns = zip(strip.frames, empties, row.overlaps, row.pictures, strict=True)
    for frame, empty, overlap, picture in columns:
        alt = f"{row.label}, frame {frame}"
        if row.policy:
            alt += f", overlap {number(overlap, 2)}"
        cells.append(
            {
                "source": _jpeg(picture),
                "alt": alt,
                "overlap": number(overlap, 2) if row.policy else "",
                "color": color_class(overlap, empty),
                "height": picture.shape[0],
                "width": picture.shape[1],
            }
        )
    index = labels.index(row.label) if row.policy and row.label in labels else None
    return {"index": index, "label": one_line(row.label), "cells": cells}


def _jpeg(picture: Picture) -> str:
    """A picture as the address of itself."""
    import cv2

    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
