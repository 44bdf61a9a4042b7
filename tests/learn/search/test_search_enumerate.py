"""Exact optima of short clips, and clips cut short."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.learn.clip import load_clip
from vot_memory.learn.search import search
from vot_memory.learn.search.enumerate import calibrate, cut, exact
from vot_memory.learn.simulator import Rules, Simulator

RULES = Rules(slots=2)


@pytest.fixture(scope="module")
def whole(backbone):
    return load_clip(backbone, load_split("synth-smoke").sequences[0])


@pytest.fixture(scope="module")
def short(whole):
    return cut(whole, 7, start=10)


def test_exact_is_the_best_of_all_sequences_played(backbone, short):
    known = exact(Simulator(short, backbone, RULES))
    every = np.array(list(itertools.product(range(2), repeat=4)))
    sim = Simulator(short, backbone, RULES)
    quality = sim.quality(sim.play(every))
    assert known.every == pytest.approx(quality, abs=1e-6)
    assert known.quality == pytest.approx(quality.max(), abs=1e-6)
    best = (every == known.actions).all(1)
    assert quality[best] == pytest.approx(quality.max(), abs=1e-6)
    assert known.baseline == pytest.approx(quality[(every == 1).all(1)][0], abs=1e-6)
    # 2 frames until the bank is full, then as many as there are beginnings of sequences.
    assert known.passes <= 2 + 2 + 4 + 8 + 16


def test_a_part_is_a_video_of_its_own(whole):
    part = cut(whole, 7, start=10)
    assert (len(part), part.num_frames, part.num_scored) == (7, 7, 6)
    assert part.features[0] is whole.features[10]
    assert (part.prompt.mask == whole.truth[10].numpy()).all()
    assert not part.scored[0]
    assert cut(whole, 7).prompt is whole.prompt


@pytest.mark.parametrize(("length", "start"), [(7, -1), (1, 0), (7, 24), (31, 0)])
def test_a_part_outside_the_clip_is_refused(whole, length, start):
    with pytest.raises(InputError, match="do not lie in object 1 of sequence"):
        cut(whole, length, start)


def test_a_part_that_begins_without_the_object_is_refused(whole):
    truth = whole.truth.clone()
    truth[10] = False
    with pytest.raises(InputError, match="begin without the object"):
        cut(replace(whole, truth=truth), 7, 10)


def test_too_many_sequences_are_refused(backbone, whole):
    with pytest.raises(InputError, match="22 decisions among 7 make"):
        exact(Simulator(whole, backbone))


def test_calibration_says_how_near_a_method_came(backbone, short):
    rows = calibrate([short], backbone, ["mutate", "random"], [6, 200], [0], RULES)
    settings = [(row.method, row.budget) for row in rows]
    assert settings == [("mutate", 6), ("mutate", 200), ("random", 6), ("random", 200)]
    known = exact(Simulator(short, backbone, RULES))
    for row in rows:
        assert row.optimum == pytest.approx(known.quality)
        better = (known.every > row.found + 1e-6).sum() / 16
        assert row.better == pytest.approx(better)
        assert row.reached == (better == 0)
    # A budget of 6 is FIFO's rollout alone; 200 pay for every sequence.
    assert rows[0].found == pytest.approx(known.baseline)
    assert rows[1].reached


def test_an_answer_that_is_no_number_stops_the_search(backbone, short):
    broken = replace(short.features[4], top=short.features[4].top * np.nan)
    clip = replace(short, features=(*short.features[:4], broken, *short.features[5:]))
    with pytest.raises(InputError, match=f"object 1 of sequence {clip.sequence} .* on frame 4 "):
        search(Simulator(clip, backbone, RULES), "mutate", budget=50)
