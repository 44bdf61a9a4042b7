"""Weights files: reading them safely, and fitting them to a model."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from vot_memory.errors import InputError

_GIVE = "give a .safetensors file or a .pt that holds a plain state dict"
# Number of blocks of the Hiera trunk -> size of the model, as sam2's configurations have it.
_SIZE_BY_BLOCKS = {12: "t", 16: "s", 24: "b+", 48: "l"}


def load_weights(model: Any, weights: Path) -> None:
    """Load a state dict into a model; every parameter must be there and fit.

    Raises:
        InputError: the file cannot be read, or belongs to another model.
    """
    state = read_state(weights)
    own = model.state_dict()
    theirs = likely_model(state)
    if theirs and theirs != likely_model(own):
        raise InputError(
            f"Checkpoint {weights} does not fit the model: these look like the weights of "
            f"{theirs}; give those of this model, or --model {theirs}."
        )
    missing, extra = own.keys() - state.keys(), state.keys() - own.keys()
    if missing or extra:
        kind, names = ("lacks", missing) if missing else ("has the unknown", extra)
        raise InputError(
            f"Checkpoint {weights} does not fit the model: it {kind} {min(names)} "
            f"({len(missing)} missing, {len(extra)} unknown); give the weights of this model."
        )
    for key, value in own.items():
        if state[key].shape != value.shape:
            raise InputError(
                f"Checkpoint {weights} does not fit the model: {key} is "
                f"{tuple(state[key].shape)} and should be {tuple(value.shape)}; give the weights "
                "of this model."
            )
    model.load_state_dict({k: v.to(own[k].dtype) for k, v in state.items()})


def read_state(weights: Path) -> dict[str, Any]:
    """Read a plain state dict, name -> tensor; nothing in the file is executed.

    Raises:
        InputError: the file is empty, damaged, or holds something else.
    """
    import torch

    _check_beginning(weights)
    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(weights))
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputError(
            f"{weights} is no weights file, or holds more than tensors (nothing in it was run): "
            f"{_GIVE}."
        ) from error
    except Exception as error:
        raise InputError(
            f"{weights} cannot be read as weights and is probably damaged or cut off "
            f"({type(error).__name__}): download it again, or {_GIVE}."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f"{weights} is not a plain state dict: give name -> tensor.")
    return state


def fingerprint(weights: Path) -> str:
    """sha256 of a weights file; one from the hub's cache must have the hash it is stored under.

    The cache names large files by their sha256, but its name alone proves nothing: a file that was
    damaged on disk keeps it. So the bytes are hashed, about a second a gigabyte.

    Raises:
        InputError: the cached file is damaged.
    """
    digest, stored = sha256(weights), weights.resolve()
    if re.fullmatch("[0-9a-f]{64}", stored.name) and stored.name != digest:
        raise InputError(
            f"The cached weights {stored} are damaged (their sha256 is {digest}): delete the file "
            "and give the same command again to download it anew."
        )
    return digest


def sha256(file: Path) -> str:
    """Hash of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_beginning(weights: Path) -> None:
    """Name the files that people really save in place of weights."""
    with weights.open("rb") as stream:
        head = stream.read(64)
    if not head:
        raise InputError(f"{weights} is empty: download it again.")
    if re.match(rb"\s*<[!?a-zA-Z]", head):
        raise InputError(f"{weights} is a web page: download the weights file itself.")
    if head.startswith(b"version https://git-lfs"):
        raise InputError(f"{weights} is a pointer of Git LFS: fetch the file by `git lfs pull`.")


def likely_model(names: Collection[str]) -> str | None:
    """Which model of sam2 has parameters of these names; None if none has."""
    blocks = {re.match(r"image_encoder\.trunk\.blocks\.(\d+)\.", name) for name in names}
    size = _SIZE_BY_BLOCKS.get(len({found[1] for found in blocks if found}))
    family = "sam2.1" if "no_obj_embed_spatial" in names else "sam2"
    return f"{family}-{size}" if size else None
