"""`vot-memory show --sequence NAME`: every run on one video, without scoring the others."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from vot_memory.datasets import splits
from vot_memory.errors import InputError
from vot_memory.reports.gather import Gathered, make_sections
from vot_memory.reports.text import one_line
from vot_memory.results import open_results

_NAMED = 3  # sequences that stand for all where none is near


def gather_sequence(
    results: Path,
    sequence: str,
    split: str | None = None,
    baseline: str = "fifo",
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
    data: Path | None = None,
) -> Gathered:
    """Sections of one video: those of its split, as if that held nothing else.

    Args:
        results: what `vot-memory run` wrote to.
        sequence: name of the video.
        split: only results on this split, by its name or the folder that was run.
        baseline: the run that comes first.
        toolkit_compatible: the VOT toolkit's scoring rules instead of the clean ones.
        jf: also J, F and J&F.
        data: folder of published data sets.

    Raises:
        InputError: no split with results has such a video, no run has finished it, or a record is
            damaged.
    """
    given = None if split is None else splits.load_split(split, data=data)
    folders = open_results(results, given.name if given else None)
    found: dict[str, splits.Split] = {}
    unread = []
    for name in dict.fromkeys(folder.identity.dataset for folder in folders):
        try:
            found[name] = given or splits.load_split(name, data=data)
        except InputError as error:  # a folder that --split does not name, or data not here
            unread.append(str(error))
    if not found:
        raise InputError(" ".join(unread))
    named = {
        name: replace(own, sequences=[s for s in own.sequences if s.name == sequence])
        for name, own in found.items()
    }
    kept = [f for f in folders if f.identity.dataset in named]
    kept = [f for f in kept if named[f.identity.dataset].sequences]
    if not kept:
        raise _unknown_sequence(sequence, (s.name for o in found.values() for s in o.sequences))
    rules = {"toolkit_compatible": toolkit_compatible, "jf": jf}
    gathered = make_sections(kept, named.__getitem__, baseline, **rules)
    if not gathered.sections:
        raise InputError(f"No run has finished {sequence!r}: {' '.join(gathered.warnings)}")
    return gathered


def _unknown_sequence(name: str, known: Iterable[str]) -> InputError:
    """A split has hundreds of names: a near one is named, else a few."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    if near:
        return InputError(f"Unknown sequence {name!r}: did you mean {near[0]!r}?")
    few = ", ".join(one_line(known) for known in names[:_NAMED])
    return InputError(f"Unknown sequence {name!r}: there are {len(names)}, such as {few}.")
