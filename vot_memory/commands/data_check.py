"""`vot-memory data check`: is a local copy of a data set whole, before an hour is lost on it."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from vot_memory.building import Building, check_writable
from vot_memory.datasets.checks import Checked, Finding, check_sequence
from vot_memory.datasets.loading import collecting_failures
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.splits import Official, Source, find_source
from vot_memory.datasets.vos import VosLayout, find_vos
from vot_memory.datasets.vos_checks import check_vos_sequence, read_meta
from vot_memory.datasets.vot import VotLayout
from vot_memory.errors import InputError, closed, printable
from vot_memory.reports.text import csv_cell

Call = tuple[str, Callable[[], Checked]]  # name of a sequence, and what looks at it
SHOWN = 10  # lines of one sequence on the terminal; the CSV file has all


@dataclass(frozen=True)
class CheckReport:
    """What a local copy is and what is wrong with it.

    Attributes:
        name: the split, or the folder as it was given.
        root: the folder that was looked at.
        sequences: in the order of the split, those that are missing among them.
        findings: about the whole.
        quick: pictures were not decoded, and the objects of a VOS folder not counted.
    """

    name: str
    root: Path
    sequences: tuple[Checked, ...]
    findings: tuple[Finding, ...] = ()
    quick: bool = False

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not any(finding.problem for _, finding in self.rows())

    def rows(self) -> Iterator[tuple[str, Finding]]:
        """Everything found, with the sequence that it is about ("" for the whole)."""
        yield from (("", finding) for finding in self.findings)
        for one in self.sequences:
            yield from ((printable(one.name), finding) for finding in one.findings)


@dataclass(frozen=True)
class _Plan:
    """What is to be looked at: one call a sequence."""

    calls: list[Call]
    findings: list[Finding] = field(default_factory=list)


def check_data(
    split: str,
    data: str | Path | None = None,
    *,
    quick: bool = False,
    threads: int | None = None,
    started: Callable[[int], object] = lambda total: None,
    advanced: Callable[[str], object] = lambda name: None,
) -> CheckReport:
    """Look at every sequence of a local copy and collect all that is wrong.

    Args:
        split: a name of `datasets.yaml`, or a folder, as `load_split` takes it.
        data: the folder with published data sets; None takes $VOT_MEMORY_DATA.
        quick: read headers of pictures instead of decoding them.
        threads: sequences that are looked at together; None takes one a processor.
        started: is told how many sequences there are.
        advanced: is told of every sequence that is done.

    Raises:
        InputError: the split is unknown, drawn when it is run, or nothing of it is there.
    """
    if threads is not None and threads < 1:
        raise InputError(f"{threads} threads cannot work: give 1 or more.")
    source = find_source(split, data)
    plan = _plan(source, quick=quick)
    started(len(plan.calls))
    checked = _run(plan.calls, threads or os.cpu_count() or 1, advanced)
    findings = (*plan.findings, *_compare_counts(checked, source.official or Official()))
    return CheckReport(split, source.root, tuple(checked), findings, quick)


def check_table(path: Path) -> None:
    """Refuse a place where `write_csv` will fail, before an hour goes into the check.

    Raises:
        InputError: a folder is there, or no file can be made.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file with --csv.")
    try:
        check_writable(path)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_csv(report: CheckReport, path: Path) -> None:
    """Everything found as `level,sequence,about,finding`, written whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    try:
        with Building(path) as building:
            path.parent.mkdir(parents=True, exist_ok=True)
            with building.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file)
                table.writerow(["level", "sequence", "about", "finding"])
                for name, finding in report.rows():
                    level = "problem" if finding.problem else "note"
                    text = _below(report.root, finding.text)
                    table.writerow([level, csv_cell(name), finding.kind, csv_cell(text)])
    except OSError as error:
        raise _unwritable(path, error) from error


def lines(report: CheckReport) -> Iterator[str]:
    """The report for a terminal: problems by sequence, what is worth knowing, the summary."""
    named = report.name == str(report.root)
    yield printable(report.root if named else f"{report.name}: {report.root}")
    wrong: dict[str, list[str]] = {}
    for name, finding in report.rows():
        if finding.problem:
            wrong.setdefault(name, []).append(_below(report.root, finding.text))
    for name, texts in wrong.items():
        yield name or "as a whole"
        yield from (f"  {text}" for text in texts[:SHOWN])
        if len(texts) > SHOWN:
            yield f"  and {len(texts) - SHOWN} more; --csv FILE takes all"
    yield from _notes(report)
    yield _counted(report)
    if not wrong:
        yield "nothing is wrong" + (" as far as headers tell" if report.quick else "")
        return
    affected = len(wrong.keys() - {""})
    where = f", in {affected} of {len(report.sequences)} sequences" if affected else ""
    yield f"problems: {sum(map(len, wrong.values()))}{where}"


def _plan(source: Source, *, quick: bool) -> _Plan:
    if isinstance(source.layout, VosLayout):
        return _plan_vos(source, source.layout, quick=quick)
    with collecting_failures() as failures:
        sequences = source.read()
    # VOT's format leaves frames without truth, and NfS may lack the last box.
    gaps = isinstance(source.layout, VotLayout) or getattr(source.layout, "slack", 0) > 0

    def look(sequence: Sequence) -> Checked:
        # What a sequence reads it keeps, which would be too much of 50,000 videos.
        return check_sequence(copy(sequence), quick=quick, gaps=gaps)

    calls: list[Call] = [(name, partial(_unread, name, error)) for name, error in failures.items()]
    return _Plan(calls + [(sequence.name, partial(look, sequence)) for sequence in sequences])


def _plan_vos(source: Source, layout: VosLayout, *, quick: bool) -> _Plan:
    folder = find_vos(source.root, layout)
    announced, findings = read_meta((source.root / (layout.annotations or "Annotations")).parent)
    look = partial(
        check_vos_sequence,
        folder,
        announced=announced,
        quick=quick,
        declared=source.official is not None,
    )
    names = [*folder.names, *folder.strays]
    return _Plan([(name, partial(look, name)) for name in names], findings)


def _unread(name: str, error: Exception) -> Checked:
    told = closed(error) if isinstance(error, OSError) else error
    return Checked(name, 0, None, (Finding("sequence", str(told)),))


def _run(calls: list[Call], threads: int, advanced: Callable[[str], object]) -> list[Checked]:
    def look(name: str, call: Callable[[], Checked]) -> Checked:
        try:
            checked = call()
        except (OSError, InputError) as error:  # such as a folder that may not be read
            checked = _unread(name, error)
        advanced(name)
        return checked

    with ThreadPoolExecutor(threads) as pool:  # decoders let go of the interpreter's lock
        futures = [pool.submit(look, name, call) for name, call in calls]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _compare_counts(checked: list[Checked], official: Official) -> Iterator[Finding]:
    for what, published in official.model_dump().items():
        found = _count(checked, what)
        if published is not None and found is not None and found != published:
            yield Finding("counts", f"{what}: {found} here, {published} published.")


def _count(checked: list[Checked], what: str) -> int | None:
    """How many sequences, objects or frames; None where objects of a sequence are not known."""
    if what == "sequences":
        return sum(one.frames > 0 for one in checked)
    if what == "frames":
        return sum(one.frames for one in checked)
    objects = [one.objects for one in checked if one.frames]
    return None if None in objects else sum(n for n in objects if n is not None)


def _notes(report: CheckReport) -> Iterator[str]:
    """What is no problem, once for all sequences that share it."""
    about: dict[str, list[str]] = {}
    for name, finding in report.rows():
        if not finding.problem:
            about.setdefault(_below(report.root, finding.text), []).append(name)
    for text, names in about.items():
        known = list(dict.fromkeys(name for name in names if name))
        where = known[0] if len(known) == 1 else f"{len(known)} sequences"
        yield f"note: {text}" + (f" ({where})" if known else "")


def _counted(report: CheckReport) -> str:
    checked = list(report.sequences)
    parts = ((what, _count(checked, what)) for what in ("sequences", "objects", "frames"))
    return ", ".join(f"{what}: {'not counted' if n is None else n}" for what, n in parts)


def _below(root: Path, text: str) -> str:
    """The text with paths as they are below the folder that the first line names."""
    return printable(text).replace(printable(f"{root}{os.sep}"), "")


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be written ({error.strerror}): name another file by --csv.")
