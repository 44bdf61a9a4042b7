"""`vot-memory compare A B`: two runs on the videos that both have finished, setting by setting."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vot_memory.datasets import splits
from vot_memory.errors import InputError, unknown
from vot_memory.reports.gather import Gathered, make_sections
from vot_memory.reports.tables.comparison import Comparison, compare_runs, find_run
from vot_memory.reports.tables.table import Table
from vot_memory.results import IMPORTED, RunFolder, by_setting, open_results
from vot_memory.run_labels import run_labels


@dataclass(frozen=True, eq=False)
class Compared:
    """Two runs compared.

    Attributes:
        pairs: a table of the two and their comparison for each setting that has both.
        said: what could not be compared and what is missing, in sentences.
    """

    pairs: tuple[tuple[Table, Comparison], ...]
    said: tuple[str, ...]


def compare(
    results: Path,
    a: str,
    b: str,
    split: str | None = None,
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
    data: Path | None = None,
) -> Compared:
    """Score two runs in every setting that has both, and compare them.

    Args:
        results: what `vot-memory run` wrote to.
        a: policy, or label of a run as reports name it.
        b: the other.
        split: only results on this split, by its name or the folder that was run.
        toolkit_compatible: the VOT toolkit's scoring rules instead of the clean ones.
        jf: also J, F and J&F, which takes longer.
        data: folder of published data sets.

    Raises:
        InputError: a name is unknown or means several runs, both mean the same, no setting has
            both, or a record is damaged.
    """
    given = None if split is None else splits.load_split(split, data=data)

    def truth(name: str) -> splits.Split:
        return given if given and name == given.name else splits.load_split(name, data=data)

    pairs, said = _find_pairs(open_results(results, given.name if given else None), a, b)
    made = []
    for pair in pairs:
        rules = {"toolkit_compatible": toolkit_compatible, "jf": jf}
        gathered = make_sections(pair, truth, pair[0].identity.policy, **rules)
        said += [gathered.headline] if gathered.headline else []
        said += gathered.incomplete
        made += _compared(gathered, pair)
    if not made:
        raise InputError(" ".join(said))
    return Compared(tuple(made), tuple(said))


def _find_pairs(
    folders: list[RunFolder], a: str, b: str
) -> tuple[list[tuple[RunFolder, RunFolder]], list[str]]:
    """The two runs of each setting that has both, and sentences on those that have one."""
    pairs, said, everything = [], [], set()
    found: set[str] = set()
    for group in by_setting(folders):
        labels = run_labels([folder.identity for folder in group])
        policies = [folder.identity.policy for folder in group]
        everything |= {*labels, *policies}
        here = [name for name in (a, b) if name in (*labels, *policies)]
        found |= set(here)
        if len(here) == 2:
            first, second = (find_run(labels, policies, name) for name in here)
            if first == second:
                raise InputError(
                    f"Both names mean the run {labels[first]!r}: name two different ones."
                )
            pairs.append((group[first], group[second]))
        elif here:
            other = b if here == [a] else a
            said.append(f"{_setting(group[0])}: there is {here[0]!r}, but no run of {other!r}.")
    for name in (a, b):
        if name not in found:
            raise unknown("policy", name, everything)
    return pairs, said


def _setting(folder: RunFolder) -> str:
    own = folder.identity
    if own.tracker == IMPORTED:
        return f"{own.dataset}, other programs, {own.prompt} prompt"
    return (
        f"{own.dataset}, {own.model} at {own.image_size} px, {own.dtype}, {own.prompt} prompt, "
        f"protocol {own.protocol}"
    )


def _compared(
    gathered: Gathered, pair: tuple[RunFolder, RunFolder]
) -> list[tuple[Table, Comparison]]:
    """The comparison where both have finished something."""
    made = []
    for table in gathered.tables:
        runs = {run.folder.path: run for run in table.runs}
        if all(folder.path in runs for folder in pair):
            first, second = (runs[folder.path] for folder in pair)
            made.append((table, compare_runs(first, second)))
    return made
