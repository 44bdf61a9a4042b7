"""The exceptions that mean "the input is wrong", as opposed to "the program is wrong"."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path


class InputError(Exception):
    """Bad input from outside: one sentence that says what is wrong, where, and how to mend it.

    The command line prints the sentence without a traceback and exits with code 2.
    """


class PolicyError(InputError):
    """A policy broke its contract; names policy, object and frame.

    `__cause__` is the exception that one of its methods raised, if it was that.
    """


def described(error: BaseException, cls: type | None = None) -> str:
    """One line such as "KeyError at mine.py:31 ('n')".

    Args:
        error: what was raised.
        cls: whose file is to blame: the innermost line in it is named, else that of the raise.
    """
    steps = list(traceback.extract_tb(error.__traceback__))
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) if cls else None
    steps = [step for step in steps if step.filename == file] or steps
    place = f" at {Path(steps[-1].filename).name}:{steps[-1].lineno}" if steps else ""
    message = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}{place}" + (f" ({message})" if message else "")


def closed(error: OSError) -> InputError:
    """The error for a file or folder that is there but cannot be read."""
    reason = error.strerror or str(error)
    return InputError(f"{error.filename or 'A file'} cannot be read ({reason}): make it readable.")


def printable(text: object) -> str:
    r"""Text or path with the bytes of names that are not UTF-8 as \xff, which can be written."""
    return os.fsencode(str(text)).decode(errors="backslashreplace")


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that nobody has registered."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "known are " + ", ".join(known) + "."
    return InputError(f"Unknown {kind} {name!r}: {hint}")
