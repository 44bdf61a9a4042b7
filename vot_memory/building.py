"""Output that takes its place when it is complete."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from vot_memory.errors import InputError


class Building:
    """A file or folder under construction; as a context it yields `path` and ends by itself.

    Args:
        place: where it will stand.
        whole: after an error nothing is left, nor folders that were made for it; else, as for a
            live stream, what there is is kept.
        hidden: it is built under another name beside its place, and renamed at the end.

    Attributes:
        path: where to write.
    """

    def __init__(self, place: Path, *, whole: bool = True, hidden: bool = True) -> None:
        self.place, self.whole = place, whole
        self._new_parents = [folder for folder in place.parents if not folder.exists()]
        # The suffix stays last, since some writers choose the format by it.
        name = f".{place.stem}.{os.getpid()}.tmp{place.suffix}"
        self.path = place.with_name(name) if hidden else place

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end(failed=kind is not None)

    def end(self, *, failed: bool) -> None:
        """Take the place, or leave nothing."""
        if failed and self.whole:
            self._remove()
        elif self.path != self.place and self.path.exists():
            try:
                self.path.replace(self.place)
            except OSError:
                self._remove()
                raise

    def _remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self.path.is_file():
            self.path.unlink()
        with suppress(OSError):  # one holds something else by now
            for folder in self._new_parents:
                folder.rmdir()


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all, also if the process is killed or the power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Building(path) as building, building.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def check_new_folder(folder: Path) -> None:
    """Refuse a folder that holds something, which would be replaced as a whole."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty: give the name of a new folder.")
