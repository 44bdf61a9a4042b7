"""Every VOS data set as its owner publishes it, in small, with objects that begin late."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.commands.data_check import check_data
from vot_memory.datasets.splits import load_split, split_specs

H, W = 6, 8


def video(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True)
    for name in names:
        Image.fromarray(np.full((H, W, 3), 90, np.uint8)).save(folder / f"{name}.jpg")


def label_map(path: Path, *labels: int) -> None:
    """Label n in column n, or in column 7 if it is void."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros((H, W), np.uint8)
    for label in labels:
        array[2, min(label, 7)] = label
    picture = Image.fromarray(array)
    picture.putpalette([n for label in range(256) for n in (label, 0, 255 - label)])
    picture.save(path)


def tracks(split: str, data: Path) -> dict[str, tuple[int, list[int]]]:
    """Of the only sequence: first frame and annotated frames by object."""
    (sequence,) = load_split(split, data=data).sequences
    return {
        o.id: (o.first_frame, [t for t, rle in enumerate(o.rles) if rle is not None])
        for o in sequence.objects
    }


def told(split: str, data: Path) -> list[str]:
    """What `data check` says of the only sequence."""
    report = check_data(split, data, threads=1)
    (sequence,) = report.sequences
    counts = [finding.text for finding in report.findings if finding.problem]
    assert any(text.startswith("sequences: 1 here, ") for text in counts)
    return [finding.text for finding in sequence.findings]


@pytest.mark.parametrize(
    ("split", "image_set"),
    [
        ("davis-2016-train", "2016/train"),
        ("davis-2016-val", "2016/val"),
        ("davis-2017-train", "2017/train"),
        ("davis-2017-val", "2017/val"),
    ],
)
def test_davis(tmp_path: Path, split: str, image_set: str) -> None:
    names = ["00000", "00001", "00002"]
    for cow in ("cow", "not-in-the-list"):
        video(tmp_path / "DAVIS/JPEGImages/480p" / cow, names)
        for name in names:
            label_map(tmp_path / "DAVIS/Annotations/480p" / cow / f"{name}.png", 1, 2, 255)
    chosen = tmp_path / "DAVIS/ImageSets" / f"{image_set}.txt"
    chosen.parent.mkdir(parents=True)
    chosen.write_text("cow\n")
    everywhere = (0, [0, 1, 2])
    merged = "2016" in split
    objects = {"1": everywhere} if merged else {"1": everywhere, "2": everywhere}
    assert tracks(split, tmp_path) == objects
    (tmp_path / "DAVIS/meta.json").write_text('{"videos": {"cow": {"objects": {"9": {}}}}}')
    assert len(told(split, tmp_path)) == (0 if merged else 3)  # ids of what is joined say nothing
    assert check_data(split, tmp_path).sequences[0].objects == (1 if merged else 2)


def test_davis_test_dev_has_prompts_only(tmp_path: Path) -> None:
    video(tmp_path / "DAVIS/JPEGImages/480p/cow", ["00000", "00001"])
    label_map(tmp_path / "DAVIS/Annotations/480p/cow/00000.png", 1, 3)
    (tmp_path / "DAVIS/ImageSets/2017").mkdir(parents=True)
    (tmp_path / "DAVIS/ImageSets/2017/test-dev.txt").write_text("cow\n")
    assert tracks("davis-2017-test-dev", tmp_path) == {"1": (0, [0]), "3": (0, [0])}
    assert told("davis-2017-test-dev", tmp_path) == []


@pytest.mark.parametrize(("split", "folder"), [("mose-val", "MOSE"), ("mosev2-val", "MOSEv2")])
def test_mose_valid_has_the_first_masks(tmp_path: Path, split: str, folder: str) -> None:
    root = tmp_path / folder / "valid"
    video(root / "JPEGImages/0a1b2c", ["00000", "00001", "00002"])
    label_map(root / "Annotations/0a1b2c/00000.png", 1, 3)
    label_map(root / "Annotations/0a1b2c/00002.png", 2)  # MOSEv2: an object that begins late
    assert tracks(split, tmp_path) == {"1": (0, [0]), "2": (2, [2]), "3": (0, [0])}
    assert told(split, tmp_path) == []


@pytest.mark.parametrize("folder", ["MOSE", "MOSEv2"])
def test_mose_train_has_all_masks(tmp_path: Path, folder: str) -> None:
    root, split = tmp_path / folder / "train", f"{folder.lower()}-train"
    names = ["00000", "00001", "00002"]
    video(root / "JPEGImages/0a1b2c", names)
    for name, labels in zip(names, [(1,), (1, 4), (4,)], strict=True):
        label_map(root / "Annotations/0a1b2c" / f"{name}.png", *labels)
    assert tracks(split, tmp_path) == {"1": (0, [0, 1, 2]), "4": (1, [0, 1, 2])}
    assert told(split, tmp_path) == []
    (root / "Annotations/0a1b2c/00001.png").unlink()
    (root / "Annotations/0a1b2c/00002.png").unlink()
    assert told(split, tmp_path) == ["The video is annotated in frame 00000 only."]


