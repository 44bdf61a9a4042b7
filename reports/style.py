"""The colours of a report: of policies, which have a marker too, and of overlaps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple


class Style(NamedTuple):
    """How a policy is drawn: its colour on light ground, and its marker."""

    color: str
    marker: str

    @property
    def dark(self) -> str:
        """Its colour on dark ground."""
        return dark_color(self.color)


# Okabe & Ito's palette and Paul Tol's "muted", which colour-blind readers can tell apart, moved
# where needed to have contrast 3 (WCAG) with white.
STYLES = {
    "fifo": Style("#0072B2", "o"),
    "first": Style("#9A8F2E", "v"),
    "random": Style("#6C6C6C", "X"),
    "replay": Style("#000000", "*"),
    "samurai": Style("#D55E00", "^"),
    "dam4sam": Style("#009E73", "s"),
    "sam2long": Style("#D070A8", "D"),
    "sam2long-online": Style("#7B1F7A", "d"),
    "mosam": Style("#2D96E0", "P"),
    "sam2rl": Style("#882255", "p"),
    "sam3": Style("#332288", "h"),
}
METHODS = {  # of search and training, which no plot shows beside other policies than sam2rl
    "mutate": Style("#0072B2", "o"),
    "beam": Style("#D55E00", "^"),
    "sgbs": Style("#009E73", "s"),
    "perturb": Style("#9A8F2E", "v"),
    "random": Style("#6C6C6C", "X"),
    "ppo": Style("#882255", "p"),
    "ppo-best-sampled": Style("#D070A8", "D"),
}
_OTHER_COLORS = ("#117733", "#3E7C8C", "#661100", "#5B7DB8", "#DD4477", "#6B7A00")
_OTHER_MARKERS = ("<", ">", "8", "H", "D", "s")
_DARK = {  # the same hues where the ground is dark, with contrast 3 there
    "#0072B2": "#4AA3F0",
    "#9A8F2E": "#F2DC4B",
    "#6C6C6C": "#767676",
    "#D55E00": "#CF5A10",
    "#009E73": "#2FD686",
    "#D070A8": "#FFA0B4",
    "#7B1F7A": "#C42FB4",
    "#2D96E0": "#8CE0FF",
    "#882255": "#D873AC",
    "#332288": "#8A55F7",
    "#117733": "#3FA65F",
    "#3E7C8C": "#6FB7C9",
    "#661100": "#C0603F",
    "#5B7DB8": "#7FA3E0",
    "#DD4477": "#F06A95",
    "#6B7A00": "#A9B83A",
}
INK, PAPER = "#E6E8EB", "#15181D"  # of text and ground where it is dark


def dark_color(color: str) -> str:
    """What a colour of a plot becomes on dark ground.

    Greys go from `INK` (black) to `PAPER` (white) but for those of a policy; other colours that no
    policy has stay as they are.

    Args:
        color: "#rrggbb".
    """
    color = color.upper()
    if color in _DARK:
        return _DARK[color]
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    if not red == green == blue:
        return color
    ends = [(int(INK[i : i + 2], 16), int(PAPER[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(ink + (paper - ink) * red / 255):02X}" for ink, paper in ends)


def style_of(policy: str) -> Style:
    """The fixed style of a known policy; another name chooses by its hash among those left."""
    if policy in STYLES:
        return STYLES[policy]
    number = int.from_bytes(hashlib.sha256(policy.encode()).digest()[:8], "big")
    color = _OTHER_COLORS[number % len(_OTHER_COLORS)]
    return Style(color, _OTHER_MARKERS[number // len(_OTHER_COLORS) % len(_OTHER_MARKERS)])


def styles_for(policies: Sequence[str]) -> list[Style]:
    """Styles of the rows of one table, in its order.

    A row whose style is taken already (the same policy with other options, or two names that fall
    on one style) keeps its colour and gets another marker.
    """
    styles: list[Style] = []
    for policy in policies:
        wanted = style_of(policy)
        taken = {style.marker for style in styles if style.color == wanted.color}
        styles.append(Style(wanted.color, _free_marker(wanted.marker, taken)))
    return styles


def distinct_styles(names: Sequence[str]) -> dict[str, Style]:
    """Styles of some names, with colours and markers of their own as far as there are enough.

    A policy and a method of search have their fixed style; another name takes what is free, from
    the one that its hash chooses on.
    """
    fixed = METHODS | STYLES
    styles: dict[str, Style] = {}
    for name in sorted(set(names), key=lambda name: (name not in fixed, name)):
        wanted = fixed.get(name) or style_of(name)
        start = 0 if name in fixed else _OTHER_COLORS.index(wanted.color)
        wheel = [wanted.color, *_OTHER_COLORS[start:], *_OTHER_COLORS[:start]]
        taken = {style.color for style in styles.values()}
        color = next((color for color in wheel if color not in taken), wanted.color)
        used = {style.marker for style in styles.values()}
        marker = _free_marker(wanted.marker, used)
        styles[name] = Style(color, marker)
    return {name: styles[name] for name in names}


def _free_marker(wanted: str, taken: set[str]) -> str:
    """The marker that is wanted, else the first that is not taken, if there is one."""
    markers = [wanted, *_OTHER_MARKERS, *(style.marker for style in STYLES.values())]
    return next((marker for marker in markers if marker not in taken), wanted)


# Bins of the overlap with the ground truth, from lost to found: orange to blue, which colour-blind
# readers can tell apart, on light and dark ground.
OVERLAP_COLORS = ("#B84A00", "#F0913A", "#CDBF8C", "#7FB2DC", "#1F6FB5")
UNSCORED_COLOR = "#9A9A9A"


def overlap_bin(overlap: float) -> int | None:
    """Index into `OVERLAP_COLORS` of an overlap in [0, 1]; None where it is NaN."""
    if overlap != overlap:  # NaN
        return None
    return min(int(overlap * len(OVERLAP_COLORS)), len(OVERLAP_COLORS) - 1)
