"""Numbers and names as text: no NaN is ever printed, and no name can break a table."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence as Seq

UNDEFINED = "–"  # noqa: RUF001  the dash that tables use for "undefined"
MINUS = "\N{MINUS SIGN}"


def number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """A number with a fixed count of decimals; a dash where it is None or NaN.

    Example:
        >>> number(0.61234), number(None), number(0.02, signed=True)
        ('0.612', '–', '+0.020')
    """
    if not is_defined(value):
        return UNDEFINED
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def interval(
    low: float | None, high: float | None, *, digits: int = 3, signed: bool = False
) -> str:
    """An interval as "0.581 to 0.640"; a dash where there is none."""
    if not (is_defined(low) and is_defined(high)):
        return UNDEFINED
    return f"{number(low, digits, signed=signed)} to {number(high, digits, signed=signed)}"


def p_value(value: float | None) -> str:
    """A p-value with three decimals, small ones as a bound."""
    if value is not None and is_defined(value) and value < 0.001:
        return "< 0.001"
    return number(value)


def bytes_size(value: float | None) -> str:
    """A number of bytes in kB or MB of 1000; a dash where it is None or NaN.

    Example:
        >>> bytes_size(999), bytes_size(460_800), bytes_size(12_345_678)
        ('999 B', '461 kB', '12.3 MB')
    """
    if value is None or not is_defined(value):
        return UNDEFINED
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * size:
            value /= size
            return f"{value:.{1 if value < 99.95 else 0}f} {unit}"
    return f"{value:.0f} B"


def count(number_of: int, thing: str) -> str:
    """A count with its noun: "1 video", "3 videos"."""
    return f"{number_of} {thing}" if number_of == 1 else f"{number_of} {thing}s"


def is_defined(value: float | None) -> bool:
    """Whether there is a number: not None, not NaN."""
    return value is not None and not math.isnan(value)


def one_line(text: str) -> str:
    """Text without line breaks and control characters."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", str(text)).strip()


def shorten(name: str, letters: int) -> str:
    """A name of so many letters at most, three or more; the ends stay, which tell variants apart.

    Example:
        >>> shorten("samurai (motion_weight=0.15)", 20)
        'samurai (m…ght=0.15)'
    """
    if len(name) <= letters:
        return name
    end = (letters - 1) // 2
    return f"{name[: letters - 1 - end]}…{name[-end:]}"


def shorten_apart(names: Seq[str], letters: int) -> list[str]:
    """Different names, shortened; those that would look alike get their number, from 1 on."""
    cut = [shorten(name, letters) for name in names]
    numbers = [f" #{i}" if cut.count(own) > 1 else "" for i, own in enumerate(cut, 1)]
    pairs = zip(names, numbers, strict=True)
    return [shorten(name, letters - len(number)) + number for name, number in pairs]


def markdown(text: str) -> str:
    r"""A name as literal Markdown text that also stands in a table cell.

    Example:
        >>> markdown("a|b <script>")
        'a\\|b &lt;script&gt;'
    """
    text = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text)


def csv_cell(text: str) -> str:
    """A name that spreadsheets do not take for a formula."""
    text = one_line(text)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@"} else text
