from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets.export import davis_palette, export_vos, frame_names, write_palette_png
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.vos import load_vos
from vot_memory.errors import InputError

DAVIS = Path(__file__).resolve().parents[3] / "shared" / "data" / "DAVIS2016-240p"
SIZE = (7, 9)
NAMES = ["00000", "00001", "00002", "00003"]


def random_tracks(count: int) -> dict[str, list]:
    """Objects that do not overlap; the first frame is annotated, the second is not."""
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, count + 1, SIZE) for _ in NAMES]
    return {
        str(k): [None if t == 1 else encode(m == k) for t, m in enumerate(maps)]
        for k in range(1, count + 1)
    }


def make_root(root: Path, frames: str, masks: str) -> Path:
    for name in NAMES:
        path = root / frames / "a" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE[::-1]).save(path)
    return root / masks / "a"


def test_palette_is_that_of_davis(tmp_path: Path) -> None:
    palette = np.array(davis_palette()).reshape(256, 3)
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128)}
    known |= {8: (64, 0, 0), 21: (128, 64, 128), 255: (224, 224, 192)}  # Pascal VOC's published
    for label, colour in known.items():
        assert tuple(palette[label]) == colour
    assert len({tuple(c) for c in palette}) == 256


@pytest.mark.skipif(not DAVIS.is_dir(), reason="DAVIS2016-240p is not beside the repository")
def test_palette_equals_a_davis_file() -> None:
    with Image.open(DAVIS / "Annotations/240p/bear/00000.png") as picture:
        theirs = picture.getpalette()
    assert theirs
    assert davis_palette()[: min(len(theirs), 6)] == tuple(theirs[:6])


def test_label_map_round_trip_is_lossless(tmp_path: Path) -> None:
    tracks = random_tracks(3)
    folder = make_root(tmp_path, "JPEGImages", "Annotations")
    export_vos(tracks, SIZE, folder, NAMES)
    assert sorted(p.name for p in folder.iterdir()) == ["00000.png", "00002.png", "00003.png"]
    (sequence,) = load_vos(tmp_path)
    assert {o.id: list(o.rles) for o in sequence.objects} == tracks


def test_objects_that_are_no_labels_get_folders_and_may_overlap(tmp_path: Path) -> None:
    everything = encode(np.ones(SIZE, bool))
    tracks = {"000": [everything] * 4, "001": [None, everything, None, everything]}
    folder = make_root(tmp_path, "JPEGImages_24fps", "Annotations_6fps")
    export_vos(tracks, SIZE, folder, NAMES)
    (sequence,) = load_vos(tmp_path)
    assert {o.id: list(o.rles) for o in sequence.objects} == tracks


def test_higher_numbers_lie_on_top(tmp_path: Path) -> None:
    left, everything = np.zeros(SIZE, bool), np.ones(SIZE, bool)
    left[:, :4] = True
    export_vos({"10": [encode(left)], "2": [encode(everything)]}, SIZE, tmp_path / "a", ["0"])
    with Image.open(tmp_path / "a/0.png") as picture:
        assert picture.mode == "P"
        array = np.asarray(picture)
    assert (array[:, :4] == 10).all()
    assert (array[:, 4:] == 2).all()


def test_pixels_of_several_masks_are_counted_and_kept_in_folders(tmp_path: Path) -> None:
    left, everything = np.zeros(SIZE, bool), np.ones(SIZE, bool)
    left[:, :4] = True
    tracks = {"1": [encode(left), None, encode(left), None], "2": [encode(everything)] * 4}
    assert export_vos(tracks, SIZE, tmp_path / "b", NAMES) == 2 * 7 * 4
    folder = make_root(tmp_path, "JPEGImages", "Annotations")
    assert export_vos(tracks, SIZE, folder, NAMES, apart=True) == 0
    (sequence,) = load_vos(tmp_path)
    assert {o.id: list(o.rles) for o in sequence.objects} == tracks


def test_an_export_fills_an_empty_folder_but_never_overwrites(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "a"
    folder.mkdir(parents=True)
    export_vos(random_tracks(1), SIZE, folder, NAMES)
    assert [p.name for p in folder.parent.iterdir()] == ["a"]
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert len(before) == 3
    with pytest.raises(InputError, match="a is not empty"):
        export_vos(random_tracks(2), SIZE, folder, NAMES)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_a_failed_export_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def full_disk(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        export_vos(random_tracks(2), SIZE, tmp_path / "a", NAMES)
    with pytest.raises(OSError, match="no space"):
        write_palette_png(tmp_path / "b.png", np.zeros(SIZE, np.uint8))
    assert not list(tmp_path.iterdir())


def test_bad_masks(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Object 1 of a has 4 masks for 3 frames"):
        export_vos(random_tracks(1), SIZE, tmp_path / "a", NAMES[:3])
    with pytest.raises(InputError, match="object 1 of a on frame 0 is 9x7 but the picture is 7x9"):
        export_vos(random_tracks(1), SIZE[::-1], tmp_path / "a", NAMES)
    assert not (tmp_path / "a").exists()


def test_frames_without_files_are_numbered() -> None:
    video = Sequence("a", [np.zeros((*SIZE, 3), np.uint8)] * 3, (), SIZE, 24, "d")
    assert frame_names(video) == ["00000", "00001", "00002"]
