"""The VOT toolkit itself, run in processes of its own, beside our adapter, runner and measures.

`make votenv` makes the environment for it.
"""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets.splits import load_split
from vot_memory.datasets.vot_regions import rles_of_regions
from vot_memory.datasets.vot_trajectory import read_trajectory
from vot_memory.results import open_results

ROOT = Path(__file__).resolve().parents[1]
VOTENV = ROOT / os.environ.get("VOTENV", ".venv-vot")
POLICIES = ("fifo", "samurai")
MEASURES = ("Q", "A", "R", "NRE", "DRE", "ADQ")
COLOURS = np.array([[225, 60, 50], [70, 200, 70], [80, 90, 230]])
AWAY = range(6, 18)  # object 1 of "gone": 12 frames, and ADQ needs more than 10

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (VOTENV / "bin" / "vot").exists(),
        reason=f"the VOT toolkit is not in {VOTENV}: make votenv (and see what it says)",
    ),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace in which the toolkit has evaluated our adapter."""
    folder = tmp_path_factory.mktemp("live") / "live"
    for policy in POLICIES:
        words = ("--model", "nano", "--device", "cpu", "--threads", 1, "--no-test")
        ours("vot", "init", folder, "--policy", policy, "--stack", "tests/multiobject", *words)
    names = draw_sequences(folder / "sequences")
    (folder / "sequences" / "list.txt").write_text("\n".join(names) + "\n")
    said = toolkit("evaluate", "--workspace", folder, *POLICIES)
    assert "Evaluation concluded successfuly" in said, said
    return folder


@pytest.fixture(scope="module")
def results(workspace):
    """Our own run on the same pictures."""
    out = workspace.parent / "results"
    policies = [word for policy in POLICIES for word in ("--policy", policy)]
    words = ("--model", "nano", "--device", "cpu", "--threads", 1, "--out", out)
    ours("run", *policies, "--split", workspace, *words)
    return out


def test_the_adapter_answers_as_our_runner(workspace, results):
    sequences = load_split(str(workspace)).sequences
    compared = 0
    for folder in open_results(results):
        place = workspace / "results" / folder.identity.policy / "baseline"
        for sequence in sequences:
            for track in sequence.objects:
                number = "" if len(sequence.objects) == 1 else f"_{track.id}"
                path = place / sequence.name / f"{sequence.name}{number}_001.bin"
                live = rles_of_regions(read_trajectory(path), sequence.size)
                own = folder.read(sequence.name, track.id).rles()
                for t in range(max(track.first_frame, 1), len(sequence)):
                    assert live[t] == own[t], f"{path.stem}, frame {t}"
                    compared += 1
    assert compared == len(POLICIES) * (23 + 2 * 19 + 17 + 14 + 17)


def test_scores_of_the_toolkits_results_equal_the_toolkits(workspace):
    out = workspace.parent / "imported"
    ours("vot", "import", workspace, "--split", workspace, "--out", out)
    assert_equal(report(out, workspace), analysis(workspace))


def test_scores_of_our_results_equal_the_toolkits(workspace, results):
    assert_equal(report(results, workspace), analysis(workspace))


def test_the_toolkit_takes_our_results(workspace, results):
    other = workspace.parent / "other"
    other.mkdir()
    for name in ("config.yaml", "trackers.ini", "sequences"):
        (other / name).symlink_to(workspace / name)
    for folder in open_results(results):
        name = folder.identity.policy
        words = ("--split", workspace, "--tracker-name", name)
        ours("vot", "export", folder.path, other / "results", *words)
    found, expected = analysis(other), analysis(workspace)
    assert_equal(found, expected)
    toolkit("pack", "--workspace", other, "fifo")
    (packed,) = other.glob("fifo_*.zip")
    with zipfile.ZipFile(packed) as archive:
        masks = [name for name in archive.namelist() if name.endswith("_001.bin")]
    assert len(masks) == 6


def test_the_toolkits_own_test_passes(workspace):
    said = toolkit("test", "fifo", folder=workspace)
    assert "Test concluded successfuly" in said
    assert "rror" not in said


def test_a_failure_is_told_with_its_reason(workspace, tmp_path):
    """The toolkit does not fail itself: its exit code is 0."""
    for name in ("config.yaml", "sequences"):
        (tmp_path / name).symlink_to(workspace / name)
    entries = (workspace / "trackers.ini").read_text()
    (tmp_path / "trackers.ini").write_text(entries.replace("--model nano", "--model nona"))
    said = toolkit("evaluate", "--workspace", tmp_path, "fifo")
    assert "Server terminated the session: Unknown model 'nona': known are nano" in said


def analysis(workspace):
    """What the toolkit measures: policy -> six values."""
    path = workspace / "analysis" / "scores.json"
    if not path.exists():
        toolkit("analysis", "--workspace", workspace, "--name", "scores", *POLICIES)
    # Lists without names, in the order of the stack's analyses.
    quality, _, robustness, auxiliary = json.loads(path.read_text())["results"]["baseline"][
        "results"
    ]
    return {
        policy: {
            "Q": quality[i][0],
            "A": robustness[i][0],
            "R": robustness[i][1],
            **dict(zip(("NRE", "DRE", "ADQ"), auxiliary[i], strict=True)),
        }
        for i, policy in enumerate(POLICIES)
    }


def report(results, split):
    """What we measure by the toolkit's rules: policy -> six values, as the report's table has."""
    out = results.with_name(f"{results.name}-report")
    ours("report", "--results", results, "--split", split, "--toolkit-compatible", "--out", out)
    with (out / "tables" / "overview.csv").open() as file:
        rows = {row["policy"]: row for row in csv.DictReader(file)}
    return {policy: {name: float(rows[policy][name]) for name in MEASURES} for policy in POLICIES}


def assert_equal(found, expected):
    for policy in POLICIES:
        assert found[policy] == pytest.approx(expected[policy], abs=1e-6)
        # A measure that is 0 or 1 would be equal by accident.
        assert all(0 < value < 1 for value in expected[policy].values()), expected
    assert found["fifo"] != found["samurai"]


def draw_sequences(folder):
    """Three videos of one to three objects in the toolkit's format; their names.

    In "gone" an object leaves for 12 frames and frame 3 is not annotated; "pair" has pixels that do
    not count, and object 2 is elsewhere from frame 14 on; in "three" object 2 begins on frame 4.
    """
    videos = {"gone": (1, 24, (96, 128)), "pair": (2, 20, (112, 96)), "three": (3, 18, (120, 160))}
    for name, (objects, frames, size) in videos.items():
        pictures = folder / name / "color"
        pictures.mkdir(parents=True)
        lines = {str(k): [] for k in range(1, objects + 1)}
        for t in range(frames):
            picture, masks = draw(t, objects, size, away=name == "gone" and t in AWAY)
            Image.fromarray(picture).save(pictures / f"{t + 1:08d}.jpg", quality=90)
            if name == "pair" and t >= 14:
                masks[1] = np.roll(masks[1], 35, axis=0)
            for k, mask in enumerate(masks, start=1):
                unknown = (name, t) == ("gone", 3) or (name == "three" and k == 2 and t < 4)
                lines[str(k)].append("0" if unknown else mask_line(mask))
        if name == "pair":
            lines["_ignore"] = [mask_line(disc(size, 30, 40, 9))] * frames
        for k, of_object in lines.items():
            file = "groundtruth.txt" if len(lines) == 1 else f"groundtruth_{k}.txt"
            (folder / name / file).write_text("\n".join(of_object) + "\n")
        (folder / name / "sequence").write_text(
            f"channels.color=color/%08d.jpg\nformat=default\nfps=24\nname={name}\n"
            f"length={frames}\nwidth={size[1]}\nheight={size[0]}\n"
        )
    return list(videos)


def draw(t, objects, size, *, away):
    """A picture of discs that pass each other, the first in front, and their masks.

    On frames 6 to 12 there is a disc that looks like the first one, and leads away from it.
    """
    height, width = size
    noise = np.random.default_rng(t).integers(0, 30, (height, width, 3))
    picture = 70 + noise + np.arange(width)[:, None] // 4
    masks, taken = [], np.zeros(size, bool)
    for k in range(objects):
        x = (0.2 + 0.2 * k) * width + (2.2 - 1.6 * k) * t
        y = (0.3 + 0.18 * k) * height + (1.0 - 0.5 * k) * t
        mask = disc(size, x, y, 13 + k) & ~taken & (not away)
        picture[mask] = COLOURS[k] + noise[mask]
        taken |= mask
        masks.append(mask)
    if AWAY.start <= t < 13:
        alike = disc(size, 0.3 * width, 0.36 * height + 5 * (t - AWAY.start), 13) & ~taken
        picture[alike] = COLOURS[0] + noise[alike]
    return picture.astype(np.uint8), masks


def disc(size, x, y, radius):
    ys, xs = np.mgrid[: size[0], : size[1]]
    return (xs - x) ** 2 + (ys - y) ** 2 < radius**2


def mask_line(mask):
    """A mask as a line of the toolkit's ground truth, written here by its rules alone."""
    if not mask.any():
        return "m0,0,0,0,0"
    ys, xs = np.nonzero(mask)
    left, top, right, bottom = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
    assert min(right - left, bottom - top) > 1, "the toolkit scores thin masks wrongly"
    flat = np.concatenate([[False], mask[top:bottom, left:right].ravel(), [False]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    runs = np.diff(np.concatenate([[0], edges, [len(flat) - 2]]))
    return f"m{left},{top},{right - left},{bottom - top}," + ",".join(map(str, runs))


def ours(*words):
    return call([Path(sys.executable).with_name("vot-memory"), *words])


def toolkit(*words, folder=None):
    environment = {"VOT_PERSISTENT_CACHE": "false"}
    return call([VOTENV / "bin" / "vot", *words], environment, folder)


def call(command, environment=None, folder=None):
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
