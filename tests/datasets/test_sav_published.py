"""SA-V as it is published: val and test, official counts, and a real annotation file."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sav_video import SAV_64, H, W, film, one

from vot_memory.datasets import splits
from vot_memory.datasets.sav import load_sav
from vot_memory.datasets.splits import load_split

REAL = Path(__file__).resolve().parents[3] / "shared/data/sav-example/sav_000001_manual.json"


def mask_file(path: Path, *, shown: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros((H, W), np.uint8)
    array[3:9, 3:9] = shown
    Image.fromarray(array).save(path)


def test_val_and_test_are_folders_whose_masklets_begin_when_they_like(tmp_path: Path) -> None:
    root = tmp_path / "SA-V/sav_val"
    for name in ("sav_000262", "sav_000004"):
        for t in range(13):
            picture = Image.fromarray(np.full((H, W, 3), 20 * t, np.uint8))
            (folder := root / "JPEGImages_24fps" / name).mkdir(parents=True, exist_ok=True)
            picture.save(folder / f"{t:05d}.jpg")
        for t in (0, 4, 8, 12):  # one is empty at first, one has no file before it appears
            masks = root / "Annotations_6fps" / name
            mask_file(masks / f"000/{t:05d}.png", shown=t >= 4)
            mask_file(masks / f"001/{t:05d}.png", shown=t < 8)
            if t >= 8:
                mask_file(masks / f"002/{t:05d}.png", shown=True)
    (root / "sav_val.txt").write_text("sav_000262\nsav_000004\n")
    split = load_split("sav-val", data=tmp_path)
    assert [s.name for s in split.sequences] == ["sav_000262", "sav_000004"]
    assert (split.name, split.role) == ("sav-val", "val")
    sequence = split.sequences[0]
    assert (len(sequence), sequence.size, sequence.fps) == (13, (H, W), 24.0)
    assert [(o.id, o.first_frame) for o in sequence.objects] == [("000", 4), ("001", 0), ("002", 8)]
    annotated = [[t for t, rle in enumerate(o.rles) if rle] for o in sequence.objects]
    assert annotated == [[0, 4, 8, 12], [0, 4, 8, 12], [8, 12]]
    assert [int(sequence.objects[1].mask(t).sum()) for t in (0, 4, 8, 12)] == [36, 36, 0, 0]


def test_official_counts_are_those_of_the_publication() -> None:
    counts = {
        name: (spec.official.sequences, spec.official.objects)
        for name, spec in splits.split_specs().items()
        if name in {"sav-train", "sav-val", "sav-test"}
    }
    # sav_dataset/README.md of facebookresearch/sam2, "Dataset Stats"; objects of train are manual
    assert counts == {
        "sav-train": (50583, 190316),
        "sav-val": (155, 293),
        "sav-test": (150, 278),
    }


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published annotation of sav_000001 beside a video that has its number of frames."""
    if not REAL.is_file():
        pytest.skip("the published annotation is not beside the repository")
    folder = tmp_path_factory.mktemp("sav") / "SA-V/sav_train/sav_000"
    folder.mkdir(parents=True)
    (folder / REAL.name).write_bytes(REAL.read_bytes())
    film(folder / "sav_000001.mp4", frames=483, size=(848, 480))
    return folder


def test_a_published_annotation_agrees_with_its_own_statistics(real: Path) -> None:
    facts = json.loads(REAL.read_text())
    whole, annotated = one(real), one(real, frames="annotated")
    assert (len(whole), len(annotated), whole.size) == (483, 121, (848, 480))
    for k, (track, sparse) in enumerate(zip(whole.objects, annotated.objects, strict=True)):
        assert track.id == str(facts["masklet_id"][k])
        assert sum(rle is not None for rle in track.rles) == facts["masklet_frame_count"][k]
        assert track.rles[::4] == sparse.rles
        area = np.array([sparse.mask(t).sum() for t in range(121)])
        seen = area > 0
        first = int(np.argmax(seen))
        assert sparse.first_frame == first == facts["masklet_first_appeared_frame"][k]
        assert track.first_frame == 4 * first
        changes = np.count_nonzero(np.diff(seen[first:].astype(int)))
        assert changes == facts["masklet_visibility_changes"][k]
        assert area[seen].mean() == pytest.approx(facts["masklet_size_abs"][k], abs=1e-6)


def test_a_published_annotation_beside_a_whole_video(real: Path) -> None:
    sequence = load_split("sav-64", data=real.parents[2]).sequences[0]
    assert (len(sequence), sequence.fps, sequence.labels["start"]) == (121, 6.0, 0)
    assert [(o.id, o.first_frame) for o in sequence.objects] == [("0", 0)]
    for t in (0, 1, 60, 120):  # red is 20 + 10 (4 t) modulo 256
        red = float(np.median(sequence.frames[t][..., 0]))
        assert abs((red - 20 - 40 * t + 128) % 256 - 128) < 8


def test_a_published_masklet_that_appears_late(real: Path, tmp_path: Path) -> None:
    facts = json.loads(REAL.read_text())
    only = {"masklet_id": [3], "masklet": [row[3:4] for row in facts["masklet"]]}
    (tmp_path / "sav_000001.mp4").symlink_to(real / "sav_000001.mp4")
    (tmp_path / REAL.name).write_text(json.dumps(facts | only))
    (sequence,) = load_sav(tmp_path, SAV_64)
    assert dict(sequence.labels) == {"start": 4 * 113}
    assert (len(sequence), sequence.objects[0].first_frame) == (121 - 113, 0)
    red = float(np.median(sequence.frames[0][..., 0]))
    assert abs((red - 20 - 10 * 452 + 128) % 256 - 128) < 8
