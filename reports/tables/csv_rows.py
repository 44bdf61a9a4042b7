"""CSV files that searches, trainings and studies write: read whole, refused with the line at fault.

Lines that begin with # are comments; spreadsheets may have put a byte order mark before the head.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vot_memory.errors import InputError
from vot_memory.reports.text import shorten

_MEND = "correct the line, or make the file again"
_LONGEST = 40  # letters of a damaged cell in a message


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
            raise InputError(f"{self.where}: {column} is empty: {_MEND}.")
        return self.cells[column]

    def number(self, column: str) -> float:
        """A finite number."""
        try:
            value = float(self.cells[column])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            said = shorten(self.cells[column], _LONGEST)
            raise InputError(f"{self.where}: {column} is {said!r}, not a number: {_MEND}.")
        return value

    def count(self, column: str) -> int:
        """A whole number from 1 up."""
        value = self.number(column)
        if value < 1 or value != int(value):
            said = self.cells[column]
            raise InputError(
                f"{self.where}: {column} is {said}, not a whole number from 1 up: {_MEND}."
            )
        return int(value)

    def share(self, column: str) -> float:
        """A number from 0 to 1."""
        value = self.number(column)
        if not 0 <= value <= 1:
            said = self.cells[column]
            raise InputError(
                f"{self.where}: {column} is {said}, but lies between 0 and 1: {_MEND}."
            )
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


def read_csv(path: Path, what: str) -> CsvFile:
    """Read a CSV file.

    Args:
        path: of the file.
        what: it should hold, in the plural, for messages.

    Raises:
        InputError: it cannot be read, has no head or no rows, or a damaged row.
    """
    lines = _read_lines(path, what)
    comments = tuple(line.strip() for _, line in lines if line.startswith("#"))
    kept = [(i, line) for i, line in lines if not line.startswith("#")]
    if len(kept) < 2:
        only = ", only a head" if kept else ""
        raise InputError(f"{path} holds no {what}{only}: make it again, or leave it out.")
    (_, columns), *table = [_cells(line, f"{path}, line {i}") for i, line in kept]
    rows = []
    for where, cells in table:
        if len(cells) != len(columns):
            raise InputError(f"{where}: {len(cells)} cells, the head has {len(columns)}: {_MEND}.")
        rows.append(CsvRow(dict(zip(columns, cells, strict=True)), where))
    return CsvFile(columns, tuple(rows), comments)


def _cells(line: str, where: str) -> tuple[str, tuple[str, ...]]:
    """Where a line stands, and its cells without spaces around them."""
    try:
        (cells,) = csv.reader([line], strict=True)
    except csv.Error as error:
        raise InputError(f"{where} is no CSV ({error}): {_MEND}.") from error
    return where, tuple(cell.strip() for cell in cells)


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
