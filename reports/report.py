"""Write a report: one folder with Markdown, CSV and plots, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.errors import InputError, unknown
from vot_memory.metrics.boxes import BENCHMARKS, CLEAN
from vot_memory.registry import policy_names
from vot_memory.reports import event_plot, markdown, objects_page, plots
from vot_memory.reports.canvas import save
from vot_memory.reports.notes import incompleteness
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables import Table, make_table
from vot_memory.reports.text import csv_cell
from vot_memory.results import RunFolder, open_results

if TYPE_CHECKING:
    from pandas import DataFrame

    from vot_memory.datasets.splits import Split

MARKER = ".vot-memory-report"  # tells our folders from those that must not be replaced


@dataclass(frozen=True, eq=False)
class Report:
    """A written report.

    Attributes:
        folder: where it stands; `folder / "report.md"` is the page to read first.
        tables: one for each setting (data, model, resolution, precision, prompt, protocol).
        warnings: results that have no table, in sentences.
        headline: one sentence on what is missing; empty if the runs are complete.
        files: all that was written.
    """

    folder: Path
    tables: tuple[Table, ...]
    warnings: tuple[str, ...]
    headline: str
    files: tuple[Path, ...]


def write_report(
    results_root: Path,
    split: str | None,
    baseline: str,
    out: Path,
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
    data: Path | None = None,
) -> Report:
    """Score all results below a folder and write tables and plots.

    Args:
        results_root: what `vot-memory run` wrote to.
        split: only results on this split, by its name or the folder that was run; None takes all.
        baseline: policy (or row label) that differences are taken to.
        out: folder of the report; replaced if it is a report, otherwise it must be new or empty.
        toolkit_compatible: the VOT toolkit's scoring rules instead of the clean ones; of boxes
            those of the split's benchmark.
        jf: also J, F and J&F, which takes longer.
        data: folder of published data sets.

    Raises:
        InputError: there are no finished results, the baseline's name is unknown, a record is
            damaged, or `out` holds something else.
    """
    from vot_memory.datasets.splits import load_split

    _check_place(out)
    known: dict[str, Split] = {}
    if split is not None:
        given = load_split(split, data=data)
        known[given.name] = given

    def truth(name: str) -> Split:
        return known[name] if name in known else load_split(name, data=data)

    folders = open_results(results_root, next(iter(known), None))
    tables, warnings = make_tables(
        folders, truth, baseline, toolkit_compatible=toolkit_compatible, jf=jf
    )
    if not tables:
        why = f": {' '.join(warnings)}" if warnings else ": make some with `vot-memory run`."
        raise InputError(f"{results_root} holds no finished sequence that can be scored{why}")
    _check_baseline(baseline, tables)
    building = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    building.mkdir(parents=True)
    try:
        _write(building, tables, warnings)
        names = sorted(path.name for path in building.iterdir())
        _swap(building, out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    files = tuple(out / name for name in names if name != MARKER)
    return Report(out, tables, warnings, markdown.headline(tables, warnings), files)


def make_tables(
    folders: Seq[RunFolder],
    truth: Callable[[str], Split],
    baseline: str,
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
) -> tuple[tuple[Table, ...], tuple[str, ...]]:
    """One table for each setting, and sentences on the results that have none.

    Args:
        folders: runs on any splits.
        truth: loads a split by its name, or raises `InputError`.
        baseline: policy or label that differences are taken to.
        toolkit_compatible: the VOT toolkit's scoring rules; of boxes the split's own.
        jf: also J, F and J&F.
    """
    groups: dict[tuple[str | int | bool, ...], list[RunFolder]] = {}
    for folder in folders:
        groups.setdefault(folder.identity.table, []).append(folder)
    tables, warnings = [], []
    for group in groups.values():
        identity = group[0].identity
        names = ", ".join(folder.path.name for folder in group)
        try:
            split = truth(identity.dataset)
        except InputError as error:
            from vot_memory.datasets.splits import split_names

            known = identity.dataset.partition("@")[0] in split_names()
            mend = str(error) if known else "It was run as a folder: name that by --split."
            warnings.append(f"{identity.dataset} ({names}) has no ground truth here. {mend}")
            continue
        if split.digest != identity.dataset_digest:
            warnings.append(
                f"{identity.dataset} has changed since {names} ran on it, so those results cannot "
                "be scored: run again, or restore the data."
            )
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
            warnings.append(f"{identity.dataset}: no sequence of {names} is finished.")
            warnings += incompleteness(runs, len(split.sequences))
        else:
            tables.append(table)
    return tuple(tables), tuple(warnings)


def _write(folder: Path, tables: Seq[Table], warnings: Seq[str]) -> None:
    (folder / MARKER).write_text("A report of vot-memory; replaced by the next one.\n")
    files = []
    for i, table in enumerate(tables):
        suffix = "" if i == 0 else f"-{i + 1}"
        own: dict[str, Path] = {}
        for name, frame in _frames(table).items():
            own[f"{name}_csv"] = folder / f"{name}{suffix}.csv"
            _write_csv(frame, table, own[f"{name}_csv"])
        own["objects_md"] = folder / f"objects{suffix}.md"
        own["objects_md"].write_text(objects_page.render_objects(table), encoding="utf-8")
        for name, figure in (
            ("ar", plots.ar_plot(table)),
            ("sequences", plots.sequence_plot(table)),
            ("events", event_plot.event_plot(table)),
        ):
            if figure is not None:
                own[name] = save(figure, folder / f"{name}{suffix}")[0]
        files.append(own)
    (folder / "report.md").write_text(markdown.render(tables, warnings, files), encoding="utf-8")


def _frames(table: Table) -> dict[str, DataFrame]:
    """All tables by the stem of their file; what a paper published stands apart from our rows."""
    frames = {name: getattr(table, name) for name in ("overview", "sequences", "objects")}
    if table.events is not None:
        frames["events"] = table.events.rows
    frames |= {further.name: further.rows for further in table.further}
    if table.published is not None:
        frames["published"] = table.published.rows
    return frames


def _write_csv(frame: DataFrame, table: Table, path: Path) -> None:
    """Write a frame and each run's parity; names are made harmless, undefined cells are empty."""
    parity = {run.label: run.spec.parity for run in table.runs if run.spec is not None}
    safe = frame.assign(parity=frame["label"].map(parity)) if "label" in frame else frame.copy()
    for name in safe.columns[[dtype.kind not in "biuf" for dtype in safe.dtypes]]:
        safe[name] = [csv_cell(value) for value in safe[name]]
    safe.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def _check_place(out: Path) -> None:
    if out.is_dir() and ((out / MARKER).exists() or not any(out.iterdir())):
        return
    if out.exists():
        raise InputError(f"{out} exists and is no report: name another folder with --out.")


def _check_baseline(baseline: str, tables: Seq[Table]) -> None:
    """A baseline that was not run is said in the report; a name nobody knows is a mistake."""
    labels = {label for table in tables for label in table.overview["label"]}
    policies = {policy for table in tables for policy in table.overview["policy"]}
    known = labels | policies | set(policy_names())
    if baseline not in known:
        raise unknown("baseline", baseline, known)


def _swap(building: Path, out: Path) -> None:
    """Put a finished folder in the place of an old one."""
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.exists():
        out.rename(old)
    building.rename(out)
    shutil.rmtree(old, ignore_errors=True)
