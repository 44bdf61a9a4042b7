import hashlib
import json
import logging
import pickle
import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pydantic import ValidationError
from sav_video import FRAMES, SAV_64, H, W, film, one

from vot_memory.commands.data_check import check_data
from vot_memory.datasets import splits
from vot_memory.datasets.loading import collecting_failures
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sav import SavLayout, load_sav
from vot_memory.datasets.sav_annotation import MANUAL
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.metrics.events import score_events
from vot_memory.metrics.vots import score_object
from vot_memory.results import open_results
from vot_memory.runner import RunSettings, run

SHOWN = {0: (2, 3), 7: (0, 1, 3, 4)}  # masklet -> annotations that show it


def shape(masklet: int, annotation: int, shown: Mapping[int, tuple[int, ...]]) -> np.ndarray:
    """A square that has its own place for each annotation; empty where it is not shown."""
    mask = np.zeros((H, W), bool)
    if annotation in shown[masklet]:
        mask[annotation : annotation + 9, masklet : masklet + 9] = True
    return mask


def annotation(name: str, shown: Mapping[int, tuple[int, ...]] = SHOWN) -> dict[str, Any]:
    count = -(-FRAMES // 4)
    rows = [[encode(shape(k, i, shown)) for k in shown] for i in range(count)]
    numbers = {"frame_count": FRAMES, "height": H, "width": W}
    return {
        "video_id": name,
        **{f"video_{key}": float(value) for key, value in numbers.items()},
        "masklet": rows,
        "masklet_id": list(shown),
    }


def add(folder: Path, name: str = "sav_000001", **changes: Any) -> Path:
    """A video with its annotation in a folder; `changes` of the annotation."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = changes.pop("shown", SHOWN)
    video = film(folder / f"{name}.mp4")
    (folder / f"{name}{MANUAL}").write_text(json.dumps(annotation(name, shown) | changes))
    return video


def mention(folder: Path, *names: str) -> None:
    """Videos and annotations that nobody may open."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.mp4").write_bytes(b"no video")
        (folder / f"{name}{MANUAL}").write_text("no annotation")


