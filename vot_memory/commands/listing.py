"""`vot-memory ls`: what there is, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError, unknown
from vot_memory.policy import PolicySpec
from vot_memory.registry import (
    load_policy,
    policy_class,
    policy_names,
    tracker_class,
    tracker_names,
)

if TYPE_CHECKING:
    from vot_memory.datasets.splits import FolderSpec, SynthSpec

UNKNOWN = "?"
Rows = tuple[list[str], list[list[str]]]  # headings, cells


def listing(kind: str, data: Path | None = None) -> Rows:
    """Headings and rows for policies, trackers, models or splits.

    Raises:
        InputError: another kind.
    """
    kinds: dict[str, Callable[[], Rows]] = {
        "policies": _policies,
        "trackers": _trackers,
        "models": _models,
        "splits": lambda: _splits(data),
    }
    if kind not in kinds:
        raise unknown("kind of list", kind, kinds)
    return kinds[kind]()


def _policies() -> Rows:
    headings = ["policy", "slots", "options", "source", "parity with its release"]
    return headings, [_policy(name) for name in policy_names()]


def _policy(name: str) -> list[str]:
    try:
        cls = policy_class(name)
    except InputError as error:
        return [name, UNKNOWN, "", "cannot be used", str(error)]
    options = ", ".join(f"{f.name}={_default(f)}" for f in fields(cls.Config))
    try:
        spec = load_policy(name).spec
    except InputError as error:  # also of one that needs options, and says which
        spec = getattr(cls, "spec", PolicySpec(source="cannot be used", parity=str(error)))
        return [name, UNKNOWN, options, spec.source, spec.parity]
    return [name, str(spec.slots), options, spec.source, spec.parity]


def _default(option: Field[Any]) -> str:
    if option.default is MISSING:
        return "..."
    return "..." if option.default == Path() else str(option.default)


def _trackers() -> Rows:
    about = {name: (tracker_class(name).__doc__ or "").split("\n")[0] for name in tracker_names()}
    return ["tracker", "what it is"], [[name, text] for name, text in about.items()]


def _models() -> Rows:
    from vot_memory.models import EMBEDDED, SAM2, cached

    rows = [[name, "in this package"] for name in EMBEDDED]
    for name, published in SAM2.items():
        place = "in the cache" if cached(name) else "downloaded when first used"
        rows.append([name, f"{published.repo}, {place}"])
    rows.append(["FILE.yaml", "any sam2 model configuration; give --checkpoint FILE"])
    return ["model", "weights"], rows


def _splits(data: Path | None) -> Rows:
    from vot_memory.datasets.splits import FOLDER_MODEL, split_specs

    rows = [
        [name, spec.role, spec.model, split_truth(spec), _place(spec, data), spec.description]
        for name, spec in split_specs().items()
    ]
    about = "Any folder with JPEGImages and Annotations, or in VOT's format"
    rows.append(["DIR", "test", FOLDER_MODEL, "what is there", "", about])
    return ["split", "role", "model", "truth", "data", "what it is"], rows


def split_truth(spec: SynthSpec | FolderSpec) -> str:
    """What results can be scored with here; prompts are always there."""
    if getattr(getattr(spec, spec.loader), "truth", "all") == "first":
        return "server only"
    return "boxes" if spec.loader == "boxes" else "masks"


def _place(spec: SynthSpec | FolderSpec, data: Path | None) -> str:
    from vot_memory.datasets.splits import data_folder

    if spec.loader == "synth":
        return "drawn when run"
    parent = data_folder(data)
    found = parent is not None and (parent / spec.folder).is_dir()
    return "found" if found else f"missing, see {spec.homepage}"
