"""What a report pictures: the videos, and of those the frames, on which policies differ most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vot_memory.errors import InputError, unknown
from vot_memory.reports.tables.ranks import PRIVILEGED

if TYPE_CHECKING:
    from vot_memory.reports.gather import Section
    from vot_memory.reports.timeline import Timeline


def choose(section: Section, count: int, names: Sequence[str]) -> tuple[str, ...]:
    """The videos of a section that get pictures, of those that at least one run has finished.

    First those that are named, as they are named; then those with the largest difference in Q
    between the best and the worst ranked run, until there are `count`.

    Args:
        section: runs and videos.
        count: how many there should be; those that are named are taken whatever it is.
        names: of videos.

    Raises:
        InputError: no run has finished a video of that name, or the split has none.
    """
    finished = set(section.table.sequences["sequence"])
    for name in names:
        if name not in {sequence.name for sequence in section.sequences}:
            raise unknown("sequence", name, finished)
        if name not in finished:
            raise InputError(f"No run has finished sequence {name!r}: run it, or name another.")
    spread = _spread(section)
    others = sorted(finished.difference(names), key=lambda name: (-spread.get(name, 0.0), name))
    named = list(dict.fromkeys(names))
    return (*named, *others[: max(0, count - len(named))])


def _spread(section: Section) -> dict[str, float]:
    """Largest minus smallest Q of the ranked runs on each video where there is one."""
    rows = section.table.sequences
    quality = rows[~rows["policy"].isin(PRIVILEGED)].dropna(subset="Q").groupby("sequence")["Q"]
    gaps = quality.max() - quality.min()
    return {str(name): round(float(gap), 9) for name, gap in gaps.items()}  # equal ones are ties


def differing_frames(timelines: Sequence[Timeline], count: int) -> tuple[int, ...]:
    """Frames on which policies differ most, apart from each other, in the order of time.

    Frames are taken by falling variance of the overlap over the policies, ties by time; two of them
    lie at least half a `count`-th of the scored frames apart. Where too few differ, others are
    added, each as far as can be from those taken; where none does, they lie at even distances.

    Args:
        timelines: of one object of one video.
        count: how many frames there should be.

    Returns:
        Indices of scored frames after the prompt; fewer than `count` where there are fewer.
    """
    if not timelines or count < 1:
        return ()
    overlaps = np.array([timeline.overlap for timeline in timelines])
    scored = np.flatnonzero(~np.isnan(overlaps).any(axis=0))
    scored = scored[scored > timelines[0].first_frame]
    if len(scored) <= count:
        return tuple(scored.tolist())
    places = _places(overlaps[:, scored], count)
    return tuple(scored[sorted(places)].tolist())


def _places(overlaps: NDArray[np.float64], count: int) -> list[int]:
    """`differing_frames` of overlaps [policies, frames], all defined and more than `count`."""
    frames = overlaps.shape[1]
    apart = max(1, frames // (2 * count))
    taken: list[int] = []
    differ = overlaps.max(axis=0) > overlaps.min(axis=0)
    order = np.argsort(-overlaps.var(axis=0), kind="stable")
    for place in order[differ[order]].tolist():
        if len(taken) < count and all(abs(place - other) >= apart for other in taken):
            taken.append(place)
    if not taken:
        return [frames * (2 * i + 1) // (2 * count) for i in range(count)]
    while len(taken) < count:
        gaps = np.abs(np.arange(frames)[:, None] - taken).min(axis=1)
        taken.append(int(gaps.argmax()))
    return taken
