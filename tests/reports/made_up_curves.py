"""Budget curves without meaning, as text of the CSV that search and training write."""

from __future__ import annotations

from pathlib import Path

import numpy as np

METHODS = {"random-search": 0.08, "evolution": 0.14, "sam2rl": 0.11}  # how much each can gain


def made_up_curves(
    path: Path, sequences: int = 8, seeds: int = 3, points: int = 40, baseline: bool = True
) -> Path:
    """Write curves that rise and level off; the file says that they are made up."""
    rng = np.random.default_rng(0)
    lines = ["# synthetic", "method,sequence,seed,frames,Q" + ",baseline" * baseline]
    budget = np.unique(np.geomspace(100, 200_000, points).astype(int))
    for s in range(sequences):
        base = rng.uniform(0.3, 0.8)
        for method, gain in METHODS.items():
            for seed in range(seeds):
                reach = gain * rng.uniform(0.3, 1.7)
                rise = 1 - np.exp(-budget / rng.uniform(2000, 30_000))
                found = np.maximum.accumulate(rise * rng.uniform(0.85, 1.0, len(budget)))
                for frames, share in zip(budget, found, strict=True):
                    quality = min(base - 0.02 + reach * share, 1.0)
                    line = f"{method},seq-{s:02d},{seed},{frames},{quality:.5f}"
                    lines.append(f"{line},{base:.5f}" if baseline else line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
