"""Evolution of whole sequences of decisions: change a few, replay only what follows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vot_memory.learn.search.trials import ABANDONED, Actions, Played, Qualities, Trials

DISCARDED, OLDEST = 0, 1  # actions: the new memory is discarded, or replaces the oldest
IDLE = 100  # generations that cost nothing before the space counts as exhausted


@dataclass(frozen=True)
class Mutation:
    """How sequences are changed; the defaults were chosen on synth-dev.

    Attributes:
        children: of one generation. They change from the same decision on, so that together they
            fill the rows of forward passes.
        elites: the best sequences known, which are changed further.
        greed: probability that the best one is changed, else that the second is, and so on.
        changes: of one child at most.
        copy: probability that a change copies a stretch of another elite; else one decision is
            repeated throughout.
        aim: how strongly changes go to where much overlap is lost afterwards; 0 is evenly.
        reach: below 1 prefers long stretches; 1 is log-uniform: a length is n ** (u ** reach), n
            decisions being left, u even in 0..1.
    """

    children: int = 8
    elites: int = 3
    greed: float = 0.7
    changes: int = 2
    copy: float = 0.2
    aim: float = 1.0
    reach: float = 0.7


def mutate(trials: Trials, mutation: Mutation | None = None) -> None:
    """Evolve a small pool of sequences.

    What helps a video is seldom one decision: to freeze the bank while the object is hidden, to pin
    an old memory. So a change repeats one decision over a stretch of any length, and the pool
    begins with the sequences that repeat one decision throughout, FIFO among them.
    """
    m, rng = mutation or Mutation(), trials.rng
    actions = np.roll(np.arange(trials.sim.num_actions), -OLDEST)  # FIFO is known: it comes first
    constant = np.tile(actions[:, None], trials.depth)
    constant = constant[: trials.affordable(constant, trials.fifo.actions)]
    pool = trials.play(constant, trials.quality).join(trials.fifo).best(m.elites)
    idle = 0
    while trials.left and idle < IDLE:
        spent, count = trials.spent, len(pool.actions)
        parent = min(int(rng.geometric(m.greed)), count) - 1
        children = _children(trials, pool, parent, m)
        known = np.tile(pool.actions[parent], (len(children), 1))
        children = children[: trials.affordable(children, known)]
        needed = float(pool.quality.min()) if count == m.elites else ABANDONED
        # Children first: of equally good ones the newest stays, so that the pool drifts.
        pool = trials.play(children, needed).join(pool).best(m.elites)
        idle = idle + 1 if trials.spent == spent else 0


def _children(trials: Trials, pool: Played, parent: int, m: Mutation) -> Actions:
    """Changed copies of one sequence, alike up to one decision."""
    rng, depth = trials.rng, trials.depth
    children: Actions = np.tile(pool.actions[parent], (m.children, 1))
    where = _where(trials, pool.totals[parent], m.aim)
    first = int(rng.choice(depth, p=where))
    others = np.resize(1 + rng.permutation(trials.sim.num_actions - 1), m.children)
    begun = (children[:, first] + others) % trials.sim.num_actions  # all before one comes again
    for child, action in zip(children, begun, strict=True):
        for i in range(rng.integers(1, m.changes + 1)):
            at = first if i == 0 else int(rng.integers(first, depth))
            stretch = slice(at, at + int((depth - at + 1) ** rng.random() ** m.reach))
            if rng.random() < m.copy:
                child[stretch] = pool.actions[rng.integers(len(pool.actions))][stretch]
            else:
                child[stretch] = action if i == 0 else rng.integers(trials.sim.num_actions)
    return children


def _where(trials: Trials, totals: Qualities, aim: float) -> Qualities:
    """Probability of a change by decision [D]: the mean overlap that is lost afterwards."""
    scored = trials.sim.clip.scored[-trials.depth :].numpy()
    lost = scored * (1 - np.diff(totals, prepend=trials.root.total[0]))
    weight = (lost[::-1].cumsum()[::-1] / np.arange(trials.depth, 0, -1) + 1e-3) ** aim
    weight[: max(0, trials.depth - trials.left)] = 0.0  # so far back no child is affordable
    probability: Qualities = weight / weight.sum()
    return probability
