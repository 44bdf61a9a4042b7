"""The registry of splits: `datasets.yaml` as checked data, and the function that loads them."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import os
from abc import abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from vot_memory.datasets.boxes import Benchmark, BoxLayout, load_boxes
from vot_memory.datasets.prompts import PromptKind
from vot_memory.datasets.sav import SavLayout, load_sav
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.vos import VosLayout, load_vos
from vot_memory.datasets.vot import VotLayout, holds_vot, load_vot
from vot_memory.errors import InputError, unknown

DATA_VARIABLE = "VOT_MEMORY_DATA"
FOLDER_MODEL = "sam2.1-l"  # default model of a folder given by its path: real video

Role = Literal["smoke", "train", "dev", "val", "test"]
HELD_OUT = ("val", "test")  # nothing that serves other videos is tuned on these roles


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    role: Role
    model: str
    prompt: PromptKind | None = None  # what objects begin with; None leaves it to the protocol

    def title(self, name: str, sequences: list[Sequence]) -> str:
        """The split's name in results, which tells chosen subsets apart."""
        return name


class SynthParameters(BaseModel):
    """Arguments of `vot_memory.datasets.synth.load`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seeds: str
    count: int
    num_frames: int
    first: int = 0
    domain: str = "synth"


class SynthSpec(_Spec):
    """A procedural split."""

    loader: Literal["synth"]
    synth: SynthParameters

    def load(self, name: str, data: Path | None) -> list[Sequence]:
        """All sequences; `name` and `data` are not needed."""
        from vot_memory.datasets import synth

        return synth.load(**self.synth.model_dump())


class Official(BaseModel):
    """Numbers that the owner of a data set states; None where it states none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sequences: int | None = None
    objects: int | None = None
    frames: int | None = None


