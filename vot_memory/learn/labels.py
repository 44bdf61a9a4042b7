"""Rollout advantages: in states that a policy visits, what each of several decisions is worth.

AggreVaTe's labels (Ross & Bagnell, arXiv 1406.5979), which a deterministic simulator gives exactly:
from a state several branches go on to the end of the video, each under the policy but for its
beginning. A single decision rarely matters, for the five other memories say much the same; so a
branch holds on to a simple rule for some frames first, and its return labels its first decision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vot_memory.building import Building
from vot_memory.learn import features
from vot_memory.learn.simulator import Simulator, States

Decide = Callable[[Tensor], Tensor]  # tokens float32 [N, K + 1, F] to actions int64 [N]

_SCORE, _VISIBLE = features.NAMES.index("score"), features.NAMES.index("visible")


def discard(tokens: Tensor) -> Tensor:
    """Store nothing."""
    return torch.zeros(len(tokens), dtype=torch.int64, device=tokens.device)


def fifo(tokens: Tensor) -> Tensor:
    """Replace the oldest, as SAM 2 does."""
    return discard(tokens) + 1


def weakest(tokens: Tensor) -> Tensor:
    """Replace the memory of the lowest score (`presence_score`), the oldest of equals."""
    return 1 + tokens[:, 1:-1, _SCORE].argmin(1)


def one_empty(tokens: Tensor) -> Tensor:
    """Replace the oldest, but of memories without the object keep only the newest."""
    empty = tokens[:, 1:-1, _VISIBLE] == 0
    spare = empty & (empty.cumsum(1) < empty.sum(1, keepdim=True))
    return torch.where(spare.any(1), 1 + spare.byte().argmax(1), 1)


RULES: dict[str, Decide] = {
    "discard": discard,
    "fifo": fifo,
    "weakest": weakest,
    "one_empty": one_empty,
}
_HELD = (discard, fifo, weakest)  # rules that branches begin with
BRANCHES = len(_HELD) + 2  # the policy itself, and one decision at random


@dataclass(frozen=True)
class LabelSettings:
    """How many states are labelled, and for how long rules are held.

    Attributes:
        visits: episodes that states are taken from: the policy's, then ones that stray from it.
        states: labelled in one video, about.
        hold: frames that a branch keeps to its rule, drawn evenly from these.
        stray: frames after which a straying episode draws another rule, the policy's in half of
            the cases.
    """

    visits: int = 2
    states: int = 6
    hold: tuple[int, ...] = (1, 4, 12)
    stray: int = 8


@dataclass(frozen=True)
class Labels:
    """Labelled states of one video.

    Attributes:
        tokens: float32 [n, K + 1, F], the observations.
        actions: int64 [n, BRANCHES], first decision of every branch; the policy's is the last but
            one.
        returns: float64 [n, BRANCHES], clean Q at the end of every branch.
        frames: int64 [n].
    """

    tokens: NDArray[np.float32]
    actions: NDArray[np.int64]
    returns: NDArray[np.float64]
    frames: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with Building(path) as building:
            np.savez_compressed(building, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Labels:
        """Read what `save` wrote."""
        with np.load(path) as file:
            return cls(**{name: file[name] for name in ("tokens", "actions", "returns", "frames")})


def join(parts: list[Labels]) -> Labels:
    """All in one."""
    return Labels(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("tokens", "actions", "returns", "frames")
        )
    )


@torch.inference_mode()
def rollout(simulator: Simulator, policy: Decide, episodes: int = 1) -> States:
    """Finished episodes of a policy."""
    states = simulator.start(episodes)
    while not simulator.finished(states):
        actions = policy(features.tokens(features.scene(simulator, states)))
        states = simulator.advance(states, actions.cpu().numpy())
    return states


@torch.inference_mode()
def label(
    simulator: Simulator, policy: Decide, settings: LabelSettings, rng: np.random.Generator
) -> Labels:
    """Visit states, branch in some, play all to the end at once.

    Args:
        simulator: one that describes (`features.describe`).
        policy: whose states are visited and who goes on after a branch's beginning.
        settings: how many. rng: draws states, rules and their length.
    """
    states = simulator.start(settings.visits)
    rows = _Rows.visiting(settings.visits)
    seen: list[Tensor] = []
    first: list[NDArray[np.int64]] = []
    frames: list[int] = []
    while not simulator.finished(states):
        tokens = features.tokens(features.scene(simulator, states))
        rows.stray(states.t, settings, rng)
        actions = rows.decide(tokens, policy, states.t)
        for row in _chosen(tokens[: settings.visits], simulator.num_decisions, settings, rng):
            branches = _branches(tokens[row : row + 1], policy, simulator.num_actions, rng)
            seen.append(tokens[row])
            first.append(branches)
            frames.append(states.t)
            states = _copied(states, row, BRANCHES)
            rows.branch(states.t + int(rng.choice(settings.hold)))
            actions = np.concatenate([actions, branches])
        states = simulator.advance(states, actions)
    returns = simulator.quality(states)[settings.visits :].reshape(-1, BRANCHES)
    shape = (0, simulator.rules.slots + 1, features.SIZE)
    return Labels(
        torch.stack(seen).cpu().numpy() if seen else np.zeros(shape, np.float32),
        np.array(first, np.int64).reshape(-1, BRANCHES),
        returns,
        np.array(frames, np.int64),
    )


@dataclass
class _Rows:
    """What every episode does: `rule` [N] indexes _HELD, -1 is the policy; until frame `until`."""

    rule: NDArray[np.int64]
    until: NDArray[np.int64]
    visits: int

    @classmethod
    def visiting(cls, visits: int) -> _Rows:
        return cls(np.full(visits, -1), np.zeros(visits, np.int64), visits)

    def stray(self, t: int, settings: LabelSettings, rng: np.random.Generator) -> None:
        """Visits but the first draw what they do next."""
        if t % settings.stray == 0:
            drawn = rng.integers(-len(_HELD), len(_HELD), self.visits - 1)
            self.rule[1 : self.visits] = np.maximum(drawn, -1)
            self.until[1 : self.visits] = t + settings.stray

    def branch(self, until: int) -> None:
        """Append the branches of one state; the policy and chance are held for no frame."""
        held = len(_HELD)
        self.rule = np.concatenate([self.rule, np.arange(held), [-1, -1]])
        self.until = np.concatenate([self.until, np.full(held, until), [0, 0]])

    def decide(self, tokens: Tensor, policy: Decide, t: int) -> NDArray[np.int64]:
        """Actions of all episodes."""
        actions = policy(tokens).cpu().numpy()
        for number, rule in enumerate(_HELD):
            here = np.flatnonzero((self.rule == number) & (t < self.until))
            actions[here] = rule(tokens[torch.from_numpy(here)]).cpu().numpy()
        return actions


def _branches(
    tokens: Tensor, policy: Decide, actions: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """First decisions of a state's branches, int64 [BRANCHES]."""
    held = [int(rule(tokens)[0]) for rule in _HELD]
    return np.array([*held, int(policy(tokens)[0]), int(rng.integers(1, actions))])


def _chosen(
    tokens: Tensor, decisions: int, settings: LabelSettings, rng: np.random.Generator
) -> list[int]:
    """Visits whose state is labelled; four times as often where a memory or the frame is unsure."""
    unsure = (tokens[:, 1:, _SCORE] < _UNSURE).any(1).cpu().numpy()
    chance = settings.states / (settings.visits * decisions) * np.where(unsure, 2.0, 0.5)
    return [int(row) for row in np.flatnonzero(rng.random(settings.visits) < chance)]


_UNSURE = 0.7  # score below which a frame is unsure


def _copied(states: States, row: int, copies: int) -> States:
    """The states and `copies` of one of them."""
    return states.take(list(range(len(states))) + [row] * copies)
