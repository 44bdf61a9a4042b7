"""Features: what they say of scenes whose answer is known, and that none knows the truth."""

from __future__ import annotations

import math

import pytest
import torch

from vot_memory.candidates import Candidates
from vot_memory.learn import features
from vot_memory.learn.features import GRID, NAMES, SCALARS, Scene, describe, tokens

GROW = 4  # of masks to logits


def block(top, left, side):
    mask = torch.zeros(GRID, GRID)
    mask[top : top + side, left : left + side] = 1
    return mask


def frame(mask, pointer, obj=4.0, iou=0.8, second=0.5, third=0.2):
    scalars = [obj, iou, second, third, float(mask.mean()), 0.9, 0.6]
    unit = torch.tensor(pointer) / math.dist(pointer, (0, 0))
    return torch.cat([torch.tensor(scalars), mask.flatten(), unit])


@pytest.fixture
def scene():
    """Two memories, of frames 3 (the object) and 7 (nothing), and frame 9, partly elsewhere."""
    thing, nothing = block(2, 2, 4), torch.zeros(GRID, GRID)
    stored = [frame(thing, (1.0, 0.0)), frame(nothing, (0.0, 1.0), obj=-4.0, iou=0.1)]
    recent = torch.zeros(1, features.RECENT, len(SCALARS))
    for ago, described in ((1, stored[1]), (2, stored[1]), (3, stored[0])):
        recent[0, ago - 1] = described[: len(SCALARS)]
    return Scene(
        prompt=features.describe_prompt(
            torch.tensor([16 / 256]),
            torch.tensor([0.9]),
            torch.tensor([5.0]),
            torch.tensor([[3.0, 0.0]]),
        ),
        memories=torch.stack(stored)[None],
        incoming=frame(block(2, 4, 4), (1.0, 1.0))[None],
        recent=recent,
        last=stored[1][None],
        frames=torch.tensor([[3, 7]]),
        t=torch.tensor([9]),
    )


def named(scene):
    table = tokens(scene)
    assert table.shape == (1, 4, len(NAMES))
    return {name: [round(x, 4) for x in table[0, :, i].tolist()] for i, name in enumerate(NAMES)}


def test_kinds_and_ages(scene):
    found = named(scene)
    assert found["prompt"] == [1, 0, 0, 0]
    assert found["memory"] == [0, 1, 1, 0]
    assert found["incoming"] == [0, 0, 0, 1]
    assert (found["oldest"], found["newest"]) == ([0, 1, 0, 0], [0, 0, 1, 0])
    assert found["age_rank"] == [0, 1, 0.5, 0]
    assert found["log_age"] == [round(math.log1p(a) / 3, 4) for a in (9, 6, 2, 0)]
    assert found["log_newest_age"] == [round(math.log(3) / 3, 4)] * 4


def test_scores_and_ranks(scene):
    found = named(scene)
    presence = 2 / (1 + math.exp(-4)) - 1
    assert found["score"][1:] == [round(0.8 * presence, 4), 0, round(0.8 * presence, 4)]
    assert found["score_rank"][1:] == [0.75, 0.25, 0.75]  # a tie counts half
    assert found["visible"] == [1, 1, 0, 1]
    assert found["second"][1:] == [0.3, -0.4, 0.3]
    assert found["stored_visible"] == [0.5] * 4


def test_relations(scene):
    found = named(scene)
    half = round(math.sqrt(0.5), 4)
    assert found["ptr_prompt"] == [1, 1, 0, half]
    assert found["ptr_incoming"] == [half, half, half, 1]
    assert found["ptr_memories"] == [0.5, 0, 0, half]
    assert found["ptr_step"] == [half] * 4
    # Two 4 x 4 blocks that share half of one: 8 / 24.
    assert found["mask_incoming"] == [0, 0.3333, 0, 1]
    assert found["mask_step"] == [0] * 4


def test_history(scene):
    found = named(scene)
    assert found["log_absence"] == [round(math.log1p(2) / 3, 4)] * 4
    assert found["seen_of_5"] == [0.2] * 4
    assert found["seen_of_15"] == [0.125] * 4  # one of the 8 frames before frame 9
    assert found["area_to_prompt"] == [0, 0, -1, 0]
    assert found["area_to_recent"] == [0, 0, -1, 0]


def test_what_lies_before_frame_1_is_not_looked_at(scene):
    scene.recent[0, 8:] = 7.0
    again = named(scene)
    scene.recent[0, 8:] = 0.0
    assert named(scene) == again


def test_a_described_frame():
    logits = torch.full((2, 3, GROW * GRID, GROW * GRID), -5.0)
    logits[0, 1, 8:24, 8:24] = 5.0  # 4 x 4 cells
    logits[0, 1, 8:24, 24:28] = 0.5  # positive, but unsure: one column of cells more
    ious = torch.tensor([[0.3, 0.9, 0.5], [0.2, 0.1, 0.3]])
    candidates = Candidates(
        logits, ious, torch.tensor([2.0, -3.0]), torch.ones(2, 3, 4), 64, (64, 64)
    )
    found = describe(candidates, torch.tensor([1, 2]))
    scalars = dict(zip(SCALARS, found[0].tolist(), strict=False))
    assert scalars["obj"] == 2
    assert [round(scalars[k], 4) for k in ("iou", "second", "third")] == [0.9, 0.5, 0.3]
    assert scalars["area"] == pytest.approx(20 / 256)
    assert scalars["stability"] == pytest.approx(16 / 20)
    assert scalars["reach"] == 1  # alternatives are empty
    mask = found[:, len(SCALARS) : len(SCALARS) + GRID**2].reshape(2, GRID, GRID)
    expected = torch.zeros(GRID, GRID)
    expected[2:6, 2:7] = 1
    assert torch.equal(mask[0], expected)
    assert mask[1].sum() == 0
    assert torch.allclose(found[:, -4:], torch.full((2, 4), 0.5))
    assert found[1, SCALARS.index("stability")] == 1


def test_an_alternative_elsewhere_reaches_beyond_the_choice():
    logits = torch.full((1, 2, 64, 64), -5.0)
    logits[0, 0, 0:11, 0:11] = logits[0, 1, 0:11, 30:41] = 5.0
    candidates = Candidates(
        logits, torch.tensor([[0.9, 0.5]]), torch.ones(1), torch.ones(1, 2, 4), 64, (64, 64)
    )
    found = describe(candidates, torch.tensor([0]))
    assert found[0, SCALARS.index("reach")] == pytest.approx(10 * 10 / (40 * 10))


def test_groups_name_every_feature_once():
    assert len(NAMES) == len(set(NAMES)) == features.SIZE
