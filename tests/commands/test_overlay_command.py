import os
import signal

import numpy as np
import pytest
from PIL import Image

from vot_memory.commands.overlay import choose_policies
from vot_memory.datasets.export import write_palette_png
from vot_memory.datasets.rle import encode
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.reports.pictures.overlay import OverlayWriter
from vot_memory.results import Identity, Record, Store

SIZE, FRAMES = (48, 64), 4


def square(t, left=5):
    mask = np.zeros(SIZE, bool)
    mask[10:30, left + 3 * t : left + 20 + 3 * t] = True
    return mask


@pytest.fixture
def vos(tmp_path):
    """Two videos in the VOS layout; object 2 of the second begins one frame later."""
    root = tmp_path / "data"
    for name in ("left", "right"):
        for kind in ("JPEGImages", "Annotations"):
            (root / kind / name).mkdir(parents=True)
        for t in range(FRAMES):
            picture = np.full((*SIZE, 3), 40, np.uint8)
            picture[square(t)] = (220, 180, 60)
            labels = square(t).astype(np.uint8)
            if name == "right" and t:
                labels[35:45, 40:60] = 2
            Image.fromarray(picture).save(root / f"JPEGImages/{name}/{t:05d}.png")
            write_palette_png(root / f"Annotations/{name}/{t:05d}.png", labels)
    return root


@pytest.fixture
def split(vos):
    return load_split(str(vos))


def run(split, root, policy="fifo", sequences=("left", "right"), imported=False, **changes):
    """Results whose masks lag behind by one frame."""
    fields = {
        "tracker": "imported" if imported else "sam2",
        "model": "nano@0123456789ab",
        "image_size": 128,
        "dtype": "float32",
        "protocol": "common",
        "prompt": "mask",
        "policy": policy,
        "policy_config": {},
        "policy_source": "0" * 64,
        "dataset": split.name,
        "dataset_digest": split.digest,
        "seed": 0,
        "non_overlap": False,
    }
    folder = Store(root).run(Identity(**(fields | changes)))
    for sequence in split.sequences:
        if sequence.name not in sequences:
            continue
        for track in sequence.objects:
            first = track.first_frame
            begun = FRAMES - first
            masks = [encode(square(max(t - 1, 0)))["counts"] for t in range(first, FRAMES)]
            known = {
                "ious": [[0.5]],
                "object_score": [1.0],
                "chosen": [0],
                "written": [0],
                "memory": [[0]],
                "tags": [[0]],
            }
            columns = {
                name: [None] * FRAMES if imported else [None] * first + values * begun
                for name, values in known.items()
            }
            folder.write(
                Record(
                    sequence=sequence.name,
                    object=track.id,
                    policy=policy,
                    first_frame=first,
                    num_frames=FRAMES,
                    size=SIZE,
                    offline=False,
                    masks=[None] * first + masks,
                    **columns,
                )
            )
    return folder


def frames_of(path):
    import cv2

    video = cv2.VideoCapture(str(path))
    found = []
    while (read := video.read())[0]:
        found.append(read[1])
    return found


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_a_video_of_all_policies(vot, vos, split, tmp_path, suffix):
    run(split, tmp_path / "results")
    run(split, tmp_path / "results", "first")
    run(split, tmp_path / "results", "other <b>", imported=True, model="unknown")
    out = f"new/film{suffix}"
    result = vot("overlay", "right", "--split", vos, "--policy", "fifo", "--policy", "first",
                 "--out", out)  # fmt: skip
    assert (result.code, result.err.count("FAILED")) == (0, 0)
    assert result.out == f"panels: ground truth, fifo, first\noverlay: {out}\n"
    assert "right: 4 frames, 2 policies" in result.err
    found = frames_of(tmp_path / out)
    assert len(found) == FRAMES
    assert found[0].shape[0] % 2 == found[0].shape[1] % 2 == 0
    assert (found[0] != found[3]).any()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"film{suffix}"]


def test_pictures_of_one_object_of_imported_results(vot, vos, split, tmp_path):
    run(split, tmp_path / "r", "other <b>", imported=True, model="unknown")
    common = ("overlay", "right", "--split", vos, "--results", "r")
    assert vot(*common, "--object", "1", "--out", "one").code == 0
    assert vot(*common, "--out", "both").code == 0
    names = [f"{t:05d}.png" for t in range(FRAMES)]
    for folder in ("one", "both"):
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == names
    one, both = (np.array(Image.open(tmp_path / f"{name}/00003.png")) for name in ("one", "both"))
    assert one.shape == both.shape
    assert (one != both).any()


