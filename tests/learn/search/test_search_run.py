"""A search of a split: units, what is derived from them, restarts and refusals."""

from __future__ import annotations

import csv
import json

import pytest
from short import short_videos

import vot_memory.learn.search.run as run_module
import vot_memory.learn.search.units as units_module
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.learn.search.run import SearchSettings, run_search
from vot_memory.learn.search.units import curve_text, read_units, write_derived, write_unit
from vot_memory.learn.simulator import Rules
from vot_memory.metrics.vots import score_object
from vot_memory.policies.replay import ReplayFile
from vot_memory.reports.tables.curves import read_curves
from vot_memory.runner import RunSettings, run

FRAMES, BUDGET = 12, 20


@pytest.fixture(scope="module", autouse=True)
def _short():
    with short_videos(FRAMES):
        yield


def settings(out, **changes):
    values = {
        "split": "synth-smoke",
        "methods": ("mutate", "random"),
        "budget": BUDGET,
        "out": out,
        "limit": 2,
        "device": "cpu",
    }
    return SearchSettings(**values | changes)


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    out = tmp_path_factory.mktemp("search") / "out"
    return run_search(settings(out))


def test_every_unit_has_its_file(searched):
    videos = [s.name for s in load_split("synth-smoke", limit=2).sequences]
    names = {f"{video}-1-{method}-s0" for video in videos for method in ("mutate", "random")}
    assert {path.stem for path in (searched.out / "runs").iterdir()} == names
    assert set(searched.done) == names
    assert searched.exit_code == 0


def test_units_say_what_was_found_and_count_their_passes(searched):
    for unit in read_units(searched.out):
        assert unit.passes <= BUDGET == unit.setting.budget
        assert len(unit.actions) == unit.num_frames - 1 - 7
        assert unit.quality == pytest.approx(unit.simulated, abs=1e-4)
        assert unit.curve[0] == (unit.num_frames - 1, pytest.approx(unit.baseline, abs=1e-4))
        assert unit.curve[-1] == (unit.passes, unit.simulated)


def test_curves_are_what_the_reports_read(searched):
    curves = read_curves([searched.out / "curves.csv"])
    assert curves.methods == ["mutate", "random"]
    assert curves.has_baseline
    assert len(curves.sequences) == 2


def test_an_ordinary_run_of_the_replay_file_scores_what_the_units_say(searched, tmp_path):
    split = load_split("synth-smoke", limit=2)
    options = {"file": str(searched.out / "replay.json")}
    report = run(
        RunSettings(
            policies=(("replay", options),),
            split="synth-smoke",
            limit=2,
            device="cpu",
            out=tmp_path / "results",
        )
    )
    assert not report.failed
    units = read_units(searched.out)
    for sequence in split.sequences:
        record = report.folders[0].read(sequence.name, "1")
        best = max(u.quality for u in units if u.sequence == sequence.name)
        baseline = next(u.baseline for u in units if u.sequence == sequence.name)
        scores = score_object(record.rles(), sequence.objects[0])
        assert scores.quality == pytest.approx(max(best, baseline), abs=1e-9)


def test_finished_units_are_skipped_and_nothing_changes(searched):
    before = content(searched.out)
    report = run_search(settings(searched.out))
    assert (len(report.done), len(report.skipped)) == (0, 4)
    assert content(searched.out) == before


