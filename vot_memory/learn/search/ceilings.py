"""How well decisions, and parts of the tracker, could do with knowledge that a tracker lacks.

causal      stores a frame if its own overlap with the truth is above a bound, replaces the oldest
fifo        SAM 2's rule
choice      FIFO, with the best of the three masks by truth
memory      FIFO, with the true masks written to memory
both        FIFO, with both

The first two differ in decisions, the last three in the tracker's parts: kept apart by name. Above
them stands what search finds (`hindsight`), which knows the future too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vot_memory.backbone import Backbone
from vot_memory.learn.clip import Clip
from vot_memory.learn.simulator import Privilege, Rules, Simulator

BOUNDS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True)
class Causal:
    """A rule that knows the truth of the current frame, not the future.

    Attributes:
        bound: a frame is stored if its overlap q is above.
        absent: frames without the object are stored too, if the prediction is empty (q is 1).

    Frames that are not annotated are stored, since nothing is known of them.
    """

    bound: float = 0.5
    absent: bool = False

    @property
    def name(self) -> str:
        """As options say it."""
        return f"bound {self.bound:g}" + " absent" * self.absent


@dataclass(frozen=True)
class Ceiling:
    """One ceiling of one object: `ceiling` is its name, `quality` clean Q in the simulator."""

    sequence: str
    object: str
    ceiling: str
    quality: float


RULES = tuple(Causal(bound, absent) for absent in (False, True) for bound in BOUNDS)


def causal(sim: Simulator, rules: Sequence[Causal]) -> NDArray[np.float64]:
    """Clean Q of causal rules, float64 [len(rules)]; all are played together."""
    bound = np.array([rule.bound for rule in rules])
    absent = np.array([rule.absent for rule in rules])
    states = sim.start(len(rules))
    while not sim.finished(states):
        t = states.t
        stores = (sim.overlap(states.node) > bound) & (absent | bool(sim.clip.visible[t]))
        states = sim.advance(states, (stores | (not sim.clip.scored[t])).astype(np.int64))
    return sim.quality(states)


def ceilings(
    clip: Clip,
    backbone: Backbone,
    rule: Causal,
    rules: Rules | None = None,
) -> list[Ceiling]:
    """All ceilings of one object.

    Args:
        clip: the object.
        backbone: the model.
        rule: the causal rule, chosen elsewhere.
        rules: of the bank.
    """
    plain = Simulator(clip, backbone, rules)
    quality = {"causal": float(causal(plain, [rule])[0])}
    for name, privilege in (
        ("fifo", Privilege()),
        ("choice", Privilege(choice=True)),
        ("memory", Privilege(memory=True)),
        ("both", Privilege(choice=True, memory=True)),
    ):
        sim = Simulator(clip, backbone, rules, privilege=privilege)
        quality[name] = float(sim.quality(sim.play(sim.fifo()))[0])
    return [Ceiling(clip.sequence, clip.object, name, q) for name, q in quality.items()]
