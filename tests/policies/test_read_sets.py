"""Hand-checkable read sets: what each policy attends to at frame t."""

from __future__ import annotations

import pytest
from simulation import Simulation

from vot_memory.policy import DISCARD
from vot_memory.registry import load_policy


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (1, [(0, 6)]),
        (2, [(0, 6), (1, 0)]),
        (3, [(0, 6), (1, 1), (2, 0)]),
        (7, [(0, 6), (1, 5), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0)]),
        (12, [(0, 6), (6, 5), (7, 4), (8, 3), (9, 2), (10, 1), (11, 0)]),
        (31, [(0, 6), (25, 5), (26, 4), (27, 3), (28, 2), (29, 1), (30, 0)]),
    ],
)
def test_fifo_spatial(t, expected):
    simulation = Simulation(load_policy("fifo"))
    simulation.run(t)
    assert simulation.read(t)[0] == expected


def test_fifo_pointers():
    simulation = Simulation(load_policy("fifo"))
    simulation.run(3)
    assert simulation.read(3)[1:] == ([(0, 3), (2, 1), (1, 2)], 15)
    for t in range(3, 40):
        simulation.write(t)
    _, pointers, norm = simulation.read(40)
    assert pointers == [(0, 40)] + [(40 - d, d) for d in range(1, 16)]
    assert norm == 15


def test_fifo_pointers_of_a_clip_shorter_than_the_limit():
    """SAM 2: min(num_frames, 16) limits both the number and the normaliser."""
    simulation = Simulation(load_policy("fifo"), num_frames=5)
    simulation.run(8)
    _, pointers, norm = simulation.read(8)
    assert pointers == [(0, 8), (7, 1), (6, 2), (5, 3), (4, 4)]
    assert norm == 4


def test_first_reads_the_prompt_alone():
    simulation = Simulation(load_policy("first"))
    assert simulation.run(30) == [DISCARD] * 29
    assert simulation.read(30) == ([(0, 6)], [(0, 30)], 15)


def test_random_fills_then_draws_and_ranks():
    simulation = Simulation(load_policy("random", {"seed": 3}))
    slots = simulation.run(200)
    assert slots[:6] == [1, 2, 3, 4, 5, 6]
    drawn = slots[6:]
    assert set(drawn) == {DISCARD, 1, 2, 3, 4, 5, 6}
    assert 0.35 < sum(s != DISCARD for s in drawn) / len(drawn) < 0.65
    frames, _, _ = simulation.read(200)
    assert [row for _, row in frames] == [6, 5, 4, 3, 2, 1, 0]  # by rank, not by age
    ages = [f for f, _ in frames]
    assert ages == sorted(ages)
    assert ages[0] == 0


def test_random_depends_on_seed_and_nothing_else():
    runs = [Simulation(load_policy("random", {"seed": seed})).run(60) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_random_pointers_tied_to_the_bank():
    simulation = Simulation(load_policy("random", {"pointers": "bank", "write_probability": 1}))
    simulation.run(50)
    frames, pointers, _ = simulation.read(50)
    stored = [f for f, _ in frames[1:]]
    assert pointers == [(0, 50)] + [(f, 50 - f) for f in reversed(stored)]
