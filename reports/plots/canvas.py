"""How every figure of a report is made: settings, title, styles, files.

Figures are made without pyplot, so that nothing global is left behind, and files hold no date and
no random ids: the same results give the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from vot_memory.reports.plots.inline import TITLE
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
    "figure.autolayout": False,
    "figure.constrained_layout.use": False,
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

_Given = ParamSpec("_Given")
_Drawn = TypeVar("_Drawn", bound="Figure | None")


def styled(draw: Callable[_Given, _Drawn]) -> Callable[_Given, _Drawn]:
    """Draw with our settings, whatever the caller's matplotlib is set to; the layout is final."""

    @wraps(draw)
    def drawn(*args: _Given.args, **kwargs: _Given.kwargs) -> _Drawn:
        import matplotlib as mpl

        with mpl.rc_context(_RC):
            figure = draw(*args, **kwargs)
            if figure is not None:
                settle(figure)
            return figure

    return drawn


def settle(figure: Figure) -> None:
    """Solve the layout now and keep it, since every draw and file would solve it anew."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        figure.draw_without_rendering()
        figure.set_layout_engine(None)  # "none" leaves one behind, for which savefig draws twice


def save(figure: Figure, stem: Path, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Write a figure as STEM.png, STEM.svg and STEM.pdf and return the paths."""
    import matplotlib as mpl

    files = [stem.with_name(f"{stem.name}.{suffix}") for suffix in formats]
    with mpl.rc_context(_RC):
        for file in files:
            figure.savefig(file, dpi=_DPI, metadata=_UNDATED[file.suffix], facecolor="white")
    return files


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, *, share_y: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches with panels, row by row, that share x and mostly y."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False)
    return figure, list(axes.flat)


def add_title(figure: Figure, what: str, table: Table) -> None:
    """What is shown, of which data, model and protocol, and what signs behind names mean."""
    data, _, rest = one_line(table.title).partition("; ")
    write_title(figure, [what, data, rest, *table.legend])


def write_title(figure: Figure, lines: Iterable[str]) -> None:
    """Lines above a figure, broken where they are longer than it is wide."""
    columns = int(figure.get_figwidth() * 12.5)
    broken = [part for line in lines for part in textwrap.wrap(one_line(line), columns)]
    figure.suptitle("\n".join(broken), x=0.012, ha="left", parse_math=False, gid=TITLE)


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
