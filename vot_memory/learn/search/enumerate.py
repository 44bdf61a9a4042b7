"""The exact optimum of clips so short that every sequence of decisions can be played.

No search certifies how far it is from the best decisions. Where there are few, all are played, and
methods are judged by how often, and how nearly, they reach what is certainly best.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vot_memory.backbone import Backbone
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.errors import InputError
from vot_memory.learn.clip import Clip
from vot_memory.learn.search import search
from vot_memory.learn.simulator import Rules, Simulator

MOST = 200_000  # sequences that are still played
SAME = 1e-6  # qualities this near are equal


@dataclass(frozen=True)
class Exact:
    """All sequences of decisions of one clip.

    Attributes:
        actions: int64 [D], one of the best. quality: its Q, the optimum. baseline: that of FIFO.
        every: float64 [slots ** D], Q of all sequences, in the order of their actions.
        passes: forward passes this took.
    """

    actions: NDArray[np.int64]
    quality: float
    baseline: float
    every: NDArray[np.float64]
    passes: int


@dataclass(frozen=True)
class Calibration:
    """How near one search came to the optimum.

    Attributes:
        sequence: name of the video. slots: size of the bank. decisions: D.
        method, budget, seed: of the search.
        baseline: Q of FIFO. found: best Q found. optimum: the best there is.
        better: share of all sequences that are better than what was found; 0 is the optimum.
    """

    sequence: str
    slots: int
    decisions: int
    method: str
    budget: int
    seed: int
    baseline: float
    found: float
    optimum: float
    better: float

    @property
    def reached(self) -> bool:
        """Whether the optimum was found."""
        return self.found >= self.optimum - SAME


def cut(clip: Clip, length: int, start: int = 0) -> Clip:
    """A part of a clip, as a video of its own that begins with the true mask.

    Args:
        clip: the whole.
        length: frames of the part.
        start: its first frame.

    Raises:
        InputError: the part does not lie in the clip, its first frame does not show the object, or
            nothing in it is scored.
    """
    part = slice(start, start + length)
    if not (0 <= start and 2 <= length <= len(clip) - start):
        raise InputError(
            f"Frames {start}..{start + length - 1} do not lie in object {clip.object} of sequence "
            f"{clip.sequence}, which has {len(clip)}: give a part of it."
        )
    mask = clip.truth[start].cpu().numpy()
    scored = clip.scored[part].clone()
    scored[0] = False
    if not (mask.any() and (start == 0 or clip.scored[start]) and scored.any()):
        raise InputError(
            f"Frames {start}..{start + length - 1} of sequence {clip.sequence} begin without the "
            "object or are not annotated: let the part begin elsewhere."
        )
    return replace(
        clip,
        features=clip.features[part],
        prompt=clip.prompt if start == 0 else MaskPrompt(mask),
        truth=clip.truth[part],
        valid=None if clip.valid is None else clip.valid[part],
        scored=scored,
        num_frames=length,
    )


def exact(sim: Simulator) -> Exact:
    """Play every sequence of decisions; beginnings are shared, so this costs one pass a prefix.

    Raises:
        InputError: there are more than `MOST`.
    """
    count = sim.num_actions**sim.num_decisions
    if count > MOST:
        raise InputError(
            f"{sim.num_decisions} decisions among {sim.num_actions} make {count} sequences: take a "
            "shorter part or fewer slots."
        )
    before = sim.counts.passes
    states = sim.start()
    every = np.arange(sim.num_actions)
    for _ in range(sim.num_decisions):
        parent = np.repeat(np.arange(len(states)), len(every))
        states = sim.advance(states.take(parent), np.tile(every, len(states)))
    quality = sim.quality(states)
    shape = (sim.num_actions,) * sim.num_decisions
    best = np.array(np.unravel_index(int(quality.argmax()), shape), np.int64)
    fifo = np.ravel_multi_index(tuple(sim.fifo()[0]), shape)
    return Exact(
        best,
        float(quality.max()),
        float(quality[fifo]),
        quality,
        sim.counts.passes - before,
    )


def calibrate(
    clips: Iterable[Clip],
    backbone: Backbone,
    methods: Sequence[str],
    budgets: Sequence[int],
    seeds: Sequence[int] = (0, 1, 2),
    rules: Rules | None = None,
) -> list[Calibration]:
    """Compare methods with the optimum.

    Args:
        clips: short ones (see `cut`).
        backbone: the model.
        methods: of `search`.
        budgets: forward passes, FIFO's rollout included.
        seeds: of each.
        rules: of the bank.
    """
    rows = []
    for clip in clips:
        sim = Simulator(clip, backbone, rules)
        known = exact(sim)
        for method in methods:
            for budget in budgets:
                for seed in seeds:
                    found = search(sim, method, budget, seed)
                    rows.append(
                        Calibration(
                            sequence=clip.sequence,
                            slots=sim.rules.slots,
                            decisions=sim.num_decisions,
                            method=method,
                            budget=budget,
                            seed=seed,
                            baseline=known.baseline,
                            found=found.quality,
                            optimum=known.quality,
                            better=float((known.every > found.quality + SAME).mean()),
                        )
                    )
    return rows
