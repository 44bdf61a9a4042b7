import numpy as np
import pytest
from PIL import Image

from vot_memory.commands import exports
from vot_memory.commands.export_masks import export_results
from vot_memory.commands.exports import Exported
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError
from vot_memory.results import Identity, Record, Store

FRAMES, SIZE = 3, (6, 8)


def identity(**changes):
    fields = {
        "tracker": "sam2",
        "model": "nano@0",
        "image_size": 128,
        "dtype": "float32",
        "protocol": "common",
        "prompt": "mask",
        "policy": "fifo",
        "policy_config": {},
        "policy_source": "0",
        "dataset": "synth-smoke",
        "dataset_digest": "d",
        "seed": 0,
        "non_overlap": False,
    }
    return Identity(**(fields | changes))


def record(sequence, name, first, mask):
    column = [None] * first
    begun = FRAMES - first
    return Record(
        sequence=sequence,
        object=name,
        policy="fifo",
        first_frame=first,
        num_frames=FRAMES,
        size=SIZE,
        offline=False,
        masks=column + [encode(mask)["counts"]] * begun,
        ious=column + [[0.5]] * begun,
        object_score=column + [1.0] * begun,
        chosen=column + [0] * begun,
        written=column + [0] * begun,
        memory=column + [[0]] * begun,
        tags=column + [[0]] * begun,
    )


@pytest.fixture
def split(monkeypatch):
    rle = encode(np.ones(SIZE, bool))
    tracks = tuple(ObjectTrack(name, 0, (rle,) * FRAMES) for name in "12")
    pictures = [np.zeros((*SIZE, 3), np.uint8)] * FRAMES
    sequences = [Sequence(name, pictures, tracks, SIZE, 25, name) for name in ("a", "b")]
    made = Split("synth-smoke", sequences, "nano", "smoke", "d")
    monkeypatch.setattr(exports, "load_split", lambda name, data: made)
    return made


@pytest.fixture
def results(tmp_path):
    left, right = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    left[:, :4], right[:, 6:] = True, True
    folder = Store(tmp_path / "results").run(identity())
    folder.write(record("a", "1", 0, left), record("a", "2", 1, right))
    return folder


def test_objects_share_a_label_map(tmp_path, split, results):
    written = export_results(tmp_path / "results", tmp_path / "out")
    assert written == [Exported(tmp_path / "out" / results.path.name, 1)]  # b has no record
    folder = tmp_path / "out" / results.path.name / "a"
    maps = [np.array(Image.open(folder / f"{t:05d}.png")) for t in range(FRAMES)]
    assert sorted(np.unique(maps[0])) == [0, 1]  # object 2 begins later
    assert (maps[1][:, :4] == 1).all()
    assert (maps[1][:, 6:] == 2).all()
    assert (maps[1][:, 4:6] == 0).all()


def test_what_overlaps_is_counted_or_kept_in_a_folder_an_object(tmp_path, split, results):
    everything = np.ones(SIZE, bool)
    results.write(record("a", "2", 1, everything))
    (written,) = export_results(tmp_path / "results", tmp_path / "maps")
    assert written.overlapping == 2 * 6 * 4  # two frames, four columns of object 1
    (written,) = export_results(tmp_path / "results", tmp_path / "apart", apart=True)
    assert written.overlapping == 0
    folder = written.folder / "a"
    assert np.array(Image.open(folder / "1/00001.png")).sum() == 6 * 4
    assert np.array(Image.open(folder / "2/00001.png")).sum() == 6 * 8
    assert not (folder / "2/00000.png").exists()  # it begins later


def test_the_folder_of_one_run_will_do(tmp_path, split, results):
    Store(tmp_path / "results").run(identity(policy="first"))
    assert len(export_results(results.path, tmp_path / "one")) == 1
    assert len(export_results(tmp_path / "results", tmp_path / "both")) == 2


def test_nothing_is_written_where_one_folder_is_taken(tmp_path, split, results):
    (tmp_path / "out" / results.path.name / "a").mkdir(parents=True)
    Store(tmp_path / "results").run(identity(policy="first"))
    with pytest.raises(InputError, match="not empty"):
        export_results(tmp_path / "results", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_nothing_is_written_where_a_record_of_the_last_run_is_damaged(tmp_path, split, results):
    last = Store(tmp_path / "results").run(identity(policy="random"))
    last.write(record("a", "1", 0, np.ones(SIZE, bool)))
    next(last.path.glob("records/a/*")).write_text("[")
    with pytest.raises(InputError, match="damaged"):
        export_results(tmp_path / "results", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_data_than_were_run_are_refused(tmp_path, split, results):
    Store(tmp_path / "results").run(identity(dataset_digest="e"))
    with pytest.raises(InputError, match="other data"):
        export_results(tmp_path / "results", tmp_path / "out")


def test_one_split_at_a_time(tmp_path, split, results):
    Store(tmp_path / "results").run(identity(dataset="synth-dev"))
    with pytest.raises(InputError, match="choose one by --split"):
        export_results(tmp_path / "results", tmp_path / "out")
    assert len(export_results(tmp_path / "results", tmp_path / "out", "synth-smoke")) == 1


def test_a_folder_that_was_run_must_be_named(tmp_path, split):
    Store(tmp_path / "results").run(identity(dataset="mine@12345678"))
    with pytest.raises(InputError, match="--split"):
        export_results(tmp_path / "results", tmp_path / "out")
