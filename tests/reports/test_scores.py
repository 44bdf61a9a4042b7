import json

import pytest
from fake_results import FRAMES, sequence

from vot_memory.errors import InputError
from vot_memory.metrics.vots import mean_scores, score_object
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.speed import read_speed


def test_objects_have_the_scores_of_their_masks(results):
    store = results(sequence("a", absent=12), sequence("b"))
    # 15 frames, the prompt left out: "a" is visible on 2 and absent on 12.
    hits = [80] * 3 + [0] * 9 + [10] * 3
    run = score_runs([store.run("fifo", {"a": hits, "b": 50})], store.sequences)[0]
    a, b = run.objects.to_dict("records")
    assert a["Q"] == pytest.approx((2 * 0.8 + 9) / 14)
    assert (a["A"], a["R"], a["ADQ"]) == pytest.approx((0.8, 1, 9 / 12))
    assert (a["tracked"], a["hallucinated"], a["silent"], a["frames"]) == (2, 3, 9, FRAMES - 1)
    assert (b["Q"], b["A"], b["R"]) == pytest.approx((0.5, 0.5, 1))
    assert b["ADQ"] != b["ADQ"]  # undefined


def test_sequences_are_means_over_their_objects(results):
    store = results(sequence("a", objects=("1", "2"), absent=2))
    folder = store.run("fifo", {"a": [60] * 15})
    objects = [
        score_object(folder.read("a", track.id).rles(), track)
        for track in store.sequences[0].objects
    ]
    expected = mean_scores(objects)
    row = score_runs([folder], store.sequences)[0].sequences.iloc[0]
    assert row["objects"] == 2
    assert (row["Q"], row["A"], row["NRE"], row["absent_correct"]) == pytest.approx(
        (expected.quality, expected.accuracy, expected.nre, expected.absent_correct)
    )


def test_toolkit_rules_are_passed_on(results):
    store = results(sequence("a"))
    folder = store.run("fifo", {"a": 100})
    clean = score_runs([folder], store.sequences)[0]
    toolkit = score_runs([folder], store.sequences, toolkit_compatible=True)[0]
    assert clean.objects["Q"].item() == pytest.approx(1)
    assert toolkit.objects["Q"].item() == pytest.approx((FRAMES - 1) / FRAMES)


def test_missing_and_failed_sequences_are_told_apart(results):
    store = results(sequence("a"), sequence("b"), sequence("c"))
    folder = store.run("fifo", {"a": 50}, failed={"b": "its picture is damaged."})
    run = score_runs([folder], store.sequences)[0]
    assert run.missing == ("c",)
    assert {name: f.error for name, f in run.failed.items()} == {"b": "its picture is damaged."}


def test_a_sequence_counts_only_with_all_its_objects(results):
    store = results(sequence("a", objects=("1", "2")))
    folder = store.run("fifo", {"a": 50})
    (folder.path / "records" / "a" / "2.json").unlink()
    run = score_runs([folder], store.sequences)[0]
    assert run.missing == ("a",)
    assert run.objects.empty


def test_a_damaged_record_is_named(results):
    store = results(sequence("a"))
    folder = store.run("fifo", {"a": 50})
    file = folder.path / "records" / "a" / "1.json"
    file.write_text(file.read_text()[:-20])
    with pytest.raises(InputError, match=r"1\.json.*damaged"):
        score_runs([folder], store.sequences)


def test_speed_adds_up_timing_files_and_names_the_machine(results):
    store = results(sequence("a"))
    folder = store.run("fifo", {"a": 50})
    assert read_speed(folder) is None
    for name, seconds in (("a", {"encode": 1, "track": 2}), ("b", {"encode": 0.5, "track": 1.5})):
        folder.write_timing(name, {"frames": 50, "seconds": seconds})
    (folder.path / "timing" / "c.json").write_text("{")  # a by-product may be damaged
    folder.add_environment({"device": "Abacus", "threads": 2})
    folder.add_environment({"device": "Slide rule", "threads": 1})
    speed = read_speed(folder)
    assert speed.frames_per_second == pytest.approx(100 / 5)
    assert speed.memory_ms == pytest.approx(35)
    assert speed.bank_bytes is None
    assert speed.machine == "Abacus, 2 threads and Slide rule, 1 thread"
    folder.write_timing("d", json.loads('{"frames": 1, "seconds": {"encode": 1, "track": 1}}'))
    assert read_speed(folder).frames_per_second == pytest.approx(101 / 7)


def test_a_policy_that_cannot_be_loaded_has_what_it_said_when_it_ran(results):
    store = results(sequence("a"))
    folder = store.run("of-one-file", {"a": 50})
    (before,) = score_runs([folder], store.sequences)
    folder.add_environment({"policy": {"source": "draft", "parity": ""}})
    folder.add_environment({"policy": {"source": "paper", "parity": "not parity-checked"}})
    folder.add_environment({"device": "Abacus"})  # of a release that noted nothing
    (after,) = score_runs([folder], store.sequences)
    assert before.spec is None
    assert (after.spec.source, after.spec.parity) == ("paper", "not parity-checked")
