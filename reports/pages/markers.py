"""The plots' markers for the page: its tables are the key to the colours of its plots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vot_memory.reports.pages.templating import environment
from vot_memory.reports.style import Style

if TYPE_CHECKING:
    from markupsafe import Markup

_UNIT = 8  # half the side of the drawing


def marker_svg(style: Style) -> Markup:
    """A policy's marker in its colour, as inline SVG of a letter's height."""
    from markupsafe import Markup

    template = environment().get_template("marker.svg")
    return Markup(template.render(unit=_UNIT, path=_outline(style.marker), style=style))  # noqa: S704


def _outline(marker: str) -> str:
    """Matplotlib's outline of a marker as path data, as large as the drawing."""
    from matplotlib.markers import MarkerStyle
    from matplotlib.path import Path

    shape = MarkerStyle(marker)
    path = shape.get_path().transformed(shape.get_transform())
    extent = float(np.abs(np.asarray(path.vertices)).max())
    scale = 0.9 * _UNIT / max(extent, 1e-9)
    letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}
    data = ""
    for points, code in path.iter_segments(simplify=False):
        if code == Path.CLOSEPOLY:
            data += "Z"
            continue
        # SVG's y axis points down.
        pairs = (points.reshape(-1, 2) * (scale, -scale)).round(1).tolist()
        data += letters[code] + " ".join(f"{x:g},{y:g}" for x, y in pairs)
    return data
