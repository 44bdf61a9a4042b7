"""Fit a slot-pointer network to labels: a teacher's decisions, and what decisions are worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.imitation.labels import Labels
from vot_memory.learn.networks import SlotPointer


@dataclass(frozen=True)
class FitSettings:
    """How a network is fitted.

    Attributes:
        width, heads, layers: of the network.
        steps: of AdamW. batch: states of a step. lr: falls to 0 along a cosine. decay: of weights.
        noise: on features, in their standard deviations; states of one video are much alike, and
            without it a network learns the videos by heart.
        good: overlap with the truth from which the teacher calls a frame good (`labels.teach`).
        smoothing: of the teacher's decisions, over all actions.
        advantage: weight of rollout advantages beside the teacher's decisions.
        unit: advantage, in Q, that weighs as much as one state's teacher.
        seed: of initial weights and of what is drawn.
    """

    width: Annotated[int, Field(ge=1)] = 48
    heads: Annotated[int, Field(ge=1)] = 4
    layers: Annotated[int, Field(ge=1)] = 2
    steps: Annotated[int, Field(ge=1)] = 3000
    batch: Annotated[int, Field(ge=1)] = 256
    lr: Annotated[float, Field(gt=0)] = 2e-3
    decay: Annotated[float, Field(ge=0)] = 0.05
    noise: Annotated[float, Field(ge=0)] = 0.3
    good: Annotated[float, Field(gt=0, le=1)] = 0.2
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.05
    advantage: Annotated[float, Field(ge=0)] = 1.0
    unit: Annotated[float, Field(gt=0)] = 0.02
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Targets:
    """Labels as a loss wants them.

    Attributes:
        tokens: float32 [n, K + 1, F]. teacher: int64 [n].
        worth: float32 [n, K], mean return of branches that begin with an action, less the mean of
            all actions tried; 0 of those not tried. tried: bool [n, K].
    """

    tokens: Tensor
    teacher: Tensor
    worth: Tensor
    tried: Tensor

    @classmethod
    def of(cls, labels: Labels, good: float) -> Targets:
        """Gather branches by their first action; `good` is the teacher's."""
        n, actions = len(labels), labels.tokens.shape[1] - 1
        total, count = np.zeros((n, actions)), np.zeros((n, actions))
        for first, found in zip(labels.actions.T, labels.returns.T, strict=True):
            rows = np.flatnonzero(first >= 0)
            np.add.at(total, (rows, first[rows]), found[rows])
            np.add.at(count, (rows, first[rows]), 1)
        tried = count > 0
        mean = total / np.maximum(count, 1)
        centre = mean.sum(1, keepdims=True) / np.maximum(tried.sum(1, keepdims=True), 1)
        worth = np.where(tried, mean - centre, 0.0)
        return cls(
            torch.from_numpy(labels.tokens),
            torch.from_numpy(labels.teacher(good)),
            torch.from_numpy(worth).float(),
            torch.from_numpy(tried),
        )

    @property
    def branched(self) -> Tensor:
        """States whose actions differ in worth, int64 [m]."""
        return (self.worth != 0).any(1).nonzero()[:, 0]


def fit(
    labels: Labels,
    settings: FitSettings,
    hidden: tuple[str, ...] = (),
    tell: Callable[[int], None] = lambda done: None,
) -> SlotPointer:
    """Train a network from its beginning.

    The loss is the cross-entropy of the teacher's decisions plus, of states with branches, the
    expected worth of an action drawn from the network among those tried (cost-sensitive).

    Args:
        labels: all there are.
        settings: how.
        hidden: names of features that are set to 0, for ablations.
        tell: is given the number of steps done.

    Raises:
        InputError: the loss is not finite; it names the step.
    """
    data, drawn = Targets.of(labels, settings.good), torch.Generator().manual_seed(settings.seed)
    tokens = without(data.tokens, hidden)
    network = seeded_network(settings)
    optimizer = torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.steps)
    branched = data.branched if settings.advantage else data.branched[:0]
    spread = settings.noise * tokens.flatten(0, 1).std(0)

    def noisy(rows: Tensor) -> Tensor:
        given = tokens[rows]
        if not settings.noise:
            return given
        return given + spread * torch.randn(given.shape, generator=drawn)

    network.train()
    for step in range(settings.steps):
        rows = torch.randint(len(tokens), (settings.batch,), generator=drawn)
        loss = F.cross_entropy(
            network(noisy(rows)), data.teacher[rows], label_smoothing=settings.smoothing
        )
        if len(branched):
            rows = branched[torch.randint(len(branched), (settings.batch,), generator=drawn)]
            chosen = _among(network(noisy(rows)), data.tried[rows])
            expected = (chosen * data.worth[rows]).sum(1).mean()
            loss = loss - settings.advantage * expected / settings.unit
        if not bool(torch.isfinite(loss)):
            raise InputError(
                f"Step {step} of fitting the policy gives a loss that is not finite: give a "
                f"lower --lr (now {settings.lr:g}) and another folder."
            )
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        tell(step + 1)
    return network.eval()


def seeded_network(settings: FitSettings) -> SlotPointer:
    """A new network whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        return SlotPointer(features.SIZE, settings.width, settings.heads, settings.layers)


def without(tokens: Tensor, hidden: tuple[str, ...]) -> Tensor:
    """Tokens [..., F] with some features set to 0."""
    if not hidden:
        return tokens
    keep = torch.tensor([name not in hidden for name in features.NAMES], device=tokens.device)
    return tokens * keep


def _among(logits: Tensor, tried: Tensor) -> Tensor:
    """Probabilities of the actions that were tried, [n, K]."""
    return logits.masked_fill(~tried, -torch.inf).softmax(1)


@torch.inference_mode()
def agreement(network: SlotPointer, labels: Labels, good: float) -> float:
    """Share of states in which a network decides as the teacher does, whose `good` this is."""
    decided = network(torch.from_numpy(labels.tokens)).argmax(1).numpy()
    return float((decided == labels.teacher(good)).mean())
