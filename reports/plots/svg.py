"""Matplotlib's SVG made small: short numbers, shared styles, no metadata, photographs as JPEG."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections import Counter
from io import BytesIO

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
LINK = f"{{{XLINK}}}href"
JPEG_QUALITY = 88
_NUMBER = re.compile(r"-?\d*\.\d+")
_SCALED = re.compile(r"((?:scale|matrix)\([^)]*\))")  # factors: rounding would move what they scale
_MOVED = re.compile(r"translate\((\S+) 0\)")
_COORDINATES = ("d", "x", "y", "width", "height", "transform")
_SPACE = re.compile(r"\s+(?=[A-Za-z])|(?<=[A-Za-z])\s+")
_ROOT = "svg{stroke-linejoin:round;stroke-linecap:butt}"  # as matplotlib's own, but inherited
_PICTURE = "data:image/png;base64,"
_LEAST_SHARED = 200  # letters from which an outline that is drawn twice stands in the file once


def compact(svg: bytes) -> str:
    """A standalone SVG that looks the same, the same text each time.

    Args:
        svg: as matplotlib writes it, with text as outlines.
    """
    root = ET.fromstring(svg)  # noqa: S314  made by matplotlib just now
    drop(root, {"metadata", "style"})
    styles: dict[str, str] = {}
    for element in root.iter():
        round_numbers(element)
        if LINK in element.attrib and element.tag.endswith("image"):
            element.set(LINK, _smaller(element.attrib[LINK]))
        if "style" in element.attrib:
            style = re.sub(r"\s*([:;])\s*", r"\1", element.attrib.pop("style"))
            element.set("class", styles.setdefault(style, f"s{len(styles)}"))
    _share_outlines(root)
    short_ids(root, "i")
    merge_classes(root)
    _unwrap(root)
    sheet = ET.Element(f"{{{SVG}}}style")
    sheet.text = _ROOT + "".join(f".{name}{{{style}}}" for style, name in styles.items())
    root.insert(0, sheet)
    for element in root.iter():
        if not (element.text or "").strip():
            element.text = None
        element.tail = None
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def drop(root: ET.Element, names: set[str]) -> None:
    """Remove all elements of some names, whatever their namespace."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in names:
                parent.remove(child)


def round_numbers(element: ET.Element) -> None:
    """Coordinates to hundredths of a point."""
    for name in _COORDINATES:
        if name in element.attrib:
            parts = _SCALED.split(element.attrib[name])
            parts[::2] = [_NUMBER.sub(_rounded, part) for part in parts[::2]]
            text = "".join(parts)
            element.set(name, _SPACE.sub("", text).strip() if name == "d" else text)
    moved = _MOVED.fullmatch(element.attrib.get("transform", ""))
    if moved and element.tag.endswith("use") and "x" not in element.attrib:
        del element.attrib["transform"]
        element.set("x", moved[1])


def short_ids(root: ET.Element, prefix: str) -> None:
    """Short ids for what is referred to, none for the rest."""
    used: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        return "#" + used.setdefault(match[1], f"{prefix}{len(used)}")

    for element in root.iter():
        for attribute, pattern in ((LINK, r"^#(.+)"), ("clip-path", r"#([^)]+)")):
            if attribute in element.attrib:
                element.set(attribute, re.sub(pattern, name, element.attrib[attribute]))
    for element in root.iter():
        own = element.attrib.pop("id", "")
        if own in used:
            element.set("id", used[own])


def merge_classes(root: ET.Element) -> None:
    """A class that all children share stands once, on their group."""
    for group in (element for element in root.iter() if element.tag.rpartition("}")[2] == "g"):
        shared = {child.attrib.get("class") for child in group}
        if (
            len(group) > 1
            and len(shared) == 1
            and None not in shared
            and "class" not in group.attrib
        ):
            group.set("class", str(shared.pop()))
            for child in group:
                del child.attrib["class"]


def _unwrap(parent: ET.Element) -> None:
    """Groups that say nothing make room for what stands in them."""
    children = []
    for child in parent:
        _unwrap(child)
        said = len(child.attrib) > 0
        if child.tag == f"{{{SVG}}}g" and not said:
            children += list(child)
        elif said or len(child):
            children.append(child)
    parent[:] = children


def _share_outlines(root: ET.Element) -> None:
    """An outline that is drawn several times, as of a text with a border, stands once."""
    paths = [p for p in root.iter(f"{{{SVG}}}path") if len(p.attrib.get("d", "")) > _LEAST_SHARED]
    times = Counter(path.attrib["d"] for path in paths)
    defs = ET.Element(f"{{{SVG}}}defs")
    known: dict[str, str] = {}
    for path in paths:
        outline = path.attrib["d"]
        if times[outline] < 2 or "id" in path.attrib:
            continue
        if outline not in known:
            known[outline] = f"outline-{len(known)}"
            ET.SubElement(defs, f"{{{SVG}}}path", {"id": known[outline], "d": outline})
        del path.attrib["d"]
        path.tag = f"{{{SVG}}}use"
        path.set(LINK, f"#{known[outline]}")
    if known:
        root.insert(0, defs)


def _smaller(address: str) -> str:
    """A picture within the file; one of more colours than a palette holds becomes a JPEG."""
    from PIL import Image

    if not address.startswith(_PICTURE):
        return address
    picture = Image.open(BytesIO(base64.b64decode(address.removeprefix(_PICTURE))))
    opaque = picture.mode == "RGB" or picture.convert("RGBA").getchannel("A").getextrema() == (
        255,
        255,
    )
    if not opaque or picture.convert("RGB").getcolors(256) is not None:
        return "".join(address.split())
    file = BytesIO()
    picture.convert("RGB").save(file, "jpeg", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _rounded(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