def test_a_policy_that_has_not_finished_is_left_out(vot, refuses, vos, split, tmp_path):
    run(split, tmp_path / "results")
    run(split, tmp_path / "results", "first", sequences=["left"])
    result = vot("overlay", "right", "--split", vos, "--out", "film.avi")
    assert result.code == 0
    assert result.out.startswith("first has not finished right and is left out\n")
    said = refuses("overlay", "right", "--split", vos, "--policy", "first", "--out", "new.avi")
    assert "No policy that was asked for has finished right" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rihgt"], "did you mean 'right'?"),
        (["zzz"], "there are left, right."),
        (["left", "--policy", "fiffo"], "Unknown policy 'fiffo': did you mean 'fifo'?"),
        (["left", "--object", "7"], "Unknown object of left '7': known are 1."),
        (["left", "--results", "none"], "none holds no results"),
        (["left", "--out", "film.gif"], "give a name that ends in .mp4 or .avi"),
        (["left", "--out", "data"], "not empty"),
    ],
)
def test_what_is_not_there_is_refused(refuses, vos, split, tmp_path, words, said):
    run(split, tmp_path / "results")
    assert said in refuses("overlay", "--split", vos, "--out", "film.mp4", *words)


def test_a_damaged_picture_is_named(refuses, vos, split, tmp_path):
    run(split, tmp_path / "results")
    path = vos / "JPEGImages/left/00002.png"
    path.write_bytes(bytes(path.stat().st_size))
    said = refuses("overlay", "left", "--split", vos, "--out", "new/film.mp4")
    assert "00002.png cannot be read" in said


def test_two_settings_do_not_stand_in_one_video(refuses, vot, vos, split, tmp_path):
    root = tmp_path / "results"
    run(split, root)
    box = run(split, root, prompt="box")
    run(split, root, "first")
    common = ("overlay", "left", "--split", vos, "--out", "out")
    for words in ([], ["--policy", "fifo"]):
        said = refuses(*common, *words)
        assert "several settings (prompt box or mask)" in said
    result = vot(*common, "--policy", "first")  # only one setting has it
    assert "panels: ground truth, first\n" in result.out
    result = vot(*common[:-1], "out2", "--policy", box.path.name)
    assert "panels: ground truth, fifo\n" in result.out
    said = refuses(*common[:-1], "out3", "--policy", box.path.name, "--policy", "first")
    assert "several settings (prompt box or mask)" in said


def test_labels_tell_two_runs_of_a_policy_apart(split, tmp_path):
    folders = [run(split, tmp_path, seed=seed) for seed in (1, 2)]
    assert [label for label, _ in choose_policies(folders, [])] == [
        "fifo [seed 1]",
        "fifo [seed 2]",
    ]
    assert choose_policies(folders, ["fifo [seed 2]"]) == [("fifo [seed 2]", folders[1])]
    assert choose_policies(folders, [folders[0].path.name]) == [("fifo [seed 1]", folders[0])]
    with pytest.raises(InputError, match=r"'fifo \[seed 1\]', 'fifo \[seed 2\]'"):
        choose_policies(folders, ["fifo"])
    changed = run(split, tmp_path, policy_config={"no_such_option": 3}, seed=1)
    both = [folders[0], changed]
    assert choose_policies(both, ["fifo"]) == [("fifo", folders[0])]  # a label, before a policy
    twice = choose_policies(both, ["fifo (no_such_option=3)", "fifo", "fifo"])
    assert [folder for _, folder in twice] == [changed, folders[0]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing(vot, vos, split, tmp_path, monkeypatch, number):
    run(split, tmp_path / "results")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    write = OverlayWriter.write

    def stop(self, picture):
        write(self, picture)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(OverlayWriter, "write", stop)
    there = set(tmp_path.rglob("*"))
    try:
        result = vot("overlay", "left", "--split", vos, "--out", "new/film.mp4")
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.code, result.out) == (130, "")
    assert "Stopped: no file was written." in result.err
    assert set(tmp_path.rglob("*")) == there
