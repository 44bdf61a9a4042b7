import numpy as np
import pytest
from typer.testing import CliRunner

from vot_memory.cli import app
from vot_memory.commands import exports
from vot_memory.commands.export_boxes import export_boxes
from vot_memory.commands.exports import Exported
from vot_memory.datasets.box_rows import read_boxes
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError
from vot_memory.results import Identity, Record, Store

FRAMES, SIZE = 3, (6, 8)
PROMPT = (0.5, 1.25, 3.0, 2.0)


@pytest.fixture
def split(monkeypatch):
    hidden = (PROMPT, None, None)
    track = ObjectTrack("1", 0, (None,) * FRAMES, hidden)
    pictures = [np.zeros((*SIZE, 3), np.uint8)] * FRAMES
    sequences = [Sequence(name, pictures, (track,), SIZE, 25, name) for name in ("a", "b")]
    made = Split("trackingnet-test", sequences, "nano", "test", "d", "box")
    monkeypatch.setattr(exports, "load_split", lambda name, data: made)
    return made


@pytest.fixture
def results(tmp_path):
    """A run whose masks are a block of 2x3 pixels, then nothing."""
    mask = np.zeros(SIZE, bool)
    mask[1:4, 5:7] = True
    masks = [encode(m)["counts"] for m in (mask, mask, np.zeros(SIZE, bool))]
    identity = Identity(
        tracker="sam2",
        model="nano@0",
        image_size=128,
        dtype="float32",
        protocol="common",
        prompt="box",
        policy="fifo",
        policy_config={},
        policy_source="0",
        dataset="trackingnet-test",
        dataset_digest="d",
        seed=0,
        non_overlap=False,
    )
    folder = Store(tmp_path / "results").run(identity)
    for name in ("a", "b"):
        folder.write(
            Record(
                sequence=name,
                object="1",
                policy="fifo",
                first_frame=0,
                num_frames=FRAMES,
                size=SIZE,
                offline=False,
                masks=masks,
                ious=[[0.5]] * FRAMES,
                object_score=[1.0] * FRAMES,
                chosen=[0] * FRAMES,
                written=[0] * FRAMES,
                memory=[[0]] * FRAMES,
                tags=[[0]] * FRAMES,
            )
        )
    return folder


def test_a_file_a_video_with_a_box_a_frame(tmp_path, split, results):
    place = tmp_path / "out" / results.path.name
    assert export_boxes(tmp_path / "results", tmp_path / "out") == [Exported(place, 2)]
    assert sorted(p.name for p in place.iterdir()) == ["a.txt", "b.txt"]
    assert (place / "a.txt").read_text().splitlines() == [
        "0.500,1.250,3.000,2.000",  # the prompt, as annotated
        "5.000,1.000,2.000,3.000",
        "0.000,0.000,0.000,0.000",
    ]
    assert read_boxes(place / "b.txt") == [PROMPT, (5, 1, 2, 3), (0, 0, 0, 0)]


def test_got_10k_has_a_folder_a_video_and_times(tmp_path, split, results):
    results.write_timing("a", {"seconds": {"encode": 0.2, "track": 0.1, "decode": 9}})
    (made,) = export_boxes(tmp_path / "results", tmp_path / "out", got10k=True)
    assert (made.folder / "a/a_time.txt").read_text() == "0.100000\n" * FRAMES
    assert len(read_boxes(made.folder / "a/a_001.txt")) == FRAMES
    assert [p.name for p in (made.folder / "b").iterdir()] == ["b_001.txt"]  # no timing, no times


def test_nothing_is_written_of_an_incomplete_run(tmp_path, split, results):
    (results.path / "records/b/1.json").unlink()
    with pytest.raises(InputError, match=r"lacks 1 of 2 videos \(b first\)"):
        export_boxes(tmp_path / "results", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_object_a_video(tmp_path, split, results):
    (track,) = split.sequences[1].objects
    object.__setattr__(split.sequences[1], "objects", (track, track))
    with pytest.raises(InputError, match="b has 2 objects"):
        export_boxes(tmp_path / "results", tmp_path / "out")


def test_a_taken_place_is_refused(tmp_path, split, results):
    (tmp_path / "out" / results.path.name / "a.txt").mkdir(parents=True)
    with pytest.raises(InputError, match="not empty"):
        export_boxes(tmp_path / "results", tmp_path / "out")


@pytest.mark.parametrize(("form", "file"), [("boxes", "a.txt"), ("got10k", "a/a_001.txt")])
def test_command_line(tmp_path, split, results, form, file):
    called = ["export", str(tmp_path / "results"), str(tmp_path / "out"), "--format", form]
    answer = CliRunner().invoke(app, called)
    place = tmp_path / "out" / results.path.name
    assert (answer.exit_code, answer.output) == (0, f"videos: 2, files are in {place}\n")
    assert len(read_boxes(place / file)) == FRAMES
