"""One colour and one marker for each policy, the same in every plot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple


class Style(NamedTuple):
    """How a policy is drawn."""

    color: str
    marker: str


# Okabe & Ito's palette and Paul Tol's "muted", which colour-blind readers can tell apart.
STYLES = {
    "fifo": Style("#0072B2", "o"),
    "first": Style("#E69F00", "v"),
    "random": Style("#7F7F7F", "X"),
    "replay": Style("#000000", "*"),
    "samurai": Style("#D55E00", "^"),
    "dam4sam": Style("#009E73", "s"),
    "sam2long": Style("#CC79A7", "D"),
    "sam2long-online": Style("#AA4499", "d"),
    "mosam": Style("#56B4E9", "P"),
    "sam2rl": Style("#882255", "p"),
    "sam3": Style("#332288", "h"),
}
_OTHER_COLORS = ("#117733", "#999933", "#661100", "#6699CC", "#DD4477", "#888800")
_OTHER_MARKERS = ("<", ">", "8", "H", "D", "s")


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
        markers = [wanted.marker, *_OTHER_MARKERS, *(s.marker for s in STYLES.values())]
        taken = {s.marker for s in styles if s.color == wanted.color}
        free = next((m for m in markers if m not in taken), wanted.marker)
        styles.append(Style(wanted.color, free))
    return styles


# Bins of the overlap with the ground truth, from lost to found: orange to blue, which colour-blind
# readers can tell apart, on light and dark ground.
OVERLAP_COLORS = ("#B84A00", "#F0913A", "#CDBF8C", "#7FB2DC", "#1F6FB5")
UNSCORED_COLOR = "#9A9A9A"


def overlap_bin(overlap: float) -> int | None:
    """Index into `OVERLAP_COLORS` of an overlap in [0, 1]; None where it is NaN."""
    if overlap != overlap:  # NaN
        return None
    return min(int(overlap * len(OVERLAP_COLORS)), len(OVERLAP_COLORS) - 1)
