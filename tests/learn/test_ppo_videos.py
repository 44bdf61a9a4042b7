"""PPO on the videos of a split: what is left behind, what is skipped, and what counts."""

from __future__ import annotations

import csv
import dataclasses
import json

import pytest
from worlds import golden_model, make_simulator, make_video

from vot_memory.errors import InputError
from vot_memory.learn import ppo_videos
from vot_memory.learn.agents import load_agent
from vot_memory.learn.ppo import Recipe, Training, observe
from vot_memory.learn.ppo_videos import run_ppo
from vot_memory.learn.simulator import Rules
from vot_memory.reports.tables.curves import read_curves

pytestmark = pytest.mark.golden
RECIPE, RULES = Recipe(iterations=2, samples=30, hidden=16, minibatches=2), Rules(slots=3)


@pytest.fixture(scope="module")
def videos():
    return [dataclasses.replace(make_video(12), name=name) for name in ("one", "two")]


@pytest.fixture(scope="module")
def finished(videos, tmp_path_factory):
    """Both videos trained, each by a process of its own."""
    out = tmp_path_factory.mktemp("ppo")
    for shard in ("1/2", "2/2"):
        run_ppo(golden_model(), videos, out, RECIPE, rules=RULES, shard=shard)
    return out


def test_what_a_training_leaves(finished):
    assert sorted(path.name for path in (finished / "seed0").iterdir()) == ["one-1", "two-1"]
    left = {path.name for path in (finished / "seed0" / "one-1").iterdir()}
    assert left == {"agent.safetensors", "best.json", "curve.csv", "progress.csv", "result.json"}
    card = load_agent(finished / "seed0" / "two-1" / "agent.safetensors").card
    assert (card.sequence, card.object, card.num_frames, card.length) == ("two", "1", 12, 12)
    assert (card.model, card.slots, card.hidden) == (golden_model().name, 3, 16)


def test_what_counts_is_what_the_agent_does_in_the_tracker(finished, videos):
    folder = finished / "seed0" / "one-1"
    quality = json.loads((folder / "result.json").read_text())["Q"]
    simulator = make_simulator(videos[0])
    network = load_agent(folder / "agent.safetensors").network
    states = simulator.start(1)
    while not simulator.finished(states):
        states = simulator.advance(states, network(observe(simulator, states)).argmax(1).numpy())
    assert quality["greedy"] == pytest.approx(simulator.quality(states)[0], abs=1e-4)
    fifo = simulator.quality(simulator.play(simulator.fifo()))[0]
    assert quality["fifo"] == pytest.approx(fifo, abs=1e-4)
    assert quality["best_sampled"] == pytest.approx(quality["best_sampled_simulated"], abs=1e-4)
    with (folder / "progress.csv").open() as file:
        best = max(float(row["best_Q"]) for row in csv.DictReader(file))
    assert quality["best_sampled_simulated"] == pytest.approx(best, rel=1e-6)


def test_curves_can_be_reported(finished):
    curves = read_curves([finished / "curves.csv"])
    assert curves.methods == ["ppo", "ppo-best-sampled"]
    assert curves.sequences == ["one", "two"]
    assert curves.has_baseline
    assert len(curves.rows) == 2 * 2 * RECIPE.iterations


def test_the_curve_grows_while_an_agent_trains(finished, videos, monkeypatch, tmp_path):
    def advance(training):
        if training.iteration == 1:
            raise KeyboardInterrupt
        return own(training)

    own = Training.advance
    monkeypatch.setattr(Training, "advance", advance)
    with pytest.raises(KeyboardInterrupt):
        run_ppo(golden_model(), videos[:1], tmp_path, RECIPE, rules=RULES)
    assert not (tmp_path / "curves.csv").exists()
    begun = read_curves([tmp_path / "seed0" / "one-1" / "curve.csv"]).rows
    whole = read_curves([finished / "seed0" / "one-1" / "curve.csv"]).rows
    assert len(begun) == 2
    assert begun["Q"].tolist() == whole.groupby("method")["Q"].first().tolist()


def test_finished_videos_are_skipped_and_give_the_same(finished, videos, monkeypatch):
    def refuse(*_):
        raise AssertionError("trained again")

    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    monkeypatch.setattr(ppo_videos, "_train", refuse)
    results = run_ppo(golden_model(), videos, finished, RECIPE, rules=RULES)
    assert [path.parent.name for path in results] == ["one-1", "two-1"]
    assert before == {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}


def test_other_options_for_a_finished_video_are_refused(finished, videos):
    other = dataclasses.replace(RECIPE, lr=0.1)
    with pytest.raises(InputError, match=r"one-1 holds a training that differs in --lr \("):
        run_ppo(golden_model(), videos, finished, other, rules=RULES)
    with pytest.raises(InputError, match=r"differs in --pointers \(recent there, bank here\)"):
        run_ppo(golden_model(), videos, finished, RECIPE, rules=Rules(3, pointers="bank"))


def test_a_stopped_run_goes_on_and_ends_with_the_same_files(finished, videos, tmp_path):
    class Impatient(ppo_videos.Silent):
        def frame(self, done):
            raise KeyboardInterrupt

    options = {"rules": RULES, "progress": Impatient()}
    with pytest.raises(KeyboardInterrupt, match="Stopped with 0 of 2 trainings complete: give the"):
        run_ppo(golden_model(), videos, tmp_path, RECIPE, **options)
    assert (tmp_path / "seed0" / "one-1" / "state.pt").exists()
    run_ppo(golden_model(), videos, tmp_path, RECIPE, rules=RULES)
    for video in ("one-1", "two-1"):
        for name in ("agent.safetensors", "best.json"):
            made = (tmp_path / "seed0" / video / name).read_bytes()
            assert made == (finished / "seed0" / video / name).read_bytes()


def test_videos_that_cannot_be_trained_on_are_refused(videos, tmp_path):
    empty = dataclasses.replace(videos[0], objects=())
    with pytest.raises(InputError, match="Sequence one has no annotated object: leave it out"):
        run_ppo(golden_model(), [videos[1], empty], tmp_path, RECIPE, rules=RULES)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"has 12 frames .* needs 13: leave it out"):
        run_ppo(golden_model(), videos, tmp_path, RECIPE, rules=Rules(11, "offset"))


def test_a_damaged_result_is_refused(videos, tmp_path):
    result = tmp_path / "seed0" / "one-1" / "result.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    with pytest.raises(InputError, match=r"result\.json is damaged: delete its folder and train"):
        run_ppo(golden_model(), videos[:1], tmp_path, RECIPE, rules=RULES)
