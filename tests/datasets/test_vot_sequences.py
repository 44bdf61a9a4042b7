import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets.rle import decode
from vot_memory.datasets.splits import load_split
from vot_memory.datasets.vot import VotLayout, load_vot
from vot_memory.errors import InputError

H, W = 6, 8
SQUARE, PIXEL, EMPTY = "m2,1,2,2,0,4", "m5,4,1,1,0,1", "m0,0,0,0,0"


def sequence(root: Path, name: str = "cow", frames: int = 4, **truth: list[str]) -> Path:
    """A sequence folder and its line in list.txt; `truth` is file name without .txt -> lines."""
    folder = root / name
    (folder / "color").mkdir(parents=True)
    for t in range(1, frames + 1):
        picture = Image.fromarray(np.full((H, W, 3), 40 * t, np.uint8))
        picture.save(folder / f"color/{t:08d}.jpg")
    (folder / "sequence").write_text(
        f"channels.color=color/%08d.jpg\nformat=default\nfps=25\nname={name}\n"
    )
    for file, lines in (truth or {"groundtruth": [SQUARE] * frames}).items():
        write(folder / f"{file}.txt", *lines)
    with (root / "list.txt").open("a") as stream:
        stream.write(name + "\n")
    return folder


def write(path: Path, *lines: str) -> None:
    path.write_text("".join(line + "\n" for line in lines))


def truth(track) -> list[int | None]:
    """Pixels of each frame; None where not annotated."""
    return [None if rle is None else int(decode(rle).sum()) for rle in track.rles]


def test_one_object(tmp_path: Path) -> None:
    sequence(tmp_path, groundtruth=[SQUARE, "0", EMPTY])
    (cow,) = load_vot(tmp_path)
    assert (cow.name, len(cow), cow.size, cow.fps) == ("cow", 4, (H, W), 25.0)
    assert cow.ignore is None
    assert dict(cow.labels) == {}
    (track,) = cow.objects
    assert (track.id, track.first_frame, track.boxes) == ("1", 0, None)
    assert truth(track) == [4, None, 0, None]  # not annotated, absent, after the last line
    assert np.argwhere(track.mask(0)).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]
    assert abs(int(cow.frames[3].mean()) - 160) < 3


def test_what_a_server_keeps_is_not_read(tmp_path: Path) -> None:
    sequence(tmp_path, groundtruth_1=[SQUARE, SQUARE], groundtruth_2=["0", EMPTY, SQUARE, PIXEL])
    (cow,) = load_vot(tmp_path, VotLayout(truth="first"))
    assert [(o.first_frame, truth(o)) for o in cow.objects] == [
        (0, [4, None, None, None]),
        (2, [None, None, 4, None]),
    ]


def test_several_objects_late_ones_and_ignored_pixels(tmp_path: Path) -> None:
    sequence(
        tmp_path,
        groundtruth=["1,2,3,4"],  # not read beside those with names, as in the toolkit
        groundtruth_10=["0", EMPTY, SQUARE, "1"],
        groundtruth_2=[SQUARE],
        groundtruth__ignore=["0", PIXEL],
    )
    (cow,) = load_vot(tmp_path)
    assert [(o.id, o.first_frame) for o in cow.objects] == [("2", 0), ("10", 2)]
    assert [truth(o) for o in cow.objects] == [[4, None, None, None], [None, 0, 4, 0]]
    assert cow.ignore is not None
    assert [None if rle is None else decode(rle).sum() for rle in cow.ignore] == [
        None,
        1,
        None,
        None,
    ]


def test_ignored_pixels_beside_the_file_of_one_object(tmp_path: Path) -> None:
    sequence(tmp_path, groundtruth=[SQUARE], groundtruth__ignore=[PIXEL])
    (cow,) = load_vot(tmp_path)
    assert [o.id for o in cow.objects] == ["1"]
    assert cow.ignore is not None


def test_rectangles_make_a_track_of_boxes(tmp_path: Path) -> None:
    sequence(tmp_path, groundtruth=["0,0,0,0", "1.5,2,3,4", "nan,nan,nan,nan", "1"])
    (track,) = load_vot(tmp_path)[0].objects
    assert track.boxes == ((0, 0, 0, 0), (1.5, 2, 3, 4), None, (0, 0, 0, 0))
    assert track.first_frame == 1
    assert track.rles == (None,) * 4


