"""Strips: one object on a few frames, a row a policy, as papers show what trackers do."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE, decode
from vot_memory.datasets.sequence import (
    ObjectTrack,
    Picture,
    Sequence,
    bounding_box,
    has_area,
)
from vot_memory.errors import InputError
from vot_memory.reports.pictures.outlines import (
    BLACK,
    WHITE,
    Color,
    Outline,
    Pen,
    View,
    casing_of,
    draw,
    hatch,
    rgb,
)
from vot_memory.reports.style import style_of

if TYPE_CHECKING:
    from vot_memory.reports.gather import Section
    from vot_memory.reports.timeline import Timeline

TRUTH = "ground truth"
CELL = (160, 240)  # least and most of a picture's longest side in a strip, pixels
TRUTH_PEN = Pen(WHITE, width=1.5, casing=BLACK)
BESIDE_PEN = Pen(WHITE, width=1, casing=BLACK, dash=3)  # ground truth below a policy's mask
_FILL = 0.22  # opacity of a mask
_MARGIN = 1.5  # a crop's sides are so many times those of what it must show
_LEAST_ZOOM = 1.6  # a crop that enlarges less is not worth it
Crop = tuple[int, int, int, int]  # x, y, width, height in pixels of the picture


class StripRow(NamedTuple):
    """A row of a strip.

    Attributes:
        label: of the table's row, or "ground truth". policy: its name; empty for the ground truth.
        overlaps: with the ground truth, one a frame; NaN where it is not scored.
        pictures: RGB uint8 [h, w, 3], one a frame.
    """

    label: str
    policy: str
    overlaps: tuple[float, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, eq=False)
class Strip:
    """One object on a few frames, as the ground truth and each policy have it.

    Attributes:
        sequence, object: what is shown.
        frames: indices of the frames, in order.
        rows: the ground truth, then a row a policy in the table's order; pictures of one size.
        states: what there is to say of each frame: "prompt", "absent", "not annotated" or nothing.
        crops: the part of each frame that is shown, where it is a part; the same in all rows.
    """

    sequence: str
    object: str
    frames: tuple[int, ...]
    rows: tuple[StripRow, ...]
    states: tuple[str, ...]
    crops: tuple[Crop | None, ...]

    def rightly_empty(self, row: StripRow) -> list[bool]:
        """For each frame, whether the object is absent and the answer is an empty mask."""
        pairs = zip(self.states, row.overlaps, strict=True)
        return [state == "absent" and overlap == 1 for state, overlap in pairs]


def make_strip(
    section: Section,
    name: str,
    object_id: str,
    frames: Seq[int] | None = None,
    columns: int = 6,
    timelines: Seq[Timeline] | None = None,
    *,
    cell: int | None = None,
) -> Strip:
    """Draw a strip of one object.

    Args:
        section: the runs and the videos.
        name: of a sequence that some runs have finished.
        object_id: one of its objects.
        frames: which to show; None takes those on which the policies differ most.
        columns: how many then.
        timelines: of the object, if they have been read already; the rows, in their order.
        cell: longest side of a picture, pixels; None takes its own within `CELL`.

    Raises:
        InputError: no run has finished the sequence, no frame of it is scored, or a picture or
            record cannot be read.
        KeyError: the section has no such sequence or object.
    """
    sequence = section.sequence(name)
    track = next((track for track in sequence.objects if track.id == object_id), None)
    if track is None:
        raise KeyError(object_id)
    runs = section.runs_on(name)
    if not runs:
        raise InputError(f"No policy has finished {name}, so there is no strip: run some on it.")
    if timelines is None:
        timelines = section.timelines(name, object_id)
    if frames is None:
        from vot_memory.reports.highlights import differing_frames

        frames = differing_frames(timelines, columns)
    if not len(frames):
        raise InputError(
            f"No frame of object {object_id} of {name} is scored, so there is no strip of it."
        )
    if cell is None:
        cell = int(np.clip(max(sequence.size), *CELL))
    folders = {run.label: run.folder for run in runs}
    rles = [folders[own.label].read(name, object_id).rles() for own in timelines]
    masks = [[_mask(own[t]) for own in rles] for t in frames]  # [frame][timeline]
    views = [
        make_view(sequence.size, [_truth_box(track, t), *map(_box, found)], cell)
        for t, found in zip(frames, masks, strict=True)
    ]
    shown = [_Column(sequence, track, t, view) for t, view in zip(frames, views, strict=True)]
    truth = StripRow(
        TRUTH, "", (float("nan"),) * len(frames), tuple(column.truth() for column in shown)
    )
    answers = zip(*masks, strict=True)  # of each timeline
    rows = [_row(own, frames, shown, m) for own, m in zip(timelines, answers, strict=True)]
    return Strip(
        sequence=name,
        object=object_id,
        frames=tuple(int(t) for t in frames),
        rows=(truth, *rows),
        states=tuple(frame_state(track, t) for t in frames),
        crops=tuple(_crop(view, sequence.size) for view in views),
    )


def make_view(size: tuple[int, int], boxes: Seq[Crop | None], cell: int) -> View:
    """How a frame is shown in a cell: whole, or only around some boxes where they are small.

    Args:
        size: (height, width) of the picture.
        boxes: x, y, width, height of what must be seen; None for nothing.
        cell: longest side of what is shown, pixels; the shape is that of the picture.
    """
    height, width = size
    scale = cell / max(size)
    shown = (max(1, round(height * scale)), max(1, round(width * scale)))
    whole = View(0, 0, width, height, shown)
    there = np.array([box for box in boxes if box is not None])
    if not len(there):
        return whole
    left, top = there[:, :2].min(0)
    right, bottom = (there[:, :2] + there[:, 2:]).max(0)
    # A crop never enlarges single pixels: that would show less, not more.
    zoom = min(width / (right - left), height / (bottom - top)) / _MARGIN
    zoom = min(zoom, 1 / scale)
    if zoom < _LEAST_ZOOM:
        return whole
    w, h = round(width / zoom), round(height / zoom)
    x = int(np.clip((left + right - w) // 2, 0, width - w))
    y = int(np.clip((top + bottom - h) // 2, 0, height - h))
    return View(x, y, w, h, shown)


def frame_state(track: ObjectTrack, t: int) -> str:
    """What there is to say of an object's ground truth on a frame; nothing where it is visible."""
    if t < track.first_frame:
        return "before the prompt"
    if t == track.first_frame:
        return "prompt"
    if track.boxes is not None:
        box = track.boxes[t]
        return "not annotated" if box is None else "" if has_area(box) else "absent"
    mask = track.mask(t)
    return "not annotated" if mask is None else "" if mask.any() else "absent"


