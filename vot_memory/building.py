"""Output that takes its place when it is complete."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Building:
    """A file or folder under construction.

    Args:
        place: where it will stand.
        whole: after an error nothing is left; else, as for a live stream, what there is is kept.
        hidden: it is built under another name beside its place, and renamed at the end.

    Attributes:
        path: where to write.
    """

    def __init__(self, place: Path, *, whole: bool = True, hidden: bool = True) -> None:
        self.place, self.whole = place, whole
        name = f".{place.stem}.{os.getpid()}{place.suffix}"
        self.path = place.with_name(name) if hidden else place

    def end(self, *, failed: bool) -> None:
        """Take the place, or leave nothing."""
        if failed and self.whole:
            shutil.rmtree(self.path, ignore_errors=True)
            if self.path.is_file():
                self.path.unlink()
        elif self.path != self.place and self.path.exists():
            self.path.replace(self.place)
