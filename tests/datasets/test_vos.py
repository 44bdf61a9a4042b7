import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets.rle import decode
from vot_memory.datasets.vos import VosLayout, load_vos
from vot_memory.errors import InputError

DAVIS = Path(__file__).resolve().parents[3] / "shared" / "data" / "DAVIS2016-240p"
H, W = 6, 8


def frame(path: Path, value: int = 50, size: tuple[int, int] = (H, W)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


def labels(path: Path, *pixels: tuple[int, int, int], size: tuple[int, int] = (H, W)) -> None:
    """Label map of zeros but for (y, x, label)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(size, np.uint8)
    for y, x, label in pixels:
        array[y, x] = label
    picture = Image.fromarray(array)
    picture.putpalette([v for label in range(256) for v in (label, 255 - label, 0)])
    picture.save(path)


def davis(root: Path, num_frames: int = 3, resolution: str = "480p", sequence: str = "cow") -> Path:
    for t in range(num_frames):
        frame(root / "JPEGImages" / resolution / sequence / f"{t:05d}.jpg", value=40 * t)
        labels(root / "Annotations" / resolution / sequence / f"{t:05d}.png", (1, t, 1))
    return root


def test_label_maps_give_one_track_an_object(tmp_path: Path) -> None:
    root = davis(tmp_path)
    labels(root / "Annotations/480p/cow/00001.png", (2, 3, 2), (4, 5, 10))  # 1 leaves, two appear
    (sequence,) = load_vos(root)
    assert (sequence.name, len(sequence), sequence.size, sequence.fps) == ("cow", 3, (H, W), 24.0)
    assert [(o.id, o.first_frame) for o in sequence.objects] == [("1", 0), ("2", 1), ("10", 1)]
    first = sequence.objects[0]
    assert np.argwhere(first.mask(0)).tolist() == [[1, 0]]
    assert first.rles[1] is not None  # annotated as absent, which is not the same as None
    assert not first.mask(1).any()
    assert np.argwhere(first.mask(2)).tolist() == [[1, 2]]
    assert np.argwhere(sequence.objects[2].mask(1)).tolist() == [[4, 5]]
    assert sequence.frames[2].shape == (H, W, 3)
    assert abs(int(sequence.frames[2].mean()) - 80) < 3


def test_frames_without_annotation_are_none(tmp_path: Path) -> None:
    root = davis(tmp_path, num_frames=4)
    (root / "Annotations/480p/cow/00001.png").unlink()
    labels(root / "Annotations/480p/cow/00002.png", (1, 2, 1), (3, 3, 2))
    one, late = load_vos(root)[0].objects
    assert [rle is None for rle in one.rles] == [False, True, False, False]
    assert late.first_frame == 2
    everywhere = [rle is None for rle in late.rles]
    assert everywhere == [False, True, False, False]
    one, late = load_vos(root, VosLayout(truth="first"))[0].objects
    assert [t for t, rle in enumerate(one.rles) if rle] == [0]
    assert [t for t, rle in enumerate(late.rles) if rle] == [2]


def test_void_is_background_but_a_binary_255_mask_is_an_object(tmp_path: Path) -> None:
    root = davis(tmp_path / "void")
    labels(root / "Annotations/480p/cow/00001.png", (1, 1, 1), (2, 2, 255))
    (track,) = load_vos(root)[0].objects
    assert track.mask(1).sum() == 1
    root = davis(tmp_path / "binary")
    for t in range(3):
        array = np.zeros((H, W), np.uint8)
        array[2, t] = 255
        Image.fromarray(array).save(root / f"Annotations/480p/cow/{t:05d}.png")
    (track,) = load_vos(root)[0].objects
    assert track.id == "1"
    assert np.argwhere(track.mask(2)).tolist() == [[2, 2]]


def test_merge_makes_one_object(tmp_path: Path) -> None:
    root = davis(tmp_path)
    labels(root / "Annotations/480p/cow/00000.png", (1, 1, 1), (2, 2, 2))
    (track,) = load_vos(root, VosLayout(merge=True))[0].objects
    assert track.id == "1"
    assert track.mask(0).sum() == 2


def test_sav_has_a_folder_an_object_and_overlapping_masks(tmp_path: Path) -> None:
    for t in range(9):
        frame(tmp_path / f"JPEGImages_24fps/sav_1/{t:05d}.jpg")
    for t in (0, 4, 8):
        labels(tmp_path / f"Annotations_6fps/sav_1/000/{t:05d}.png", (1, 1, 1))
        appears = [(1, 1, 1), (2, 2, 1)] if t >= 4 else []
        labels(tmp_path / f"Annotations_6fps/sav_1/001/{t:05d}.png", *appears)
    a, b = load_vos(tmp_path)[0].objects
    assert (a.id, a.first_frame, b.id, b.first_frame) == ("000", 0, "001", 4)
    assert [t for t, rle in enumerate(a.rles) if rle is not None] == [0, 4, 8]
    assert not b.mask(0).any()
    assert a.mask(4)[1, 1]
    assert b.mask(4)[1, 1]


def test_frames_are_in_numeric_order_and_strangers_are_ignored(tmp_path: Path) -> None:
    for t in (10, 2, 1):
        frame(tmp_path / f"JPEGImages/a/{t}.png", value=t)
        labels(tmp_path / f"Annotations/a/{t}.png", (0, 0, 1))
    (tmp_path / "JPEGImages/a/._1.jpg").write_bytes(b"finder")
    (tmp_path / "JPEGImages/a/notes.txt").write_text("no frame")
    (tmp_path / "JPEGImages/.cache").mkdir()
    (tmp_path / "meta.json").write_text(json.dumps({"videos": {}}))
    (sequence,) = load_vos(tmp_path)
    assert [int(sequence.frames[t][0, 0, 0]) for t in range(len(sequence))] == [1, 2, 10]


def test_image_set_chooses_and_orders(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        davis(tmp_path, sequence=name)
    (tmp_path / "val.txt").write_text("c\n\na\n")
    chosen = load_vos(tmp_path, VosLayout(image_set="val.txt"))
    assert [s.name for s in chosen] == ["c", "a"]
    (tmp_path / "twice.txt").write_text("a\nb\na\n")
    with pytest.raises(InputError, match=r"twice\.txt names a twice"):
        load_vos(tmp_path, VosLayout(image_set="twice.txt"))
    with pytest.raises(InputError, match=r"no\.txt.*cannot be read"):
        load_vos(tmp_path, VosLayout(image_set="no.txt"))


def test_digest_follows_names_sizes_annotations_and_meaning(tmp_path: Path) -> None:
    root = davis(tmp_path)
    digest = load_vos(root)[0].digest
    assert load_vos(root)[0].digest == digest
    assert load_vos(root, VosLayout(merge=True))[0].digest != digest
    labels(root / "Annotations/480p/cow/00001.png", (5, 5, 1))
    changed = load_vos(root)[0].digest
    assert changed != digest
    picture = root / "JPEGImages/480p/cow/00001.jpg"
    picture.write_bytes(picture.read_bytes() + b"\0")
    assert load_vos(root)[0].digest not in {digest, changed}


def test_masks_are_read_at_first_access_and_sequences_travel_between_processes(
    tmp_path: Path,
) -> None:
    root = davis(tmp_path)
    (sequence,) = load_vos(root)
    (root / "Annotations/480p/cow/00001.png").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"00001\.png cannot be read as a picture"):
        _ = sequence.objects
    labels(root / "Annotations/480p/cow/00001.png", (1, 1, 1))
    copy = pickle.loads(pickle.dumps(sequence))
    assert copy.objects == sequence.objects
    assert decode(copy.objects[0].rles[1])[1, 1]


def test_bad_picture_fails_only_where_it_is_read(tmp_path: Path) -> None:
    root = davis(tmp_path)
    (root / "JPEGImages/480p/cow/00001.jpg").write_bytes(b"\xff\xd8broken")
    frame(root / "JPEGImages/480p/cow/00002.jpg", size=(H + 1, W))
    frames = load_vos(root)[0].frames
    assert frames[0].shape == (H, W, 3)
    with pytest.raises(InputError, match=r"00001\.jpg cannot be read"):
        frames[1]
    with pytest.raises(InputError, match=r"00002\.jpg is 8x7 but its video is 8x6"):
        frames[2]
    with pytest.raises(IndexError):
        frames[3]


def remove(path: Path) -> None:
    for child in path.iterdir():
        child.unlink()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: remove(r / "JPEGImages/480p/cow"), r"cow has no pictures"),
        (lambda r: remove(r / "Annotations/480p/cow"), r"Annotations/480p/cow has no pictures"),
        (lambda r: (r / "Annotations").rename(r / "masks"), "no Annotations: arrange it as"),
        (
            lambda r: labels(r / "Annotations/480p/cow/00009.png", (0, 0, 1)),
            r"00009\.png annotates a frame that does not exist",
        ),
        (
            lambda r: labels(r / "Annotations/480p/pig/00000.png", (0, 0, 1)),
            r"pig has annotations but .* does not exist",
        ),
        (
            lambda r: frame(r / "JPEGImages/480p/pig/00000.jpg"),
            r"Sequence pig has no folder .*Annotations/480p/pig",
        ),
        (
            lambda r: frame(r / "JPEGImages/480p/cow/00000.png"),
            r"'00000' twice \(00000\.jpg and 00000\.png\)",
        ),
        (
            lambda r: frame(r / "JPEGImages/1080p/cow/00000.jpg"),
            r"several resolutions \(480p, 1080p\): choose one",
        ),
    ],
)
def test_bad_folders(tmp_path: Path, spoil: object, message: str) -> None:
    root = davis(tmp_path)
    spoil(root)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        load_vos(root)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda r: labels(r / "Annotations/480p/cow/00001.png", (0, 0, 1), size=(H, W - 1)),
            r"00001\.png is 7x6 but its frames are 8x6",
        ),
        (
            lambda r: frame(r / "Annotations/480p/cow/00001.png"),
            r"00001\.png is a picture of mode RGB, not a label map",
        ),
        (
            lambda r: [labels(r / f"Annotations/480p/cow/0000{t}.png") for t in range(3)],
            r"No object appears in the annotations .*cow",
        ),
    ],
)
def test_bad_annotations(tmp_path: Path, spoil: object, message: str) -> None:
    (sequence,) = load_vos(davis(tmp_path))
    spoil(tmp_path)  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        _ = sequence.objects


def test_sav_object_that_never_appears(tmp_path: Path) -> None:
    frame(tmp_path / "JPEGImages_24fps/a/00000.jpg")
    labels(tmp_path / "Annotations_6fps/a/000/00000.png")
    with pytest.raises(InputError, match="Object 000 never appears"):
        _ = load_vos(tmp_path)[0].objects
    frame(tmp_path / "JPEGImages_6fps/a/00000.jpg")
    with pytest.raises(InputError, match=r"JPEGImages \(JPEGImages_24fps, JPEGImages_6fps\)"):
        load_vos(tmp_path)


def test_empty_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no JPEGImages"):
        load_vos(tmp_path)
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "Annotations").mkdir()
    with pytest.raises(InputError, match="has no sequences"):
        load_vos(tmp_path)
    with pytest.raises(InputError, match=r"480p does not exist"):
        load_vos(tmp_path, VosLayout(resolution="480p"))


@pytest.mark.skipif(not DAVIS.is_dir(), reason="DAVIS2016-240p is not beside the repository")
def test_davis_agrees_with_its_own_list() -> None:
    facts = json.loads((DAVIS / "sequences.json").read_text())
    sequences = {s.name: s for s in load_vos(DAVIS)}
    assert {name: len(s) for name, s in sequences.items()} == {
        name: fact["frames"] for name, fact in facts.items()
    }
    for name in ("bmx-bumps", "mallard-fly", "bear"):
        (track,) = sequences[name].objects
        empty = [t for t in range(len(sequences[name])) if not track.mask(t).any()]
        assert empty == facts[name]["empty_mask_frames"]
        assert sequences[name].frames[0].shape == (240, 428, 3)
