"""Observations: SAM2RL's index vector, by hand."""

from __future__ import annotations

import itertools

import pytest
import torch
from worlds import make_simulator, make_video

from vot_memory.learn.observation import index


def test_index_marks_the_prompt_the_stored_frames_and_the_present():
    frames = torch.tensor([[1, 2, 3], [2, 5, 6], [-1, -1, -1], [1, -1, -1]])
    seen = index(frames, torch.tensor([4, 7, 1, 2]), 9)
    assert seen.dtype == torch.float32
    assert seen.tolist() == [
        [1, 1, 1, 1, 1, 0, 0, 0, 0],
        [1, 0, 1, 0, 0, 1, 1, 1, 0],
        [1, 1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0, 0],
    ]


def test_one_present_for_all_rows():
    frames = torch.tensor([[1, 2], [1, 3]])
    assert torch.equal(index(frames, 5, 6), index(frames, torch.tensor([5, 5]), 6))


def test_index_tells_all_banks_and_times_apart():
    pairs = [(bank, t) for t in range(4, 9) for bank in itertools.combinations(range(1, t), 3)]
    seen = index(torch.tensor([b for b, _ in pairs]), torch.tensor([t for _, t in pairs]), 9)
    assert len({tuple(row) for row in seen.tolist()}) == len(pairs)


@pytest.mark.golden
def test_index_of_the_simulators_states():
    simulator = make_simulator(make_video(8), 3)
    states = simulator.advance(simulator.start(2), torch.tensor([0, 1]).numpy())
    frames = torch.from_numpy(simulator.frame(states.bank)).long()
    assert index(frames, states.t, len(simulator.clip)).tolist() == [
        [1, 1, 1, 0, 1, 0, 0, 0],
        [1, 0, 1, 1, 1, 0, 0, 0],
    ]
