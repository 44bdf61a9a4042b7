"""A CSV that grows by whole videos: what is complete is not computed again.

Processes that share a table leave the rows of each video in `TABLE.parts`, and make the table from
these: were each to add its own, two that write at once would lose a video.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vot_memory.building import until_settled, write_atomically
from vot_memory.errors import InputError

Row = tuple[str | float, ...]


def complete_table(
    path: Path,
    setting: str,
    columns: Sequence[str],
    videos: Sequence[str],
    study: Callable[[str], Iterable[Row]],
    tell: Callable[[str], None] = lambda line: None,
    *,
    count: int | None = None,
    order: Sequence[str] | None = None,
    shared: bool = False,
) -> list[list[str]]:
    """Add the rows of every video that the table lacks; a video with too few is studied again.

    Args:
        path: the CSV; the first column names the video. Its first line is a comment that says by
            what setting it was made.
        setting: that line.
        columns: names of the columns.
        videos: names of those to study.
        study: rows of a video.
        tell: is told what was added.
        count: rows of a video; None takes any number.
        order: names in the order of the table; None is that of `videos`.
        shared: other processes study other videos at the same time.

    Returns:
        All rows, as text.

    Raises:
        InputError: the file was made by another setting, or is no such table.
    """
    table = _Table(path, setting, columns, videos if order is None else order)
    rows = table.joined() if shared else table.read()
    for name in videos:
        known = sum(row[0] == name for row in rows)
        if known and known == (count or known):
            continue
        new = [_text(row) for row in study(name)]
        rows = table.shared(name, new) if shared else table.add(new)
        tell(f"{name}: {path}")
    return rows


@dataclass(frozen=True)
class _Table:
    """A table, arguments as of `complete_table`, and the parts beside it."""

    path: Path
    setting: str
    columns: Sequence[str]
    order: Sequence[str]

    def read(self) -> list[list[str]]:
        """All rows."""
        return _read(self.path, self.setting, self.columns)

    def add(self, *parts: list[list[str]]) -> list[list[str]]:
        """Put the rows of videos in their places; returns all rows."""
        old, new = self.read(), [row for part in parts for row in part]
        names = {row[0] for row in new}
        rows = [row for row in old if row[0] not in names] + new
        rows.sort(key=lambda row: self._place(row[0]))
        if rows != old:
            _write(self.path, self.setting, self.columns, rows)
        return rows

    def shared(self, name: str, rows: list[list[str]]) -> list[list[str]]:
        """Add a video beside other processes; returns the rows of all."""
        _write(self._folder / f"{name}.csv", self.setting, self.columns, rows)
        return self.joined()

    def joined(self) -> list[list[str]]:
        """The table with all parts."""
        rows = self.read()
        for paths in until_settled(self._parts):
            rows = self.add(*(_read(path, self.setting, self.columns) for path in paths))
        return rows

    @property
    def _folder(self) -> Path:
        return self.path.with_name(f"{self.path.name}.parts")

    def _parts(self) -> list[Path]:
        paths = self._folder.glob("*.csv")
        return sorted(path for path in paths if not path.name.startswith("."))  # being written

    def _place(self, name: str) -> int:
        return self.order.index(name) if name in self.order else len(self.order)


def _text(row: Row) -> list[str]:
    return [f"{value:.6f}" if isinstance(value, float) else str(value) for value in row]


def _write(path: Path, setting: str, columns: Sequence[str], rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    text.write(f"# {setting}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_atomically(path, text.getvalue())


def _read(path: Path, setting: str, columns: Sequence[str]) -> list[list[str]]:
    if not path.exists():
        return []
    try:
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no table of text: name another file.") from error
    if first != f"# {setting}":
        raise InputError(
            f"{path} was made by another setting ({first.removeprefix('# ')}), this is {setting}: "
            "name another file."
        )
    rows = list(csv.reader(io.StringIO(rest)))
    if not rows or rows[0] != list(columns):
        raise InputError(f"{path} does not hold {', '.join(columns)}: name another file.")
    short = next((i for i, row in enumerate(rows, 2) if len(row) != len(columns)), None)
    if short is not None:
        raise InputError(f"{path} is damaged in line {short}: delete it and study again.")
    return rows[1:]
