import json

import numpy as np
import pytest

from vot_memory.building import Building, write_atomically
from vot_memory.datasets.rle import decode, encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.errors import InputError
from vot_memory.results import (
    Failure,
    Identity,
    Record,
    Store,
    by_setting,
    open_results,
    rounded,
    whole_files,
)

IDENTITY = Identity(
    tracker="sam2",
    model="nano@0123456789ab",
    image_size=128,
    dtype="float32",
    protocol="common",
    prompt="mask",
    policy="fifo",
    policy_config={"num_maskmem": 7},
    policy_source="a" * 64,
    dataset="synth-dev",
    dataset_digest="b" * 64,
    seed=0,
    non_overlap=False,
)
OTHER = {
    "tracker": "sam-g",
    "model": "nano@ba9876543210",
    "image_size": 256,
    "dtype": "bfloat16",
    "protocol": "release",
    "prompt": "box",
    "policy": "first",
    "policy_config": {"num_maskmem": 6},
    "policy_source": "c" * 64,
    "dataset": "synth-val",
    "dataset_digest": "d" * 64,
    "seed": 1,
    "non_overlap": True,
}
MASK = np.pad(np.ones((3, 4), bool), 2)


def make_record(name="1", sequence="swan", first=1, frames=4):
    def column(value):
        return [None] * first + [value] * (frames - first)

    return Record(
        sequence=sequence,
        object=name,
        policy="fifo",
        first_frame=first,
        num_frames=frames,
        size=MASK.shape,
        offline=False,
        masks=column(encode(MASK)["counts"]),
        ious=column([0.25, 0.5, 0.125]),
        object_score=column(3.5),
        chosen=column(1),
        written=column(-1),
        memory=column([1, -1]),
        tags=column([0, 1]),
    )


def video(name, *objects):
    tracks = tuple(ObjectTrack(o, 0, ()) for o in objects)
    return Sequence(name, [], tracks, MASK.shape, 24.0, "")


@pytest.fixture
def folder(tmp_path):
    return Store(tmp_path).run(IDENTITY)


@pytest.mark.parametrize("field", OTHER)
def test_each_field_names_another_folder(field):
    other = IDENTITY.model_copy(update={field: OTHER[field]})
    assert other.key != IDENTITY.key
    apart = {"tracker", "policy", "policy_config", "policy_source", "seed"}
    assert (other.table == IDENTITY.table) == (field in apart)


def test_key_does_not_depend_on_the_order_of_options():
    one = IDENTITY.model_copy(update={"policy_config": {"a": 1, "b": 2}})
    two = IDENTITY.model_copy(update={"policy_config": {"b": 2, "a": 1}})
    assert one.key == two.key


def test_foreign_policy_names_make_safe_folders():
    folder = IDENTITY.model_copy(update={"policy": "my.pkg:../Rule"}).folder
    assert folder.startswith("my.pkg_.._Rule-")


def test_record_comes_back(folder):
    record = make_record()
    folder.write(record)
    assert folder.read("swan", "1") == record
    rles = record.rles()
    assert rles[0] is None
    assert np.array_equal(decode(rles[3]), MASK)


def test_records_are_ordered_and_complete(folder):
    folder.write(make_record("2"), make_record("1"), make_record("1", "bear"))
    assert [(r.sequence, r.object) for r in folder.records()] == [
        ("bear", "1"),
        ("swan", "1"),
        ("swan", "2"),
    ]
    assert folder.has("swan", ["1", "2"])
    assert not folder.has("bear", ["1", "2"])
    videos = [video("bear", "1", "2"), video("swan", "1", "2"), video("wolf", "1")]
    assert folder.missing(videos) == ["bear", "wolf"]


@pytest.mark.parametrize("column", ["masks", "ious", "memory", "written"])
def test_columns_must_fill_the_video(column):
    data = make_record().model_dump()
    data[column] = data[column][:-1]
    with pytest.raises(ValueError, match=column):
        Record.model_validate(data)
    data[column] = [None] * 4
    with pytest.raises(ValueError, match=column):
        Record.model_validate(data)


