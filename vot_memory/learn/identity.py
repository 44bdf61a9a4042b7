"""What a training was begun with: who goes on by other options is told which these are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vot_memory.building import write_atomically
from vot_memory.errors import InputError

AGAIN = "delete it and give the same command again"  # the mend for a damaged part of a training
_OPTIONS = {
    "iterations": "--iterations",
    "samples": "--samples",
    "lr": "--lr",
    "rounds": "--rounds",
    "videos": "--visits",
    "seed": "--seed",
    "slots": "--slots",
    "rows": "--rows",
    "pointers": "--pointers",
    "model": "--model or its weights",
    "image_size": "--image-size",
    "dtype": "--dtype",
    "split": "--split",
    "train_digests": "the videos of --split",
    "dev_digests": "the videos of --dev",
    "digest": "the video or its annotation",
}


def claim(path: Path, own: Mapping[str, Any]) -> None:
    """Note in a file what is trained in its folder; refuse the folder of another training.

    Raises:
        InputError: what stands there differs, or cannot be read.
    """
    own = json.loads(json.dumps(own))
    if not path.exists():
        write_atomically(path, json.dumps(own, indent=1) + "\n")
        return
    check_recorded(path, own)


def check_recorded(path: Path, own: Mapping[str, Any]) -> None:
    """Refuse to go on with the training that a JSON file tells of, unless it is one's own.

    Raises:
        InputError: it differs, or the file cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        there = {name: found[name] for name in own}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: delete its folder and train again.") from error
    check_same(path.parent, own, there)


def check_same(folder: Path, own: Mapping[str, Any], there: Mapping[str, Any]) -> None:
    """Refuse to go on with another training.

    Only what `own` names is compared, settings within settings one by one.

    Raises:
        InputError: it differs; says in which options.
    """
    if differs := ", ".join(dict.fromkeys(_differing(own, there))):
        raise InputError(
            f"{folder} holds a training that differs in {differs}: go on by its own options, or "
            "give another folder."
        )


def _differing(own: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[str]:
    """Such as "--lr (0.01 there, 0.1 here)"."""
    for name, value in own.items():
        other = there.get(name)
        if isinstance(value, Mapping):
            yield from _differing(value, other if isinstance(other, Mapping) else {})
        elif value != other:
            scalars = not isinstance(value, list | tuple)
            option = _OPTIONS.get(name, name.replace("_", " "))
            yield f"{option} ({other} there, {value} here)" if scalars else option
