"""Beam search: many episodes forward at once, the best so far go on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vot_memory.learn.search.trials import Played, Trials
from vot_memory.learn.simulator import Simulator, States

PER_SET = 2  # episodes kept with the same frames in the bank


def beam(trials: Trials) -> None:
    """Diverse beam over one video; its width spends the budget evenly on the decisions left.

    Score is the overlap collected so far. The worth of a memory shows much later, and between near
    ties the beam would keep copies of one episode, so at most `PER_SET` of those that store the
    same frames go on, and ties are broken at random.
    """
    sim = trials.sim
    states, past = trials.root, np.zeros((1, 0), np.int64)
    totals = np.zeros((1, 0))
    for i in range(trials.depth):
        width = trials.left // (sim.num_actions * (trials.depth - i))
        if width < 1:
            return
        chosen = kept(sim, states, width, trials.rng)
        states, past, totals = states.take(chosen), past[chosen], totals[chosen]
        every = np.tile(np.arange(sim.num_actions), len(states))
        parent = np.repeat(np.arange(len(states)), sim.num_actions)
        states = sim.advance(states.take(parent), every)
        past = np.concatenate([past[parent], every[:, None]], axis=1)
        totals = np.concatenate([totals[parent], states.total[:, None]], axis=1)
        trials.tell()
    trials.note(Played(past, sim.quality(states), totals))


def kept(
    sim: Simulator, states: States, width: int, rng: np.random.Generator, per_set: int = PER_SET
) -> NDArray[np.int64]:
    """Episodes that go on: at most `width`, by total overlap, `per_set` of each stored set."""
    order = np.lexsort((rng.random(len(states)), -states.total.round(6)))
    seen: dict[bytes, int] = {}
    chosen: list[int] = []
    for index, frames in zip(order.tolist(), sim.frame(states.bank)[order], strict=True):
        key = frames.tobytes()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= per_set:
            chosen.append(index)
        if len(chosen) == width:
            break
    return np.array(chosen, np.int64)
