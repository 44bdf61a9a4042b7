"""Ceilings: rules that know the truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from vot_memory.datasets.splits import load_split
from vot_memory.learn.clip import load_clip
from vot_memory.learn.search.ceilings import Causal, causal, ceilings
from vot_memory.learn.search.enumerate import cut
from vot_memory.learn.simulator import Rules, Simulator

RULES = Rules(slots=3)


@pytest.fixture(scope="module")
def clip(backbone):
    return cut(load_clip(backbone, load_split("synth-smoke").sequences[1]), 14)


def test_a_bound_that_all_frames_pass_is_fifo_and_one_that_none_passes_discards(backbone, clip):
    sim = Simulator(clip, backbone, RULES)
    fifo, none = causal(sim, [Causal(-1.0, absent=True), Causal(1.0, absent=True)])
    assert fifo == sim.quality(sim.play(sim.fifo()))[0]
    assert none == sim.quality(sim.play(0 * sim.fifo()))[0]


def test_a_bound_stores_the_frames_above_it(backbone, clip):
    sim = Simulator(clip, backbone, RULES)
    states, actions = sim.start(), []
    bound = float(np.median(sim.overlap(sim.play(sim.fifo()).recent[0, :8])))
    while not sim.finished(states):
        seen = bool(clip.truth[states.t].any())
        actions.append(int(seen and float(sim.overlap(states.node)[0]) > bound))
        states = sim.advance(states, np.array(actions[-1:]))
    assert 0 < sum(actions) < len(actions)
    assert causal(sim, [Causal(bound)])[0] == sim.quality(states)[0]


def test_what_is_not_annotated_is_stored(backbone, clip):
    every = Simulator(dataclasses.replace(clip, scored=clip.scored.clone()), backbone, RULES)
    every.clip.scored[3:-1] = False
    stored = every.quality(every.play(every.fifo()))[0]
    assert causal(every, [Causal(1.0)])[0] == pytest.approx(stored)


def test_ceilings_are_kept_apart_by_name(backbone, clip):
    rows = ceilings(clip, backbone, Causal(0.5), RULES)
    assert [row.ceiling for row in rows] == ["causal", "fifo", "choice", "memory", "both"]
    assert {(row.sequence, row.object) for row in rows} == {(clip.sequence, "1")}
    sim = Simulator(clip, backbone, RULES)
    assert rows[1].quality == sim.quality(sim.play(sim.fifo()))[0]
