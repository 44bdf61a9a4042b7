"""The table of a sweep: rows by falling Q, differences to the defaults, and what they are worth."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.building import write_atomically
from vot_memory.commands.sweep import DEFAULTS, Sweep, Trial
from vot_memory.errors import InputError
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table
from vot_memory.reports.text import (
    MINUS,
    UNDEFINED,
    count,
    csv_cell,
    interval,
    number,
    one_line,
    p_value,
)
from vot_memory.results import RunFolder

if TYPE_CHECKING:
    from pandas import DataFrame
    from rich.console import Console
    from rich.table import Table as Grid

Column = tuple[str, list[str]]  # head, cells

_MEASURES = ("A", "R", "NRE", "DRE")  # in the terminal; the file has all
# Speed is no reason to choose a constant, and the label is the grid's, not the report's.
_SPEED = ["frames_per_second", "memory_ms", "bank_bytes", "machine"]
_LEFT_OUT = ["label", "policy", "remarks", *_SPEED]


@dataclass(frozen=True, eq=False)
class SweepTable:
    """The trials by falling Q.

    Attributes:
        title: the policy and what the rows agree in.
        rows: `policy`, `row` (label), POLICY.OPTION for each axis, the measures, the `difference`
            in Q to the defaults with its interval and test, the setting, the results' `key`, and
            how far the policy's `parity` with its release is known.
        axes: columns of the options. signs: label -> what stands behind it; the notes explain it.
        notes: what a reader has to know, in sentences.
        advice: what the best row is worth. command: how to find out; empty if there is nothing.
    """

    title: str
    rows: DataFrame
    axes: tuple[str, ...]
    signs: dict[str, str]
    notes: tuple[str, ...]
    advice: str
    command: str


def tabulate(sweep: Sweep, folders: Seq[RunFolder]) -> SweepTable | None:
    """Score the trials on the videos that all of them have finished.

    Args:
        sweep: what was run.
        folders: the results of its trials, in their order.

    Returns:
        None if no video is finished.

    Raises:
        InputError: a record is damaged.
    """
    import pandas as pd

    sequences = sweep.split.sequences
    runs = [
        replace(run, label=trial.label, speed=None)
        for run, trial in zip(score_runs(folders, sequences), sweep.trials, strict=True)
    ]
    table = make_table(runs, DEFAULTS, len(sequences))
    if table is None:
        return None
    overview = table.overview.sort_values("Q", ascending=False, kind="stable")
    by_label = {trial.label: trial for trial in sweep.trials}
    trials = [by_label[label] for label in overview["label"]]
    rows = overview.drop(columns=_LEFT_OUT)
    columns = tuple(f"{sweep.policy}.{option}" for option in sweep.axes)
    for place, (option, column) in enumerate(zip(sweep.axes, columns, strict=True)):
        values = [trial.values.get(option) for trial in trials]
        rows.insert(place, column, pd.Series(values, rows.index, dtype=object))  # 4 stays 4
    rows.insert(0, "row", [trial.label for trial in trials])
    rows.insert(0, "policy", [trial.policy for trial in trials])
    parity = {run.label: run.spec.parity for run in runs if run.spec is not None}
    rows["parity"] = rows["row"].map(parity)
    finished = [set(run.objects["sequence"]) for run in runs if len(run.objects)]
    common = len(set.intersection(*finished))
    without = [run.label for run in runs if not len(run.objects)]
    advice, command = _advice(sweep, trials) if common else ("", "")
    return SweepTable(
        title=f"{sweep.policy}{_sign(sweep, table.signs)}; {table.title}",
        rows=rows,
        axes=columns,
        signs=table.signs,
        notes=(*table.legend, *_gaps(without, common, len(sequences)), *table.notes),
        advice=advice,
        command=command,
    )


def print_table(table: SweepTable, console: Console) -> None:
    """Print the rows, in two parts where the console is narrow, and what to think of them."""
    from rich.text import Text

    rows = table.rows.to_dict("records")
    names: list[Column] = [("", [_name(row["row"], row["policy"], table.signs) for row in rows])]
    for axis in table.axes:
        head = axis.rpartition(".")[2].replace("_", "_\n")
        names.append((head, [_shown(row[axis]) for row in rows]))
    gaps = [interval(row["difference_low"], row["difference_high"], signed=True) for row in rows]
    quality: list[Column] = [
        ("Q", [number(row["Q"]) for row in rows]),
        (f"Q {MINUS}\n{DEFAULTS}", [number(row["difference"], signed=True) for row in rows]),
        ("95% interval", gaps),
        ("p\n(Holm)", [p_value(row["p_holm"]) for row in rows]),
    ]
    others: list[Column] = [(m, [number(row[m]) for row in rows]) for m in _MEASURES]
    console.print()
    console.print(Text(one_line(table.title), style="bold"))
    whole = _grid(names + quality + others)
    unbounded = console.options.update(width=10_000)
    fits = console.measure(whole, options=unbounded).maximum <= console.width
    for grid in [whole] if fits else [_grid(names + quality), _grid(names + others)]:
        console.print(grid)
    for line in table.notes:
        console.print(Text(one_line(line), style="dim"))
    if table.advice:
        console.print(Text(table.advice))
    if table.command:
        console.print(Text(f"  {table.command}"), soft_wrap=True)  # whole, to be copied


def write_csv(table: SweepTable, path: Path) -> Path:
    """Write all rows and columns, whole or not at all; an undefined value is an empty cell.

    Returns:
        `path`.

    Raises:
        InputError: the file cannot be written.
    """
    safe = table.rows.map(lambda value: csv_cell(value) if isinstance(value, str) else value)
    text = safe.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    try:
        write_atomically(path, text)
    except OSError as error:
        raise InputError(f"Cannot write {path} ({error.strerror}): name another file.") from error
    return path


def default_csv(folders: Seq[RunFolder]) -> Path:
    """A file beside the results, one for each set of configurations."""
    keys = " ".join(sorted(folder.identity.key for folder in folders))
    name = f"sweep-{hashlib.sha256(keys.encode()).hexdigest()[:12]}.csv"
    return folders[0].path.parent / name


# ---- parts -----------------------------------------------------------------------------------


def _sign(sweep: Sweep, signs: Mapping[str, str]) -> str:
    """The sign of the policy whose constants are searched; all its rows have the same."""
    own = (trial.label for trial in sweep.trials if trial.policy == sweep.policy)
    return next((signs[label] for label in own if label in signs), "")


def _name(label: str, policy: str, signs: Mapping[str, str]) -> str:
    """Defaults and baseline by their names; points of the grid are named by their values."""
    return label + signs[label] if label in (DEFAULTS, policy) else ""


def _gaps(without: Seq[str], common: int, total: int) -> list[str]:
    """What the table leaves out because it is not there."""
    said = []
    if without:
        said.append(f"Without a finished video and therefore without a row: {'; '.join(without)}.")
    if 0 < common < total:
        said.append(f"{common} of {count(total, 'video')} are finished by all rows and count here.")
    return said


def _advice(sweep: Sweep, trials: Seq[Trial]) -> tuple[str, str]:
    """What the best row is worth, and how to find out."""
    best = next((trial for trial in trials if trial.policy == sweep.policy), None)
    if best is None:
        return "", ""
    if best.label == DEFAULTS:
        return "The defaults have the highest Q: nothing here speaks for another value.", ""
    words = ["vot-memory", "run"]
    for name in dict.fromkeys((sweep.policy, *(t.policy for t in sweep.trials))):
        words += ["--policy", name]
    for option, value in best.options.items():
        words += ["--set", f"{best.policy}.{option}={value}"]
    return (
        f"The lead of the best of {count(sweep.combinations, 'combination')} is optimistic, for it "
        "was chosen on the videos that score it. The intervals are not corrected for that; the "
        "p-values are, for the number of rows. Confirm it on another split, all else as here:",
        f"{shlex.join(words)} --split SPLIT",
    )


def _grid(columns: Seq[Column]) -> Grid:
    """The first column to the left, numbers to the right."""
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for i, (head, _) in enumerate(columns):
        grid.add_column(
            Text(head), justify="right" if i else "left", vertical="bottom", overflow="fold"
        )
    for cells in zip(*(column for _, column in columns), strict=True):
        grid.add_row(*(Text(one_line(cell)) for cell in cells))
    return grid


def _shown(value: Any) -> str:
    if value is None:  # the baseline has no such option
        return UNDEFINED
    return value if isinstance(value, str) else json.dumps(value)
