"""From a sam2 model configuration (YAML) to a model without weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vot_memory.errors import InputError


def build(config: Path, image_size: int | None = None, *, target: str | None = None) -> Any:
    """Instantiate the model of a configuration, without weights, on the CPU.

    Args:
        config: sam2 model configuration.
        image_size: overrides the configuration's, in pixels.
        target: another class for the whole, such as sam2's video predictor.

    Raises:
        InputError: the file is no model configuration, or the image size does not fit it.
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
