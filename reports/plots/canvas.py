"""How every figure of a report is made: settings, title, styles, files.

Figures are made without pyplot, so that nothing global is left behind, and files hold no date and
no random ids: the same results give the same bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from vot_memory.reports.plots.inline import TITLE
from vot_memory.reports.plots.svg import compact
from vot_memory.reports.style import Style, styles_for
from vot_memory.reports.text import one_line, shorten_apart

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
DPI = 160  # of PNG files, and of pictures in the others
_FAST: Any = {"compress_level": 1}  # of what is read again at once
_PHOTOGRAPH = 30_000  # colours that no drawing has
_LEVELS = 24  # of a channel of a photograph; less is seen in smooth skies
LETTER = 0.075  # width in inches, roughly
_LONGEST = 28  # letters of a row's name, without its signs

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
    """Write a figure as STEM.png, STEM.svg and STEM.pdf and return the paths.

    PNG has a palette of 256 colours, or with photographs 24 levels a channel, as have those in PDF;
    in SVG they are JPEG. Text and lines stay what they are.
    """
    import matplotlib as mpl

    write = {"png": _save_png, "svg": _save_svg, "pdf": _save_pdf}
    files = []
    with mpl.rc_context(_RC):
        for suffix in formats:
            files.append(stem.with_name(f"{stem.name}.{suffix}"))
            write[suffix](figure, files[-1])
    return files


def _save_png(figure: Figure, file: Path) -> None:
    from PIL import Image
    from PIL.Image import Quantize

    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, facecolor="white", pil_kwargs=_FAST)
    picture = Image.open(drawn).convert("RGB")
    if picture.getcolors(_PHOTOGRAPH) is None:
        Image.fromarray(_few_levels(np.asarray(picture))).save(file)
    else:  # covering all colours keeps those of thin lines, too
        palette = picture.quantize(256, method=Quantize.MAXCOVERAGE, kmeans=1)
        palette.save(file, optimize=True)


def _save_svg(figure: Figure, file: Path) -> None:
    drawn = BytesIO()
    figure.savefig(drawn, format="svg", dpi=DPI, facecolor="white", metadata={"Date": None})
    file.write_text(compact(drawn.getvalue()), encoding="utf-8")


def _save_pdf(figure: Figure, file: Path) -> None:
    from matplotlib.image import AxesImage

    pictures = [(image, image.get_array()) for image in figure.findobj(AxesImage)]
    for image, pixels in pictures:
        if pixels is not None and pixels.ndim == 3 and pixels.dtype == np.uint8:
            image.set_data(_few_levels(np.asarray(pixels)))
    try:
        figure.savefig(file, dpi=DPI, facecolor="white", metadata={"CreationDate": None})
    finally:
        for image, pixels in pictures:
            image.set_data(pixels)


def _few_levels(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture in which lossless compression finds more to save; black and white stay."""
    steps = np.round(np.arange(256) / 255 * (_LEVELS - 1))
    return np.round(steps * 255 / (_LEVELS - 1)).astype(np.uint8)[picture]


def blank(width: float, height: float, **settings: Any) -> Figure:
    """A figure of so many inches that is drawn without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), **settings)
    FigureCanvasAgg(figure)
    return figure


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, *, share_y: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure of so many inches with panels, row by row, that share x and mostly y."""
    figure = blank(width, height, dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False)
    return figure, list(axes.flat)


def add_title(figure: Figure, what: str, table: Table) -> None:
    """What is shown, of which data, model and protocol, and what signs behind names mean."""
    data, _, rest = one_line(table.title).partition("; ")
    write_title(figure, [what, data, rest, *table.legend])


def write_title(figure: Figure, lines: Iterable[str]) -> None:
    """Lines above a figure, broken where they are longer than it is wide."""
    broken = [part for line in lines for part in wrap(line, figure.get_figwidth())]
    figure.suptitle("\n".join(broken), x=0.012, ha="left", parse_math=False, gid=TITLE)


def wrap(line: str, width: float) -> list[str]:
    """A title in lines that fit so many inches; none if it is empty."""
    return textwrap.wrap(one_line(line), int(width * 12.5))


def add_legend(figure: Figure, axes: Axes, title: str) -> None:
    """The names of all lines of some axes, to the right of the panels."""
    legend = figure.legend(
        handles=[line for line in axes.get_lines() if str(line.get_label())[:1] != "_"],
        loc="outside right center",
        frameon=False,
        title=title,
        alignment="left",
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def row_styles(table: Table) -> dict[str, Style]:
    """How each row of a table is drawn, by its label."""
    rows = table.overview
    return dict(zip(rows["label"], styles_for(list(rows["policy"])), strict=True))


def short_names(labels: Sequence[str]) -> dict[str, str]:
    """Names of rows that have room in a figure, no two alike, by label."""
    names = shorten_apart([one_line(label) for label in labels], _LONGEST)
    return dict(zip(labels, names, strict=True))


def row_names(table: Table) -> dict[str, str]:
    """Short names of a table's rows, each with all of its signs, by label."""
    names = short_names(list(table.overview["label"]))
    return {label: name + table.signs[label] for label, name in names.items()}


def row_name(table: Table, label: str) -> str:
    """A row's name with its signs, as in the tables."""
    return one_line(label) + table.signs[label]
