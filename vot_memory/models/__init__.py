"""Models by name: configuration, weights, and how they are loaded.

`nano` is embedded. Real SAM 2 models take their configuration from the installed sam2 package and
their weights from `checkpoint`.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError, unknown

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone

EMBEDDED = ("nano",)
_SIZES = {"t": "tiny", "s": "small", "b+": "base-plus", "l": "large"}
SAM2 = {
    f"{family}-{size}": f"configs/{family}/{family}_hiera_{size}.yaml"
    for family in ("sam2.1", "sam2")
    for size in _SIZES
}


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
) -> Backbone:
    """Load a frozen model.

    Args:
        name: one of `model_names()`, or the path of a sam2 model configuration (YAML).
        checkpoint: weights (.safetensors, or .pt as a plain state dict); needed for all but nano.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: float32, bfloat16, float16, or auto (bfloat16 on CUDA, else float32).
        image_size: side of the square input in pixels; None = the configuration's.

    Raises:
        InputError: unknown name, no weights, or weights that do not fit.
    """
    import torch

    from vot_memory.backbone import Backbone

    config, weights = locate(name, checkpoint)
    model = build(config, image_size)
    load_weights(model, weights)
    where = pick_device(device)
    label = (
        f"{Path(name).stem if name.endswith(('.yaml', '.yml')) else name}@{sha256(weights)[:12]}"
    )
    return Backbone(model, label, where, getattr(torch, pick_dtype(dtype, where.type)))


def locate(name: str, checkpoint: Path | None = None) -> tuple[Path, Path]:
    """Configuration and weights of a model, both existing files."""
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise InputError(f"There is no checkpoint {checkpoint}: give the path of a weights file.")
    if name in EMBEDDED:
        folder = Path(str(resources.files("vot_memory.models")))
        return folder / f"{name}.yaml", Path(checkpoint or folder / f"{name}.safetensors")
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise InputError(f"There is no model configuration {name}: give an existing YAML file.")
        config = Path(name)
    elif name in SAM2:
        config = Path(str(resources.files("sam2"))) / SAM2[name]
    else:
        raise unknown("model", name, model_names())
    if checkpoint is None:
        raise InputError(
            f"Model {name!r} needs weights: download them (the sam2 project names the files) and "
            "give --checkpoint FILE."
        )
    return config, Path(checkpoint)


def build(config: Path, image_size: int | None = None, *, target: str | None = None) -> Any:
    """Instantiate the model of a configuration, without weights, on the CPU.

    Args:
        config: sam2 model configuration.
        image_size: overrides the configuration's, in pixels.
        target: another class for the whole, such as sam2's video predictor.
    """
    import sam2  # noqa: F401  initialises hydra the way sam2 expects
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    try:
        settings: Any = OmegaConf.load(config)
        settings = settings["model"]
    except Exception as error:
        raise InputError(
            f"{config} is not a sam2 model configuration with a `model` section: {error}."
        ) from error
    if image_size is not None:
        stride = int(settings.get("backbone_stride", 16))
        # Windows of Hiera need whole strides; 32 keeps every level of the pyramid even.
        if image_size < 2 * stride or image_size % (2 * stride):
            raise InputError(
                f"Image size {image_size} does not fit the model: give a multiple of {2 * stride}."
            )
        settings.image_size = image_size
    if target is not None:
        settings._target_ = target
    OmegaConf.resolve(settings)
    return instantiate(settings, _recursive_=True).eval()


def load_weights(model: Any, weights: Path) -> None:
    """Load a state dict into a model; every parameter must be there and fit."""
    state = read_state(weights)
    own = model.state_dict()
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
    """Read a plain state dict; nothing in the file is executed."""
    import torch

    try:
        if weights.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(weights))
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{weights} cannot be read as weights ({type(error).__name__}): give a .safetensors "
            "file or a .pt that holds a plain state dict."
        ) from error
    if isinstance(state, dict) and isinstance(state.get("model"), dict):
        state = state["model"]
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f"{weights} is not a plain state dict: give name -> tensor.")
    return state


def sha256(file: Path) -> str:
    """Hash of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pick_device(device: str) -> Any:
    """The torch device behind a name; auto takes CUDA, then MPS, then the CPU."""
    import torch

    if device == "auto":
        mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        where = torch.device(device)
        torch.zeros(1, device=where)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"Device {device!r} cannot be used here ({str(error).splitlines()[0]}): "
            "give --device auto or cpu."
        ) from error
    return where


def pick_dtype(dtype: str, device_type: str) -> str:
    """float32, bfloat16 or float16; auto is bfloat16 on CUDA, float32 elsewhere."""
    known = ("float32", "bfloat16", "float16")
    if dtype == "auto":
        return "bfloat16" if device_type == "cuda" else "float32"
    if dtype not in known:
        raise unknown("dtype", dtype, known)
    return dtype
