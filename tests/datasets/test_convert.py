from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets.convert import convert
from vot_memory.datasets.pictures import PictureFrames
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.vos import load_vos
from vot_memory.datasets.vot import load_vot
from vot_memory.errors import InputError

H, W, T = 9, 11, 6
LOADERS = {"vot": load_vot, "vos": load_vos, "sav": load_vos}


def picture_files(folder: Path, suffix: str = ".jpg", first: int = 0) -> PictureFrames:
    """Frames whose bytes would change if they were encoded again."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for t in range(T):
        picture = Image.fromarray(rng.integers(0, 256, (H, W, 3), dtype=np.uint8))
        picture.save(folder / f"{t + first:05d}{suffix}")
    return PictureFrames(sorted(folder.iterdir()))


def sequence(frames, *tracks: ObjectTrack, name: str = "cow", **others) -> Sequence:
    return Sequence(name, frames, tracks, (H, W), others.pop("fps", 24.0), "digest", **others)


def mask(*slices: tuple[slice, slice]) -> np.ndarray:
    array = np.zeros((H, W), bool)
    for place in slices:
        array[place] = True
    return array


def difficult_masks() -> list[np.ndarray]:
    """Empty, full, one pixel wide and tall, at each border, and random."""
    rng = np.random.default_rng(5)
    everything = slice(None)
    masks = [
        mask(),
        mask((everything, everything)),
        mask((slice(4, 5), everything)),
        mask((everything, slice(0, 1))),
        mask((slice(8, 9), slice(10, 11))),
        mask((slice(0, 1), everything), (everything, slice(10, 11))),
    ]
    return masks + [rng.random((H, W)) < p for p in (0.05, 0.4, 0.8)]


def random_track(identity: str, rng: np.random.Generator) -> ObjectTrack:
    """Some frames unannotated, some absent, begins anywhere."""
    pool = difficult_masks()
    rles = [None if rng.random() < 0.3 else encode(pool[rng.integers(len(pool))]) for _ in range(T)]
    first = int(rng.integers(T))
    rles[:first] = [None if rng.random() < 0.5 else encode(pool[0]) for _ in range(first)]
    rles[first] = encode(pool[rng.integers(1, len(pool))])
    return ObjectTrack(identity, first, tuple(rles))


@pytest.mark.parametrize("to", ["vot", "vos", "sav"])
@pytest.mark.parametrize("seed", range(12))
def test_masks_absence_and_gaps_survive_there_and_back(tmp_path: Path, to: str, seed: int) -> None:
    """Random overlapping masks go through a layout, and on through the other one."""
    rng = np.random.default_rng(seed)
    identities = [["1"], ["1", "2"], ["7", "sheep"], ["000", "001", "10"]][seed % 4]
    tracks = tuple(random_track(identity, rng) for identity in identities)
    frames = picture_files(tmp_path / "source")
    fps = (30.0, 30000 / 1001)[seed % 2]
    convert([sequence(frames, *tracks, fps=fps)], tmp_path / "a", to)
    (once,) = LOADERS[to](tmp_path / "a")
    assert {o.id: o for o in once.objects} == {o.id: o for o in tracks}
    assert (once.name, once.fps, once.size) == ("cow", fps, (H, W))
    back = "vos" if to == "vot" else "vot"
    convert([once], tmp_path / "b", back)
    (twice,) = LOADERS[back](tmp_path / "b")
    assert twice.objects == once.objects
    assert twice.fps == fps
    for t in range(T):
        np.testing.assert_array_equal(twice.frames[t], frames[t])


def test_disjoint_masks_make_label_maps_and_others_a_folder_an_object(tmp_path: Path) -> None:
    left, right, both = mask(np.s_[:, :4]), mask(np.s_[:, 4:]), mask(np.s_[:, :5])
    frames = picture_files(tmp_path / "source")

    def shape(name: str, *masks: list[np.ndarray | None], ids: tuple[str, ...] = ("1", "2")) -> str:
        tracks = [
            ObjectTrack(i, 0, tuple(None if m is None else encode(m) for m in of_object))
            for i, of_object in zip(ids, masks, strict=True)
        ]
        convert([sequence(frames, *tracks)], tmp_path / name, "vos")
        children = (tmp_path / name / "Annotations/cow").iterdir()
        return "folders" if any(p.is_dir() for p in children) else "maps"

    assert shape("disjoint", [left] * T, [right] * T) == "maps"
    assert shape("overlapping", [both] * T, [right] * T) == "folders"
    assert shape("gap", [left] * T, [right, None] * 3) == "folders"
    assert shape("common gap", [left, None] * 3, [right, None] * 3) == "maps"
    assert shape("names", [left] * T, [right] * T, ids=("1", "255")) == "folders"
    convert([sequence(frames, ObjectTrack("1", 0, (encode(left),) * T))], tmp_path / "sav", "sav")
    assert (tmp_path / "sav/Annotations/cow/1/00005.png").is_file()


def test_jpeg_files_are_copied_byte_by_byte_or_linked(tmp_path: Path) -> None:
    frames = picture_files(tmp_path / "source", first=7)
    video = sequence(frames, ObjectTrack("1", 0, (encode(mask(np.s_[:2])),) * T))
    made = convert([video], tmp_path / "vot", "vot")
    assert (made.sequences, made.frames, made.encoded, made.lost) == (1, T, 0, ())
    copies = sorted((tmp_path / "vot/cow/color").iterdir())
    assert [p.name for p in copies] == [f"{t:08d}.jpg" for t in range(1, T + 1)]
    assert [p.read_bytes() for p in copies] == [p.read_bytes() for p in frames.paths]
    convert([video], tmp_path / "vos", "vos", link=True)
    links = sorted((tmp_path / "vos/JPEGImages/cow").iterdir())
    assert [p.resolve() for p in links] == list(frames.paths)
    assert [p.name for p in links] == [p.name for p in frames.paths]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ""])
def test_other_pictures_become_png_without_loss(tmp_path: Path, suffix: str) -> None:
    frames = picture_files(tmp_path / "source", suffix or ".png")
    given = frames if suffix else np.stack([frames[t] for t in range(T)])
    track = ObjectTrack("1", 0, (encode(mask(np.s_[:2])),) * T)
    for to in ("vot", "vos"):
        made = convert([sequence(given, track)], tmp_path / to, to)
        assert made.encoded == (0 if suffix == ".png" else T)
        (video,) = LOADERS[to](tmp_path / to)
        for t in range(T):
            np.testing.assert_array_equal(video.frames[t], frames[t])


def test_vot_keeps_boxes_ignored_pixels_and_labels(tmp_path: Path) -> None:
    pixel = encode(mask(np.s_[3:4, 3:4]))
    labels = {"occluded": np.arange(T) > 2, "speed": np.linspace(0.1, 2, T), "strength": 0.5}
    boxes = ((0.1, 2.0, 3.5, 4.0), None, (0.0, 0.0, 0.0, 0.0), (1.0, 1.0, 2.0, 2.0), None, None)
    video = sequence(
        picture_files(tmp_path / "source"),
        ObjectTrack("1", 0, (None,) * T, boxes),
        ignore=(pixel, None, pixel, None, None, None),
        labels=labels,
    )
    made = convert([video], tmp_path / "out", "vot")
    assert made.lost == ("labels that are not per frame (strength)",)
    (back,) = load_vot(tmp_path / "out")
    assert back.objects == video.objects
    assert back.ignore == video.ignore
    assert set(back.labels) == {"occluded", "speed"}
    for name in back.labels:
        np.testing.assert_array_equal(back.labels[name], labels[name])
    with pytest.raises(InputError, match="Object 1 of cow is annotated by boxes, which PNG masks"):
        convert([video], tmp_path / "vos", "vos")
    assert not (tmp_path / "vos").exists()


def test_what_vos_cannot_hold_is_named(tmp_path: Path) -> None:
    frames = picture_files(tmp_path / "source")
    track = ObjectTrack("1", 0, (encode(mask(np.s_[:2])),) * T)
    videos = [
        sequence(frames, track, fps=30.0, labels={"a": np.zeros(T, bool)}),
        sequence(frames, track, fps=25.0, name="pig", ignore=track.rles),
    ]
    made = convert(videos, tmp_path / "out", "vos")
    assert made.lost == ("labels", "ignored pixels", "frame rates, which differ")
    assert [s.fps for s in load_vos(tmp_path / "out")] == [24.0, 24.0]


def test_all_or_nothing(tmp_path: Path) -> None:
    frames = picture_files(tmp_path / "source", ".bmp")
    frames.paths[3].write_bytes(b"broken")
    video = sequence(frames, ObjectTrack("1", 0, (encode(mask(np.s_[:2])),) * T))
    with pytest.raises(InputError, match=r"00003\.bmp cannot be read"):
        convert([video], tmp_path / "out", "vot")
    assert [p.name for p in tmp_path.iterdir()] == ["source"]
    with pytest.raises(InputError, match="source exists and is not empty"):
        convert([video], tmp_path / "source", "vot")
    with pytest.raises(InputError, match="Unknown format 'voc': did you mean 'vo"):
        convert([video], tmp_path / "out", "voc")
