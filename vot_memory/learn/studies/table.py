"""A CSV that grows by whole videos: what is complete is not computed again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from vot_memory.building import write_atomically
from vot_memory.errors import InputError

Row = tuple[str | float, ...]


def complete_table(
    path: Path,
    setting: str,
    columns: Sequence[str],
    videos: Sequence[str],
    study: Callable[[str], Iterable[Row]],
    tell: Callable[[str], None] = lambda line: None,
) -> list[list[str]]:
    """Add the rows of every video that the table lacks.

    Args:
        path: the CSV; the first column names the video. Its first line is a comment that says by
            what setting it was made.
        setting: that line.
        columns: names of the columns.
        videos: names, in the order of the table.
        study: rows of a video.
        tell: is told what was added.

    Returns:
        All rows, as text.

    Raises:
        InputError: the file was made by another setting, or is no such table.
    """
    rows = _read(path, setting, columns)
    for name in videos:
        if name in {row[0] for row in rows}:
            continue
        new = [_text(row) for row in study(name)]
        rows = _read(path, setting, columns)  # again: another process may have added its own
        rows = [row for row in rows if row[0] != name] + new
        rows.sort(key=lambda row: _place(videos, row[0]))
        _write(path, setting, columns, rows)
        tell(f"{name}: {path}")
    return rows


def _place(videos: Sequence[str], name: str) -> int:
    return videos.index(name) if name in videos else len(videos)


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
