"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(Exception):
    """Bad input from outside: one sentence that says what is wrong, where, and how to mend it.

    The command line prints the sentence without a traceback and exits with code 2.
    """


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name that nobody has registered."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else "known are " + ", ".join(known) + "."
    return InputError(f"Unknown {kind} {name!r}: {hint}")