@pytest.mark.parametrize("split", ["lvos-val", "lvosv2-val"])
def test_lvos_valid(tmp_path: Path, split: str) -> None:
    root = tmp_path / split_specs()[split].folder
    names = ["00000001", "00000006", "00000011", "00000016"]  # six of 30 frames a second
    video(root / "JPEGImages/0gVnFzq4", names)
    for name, labels in zip(names, [(1,), (1,), (2,), (1, 2)], strict=True):
        label_map(root / "Annotations/0gVnFzq4" / f"{name}.png", *labels)
    objects = {
        "1": {"frame_range": {"start": 1, "end": 16, "frame_nums": 3}},
        "2": {"frame_range": {"start": 11, "end": 16, "frame_nums": 2}},
    }
    meta = root / "valid_meta.json"
    meta.write_text(json.dumps({"videos": {"0gVnFzq4": {"objects": objects}}}))
    assert tracks(split, tmp_path) == {"1": (0, [0, 1, 2, 3]), "2": (2, [0, 1, 2, 3])}
    assert told(split, tmp_path) == []
    objects = {"1": objects["1"], "3": objects["2"]}
    meta.write_text(json.dumps({"videos": {"0gVnFzq4": {"objects": objects}}}))
    assert told(split, tmp_path) == [
        "Object 3 is announced but no mask shows it.",
        "Object 2 is not announced but shows in frame 00000011.",
    ]


def test_lvos_test_has_first_masks_only(tmp_path: Path) -> None:
    root = tmp_path / "LVOS/test"
    video(root / "JPEGImages/x", ["00000001", "00000006", "00000011"])
    label_map(root / "Annotations/x/00000001.png", 1)
    label_map(root / "Annotations/x/00000011.png", 2)
    assert tracks("lvos-test", tmp_path) == {"1": (0, [0]), "2": (2, [2])}
    assert told("lvos-test", tmp_path) == []


def youtube_vos(root: Path) -> dict[str, dict[str, object]]:
    """Annotations where objects begin; those there already may be drawn again."""
    label_map(root / "Annotations/003234408d/00005.png", 1)
    label_map(root / "Annotations/003234408d/00015.png", 1, 2)
    return {
        "1": {"category": "penguin", "frames": ["00005", "00010", "00015", "00020"]},
        "2": {"category": "penguin", "frames": ["00015", "00020"]},
    }


def test_youtube_vos_valid(tmp_path: Path) -> None:
    root = tmp_path / "YouTube-VOS/valid"
    names = [f"{n:05d}" for n in range(0, 25, 5)]
    video(root / "JPEGImages/003234408d", names)
    objects = youtube_vos(root)
    meta = root / "meta.json"
    meta.write_text(json.dumps({"videos": {"003234408d": {"objects": objects}}}))
    assert tracks("youtube-vos-val", tmp_path) == {"1": (1, [1]), "2": (3, [3])}
    assert told("youtube-vos-val", tmp_path) == []
    (root / "JPEGImages/003234408d/00010.jpg").unlink()
    (root / "JPEGImages/003234408d/00020.jpg").unlink()
    folder = root / "JPEGImages/003234408d"
    assert told("youtube-vos-val", tmp_path) == [
        f"Frame 00010 is missing: {folder} goes from 00005 to 00015.",
        "Frame 00020 is announced but not there.",
    ]


def test_youtube_vos_with_all_frames(tmp_path: Path) -> None:
    root = tmp_path / "YouTube-VOS"
    video(root / "valid_all_frames/JPEGImages/003234408d", [f"{n:05d}" for n in range(21)])
    objects = youtube_vos(root / "valid")
    meta = root / "valid/meta.json"
    meta.write_text(json.dumps({"videos": {"003234408d": {"objects": objects}}}))
    assert tracks("youtube-vos-val-30fps", tmp_path) == {"1": (5, [5]), "2": (15, [15])}
    assert told("youtube-vos-val-30fps", tmp_path) == []
    objects["3"] = {"category": "penguin", "frames": ["00020"]}
    meta.write_text(json.dumps({"videos": {"003234408d": {"objects": objects}}}))
    assert told("youtube-vos-val-30fps", tmp_path) == [
        "Object 3 is announced but no mask shows it."
    ]


def test_ids_up_to_254_and_void(tmp_path: Path) -> None:
    root = tmp_path / "MOSEv2/valid"
    video(root / "JPEGImages/x", ["00000", "00001"])
    path = root / "Annotations/x/00000.png"
    label_map(path, 1, 255)
    array = np.array(Image.open(path))
    array[0, 0] = 254
    Image.fromarray(array).save(path)
    assert tracks("mosev2-val", tmp_path) == {"1": (0, [0]), "254": (0, [0])}


def test_every_named_folder_states_its_official_count() -> None:
    specs = {name: spec for name, spec in split_specs().items() if spec.loader == "vos"}
    assert {name for name, spec in specs.items() if spec.official.sequences is None} == set()
    assert specs["davis-2017-val"].official.model_dump() == {
        "sequences": 30,
        "objects": 61,
        "frames": 1999,
    }
