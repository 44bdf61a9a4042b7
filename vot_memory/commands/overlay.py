"""`vot-memory overlay`: a video of what several policies made of one sequence, side by side."""

from __future__ import annotations

import difflib
import time
import warnings
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vot_memory.building import check_writable, remove_stale
from vot_memory.commands.exports import chosen_runs
from vot_memory.commands.track import sigterm_as_ctrl_c
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError, unknown
from vot_memory.progress import Progress, tracking
from vot_memory.reports.pictures.grid import Grid, Panel
from vot_memory.reports.pictures.overlay import OverlayWriter
from vot_memory.results import RunFolder, by_setting
from vot_memory.run_labels import run_labels

_SETTING = ("model", "image_size", "dtype", "protocol", "prompt", "non_overlap")
_NAMED = 3  # sequences that an error names of a split


@dataclass(frozen=True)
class Request:
    """What the command line asks for; the words are those of its options."""

    sequence: str
    out: Path
    results: Path
    split: str | None = None
    policies: tuple[str, ...] = ()
    object: str | None = None
    data: Path | None = None


def overlay(request: Request, progress: Progress) -> list[str]:
    """Write the video and return what there is to say about it.

    Raises:
        InputError: something does not exist, is ambiguous or cannot be read; nothing was written.
        OSError: the place cannot be written; nothing was.
        KeyboardInterrupt: Ctrl-C or SIGTERM; says what became of it.
    """
    try:
        with sigterm_as_ctrl_c():
            return _overlay(request, progress)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Stopped: no file was written.") from None


def choose_policies(folders: Seq[RunFolder], wanted: Seq[str]) -> list[tuple[str, RunFolder]]:
    """The runs that some names mean, with their labels as in a report.

    Args:
        folders: runs on one split, of any settings.
        wanted: labels, policies or names of results folders; none takes all.

    Raises:
        InputError: a name is unknown or means several runs, or the names leave several settings.
    """
    labelled = [
        list(zip(run_labels([f.identity for f in group]), group, strict=True))
        for group in by_setting(folders)
    ]
    known = [_known(runs) for runs in labelled]
    for name in wanted:
        if not any(name in names for names in known):
            raise unknown("policy", name, {label for runs in labelled for label, _ in runs})
    fitting = [i for i, names in enumerate(known) if all(name in names for name in wanted)]
    if len(fitting) != 1:
        raise InputError(
            f"The results are of several settings ({_differences(folders)}), which do not stand "
            "in one video: name policies of one setting by --policy and their results folder, "
            f"such as {folders[0].path.name}."
        )
    (chosen,) = fitting
    if not wanted:
        return labelled[chosen]
    return [_one(name, known[chosen][name]) for name in dict.fromkeys(wanted)]


def _known(runs: Seq[tuple[str, RunFolder]]) -> dict[str, list[tuple[str, RunFolder]]]:
    """What each name may mean; a label comes before a policy of that name."""
    known: dict[str, list[tuple[str, RunFolder]]] = {}
    for run in runs:
        known.setdefault(run[1].identity.policy, []).append(run)
    known |= {label: [(label, folder)] for label, folder in runs}
    return known | {folder.path.name: [(label, folder)] for label, folder in runs}


def _one(name: str, runs: list[tuple[str, RunFolder]]) -> tuple[str, RunFolder]:
    if len(runs) > 1:
        labels = ", ".join(repr(label) for label, _ in runs)
        raise InputError(f"There are several runs of {name!r}: name one of {labels}.")
    return runs[0]


def _differences(folders: Seq[RunFolder]) -> str:
    """What settings differ in, such as "prompt box or mask"."""
    found = {
        name: sorted({str(getattr(folder.identity, name)) for folder in folders})
        for name in _SETTING
    }
    return ", ".join(
        f"{name.replace('_', ' ')} {' or '.join(values)}"
        for name, values in found.items()
        if len(values) > 1
    )


def _overlay(request: Request, progress: Progress) -> list[str]:
    folders, split = chosen_runs(request.results, request.split, request.data)
    sequence = _find_sequence(split, request.sequence)
    tracks = _find_objects(sequence, request.object)
    runs = choose_policies(folders, request.policies)
    lacking = [label for label, folder in runs if folder.missing([sequence])]
    runs = [(label, folder) for label, folder in runs if label not in lacking]
    if not runs:
        raise InputError(
            f"No policy that was asked for has finished {sequence.name}: run one on it first."
        )
    writer = OverlayWriter(request.out, sequence.fps)
    check_writable(request.out)
    remove_stale(request.out)
    grid = Grid(sequence, tracks, _make_panels(runs, sequence, tracks))
    start = time.perf_counter()
    frames = len(sequence)
    with progress.start(1):
        progress.unit(sequence.name, tracking(frames, len(runs)), frames)
        with writer:
            for t in range(frames):
                writer.write(grid.draw(t))
                progress.frame(t + 1)
        progress.done(sequence.name, time.perf_counter() - start)
    left_out = [f"{label} has not finished {sequence.name} and is left out" for label in lacking]
    panels = ", ".join(label for label, _ in runs)
    return [*left_out, f"panels: ground truth, {panels}", f"overlay: {request.out}"]


def _find_sequence(split: Split, name: str) -> Sequence:
    names = [sequence.name for sequence in split.sequences]
    if name in names:
        return split.sequences[names.index(name)]
    if close := difflib.get_close_matches(name, names, n=1):
        hint = f"did you mean {close[0]!r}?"
    else:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        hint = f"there are {', '.join(names[:_NAMED])}{more}."
    raise InputError(f"{split.name} has no sequence {name!r}: {hint}")


def _find_objects(sequence: Sequence, name: str | None) -> tuple[ObjectTrack, ...]:
    if name is None:
        return sequence.objects
    found = tuple(track for track in sequence.objects if track.id == name)
    if not found:
        raise unknown(f"object of {sequence.name}", name, [track.id for track in sequence.objects])
    return found


def _make_panels(
    runs: Seq[tuple[str, RunFolder]], sequence: Sequence, tracks: Seq[ObjectTrack]
) -> list[Panel]:
    from vot_memory.reports.scores import score_runs

    panels = []
    scores = score_runs([folder for _, folder in runs], [sequence])
    for (label, folder), scored in zip(runs, scores, strict=True):
        overlaps = np.stack([scored.frames[sequence.name, track.id].overlap for track in tracks])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # frames on which nothing is scored
            overlap = np.nanmean(overlaps, axis=0)
        masks = {track.id: folder.read(sequence.name, track.id).rles() for track in tracks}
        panels.append(Panel(label, folder.identity.policy, masks, overlap))
    return panels
