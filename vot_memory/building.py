"""Output that takes its place when it is complete."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
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
        _remove(self.path)
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


def until_settled(parts: Callable[[], list[Path]]) -> Iterator[list[Path]]:
    """The parts of a file that several processes write whole, again while more turn up.

    Whoever finds a new part after writing writes again, so whoever writes last has seen them all.
    """
    seen: list[Path] = []
    while (found := parts()) != seen:
        seen = found
        yield found


def check_writable(place: Path) -> None:
    """Try whether files can be made where one will stand, before hours go into it.

    Raises:
        OSError: they cannot; it names the place.
    """
    folder = next(parent for parent in place.absolute().parents if parent.exists())
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(place)) from error


def remove_stale(place: Path) -> None:
    """Remove what processes that were killed while building it left beside a place."""
    name = re.compile(rf"\.{re.escape(place.stem)}\.(\d{{1,9}})\.tmp{re.escape(place.suffix)}")
    for path in list(place.parent.iterdir()) if place.parent.is_dir() else []:
        if (found := name.fullmatch(path.name)) and not _is_other_process(int(found[1])):
            _remove(path)


def check_new_folder(folder: Path) -> None:
    """Refuse a folder that holds something, which would be replaced as a whole."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not empty: give the name of a new folder.")


def _is_other_process(number: int) -> bool:
    if number == os.getpid():  # numbers are used again, in containers the same ones every time
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    shutil.rmtree(path, ignore_errors=True)
    if path.is_file():
        path.unlink()
