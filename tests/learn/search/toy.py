"""A simulator whose overlaps are a formula, so that the best decisions are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vot_memory.learn.simulator import Counts, States


@dataclass
class ToyClip:
    """A clip without pictures."""

    scored: torch.Tensor
    sequence: str = "toy"
    object: str = "1"

    def __len__(self):
        return len(self.scored)

    @property
    def num_scored(self):
        return int(self.scored.sum())


class ToySimulator:
    """Overlap is 1 on the frame after a right decision, 0.5 otherwise; `target` is right.

    A node is a beginning of a sequence of decisions. Nothing is forgotten but by `forget`.
    """

    def __init__(self, target, actions=3):
        self.target, self.num_actions, self.num_decisions = target, actions, len(target)
        self.counts = Counts()
        scored = torch.ones(2 + len(target), dtype=torch.bool)
        scored[0] = False
        self.clip = ToyClip(scored)
        self.forget()

    def forget(self):
        self.prefixes = {}

    def start(self, episodes=1):
        return self._states([()] * episodes, 1)

    def advance(self, states, actions):
        names = list(self.prefixes)
        pairs = zip(states.node.tolist(), actions.tolist(), strict=True)
        return self._states([(*names[node], action) for node, action in pairs], states.t + 1)

    def play(self, actions):
        states = self.start(len(actions))
        for column in actions.T:
            states = self.advance(states, column)
        return states

    def fifo(self, episodes=1):
        return np.ones((episodes, self.num_decisions), np.int64)

    def quality(self, states):
        return states.total / self.clip.num_scored

    def frame(self, bank):
        return bank

    def q(self, prefix):
        right = sum(a == b for a, b in zip(prefix, self.target, strict=False))
        return 1.0 + 0.5 * right + 0.5 * len(prefix)

    def _states(self, prefixes, t):
        self.counts.asked += len(prefixes)
        for prefix in prefixes:
            if prefix not in self.prefixes:
                self.prefixes[prefix] = len(self.prefixes)
                self.counts.passes += 1
        node = np.array([self.prefixes[prefix] for prefix in prefixes], np.int32)
        total = np.array([self.q(prefix) for prefix in prefixes])
        return States(t, node[:, None], node[:, None], node, total, 0)