def test_a_stopped_search_goes_on_and_ends_the_same(searched, tmp_path, monkeypatch):
    real, calls = run_module.search, []

    def stopped(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(run_module, "search", stopped)
    with pytest.raises(KeyboardInterrupt, match="1 of 4 searches complete: give the same command"):
        run_search(settings(tmp_path))
    monkeypatch.setattr(run_module, "search", real)
    assert len(run_search(settings(tmp_path)).skipped) == 1
    assert content(tmp_path) == content(searched.out)


def test_shards_share_a_folder(searched, tmp_path):
    for shard in ("2/2", "1/2"):
        assert len(run_search(settings(tmp_path, shard=shard)).done) == 2
    assert content(tmp_path) == content(searched.out)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"budget": BUDGET + 1}, "found with budget 20, here it is 21"),
        ({"rules": Rules(slots=6)}, "found with slots 7, here it is 6"),
        ({"split": "synth-dev"}, "found with dataset synth-smoke, here it is synth-dev"),
    ],
)
def test_a_folder_of_another_setting_is_refused(searched, changes, words):
    before = content(searched.out)
    with pytest.raises(InputError, match=words):
        run_search(settings(searched.out, **{"limit": 1, "budget": 80} | changes))
    assert content(searched.out) == before


def test_a_bank_that_the_model_cannot_number_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="15 slots are numbered by rank, the model has 7"):
        run_search(settings(tmp_path / "out", rules=Rules(slots=15)))
    assert not (tmp_path / "out").exists()


def test_a_unit_that_another_process_finishes_meanwhile_is_not_lost(
    searched, tmp_path, monkeypatch
):
    units = read_units(searched.out)
    write_unit(tmp_path, units[0])
    real, calls = units_module.write_derived, []

    def interrupted(out, read):
        real(out, read)
        if not calls:  # the other process writes both, and we over them, from what we read before
            write_unit(out, units[1])
            real(out, units[:2])
            real(out, read)
        calls.append(len(read))

    monkeypatch.setattr(units_module, "write_derived", interrupted)
    units_module.derive(tmp_path, units[0].setting)
    assert calls == [1, 2]
    assert read_curves([tmp_path / "curves.csv"]).methods == sorted({u.method for u in units[:2]})


def test_a_damaged_unit_is_refused(searched, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a-1-mutate-s0.json").write_text('{"sequence": 3}')
    with pytest.raises(
        InputError, match=r"a-1-mutate-s0\.json is damaged \(sequence: .* delete it"
    ):
        run_search(settings(tmp_path))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ()}, "No method was named"),
        ({"methods": ("bem",)}, "Unknown method 'bem': did you mean 'beam'"),
        ({"seeds": (-1,)}, "Seeds"),
        ({"shard": "3/2"}, "--shard 3/2"),
    ],
)
def test_bad_settings_are_refused(tmp_path, changes, words):
    with pytest.raises(InputError, match=words):
        settings(tmp_path, **changes)


def test_a_budget_below_one_rollout_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(
        InputError, match=r"budget of 10 .* rollout of all objects: give at least 11"
    ):
        run_search(settings(tmp_path / "out", budget=10))
    assert not (tmp_path / "out").exists()


def test_fifo_itself_is_recorded_where_nothing_is_better(searched, tmp_path):
    units = [u.model_copy(update={"quality": u.baseline}) for u in read_units(searched.out)]
    write_derived(tmp_path, units)
    file = ReplayFile.model_validate_json((tmp_path / "replay.json").read_text())
    assert [track.actions for track in file.tracks] == [[1] * 4 + [0]] * 2
    assert [track.num_frames for track in file.tracks] == [FRAMES] * 2


def test_objects_of_one_video_have_curves_of_their_own(searched, tmp_path):
    first = read_units(searched.out)[0]
    units = [first.model_copy(update={"object": name, "objects": 2}) for name in "12"]
    write_derived(tmp_path, units)
    names = read_curves([tmp_path / "curves.csv"]).sequences
    assert names == [f"{first.sequence}/1", f"{first.sequence}/2"]
    assert len(json.loads((tmp_path / "replay.json").read_text())["tracks"]) == 2


def test_names_with_commas_are_quoted_in_curves():
    text = curve_text([("sgbs", "a, b", 0, 12, 0.5, 0.25)])
    head, row = csv.reader(text.splitlines())
    assert dict(zip(head, row, strict=True)) == {
        "method": "sgbs",
        "sequence": "a, b",
        "seed": "0",
        "frames": "12",
        "Q": "0.500000",
        "baseline": "0.250000",
    }
