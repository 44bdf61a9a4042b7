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
        children: made and played together.
        elites: the best sequences known, which are changed further.
        changes: of one child at most.
        copy, hold, fifo: probability that a change copies a stretch of another elite, discards
            throughout, or replaces the oldest; else some other decision is repeated.
        aim: how strongly changes go to where much overlap is lost afterwards; 0 is evenly.
        patience: overlap, in frames, by which a child may fall behind before it is given up.
    """

    children: int = 16
    elites: int = 4
    changes: int = 3
    copy: float = 0.2
    hold: float = 0.25
    fifo: float = 0.25
    aim: float = 1.0
    patience: float = np.inf


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
    pool = trials.play(constant).best(m.elites)
    idle = 0
    while trials.left and idle < IDLE:
        spent, count = trials.spent, len(pool.actions)
        where = _where(trials, pool, m.aim)
        parent = rng.integers(count, size=m.children)
        children = np.stack([_child(trials, pool.actions, p, where[p], m) for p in parent])
        children = children[: trials.affordable(children, pool.actions[parent])]
        needed = float(pool.quality.min()) if count == m.elites else ABANDONED
        # Children first: of equally good ones the newest stays, so that the pool drifts.
        pool = trials.play(children, needed, m.patience).join(pool).best(m.elites)
        idle = idle + 1 if trials.spent == spent else 0


def _where(trials: Trials, pool: Played, aim: float) -> Qualities:
    """Probability of a change [N, D]: the mean overlap that is lost after each decision."""
    scored = trials.sim.clip.scored[-trials.depth :].numpy()
    start = np.full((len(pool.totals), 1), trials.root.total[0])
    lost = scored * (1 - np.diff(pool.totals, axis=1, prepend=start))
    mean = lost[:, ::-1].cumsum(1)[:, ::-1] / np.arange(trials.depth, 0, -1)
    weight = (mean + 1e-3) ** aim
    weight[:, : max(0, trials.depth - trials.left)] = 0.0  # so far back no child is affordable
    probability: Qualities = weight / weight.sum(1, keepdims=True)
    return probability


def _child(trials: Trials, elites: Actions, parent: int, where: Qualities, m: Mutation) -> Actions:
    """A copy with one or more stretches changed; their lengths are log-uniform."""
    rng = trials.rng
    child: Actions = elites[parent].copy()
    for _ in range(rng.integers(1, m.changes + 1)):
        at = int(rng.choice(trials.depth, p=where))
        length = int(np.exp(rng.uniform(0, np.log(trials.depth - at + 1))))
        stretch = slice(at, at + length)
        kind = rng.choice(4, p=(m.copy, m.hold, m.fifo, 1 - m.copy - m.hold - m.fifo))
        child[stretch] = (
            elites[rng.integers(len(elites))][stretch],
            DISCARDED,
            OLDEST,
            rng.integers(trials.sim.num_actions),
        )[kind]
    return child
