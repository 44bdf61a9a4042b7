"""Results go to the VOT toolkit's tree or to PNG files and come back as they were."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vot_memory.cli import app
from vot_memory.commands.export_masks import export_results
from vot_memory.commands.export_vot import export_trajectories
from vot_memory.commands.import_masks import import_masks
from vot_memory.commands.import_vot import import_trajectories
from vot_memory.datasets.convert import convert
from vot_memory.datasets.rle import decode, encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split, load_split
from vot_memory.datasets.vot_regions import EMPTY, Rectangle, Special, format_region, parse_region
from vot_memory.datasets.vot_trajectory import read_trajectory, write_trajectory
from vot_memory.errors import InputError
from vot_memory.reports.gather import make_sections
from vot_memory.results import COLUMNS, Identity, Record, RunFolder, Store, open_results

T, SIZE = 5, (12, 16)


def some_mask(rng: np.random.Generator) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    y, x = rng.integers(0, 8, 2)
    mask[y : y + 4, x : x + 5] = rng.random((4, 5)) < 0.8
    mask[y, x] = True
    return mask


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2)


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> Path:
    """One video of one object, and one of two of which the second begins on frame 2."""

    def track(identity: str, first: int = 0) -> ObjectTrack:
        rles = [encode(some_mask(rng)) if t >= first else None for t in range(T)]
        return ObjectTrack(identity, first, tuple(rles))

    pictures = rng.integers(0, 255, (T, *SIZE, 3), dtype=np.uint8)
    videos = [
        Sequence("solo", pictures, (track("1"),), SIZE, 30.0, "a"),
        Sequence("pair", pictures, (track("1"), track("2", 2)), SIZE, 30.0, "b"),
    ]
    convert(videos, tmp_path / "data", "vot")
    return tmp_path / "data"


@pytest.fixture
def split(data: Path) -> Split:
    return load_split(str(data))


@pytest.fixture
def results(tmp_path: Path, split: Split, rng: np.random.Generator) -> RunFolder:
    """A run with masks at random that overlap; on frame 3 there is none."""
    folder = Store(tmp_path / "results").run(
        Identity(
            tracker="sam2",
            model="nano@0",
            image_size=128,
            dtype="float32",
            protocol="common",
            prompt="mask",
            policy="fifo",
            policy_config={},
            policy_source="0",
            dataset=split.name,
            dataset_digest=split.digest,
            seed=0,
            non_overlap=False,
        )
    )
    for video in split.sequences:
        for track in video.objects:
            before, begun = [None] * track.first_frame, T - track.first_frame
            masks = [some_mask(rng) & (t != 3) for t in range(track.first_frame, T)]  # 3: lost
            answers = {
                "ious": [[0.5]] * begun,
                "object_score": [1.0] * begun,
                "chosen": [0] * begun,
                "written": [0] * begun,
                "memory": [[0]] * begun,
                "tags": [[0]] * begun,
                "masks": [encode(mask)["counts"] for mask in masks],
            }
            record = {
                "sequence": video.name,
                "object": track.id,
                "policy": "fifo",
                "first_frame": track.first_frame,
                "num_frames": T,
                "size": SIZE,
                "offline": False,
            }
            columns = {name: before + values for name, values in answers.items()}
            folder.write(Record.model_validate(record | columns))
    folder.write_timing("solo", {"frames": T, "seconds": {"encode": 1.0, "track": 1.5}})
    return folder


def assert_same_answers(back: Path, results: RunFolder, split: Split) -> None:
    """All masks after the prompts, which files may leave out."""
    folder = RunFolder.open(back)
    for video in split.sequences:
        for track in video.objects:
            ours, theirs = (f.read(video.name, track.id) for f in (results, folder))
            later = slice(track.first_frame + 1, None)
            assert theirs.masks[later] == ours.masks[later]
            assert theirs.first_frame == track.first_frame
            assert all(getattr(theirs, name) == [None] * T for name in COLUMNS[1:])


@pytest.mark.parametrize("text", [False, True])
def test_trajectories_there_and_back(tmp_path, data, split, results, text) -> None:
    (made,) = export_trajectories(
        tmp_path / "results", tmp_path / "ws/results", str(data), text=text
    )
    suffix = "txt" if text else "bin"
    assert made.folder == tmp_path / "ws/results" / results.path.name
    files = sorted(str(p.relative_to(made.folder)) for p in made.folder.rglob("*") if p.is_file())
    assert files == [
        f"baseline/pair/pair_1_001.{suffix}",
        f"baseline/pair/pair_2_001.{suffix}",
        f"baseline/solo/solo_001.{suffix}",
        "baseline/solo/solo_001_time.value",
    ]
    assert (made.folder / files[3]).read_text() == "0.500000\n" * T
    for place in (tmp_path / "ws", tmp_path / "ws/results", made.folder):
        (taken,) = import_trajectories(place, str(data), tmp_path / "imported")
        assert (taken.sequences, taken.missing) == (2, ())
        assert_same_answers(taken.folder, results, split)
    assert len(list((tmp_path / "imported").glob("*/*/identity.json"))) == 1  # the same files
    assert not list((tmp_path / "imported").glob(".*"))


def test_a_trajectory_is_as_the_toolkit_writes_it(tmp_path, data, results) -> None:
    """Recorded from vot-toolkit 0.9.0: 1, then 0 until a late object has its first answer."""
    (made,) = export_trajectories(results.path, tmp_path / "out", str(data), tracker="my_fifo-2")
    assert made.folder.name == "my_fifo-2"
    solo = read_trajectory(made.folder / "baseline/solo/solo_001.bin")
    late = read_trajectory(made.folder / "baseline/pair/pair_2_001.bin")
    assert solo[0] == late[0] == Special(1)
    assert late[1] == Special(0)
    assert format_region(late[2]).startswith("m")
    assert format_region(solo[3]) == format_region(EMPTY) == "m0,0,0,0,0"


def test_reports_score_imported_results_alike(tmp_path, data, split, results) -> None:
    export_trajectories(results.path, tmp_path / "tree", str(data), tracker="fifo")
    import_trajectories(tmp_path / "tree", str(data), tmp_path / "imported")
    folders = [*open_results(tmp_path / "results"), *open_results(tmp_path / "imported")]
    gathered = make_sections(folders, lambda name: split, "fifo")
    (own, theirs), warnings = gathered.tables, gathered.warnings  # never one table
    assert not warnings
    for measure in ("Q", "A", "R", "NRE", "DRE"):
        assert own.overview[measure].item() == theirs.overview[measure].item()
    assert own.overview["Q"].item() > 0
    assert theirs.runs[0].spec is None  # another program's, whatever its name is
    assert theirs.overview["remarks"].item() != own.overview["remarks"].item()
    assert "other programs, whose models are not known here; mask prompt" in theirs.title


def test_what_else_a_tracker_may_answer(tmp_path, data, split) -> None:
    place = tmp_path / "tree/other/baseline/solo"
    place.mkdir(parents=True)
    answers = [
        Special(1),
        Rectangle(1.5, 2, 3, 4),
        Special(0),
        Special(2),
        parse_region("m-1,0,3,1,0,3"),
    ]
    write_trajectory(place / "solo_001.txt", answers)
    write_trajectory(place / "solo_001.bin", [Special(1)] * T)  # text wins, as in the toolkit
    (taken,) = import_trajectories(tmp_path / "tree", str(data), tmp_path / "imported")
    assert (taken.sequences, taken.missing) == (1, ("pair",))
    assert taken.summary.endswith("; nothing there of 1 more (pair first)")
    record = RunFolder.open(taken.folder).read("solo", "1")
    prompt, *masks = record.rles()
    assert prompt == split.sequences[0].objects[0].rles[0]
    assert [int(decode(rle).sum()) for rle in masks] == [12, 0, 0, 2]
    identity = RunFolder.open(taken.folder).identity
    assert (identity.tracker, identity.policy, identity.model) == ("imported", "other", "unknown")


def test_boxes_are_answered_by_boxes(tmp_path) -> None:
    boxes = (
        (2.0, 3.0, 4.0, 5.0),
        (3.0, 3.0, 4.0, 5.0),
        None,
        (0.0, 0.0, 0.0, 0.0),
        (4.0, 3.0, 4.0, 5.0),
    )
    pictures = np.zeros((T, *SIZE, 3), np.uint8)
    video = Sequence("solo", pictures, (ObjectTrack("1", 0, (None,) * T, boxes),), SIZE, 30.0, "a")
    convert([video], tmp_path / "data", "vot")
    place = tree(tmp_path / "tree")
    answers = [Special(1), Rectangle(3, 3, 4, 5), Special(0), Special(2), Rectangle(6, 3, 4, 5)]
    write_trajectory(place / "solo_001.bin", answers)
    import_trajectories(tmp_path / "tree", str(tmp_path / "data"), tmp_path / "imported")
    folders = open_results(tmp_path / "imported")
    assert folders[0].identity.prompt == "box"
    prompt = decode(folders[0].read("solo", "1").rles()[0])
    assert prompt[3:8, 2:6].all()
    assert prompt.sum() == 20
    split = load_split(str(tmp_path / "data"))
    (table,) = make_sections(folders, lambda name: split, "fifo").tables
    assert table.overview["Q"].item() == pytest.approx((1 + 1 + 1 / 3) / 3)  # equal, absent, half


def tree(root: Path, name: str = "a", frames: int = T) -> Path:
    place = root / name / "baseline" / "solo"
    place.mkdir(parents=True)
    write_trajectory(place / "solo_001.bin", [Special(1)] * frames)
    return place


def test_an_unpacked_submission_knows_its_tracker(tmp_path, data) -> None:
    place = tree(tmp_path / "tree").parents[1]
    (place / "manifest.yml").write_text("identifier: DAM4SAM\ntoolkit: 0.9.0\n")
    (taken,) = import_trajectories(place, str(data), tmp_path / "imported")
    assert RunFolder.open(taken.folder).identity.policy == "DAM4SAM"
    for text in ("nothing", "- a", "identifier: [", "identifier: 3"):
        (place / "manifest.yml").write_text(text)
        (taken,) = import_trajectories(place, str(data), tmp_path / "imported")
        assert RunFolder.open(taken.folder).identity.policy == "a"  # the folder's name


def test_one_of_several_trackers(tmp_path, data) -> None:
    for name in ("a", "b"):
        tree(tmp_path / "tree", name)
    out = tmp_path / "imported"
    assert len(import_trajectories(tmp_path / "tree", str(data), out)) == 2
    (taken,) = import_trajectories(tmp_path / "tree", str(data), tmp_path / "one", tracker="b")
    assert RunFolder.open(taken.folder).identity.policy == "b"
    with pytest.raises(InputError, match="tree has no tracker c: choose one of a, b"):
        import_trajectories(tmp_path / "tree", str(data), out, tracker="c")
    (taken,) = import_trajectories(tmp_path / "tree/a", str(data), out, tracker="DAM")
    assert RunFolder.open(taken.folder).identity.policy == "DAM"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.write_bytes(f.read_bytes()[:-1]), r"solo_001\.bin is damaged at byte 26"),
        (
            lambda f: write_trajectory(f, [Special(1)] * 4),
            r"solo_001\.bin has 4 regions but solo has 5 frames",
        ),
        (
            lambda f: write_trajectory(f, [*[Special(1)] * 4, parse_region("1,2")]),
            r"solo_001\.bin has a point on frame 4",
        ),
        (lambda f: f.unlink(), r"no trajectory .*solo_001\.bin or \.txt of object 1"),
        (lambda f: f.parent.rename(f.parent.with_name("x")), "There are no answers of a on data@"),
        (lambda f: f.parents[1].rename(f.parents[2] / "x"), "has no TRACKER/baseline/SEQUENCE"),
    ],
)
def test_bad_trees_leave_nothing(tmp_path, data, spoil, message) -> None:
    spoil(tree(tmp_path / "tree") / "solo_001.bin")
    with pytest.raises(InputError, match=message):
        import_trajectories(tmp_path / "tree", str(data), tmp_path / "imported")
    assert not (tmp_path / "imported").exists()


def test_one_damaged_tracker_of_several_leaves_nothing(tmp_path, data) -> None:
    tree(tmp_path / "tree", "a")
    second = tree(tmp_path / "tree", "b") / "solo_001.bin"
    sound = second.read_bytes()
    second.write_bytes(sound[:-1])
    with pytest.raises(InputError, match=r"b/baseline/solo/solo_001\.bin is damaged"):
        import_trajectories(tmp_path / "tree", str(data), tmp_path / "imported")
    assert not (tmp_path / "imported").exists()
    second.write_bytes(sound)
    made = import_trajectories(tmp_path / "tree", str(data), tmp_path / "imported")
    assert [RunFolder.open(taken.folder).identity.policy for taken in made] == ["a", "b"]
    assert not list((tmp_path / "imported").glob(".*"))


def test_only_complete_results_are_exported(tmp_path, data, results) -> None:
    (tmp_path / "out" / results.path.name / "baseline").mkdir(parents=True)
    with pytest.raises(InputError, match="exists and is not empty"):
        export_trajectories(results.path, tmp_path / "out", str(data))
    (results.path / "records/pair/2.json").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of 2 videos \(pair first\)"):
        export_trajectories(results.path, tmp_path / "new", str(data))
    assert not (tmp_path / "new").exists()


def test_a_name_is_for_one_run(tmp_path, data, results) -> None:
    other = results.identity.model_copy(update={"seed": 1})
    Store(tmp_path / "results").run(other)
    with pytest.raises(InputError, match="has 2 runs, which cannot all be called x"):
        export_trajectories(tmp_path / "results", tmp_path / "out", str(data), tracker="x")


@pytest.mark.parametrize("name", ["a/b", "..", "", "my fifo"])
@pytest.mark.parametrize("what", ["tracker", "experiment"])
def test_names_are_those_of_one_folder(tmp_path, data, results, what, name) -> None:
    with pytest.raises(InputError, match=f"does not take '{name}' as a name: give letters"):
        export_trajectories(results.path, tmp_path / "out", str(data), **{what: name})
    assert not (tmp_path / "out").exists()


def test_a_damaged_timing_file_costs_only_the_times(tmp_path, data, results) -> None:
    for text in ("{", json.dumps({"seconds": {"track": 1}}), json.dumps([])):
        (results.path / "timing/solo.json").write_text(text)
        (made,) = export_trajectories(
            results.path, tmp_path / "out", str(data), tracker=f"{len(text)}"
        )
        assert not list(made.folder.rglob("*.value"))


def test_folders_of_masks_there_and_back(tmp_path, data, split, results) -> None:
    (made,) = export_results(results.path, tmp_path / "png", str(data), apart=True)
    for path in made.folder.glob("*/*/00000001.png"):
        path.unlink()  # the prompt's frame, which some trackers do not write
    taken = import_masks(made.folder, str(data), "mine", tmp_path / "imported")
    assert (taken.sequences, taken.missing) == (2, ())
    assert_same_answers(taken.folder, results, split)
    prompt = split.sequences[0].objects[0].rles[0]
    assert RunFolder.open(taken.folder).read("solo", "1").rles()[0] == prompt


def write_map(path: Path, *pixels: tuple[int, int, int], size: tuple[int, int] = SIZE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(size, np.uint8)
    for y, x, label in pixels:
        array[y, x] = label
    Image.fromarray(array).save(path)


def maps(root: Path, video: str, *pixels: tuple[int, int, int]) -> None:
    for t in range(1, T + 1):
        write_map(root / video / f"{t:08d}.png", *pixels)


def test_label_maps(tmp_path, data) -> None:
    maps(tmp_path / "png", "pair", (1, 2, 1), (3, 4, 2), (3, 5, 2))
    maps(tmp_path / "png", "solo", (0, 0, 255))  # a binary mask of the only object
    taken = import_masks(tmp_path / "png", str(data), "mine", tmp_path / "imported")
    folder = RunFolder.open(taken.folder)
    found = {i: folder.read("pair", i).rles() for i in "12"}
    assert np.argwhere(decode(found["1"][4])).tolist() == [[1, 2]]
    assert np.argwhere(decode(found["2"][4])).tolist() == [[3, 4], [3, 5]]
    assert [rle is None for rle in found["2"]] == [True, True, False, False, False]
    assert decode(folder.read("solo", "1").rles()[3]).sum() == 1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "00000003.png").unlink(),
            r"solo/00000003\.png is missing: .* object 1 of solo after its first \(1 missing\)",
        ),
        (
            lambda f: write_map(f / "00000003.png", (0, 0, 1), size=(12, 15)),
            r"00000003\.png is 15x12 but its video is 16x12",
        ),
        (
            lambda f: write_map(f / "00000003.png", (0, 0, 7)),
            r"00000003\.png has an object 7 but solo has 1: number objects",
        ),
        (lambda f: f.rename(f.with_name("x")), "There are no answers of mine"),
    ],
)
def test_bad_masks_leave_nothing(tmp_path, data, spoil, message) -> None:
    maps(tmp_path / "png", "solo", (0, 0, 1))
    spoil(tmp_path / "png/solo")
    with pytest.raises(InputError, match=message):
        import_masks(tmp_path / "png", str(data), "mine", tmp_path / "imported")
    assert not list(tmp_path.glob("imported/*"))
    with pytest.raises(InputError, match="nowhere does not exist"):
        import_masks(tmp_path / "nowhere", str(data), "mine", tmp_path / "imported")


def command(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output + str(done.exception)
    return done.output


def test_the_commands(tmp_path, data, results) -> None:
    on, out = ("--split", data), tmp_path / "imported"
    said = command("vot", "export", results.path, tmp_path / "ws/results", *on)
    assert "videos: 2, trajectories are in" in said
    assert "Times beside them are averages" in said
    said = command("vot", "import", tmp_path / "ws", *on, "--out", out)
    assert f"videos: 2, results are in {out}" in said
    said = command("export", results.path, tmp_path / "maps", *on)
    assert "pixels lay in several masks and went to the object with the highest number" in said
    assert "several" not in command("export", results.path, tmp_path / "a", *on, "--format", "sav")
    command("export", results.path, tmp_path / "vot", *on, "--format", "vot")
    assert (tmp_path / "vot" / results.path.name / "baseline/solo/solo_001.bin").is_file()
    masks = tmp_path / "maps" / results.path.name
    command("import", masks, *on, "--name", "maps", "--out", out)
    assert {p.name.rsplit("-", 1)[0] for p in out.glob("*/*")} == {results.path.name, "maps"}
    said = command("data", "convert", data, tmp_path / "vos", "--to", "vos", "--limit", 1)
    assert said == f"videos: 1, frames: {T}, in {tmp_path / 'vos'}\n"
    assert len(load_split(str(tmp_path / "vos")).sequences) == 1
    with pytest.raises(InputError, match="Unknown format 'voc'"):
        CliRunner().invoke(app, ["export", "x", "y", "--format", "voc"], catch_exceptions=False)
