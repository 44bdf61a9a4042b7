"""A figure as SVG to stand in a page: text as text, colours that follow light and dark."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from io import BytesIO
from typing import TYPE_CHECKING, Any

from vot_memory.reports.plots.svg import LINK, drop, merge_classes, round_numbers, short_ids
from vot_memory.reports.style import PAPER, dark_color
from vot_memory.reports.text import one_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "title"  # marks what a page says in its own words beside the figure
HALO = "halo"  # marks texts that need the ground's colour around them
GROUND = f"var(--plot-ground, light-dark(#ffffff, {PAPER.lower()}))"
_COLOR = re.compile(r"#[0-9a-f]{6}\b", re.IGNORECASE)
_FONT = re.compile(r"font:\s*([^;]*?)([\d.]+)px[^;]*")
_ROOT = (
    "width: 100%; max-width: calc(1.2 * var(--natural)); height: auto; "
    "stroke-linejoin: round; stroke-linecap: butt"
)
_HALO = f"paint-order: stroke; stroke: {GROUND}; stroke-width: 2px; stroke-linejoin: round"


def inline_svg(figure: Figure, prefix: str, alt: str) -> str:
    """A figure as an <svg> element without its title, the same text each time.

    It takes the page's font and fills the width that it is given, up to a fifth more than its own,
    which pages find as `--natural`.
    Greys and policies' colours are `light-dark()`; white is `--plot-ground` where the page sets it.

    Args:
        figure: with its final layout.
        prefix: starts all ids and classes, so that they are the figure's own; letters, digits and
            hyphens, unique within the page.
        alt: what the figure shows, for those who do not see it.
    """
    root = ET.fromstring(_draw(figure))  # noqa: S314  made by matplotlib just now
    drop(root, {"metadata", "style"})
    _own_ids(root, prefix)
    styles: dict[str, str] = {}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]  # HTML knows SVG without namespaces
        round_numbers(element)
        if element.attrib.get("class") == HALO:
            styles.setdefault(_HALO, f"{prefix}-{HALO}")
            element.set("class", styles[_HALO])
        if "style" in element.attrib:
            style = _themed(element.attrib.pop("style"))
            element.set("class", styles.setdefault(style, f"{prefix}-{len(styles)}"))
    merge_classes(root)
    sheet = "".join(f".{name}{{{style}}}" for style, name in styles.items())
    natural = float(root.attrib["viewBox"].split()[2]) * 4 / 3  # points to pixels
    head = {"viewBox": root.attrib["viewBox"], "role": "img"}
    head["style"] = f"--natural: {natural:.0f}px; {_ROOT}; fill: {_themed('#000000')}"
    root.attrib = head
    for name, text in (("style", sheet), ("title", one_line(alt))):
        child = ET.Element(name)
        child.text = text
        root.insert(0, child)
    return ET.tostring(root, encoding="unicode")


def _draw(figure: Figure) -> bytes:
    """Matplotlib's SVG; texts with an outline become text with a mark instead of glyphs."""
    import matplotlib as mpl
    from matplotlib.text import Text

    titles = [text for text in figure.texts if text.get_gid() == TITLE]
    crop: Any = {"bbox_inches": "tight", "pad_inches": 0.05} if titles else {}
    for title in titles:
        title.set_visible(False)
    haloed = [text for text in figure.findobj(Text) if text.get_path_effects()]
    outlines = [text.get_path_effects() for text in haloed]
    for text in haloed:
        text.set_path_effects([])
        text.set_gid(HALO)
    file = BytesIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vot-memory"}):
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True, **crop)
    for title in titles:
        title.set_visible(True)
    for text, outline in zip(haloed, outlines, strict=True):
        text.set_path_effects(outline)
        text.set_gid(None)
    return file.getvalue()


def _own_ids(root: ET.Element, prefix: str) -> None:
    """Short ids for what is referred to, none for the rest; marked texts get a class."""
    for element in root.iter():
        if element.attrib.get("id") == HALO:
            element.set("class", HALO)
    short_ids(root, f"{prefix}-i")
    for element in root.iter():
        if LINK in element.attrib:
            element.set("href", element.attrib.pop(LINK))


def _themed(style: str) -> str:
    """A style with the page's font and with colours for light and dark ground."""
    style = _FONT.sub(_sized, style)
    return _COLOR.sub(lambda match: _light_dark(match[0].lower()), style)


def _sized(match: re.Match[str]) -> str:
    weight = re.search(r"\b(bold|\d{3})\b", match[1])
    return f"font-size: {match[2]}px" + (f"; font-weight: {weight[1]}" if weight else "")


def _light_dark(color: str) -> str:
    if color == "#ffffff":
        return GROUND
    dark = dark_color(color)
    return color if dark == color else f"light-dark({color}, {dark})"
