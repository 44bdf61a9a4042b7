"""Methods of search on a toy whose best decisions are known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from toy import ToySimulator

from vot_memory.errors import InputError
from vot_memory.learn.search import METHODS, search
from vot_memory.learn.search.beam import kept
from vot_memory.learn.search.trials import ABANDONED, Trials
from vot_memory.learn.simulator import States

TARGET = (2, 0, 0, 1, 2, 2, 0, 1, 1, 0, 2, 1)


@pytest.mark.parametrize("method", METHODS)
def test_the_budget_counts_distinct_prefixes_and_is_never_exceeded(method):
    sim = ToySimulator(TARGET)
    found = search(sim, method, budget=150, seed=1)
    assert found.counts.passes == len(sim.prefixes) <= 150
    assert found.counts.asked > found.counts.passes
    assert 150 - found.counts.passes <= len(TARGET)  # what is left pays for no rollout


@pytest.mark.parametrize("method", METHODS)
def test_the_curve_begins_with_fifo_and_ends_with_what_was_found(method):
    sim = ToySimulator(TARGET)
    found = search(sim, method, budget=150, seed=1)
    fifo = (1 + sum(1 if right == 1 else 0.5 for right in TARGET)) / 13
    assert found.curve[0] == (13, pytest.approx(fifo))
    assert found.baseline == pytest.approx(fifo)
    frames, qualities = zip(*found.curve, strict=True)
    assert list(frames) == sorted(frames)
    assert list(qualities) == sorted(qualities)
    assert found.curve[-1] == (found.counts.passes, found.quality)
    again = ToySimulator(TARGET)
    assert again.quality(again.play(found.actions[None]))[0] == pytest.approx(found.quality)


@pytest.mark.parametrize("method", ["beam", "sgbs", "mutate"])
def test_methods_find_what_single_decisions_show(method):
    found = search(ToySimulator(TARGET), method, budget=1500, seed=0)
    assert found.actions.tolist() == list(TARGET)
    assert found.quality == pytest.approx(1)


@pytest.mark.parametrize("method", ["sgbs", "mutate", "perturb"])
def test_methods_stop_when_nothing_is_left_to_find(method):
    found = search(ToySimulator((2, 0)), method, budget=1000, seed=0)
    assert found.quality == pytest.approx(1)
    assert found.counts.passes <= 1 + 3 + 9


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_decides_everything(method):
    one, two = (search(ToySimulator(TARGET), method, budget=100, seed=5) for _ in range(2))
    assert one.actions.tolist() == two.actions.tolist()
    assert one.curve == two.curve


def test_seeds_differ():
    found = {
        tuple(search(ToySimulator(TARGET), "random", budget=60, seed=s).actions) for s in range(5)
    }
    assert len(found) > 1


def test_what_is_given_up_could_not_have_been_better():
    every = np.array(list(itertools.product(range(3), repeat=5)))
    sim = ToySimulator(TARGET[:5])
    trials = Trials(sim, 1000, np.random.default_rng(0))
    true = sim.quality(sim.play(every))
    played = trials.play(every, needed=0.8)
    given_up = played.quality == ABANDONED
    assert given_up.any()
    assert (true[given_up] <= 0.8).all()
    assert played.quality[~given_up].tolist() == true[~given_up].tolist()


def test_totals_are_the_overlap_up_to_the_frame_after_each_decision():
    sim = ToySimulator((1, 1, 1, 0))
    trials = Trials(sim, 1000, np.random.default_rng(0))
    played = trials.play(np.array([[0, 1, 1, 0], [1, 1, 1, 0]]))
    # One frame before the first decision; a wrong one costs half a frame.
    assert played.totals.tolist() == [[1.5, 2.5, 3.5, 4.5], [2.0, 3.0, 4.0, 5.0]]
    assert played.quality.tolist() == [0.9, 1.0]
    assert trials.best.tolist() == [1, 1, 1, 0]


def test_cost_is_what_follows_the_first_change():
    sim = ToySimulator(TARGET)
    trials = Trials(sim, 20, np.random.default_rng(0))
    actions = np.repeat(sim.fifo(), 3, axis=0)
    actions[0, 11], actions[1, 9], actions[2, 7] = 0, 0, 0
    known = np.repeat(sim.fifo(), 3, axis=0)
    assert trials.cost(actions, known).tolist() == [1, 3, 5]
    assert trials.left == 7
    assert trials.affordable(actions, known) == 2
    trials.play(actions[:2])
    assert trials.left == 3


def test_the_beam_keeps_the_best_but_few_of_one_set():
    bank = np.array([[1], [1], [1], [2], [3]], np.int32)
    total = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    states = States(4, bank, bank, bank[:, 0], total, 0)
    rng = np.random.default_rng(0)
    assert kept(ToySimulator(TARGET), states, 3, rng, per_set=2).tolist() == [0, 1, 3]
    assert kept(ToySimulator(TARGET), states, 3, rng, per_set=1).tolist() == [0, 3, 4]


def test_a_budget_below_one_rollout_is_refused():
    with pytest.raises(InputError, match=r"budget of 12 .* object 1 of sequence toy: .* least 13"):
        search(ToySimulator(TARGET), "mutate", budget=12)


def test_an_unknown_method_is_refused():
    with pytest.raises(InputError, match="Unknown method 'mutat': did you mean 'mutate'"):
        search(ToySimulator(TARGET), "mutat", budget=100)
