"""COCO run-length encoding of masks, by pycocotools; `counts` is text so that it fits JSON."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

RLE = dict[str, Any]  # {"size": [height, width], "counts": str}


def encode(mask: NDArray[np.bool_] | NDArray[np.uint8]) -> RLE:
    """Encode a mask [H, W] (bool, or uint8 with non-zero inside)."""
    from pycocotools import mask as coco

    rle = coco.encode(np.asfortranarray(mask != 0, dtype=np.uint8))
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode(rle: RLE) -> NDArray[np.bool_]:
    """Decode to bool [H, W]."""
    from pycocotools import mask as coco

    return cast("NDArray[np.bool_]", coco.decode(rle).astype(bool))
