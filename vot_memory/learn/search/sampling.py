"""The floor and the null: sequences drawn at random."""

from __future__ import annotations

import numpy as np

from vot_memory.learn.search.trials import Trials

BATCH = 32  # sequences played together
IDLE = 100  # batches that cost nothing before the space counts as exhausted


def random(trials: Trials) -> None:
    """Best of N sequences, every decision drawn evenly."""
    idle = 0
    while idle < IDLE and (count := min(BATCH, trials.left // trials.depth)):
        spent = trials.spent
        size = (count, trials.depth)
        trials.play(trials.rng.integers(0, trials.sim.num_actions, size), trials.quality)
        idle = idle + 1 if trials.spent == spent else 0


def perturb(trials: Trials, probability: float = 0.05) -> None:
    """Best of N perturbations of FIFO: each decision is redrawn with a probability.

    What the best of many costs nothing to find: gains that search must clearly exceed.
    """
    fifo = trials.sim.fifo(BATCH)
    idle = 0
    while trials.left and idle < IDLE:
        spent = trials.spent
        drawn = trials.rng.integers(0, trials.sim.num_actions, fifo.shape)
        changed = trials.rng.random(fifo.shape) < probability
        changed[:, : max(0, trials.depth - trials.left)] = False  # not affordable
        actions = np.where(changed, drawn, fifo)
        actions = actions[: trials.affordable(actions, fifo)]
        if len(actions):
            trials.play(actions, trials.quality)
        idle = idle + 1 if trials.spent == spent else 0
