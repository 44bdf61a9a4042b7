"""SAM 3's memory selection: read sets by hand, and against the rule with an endless memory."""

from __future__ import annotations

import math
import random

import pytest
from simulation import Simulation

from vot_memory.errors import InputError
from vot_memory.registry import load_policy

ABSENT = -3.0  # an object score logit


def play(absent, until: int, num_frames: int | None = 200) -> Simulation:
    """Sure frames but the absent ones, up to and without `until`."""
    simulation = Simulation(load_policy("sam3"), num_frames)
    for t in range(1, until):
        simulation.write(t, obj=ABSENT if t in absent else 5.0)
    return simulation


@pytest.mark.parametrize(
    ("absent", "t", "spatial"),
    [
        ((), 1, [(0, 6)]),
        ((), 2, [(0, 6), (1, 0)]),
        ((), 3, [(0, 6), (1, 1), (2, 0)]),
        ((), 31, [(0, 6), (25, 5), (26, 4), (27, 3), (28, 2), (29, 1), (30, 0)]),
        ((1,), 2, [(0, 6), (1, 0)]),  # the last frame is read whatever it is
        ((1,), 3, [(0, 6), (2, 0)]),
        ((2, 3), 5, [(0, 6), (1, 1), (4, 0)]),  # rows by rank, without gaps
        (range(8, 50), 48, [(0, 6), (3, 5), (4, 4), (5, 3), (6, 2), (7, 1), (47, 0)]),
        (range(8, 50), 51, [(0, 6), (3, 5), (4, 4), (5, 3), (6, 2), (7, 1), (50, 0)]),
    ],
)
def test_spatial(absent, t, spatial):
    assert play(absent, t).read(t)[0] == spatial


@pytest.mark.parametrize(
    ("absent", "t", "pointers"),
    [
        ((), 1, []),
        ((), 2, []),  # the scan holds frame 1 alone, and its oldest frame is left out
        ((), 3, [(2, 1)]),
        ((), 6, [(5, 1), (4, 2), (3, 3), (2, 4)]),
        ((2, 3), 6, [(5, 1), (4, 2)]),  # distances are ranks: the scan is 1 4 5
        ((), 40, [(40 - d, d) for d in range(1, 15)]),  # 15 valid frames, the oldest left out
        ((39,), 40, [(40 - d, d) for d in range(1, 16)]),  # 15 valid and the last
        ((20,), 21, [(21 - d, d) for d in range(1, 16)]),
        ((15,), 16, [(16 - d, d) for d in range(1, 15)]),  # 14 valid and the last
    ],
)
def test_pointers(absent, t, pointers):
    _, seen, norm = play(absent, t).read(t)
    assert seen == [(0, t), *pointers]
    assert norm == 15


def test_pointers_are_divided_by_the_length_of_a_short_clip():
    assert play((), 4, num_frames=5).read(4)[1:] == ([(0, 4), (3, 1), (2, 2)], 4)


@pytest.mark.parametrize(
    ("iou", "obj", "valid"),
    [
        (0.9, 5.0, True),
        (0.9, 0.0, False),  # 2 sigmoid(0) - 1 = 0
        (0.0, 5.0, False),
        (0.9, -5.0, False),
        # tanh(obj / 2) * iou is 0.0100 and 0.0099
        (0.5, 2 * math.atanh(0.0201), True),
        (0.5, 2 * math.atanh(0.0199), False),
    ],
)
def test_one_score_of_presence_and_quality(iou, obj, valid):
    simulation = Simulation(load_policy("sam3"))
    simulation.write(1, iou=iou, obj=obj)
    simulation.write(2)
    assert ((1, 1) in simulation.read(3)[0]) is valid


def test_options_change_the_rule():
    simulation = Simulation(load_policy("sam3", {"memory_score": "0.5", "num_maskmem": "3"}))
    for t in range(1, 9):
        simulation.write(t, iou=0.8 if t % 2 else 0.4)
    assert simulation.read(9)[0] == [(0, 6), (7, 1), (8, 0)]
    assert [f for f, _ in simulation.read(9)[1]] == [0, 8, 7, 5, 3]


def unbounded(scores: dict[int, tuple[float, float]], t: int, limit: int):
    """The rule as it is described, over all frames there ever were."""
    found: list[int] = []
    for frame in range(t - 1, 0, -1):
        iou, obj = scores[frame]
        if max(0.0, 2 / (1 + math.exp(-obj)) - 1) * iou > 0.01:
            found.insert(0, frame)
        if len(found) == limit - 1:
            break
    if t > 1 and t - 1 not in found:
        found.append(t - 1)
    spatial = [(frame, row) for row, frame in enumerate(reversed(found[-6:]))]
    pointers = [(found[-d], d) for d in range(1, min(limit - 1, len(found) - 1) + 1)]
    return [(0, 6), *reversed(spatial)], [(0, t), *pointers]


@pytest.mark.parametrize(("num_frames", "limit"), [(None, 16), (12, 12)])
def test_the_bank_answers_as_an_endless_memory_would(num_frames, limit):
    rows, frames = 300, 11 if num_frames else 60
    draw = random.Random(3)
    simulation = Simulation(load_policy("sam3"), num_frames, rows)
    presence = [draw.choice([0.05, 0.3, 0.6, 0.9, 0.98]) for _ in range(rows)]
    history: list[dict[int, tuple[float, float]]] = [{} for _ in range(rows)]
    for t in range(1, frames):
        plan = simulation.plan(t)
        for row in range(rows):
            assert simulation.frames(plan, row)[:2] == unbounded(history[row], t, limit)
            seen = draw.random() < presence[row]
            history[row][t] = draw.random(), draw.uniform(0, 8) if seen else draw.uniform(-8, 0)
        iou, obj = zip(*(history[row][t] for row in range(rows)), strict=True)
        simulation.write(t, iou, obj)


def test_name_and_status_are_said():
    spec = load_policy("sam3").spec
    assert spec.parity == "re-implemented from the description, not parity-checked"
    assert spec.release.stability


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_maskmem": 1}, "num_maskmem=1 is outside 2..7"),
        ({"num_maskmem": 8}, "num_maskmem=8 is outside 2..7"),
        ({"max_obj_ptrs": 6}, "max_obj_ptrs=6 is outside num_maskmem=7..16"),
        ({"max_obj_ptrs": "17"}, "max_obj_ptrs=17 is outside num_maskmem=7..16"),
        ({"memory_score": "-0.1"}, "memory_score=-0.1 is outside 0..1"),
        ({"memory_score": "nan"}, "memory_score=nan is outside 0..1"),
    ],
)
def test_wrong_constants_are_refused(options, words):
    with pytest.raises(InputError, match=f"^Policy 'sam3': {words}"):
        load_policy("sam3", options)
