"""What every method of search shares: sequences tried within a budget, and the best of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vot_memory.errors import InputError
from vot_memory.learn.simulator import Counts, Simulator, States

Actions = NDArray[np.int64]
Qualities = NDArray[np.float64]
ABANDONED = -1.0  # quality of a sequence that was not played to its end


@dataclass(frozen=True)
class Found:
    """The outcome of one search.

    Attributes:
        actions: int64 [D], the best whole sequence of decisions known.
        quality: its clean Q in the simulator. baseline: that of FIFO.
        curve: (forward passes spent, best Q so far), a point an improvement and one at the end.
        counts: what was asked and computed, FIFO's rollout included.
    """

    actions: Actions
    quality: float
    baseline: float
    curve: tuple[tuple[int, float], ...]
    counts: Counts


@dataclass(frozen=True)
class Played:
    """Whole sequences and what became of them, N of D decisions.

    Attributes:
        actions: int64 [N, D].
        quality: clean Q, float64 [N]; `ABANDONED` where a sequence was given up on the way.
        totals: float64 [N, D], overlap collected up to the frame after each decision.
    """

    actions: Actions
    quality: Qualities
    totals: Qualities

    def take(self, index: NDArray[np.int64]) -> Played:
        """Some of them."""
        return Played(self.actions[index], self.quality[index], self.totals[index])

    def join(self, other: Played) -> Played:
        """These, then the others."""
        return Played(
            np.concatenate([self.actions, other.actions]),
            np.concatenate([self.quality, other.quality]),
            np.concatenate([self.totals, other.totals]),
        )

    def best(self, width: int) -> Played:
        """The best that were played to their ends, at most `width`; of equals the first."""
        _, first = np.unique(-self.quality.round(9), return_index=True)
        return self.take(first[self.quality[first] > ABANDONED][:width])


class Trials:
    """Plays sequences of decisions until the budget is spent.

    A sequence that shares its beginning with one played before costs only what follows, since the
    simulator remembers. All methods start from FIFO, whose rollout is paid for as any other.

    Args:
        sim: the simulator; it forgets what it knew, so that the budget tells what was computed.
        budget: forward passes of the memory path.
        rng: of all choices.
        on_spent: is told the passes spent so far.

    Attributes:
        fifo: FIFO as it was played.
        best: int64 [D], the best sequence known. quality: its Q.

    Raises:
        InputError: the budget does not pay for FIFO's rollout.
    """

    def __init__(
        self,
        sim: Simulator,
        budget: int,
        rng: np.random.Generator,
        on_spent: Callable[[int], None] = lambda spent: None,
    ) -> None:
        if budget < len(sim.clip) - 1:
            raise InputError(
                f"A budget of {budget} forward passes does not pay for one rollout of object "
                f"{sim.clip.object} of sequence {sim.clip.sequence}: give at least "
                f"{len(sim.clip) - 1}."
            )
        sim.forget()
        self.sim, self.budget, self.rng, self._on_spent = sim, budget, rng, on_spent
        self._before = replace(sim.counts)
        self.root = sim.start()
        self.curve: list[tuple[int, float]] = []
        self.best, self.quality = sim.fifo()[0], ABANDONED
        self.fifo = self.play(sim.fifo())

    @property
    def depth(self) -> int:
        """D, the number of decisions."""
        return self.sim.num_decisions

    @property
    def spent(self) -> int:
        """Forward passes so far."""
        return self.sim.counts.passes - self._before.passes

    @property
    def left(self) -> int:
        """Forward passes that the budget still pays for."""
        return max(self.budget - self.spent, 0)

    def cost(self, actions: Actions, known: Actions) -> NDArray[np.int64]:
        """Passes that sequences [N, D] need at most, each beside one that was played [N, D]."""
        changed = actions != known
        first = np.where(changed.any(1), changed.argmax(1), self.depth)
        return self.depth - first

    def affordable(self, actions: Actions, known: Actions) -> int:
        """How many of the sequences, from the first on, the budget surely pays for."""
        return int((self.cost(actions, known).cumsum() <= self.left).sum())

    def play(self, actions: Actions, needed: float = ABANDONED) -> Played:
        """Play whole sequences; the best is remembered.

        Args:
            actions: int64 [N, D].
            needed: sequences that cannot exceed this Q are given up on the way.
        """
        count = len(actions)
        quality, totals = np.full(count, ABANDONED), np.zeros((count, self.depth))
        alive, states = np.arange(count), self.root.take([0] * count)
        for i in range(self.depth):
            states = self.sim.advance(states, actions[alive, i])
            totals[alive, i] = states.total
            able = self._reachable(states) > needed
            if not able.all():
                alive, states = alive[able], states.take(np.flatnonzero(able))
            if not len(alive):
                break
        else:
            quality[alive] = self.sim.quality(states)
        played = Played(actions, quality, totals)
        self.note(played)
        return played

    def note(self, played: Played) -> None:
        """Remember the best of sequences that were played."""
        top = int(played.quality.argmax())
        if played.quality[top] > self.quality:
            self.best, self.quality = played.actions[top].copy(), float(played.quality[top])
            self.curve.append((self.spent, self.quality))
        self.tell()

    def tell(self) -> None:
        """Report how much is spent."""
        self._on_spent(self.spent)

    def found(self) -> Found:
        """The outcome."""
        now, before = self.sim.counts, self._before
        curve = self.curve
        if curve[-1][0] < self.spent:
            curve = [*curve, (self.spent, self.quality)]
        counts = Counts(
            now.asked - before.asked, now.passes - before.passes, now.encoded - before.encoded
        )
        return Found(self.best, self.quality, float(self.fifo.quality[0]), tuple(curve), counts)

    def _reachable(self, states: States) -> Qualities:
        """The best Q that unfinished episodes can still end with."""
        to_come = int(self.sim.clip.scored[states.t + 1 :].sum())
        reachable: Qualities = (states.total + to_come) / self.sim.clip.num_scored
        return reachable
