"""The results store: what a run writes and everything else reads.

    RESULTS/<dataset>/<policy>-<key>/identity.json
                                     records/<sequence>/<object>.json
                                     failed/<sequence>.json
                                     timing/<sequence>.json, environment.json

The key hashes the identity, that is all that may change a mask. Records are written whole or
not at all and hold nothing that differs between two runs of the same command; what does (timings,
machine, command line) stands in files of its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from vot_memory.building import write_atomically
from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError

SCHEMA: Final = 1
IMPORTED: Final = "imported"  # tracker of results that another program made
Protocol = Literal["common", "release"]
Model = TypeVar("Model", bound=BaseModel)


class Identity(BaseModel):
    """Everything that may change a mask.

    Results that another program made have tracker "imported", the program's name as policy, the
    sha256 of its files as `policy_source`, and "unknown" or 0 where nobody says.

    Attributes:
        tracker: kind of tracker. model: name and weights, "nano@<12 hex of sha256>".
        image_size: side of the model's square input, pixels. dtype: precision it ran in.
        protocol: common or release. prompt: what objects are begun with.
        policy: its name. policy_config: all its options.
        policy_source: sha256 of the file that defines it.
        dataset: name of the split. dataset_digest: sha256 of its content.
        seed: of the run. non_overlap: pixels belong to one object at most.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA
    tracker: str
    model: str
    image_size: int
    dtype: str
    protocol: Protocol
    prompt: Literal["mask", "box", "point"]
    policy: str
    policy_config: dict[str, Any]
    policy_source: str
    dataset: str
    dataset_digest: str
    seed: int
    non_overlap: bool

    @property
    def key(self) -> str:
        """First 12 hex digits of the sha256 of all fields."""
        return hashlib.sha256(_canonical(self).encode()).hexdigest()[:12]

    @property
    def folder(self) -> str:
        """Name of the folder the results stand in."""
        return f"{_safe(self.policy)}-{self.key}"

    @property
    def table(self) -> tuple[str | int | bool, ...]:
        """What must agree between results that stand in one table."""
        return (
            self.model,
            self.image_size,
            self.dtype,
            self.protocol,
            self.prompt,
            self.dataset,
            self.dataset_digest,
            self.non_overlap,
        )


class Record(BaseModel):
    """What a tracker answered for one object of one sequence; one entry a frame of the video.

    Entries before `first_frame` are None. Imported results know only `masks`: their other columns
    are None on every frame.

    Attributes:
        first_frame: index of the frame that carried the prompt. num_frames: T.
        size: (height, width) of the masks. offline: the masks were revised after the last frame.
        masks: counts of the COCO RLE. ious: predicted IoU of each candidate.
        object_score: logit. chosen: which candidate.
        written: slot the frame was put in, -1 = discarded, 0 = it is the prompt.
        memory: video frame in each slot after this frame, -1 = empty. tags: of the slots.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = SCHEMA
    sequence: str
    object: str
    policy: str
    first_frame: int
    num_frames: int
    size: tuple[int, int]
    offline: bool
    masks: list[str | None]
    ious: list[list[float] | None]
    object_score: list[float | None]
    chosen: list[int | None]
    written: list[int | None]
    memory: list[list[int] | None]
    tags: list[list[int] | None]

    @model_validator(mode="after")
    def _check_columns(self) -> Self:
        begun = [t >= self.first_frame for t in range(self.num_frames)]
        nothing = [None] * self.num_frames
        imported = all(getattr(self, name) == nothing for name in COLUMNS[1:])
        for name in COLUMNS[:1] if imported else COLUMNS:
            if [entry is not None for entry in getattr(self, name)] != begun:
                raise ValueError(
                    f"{name} has not one entry for each frame {self.first_frame}"
                    f"..{self.num_frames - 1}"
                )
        return self

    def rles(self) -> list[RLE | None]:
        """The masks as COCO RLE; None before the first frame."""
        size = list(self.size)
        return [None if m is None else {"size": size, "counts": m} for m in self.masks]


COLUMNS = ("masks", "ious", "object_score", "chosen", "written", "memory", "tags")


class Failure(BaseModel):
    """Why a sequence has no records.

    Attributes:
        error: one sentence. type: class of the exception. frame: where, None = before any frame.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sequence: str
    error: str
    type: str
    frame: int | None = None


