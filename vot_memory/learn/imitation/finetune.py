"""Fine-tune a policy for all videos by what whole episodes return.

PPO's clipped objective without a critic: every video begins alike, so a group of episodes on one
video is its own baseline (group-relative, as in Shao et al., arXiv 2402.03300, but at every step,
since rewards are dense). A decision's advantage is what its episode still gathers after it, less
the group's mean. Every iteration plays a few videos with episodes drawn from the policy's softmax.

On most videos decisions hardly matter. So videos are drawn more often where they did before, and
count the less for it (importance sampling), which leaves what is maximised as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from vot_memory.building import Building
from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.networks import SlotPointer
from vot_memory.learn.ppo import clipped_loss
from vot_memory.learn.simulator import Simulator


@dataclass(frozen=True)
class FinetuneSettings:
    """How a policy is fine-tuned.

    Attributes:
        iterations: how often it is updated; 0 leaves it as it is.
        videos: played in an iteration. group: episodes on each.
        even: share of videos drawn evenly, the others by how much decisions mattered on them.
        epochs: updates from them. lr: learning rate. clip: of the ratio.
        unit: advantage, in Q, that counts as 1.
        seed: of what is drawn.
    """

    iterations: Annotated[int, Field(ge=0)] = 0
    videos: Annotated[int, Field(ge=1)] = 4
    group: Annotated[int, Field(ge=2)] = 8
    even: Annotated[float, Field(gt=0, le=1)] = 0.3
    epochs: Annotated[int, Field(ge=1)] = 2
    lr: Annotated[float, Field(gt=0)] = 1e-4
    clip: Annotated[float, Field(gt=0, lt=1)] = 0.2
    unit: Annotated[float, Field(gt=0)] = 0.02
    seed: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True)
class Group:
    """A group of N episodes of S decisions on one video.

    Attributes:
        tokens: float32 [S, N, K + 1, F]. actions: int64 [S, N].
        logprob: float32 [S, N], of the actions as they were drawn.
        advantage: float32 [S, N], Q still gathered after a decision, less the group's mean.
        quality: mean clean Q.
    """

    tokens: Tensor
    actions: Tensor
    logprob: Tensor
    advantage: Tensor
    quality: float


def finetune(
    network: SlotPointer,
    video: Callable[[int], Simulator],
    mattered: NDArray[np.float64],
    settings: FinetuneSettings,
    checkpoint: Path,
    tell: Callable[[int, float], None] = lambda iteration, quality: None,
) -> SlotPointer:
    """Update a network in place, or go on from a checkpoint.

    Args:
        network: the policy to begin with, on the device of the model.
        video: the simulator of a video.
        mattered: [V], how much decisions mattered on each before, in any unit.
        settings: how.
        checkpoint: a file, written after every iteration.
        tell: is given each iteration and the mean Q of its episodes.

    Raises:
        InputError: a loss that is not finite; it names the iteration. The checkpoint stays. Or a
            checkpoint that is damaged, or of more iterations.
    """
    optimizer = torch.optim.Adam(network.parameters(), settings.lr, eps=1e-5)
    done = _resumed(network, optimizer, checkpoint)
    if done > settings.iterations:
        raise InputError(
            f"{checkpoint} is of {done} updates, {settings.iterations} are asked for: give "
            f"--finetune {done} or more, or another folder."
        )
    network.eval().requires_grad_(True)  # evaluation rounds otherwise than training mode
    chance = chances(mattered, settings.even)
    for iteration in range(done, settings.iterations):
        rng = np.random.default_rng((settings.seed, iteration))
        groups = []
        for place in rng.choice(len(chance), settings.videos, p=chance).tolist():
            played = play(video(place), network, settings.group, rng)
            weight = 1 / (len(chance) * chance[place])
            groups.append(replace(played, advantage=played.advantage * weight))
        for _ in range(settings.epochs):
            _update(network, optimizer, groups, settings, iteration)
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        _save(checkpoint, {**state, "iterations": iteration + 1})
        tell(iteration, float(np.mean([group.quality for group in groups])))
    return network.eval().requires_grad_(False)


def chances(mattered: NDArray[np.float64], even: float) -> NDArray[np.float64]:
    """Probability of drawing each video, [V]; even everywhere if decisions mattered nowhere."""
    total = mattered.sum()
    share = mattered / total if total > 0 else np.full(len(mattered), 1 / len(mattered))
    return even / len(mattered) + (1 - even) * share


@torch.no_grad()
def play(
    simulator: Simulator, network: SlotPointer, episodes: int, rng: np.random.Generator
) -> Group:
    """Episodes drawn from a policy's softmax, to the end of the video."""
    states = simulator.start(episodes)
    seen, taken, likely, totals = [], [], [], [states.total]
    while not simulator.finished(states):
        tokens = features.tokens(features.scene(simulator, states)).clone()
        logprob = network(tokens).log_softmax(1)
        # The largest of log-probabilities with Gumbel noise is a draw.
        noise = torch.from_numpy(rng.gumbel(size=tuple(logprob.shape))).to(logprob)
        actions = (logprob + noise).argmax(1)
        states = simulator.advance(states, actions.cpu().numpy())
        seen.append(tokens)
        taken.append(actions)
        likely.append(logprob.gather(1, actions[:, None])[:, 0])
        totals.append(states.total)
    ahead = (totals[-1] - np.stack(totals[:-1])) / simulator.clip.num_scored
    advantage = torch.from_numpy(ahead - ahead.mean(1, keepdims=True)).float()
    quality = float(simulator.quality(states).mean())
    stacked = torch.stack(seen), torch.stack(taken), torch.stack(likely)
    return Group(*stacked, advantage.to(stacked[0].device), quality)


def _update(
    network: SlotPointer,
    optimizer: torch.optim.Optimizer,
    groups: Sequence[Group],
    settings: FinetuneSettings,
    iteration: int,
) -> None:
    """One step on all decisions of all groups: steps apart would undo their weights."""
    losses = []
    for group in groups:
        logits = network(group.tokens.flatten(0, 1)).log_softmax(1)
        logprob = logits.gather(1, group.actions.flatten()[:, None])[:, 0]
        ratio = (logprob - group.logprob.flatten()).exp()
        gained = group.advantage.flatten() / settings.unit
        losses.append(clipped_loss(ratio, gained, settings.clip))
    loss = torch.stack(losses).mean()
    if not bool(torch.isfinite(loss)):
        raise InputError(
            f"Iteration {iteration} of fine-tuning gives a loss that is not finite: train anew, in "
            "another folder, with a lower --lr."
        )
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
    optimizer.step()


def _resumed(network: SlotPointer, optimizer: torch.optim.Optimizer, checkpoint: Path) -> int:
    """Iterations of a checkpoint, whose state is taken over; 0 if there is none."""
    if not checkpoint.exists():
        return 0
    try:
        state: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        return int(state["iterations"])
    except Exception as error:  # torch raises what the damage happens to cause
        raise InputError(f"{checkpoint} is damaged: delete it and train again.") from error


def _save(checkpoint: Path, state: dict[str, Any]) -> None:
    with Building(checkpoint) as building:
        torch.save(state, building)
