"""How every figure of a report is made: settings, title, styles, files.

Figures are made without pyplot, so that nothing global is left behind, and files hold no date and
no random ids: the same results give the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.reports.style import Style, styles_for
from vot_memory.reports.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from vot_memory.reports.tables.table import Table

FORMATS = ("png", "svg", "pdf")
_RC: Any = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same letters everywhere
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.35",
    "axes.titlelocation": "left",
    "axes.titlesize": 8.5,
    "figure.titlesize": 10,
    "svg.hashsalt": "vot-memory",
    "svg.fonttype": "path",
}
_DPI = 160
_UNDATED: Any = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
LETTER = 0.075  # width in inches, roughly


def styled(draw: Callable[[Table], Figure | None]) -> Callable[[Table], Figure | None]:
    """Draw with our settings, whatever the caller's matplotlib is set to."""

    @wraps(draw)
    def drawn(table: Table) -> Figure | None:
        import matplotlib as mpl

        with mpl.rc_context(_RC):
            return draw(table)

    return drawn


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as STEM.png, STEM.svg and STEM.pdf and return the paths."""
    import matplotlib as mpl

    files = [stem.with_name(f"{stem.name}.{suffix}") for suffix in FORMATS]
    with mpl.rc_context(_RC):
        for file in files:
            figure.savefig(file, dpi=_DPI, metadata=_UNDATED[file.suffix], facecolor="white")
    return files


def inline_svg(figure: Figure) -> str:
    """A figure as SVG to stand in a page: its greys follow the page's light or dark colours."""
    import matplotlib as mpl

    text = StringIO()
    with mpl.rc_context({**_RC, "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None}, transparent=True)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches with panels that share their axes, row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    return figure, list(axes.flat)


def add_title(figure: Figure, what: str, table: Table) -> None:
    """What is shown, of which data, model and protocol, and what signs behind names mean."""
    data, _, rest = one_line(table.title).partition("; ")
    columns = int(figure.get_figwidth() * 12.5)
    lines = [what, *textwrap.wrap(data, columns), *textwrap.wrap(rest, columns)]
    lines += [line for sign in table.legend for line in textwrap.wrap(sign, columns)]
    figure.suptitle("\n".join(lines), x=0.012, ha="left", parse_math=False)


def row_styles(table: Table) -> dict[str, Style]:
    """How each row of a table is drawn, by its label."""
    rows = table.overview
    return dict(zip(rows["label"], styles_for(list(rows["policy"])), strict=True))


def row_name(table: Table, label: str) -> str:
    """A row's name with its signs, as in the tables."""
    return one_line(label) + table.signs[label]


def shorten(name: str, letters: int) -> str:
    """A name of so many letters at most."""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