def test_polygons_become_masks(tmp_path: Path) -> None:
    sequence(tmp_path, groundtruth=["1,1,4,1,4,3,1,3", SQUARE])
    assert truth(load_vot(tmp_path)[0].objects[0]) == [12, 4, None, None]


def test_tags_and_values_are_labels(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    write(folder / "occlusion.tag", "0", "1")
    write(folder / "speed.value", "", "2.5", "3")
    labels = load_vot(tmp_path)[0].labels
    assert labels["occlusion"].tolist() == [False, True, False, False]
    assert labels["occlusion"].dtype == bool
    np.testing.assert_array_equal(labels["speed"], [np.nan, 2.5, 3, np.nan])


def test_only_tagged_frames_count_besides_the_prompt(tmp_path: Path) -> None:
    folder = sequence(tmp_path, groundtruth_a=[SQUARE] * 4, groundtruth_b=["0", PIXEL, PIXEL])
    write(folder / "evaluation.tag", "0", "0", "1")
    (cow,) = load_vot(tmp_path, VotLayout(filter_tag="evaluation"))
    assert [truth(o) for o in cow.objects] == [[4, None, 4, None], [None, 1, 1, None]]
    (folder / "evaluation.tag").unlink()
    with pytest.raises(InputError, match=r"cow has no evaluation\.tag, which says which frames"):
        load_vot(tmp_path, VotLayout(filter_tag="evaluation"))


def test_where_sequences_are_found(tmp_path: Path) -> None:
    for name in ("seq10", "seq2"):
        sequence(tmp_path / "sequences", name)
    assert [s.name for s in load_vot(tmp_path)] == ["seq10", "seq2"]  # the list's order
    assert [s.name for s in load_vot(tmp_path / "sequences")] == ["seq10", "seq2"]
    split = load_split(str(tmp_path / "sequences"))
    assert split.name.startswith("sequences@")
    assert [s.name for s in split.sequences] == ["seq10", "seq2"]
    (tmp_path / "sequences/list.txt").unlink()
    assert [s.name for s in load_vot(tmp_path / "sequences")] == ["seq2", "seq10"]
    split = load_split(str(tmp_path / "sequences"))
    assert [s.name for s in split.sequences] == ["seq2", "seq10"]
    with pytest.raises(InputError, match="has no VOT sequences: put a folder a sequence there"):
        load_vot(tmp_path)


def test_another_channel_and_other_names(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (folder / "color").rename(folder / "ir")
    for path in (folder / "ir").iterdir():
        path.rename(path.with_name(f"i{int(path.stem):03d}_x.jpg"))
    write(folder / "sequence", "channels.ir=ir/i%03d_x.jpg", "length=4", "width=8", "height=6")
    (cow,) = load_vot(tmp_path, VotLayout(channel="ir"))
    assert (len(cow), cow.fps, cow.size) == (4, 30.0, (H, W))
    with pytest.raises(InputError, match=r"sequence has no line such as channels\.color="):
        load_vot(tmp_path)


def test_regions_are_read_at_first_access_and_sequences_travel(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    write(folder / "groundtruth.txt", "nonsense")
    (cow,) = load_vot(tmp_path)
    with pytest.raises(InputError, match=r"groundtruth\.txt, line 1: 'nonsense' is no region"):
        _ = cow.objects
    write(folder / "groundtruth.txt", SQUARE)
    assert pickle.loads(pickle.dumps(cow)).objects == cow.objects


def test_digest_follows_all_that_may_change_a_score(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    digests = {load_vot(tmp_path)[0].digest}
    assert load_vot(tmp_path)[0].digest in digests
    write(folder / "evaluation.tag", "1", "1")
    digests.add(load_vot(tmp_path)[0].digest)
    digests.add(load_vot(tmp_path, VotLayout(filter_tag="evaluation"))[0].digest)
    write(folder / "evaluation.tag", "1", "0")
    digests.add(load_vot(tmp_path)[0].digest)
    write(folder / "groundtruth__ignore.txt", PIXEL)
    digests.add(load_vot(tmp_path)[0].digest)
    write(folder / "groundtruth.txt", PIXEL)
    digests.add(load_vot(tmp_path)[0].digest)
    picture = folder / "color/00000002.jpg"
    picture.write_bytes(picture.read_bytes() + b"\0")
    digests.add(load_vot(tmp_path)[0].digest)
    assert len(digests) == 7


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "sequence").unlink(), r"cow/sequence, the description .* cannot be read"),
        (
            lambda f: f.rename(f.with_name("x")),
            r"Sequence cow has no folder .*take it off the list",
        ),
        (lambda f: (f / "groundtruth.txt").unlink(), r"cow has no ground truth: add groundtruth"),
        (
            lambda f: (f / "color/00000002.jpg").unlink(),
            r"color/00000002\.jpg is missing: complete the frames",
        ),
        (
            lambda f: (f / "color/00000004.jpg").rename(f / "color/00000000.jpg"),
            r"color/00000000\.jpg is no frame, since they count from 1",
        ),
        (
            lambda f: [p.unlink() for p in (f / "color").iterdir()],
            r"cow has no frames color/%08d\.jpg",
        ),
        (
            lambda f: write(f / "sequence", "channels.color=color/%08d.jpg", "length=5"),
            r"color/00000005\.jpg is missing",
        ),
        (
            lambda f: write(f / "sequence", "channels.color=color/%08d.jpg", "length=3"),
            r"cow has 4 frames but its metadata say length=3",
        ),
        (
            lambda f: write(f / "sequence", "channels.color=color/%08d.jpg", "fps=fast"),
            r"cow/sequence says fps=fast: write a number above 0",
        ),
        (
            lambda f: write(f.parent / "list.txt", "cow", "cow"),
            r"list\.txt names the sequence cow twice",
        ),
    ],
)
def test_bad_folders(tmp_path: Path, spoil, message: str) -> None:
    spoil(sequence(tmp_path))
    with pytest.raises(InputError, match=message):
        load_vot(tmp_path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([SQUARE] * 5, r"groundtruth\.txt has 5 lines but cow has 4 frames"),
        ([EMPTY, "0", "1"], r"Object 1 never appears in .*groundtruth\.txt"),
        (
            ["0", SQUARE, "1,2,3,4"],
            r"txt, line 3 is a rectangle but line 2 is a mask or polygon: annotate an object in",
        ),
        (["1,2"], r"txt, line 1 is a point: only areas can be tracked here"),
    ],
)
def test_bad_ground_truth(tmp_path: Path, lines: list[str], message: str) -> None:
    sequence(tmp_path, groundtruth=lines)
    (cow,) = load_vot(tmp_path)
    with pytest.raises(InputError, match=message):
        _ = cow.objects


