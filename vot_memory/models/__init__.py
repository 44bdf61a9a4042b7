"""Models by name: configuration, weights, and how they are loaded.

`nano` is embedded. Real SAM 2 models take their configuration from the installed sam2 package and
their weights from a file (`checkpoint`) or from the cache of huggingface_hub, which fills itself.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from vot_memory.errors import InputError, unknown
from vot_memory.models.configuration import build
from vot_memory.models.device import compile_encoder, pick_device, pick_dtype
from vot_memory.models.hub import SAM2, cached, fetch
from vot_memory.models.weights import fingerprint, load_weights, read_state, sha256

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone

__all__ = [
    "EMBEDDED",
    "SAM2",
    "build",
    "cached",
    "find_config",
    "load_model",
    "load_weights",
    "locate",
    "model_names",
    "pick_device",
    "pick_dtype",
    "read_state",
    "sha256",
]

EMBEDDED = ("nano",)


def model_names() -> list[str]:
    """Every name `load_model` knows."""
    return [*EMBEDDED, *SAM2]


def load_model(
    name: str,
    checkpoint: Path | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    image_size: int | None = None,
    compile: bool = False,
) -> Backbone:
    """Load a frozen model.

    Its label names the weights by the first 12 hex digits of their sha256, "sam2.1-l@2647878d5dfa",
    and ends in "+compiled" where it is compiled: that rounds otherwise and so may turn a mask.

    Args:
        name: one of `model_names()`, or the path of a sam2 model configuration (YAML).
        checkpoint: weights (.safetensors, or .pt as a plain state dict); None takes the embedded
            ones, or those that sam2 publishes, downloaded if huggingface_hub has not cached them.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: float32, bfloat16, float16, or auto (bfloat16 on CUDA, else float32).
        image_size: side of the square input in pixels; None = the configuration's.
        compile: compile the image encoder (`compile_encoder`).

    Raises:
        InputError: unknown name, no weights, weights that do not fit, or no such device.
    """
    import torch

    from vot_memory.backbone import Backbone

    where = pick_device(device)
    precision = getattr(torch, pick_dtype(dtype, where.type))
    # Built before weights are looked for: nobody should download for a size that does not fit.
    model = build(find_config(name), image_size)
    _, weights = locate(name, checkpoint)
    stem = Path(name).stem if _is_file_name(name) else name
    label = f"{stem}@{fingerprint(weights)[:12]}"
    load_weights(model, weights)
    if not compile:
        return Backbone(model, label, where, precision)
    backbone = Backbone(model, f"{label}+compiled", where, precision)
    compile_encoder(backbone)
    return backbone


def locate(name: str, checkpoint: Path | None = None) -> tuple[Path, Path]:
    """Configuration and weights of a model, both existing files.

    Raises:
        InputError: unknown name, or there are no weights and none can be downloaded.
    """
    config = find_config(name)
    if checkpoint is not None:
        weights = Path(checkpoint)  # people pass strings
        if weights.is_dir():
            raise InputError(f"Checkpoint {weights} is a folder: give the weights file in it.")
        if not weights.is_file():
            raise InputError(f"There is no checkpoint {weights}: give the path of a weights file.")
        return config, weights
    if name in EMBEDDED:
        return config, config.with_suffix(".safetensors")
    if name in SAM2:
        return config, fetch(name)
    raise InputError(f"The configuration {name} comes without weights: give --checkpoint FILE.")


def find_config(name: str) -> Path:
    """The configuration file of a model, by its name or path."""
    if name in EMBEDDED:
        return Path(str(resources.files("vot_memory.models"))) / f"{name}.yaml"
    if name in SAM2:
        return Path(str(resources.files("sam2"))) / SAM2[name].config
    if not _is_file_name(name):
        raise unknown("model", name, model_names())
    if not Path(name).is_file():
        raise InputError(f"There is no model configuration {name}: give an existing YAML file.")
    return Path(name)


def _is_file_name(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))
