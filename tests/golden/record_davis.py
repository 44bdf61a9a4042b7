"""Make davis.json: J and F of vos-benchmark 0.1.0 on label maps that are drawn here.

    python -m venv VENV
    VENV/bin/pip install vos-benchmark==0.1.0 pycocotools==2.0.11
    VENV/bin/python tests/golden/record_davis.py

vos-benchmark (MIT) brings opencv-python, which must not stand beside the headless wheel that
vot-memory needs; therefore an environment of its own, and a recording instead of a test dependency.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco
from vos_benchmark.benchmark import benchmark

OUT = Path(__file__).with_name("davis.json")
FRAMES = 7
SIZES = {"small": (48, 64), "medium": (239, 320), "large": (480, 854)}  # radii 1, 4 and 8


def blob(rng, size, scale):
    """A wobbly blob somewhere, which may leave the picture."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    cy, cx = rng.uniform(0, height), rng.uniform(0, width)
    angle = np.arctan2(y - cy, x - cx)
    wobble = 1 + 0.3 * np.sin(rng.integers(2, 9) * angle) + 0.1 * np.sin(17 * angle)
    return np.hypot(y - cy, x - cx) < scale * min(size) * wobble


def video(rng, size):
    """Label maps of truth and prediction [T, H, W]: four objects, drawn over one another."""
    truth = np.zeros((FRAMES, *size), np.uint8)
    predicted = np.zeros_like(truth)
    for t in range(FRAMES):
        for label in (1, 2, 3):
            mask = blob(rng, size, rng.uniform(0.1, 0.4))
            truth[t][mask] = label
            shift = tuple(rng.integers(-6, 7, 2))
            predicted[t][np.roll(mask, shift, (0, 1)) & (rng.random(size) > 0.01)] = label
        truth[t, 5:7, 5:30], predicted[t, 6:7, 5:31] = 4, 4  # thin
    truth[3][truth[3] == 2] = 0  # away, though something is predicted
    truth[4][truth[4] == 1] = 0  # away, and nothing is predicted
    predicted[4][predicted[4] == 1] = 0
    predicted[2][predicted[2] == 3] = 0  # missed
    truth[5], predicted[5] = 1, 1  # the whole picture has no contour
    predicted[5, : size[0] // 2] = 2
    return truth, predicted


def write(folder, labels):
    folder.mkdir(parents=True)
    for t, picture in enumerate(labels):
        Image.fromarray(picture).save(folder / f"{t:05d}.png")


def encode(mask):
    rle = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in rle["size"]], "counts": rle["counts"].decode("ascii")}


def main():
    rng = np.random.default_rng(0)
    videos = {name: video(rng, size) for name, size in SIZES.items()}
    with tempfile.TemporaryDirectory() as folder:
        roots = [Path(folder) / kind for kind in ("truth", "predicted")]
        for name, pair in videos.items():
            for root, labels in zip(roots, pair, strict=True):
                write(root / name, labels)
        (_,), (mean_j,), (mean_f,), (objects,) = benchmark(
            [str(roots[0])], [str(roots[1])], num_processes=1, verbose=False
        )
    cases = []
    for name, (truth, predicted) in videos.items():
        region, contour = objects[name]
        for label in sorted(region):
            cases.append(
                {
                    "name": f"{name}-{label}",
                    "truth": [encode(m == label) for m in truth],
                    "predicted": [encode(m == label) for m in predicted],
                    "J": region[label] / 100,
                    "F": contour[label] / 100,
                }
            )
    made = {"source": "vos-benchmark 0.1.0", "cases": cases, "J": mean_j / 100, "F": mean_f / 100}
    OUT.write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
