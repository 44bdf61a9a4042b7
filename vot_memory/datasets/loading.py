"""Listing and opening the sequences of a data set: a fault stops, unless faults are collected.

So `vot-memory data check` gets all faults from loaders that need not know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeVar

from vot_memory.errors import InputError, closed

S = TypeVar("S")
_failures: ContextVar[dict[str, InputError] | None] = ContextVar("failures", default=None)


def read_names(path: Path, source: str | None = None) -> list[str]:
    """Read a list of sequences, a name a line; empty lines do not count.

    Args:
        path: the file.
        source: where it is to be had, if not beside the data.

    Raises:
        InputError: it cannot be read.
    """
    missing = f"get it from {source} and put it there" if source else "add it"
    lines = read_text(path, "the list of sequences", missing).splitlines()
    return [line.strip() for line in lines if line.strip()]


def read_text(path: Path, what: str, missing: str) -> str:
    """Read a file of text, in UTF-8 with or without a byte order mark.

    Args:
        path: the file.
        what: it is, in words.
        missing: what to do where there is none, in words.

    Raises:
        InputError: it is missing, no text, or closed to us.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, {what}, is not UTF-8: save it as text in UTF-8.") from error
    except OSError as error:
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        remedy = missing if absent else "see to its rights"
        raise InputError(f"{path}, {what}, cannot be read ({error.strerror}): {remedy}.") from error


def open_each(names: Iterable[str], open_one: Callable[[str], S]) -> list[S]:
    """Open sequences, or objects of one, by their names.

    Raises:
        InputError, OSError: of the first that cannot be opened. Within `collecting_failures` they
            are left out instead.
    """
    opened = []
    for name in names:
        try:
            opened.append(open_one(name))
        except (InputError, OSError) as error:
            if not collect_failure(name, closed(error) if isinstance(error, OSError) else error):
                raise
    return opened


def collect_failure(name: str, error: InputError) -> bool:
    """Keep what is wrong for the innermost `collecting_failures`; False if there is none."""
    failures = _failures.get()
    if failures is None:
        return False
    failures[name] = error
    return True


@contextmanager
def collecting_failures() -> Iterator[dict[str, InputError]]:
    """Let loaders go on behind what cannot be opened; of the current thread only.

    Yields:
        What was wrong, by name of the sequence or object.
    """
    failures: dict[str, InputError] = {}
    token = _failures.set(failures)
    try:
        yield failures
    finally:
        _failures.reset(token)