def test_bad_labels_and_sizes(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (cow,) = load_vot(tmp_path)
    for lines, number in ((["yes", "1"], 1), (["1", "2"], 2)):
        write(folder / "a.tag", *lines)
        with pytest.raises(InputError, match=rf"a\.tag, line {number}: write 0 or 1 there"):
            _ = cow.labels
    write(folder / "a.tag", *"10101")
    with pytest.raises(InputError, match=r"a\.tag has 5 lines but cow has 4 frames"):
        _ = cow.labels
    (folder / "a.tag").unlink()
    write(folder / "b.value", "many")
    with pytest.raises(InputError, match=r"b\.value, line 1: write a number there"):
        _ = cow.labels
    write(folder / "sequence", "channels.color=color/%08d.jpg", "width=9", "height=6")
    with pytest.raises(InputError, match=r"sequence says 9x6 but .*00000001\.jpg is 8x6"):
        _ = load_vot(tmp_path)[0].size


def test_files_that_are_no_text(tmp_path: Path) -> None:
    folder = sequence(tmp_path)
    (folder / "a.tag").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"a\.tag cannot be read as text: replace it"):
        _ = load_vot(tmp_path)[0].labels
    (folder / "sequence").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"description of the sequence, is not UTF-8: save it"):
        load_vot(tmp_path)
    (tmp_path / "list.txt").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"the list of sequences, is not UTF-8: save it as"):
        load_vot(tmp_path)
