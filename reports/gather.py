"""From a results folder to sections: runs that may be compared, and the videos behind them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError, unknown
from vot_memory.metrics.boxes import BENCHMARKS, CLEAN
from vot_memory.registry import policy_names
from vot_memory.reports.scores import RunScores, score_runs
from vot_memory.reports.tables.notes import incompleteness
from vot_memory.reports.tables.table import Table, make_table
from vot_memory.reports.text import count
from vot_memory.reports.timeline import Timeline, read_timeline
from vot_memory.results import RunFolder, by_setting, open_results

if TYPE_CHECKING:
    from vot_memory.datasets.splits import Split


@dataclass(frozen=True, eq=False)
class Section:
    """Runs of one setting and the videos they ran on.

    Attributes:
        table: the runs by numbers.
        sequences: all videos of the split.
    """

    table: Table
    sequences: tuple[Sequence, ...]

    def sequence(self, name: str) -> Sequence:
        """A video by its name; KeyError if the split has none of that name."""
        for sequence in self.sequences:
            if sequence.name == name:
                return sequence
        raise KeyError(name)

    def runs_on(self, sequence: str) -> list[RunScores]:
        """The runs that have finished a video, in the table's order."""
        return [run for run in self.table.runs if sequence in set(run.objects["sequence"])]

    def timelines(self, sequence: str, name: str) -> list[Timeline]:
        """What each run that has finished a video did to an object of it, in the table's order."""
        return [read_timeline(run, sequence, name) for run in self.runs_on(sequence)]


@dataclass(frozen=True, eq=False)
class Gathered:
    """All that a report is about.

    Attributes:
        sections: one for each setting (data, model, resolution, precision, prompt, protocol).
        warnings: results that have no section, in sentences.
    """

    sections: tuple[Section, ...]
    warnings: tuple[str, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of the sections."""
        return tuple(section.table for section in self.sections)

    @property
    def headline(self) -> str:
        """One sentence on what is missing; empty if nothing is."""
        runs = [run for table in self.tables for run in table.all_runs]
        failed = sum(len(run.failed) for run in runs)
        missing = sum(len(run.missing) for run in runs)
        parts = [f"{count(failed, 'unit')} failed"] if failed else []
        parts += [f"{count(missing, 'unit')} not run yet"] if missing else []
        bad = len(self.warnings)
        parts += [f"{count(bad, 'result')} could not be scored"] if bad else []
        if not parts:
            return ""
        return f"Incomplete: {', '.join(parts)} (a unit is one sequence under one policy)."

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What is missing, failed or cannot be scored, in sentences; empty if nothing is."""
        return (*self.warnings, *(line for table in self.tables for line in table.incomplete))


def gather(
    results_root: Path,
    split: str | None,
    baseline: str,
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
    data: Path | None = None,
) -> Gathered:
    """Score all results below a folder.

    Args:
        results_root: what `vot-memory run` wrote to.
        split: only results on this split, by its name or the folder that was run; None takes all.
        baseline: policy (or row label) that differences are taken to.
        toolkit_compatible: the VOT toolkit's scoring rules instead of the clean ones; of boxes
            those of the split's benchmark.
        jf: also J, F and J&F, which takes longer.
        data: folder of published data sets.

    Raises:
        InputError: there are no finished results, the baseline's name is unknown, or a record is
            damaged.
    """
    from vot_memory.datasets.splits import load_split

    known: dict[str, Split] = {}
    if split is not None:
        given = load_split(split, data=data)
        known[given.name] = given

    def truth(name: str) -> Split:
        return known[name] if name in known else load_split(name, data=data)

    folders = open_results(results_root, next(iter(known), None))
    gathered = make_sections(folders, truth, baseline, toolkit_compatible=toolkit_compatible, jf=jf)
    if not gathered.sections:
        said = " ".join(gathered.warnings)
        why = f": {said}" if said else ": make some with `vot-memory run`."
        raise InputError(f"{results_root} holds no finished sequence that can be scored{why}")
    _check_baseline(baseline, gathered.tables)
    return gathered


def make_sections(
    folders: Seq[RunFolder],
    truth: Callable[[str], Split],
    baseline: str,
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
) -> Gathered:
    """One section for each setting, and sentences on the results that have none.

    Args:
        folders: runs on any splits.
        truth: loads a split by its name, or raises `InputError`.
        baseline: policy or label that differences are taken to.
        toolkit_compatible: the VOT toolkit's scoring rules; of boxes the split's own.
        jf: also J, F and J&F.
    """
    sections, warnings = [], []
    for group in by_setting(folders):
        try:
            split = _ground_truth(group, truth)
        except InputError as error:
            warnings.append(str(error))
            continue
        rules = BENCHMARKS[split.box_rules] if toolkit_compatible and split.box_rules else CLEAN
        runs = score_runs(
            group,
            split.sequences,
            toolkit_compatible=toolkit_compatible,
            jf=jf,
            box_rules=rules,
        )
        table = make_table(
            runs,
            baseline,
            len(split.sequences),
            toolkit_compatible=toolkit_compatible,
            published=split.published,
        )
        if table is None:
            warnings.append(
                f"{group[0].identity.dataset}: no sequence of {_names(group)} is finished."
            )
            warnings += incompleteness(runs, len(split.sequences))
        else:
            sections.append(Section(table, tuple(split.sequences)))
    return Gathered(tuple(sections), tuple(warnings))


def _ground_truth(group: Seq[RunFolder], truth: Callable[[str], Split]) -> Split:
    """The split that a group ran on; InputError if it is not here or is another one now."""
    from vot_memory.datasets.splits import split_names

    identity = group[0].identity
    try:
        split = truth(identity.dataset)
    except InputError as error:
        known = identity.dataset.partition("@")[0] in split_names()
        mend = str(error) if known else "It was run as a folder: name that by --split."
        raise InputError(
            f"{identity.dataset} ({_names(group)}) has no ground truth here. {mend}"
        ) from error
    if split.digest != identity.dataset_digest:
        raise InputError(
            f"{identity.dataset} has changed since {_names(group)} ran on it, so those results "
            "cannot be scored: run again, or restore the data."
        )
    return split


def _names(group: Seq[RunFolder]) -> str:
    return ", ".join(folder.path.name for folder in group)


def _check_baseline(baseline: str, tables: Seq[Table]) -> None:
    """A baseline that was not run is said in the report; a name nobody knows is a mistake."""
    labels = {label for table in tables for label in table.overview["label"]}
    policies = {policy for table in tables for policy in table.overview["policy"]}
    known = labels | policies | set(policy_names())
    if baseline not in known:
        raise unknown("baseline", baseline, known)
