"""Tables of studies of search and learning, made from their CSV files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vot_memory.errors import InputError
from vot_memory.reports.tables.csv_rows import CsvFile, CsvRow, read_csv
from vot_memory.reports.tables.made_on import find_apart
from vot_memory.reports.tables.notes import FEW_SEQUENCES
from vot_memory.reports.tables.pairing import defined
from vot_memory.reports.text import count
from vot_memory.statistics import mean_interval

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from vot_memory.results import Identity


class Measure(NamedTuple):
    """A column of numbers of a study.

    Attributes:
        name: of the column; with an interval also NAME_low and NAME_high.
        head: what stands over it. meaning: in words.
        higher: whether higher is better; None where a number alone says nothing.
        digits: decimals. signed: printed with + or -. interval: whether it has one.
    """

    name: str
    head: str
    meaning: str = ""
    higher: bool | None = True
    digits: int = 3
    signed: bool = False
    interval: bool = False


@dataclass(frozen=True, eq=False)
class Study:
    """A table of a study.

    Attributes:
        name: stem of its files. title: what it shows.
        keys: column that names what a row is about -> what stands over it.
        measures: columns of numbers.
        rows: with the columns of both; NaN where undefined.
        notes: what a reader has to know, in sentences.
        settings: what each of its files was made on, as `made_on.read_setting` gives it; empty
            where no file says it.
        apart: how that differs from the runs that it is shown beside, in sentences.
    """

    name: str
    title: str
    keys: Mapping[str, str]
    measures: tuple[Measure, ...]
    rows: DataFrame
    notes: tuple[str, ...]
    settings: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()

    @property
    def made_on(self) -> str:
        """What the numbers were made on, as a sentence; empty where it is not known."""
        return f"Made on {'; and on '.join(self.settings)}." if self.settings else ""

    def beside(self, identities: Seq[Identity]) -> Study:
        """The study as it is shown beside some runs."""
        said = [line for own in self.settings for line in find_apart(own, identities)]
        return replace(self, apart=tuple(dict.fromkeys(said)))

    def records(self) -> list[dict[str, Any]]:
        """The rows as dicts of their columns."""
        records = self.rows.to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in records]


def require(file: CsvFile, path: Path, needs: Seq[str], what: str) -> None:
    """Refuse a file that lacks a column."""
    if missing := [name for name in needs if name not in file.columns]:
        raise InputError(
            f"{path} has no column {', '.join(missing)}: {what} have {', '.join(needs)}."
        )


class Once:
    """Refuses a line that says again what a line above it said."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, ...], str] = {}

    def check(self, row: CsvRow, *columns: str) -> None:
        """Remember a line by some of its cells; a column that is not there counts for nothing."""
        known = [name for name in columns if name in row.cells]
        key = tuple(row.cells[name] for name in known)
        if key in self._seen:
            said = ", ".join(f"{name} {row.cells[name]}" for name in known)
            raise InputError(
                f"{row.where}: {said} stands in {self._seen[key]} already: give it once."
            )
        self._seen[key] = row.where


def read_qualities(
    paths: Seq[Path],
    columns: tuple[str, str, str],
    kind: str,
    bases: Seq[str],
    named: Callable[[CsvRow], str] | None = None,
) -> tuple[DataFrame, int]:
    """Read Q by video and name, on the videos that have all names.

    Args:
        paths: CSV files with these columns and maybe `object`; a video is the mean over objects.
        columns: of the video, of the name, and Q.
        kind: of what is named, a noun.
        bases: names that the others are compared to.
        named: the name of a line, where not every name will do.

    Returns:
        Q, a row a video and a column a name, and how many videos are left out.

    Raises:
        InputError: a file cannot be read or lacks a column; a value stands twice, Q lies outside
            0..1, a base is missing, or no video has all names.
    """
    import pandas as pd

    video, name, value = columns
    once, cells = Once(), []
    for path in paths:
        file = read_csv(path, f"{kind}s")
        require(file, path, columns, f"{kind}s")
        for row in file.rows:
            once.check(row, video, "object", name)
            own = row.name(name) if named is None else named(row)
            cells.append((row.name(video), own, row.share(value)))
    table = pd.DataFrame(cells, columns=list(columns)).pivot_table(
        index=video, columns=name, values=value, sort=False
    )
    where = ", ".join(path.name for path in paths)
    for base in bases:
        if base not in table:
            raise InputError(
                f"{where}: there is no {kind} {base!r}, which the others are compared to: add it."
            )
    shared = table.dropna()
    if shared.empty:
        names = ", ".join(map(str, table))
        raise InputError(f"{where}: no video has all of the {kind}s {names}: add what is missing.")
    return shared, len(table) - len(shared)


def describe_videos(videos: int, left: int, kinds: str) -> str:
    """Which videos the means of a table cover; `left` are left out."""
    end = f"; {count(left, 'video')} left out." if left else "."
    return f"Means over {count(videos, 'video')} that all {kinds} have{end}"


def gap_cells(name: str, own: Series | None, base: Series | None) -> dict[str, float]:
    """Mean of own - base over the videos of both, with its interval, as cells of a table.

    Args:
        name: of the column.
        own: Q by video; None gives NaN.
        base: what it is compared with.
    """
    if own is None or base is None:
        found = mean_interval([])
    else:
        found = mean_interval((own - base).dropna().to_numpy(float))
    cells = {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    return defined(cells)


def describe_intervals(videos: int) -> str:
    """How far the intervals of so many videos can be trusted."""
    if videos < 2:
        return "One video gives no interval: these numbers are an anecdote."
    said = "Intervals are 95% bootstrap intervals (BCa) over videos, differences paired by video"
    return f"{said}; from {videos} videos they are rough." if videos < FEW_SEQUENCES else f"{said}."