def rotate(video: Path) -> None:
    """Tell players to turn the pictures by 90 degrees: the matrix in the track's header."""
    content = bytearray(video.read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    video.write_bytes(content)


def numbers_of(sequence: Sequence) -> list[int]:
    """Which video frame each frame of a sequence is, by its colour."""
    reds = [float(np.median(sequence.frames[t][..., 0])) for t in range(len(sequence))]
    return [round((red - 20) / 10) for red in reds]


def by_hash(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())


def test_all_frames_with_a_mask_on_every_fourth(tmp_path: Path) -> None:
    add(tmp_path)
    sequence = one(tmp_path)
    assert (sequence.name, len(sequence), sequence.size) == ("sav_000001", FRAMES, (H, W))
    assert (sequence.fps, dict(sequence.labels)) == (24.0, {})
    assert numbers_of(sequence) == list(range(FRAMES))
    assert sequence.frames[3].shape == (H, W, 3)
    assert [(o.id, o.first_frame) for o in sequence.objects] == [("0", 8), ("7", 0)]
    for track in sequence.objects:
        assert len(track.rles) == FRAMES
        assert [t for t, rle in enumerate(track.rles) if rle] == [0, 4, 8, 12, 16]
        for t in (0, 4, 8, 12, 16):
            assert np.array_equal(track.mask(t), shape(int(track.id), t // 4, SHOWN))


def test_only_annotated_frames(tmp_path: Path) -> None:
    add(tmp_path)
    sequence = one(tmp_path, frames="annotated")
    assert (len(sequence), sequence.fps) == (5, 6.0)
    assert numbers_of(sequence) == [0, 4, 8, 12, 16]
    late, early = sequence.objects
    assert (late.first_frame, early.first_frame) == (2, 0)
    for t in range(5):
        assert np.array_equal(early.mask(t), shape(7, t, SHOWN))
    for t in (-1, 5):
        with pytest.raises(IndexError):
            sequence.frames[t]


@pytest.mark.parametrize(
    ("frames", "numbers"), [("annotated", [8, 12, 16]), ("all", list(range(8, FRAMES)))]
)
def test_the_video_may_begin_with_the_first_masklet(
    tmp_path: Path, frames: str, numbers: list[int]
) -> None:
    add(tmp_path)
    sequence = one(tmp_path, frames=frames, objects="first", start="first")
    assert dict(sequence.labels) == {"start": 8}  # so many video frames were cut
    assert numbers_of(sequence) == numbers
    (track,) = sequence.objects
    assert (track.id, track.first_frame, len(track.rles)) == ("0", 0, len(numbers))
    for t, number in enumerate(numbers):
        if number % 4:
            assert track.rles[t] is None
        else:
            assert np.array_equal(track.mask(t), shape(0, number // 4, SHOWN))


def test_the_earliest_of_all_masklets_begins_the_video(tmp_path: Path) -> None:
    add(tmp_path, shown={0: (3,), 1: (1, 2)})
    sequence = one(tmp_path, start="first", frames="annotated")
    assert sequence.labels["start"] == 4
    assert [o.first_frame for o in sequence.objects] == [2, 0]
    add(tmp_path / "whole", "sav_000002", shown={0: (0,)})
    whole = load_sav(tmp_path, SavLayout(start="first"))[1]
    assert (len(whole), whole.labels["start"]) == (FRAMES, 0)


def test_the_number_of_cut_frames_is_no_event(tmp_path: Path) -> None:
    add(tmp_path)
    sequence = one(tmp_path, frames="annotated", objects="first", start="first")
    (track,) = sequence.objects
    frames = score_object(track.rles, track).frames
    assert score_events(frames, 0, sequence.labels) == score_events(frames, 0, {})


def test_null_is_not_annotated(tmp_path: Path) -> None:
    rows = annotation("sav_000001")["masklet"]
    rows[1] = None
    rows[3][0] = None
    add(tmp_path, masklet=rows)
    first, second = one(tmp_path, frames="annotated").objects
    assert [rle is None for rle in first.rles] == [False, True, False, True, False]
    assert [rle is None for rle in second.rles] == [False, True, False, False, False]


def test_nothing_is_opened_before_it_is_asked_for(tmp_path: Path) -> None:
    mention(tmp_path / "sav_000", "sav_000003", "sav_000020", "sav_000100")
    sequences = load_sav(tmp_path, SavLayout())
    assert [s.name for s in sequences] == ["sav_000003", "sav_000020", "sav_000100"]
    assert len({s.digest for s in sequences}) == 3
    with pytest.raises(InputError, match=r"sav_000003_manual\.json is no annotation of SA-V"):
        _ = sequences[0].objects
    add(tmp_path / "sav_000", "sav_000003").write_bytes(b"no video")
    assert len(load_sav(tmp_path)[0]) == FRAMES
    with pytest.raises(InputError, match=r"sav_000003\.mp4 cannot be opened as a video"):
        load_sav(tmp_path)[0].frames[0]


def test_going_forward_decodes_each_frame_of_the_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(tmp_path)
    sequence = one(tmp_path, frames="annotated")
    sequence.frames[0]
    grabbed = []

    class Counted:
        def __init__(self, path: str) -> None:
            self.real = capture(path)

        def grab(self) -> bool:
            grabbed.append(1)
            return self.real.grab()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", Counted)
    sequence.frames._video._capture = None  # open it anew
    sequence.frames._video._last = None
    for t in (0, 1, 1, 2, 4):
        sequence.frames[t]
    assert len(grabbed) == 17


def test_sequences_travel_between_processes(tmp_path: Path) -> None:
    add(tmp_path)
    sequence = one(tmp_path)
    sequence.frames[2]
    copy = pickle.loads(pickle.dumps(sequence))
    assert (copy.objects, copy.digest) == (sequence.objects, sequence.digest)
    assert np.array_equal(copy.frames[9], sequence.frames[9])


def test_digest_follows_the_video_the_annotation_and_the_layout(tmp_path: Path) -> None:
    video = add(tmp_path)
    digests = {
        one(tmp_path, **layout).digest
        for layout in ({}, {"frames": "annotated"}, {"objects": "first"}, {"start": "first"})
    }
    assert len(digests) == 4
    whole = one(tmp_path).digest
    assert one(tmp_path, lowest=1).digest == one(tmp_path, ids=("sav_000001",)).digest == whole
    film(video, frames=FRAMES - 1)
    shorter = one(tmp_path).digest
    assert shorter != whole
    add(tmp_path, shown=SHOWN | {7: (0, 1)})
    assert one(tmp_path).digest not in {whole, shorter}


def test_the_lowest_hashes_of_the_ids_are_chosen(tmp_path: Path) -> None:
    names = [f"sav_{i:06d}" for i in range(1, 13)]
    mention(tmp_path / "a/sav_000", *names[:5])
    mention(tmp_path / "sav_001", *names[5:])
    mention(tmp_path / ".trash", "sav_000099")
    (tmp_path / "sav_001" / f"._{names[0]}.mp4").write_bytes(b"finder")
    chosen = [s.name for s in load_sav(tmp_path, SavLayout(lowest=5))]
    assert chosen == by_hash(names)[:5]
    assert [s.name for s in load_sav(tmp_path)] == names


def test_the_hash_is_that_of_the_plain_id(tmp_path: Path) -> None:
    mention(tmp_path, "sav_000001", "sav_000002", "sav_000003")
    # `printf sav_000001 | sha256sum` begins with a5398a40, of 2 with 8425a47d, of 3 with c27bd48a.
    order = [s.name for s in load_sav(tmp_path, SavLayout(lowest=3))]
    assert order == ["sav_000002", "sav_000001", "sav_000003"]


def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    mention(tmp_path / "disk", "sav_000001")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sav_000").symlink_to(tmp_path / "disk")
    assert [s.name for s in load_sav(tmp_path / "data")] == ["sav_000001"]


def test_pinned_ids_keep_the_order_of_a_chosen_set(tmp_path: Path) -> None:
    mention(tmp_path, *(f"sav_{i:06d}" for i in range(1, 6)))
    chosen = [s.name for s in load_sav(tmp_path, SavLayout(lowest=3))]
    pinned = SavLayout(ids=tuple(sorted(chosen)))
    assert [s.name for s in load_sav(tmp_path, pinned)] == chosen


def test_pinned_ids_that_are_missing_are_named(tmp_path: Path) -> None:
    mention(tmp_path, "sav_000001", "sav_000002")
    (tmp_path / "sav_000002.mp4").unlink()
    for ids, message in (
        (
            ("sav_000001", "sav_000009"),
            r"Video sav_000009 of the split's list is not below .*: add",
        ),
        (("sav_000002",), r"sav_000002\.mp4 does not exist: unpack its archive again"),
    ):
        with pytest.raises(InputError, match=message):
            load_sav(tmp_path, SavLayout(ids=ids))
    with collecting_failures() as failures:
        load_sav(tmp_path, SavLayout(ids=("sav_000002", "sav_000001", "sav_000009")))
    assert set(failures) == {"sav_000002", "sav_000009"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": ("a", "b", "a")}, "ids names a video twice"),
        ({"ids": ("a",), "lowest": 1}, "lowest and ids both choose"),
        ({"ids": ()}, "at least 1 item"),
        ({"lowest": 0}, "greater than 0"),
        ({"frames": "6"}, "'all' or 'annotated'"),
    ],
)
def test_a_layout_is_checked(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SavLayout(**change)


def test_incomplete_videos_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mention(tmp_path, "sav_000001", "sav_000002", "sav_000003")
    (tmp_path / f"sav_000002{MANUAL}").rename(tmp_path / "sav_000002_auto.json")
    (tmp_path / "sav_000003.mp4").unlink()
    with caplog.at_level(logging.WARNING):
        assert [s.name for s in load_sav(tmp_path, SavLayout(lowest=64))] == ["sav_000001"]
    halves, few = caplog.messages
    assert halves.startswith("Left out as incomplete: 2. The first: ")
    assert halves.endswith(f"sav_000002{MANUAL} does not exist: unpack its archive again.")
    assert "has 1 of the 64 videos asked for" in few
    caplog.clear()
    load_sav(tmp_path, SavLayout(ids=("sav_000001",)))
    with collecting_failures() as failures:
        load_sav(tmp_path)
    assert list(failures) == ["sav_000002", "sav_000003"]
    assert not caplog.messages


def test_folders_without_videos_and_with_one_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no whole video of SA-V's training set"):
        load_sav(tmp_path)
    mention(tmp_path / "sav_000", "sav_000001")
    mention(tmp_path / "sav_001", "sav_000001")
    with pytest.raises(InputError, match=r"sav_000/sav_000001\.mp4 and .*sav_001/sav_000001\.mp4"):
        load_sav(tmp_path)


def test_the_set_is_named_after_its_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "SA-V/sav_train/sav_000"
    names = [f"sav_{i:06d}" for i in range(70)]
    mention(root, *names)
    chosen = by_hash(names)[:64]
    known = hashlib.sha256("\n".join(chosen).encode()).hexdigest()[:8]
    whole = load_split("sav-64", data=tmp_path, limit=3)
    assert (whole.name, whole.role) == (f"sav-64@{known}", "val")
    assert [s.name for s in whole.sequences] == chosen[:3]
    assert load_split(whole.name, data=tmp_path).digest == whole.digest
    assert load_split("sav-train", data=tmp_path).name == "sav-train"

    (root / f"{chosen[0]}.mp4").unlink()
    other = load_split("sav-64", data=tmp_path)
    assert other.name.startswith("sav-64@")
    assert other.name != whole.name
    with pytest.raises(InputError, match=rf"videos present are {other.name}, not {whole.name}: "):
        load_split(whole.name, data=tmp_path)

    spec = splits.split_specs()["sav-64"]
    pinned = SavLayout(**SAV_64.model_dump() | {"lowest": None, "ids": tuple(sorted(chosen))})
    assert spec.sav == SAV_64
    monkeypatch.setattr(
        splits, "split_specs", lambda: {"sav-64": spec.model_copy(update={"sav": pinned})}
    )
    with pytest.raises(InputError, match=rf"{chosen[0]}\.mp4 does not exist"):
        load_split(whole.name, data=tmp_path)
    mention(root, *chosen, *(f"sav_{i:06d}" for i in range(100, 300)))
    assert load_split(whole.name, data=tmp_path).digest == whole.digest


def spoil_row(column: int, **change: Any) -> list[list[dict[str, Any]]]:
    """Masks of which one on annotated frame 3 is changed."""
    rows = annotation("sav_000001")["masklet"]
    rows[3][column] = rows[3][column] | change
    return rows


ROWS = annotation("sav_000001")["masklet"]
WHOLE = ROWS[3][1]["counts"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"masklet": ROWS[:4]}, r"has 4 annotated frames where a video of 18 frames has 5"),
        ({"masklet": [*ROWS, ROWS[0]]}, r"has 6 annotated frames where a video of 18"),
        ({"masklet": [*ROWS[:4], ROWS[4][:1]]}, r"has 1 masks for 2 masklets on annotated frame 4"),
        ({"masklet_id": [7, 7]}, r"has masklet 7 twice"),
        ({"masklet_id": [], "masklet": [[]] * 5}, r"has no masklet: replace"),
        ({"video_id": "sav_000002"}, r"is about the video sav_000002"),
        ({"video_frame_count": 17.5}, r"\(video_frame_count: Input should be a valid integer"),
        ({"video_frame_count": None}, r"\(video_frame_count: Input should be a valid integer"),
        ({"masklet_id": ["a", "b"]}, r"\(masklet_id: 0: Input should be a valid integer"),
        ({"masklet": spoil_row(1, size=[W, H])}, r"masklet 7 as 64x48 on annotated frame 3, but"),
        ({"masklet": spoil_row(1, counts=[9])}, r"\(masklet: 3: 1: counts: Input should be a va"),
        *(
            ({"masklet": spoil_row(1, counts=counts)}, r"run lengths of masklet 7 on annotated fra")
            for counts in (WHOLE[:-1], WHOLE[: len(WHOLE) // 2], WHOLE + "1", "", "~~", "0é")
        ),
        ({"shown": SHOWN | {7: ()}}, r"Masklet 7 never appears in .*sav_000001_manual\.json: leav"),
    ],
)
def test_bad_annotations(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    add(tmp_path, **changes)
    (sequence,) = load_sav(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        _ = sequence.objects
    assert f"sav_000001{MANUAL}" in str(caught.value)


def test_a_masklet_that_is_not_chosen_may_be_absent(tmp_path: Path) -> None:
    add(tmp_path, shown={3: (1,), 4: ()})
    assert [o.id for o in one(tmp_path, objects="first").objects] == ["3"]
    add(tmp_path, shown={3: (), 4: (1,)})
    with pytest.raises(InputError, match="Masklet 3 never appears"):
        _ = one(tmp_path, objects="first", start="first").objects


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_download_that_broke_off(tmp_path: Path, kept: float) -> None:
    add(tmp_path)
    path = tmp_path / f"sav_000001{MANUAL}"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match=r"manual\.json is no annotation of SA-V \(Invalid JSON"):
        len(one(tmp_path))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda v: film(v, FRAMES - 1), r"\.mp4 has 17 frames but its annotation was made on 18"),
        (lambda v: film(v, FRAMES + 1), r"\.mp4 has 19 frames but its annotation was made on 18"),
        (lambda v: film(v, size=(W, H)), r"\.mp4 is 64x48 but its annotation is 48x64"),
        (rotate, r"\.mp4 is 64x48 but its annotation is 48x64"),
        (lambda v: v.write_bytes(b""), r"\.mp4 cannot be opened as a video"),
    ],
)
def test_videos_that_are_not_the_annotated_ones(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(add(tmp_path))
    sequence = one(tmp_path, frames="annotated")
    assert len(sequence.objects) == 2
    with pytest.raises(InputError, match=message):
        sequence.frames[0]


def test_a_video_turned_by_its_container_is_compared_as_it_is_seen(tmp_path: Path) -> None:
    rotate(film(add(tmp_path), size=(W, H)))
    assert one(tmp_path).frames[5].shape == (H, W, 3)


def test_a_run_on_sav_64(tmp_path: Path) -> None:
    root = tmp_path / "SA-V/sav_train/sav_000"
    add(root, "sav_000001")
    add(root, "sav_000002")
    (root / f"sav_000002{MANUAL}").write_text("{")
    name = load_split("sav-64", data=tmp_path).name
    settings = RunSettings(
        (("fifo", {}),), "sav-64", model="nano", device="cpu", data=tmp_path, out=tmp_path / "out"
    )
    report = run(settings)
    assert report.done == ["sav_000001"]
    ((failed, reason),) = report.failed
    assert failed == "sav_000002"
    assert "is no annotation of SA-V (Invalid JSON" in reason
    (folder,) = open_results(tmp_path / "out", name)
    assert folder.identity.dataset == name
    record = folder.read("sav_000001", "0")
    assert (record.first_frame, record.num_frames, record.size) == (0, 3, (H, W))


@pytest.mark.parametrize("quick", [False, True])
def test_data_check_finds_all_that_is_wrong_with_a_copy(tmp_path: Path, quick: bool) -> None:
    root = tmp_path / "SA-V/sav_train"
    for i in range(1, 6):
        add(root / "sav_000", f"sav_{i:06d}")
    film(root / "sav_000/sav_000002.mp4", frames=FRAMES - 4)
    (root / f"sav_000/sav_000003{MANUAL}").write_text('{"video_id": "sav_00')
    (root / f"sav_000/sav_000004{MANUAL}").unlink()
    (root / "sav_000/sav_000005.mp4").unlink()
    checked = {one.name: one for one in check_data("sav-64", tmp_path, quick=quick).sequences}
    found = {name: [f.text for f in one.findings if f.problem] for name, one in checked.items()}
    assert found.pop("sav_000001") == []
    assert (checked["sav_000001"].frames, checked["sav_000001"].objects) == (3, 1)
    for name, message in (
        ("sav_000002", r"sav_000002\.mp4 has 14 frames but its annotation was made on 18"),
        ("sav_000003", r"sav_000003_manual\.json is no annotation of SA-V \(Invalid JSON"),
        ("sav_000004", r"sav_000004_manual\.json does not exist: unpack its archive again"),
        ("sav_000005", r"sav_000005\.mp4 does not exist: unpack its archive again"),
    ):
        (text,) = found.pop(name)
        assert re.search(message, text)
    assert not found
