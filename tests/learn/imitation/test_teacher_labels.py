"""Labels: what the teacher does, and that returns are what episodes really end with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from worlds import make_simulator, make_video

from vot_memory.learn import features
from vot_memory.learn.imitation import labels
from vot_memory.learn.imitation.labels import BRANCHES, Labels, LabelSettings

pytestmark = pytest.mark.golden
LENGTH = 12


@pytest.fixture(scope="module")
def simulator():
    return make_simulator(make_video(LENGTH), slots=4, describe=features.describe)


def seen(scores, visible):
    """Tokens of one bank [memories, incoming] with these scores."""
    table = torch.zeros(1, len(scores) + 1, features.SIZE)
    table[0, 1:, features.NAMES.index("score")] = torch.tensor(scores)
    table[0, 1:, features.NAMES.index("visible")] = torch.tensor(visible, dtype=torch.float32)
    return table


@pytest.mark.parametrize(
    ("q", "visible", "action"),
    [
        ([0.9, 0.9, 0.9, 0.4], [1, 1, 1, 1], 0),  # a bad frame is discarded
        ([0.9, 0.9, 0.9, 0.5], [1, 1, 1, 1], 1),  # a poor one is not
        ([0.9, 0.9, 0.9, 0.9], [1, 1, 1, 1], 1),  # else the oldest makes room
        ([0.9, 0.9, 0.3, 0.9], [1, 1, 1, 1], 3),  # but a bad memory first
        ([0.9, 1.0, 1.0, 0.9], [1, 0, 0, 1], 2),  # then all empty ones but the newest
        ([0.9, 1.0, 0.9, 1.0], [1, 0, 1, 0], 2),  # which may be the incoming one
        ([0.9, 1.0, 0.9, 0.9], [1, 0, 1, 1], 1),  # a single one stays
        ([0.9, 1.0, 0.2, 1.0], [1, 0, 1, 0], 3),  # bad before empty
        ([0.9, 0.9, 0.9, np.nan], [1, 1, 1, 1], 1),  # what is not annotated is not known to be bad
        ([np.nan, 0.9, 0.3, 0.9], [1, 1, 1, 1], 3),
    ],
)
def test_the_teacher(q, visible, action):
    found = labels.teach(torch.tensor([q]), seen([1.0] * 4, visible), 0.5)
    assert found.tolist() == [action]


def test_nothing_is_known_of_frames_that_are_not_annotated():
    sim = make_simulator(make_video(LENGTH), slots=4, describe=features.describe)
    sim.clip.scored[5] = False
    states = sim.start(1)
    while states.t < 7:
        states = sim.advance(states, np.ones(1, np.int64))
    frames = [*sim.frame(states.bank)[0].tolist(), 7]
    assert frames == [4, 5, 6, 7]
    assert np.isnan(labels.known(sim, states)[0]).tolist() == [False, True, False, False]


def test_simple_rules():
    tokens = seen([0.8, 0.2, 0.5, 0.9], [1, 0, 0, 1])
    assert [int(rule(tokens)) for rule in labels.RULES] == [0, 1, 2, 2]


def test_every_visited_state_is_labelled_once(simulator):
    how = LabelSettings(visits=3, stray=2, branched=0)
    found = labels.label(simulator, None, how, np.random.default_rng(0), 0.5)
    assert found.frames.tolist() == [t for t in range(4, LENGTH - 1) for _ in range(3)]
    assert found.tokens.shape == (3 * (LENGTH - 5), 5, features.SIZE)
    assert (found.actions == -1).all()
    assert found.overlap.shape == (len(found), 4)
    assert np.isnan(found.returns).all()


def test_returns_are_what_the_branches_end_with(simulator):
    """Every branch again, alone and from the start, by the frames its rule is held for."""
    how = LabelSettings(visits=1, branched=LENGTH, hold=(2,))
    found = labels.label(simulator, labels.weakest, how, np.random.default_rng(3), 0.5)
    rows = np.flatnonzero(found.actions[:, 0] >= 0)
    assert len(rows) >= 3
    for row in rows:
        t = int(found.frames[row])
        for branch in range(BRANCHES):
            states = simulator.start()
            while not simulator.finished(states):
                tokens = features.tokens(features.scene(simulator, states))
                action = labels.weakest(tokens)
                if states.t == t:
                    assert np.array_equal(tokens[0].numpy(), found.tokens[row])
                    action[0] = int(found.actions[row, branch])
                elif states.t == t + 1 and branch < 3:
                    action = labels.RULES[branch](tokens)
                states = simulator.advance(states, action.numpy())
            assert simulator.quality(states)[0] == pytest.approx(found.returns[row, branch])


def test_the_same_seed_gives_the_same_labels_and_files_keep_them(simulator, tmp_path):
    how = LabelSettings(visits=3, stray=2, branched=4)
    one, two = (labels.label(simulator, None, how, np.random.default_rng(5), 0.5) for _ in range(2))
    one.save(tmp_path / "labels" / "one.npz")
    for other in (two, Labels.load(tmp_path / "labels" / "one.npz")):
        for name in ("tokens", "frames", "overlap", "actions", "returns"):
            kept, nan = getattr(other, name), name == "returns"
            assert np.array_equal(getattr(one, name), kept, equal_nan=nan)
    assert len(Labels.join([one, two])) == 2 * len(one)
    assert [p.name for p in (tmp_path / "labels").iterdir()] == ["one.npz"]


def test_what_the_teacher_knows_is_the_overlap_of_each_frame(simulator):
    """The first visit is the teacher's own: its memories are frames that it met before."""
    how = LabelSettings(visits=1, branched=0)
    found = labels.label(simulator, None, how, np.random.default_rng(0), 0.5)
    states, decisions = simulator.start(), found.teacher(0.5)
    for overlap, action in zip(found.overlap, decisions, strict=True):
        assert overlap.tolist() == simulator.overlap(states.bank)[0].tolist() + (
            simulator.overlap(states.node).tolist()
        )
        states = simulator.advance(states, np.array([action]))
    assert simulator.finished(states)
    assert (found.teacher(1.1) == 0).all()


def test_the_spread_is_of_what_visits_ended_with():
    overlap = np.array([[1, 0.2], [1, 0.4], [1, 0.6], [1, 1.0]], np.float32)  # 2 steps, 2 visits
    nothing = np.zeros((4, 1))
    found = Labels(nothing, np.array([4, 4, 5, 5]), overlap, nothing, nothing)
    assert found.spread() == pytest.approx(0.15)  # mean overlaps 0.4 and 0.7


def test_every_policy_of_a_rollout_plays_its_own_episode(simulator):
    states = labels.rollout(simulator, [labels.discard, labels.fifo])
    alone = simulator.play(np.stack([np.zeros_like(simulator.fifo()[0]), simulator.fifo()[0]]))
    assert simulator.quality(states).tolist() == simulator.quality(alone).tolist()
