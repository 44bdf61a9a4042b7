"""Grids as LaTeX: booktabs, the best bold, the second underlined; no other package is needed.

A grid that is wider than a page becomes several tabulars below one another, cut between groups of
columns where that does. One with more rows than a page becomes several floats: a longtable cannot
stand in a document of two columns.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from vot_memory.reports.pages.grids import Cell, Grid, Head, Row
from vot_memory.reports.text import one_line

_OPENING = r"""% Needs \usepackage{booktabs} and nothing else.
% table* spans both columns of a page where there are two. Lengths fit a text width of 345 pt.
"""
_TEXT = 345  # points, the narrowest text that papers have: LNCS, article
_NAME = 26  # letters of a name before it is broken
_HEAD = 10  # digits of a head before it is broken
_NARROW, _WIDE = " .,:;/()[]|-fijlrt", "+%@mwMW\N{MINUS SIGN}"
_LINES = 52  # of a page
_RULES = 4  # lines for rules and a group's head
_WAITING = 16  # floats; LaTeX takes few more that wait for a page
_BOLD = "Bold: the best; underlined: the second."
_SIGNS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # else an argument of the line break before it
    "]": "{]}",
    "*": "{*}",
    "`": "{`}",  # else ligatures with ? and !
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "\N{NO-BREAK SPACE}": "~",
    "\N{MINUS SIGN}": "$-$",
    "\N{EN DASH}": r"\textendash{}",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{MIDDLE DOT}": r"$\cdot$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "†": r"$^{\dagger}$",
    "‡": r"$^{\ddagger}$",
    "§": r"$^{\S}$",
    "¶": r"$^{\P}$",
    "°": r"$^{\circ}$",
}


class _Type(NamedTuple):
    """A size of letters: its command, the space between columns and a digit in points."""

    command: str
    space: float
    digit: float


_SIZES = (
    _Type(r"\footnotesize", 8, 4.25),
    _Type(r"\scriptsize", 6, 4),
    _Type(r"\scriptsize", 4, 4),
)


def latex(text: str) -> str:
    r"""A name as literal LaTeX text.

    Letters of other scripts stay as they are: XeLaTeX and LuaLaTeX print them.

    Example:
        >>> latex("a_b & 50% − x")
        'a\\_b \\& 50\\% $-$ x'
    """
    text = "".join(_SIGNS.get(letter, letter) for letter in one_line(text))
    return re.sub("-(?=-)", "-{}", text)  # two hyphens are no dash


def render_tables(grids: Seq[Grid], setting: str, suffix: str = "") -> str:
    """A file of floats, each with a caption above and the label tab:NAME.

    Args:
        grids: one or more.
        setting: what all rows agree in; ends the captions.
        suffix: of the labels, to tell sections apart.
    """
    halves = [half for grid in grids for half in (_halves(grid) if grid.below else [grid])]
    return "\n".join([_OPENING, *(_floats(half, setting, suffix) for half in halves)])


def _halves(grid: Grid) -> list[Grid]:
    """The numbers, and what stands below them as a table of its own: together they are too wide."""

    def keep(row: Row, cells: Iterable[Cell]) -> Row:
        return row._replace(cells=(row.cells[0], *cells))

    upper = (keep(row, (cell._replace(below="") for cell in row.cells[1:])) for row in grid.rows)
    lower = (
        keep(row, (_lowered(cell) for cell in row.cells[1:]))
        for row in grid.rows
        if row.kind != "run" or any(cell.below for cell in row.cells)
    )
    below = f"{grid.caption}: {grid.below}"
    return [
        replace(grid, rows=tuple(upper), notes=()),
        replace(grid, name=f"{grid.name}-gaps", caption=below, rows=tuple(lower)),
    ]


def _lowered(cell: Cell) -> Cell:
    """A difference and below it its interval; what has nothing below stays."""
    if not cell.below:
        return cell
    gap, _, ends = cell.below.partition(" (")
    return Cell(gap, below=ends.rstrip(")"))


def _floats(grid: Grid, setting: str, suffix: str) -> str:
    """One float, or several where a page does not hold all."""
    size, blocks = _blocks(grid)
    pages = _pages(blocks)
    opening = [
        "\\begin{table*}[tbp]",
        f"\\centering{size.command}\\setlength{{\\tabcolsep}}{{{size.space / 2:g}pt}}",
    ]
    floats = []
    for i, page in enumerate(pages):
        caption = f"{latex(f'{grid.caption}. {setting}.')}\\label{{tab:{grid.name}{suffix}}}"
        said = f"{latex(grid.caption)}, continued." if i else caption
        lines = [*opening, f"\\caption{{{said}}}\\smallskip", "\n\\par\\medskip\n".join(page)]
        lines += [_notes(grid)] if i == len(pages) - 1 else []
        lines += ["\\end{table*}", ""]
        floats.append("\n".join(["\\clearpage", *lines] if i and i % _WAITING == 0 else lines))
    return "\n".join(floats)


def _pages(blocks: Seq[Grid]) -> list[list[str]]:
    """Tabulars, as many on a page as it holds."""
    heights = [max(map(_height, rows)) for rows in zip(*(own.rows for own in blocks), strict=True)]
    frame = _RULES + max(_head_height(block) for block in blocks)
    pages: list[list[str]] = []
    free = 0.0
    for start, end in _cuts(heights, _LINES - frame):
        for block in blocks:
            lines = frame + sum(heights[start:end])
            if lines > free:
                pages.append([])
                free = _LINES
            pages[-1].append(_tabular(replace(block, rows=block.rows[start:end])))
            free -= lines
    return pages


def _cuts(heights: Seq[float], room: float) -> list[tuple[int, int]]:
    """Begin and end of as many rows as fit, at least one."""
    cuts, start = [], 0
    for end in range(1, len(heights) + 1):
        if end == len(heights) or sum(heights[start : end + 1]) > room:
            cuts.append((start, end))
            start = end
    return cuts


def _height(row: Row) -> float:
    """Lines of a row."""
    return len(_name(row.cells[0])) + (1.2 if any(cell.below for cell in row.cells) else 0)


def _head_height(grid: Grid) -> int:
    return max(len(_broken(head, _longest(grid, i))) for i, head in enumerate(grid.heads))


def _notes(grid: Grid) -> str:
    """Sentences below the table, as wide as the text."""
    said = [_BOLD] if grid.ranked else []
    lines = [latex(sentence) for sentence in (*said, *grid.notes)]
    opening = "\\par\\medskip\n\\begin{minipage}{\\linewidth}\\scriptsize\\raggedright"
    return "\n".join([opening, *lines, "\\end{minipage}"]) if lines else "%"


def _blocks(grid: Grid) -> tuple[_Type, list[Grid]]:
    """Columns that fit a page beside the names, in the largest letters that hold all, if any do."""
    for own in (grid, _without_facts(grid)):
        for size in _SIZES:
            if sum(_widths(own, size)) <= _TEXT:
                return size, [own]
    size, grid = _SIZES[0], _without_facts(grid)
    widths = _widths(grid, size)
    names = grid.names
    room = _TEXT - sum(widths[i] for i in names)
    pieces: list[list[int]] = []
    for _, own_group in groupby(range(len(names), len(widths)), lambda i: grid.heads[i].group):
        columns = list(own_group)  # together where that is possible
        pieces += [columns] if sum(widths[i] for i in columns) <= room else [[i] for i in columns]
    most = _packed(pieces, widths, room)
    even = (_packed(pieces, widths, room * part / 20) for part in range(1, 21))
    blocks = next(own for own in even if len(own) <= len(most))
    return size, [grid.columns([*names, *own]) for own in blocks]


def _packed(pieces: Seq[list[int]], widths: Seq[float], room: float) -> list[list[int]]:
    """Columns from left to right, as many in a block as fit; at least a piece."""
    blocks: list[list[int]] = []
    for piece in pieces:
        if not blocks or sum(widths[i] for i in [*blocks[-1], *piece]) > room:
            blocks.append([])
        blocks[-1] += piece
    return blocks


def _without_facts(grid: Grid) -> Grid:
    """Without numbers that belong to no group, if there are groups: they are about the data."""
    groups = [name for name, _ in grid.groups if name]
    return grid.of_groups(*groups) if groups else grid


def _widths(grid: Grid, size: _Type) -> list[float]:
    """Points that each column takes, with the space beside it."""
    widths = []
    for i, head in enumerate(grid.heads):
        longest = _longest(grid, i)
        heads = max(map(_digits, _broken(head, longest)))
        widths.append(max(longest, heads) * size.digit + size.space)
    return widths


def _longest(grid: Grid, column: int) -> float:
    """Width of the cells of a column in digits."""
    cells = [row.cells[column] for row in grid.rows]
    longest = max((max(_digits(c.text), 0.87 * _digits(c.below)) for c in cells), default=0)
    return longest if grid.heads[column].numeric else min(longest, _NAME)


def _digits(text: str) -> float:
    """Width of a text in digits, roughly."""
    return sum(0.65 if x in _NARROW else 1.6 if x in _WIDE else 1 + 0.4 * x.isupper() for x in text)


def _broken(head: Head, width: float) -> list[str]:
    """A head in lines, about as wide as the cells below it."""
    text = head.arrow.replace(" ↑", "\N{NO-BREAK SPACE}↑").replace(" ↓", "\N{NO-BREAK SPACE}↓")
    return textwrap.wrap(text, max(_HEAD, int(width)), break_long_words=False) or [""]


def _tabular(grid: Grid) -> str:
    columns = "".join("r" if head.numeric else "l" for head in grid.heads)
    lines = [f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}", r"\toprule"]
    lines += [*_group_lines(grid), _line(_head(grid, i) for i in range(len(grid.heads)))]
    kind = ""
    for row in grid.rows:
        if row.kind != kind and (not kind or row.kind in {"published", "summary"}):
            lines.append(r"\midrule")
        kind = row.kind
        name = _stack(_name(row.cells[0]), "t", "l")
        lines.append(_line([name, *(_cell(cell) for cell in row.cells[1:])]))
        if any(cell.below for cell in row.cells):
            lines.append(_line(_small(cell.below) for cell in row.cells))
            lines.append(r"\addlinespace[2pt]")
    if not grid.rows:
        lines.append(r"\midrule")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _group_lines(grid: Grid) -> list[str]:
    """Headings over several columns, and the rules below them."""
    cells, rules, at = [], [], 1
    for name, span in grid.groups:
        cells.append(
            f"\\multicolumn{{{span}}}{{c}}{{{latex(name)}}}" if name else " & " * (span - 1)
        )
        rules += [f"\\cmidrule(lr){{{at}-{at + span - 1}}}"] if name else []
        at += span
    return [_line(cells), "".join(rules)] if rules else []


def _head(grid: Grid, column: int) -> str:
    head = grid.heads[column]
    return _stack(_broken(head, _longest(grid, column)), "b", "r" if head.numeric else "l")


def _name(cell: Cell) -> list[str]:
    """A name in lines that are not too long."""
    return textwrap.wrap(cell.text, _NAME) or [""]


def _stack(lines: Seq[str], level: str, side: str) -> str:
    """Lines below one another in one cell."""
    if len(lines) == 1:
        return latex(lines[0])
    text = r" \\ ".join(map(latex, lines))
    return f"\\begin{{tabular}}[{level}]{{@{{}}{side}@{{}}}}{text}\\end{{tabular}}"


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _cell(cell: Cell) -> str:
    text = latex(cell.text)
    if cell.place == 1:
        return f"\\textbf{{{text}}}"
    return f"\\underline{{{text}}}" if cell.place == 2 else text


def _small(text: str) -> str:
    return f"{{\\scriptsize {latex(text)}}}" if text else ""
