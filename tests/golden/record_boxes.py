"""Make boxes.json: AO, SR, success and precision curves of got10k 0.1.3 on boxes drawn here.

    python -m venv VENV
    VENV/bin/pip install got10k==0.1.3 opencv-python-headless
    MPLBACKEND=Agg VENV/bin/python tests/golden/record_boxes.py

got10k (MIT, of 2019) is the toolkit of GOT-10k and has OTB's measures too. It brings packages that
vot-memory does not need, therefore an environment of its own, and a recording.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from got10k.datasets import OTB
from got10k.experiments import ExperimentGOT10k, ExperimentOTB

OUT = Path(__file__).with_name("boxes.json")
NAMES = ("Biker", "Coke", "Woman")  # of OTB, whose names its class knows
FRAMES = (9, 14, 25)
HEIGHT, WIDTH = 120, 160


def video(rng, frames):
    """Truth, answers [T, 4] and visible shares 0..8 [T]."""
    centres = np.array([WIDTH / 2, HEIGHT / 2]) + np.cumsum(rng.normal(0, 9, (frames, 2)), axis=0)
    sizes = rng.uniform(15, 60, (frames, 2))
    truth = np.hstack([centres - sizes / 2, sizes])  # some leave the picture
    spread = rng.choice([0.5, 3, 12], size=(frames, 1))
    answers = truth + rng.normal(0, 1, (frames, 4)) * spread
    answers[:, 2:] = answers[:, 2:].clip(1)
    answers[rng.random(frames) < 0.15] = 0  # an empty answer
    answers[frames // 2] = truth[frames // 2]
    cover = rng.integers(0, 9, frames)
    cover[0], cover[frames // 2] = 8, 0
    return truth.round(3), answers.round(3), cover


def write_rows(path, rows, fmt="%.3f"):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, rows, fmt=fmt, delimiter=",")


def got10k(videos):
    """AO and SR50, of each video and of all."""
    for name, (truth, answers, cover) in videos.items():
        folder = Path("got/val") / name
        write_rows(folder / "groundtruth.txt", truth)
        for label in ("cover", "absence", "cut_by_image"):
            write_rows(folder / f"{label}.label", cover, "%d")
        (folder / "meta_info.ini").write_text(f"[METAINFO]\nresolution: ({WIDTH}, {HEIGHT})\n")
        for t in range(len(truth)):
            (folder / f"{t + 1:08d}.jpg").touch()
        write_rows(Path("results/GOT-10k/ours") / name / f"{name}_001.txt", answers)
        write_rows(Path("results/GOT-10k/ours") / name / f"{name}_time.txt", np.ones(len(truth)))
    Path("got/val/list.txt").write_text("\n".join(videos))
    report = ExperimentGOT10k("got", "val").report(["ours"])["ours"]
    found = {name: report["seq_wise"][name] for name in videos} | {"all": report["overall"]}
    return {name: {key: float(f[key]) for key in ("ao", "sr")} for name, f in found.items()}


def otb(videos):
    """Mean of the success curve (AUC) and precision at 20 pixels, of each video and of all."""
    for name in OTB._OTB__otb15_seqs:  # a missing folder makes it download
        (Path("otb") / name).mkdir(parents=True)
    for name, (truth, answers, _cover) in videos.items():
        write_rows(Path("otb") / name / "groundtruth_rect.txt", truth)
        (Path("otb") / name / "img").mkdir()
        for t in range(len(truth)):
            (Path("otb") / name / "img" / f"{t + 1:04d}.jpg").touch()
        write_rows(Path("results/OTB2015/ours") / f"{name}.txt", answers)
    report = ExperimentOTB("otb").report(["ours"])["ours"]
    found = {name: report["seq_wise"][name] for name in videos} | {"all": report["overall"]}
    keys = ("success_score", "precision_score")
    return {name: {key: float(f[key]) for key in keys} for name, f in found.items()}


def main():
    rng = np.random.default_rng(0)
    videos = {name: video(rng, frames) for name, frames in zip(NAMES, FRAMES, strict=True)}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        made = {
            "source": "got10k 0.1.3",
            "size": [HEIGHT, WIDTH],
            "videos": {
                name: dict(
                    zip(("truth", "answers", "cover"), map(np.ndarray.tolist, v), strict=True)
                )
                for name, v in videos.items()
            },
            "got10k": got10k(videos),
            "otb": otb(videos),
        }
    OUT.write_text(json.dumps(made) + "\n")


if __name__ == "__main__":
    main()