def test_imported_records_know_only_masks(tmp_path):
    data = make_record().model_dump()
    for column in ("ious", "object_score", "chosen", "written", "memory", "tags"):
        data[column] = [None] * 4
    imported = Record.model_validate(data)
    folder = Store(tmp_path).run(IDENTITY)
    folder.write(imported)
    assert folder.read(imported.sequence, imported.object) == imported
    with pytest.raises(ValueError, match="masks has not one entry"):
        Record.model_validate({**data, "masks": [None] * 4})
    with pytest.raises(ValueError, match="ious has not one entry"):
        Record.model_validate({**data, "chosen": make_record().chosen})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"chosen":[null,', '"chosen":['),
        lambda text: text.replace('"schema_version":1', '"schema_version":2'),
        lambda text: text.replace('"object":"1"', '"object":"2"'),
    ],
)
def test_damaged_record_is_named(folder, damage):
    folder.write(make_record())
    file = folder.path / "records" / "swan" / "1.json"
    file.write_text(damage(file.read_text()))
    with pytest.raises(InputError, match=r"1\.json is damaged .*delete it and run again"):
        list(folder.records())


def test_success_clears_the_failure(folder):
    failure = Failure(sequence="swan", error="frame gone.", type="InputError", frame=3)
    folder.fail(failure)
    assert folder.failures() == {"swan": failure}
    folder.write(make_record(sequence="bear"))
    assert "swan" in folder.failures()
    folder.write(make_record())
    assert folder.failures() == {}


def test_not_a_number_is_refused(folder):
    record = make_record().model_copy(update={"object_score": [None, float("nan"), 1.0, 1.0]})
    with pytest.raises(ValueError, match="JSON"):
        folder.write(record)
    assert not folder.has("swan", ["1"])


def test_store_resumes_its_own_folder_only(tmp_path):
    store = Store(tmp_path)
    first = store.run(IDENTITY)
    assert store.run(IDENTITY).path == first.path
    file = first.path / "identity.json"
    whole = file.read_text()
    file.write_text(whole.replace('"seed": 0', '"seed": 7'))
    with pytest.raises(InputError, match="changed by hand"):
        store.run(IDENTITY)
    file.write_text(whole[:40])
    with pytest.raises(InputError, match="is damaged"):
        store.run(IDENTITY)
    file.unlink()
    first.write(make_record())
    with pytest.raises(InputError, match=r"no identity\.json"):
        store.run(IDENTITY)


def test_open_results(tmp_path):
    with pytest.raises(InputError, match="holds no results"):
        open_results(tmp_path)
    store = Store(tmp_path)
    store.run(IDENTITY)
    store.run(IDENTITY.model_copy(update={"dataset": "synth-val"}))
    assert len(open_results(tmp_path)) == 2
    assert [f.identity.dataset for f in open_results(tmp_path, "synth-val")] == ["synth-val"]
    with pytest.raises(InputError, match="some on synth-dev, synth-val"):
        open_results(tmp_path, "synth-test")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "a.json"
    write_atomically(file, "old")

    def full(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr("vot_memory.building.os.fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def begin(place):
    """What a process that is killed while it writes leaves behind."""
    with Building(place, whole=False) as leftover:
        leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_text('{"half')
    return leftover


def test_leftovers_of_a_killed_run_go_away(folder):
    folder.write(make_record())
    leftover = begin(folder.path / "records" / "swan" / "2.json")
    folder.write(make_record("2"))
    assert not leftover.exists()


def test_leftovers_of_a_killed_run_are_not_read(folder):
    folder.write(make_record())
    folder.write_timing("swan", {"frames": 4, "seconds": {"encode": 1.0, "track": 1.0}})
    for place in ("records/swan/2.json", "failed/swan.json", "timing/duck.json"):
        assert begin(folder.path / place).suffix == ".json"
    assert [record.object for record in folder.records()] == ["1"]
    assert folder.failures() == {}
    assert [path.stem for path in whole_files(folder.path / "timing", "*.json")] == ["swan"]


def test_environments_are_listed(folder):
    folder.add_environment({"threads": 1})
    folder.add_environment({"threads": 2})
    listed = json.loads((folder.path / "environment.json").read_text())
    assert [e["threads"] for e in listed] == [1, 2]
    assert folder.environments() == listed
    (folder.path / "environment.json").write_text("[{")
    assert folder.environments() == []  # a by-product may be damaged


def test_rounded():
    assert rounded(1234567.0) == 1234570.0
    assert rounded(0.000123456789) == 0.000123457


def test_runs_of_one_setting_stand_together(tmp_path):
    other = {"prompt": "box"}
    given = (
        {"policy": "first"},
        {"policy": "sam3"} | other,
        {"seed": 1},
        {"policy": "fifo"} | other,
    )
    folders = [Store(tmp_path).run(IDENTITY.model_copy(update=changes)) for changes in given]
    first, boxed, seeded, second = folders
    assert by_setting(folders) == [[first, seeded], [boxed, second]]
    assert by_setting([]) == []
