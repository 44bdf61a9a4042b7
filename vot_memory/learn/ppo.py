"""Proximal policy optimisation on one video: SAM2RL's protocol, on our simulator.

Published (arXiv 2507.08548, section 4): the index observation, an MLP of two layers with 1024
hidden units, softmax over 7 actions, about 16,000 samples an iteration, 2 epochs, 150 iterations,
reward q_t / T and no discount, so that the return is clean Q. Everything else follows CleanRL's
recipe (Huang et al., "The 37 Implementation Details of PPO", ICLR blog track 2022): orthogonal
weights, a separate value network, Adam with eps 1e-5, annealed learning rate, GAE, advantages
normalised by minibatch, clipped ratios, gradient norm 0.5. Ours: a frame's reward counts less its
mean over the iteration's episodes, the two networks' gradients are clipped apart, the value loss is
not clipped, there is no entropy bonus, minibatches are eight, and the learning rate was chosen on a
made-up memory game and tried on one video of synth-dev.

An iteration plays whole episodes, which all end together, so nothing is bootstrapped. All of them
act at once on one simulator, with one more that plays greedily and is not learned from.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from vot_memory.building import Building, write_atomically
from vot_memory.errors import InputError
from vot_memory.learn.identity import check_same
from vot_memory.learn.networks import IndexAgent
from vot_memory.learn.observation import observe
from vot_memory.learn.simulator import Simulator

Row = dict[str, float]  # of progress.csv


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the agent, apart from the video.

    For an eighth of the published budget take 150 iterations of 2,000 samples, not fewer of 16,000:
    what counts is how often the agent is updated on episodes of its own.

    Attributes:
        iterations: how often the agent is updated.
        samples: decisions of an iteration, rounded to whole episodes.
        epochs: passes over them. minibatches: updates of a pass.
        hidden: width of both networks.
        lr: learning rate of the first iteration; it falls to 0 in a straight line.
        clip: of the ratio of probabilities. trace: lambda of GAE. entropy: weight of the bonus.
        seed: of initial weights, of what is drawn and of the minibatches.
    """

    iterations: Annotated[int, Field(ge=1)] = 150
    samples: Annotated[int, Field(ge=1)] = 16_000
    epochs: Annotated[int, Field(ge=1)] = 2
    minibatches: Annotated[int, Field(ge=1)] = 8
    hidden: Annotated[int, Field(ge=1)] = 1024
    lr: Annotated[float, Field(gt=0)] = 2.5e-3
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    trace: Annotated[float, Field(ge=0, le=1)] = 0.95
    entropy: Annotated[float, Field(ge=0)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Episodes:
    """What N episodes of S decisions did.

    Attributes:
        seen: float32 [S, N, T], observations. actions: int64 [S, N].
        logprob: float32 [S, N], of the actions as they were drawn.
        values: float32 [S, N], expected before each. rewards: float32 [S, N], q of the next frame.
        entropy: of the policy, in nats, mean over decisions.
        quality: float64 [N], clean Q. greedy: that of the greedy episode.
    """

    seen: Tensor
    actions: Tensor
    logprob: Tensor
    values: Tensor
    rewards: Tensor
    entropy: float
    quality: NDArray[np.float64]
    greedy: float


def advantages(rewards: Tensor, values: Tensor, trace: float) -> Tensor:
    """Generalised advantage estimates without discount (arXiv 1506.02438, equation 16), [S, N].

    Args:
        rewards: [S, N] of episodes that end with their last row.
        values: [S, N], expected return before each decision.
        trace: lambda.
    """
    after = torch.cat([values[1:], torch.zeros_like(values[:1])])
    result, ahead = rewards + after - values, torch.zeros_like(values[0])
    for step in reversed(range(len(rewards))):
        ahead = result[step] + trace * ahead
        result[step] = ahead
    return result


def clipped_loss(ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """PPO's surrogate (arXiv 1707.06347, equation 7), negated; scalar of [n], [n]."""
    bounded = ratio.clamp(1 - clip, 1 + clip)
    return -torch.minimum(ratio * advantage, bounded * advantage).mean()


def make_networks(length: int, actions: int, recipe: Recipe) -> tuple[IndexAgent, IndexAgent]:
    """Actor and critic with orthogonal weights; the actor begins close to even odds."""
    drawn = torch.Generator().manual_seed(recipe.seed)
    networks = IndexAgent(length, actions, recipe.hidden), IndexAgent(length, 1, recipe.hidden)
    for network, gain in zip(networks, (0.01, 1.0), strict=True):
        for layer, scale in ((network.hidden, math.sqrt(2)), (network.out, gain)):
            nn.init.orthogonal_(layer.weight, scale, generator=drawn)
            nn.init.zeros_(layer.bias)
    return networks


class Training:
    """One agent's training, which can be killed at any moment and goes on from its checkpoint.

    Args:
        simulator: the video. Its counts may have been used before.
        recipe: how to train.
        folder: where `state.pt` and `progress.csv` stand; None keeps nothing.
        memory: bytes that remembered predictions may take between iterations.

    Attributes:
        iteration: iterations done. curve: a row for each.
        best: the best sampled episode's Q, `best_actions` its decisions.

    Raises:
        InputError: the folder holds another training.
    """

    def __init__(
        self,
        simulator: Simulator,
        recipe: Recipe | None = None,
        folder: Path | None = None,
        memory: int = 1_000_000_000,
    ) -> None:
        self.simulator, self.recipe, self.folder = simulator, recipe or Recipe(), folder
        self.limit = max(1, memory * simulator.nodes // simulator.bytes)
        length = len(simulator.clip)
        self.actor, self.critic = make_networks(length, simulator.num_actions, self.recipe)
        self.optimizer = torch.optim.Adam(
            [*self.actor.parameters(), *self.critic.parameters()], self.recipe.lr, eps=1e-5
        )
        self.generator = torch.Generator().manual_seed(self.recipe.seed)
        self.iteration, self.curve = 0, list[Row]()
        self.best, self.best_actions = -math.inf, list[int]()
        self._before = {"asked": -simulator.counts.asked, "passes": -simulator.counts.passes}
        if folder is not None and (folder / "state.pt").exists():
            self._resume(folder / "state.pt")

    @property
    def episodes(self) -> int:
        """Sampled episodes of an iteration."""
        return max(1, round(self.recipe.samples / self.simulator.num_decisions))

    def run(self, tell: Callable[[Row], None] = lambda row: None) -> None:
        """Train to the end of the recipe; `tell` is given the row of each iteration.

        Raises:
            InputError: a number is not finite; the last good checkpoint stays.
        """
        while self.iteration < self.recipe.iterations:
            row = self.advance()
            self.save()
            tell(row)

    def advance(self) -> Row:
        """One iteration: play, then learn."""
        asked, passes = self._count("asked"), self._count("passes")
        played = self.play()
        learned = self.learn(played)
        self.iteration += 1
        new = self._count("asked") - asked, self._count("passes") - passes
        row = {
            "iteration": self.iteration,
            "steps": self._count("asked"),
            "passes": self._count("passes"),
            "mean_Q": float(played.quality.mean()),
            "best_Q": float(played.quality.max()),
            "best_sampled_Q": self.best,
            "greedy_Q": played.greedy,
            "entropy": played.entropy,
            "hit_rate": 1 - new[1] / new[0],
            **learned,
        }
        self.curve.append(row)
        self.simulator.trim(self.limit)
        return row

    @torch.no_grad()
    def play(self) -> Episodes:
        """Episodes drawn from the policy, and a greedy one beside them."""
        sim, n, steps = self.simulator, self.episodes, self.simulator.num_decisions
        seen = torch.empty(steps, n, len(sim.clip))
        actions = torch.empty(steps, n, dtype=torch.int64)
        logprob, values, rewards = (torch.empty(steps, n) for _ in range(3))
        entropy = 0.0
        states = sim.start(n + 1)  # the last one is greedy
        for step in range(steps):
            now = observe(sim, states)
            odds = self.actor(now).log_softmax(1)
            self._check(odds, f"the policy on frame {states.t}")
            drawn = torch.multinomial(odds[:n].exp(), 1, generator=self.generator)
            chosen = torch.cat([drawn[:, 0], odds[n:].argmax(1)])
            after = sim.advance(states, chosen.numpy())
            seen[step], actions[step] = now[:n], chosen[:n]
            logprob[step] = odds[:n].gather(1, drawn)[:, 0]
            values[step] = self.critic(now[:n])[:, 0]
            rewards[step] = torch.from_numpy(after.total - states.total)[:n]
            self._check(rewards[step], f"the reward of frame {after.t}")
            entropy -= float((odds[:n].exp() * odds[:n]).sum(1).mean()) / steps
            states = after
        quality = sim.quality(states)
        if quality[:n].max() > self.best:
            self.best = float(quality[:n].max())
            self.best_actions = actions[:, int(quality[:n].argmax())].tolist()
        return Episodes(
            seen, actions, logprob, values, rewards, entropy, quality[:n], float(quality[n])
        )

    def learn(self, played: Episodes) -> Row:
        """Update both networks; how it went, means over the minibatches."""
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.lr * (1 - self.iteration / recipe.iterations)
        rewards = played.rewards
        if self.episodes > 1:  # what a frame brings on average says nothing of decisions
            rewards = rewards - rewards.mean(1, keepdim=True)
        gained = advantages(rewards, played.values, recipe.trace)
        returns = gained + played.values
        data = [played.seen.flatten(0, 1)]
        data += [x.flatten() for x in (played.actions, played.logprob, gained, returns)]
        told: list[list[float]] = []
        for epoch in range(recipe.epochs):
            order = torch.randperm(len(data[0]), generator=self.generator)
            for k, part in enumerate(order.chunk(recipe.minibatches)):
                told.append(self._update(*(x[part] for x in data)))
                self._check(
                    torch.tensor(told[-1]), f"the loss of epoch {epoch + 1}, minibatch {k + 1}"
                )
        for network in (self.actor, self.critic):
            self._check(torch.cat([p.flatten() for p in network.parameters()]), "the weights")
        names = ("policy_loss", "value_loss", "approx_kl", "clip_fraction")
        spread = float(returns.var(correction=0))
        explained = 1 - float(gained.var(correction=0)) / spread if spread > 0 else 0.0
        return {
            **dict(zip(names, np.mean(told, axis=0).tolist(), strict=True)),
            "explained_variance": explained,
        }

    def _update(
        self, seen: Tensor, actions: Tensor, before: Tensor, gained: Tensor, returns: Tensor
    ) -> list[float]:
        """One step of Adam; policy loss, value loss, approximate KL, share of clipped ratios."""
        recipe = self.recipe
        if len(gained) > 1:
            gained = (gained - gained.mean()) / (gained.std() + 1e-8)
        odds = self.actor(seen).log_softmax(1)
        change = odds.gather(1, actions[:, None])[:, 0] - before
        ratio = change.exp()
        policy_loss = clipped_loss(ratio, gained, recipe.clip)
        entropy = -(odds.exp() * odds).sum(1).mean()
        value_loss = 0.5 * (self.critic(seen)[:, 0] - returns).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(policy_loss - recipe.entropy * entropy + value_loss)
        for network in (self.actor, self.critic):  # which share no weights
            nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        self.optimizer.step()
        with torch.no_grad():
            kl = (ratio - 1 - change).mean()  # http://joschu.net/blog/kl-approx.html
            clipped = ((ratio - 1).abs() > recipe.clip).float().mean()
        return [float(x.detach()) for x in (policy_loss, value_loss, kl, clipped)]

    # ---- keeping ---------------------------------------------------------------------------

    def save(self) -> None:
        """Write checkpoint and curve; a kill in between leaves whole files."""
        if self.folder is None:
            return
        state = {
            "identity": self._identity(),
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "iteration": self.iteration,
            "curve": self.curve,
            "best": self.best,
            "best_actions": self.best_actions,
            "counts": {name: self._count(name) for name in self._before},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with Building(self.folder / "state.pt") as building:
            torch.save(state, building)
        lines = [",".join(self.curve[0])]
        lines += [",".join(_cell(value) for value in row.values()) for row in self.curve]
        write_atomically(self.folder / "progress.csv", "\n".join(lines) + "\n")

    def _resume(self, file: Path) -> None:
        try:
            state = torch.load(file, weights_only=True)
            there = dict(state["identity"])
        except (RuntimeError, EOFError, UnpicklingError, LookupError, TypeError) as error:
            raise InputError(f"{file} is damaged: delete it to train from the start.") from error
        check_same(file.parent, self._identity(), there)
        self.actor.load_state_dict(state["actor"])
        self.critic.load_state_dict(state["critic"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"])
        self.iteration, self.curve = state["iteration"], state["curve"]
        self.best, self.best_actions = state["best"], state["best_actions"]
        for name, count in state["counts"].items():
            self._before[name] += count

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint has to agree in."""
        sim = self.simulator
        return {
            **sim.clip.video.model_dump(),
            "dtype": sim.backbone.precision,
            "model": sim.backbone.name,
            "image_size": sim.backbone.image_size,
            **asdict(sim.rules),
            **asdict(self.recipe),
        }

    def _count(self, name: str) -> int:
        """Steps asked for or forward passes made by this training, earlier processes included."""
        return self._before[name] + int(getattr(self.simulator.counts, name))

    def _check(self, numbers: Tensor, what: str) -> None:
        if bool(torch.isfinite(numbers).all()):
            return
        clip = self.simulator.clip
        kept = "" if self.folder is None else f"; {self.folder} keeps the last good checkpoint"
        raise InputError(
            f"Training on object {clip.object} of {clip.sequence} stopped in iteration "
            f"{self.iteration + 1}: {what} is not finite{kept}; train with a lower --lr in "
            "another folder."
        )


def _cell(value: float) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)
