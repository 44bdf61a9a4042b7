"""Where and in which precision a model runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from vot_memory.errors import InputError, unknown

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone


def pick_device(device: str) -> Any:
    """The torch device behind a name; auto takes CUDA, then MPS, then the CPU.

    Raises:
        InputError: the name is none of those, or the device does not work here.
    """
    import torch

    if device == "auto":
        mps = torch.backends.mps.is_available()
        device = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    if not re.fullmatch(r"(cpu|cuda|mps)(:\d+)?", device):
        raise InputError(f"Unknown device {device!r}: give auto, cpu, cuda or mps.")
    try:
        where = torch.device(device)
        torch.zeros(1, device=where)
    except (RuntimeError, AssertionError) as error:
        absent = isinstance(error, NotImplementedError)  # whose text is a page long
        reason = "this torch is built without it" if absent else str(error).splitlines()[0]
        raise InputError(
            f"Device {device!r} cannot be used here ({reason}): give --device auto or cpu."
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


def compile_encoder(backbone: Backbone) -> None:
    """Compile the image encoder, as sam2's option `compile_image_encoder` does, and run it once.

    sam2 also lets the compiler try kernels and keep the fastest ("max-autotune"); which one wins
    changes from run to run and with it the last bits of every logit, so we do without.

    Raises:
        InputError: the compiler does not work here.
    """
    import torch

    encoder = backbone.model.image_encoder
    encoder.forward = torch.compile(encoder.forward, fullgraph=True, dynamic=False)
    try:
        backbone.encode_image(np.zeros((16, 16, 3), np.uint8))
    except Exception as error:
        raise InputError(
            f"torch.compile does not work here ({type(error).__name__}): install a C++ compiler, "
            "or leave --compile out."
        ) from error