def truth_outline(track: ObjectTrack, t: int, view: View) -> Outline:
    """Outline of an object's annotated mask or box; empty where it has none."""
    if track.boxes is not None:
        box = track.boxes[t]
        return view.box(box) if box is not None and has_area(box) else ()
    mask = track.mask(t)
    return () if mask is None else view.mask(mask)


def answer_pen(color: Color, width: float = 2.0) -> Pen:
    """How a tracker's mask is drawn."""
    return Pen(color, width=width, fill=_FILL, casing=casing_of(color))


class _Column:
    """One frame of a strip, read once."""

    def __init__(self, sequence: Sequence, track: ObjectTrack, t: int, view: View) -> None:
        self._view = view
        self._picture = view.picture(sequence.frames[t])
        if sequence.ignore is not None and (ignored := sequence.ignore[t]) is not None:
            hatch(self._picture, view.mask(decode(ignored)))
        self._truth = truth_outline(track, t, view)

    def truth(self) -> Picture:
        """The picture with the ground truth."""
        canvas = self._picture.copy()
        draw(canvas, self._truth, TRUTH_PEN)
        return canvas

    def answer(self, mask: NDArray[np.bool_] | None, color: Color) -> Picture:
        """The picture with a mask, and the ground truth dashed."""
        canvas = self._picture.copy()
        draw(canvas, self._truth, BESIDE_PEN)
        if mask is not None:
            draw(canvas, self._view.mask(mask), answer_pen(color))
        return canvas


def _row(
    timeline: Timeline,
    frames: Seq[int],
    columns: Seq[_Column],
    masks: Seq[NDArray[np.bool_] | None],
) -> StripRow:
    """What one policy answered on each frame."""
    color = rgb(style_of(timeline.policy).color)
    return StripRow(
        timeline.label,
        timeline.policy,
        tuple(float(timeline.overlap[t]) for t in frames),
        tuple(column.answer(m, color) for column, m in zip(columns, masks, strict=True)),
    )


def _mask(rle: RLE | None) -> NDArray[np.bool_] | None:
    return None if rle is None else decode(rle)


def _box(mask: NDArray[np.bool_] | None) -> Crop | None:
    return None if mask is None else bounding_box(mask)


def _truth_box(track: ObjectTrack, t: int) -> Crop | None:
    if track.boxes is None:
        return _box(track.mask(t))
    box = track.boxes[t]
    if box is None or not has_area(box):
        return None
    x, y, width, height = box
    left, top = int(np.floor(x)), int(np.floor(y))
    return left, top, int(np.ceil(x + width)) - left, int(np.ceil(y + height)) - top


def _crop(view: View, size: tuple[int, int]) -> Crop | None:
    part = (view.x, view.y, view.width, view.height)
    return None if part[2:] == size[::-1] else part
