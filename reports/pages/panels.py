"""Parts of the page that are opened one at a time, packed so that many of them cost little."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field

ROOM = 12_000_000  # bytes of packed panels; a larger page is no pleasure to open or to mail


@dataclass(frozen=True)
class Panel:
    """A fragment of HTML under its id, made when there is room for it."""

    id: str
    make: Callable[[], str]


@dataclass(frozen=True)
class Packed:
    """A panel as the page holds it: base64 of its gzipped HTML."""

    id: str
    packed: str


@dataclass
class Shelf:
    """The panels of a page.

    Attributes:
        room: bytes that may still be filled.
        panels: what is there, in order of arrival.
    """

    room: int = ROOM
    panels: list[Packed] = field(default_factory=list)

    def add(self, panel: Panel, *, always: bool = False) -> bool:
        """Put a panel there if there is room, or in any case; return whether it is there."""
        if self.room <= 0 and not always:
            return False
        packed = base64.b64encode(gzip.compress(panel.make().encode(), 9, mtime=0)).decode()
        self.room -= len(packed)
        self.panels.append(Packed(panel.id, packed))
        return True