class RunFolder:
    """Results of one identity.

    Attributes:
        path: the folder. identity: what it holds results of.
    """

    def __init__(self, path: Path, identity: Identity) -> None:
        self.path, self.identity = path, identity

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing folder; raises `InputError` if its identity is damaged."""
        return cls(path, _read(Identity, path / "identity.json", "delete its folder"))

    def has(self, sequence: str, objects: Iterable[str]) -> bool:
        """Whether every object of a sequence has a record."""
        return all(self._record(sequence, name).is_file() for name in objects)

    def missing(self, sequences: Iterable[Sequence]) -> list[str]:
        """Names of the sequences that lack a record, failed ones included."""
        return [
            s.name
            for s in sequences
            # The folder first: to list a sequence's objects may mean to read all its annotations.
            if not (self.path / "records" / s.name).is_dir()
            or not self.has(s.name, (track.id for track in s.objects))
        ]

    def write(self, *records: Record) -> None:
        """Write the records of whole sequences; they take the place of an earlier failure."""
        for record in records:
            path = self._record(record.sequence, record.object)
            for stale in path.parent.glob(".*.tmp*"):  # left by a killed run
                stale.unlink(missing_ok=True)
            write_atomically(path, _canonical(record))
        for sequence in {record.sequence for record in records}:
            self._failure(sequence).unlink(missing_ok=True)

    def read(self, sequence: str, name: str) -> Record:
        """The record of an object; raises `InputError` if it is missing or damaged."""
        path = self._record(sequence, name)
        record = _read(Record, path, "delete it and run again")
        if (record.sequence, record.object) != (sequence, name):
            raise InputError(
                f"{path} is damaged (it is the record of object {record.object!r} of "
                f"{record.sequence!r}): delete it and run again."
            )
        return record

    def records(self) -> Iterator[Record]:
        """All records, by sequence and object."""
        for path in whole_files(self.path / "records", "*/*.json"):
            yield self.read(path.parent.name, path.stem)

    def fail(self, failure: Failure) -> None:
        """Note that a sequence could not be tracked."""
        write_atomically(self._failure(failure.sequence), _canonical(failure))

    def failures(self) -> dict[str, Failure]:
        """Sequence -> why it failed at the last try."""
        paths = whole_files(self.path / "failed", "*.json")
        return {p.stem: _read(Failure, p, "delete it and run again") for p in paths}

    def write_timing(self, sequence: str, timing: dict[str, Any]) -> None:
        """Seconds by phase of one sequence."""
        write_atomically(self.path / "timing" / f"{sequence}.json", json.dumps(timing, indent=1))

    def add_environment(self, environment: dict[str, Any]) -> None:
        """Append to environment.json, which lists the runs that made these records."""
        path = self.path / "environment.json"
        earlier = json.loads(path.read_text()) if path.exists() else []
        write_atomically(path, json.dumps([*earlier, environment], indent=1))

    def environments(self) -> list[dict[str, Any]]:
        """What environment.json lists, the latest last; nothing of a damaged one."""
        try:
            runs = json.loads((self.path / "environment.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [run for run in (runs if isinstance(runs, list) else []) if isinstance(run, dict)]

    def _record(self, sequence: str, name: str) -> Path:
        return self.path / "records" / sequence / f"{name}.json"

    def _failure(self, sequence: str) -> Path:
        return self.path / "failed" / f"{sequence}.json"


class Store:
    """All results below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def run(self, identity: Identity) -> RunFolder:
        """The folder of an identity, made at its first use.

        Raises:
            InputError: the folder exists but its identity.json is damaged or tells of another run.
        """
        path = self.root / _safe(identity.dataset) / identity.folder
        file = path / "identity.json"
        if not file.exists():
            if (path / "records").exists():
                raise InputError(f"{path} has records but no identity.json: delete it, run again.")
            write_atomically(file, identity.model_dump_json(indent=1) + "\n")
        folder = RunFolder.open(path)
        if _canonical(folder.identity) != _canonical(identity):
            raise InputError(f"{file} was changed by hand: delete its folder and run again.")
        return folder


def open_results(root: Path, split: str | None = None) -> list[RunFolder]:
    """The results below a folder, by dataset and policy; only those on `split` if given.

    Raises:
        InputError: there are none, or the identity of one is damaged.
    """
    files = sorted(Path(root).glob("*/*/identity.json"))
    folders = [RunFolder.open(file.parent) for file in files]
    found = [f for f in folders if split in (None, f.identity.dataset)]
    if not found:
        known = sorted({f.identity.dataset for f in folders})
        on = f" on {split!r} (there are some on {', '.join(known)})" if known else ""
        raise InputError(f"{root} holds no results{on}: make some with `vot-memory run`.")
    return found


def by_setting(folders: Iterable[RunFolder]) -> list[list[RunFolder]]:
    """Runs that may stand in one table, together and in order (see `Identity.table`)."""
    groups: dict[tuple[str | int | bool, ...], list[RunFolder]] = {}
    for folder in folders:
        groups.setdefault(folder.identity.table, []).append(folder)
    return list(groups.values())


def whole_files(folder: Path, pattern: str) -> list[Path]:
    """Files of a results folder in order, without those that a killed run left half-written."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def rounded(value: float) -> float:
    """Six significant digits: enough for plots, and text that stays small."""
    return float(f"{value:.6g}")


def _canonical(model: BaseModel) -> str:
    data = model.model_dump(mode="json")
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _read(kind: type[Model], path: Path, remedy: str) -> Model:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"Cannot read {path} ({error.strerror}): {remedy}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(f"{path} is damaged ({what}): {remedy}.") from error


def _safe(name: str) -> str:
    """A name of a folder: policies may be called `package.module:Class`."""
    return re.sub(r"[^\w.+@-]", "_", name)
