"""What a search leaves in its folder: a file a unit, and what is derived from all of them.

OUT/runs/<video>-<object>-<method>-s<seed>.json
OUT/curves.csv     budget curves, as `reports.tables.curves` reads them
OUT/replay.json    the best decisions found for every object, as policy `replay` plays them
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from vot_memory.building import until_settled, write_atomically
from vot_memory.errors import InputError
from vot_memory.policies.replay import Decisions, ReplayFile
from vot_memory.setting import Setting, Video

VERSION = 1  # raised when a method finds other decisions than before
CURVE = ("method", "sequence", "seed", "frames", "Q", "baseline")  # columns of curves.csv
CurveRow = tuple[str, str, int, int, float, float]
FIFO = 1  # the action that replaces the oldest memory


class SearchSetting(Setting):
    """What all units of a folder share.

    Attributes:
        dtype: precision.
        dataset: name of the split. dataset_digest: of its content.
        budget: forward passes of each unit. version: of the methods.
    """

    dtype: str
    dataset: str
    dataset_digest: str
    budget: int
    version: int = VERSION


class Unit(Video):
    """What one method found for one object with one seed.

    Attributes:
        objects: how many the video has.
        first_frame: of the object's prompt.
        actions: the decisions D of the frames `slots` ... T - 2 from the prompt.
        quality: clean Q of the tracker that replays them alone. simulated: of the simulator.
        baseline: as `quality`, of FIFO.
        curve: (forward passes spent, best simulated Q).
        asked, passes, encoded: see `Counts`.
    """

    setting: SearchSetting
    objects: int
    num_frames: int
    first_frame: int
    method: str
    seed: int
    actions: list[int]
    quality: float
    simulated: float
    baseline: float
    curve: list[tuple[int, float]]
    asked: int
    passes: int
    encoded: int

    @property
    def label(self) -> str:
        """Name of the object's curve."""
        return label(self.sequence, self.object, self.objects)

    def decisions(self, *, fifo: bool = False) -> Decisions:
        """As a replay file has them, or FIFO's instead."""
        actions = [FIFO] * len(self.actions) if fifo else self.actions
        frames = self.num_frames - self.first_frame
        return recorded(self, actions, frames=frames, slots=self.setting.slots)


def label(sequence: str, name: str, objects: int) -> str:
    """Name of one of so many objects of a video: the video's, where it is the only one."""
    return sequence if objects == 1 else f"{sequence}/{name}"


def recorded(video: Video, actions: list[int], *, frames: int, slots: int) -> Decisions:
    """Decisions of an object that is there for `frames`; the last frame's changes nothing: 0."""
    every = [*actions, 0][: max(frames - slots, 0)]
    return Decisions(**video.model_dump(include=set(Video.model_fields)), actions=every)


def path_of(out: Path, sequence: str, name: str, method: str, seed: int) -> Path:
    """The file of a unit."""
    return out / "runs" / f"{sequence}-{name}-{method}-s{seed}.json"


def write_unit(out: Path, unit: Unit) -> None:
    """Write a finished unit whole or not at all."""
    path = path_of(out, unit.sequence, unit.object, unit.method, unit.seed)
    write_atomically(path, unit.model_dump_json(indent=1) + "\n")


def read_units(out: Path, setting: SearchSetting | None = None) -> list[Unit]:
    """All finished units of a folder, by video, object, method and seed.

    Raises:
        InputError: a file is damaged, or its setting is not the given one.
    """
    paths = _paths(out)
    units = [_read(path) for path in paths]
    for path, unit in zip(paths, units, strict=True):
        wanted = setting or units[0].setting
        if differs := [n for n in SearchSetting.model_fields if _at(unit, n) != getattr(wanted, n)]:
            name = differs[0]
            raise InputError(
                f"{path} was found with {name} {_at(unit, name)}, here it is "
                f"{getattr(wanted, name)}: give another --out, or the same setting."
            )
    return sorted(units, key=lambda u: (u.sequence, u.object, u.method, u.seed))


def curve_text(rows: Iterable[CurveRow]) -> str:
    """Budget curves as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CURVE)
    writer.writerows((*row[:4], *(f"{quality:.6f}" for quality in row[4:])) for row in rows)
    return text.getvalue()


def derive(out: Path, setting: SearchSetting) -> None:
    """Bring curves.csv and replay.json up to date, also beside other processes."""
    for _ in until_settled(lambda: _paths(out)):
        write_derived(out, read_units(out, setting))


def write_derived(out: Path, units: list[Unit]) -> None:
    """Write curves.csv and replay.json anew from all finished units."""
    rows: list[CurveRow] = [
        (u.method, u.label, u.seed, frames, quality, u.baseline)
        for u in units
        for frames, quality in u.curve
    ]
    write_atomically(out / "curves.csv", curve_text(rows))
    best = [_best(list(group)) for group in _by_object(units)]
    file = ReplayFile.of(units[0].setting, best)
    write_atomically(out / "replay.json", file.model_dump_json(indent=1) + "\n")


def _best(units: list[Unit]) -> Decisions:
    """Of the units of one object; FIFO's own decisions if none is better."""
    best = max(units, key=lambda unit: unit.quality)
    return best.decisions(fifo=best.quality <= best.baseline)


def _by_object(units: list[Unit]) -> Iterable[list[Unit]]:
    groups: dict[tuple[str, str], list[Unit]] = {}
    for unit in units:
        groups.setdefault((unit.sequence, unit.object), []).append(unit)
    return groups.values()


def _paths(out: Path) -> list[Path]:
    paths = (out / "runs").glob("*.json")
    return sorted(path for path in paths if not path.name.startswith("."))  # under construction


def _at(unit: Unit, name: str) -> object:
    return getattr(unit.setting, name)


def _read(path: Path) -> Unit:
    try:
        return Unit.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}): make it readable.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(
            f"{path} is damaged ({where}: {first['msg']}): delete it and search again."
        ) from error
