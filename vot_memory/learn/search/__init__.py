"""Search for the decisions of one object of one video, with its ground truth: an oracle.

    found = search(Simulator(clip, backbone), "mutate", budget=20_000, seed=0)

What is found is a lower bound of what decisions can reach on this video with this model, and no
tracker: it is chosen by the very masks it is scored on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vot_memory.errors import unknown
from vot_memory.learn.search.beam import beam
from vot_memory.learn.search.mutate import mutate
from vot_memory.learn.search.sampling import perturb, random
from vot_memory.learn.search.sgbs import sgbs
from vot_memory.learn.search.trials import Found, Trials
from vot_memory.learn.simulator import Simulator

METHODS: dict[str, Callable[[Trials], None]] = {
    "beam": beam,
    "sgbs": sgbs,
    "mutate": mutate,
    "random": random,
    "perturb": perturb,
}


def search(
    sim: Simulator,
    method: str,
    budget: int,
    seed: int = 0,
    on_spent: Callable[[int], None] = lambda spent: None,
) -> Found:
    """Search for decisions with a budget of forward passes.

    Args:
        sim: the simulator; its nodes are forgotten first, so states made before are void.
        method: beam, sgbs, mutate, random or perturb.
        budget: forward passes of the memory path, FIFO's rollout included.
        seed: of all choices; the same seed finds the same.
        on_spent: is told the passes spent so far.

    Raises:
        InputError: an unknown method, or a budget below one rollout.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    trials = Trials(sim, budget, np.random.default_rng(seed), on_spent)
    METHODS[method](trials)
    return trials.found()
