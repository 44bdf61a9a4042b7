"""Make the traces of this folder from the full recordings of the releases.

    python tests/golden/condense.py RECORDINGS [FRAMES]

RECORDINGS holds trace-<release>-<sequence>.npz and seq-<sequence>.npz. Written are the first FRAMES
frames of the traces in KEPT, and decisions.json.gz: of all traces what was decided and what it was
decided on, for tests without weights. Masks are measured here with numpy and OpenCV.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).parent
SEQUENCE = "h503"
KEPT = ("sam2+post", "samurai", "dam4sam+gate", "sam2long")


def shorten(recordings: Path, frames: int) -> None:
    """The first frames of one sequence and of the traces in KEPT."""
    pictures = np.load(recordings / f"seq-{SEQUENCE}.npz")
    np.savez_compressed(
        HERE / f"seq-{SEQUENCE}.npz",
        frames=pictures["frames"][:frames],
        masks=pictures["masks"][:1],
    )
    for release in KEPT:
        name = f"trace-{release}-{SEQUENCE}.npz"
        with np.load(recordings / name) as data:
            record = json.loads(data["record"].tobytes())
            record["frames"] = record["frames"][:frames]
            memory, pointer = (data[f"{k}_frame"] < frames for k in ("memory", "pointer"))
            np.savez_compressed(
                HERE / name,
                masks=data["masks"][:frames],
                logits=data["logits"][:frames],
                record=np.frombuffer(json.dumps(record).encode(), np.uint8),
                **{k: data[k][memory] for k in ("memory_bf16", "memory_frame", "memory_hard")},
                **{k: data[k][pointer] for k in ("pointer", "pointer_frame")},
            )


def decisions(trace: Path) -> dict:
    """Record of a trace, measurements of its candidates, and which pointers are alike."""
    with np.load(trace) as data:
        frames = json.loads(data["record"].tobytes())["frames"]
        logits = data["logits"].astype(np.float32)
        last: dict[bytes, int] = {}
        pairs = list(zip(data["pointer_frame"].tolist(), data["pointer"], strict=True))
    for frame, pointer in pairs:
        last[pointer.tobytes()] = frame
    for frame in frames[1:]:
        if trace.stem.startswith("trace-samurai"):
            frame["boxes_image"] = [box(m) for m in full_size(logits[frame["t"], 0])]
        if trace.stem.startswith("trace-dam4sam"):
            low, masks = logits[frame["t"], 0] > 0, full_size(logits[frame["t"], 0])
            choice = masks[int(np.argmax(frame["ious"][0]))]
            frame["pixels_low"] = [int(m.sum()) for m in low]
            frame["pixels_video"] = [int(m.sum()) for m in masks]
            frame["joined_box_iou_video"] = [joined_box_iou(choice, m) for m in masks]
    return {
        "frames": frames,
        "alike": {frame: last[pointer.tobytes()] for frame, pointer in pairs},
    }


def full_size(logits: np.ndarray) -> np.ndarray:
    """Masks at 128 pixels, model's input and video alike, bool [3, 128, 128]."""
    scaled = F.interpolate(
        torch.from_numpy(logits)[:, None], (128, 128), mode="bilinear", align_corners=False
    )
    return (scaled[:, 0] > 0).numpy()


def box(mask: np.ndarray) -> list[int]:
    """[xmin, ymin, xmax, ymax], zeros for an empty mask."""
    y, x = np.nonzero(mask)
    return [int(v) for v in (x.min(), y.min(), x.max(), y.max())] if len(x) else [0] * 4


def joined_box_iou(choice: np.ndarray, other: np.ndarray) -> float | None:
    """DAM4SAM's measure of an alternative; None where nothing of it remains."""
    rest = (other & ~choice).astype(np.uint8)
    if not rest.any():
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    largest = labels == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()
    a, b = box(choice), box(choice | largest)
    (w, h), (joined_w, joined_h) = ((x1 - x0, y1 - y0) for x0, y0, x1, y1 in (a, b))
    return 1.0 if joined_w <= 1 or joined_h <= 1 else w * h / (joined_w * joined_h)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    shorten(folder, int(sys.argv[2]) if len(sys.argv) > 2 else 37)
    everything = {
        p.stem.removeprefix("trace-"): decisions(p) for p in sorted(folder.glob("trace-*.npz"))
    }
    text = json.dumps(everything, separators=(",", ":")).encode()
    (HERE / "decisions.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
