"""The box data sets in the layouts that datasets.yaml gives them, with a few frames each."""

import math
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from vot_memory.commands.data_check import check_data
from vot_memory.datasets import splits
from vot_memory.datasets.boxes import BoxLayout, load_boxes
from vot_memory.datasets.splits import BoxSpec, load_split, split_specs
from vot_memory.errors import InputError

H, W = 6, 8


def layout(split: str, **changes) -> BoxLayout:
    return split_specs()[split].boxes.model_copy(update=changes)


def frames(folder: Path, names) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (W, H)).save(folder / name)


def text(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def lasot(root: Path, name: str = "airplane-1", count: int = 4) -> Path:
    folder = root / name.rpartition("-")[0] / name
    frames(folder / "img", [f"{t:08d}.jpg" for t in range(1, count + 1)])
    text(folder / "groundtruth.txt", *[f"{t},2,3,4" for t in range(1, count + 1)])
    text(folder / "full_occlusion.txt", ",".join("0" * count))
    text(folder / "out_of_view.txt", ",".join("0" * count))
    return folder


def load_one(root: Path, layout: BoxLayout):
    (sequence,) = load_boxes(root, layout)
    (track,) = sequence.objects
    assert (track.id, track.first_frame, set(track.rles)) == ("1", 0, {None})
    assert len(track.boxes) == len(track.rles) == len(sequence)
    return sequence, track.boxes


def test_lasot_marks_occluded_and_unseen_frames_as_absent(tmp_path: Path) -> None:
    folder = lasot(tmp_path, count=6)
    text(folder / "full_occlusion.txt", "1,0,1,0,0,0")  # of the first frame it is not heard
    text(folder / "out_of_view.txt", "0,0,0,1,0,0")
    text(folder / "groundtruth.txt", *"1,2,3,4 1,2,3,4 5,5,2,2 0,0,0,0 1,1,-1,-1 2,2,3,3".split())
    text(tmp_path / "testing_set.txt", "airplane-1")
    sequence, boxes = load_one(tmp_path, layout("lasot-test"))
    assert (sequence.name, len(sequence), sequence.size, sequence.fps) == (
        "airplane-1",
        6,
        (H, W),
        30,
    )
    assert boxes[:2] == ((1, 2, 3, 4), (1, 2, 3, 4))
    assert boxes[2] == boxes[3] == (0, 0, 0, 0)
    assert boxes[4] == (1, 1, -1, -1)  # as published, and without an area
    assert boxes[5] == (2, 2, 3, 3)
    assert sequence.frames[5].shape == (H, W, 3)


def test_lasot_is_its_list_and_its_extension_is_what_is_there(tmp_path: Path) -> None:
    for name in ("airplane-1", "airplane-10", "airplane-2", "bus-19"):
        lasot(tmp_path, name)
    text(tmp_path / "testing_set.txt", "bus-19", "airplane-1")
    names = [s.name for s in load_boxes(tmp_path, layout("lasot-test"))]
    assert names == ["bus-19", "airplane-1"]
    (tmp_path / "bus/bus-19/groundtruth.txt").rename(tmp_path / "bus/groundtruth.txt")
    names = [s.name for s in load_boxes(tmp_path, layout("lasot-ext"))]
    assert names == ["airplane-1", "airplane-2", "airplane-10"]


def test_got_10k_goes_by_the_visible_share(tmp_path: Path) -> None:
    folder = tmp_path / "val/GOT-10k_Val_000001"
    frames(folder, [f"{t:08d}.jpg" for t in (1, 2, 3)])
    text(folder / "groundtruth.txt", *["347.0000,443.0000,429.0000,272.5000"] * 3)
    text(folder / "cover.label", "8", "0", "1")
    text(folder / "absence.label", "0", "0", "1")
    text(folder / "meta_info.ini", "[METAINFO]", "resolution: (1920, 1080)")
    text(tmp_path / "val/list.txt", "GOT-10k_Val_000001")
    sequence, boxes = load_one(tmp_path, layout("got-10k-val"))
    assert (sequence.name, sequence.fps) == ("GOT-10k_Val_000001", 10)
    assert boxes == ((347, 443, 429, 272.5), (0, 0, 0, 0), (347, 443, 429, 272.5))


def test_only_the_first_box_of_a_hidden_truth_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "test/GOT-10k_Test_000001"
    frames(folder, [f"{t:08d}.jpg" for t in (1, 2, 3)])
    text(folder / "groundtruth.txt", "1.0,2.0,3.0,4.0")
    text(tmp_path / "test/list.txt", "GOT-10k_Test_000001")
    _, boxes = load_one(tmp_path, layout("got-10k-test"))
    assert boxes == ((1, 2, 3, 4), None, None)


def test_trackingnet_counts_from_zero_without_padding(tmp_path: Path) -> None:
    for name in ("-9xW_0", "8uYRMsAt68Y_0"):
        frames(tmp_path / "TEST/frames" / name, [f"{t}.jpg" for t in range(11)])
        text(tmp_path / f"TEST/anno/{name}.txt", "1,2,3,4")
    (tmp_path / "TEST/anno/._8uYRMsAt68Y_0.txt").touch()
    sequences = load_boxes(tmp_path, layout("trackingnet-test"))
    assert {s.name for s in sequences} == {"-9xW_0", "8uYRMsAt68Y_0"}
    assert [p.name for p in sequences[0].frames.paths] == [f"{t}.jpg" for t in range(11)]
    assert sequences[0].objects[0].boxes == ((1, 2, 3, 4), *[None] * 10)


def vatic(count: int, lost: int = 10**6) -> list[str]:
    """Rows of VATIC: the left corner moves by a pixel a row."""
    return [f'0 {t} 2 {t + 3} 6 {t} {int(t >= lost)} 0 1 "swimming ball"' for t in range(count)]


def test_nfs_takes_every_eighth_row_at_30_frames_a_second(tmp_path: Path) -> None:
    frames(tmp_path / "bee/30/bee", [f"{t:05d}.jpg" for t in (1, 2, 3)])
    text(tmp_path / "bee/30/bee.txt", *vatic(21, lost=16))
    sequence, boxes = load_one(tmp_path, layout("nfs-30"))
    assert (sequence.name, sequence.fps) == ("bee", 30)
    assert boxes == ((0, 2, 3, 4), (8, 2, 3, 4), (0, 0, 0, 0))
    text(tmp_path / "bee/30/bee.txt", *vatic(3))
    assert load_one(tmp_path, layout("nfs-30"))[1][1] == (1, 2, 3, 4)


def test_nfs_may_have_one_box_less_or_more_than_frames(tmp_path: Path) -> None:
    frames(tmp_path / "bee/240/bee", [f"{t:05d}.jpg" for t in range(1, 11)])
    for rows, last in ((9, None), (10, (9, 2, 3, 4)), (11, (9, 2, 3, 4))):
        text(tmp_path / "bee/240/bee.txt", *vatic(rows))
        sequence, boxes = load_one(tmp_path, layout("nfs-240"))
        assert (len(boxes), boxes[0], boxes[-1], sequence.fps) == (10, (0, 2, 3, 4), last, 240)
    for rows in (8, 12):
        text(tmp_path / "bee/240/bee.txt", *vatic(rows))
        with pytest.raises(InputError, match=rf"bee.txt has {rows} boxes but .*bee has 10 frames"):
            load_one(tmp_path, layout("nfs-240"))


def test_data_check_knows_that_nfs_may_lack_its_last_box(tmp_path: Path) -> None:
    root = tmp_path / "NfS"
    frames(root / "bee/240/bee", [f"{t:05d}.jpg" for t in range(1, 9)])
    text(root / "bee/240/bee.txt", *vatic(7))
    found = [finding for _, finding in check_data("nfs-240", tmp_path).rows()]
    assert {finding.kind for finding in found if finding.problem} == {"counts"}  # 1 of 100 videos
    assert any("no annotation in frame 7" in finding.text for finding in found)


def test_nfs_as_rearranged(tmp_path: Path) -> None:
    frames(tmp_path / "sequences/bee", ["00001.jpg", "00002.jpg"])
    text(tmp_path / "anno/nfs_bee.txt", "1\t2\t3\t4", "2\t2\t3\t4")
    sequence, boxes = load_one(tmp_path, layout("nfs-30"))
    assert sequence.name == "bee"
    assert boxes == ((1, 2, 3, 4), (2, 2, 3, 4))


@pytest.mark.parametrize("line", ["5,6,7,8", "5\t6\t7\t8", "5 6 7 8", "  5,  6, 7.0,\t8 "])
def test_otb_separates_by_whatever_it_likes(tmp_path: Path, line: str) -> None:
    frames(tmp_path / "Board/img", ["00001.jpg", "00002.jpg", "00003.jpg"])
    text(tmp_path / "Board/groundtruth_rect.txt", line, "0,0,0,0", "NaN,NaN,NaN,NaN")
    _, boxes = load_one(tmp_path, layout("otb-100", sequences=("Board",)))
    assert boxes == ((5, 6, 7, 8), (0, 0, 0, 0), None)


def test_otb_keeps_to_the_published_ranges(tmp_path: Path) -> None:
    frames(tmp_path / "Football1/img", [f"{t:04d}.jpg" for t in range(1, 82)])
    text(tmp_path / "Football1/groundtruth_rect.txt", *["5,6,7,8"] * 74)
    frames(tmp_path / "David/img", [f"{t:04d}.jpg" for t in range(295, 771)])
    text(tmp_path / "David/groundtruth_rect.txt", *["5,6,7,8"] * 471)
    frames(tmp_path / "BlurCar1/img", [f"{t:04d}.jpg" for t in range(247, 250)])
    text(tmp_path / "BlurCar1/groundtruth_rect.txt", *["5,6,7,8"] * 3)
    names = ("David", "Football1", "BlurCar1")
    spans = {}
    for sequence in load_boxes(tmp_path, layout("otb-100", sequences=names)):
        paths = sequence.frames.paths
        spans[sequence.name] = paths[0].stem, paths[-1].stem
        assert len(sequence.objects[0].boxes) == len(paths)
    assert spans == {
        "David": ("0300", "0770"),
        "Football1": ("0001", "0074"),
        "BlurCar1": ("0247", "0249"),
    }
    (tmp_path / "David/img/0770.jpg").unlink()
    with pytest.raises(InputError, match=r"David/img lacks frame 0770\.jpg"):
        load_boxes(tmp_path, layout("otb-100", sequences=names))


def test_otb_videos_of_two_objects_are_two_sequences(tmp_path: Path) -> None:
    frames(tmp_path / "Jogging/img", ["0001.jpg"])
    frames(tmp_path / "Human4/img", ["0001.jpg"])
    frames(tmp_path / "Skating2-1/img", ["0001.jpg"])  # as the authors' toolkit rearranges it
    text(tmp_path / "Jogging/groundtruth_rect.1.txt", "1,1,1,1")
    text(tmp_path / "Jogging/groundtruth_rect.2.txt", "2,2,2,2")
    (tmp_path / "Human4/groundtruth_rect.1.txt").touch()
    text(tmp_path / "Human4/groundtruth_rect.2.txt", "4,4,4,4")
    text(tmp_path / "Skating2-1/groundtruth_rect.txt", "3,3,3,3")
    names = ("Jogging-1", "Jogging-2", "Human4-2", "Skating2-1")
    found = load_boxes(tmp_path, layout("otb-100", sequences=names))
    assert [s.objects[0].boxes[0][0] for s in found] == [1, 2, 4, 3]


def test_otb_has_the_published_number_of_objects() -> None:
    hundred, fifty = (layout(name).sequences for name in ("otb-100", "otb-50"))
    assert (len(set(hundred)), len(set(fifty))) == (100, 50)
    assert set(fifty) < set(hundred)
    assert set(layout("otb-100").ranges) < set(hundred)


def test_digest_is_of_frames_boxes_flags_and_what_is_read_of_them(tmp_path: Path) -> None:
    folder = lasot(tmp_path)
    ext = layout("lasot-ext")

    def digest(layout: BoxLayout = ext) -> str:
        return load_boxes(tmp_path, layout)[0].digest

    seen = [digest()]
    for change in ({"fps": 25.0}, {"absent": ()}, {"truth": "first"}, {"stride": 2}, {"slack": 1}):
        seen.append(digest(layout("lasot-ext", **change)))
    text(folder / "out_of_view.txt", "0,0,0,1")
    seen.append(digest())
    text(folder / "groundtruth.txt", *["1,2,3,4"] * 4)
    seen.append(digest())
    picture = folder / "img/00000002.jpg"
    picture.write_bytes(picture.read_bytes() + b"more")
    seen.append(digest())
    assert len(set(seen)) == len(seen)
    assert digest() == seen[-1]


def test_rules_change_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lasot(tmp_path / "LaSOT-ext")
    spec = split_specs()["lasot-ext"]
    found = []
    for rules in ("lasot", "otb", None):
        changed = {"lasot-ext": spec.model_copy(update={"rules": rules})}
        monkeypatch.setattr(splits, "split_specs", lambda changed=changed: changed)
        split = load_split("lasot-ext", data=tmp_path)
        assert split.box_rules == rules
        found.append((split.name, split.digest, split.sequences[0].digest))
    assert len(set(found)) == 1


def test_box_splits_name_the_rules_of_published_numbers() -> None:
    rules = {name: spec.rules for name, spec in split_specs().items() if spec.loader == "boxes"}
    assert rules == {
        "lasot-test": "lasot",
        "lasot-ext": "lasot",
        "got-10k-val": "got-10k",
        "got-10k-test": "got-10k",
        "trackingnet-test": "trackingnet",
        "nfs-30": "otb",
        "nfs-240": "otb",
        "otb-100": "otb",
        "otb-50": "otb",
    }
    with pytest.raises(ValidationError, match="rules"):
        BoxSpec.model_validate(split_specs()["otb-50"].model_dump() | {"rules": "OTB"})


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    folder = lasot(tmp_path)
    text(folder / "groundtruth.txt", "nonsense")
    (sequence,) = load_boxes(tmp_path, layout("lasot-ext"))
    assert len(sequence) == 4
    with pytest.raises(InputError, match="nonsense"):
        _ = sequence.objects


def truncate(folder: Path) -> None:
    text(folder / "groundtruth.txt", *["1,2,3,4"] * 3)


BROKEN = {
    "rows": (truncate, r"groundtruth.txt has 3 boxes but .*img has 4 frames: get the sequence"),
    "letters": (
        lambda f: text(f / "groundtruth.txt", "1,2,3,4", "1,2,x,4", "1,2,3,4", "1,2,3,4"),
        r"groundtruth.txt, line 2 is '1,2,x,4', not x,y,width,height",
    ),
    "columns": (
        lambda f: text(f / "groundtruth.txt", "1,2,3,4", "1,2,3,4", "1,2,3", "1,2,3,4"),
        r"line 3 is '1,2,3',",
    ),
    "blank": (
        lambda f: text(f / "groundtruth.txt", "1,2,3,4", "", "1,2,3,4", "1,2,3,4"),
        r"line 2 is ''",
    ),
    "half nan": (
        lambda f: text(f / "groundtruth.txt", "1,2,3,4", "nan,2,3,4", "1,2,3,4", "1,2,3,4"),
        r"line 2 is 'nan,2,3,4'",
    ),
    "infinite": (
        lambda f: text(f / "groundtruth.txt", "1,2,3,inf", "1,2,3,4", "1,2,3,4", "1,2,3,4"),
        r"line 1 is '1,2,3,inf'",
    ),
    "no area": (
        lambda f: text(f / "groundtruth.txt", "1,2,0,4", *["1,2,3,4"] * 3),
        r"groundtruth.txt has no box with an area for the first frame of airplane-1",
    ),
    "empty": (lambda f: (f / "groundtruth.txt").write_text("\n"), r"groundtruth.txt has no boxes"),
    "bytes": (
        lambda f: (f / "groundtruth.txt").write_bytes(b"\xff\xfe\x00"),
        r"groundtruth.txt cannot be read",
    ),
    "flags": (
        lambda f: text(f / "out_of_view.txt", "0,0,0"),
        r"out_of_view.txt has 3 flags but .*img has 4 frames",
    ),
    "flag": (
        lambda f: text(f / "full_occlusion.txt", "0,0,-1,0"),
        r"full_occlusion.txt has '-1' as value 3",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_damaged_annotation_is_named(tmp_path: Path, fault: str) -> None:
    folder = lasot(tmp_path)
    damage, message = BROKEN[fault]
    damage(folder)
    (sequence,) = load_boxes(tmp_path, layout("lasot-ext"))
    with pytest.raises(InputError, match=message):
        _ = sequence.objects


MISSING = {
    "frame": (lambda f: (f / "img/00000003.jpg").unlink(), r"img lacks frame 00000003\.jpg"),
    "first frame": (lambda f: (f / "img/00000001.jpg").unlink(), r"img lacks frame 00000001\.jpg"),
    "twice": (
        lambda f: frames(f / "img", ["002.jpg"]),
        r"img has frame 2 twice: remove (00000)?002\.jpg",
    ),
    "stranger": (lambda f: frames(f / "img", ["cover.jpg"]), r"cover\.jpg has no frame number"),
    "frames": (lambda f: [p.unlink() for p in (f / "img").iterdir()], r"img has no pictures"),
    "folder": (
        lambda f: (f / "img").rename(f / "imgs"),
        r"Sequence airplane-1 has no folder of frames .*airplane/airplane-1/img: add it",
    ),
    "flags": (
        lambda f: (f / "out_of_view.txt").unlink(),
        r"Sequence airplane-1 has no annotation .*out_of_view\.txt",
    ),
    "boxes": (
        lambda f: (f / "groundtruth.txt").unlink(),
        r"has no sequences: put the data set there so that boxes are at \{stem\}/\{name\}/ground",
    ),
}


@pytest.mark.parametrize("fault", MISSING)
def test_what_is_missing_is_named_at_once(tmp_path: Path, fault: str) -> None:
    damage, message = MISSING[fault]
    damage(lasot(tmp_path))
    with pytest.raises(InputError, match=message):
        load_boxes(tmp_path, layout("lasot-ext"))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (None, r"testing_set\.txt, the list of .*get it from https://github.com/HengLan/LaSOT_Eva"),
        ([], r"testing_set\.txt, the list of sequences, is empty"),
        (["airplane-1", "airplane-1"], "has airplane-1 twice"),
        (["airplane/airplane-1"], "has 'airplane/airplane-1', which is no name"),
        (["airplane-1", "bus-2"], r"Sequence bus-2 has no folder of frames .*bus/bus-2/img"),
    ],
)
def test_a_list_that_does_not_fit(tmp_path: Path, lines, message: str) -> None:
    lasot(tmp_path)
    if lines is not None:
        text(tmp_path / "testing_set.txt", *lines)
    with pytest.raises(InputError, match=message):
        load_boxes(tmp_path, layout("lasot-test"))


def test_both_places_of_a_missing_sequence_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"Sequence Jogging-1 has .*Jogging-1/img or .*Jogging/img"
    ):
        load_boxes(tmp_path, layout("otb-100", sequences=("Jogging-1",)))


def test_boxes_are_finite_or_absent(tmp_path: Path) -> None:
    """What measures rely on: no NaN stands in a box."""
    folder = lasot(tmp_path)
    text(folder / "groundtruth.txt", "1,2,3,4", "NaN NaN NaN NaN", "1,1,0,0", "-3,2.5,3,4")
    _, boxes = load_one(tmp_path, layout("lasot-ext"))
    assert boxes[1] is None
    assert all(math.isfinite(n) for box in boxes if box for n in box)