class Published(BaseModel):
    """Figures of a paper on this split: they are shown beside our own and never compared.

    Attributes:
        source: paper and table. model: the weights they are about.
        note: why they are not comparable in every respect.
        rows: method -> measure -> value in per cent, as printed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    model: str
    note: str
    rows: dict[str, dict[str, float]]


class _FolderSpec(_Spec):
    """A data set that its owner publishes, in a folder below the data folder."""

    folder: str
    homepage: str
    official: Official = Official()
    published: Published | None = None

    @abstractmethod
    def read(self, root: Path) -> list[Sequence]:
        """All sequences of the folder `root`."""

    def load(self, name: str, data: Path | None) -> list[Sequence]:
        """All sequences below the folder `data`; raises as `find`."""
        return self.read(self.find(name, data))

    def find(self, name: str, data: Path | None) -> Path:
        """The data set's folder.

        Raises:
            InputError: there is no data folder, or not this data set in it.
        """
        if data is None:
            raise InputError(
                f"Split {name} needs the data set from {self.homepage}: put it into a folder "
                f"as DATA/{self.folder} and name DATA by {DATA_VARIABLE} or --data."
            )
        root = data / self.folder
        if not root.is_dir():
            raise InputError(
                f"Split {name} is not at {root}: get it from {self.homepage} and put it there, "
                f"or name another data folder by {DATA_VARIABLE} or --data."
            )
        return root


class VosSpec(_FolderSpec):
    """Folders of pictures and PNG masks."""

    loader: Literal["vos"]
    vos: VosLayout

    def read(self, root: Path) -> list[Sequence]:
        """See `load_vos`."""
        return load_vos(root, self.vos)


class SavSpec(_FolderSpec):
    """SA-V as published for training."""

    loader: Literal["sav"]
    sav: SavLayout

    def read(self, root: Path) -> list[Sequence]:
        """See `load_sav`."""
        return load_sav(root, self.sav)

    def title(self, name: str, sequences: list[Sequence]) -> str:
        """NAME@HASH where videos are chosen: the first 8 hex digits of the sha256 of their ids.

        The ids are joined by newlines in the order of the split.
        """
        if self.sav.lowest is None and self.sav.ids is None:
            return name
        ids = "\n".join(sequence.name for sequence in sequences)
        return f"{name}@{hashlib.sha256(ids.encode()).hexdigest()[:8]}"


class VotSpec(_FolderSpec):
    """Sequences of the VOT toolkit."""

    loader: Literal["vot"]
    vot: VotLayout

    def read(self, root: Path) -> list[Sequence]:
        """See `load_vot`."""
        return load_vot(root, self.vot)


class BoxSpec(_FolderSpec):
    """Videos with one annotated box a frame.

    Attributes:
        rules: whose rules published numbers on these videos follow.
    """

    loader: Literal["boxes"]
    prompt: PromptKind | None = "box"
    rules: Benchmark | None = None
    boxes: BoxLayout

    def read(self, root: Path) -> list[Sequence]:
        """See `load_boxes`."""
        return load_boxes(root, self.boxes)


Layout = VosLayout | SavLayout | VotLayout | BoxLayout
FolderSpec = VosSpec | SavSpec | VotSpec | BoxSpec
SplitSpec = Annotated[SynthSpec | FolderSpec, Field(discriminator="loader")]


@dataclass(frozen=True)
class Split:
    """Sequences that are run and reported together.

    Attributes:
        name: in `datasets.yaml`, or of a folder: its name and the beginning of the digest.
        sequences: in a fixed order; frames and masks are read when they are asked for.
        default_model: the weights that a run takes if it is not told otherwise.
        role: what results on it may be used for; what serves other videos is neither tuned nor
            trained on "val" and "test". A folder given by its path counts as "test", since nobody
            has said otherwise; `check_for_tuning` keeps to that.
        digest: sha256 (hex) of the whole split's content, whatever `limit` left of it.
        prompt: what objects begin with unless a run says otherwise: box where only boxes are
            annotated; None leaves it to the protocol.
        published: figures of a paper on this split.
        box_rules: the benchmark whose rules published box measures on this split follow.
    """

    name: str
    sequences: list[Sequence]
    default_model: str
    role: Role
    digest: str
    prompt: PromptKind | None = None
    published: Published | None = None
    box_rules: Benchmark | None = None

    def only(self, names: Collection[str]) -> Split:
        """The split with these sequences alone, in its own order; all if none is named.

        Raises:
            InputError: a name that is not among them.
        """
        known = [sequence.name for sequence in self.sequences]
        for name in names:
            if name not in known:
                raise unknown("video", name, known)
        kept = [s for s in self.sequences if not names or s.name in names]
        return dataclasses.replace(self, sequences=kept)


@cache
def split_specs() -> dict[str, SynthSpec | FolderSpec]:
    """What `datasets.yaml` says, by name of the split, in the file's order."""
    text = (files("vot_memory") / "datasets.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, SplitSpec]).validate_python(yaml.safe_load(text))


def split_names() -> list[str]:
    """Names of the splits of `datasets.yaml`, in its order."""
    return list(split_specs())


def check_for_tuning(name_or_dir: str, *, own_folder: bool = False) -> None:
    """Refuse splits that must not guide choices, before anything is loaded.

    Args:
        name_or_dir: as `load_split` takes it; what is neither is left to `load_split`.
        own_folder: the user says that a folder given by its path is there to tune on.

    Raises:
        InputError: the split's role is val or test, or it is a folder that nobody has vouched for.
    """
    specs, name = split_specs(), name_or_dir.partition("@")[0]
    if name in specs:
        role = specs[name].role
        if role in HELD_OUT:
            free = [name for name, spec in specs.items() if spec.role not in HELD_OUT]
            raise InputError(
                f"Split {name_or_dir} has role {role}, and what is tuned on it can no longer be "
                f"judged by it: choose one of {', '.join(free)}."
            )
    elif Path(name_or_dir).expanduser().is_dir() and not own_folder:
        raise InputError(
            f"The folder {name_or_dir} counts as a test set, on which nothing is tuned: if these "
            "videos are there to tune on, say so by --as-dev."
        )


def load_split(name_or_dir: str, limit: int | None = None, data: str | Path | None = None) -> Split:
    """Load a split by its name, or a folder of data by its path.

    Args:
        name_or_dir: a name of `datasets.yaml`, with the hash of its videos if one set is meant
            ("sav-64@0123abcd"); or a folder in the layout of `vot_memory.datasets.vos` or
            `vot_memory.datasets.vot`; or ROOT/JPEGImages/480p, to choose one of its resolutions.
        limit: keep the first so many sequences.
        data: the folder with published data sets; None takes the one that the environment
            variable VOT_MEMORY_DATA names.

    Raises:
        InputError: the name is unknown, the data are missing, or their layout is wrong.
    """
    if limit is not None and limit < 1:
        raise InputError(f"The limit of {limit} sequences leaves nothing: give 1 or more.")
    name = name_or_dir.partition("@")[0]
    if spec := split_specs().get(name):
        sequences = spec.load(name, data_folder(data))
        title = spec.title(name, sequences)
        if name_or_dir not in (name, title):
            raise InputError(
                f"The videos present are {title}, not {name_or_dir}: add the videos that are "
                f"missing, or pin the list of {name} in datasets.yaml."
            )
        return Split(
            name=title,
            sequences=sequences[:limit],
            default_model=spec.model,
            role=spec.role,
            digest=_digest(sequences),
            prompt=spec.prompt,
            published=getattr(spec, "published", None),
            box_rules=getattr(spec, "rules", None),
        )
    root, layout = _find_folder(name_or_dir)
    sequences = _read_folder(root, layout)
    digest = _digest(sequences)
    boxed = any(track.boxes is not None for s in sequences[:1] for track in s.objects)
    return Split(
        name=f"{root.name}@{digest[:8]}",
        sequences=sequences[:limit],
        default_model=FOLDER_MODEL,
        role="test",
        digest=digest,
        prompt="box" if boxed else None,
    )


@dataclass(frozen=True)
class Source:
    """The files of a split, before anything is read.

    Attributes:
        root: the data set's folder.
        layout: how its loader reads it.
        read: lists the sequences.
        official: what the owner states; None of a folder given by its path.
    """

    root: Path
    layout: Layout
    read: Callable[[], list[Sequence]]
    official: Official | None = None


def find_source(name_or_dir: str, data: str | Path | None = None) -> Source:
    """Where the files of a split are; arguments as of `load_split`.

    Raises:
        InputError: the name is unknown, the data are missing, or the split has no files.
    """
    name = name_or_dir.partition("@")[0]
    if (spec := split_specs().get(name)) is None:
        root, layout = _find_folder(name_or_dir)
        return Source(root, layout, partial(_read_folder, root, layout))
    if isinstance(spec, SynthSpec):
        raise InputError(
            f"Split {name} is drawn when it is run, so it has no files: name one that has."
        )
    root = spec.find(name, data_folder(data))
    layout = getattr(spec, spec.loader)
    return Source(root, layout, partial(spec.read, root), spec.official)


def data_folder(data: str | Path | None = None) -> Path | None:
    """The folder with published data sets: the one given, or that of $VOT_MEMORY_DATA, or None."""
    folder = data or os.environ.get(DATA_VARIABLE)
    return Path(folder).expanduser() if folder else None


def _find_folder(text: str) -> tuple[Path, VosLayout | VotLayout]:
    """A folder given by its path: in VOT's format if its sequences are, else VOS."""
    path = Path(text).expanduser()
    if path.is_dir():
        path = path.resolve()
        if path.parent.name == "JPEGImages":
            return path.parent.parent, VosLayout(resolution=path.name)
        if holds_vot(path):
            return path, VotLayout()
        return path, VosLayout()
    if path.exists():
        raise InputError(f"{text} is a file: name a folder, or a split of `vot-memory ls splits`.")
    if len(path.parts) > 1:
        raise InputError(f"The split folder {text} does not exist: correct its path.")
    close = difflib.get_close_matches(text, split_names(), n=1)
    hint = f"did you mean {close[0]}?" if close else "`vot-memory ls splits` lists all."
    raise InputError(f"Unknown split {text!r}, which is no folder either: {hint}")


def _read_folder(root: Path, layout: VosLayout | VotLayout) -> list[Sequence]:
    return load_vot(root, layout) if isinstance(layout, VotLayout) else load_vos(root, layout)


def _digest(sequences: list[Sequence]) -> str:
    lines = "".join(f"{sequence.name} {sequence.digest}\n" for sequence in sequences)
    return hashlib.sha256(lines.encode()).hexdigest()
