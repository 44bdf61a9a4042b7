"""Simulation-guided beam search (Choo et al., NeurIPS 2022, section 3), for memory decisions."""

from __future__ import annotations

import numpy as np

from vot_memory.learn.search.trials import ABANDONED, Actions, Trials

COARSE = 16  # stride of the first sweep
PER_SEQUENCE = 16_000  # passes of the budget for each sequence beside the first in the beam
IDLE = 20  # sweeps that cost nothing before the neighbourhood counts as exhausted


def sgbs(trials: Trials) -> None:
    """Expand a decision, roll every child out to the end, and prune by what it returned.

    A child takes another action and then goes on as its parent does, which at first is FIFO: the
    base policy of the rollouts is the best sequence known, so that every sweep improves it. Sweeps
    go from coarse to fine: every 16th decision, the action held for 16 frames, then every 8th, ...,
    and from a random first decision.
    """
    width = 1 + trials.budget // PER_SEQUENCE
    elites = trials.fifo
    stride, idle = COARSE, 0
    while trials.left and idle < IDLE:
        spent = trials.spent
        first = int(trials.rng.integers(min(stride, trials.depth)))
        for i in range(first, trials.depth, stride):
            children, parent = _expanded(trials, elites.actions, i, stride)
            order = trials.rng.permutation(len(children))
            children, parent = children[order], parent[order]
            children = children[: trials.affordable(children, elites.actions[parent])]
            if len(children):
                needed = ABANDONED if len(elites.quality) < width else float(elites.quality.min())
                elites = elites.join(trials.play(children, needed)).best(width)
        idle = idle + 1 if trials.spent == spent else 0
        stride = stride // 2 or COARSE


def _expanded(trials: Trials, elites: Actions, i: int, held: int) -> tuple[Actions, Actions]:
    """Every other action of decision i, held for some frames, and whose child each is."""
    actions = trials.sim.num_actions
    parent = np.repeat(np.arange(len(elites)), actions - 1)
    other = np.tile(np.arange(1, actions), len(elites))
    children = elites[parent].copy()
    children[:, i : i + held] = ((children[:, i] + other) % actions)[:, None]
    return children, parent
