"""How much of what search found survives a change of the video or of the arithmetic.

A sequence of decisions that was found for one video may owe its quality to that video's every
pixel (the open-loop "Brute" of deterministic Atari; Machado et al., JAIR 2018, section 4). Here
frames are dropped and the precision is changed, and the decisions are played as they are: each
frame that is left keeps its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vot_memory.backbone import Backbone
from vot_memory.datasets.sequence import Sequence
from vot_memory.learn.clip import Clip, load_clip
from vot_memory.learn.simulator import Rules, Simulator

COLUMNS = ("sequence", "perturbation", "draw", "policy", "Q")
DROPS = (0.02, 0.05, 0.1)
DRAWS = 3  # of the frames that are dropped, for each share


def without(clip: Clip, kept: NDArray[np.int64]) -> Clip:
    """The clip with these frames alone; the prompt's frame 0 is among them."""
    at = [int(t) for t in kept]
    return dataclasses.replace(
        clip,
        features=tuple(clip.features[t] for t in at),
        truth=clip.truth[at],
        valid=None if clip.valid is None else clip.valid[at],
        scored=clip.scored[at],
        num_frames=clip.num_frames - len(clip) + len(at),
    )


def num_rows() -> int:
    """Rows of a video."""
    return 2 * (2 + len(DROPS) * DRAWS)


def fewest_frames(length: int) -> int:
    """How many are left of a clip where most are dropped."""
    return min(len(kept_frames(length, share, draw)) for share in DROPS for draw in range(DRAWS))


def kept_frames(length: int, share: float, draw: int) -> NDArray[np.int64]:
    """Frames left when each but the prompt's is dropped with probability `share`."""
    drawn = np.random.default_rng([draw, length]).random(length) >= share
    drawn[0] = True
    return np.flatnonzero(drawn)


def perturbed_qualities(
    sequence: Sequence,
    actions: NDArray[np.int64],
    exact: Backbone,
    other: Backbone,
    rules: Rules,
    *,
    draws: int = DRAWS,
) -> Iterator[tuple[str, str, int, str, float]]:
    """Clean Q of found decisions and of FIFO, in the simulator at batch 1.

    Args:
        sequence: the video; its first object.
        actions: int64 [num_decisions], as search found them.
        exact: the model they were found on.
        other: the same weights in another precision.
        rules: how the bank is read.
        draws: how often frames are drawn for each share.

    Yields:
        Rows of `COLUMNS`: the perturbation is `none`, the name of a precision, or `drop 5%`. Q is
        of the frames that are left.
    """
    clip = load_clip(exact, sequence)
    yield from _both(clip, exact, rules, actions, "none", 0)
    yield from _both(load_clip(other, sequence), other, rules, actions, other.precision, 0)
    for share in DROPS:
        for draw in range(draws):
            kept = kept_frames(len(clip), share, draw)
            # The frame at place j of what is left decides as it did in the whole clip.
            own = actions[kept[rules.slots : len(kept) - 1] - rules.slots]
            shorter = without(clip, kept)
            yield from _both(shorter, exact, rules, own, f"drop {share:.0%}", draw)


def _both(
    clip: Clip,
    backbone: Backbone,
    rules: Rules,
    actions: NDArray[np.int64],
    perturbation: str,
    draw: int,
) -> Iterator[tuple[str, str, int, str, float]]:
    simulator = Simulator(clip, backbone, rules, batch=1)
    played = np.concatenate([simulator.fifo(), actions[None]])
    quality = simulator.quality(simulator.play(played))
    for policy, value in zip(("fifo", "best-found"), quality.tolist(), strict=True):
        yield clip.sequence, perturbation, draw, policy, value
