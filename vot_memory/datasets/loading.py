"""Opening the sequences of a data set: the first fault stops, unless faults are collected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from vot_memory.errors import InputError

S = TypeVar("S")
_failures: ContextVar[dict[str, InputError] | None] = ContextVar("failures", default=None)


def open_each(names: Iterable[str], open_one: Callable[[str], S]) -> list[S]:
    """Open sequences by their names.

    Raises:
        InputError: of the first that cannot be opened. Within `collecting_failures` such sequences
            are left out instead.
    """
    opened = []
    for name in names:
        try:
            opened.append(open_one(name))
        except InputError as error:
            if (failures := _failures.get()) is None:
                raise
            failures[name] = error
    return opened


@contextmanager
def collecting_failures() -> Iterator[dict[str, InputError]]:
    """Let loaders go on behind a sequence that cannot be opened.

    Yields:
        What was wrong, by name of the sequence.
    """
    failures: dict[str, InputError] = {}
    token = _failures.set(failures)
    try:
        yield failures
    finally:
        _failures.reset(token)
