"""CSV files that searches, trainings and studies write: read whole, refused with the line at fault.

Lines that begin with # are comments; spreadsheets may have put a byte order mark before the head.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

from vot_memory.errors import InputError


@dataclass(frozen=True)
class CsvRow:
    """A line of a CSV file.

    Attributes:
        cells: by column, without spaces around them. where: file and line, for messages.
    """

    cells: Mapping[str, str]
    where: str

    def name(self, column: str) -> str:
        """Text that is not empty."""
        if not self.cells[column]:
            raise InputError(f"{self.where}: {column} is empty.")
        return self.cells[column]

    def number(self, column: str) -> float:
        """A finite number."""
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise InputError(f"{self.where}: {column} is {self.cells[column]!r}, not a number.")
        return value

    def count(self, column: str) -> int:
        """A whole number from 1 up."""
        value = self.number(column)
        if value < 1 or value != int(value):
            said = self.cells[column]
            raise InputError(f"{self.where}: {column} is {said}, not a whole number from 1 up.")
        return int(value)

    def share(self, column: str) -> float:
        """A number from 0 to 1."""
        value = self.number(column)
        if not 0 <= value <= 1:
            said = self.cells[column]
            raise InputError(f"{self.where}: {column} is {said}, but lies between 0 and 1.")
        return value


@dataclass(frozen=True)
class CsvFile:
    """A CSV file.

    Attributes:
        columns: of its head. rows: all others, at least one. comments: lines that begin with #.
    """

    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    comments: tuple[str, ...]


def read_csv(path: Path, what: str, needs: Seq[str]) -> CsvFile:
    """Read a CSV file.

    Args:
        path: of the file.
        what: it should hold, in the plural, for messages.
        needs: columns to name where there is no head.

    Raises:
        InputError: it cannot be read, has no head or no rows, or a row of another length.
    """
    lines = _read_lines(path, what)
    comments = tuple(line.strip() for _, line in lines if line.startswith("#"))
    kept = [(i, line) for i, line in lines if not line.startswith("#")]
    if len(kept) < 2:
        raise InputError(f"{path} holds no {what}: it needs a line {','.join(needs)} and rows.")
    table = list(csv.reader(line for _, line in kept))
    head = tuple(name.strip() for name in table[0])
    rows = []
    for (line, _), cells in zip(kept[1:], table[1:], strict=False):
        where = f"{path}, line {line}"
        if len(cells) != len(head):
            raise InputError(f"{where}: {len(cells)} cells, the head has {len(head)}.")
        rows.append(CsvRow(dict(zip(head, (c.strip() for c in cells), strict=True)), where))
    return CsvFile(head, tuple(rows), comments)


def _read_lines(path: Path, what: str) -> list[tuple[int, str]]:
    """Lines that are not empty, with their numbers."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save the {what} as CSV in UTF-8.") from error
    except OSError as error:
        why = error.strerror or "unknown error"
        raise InputError(f"The {what} {path} cannot be read: {why}.") from error
    return [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
