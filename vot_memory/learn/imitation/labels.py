"""What a policy is taught in the states it visits: a teacher's decisions, and what they are worth.

The TEACHER knows the ground truth and so tells good frames from bad (learning by cheating, Chen et
al., arXiv 1912.12294); the policy sees features alone. It labels every state at no cost, and
states are the policy's own (DAgger, Ross et al., arXiv 1011.0686).

ROLLOUT ADVANTAGES (AggreVaTe, Ross & Bagnell, arXiv 1406.5979) cost a run to the video's end for
every decision, which a deterministic simulator makes exact: from a state several branches go on
under the policy but for their beginning. A single decision rarely matters, for the five other
memories say much the same; so a branch holds on to a simple rule for some frames first, and its
return labels its first decision.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vot_memory.building import Building
from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.identity import AGAIN
from vot_memory.learn.simulator import Simulator, States

Decide = Callable[[Tensor], Tensor]  # tokens float32 [N, K + 1, F] to actions int64 [N]

_SCORE, _VISIBLE = features.NAMES.index("score"), features.NAMES.index("visible")
_UNSURE = 0.7  # score below which a frame is unsure


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
    return _oldest(_spare(tokens[:, 1:-1, _VISIBLE] == 0))


def _spare(empty: Tensor) -> Tensor:
    """All but the newest of the marked memories, bool [N, K - 1]."""
    return empty & (empty.cumsum(1) < empty.sum(1, keepdim=True))


def _oldest(marked: Tensor) -> Tensor:
    """Replace the oldest marked memory, or the oldest if none is; int64 [N]."""
    return 1 + marked.byte().argmax(1)


def known(simulator: Simulator, states: States) -> NDArray[np.float32]:
    """Overlap with the truth of memories, oldest first, and incoming frame, [N, K].

    NaN where a frame is not annotated: nothing is known of it, and no comparison calls it bad.
    """
    nodes = np.concatenate([states.bank, states.node[:, None]], axis=1)
    scored = simulator.clip.scored.numpy()[simulator.frame(nodes)]
    return np.where(scored, simulator.overlap(nodes), np.float32(np.nan))


def teach(overlap: Tensor, tokens: Tensor, good: float) -> Tensor:
    """What one does who knows each frame's overlap with the truth, but not the future.

    A bad frame is discarded. A good one replaces a bad memory if there is one; else, of memories
    that rightly show no object, one that is not the newest; else the oldest.

    Args:
        overlap: float32 [N, K], of `known`; NaN is not bad.
        tokens: float32 [N, K + 1, F].
        good: overlap from which a frame is good. Low: who discards frames that are merely poor,
            because the object changes, starves the memory and makes them poorer still.

    Returns:
        int64 [N].
    """
    bad = overlap < good
    empty = tokens[:, 1:, _VISIBLE] == 0  # of memories and the incoming one
    stored, spare = bad[:, :-1], _spare(empty)[:, :-1]
    instead = _oldest(torch.where(stored.any(1, keepdim=True), stored, spare))
    return torch.where(bad[:, -1], 0, instead)


RULES: tuple[Decide, ...] = (discard, fifo, weakest, one_empty)
_HELD = RULES[:3]  # rules that branches begin with
BRANCHES = len(_HELD) + 2  # the policy itself, and one decision at random


@dataclass(frozen=True)
class LabelSettings:
    """What is visited and labelled in one video.

    Attributes:
        visits: episodes that states are taken from: the policy's own, then ones that stray from it.
        stray: frames after which a straying episode draws what it follows next: the policy in half
            of the cases, else the teacher or a simple rule.
        branched: states of a video that rollout advantages are found for, about.
        hold: frames that a branch keeps to its rule, drawn evenly from these.
    """

    visits: int = 8
    stray: int = 8
    branched: int = 4
    hold: tuple[int, ...] = (1, 4, 12)


@dataclass(frozen=True)
class Labels:
    """Labelled states.

    Attributes:
        tokens: float32 [n, K + 1, F], the observations. frames: int64 [n].
        overlap: float32 [n, K], of `known`, which the teacher decides by.
        actions: int64 [n, BRANCHES], first decision of every branch, the policy's own last but one;
            -1 of states that are not branched.
        returns: float64 [n, BRANCHES], clean Q at the end of every branch; nan as above.
    """

    tokens: NDArray[np.float32]
    frames: NDArray[np.int64]
    overlap: NDArray[np.float32]
    actions: NDArray[np.int64]
    returns: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)

    def teacher(self, good: float) -> NDArray[np.int64]:
        """The teacher's decisions, int64 [n]; `good` as of `teach`."""
        taught: NDArray[np.int64]
        taught = teach(torch.from_numpy(self.overlap), torch.from_numpy(self.tokens), good).numpy()
        return taught

    def spread(self) -> float:
        """How far apart the visits to one video ended: deviation of their mean overlaps."""
        steps = len(np.unique(self.frames))
        return float(np.nanmean(self.overlap[:, -1].reshape(steps, -1), axis=0).std())

    def save(self, path: Path) -> None:
        """Write whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with Building(path) as building:
            np.savez_compressed(building, **vars(self))

    @classmethod
    def load(cls, path: Path) -> Labels:
        """Read what `save` wrote.

        Raises:
            InputError: the file is damaged.
        """
        try:
            with np.load(path) as file:
                return cls(**{name.name: file[name.name] for name in fields(cls)})
        except (OSError, ValueError, LookupError, EOFError, BadZipFile, zlib.error) as error:
            raise InputError(f"{path} is damaged: {AGAIN}.") from error

    @classmethod
    def join(cls, parts: list[Labels]) -> Labels:
        """All in one."""
        names = [name.name for name in fields(cls)]
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})


@torch.inference_mode()
def rollout(simulator: Simulator, policies: Sequence[Decide]) -> States:
    """Finished episodes, one of each policy."""
    states = simulator.start(len(policies))
    while not simulator.finished(states):
        tokens = features.tokens(features.scene(simulator, states))[:, None]
        actions = torch.cat([decide(own) for decide, own in zip(policies, tokens, strict=True)])
        states = simulator.advance(states, actions.cpu().numpy())
    return states


@torch.inference_mode()
def label(
    simulator: Simulator,
    policy: Decide | None,
    settings: LabelSettings,
    rng: np.random.Generator,
    good: float,
) -> Labels:
    """Visit states, branch in some, play all to the end at once.

    Args:
        simulator: one that describes (`features.describe`).
        policy: whose states are visited, and who goes on after a branch's beginning; None is the
            teacher.
        settings: how many.
        rng: draws states, rules and their length.
        good: the teacher's, as of `teach`.
    """
    visits = settings.visits
    states, rows = simulator.start(visits), _Rows(visits)
    seen: list[Labels] = []
    branched: list[tuple[int, int]] = []  # which state of which step the next branches label
    while not simulator.finished(states):
        tokens = features.tokens(features.scene(simulator, states))
        overlap = known(simulator, states)
        taught = teach(torch.from_numpy(overlap).to(tokens.device), tokens, good)
        own = taught if policy is None else policy(tokens)
        rows.stray(states.t, settings, rng)
        actions = rows.decide(tokens, taught, own, states.t)
        here = Labels(
            tokens[:visits].cpu().numpy(),
            np.full(visits, states.t),
            overlap[:visits],
            np.full((visits, BRANCHES), -1),
            np.full((visits, BRANCHES), np.nan),
        )
        for row in _chosen(tokens[:visits], simulator.num_decisions, settings, rng):
            held = [int(rule(tokens[row : row + 1])[0]) for rule in _HELD]
            first = [*held, int(own[row]), int(rng.integers(1, simulator.num_actions))]
            here.actions[row] = first
            branched.append((len(seen), row))
            states = states.take([*range(len(states)), *[row] * BRANCHES])
            rows.branch(states.t + int(rng.choice(settings.hold)))
            actions = np.concatenate([actions, first])
        seen.append(here)
        states = simulator.advance(states, actions)
    returns = simulator.quality(states)[visits:].reshape(-1, BRANCHES)
    for (step, row), found in zip(branched, returns, strict=True):
        seen[step].returns[row] = found
    return Labels.join(seen)


class _Rows:
    """What every episode does: `rule` [N] indexes RULES up to frame `until` [N]."""

    POLICY, TEACHER = -1, len(RULES)

    def __init__(self, visits: int) -> None:
        self.visits = visits
        self.rule, self.until = np.full(visits, self.POLICY), np.zeros(visits, np.int64)

    def stray(self, t: int, settings: LabelSettings, rng: np.random.Generator) -> None:
        """Visits but the first draw what they follow next."""
        if t % settings.stray == 0:
            drawn = rng.integers(-self.TEACHER - 1, self.TEACHER + 1, self.visits - 1)
            self.rule[1 : self.visits] = np.maximum(drawn, self.POLICY)
            self.until[1 : self.visits] = t + settings.stray

    def branch(self, until: int) -> None:
        """Append the branches of one state; the policy and chance are held for no frame."""
        held = len(_HELD)
        self.rule = np.concatenate([self.rule, np.arange(held), [self.POLICY] * 2])
        self.until = np.concatenate([self.until, np.full(held, until), [0, 0]])

    def decide(self, tokens: Tensor, taught: Tensor, own: Tensor, t: int) -> NDArray[np.int64]:
        """Actions of all episodes, int64 [N]."""
        actions = own.cpu().numpy().copy()
        rule = np.where(t < self.until, self.rule, self.POLICY)
        for number, answer in enumerate([*RULES, None]):
            here = torch.from_numpy(np.flatnonzero(rule == number))
            if len(here):
                decided = taught[here] if answer is None else answer(tokens[here])
                actions[here.numpy()] = decided.cpu().numpy()
        return actions


def _chosen(
    tokens: Tensor, decisions: int, settings: LabelSettings, rng: np.random.Generator
) -> list[int]:
    """Visits whose state is branched; four times as often where a memory or the frame is unsure."""
    unsure = (tokens[:, 1:, _SCORE] < _UNSURE).any(1).cpu().numpy()
    chance = settings.branched / (settings.visits * decisions) * np.where(unsure, 2.0, 0.5)
    return [int(row) for row in np.flatnonzero(rng.random(settings.visits) < chance)]
