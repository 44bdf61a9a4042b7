"""Fitting: targets by hand, both losses on problems whose answer is known, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.imitation.fitting import FitSettings, Targets, agreement, fit, without
from vot_memory.learn.imitation.labels import BRANCHES, Labels

SMALL = FitSettings(width=8, heads=2, layers=1, steps=150, batch=32, lr=1e-2, noise=0.1)


def drawn(n=200, seed=0):
    """States of a bank of 3 memories, all good: the teacher is FIFO; nothing is branched."""
    tokens = np.random.default_rng(seed).normal(size=(n, 5, features.SIZE)).astype(np.float32)
    for name, places in (("memory", [1, 2, 3]), ("incoming", [4]), ("oldest", [1])):
        tokens[:, :, features.NAMES.index(name)] = np.isin(np.arange(5), places)
    return Labels(
        tokens,
        np.arange(n),
        np.ones((n, 4), np.float32),
        np.full((n, BRANCHES), -1),
        np.full((n, BRANCHES), np.nan),
    )


def test_targets_gather_branches_by_their_first_action():
    labels = drawn(2)
    labels.actions[0] = [0, 1, 1, 3, 1]
    labels.returns[0] = [0.5, 0.2, 0.4, 0.6, 0.6]
    found = Targets.of(labels, 0.5)
    # Means: 0.5, 0.4 (of three), not tried, 0.6; less their mean 0.5.
    assert found.worth[0].tolist() == pytest.approx([0.0, -0.1, 0.0, 0.1])
    assert found.tried.tolist() == [[True, True, False, True], [False] * 4]
    assert found.branched.tolist() == [0]


def test_a_teacher_is_imitated():
    labels = drawn()
    score = labels.tokens[:, 1:, features.NAMES.index("score")]
    labels.overlap[:] = score > 0  # bad frames are those of low score
    assert set(labels.teacher(0.5)) == {0, 1, 2, 3}
    assert agreement(fit(labels, SMALL), labels, 0.5) > 0.9
    blind = fit(labels, SMALL, hidden=("score",))
    assert agreement(blind, Labels(**{**vars(labels), "tokens": labels.tokens * 0}), 0.5) < 0.6


def test_rollouts_outvote_the_teacher_where_they_were_tried():
    labels = drawn()
    labels.actions[:] = [0, 1, 1, 1, 2]
    labels.returns[:] = [0.9, 0.5, 0.5, 0.5, 0.4]  # discarding is worth more than FIFO
    found = fit(labels, SMALL)(torch.from_numpy(labels.tokens)).argmax(1)
    assert (found == 0).float().mean() > 0.95
    ignored = FitSettings(**{**vars(SMALL), "advantage": 0.0})
    assert agreement(fit(labels, ignored), labels, 0.5) == 1


def test_the_seed_decides():
    one, two = (fit(drawn(), SMALL).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    other = fit(drawn(), FitSettings(**{**vars(SMALL), "seed": 1})).state_dict()
    assert not torch.equal(one["enter.weight"], other["enter.weight"])


def test_a_loss_that_is_not_finite_stops_with_its_step():
    labels = drawn()
    labels.tokens[:] = np.inf
    with pytest.raises(InputError, match="Step 0 of fitting"):
        fit(labels, SMALL)


def test_hidden_features_are_zero_and_others_stay():
    tokens = torch.ones(1, 5, features.SIZE)
    hidden = without(tokens, features.GROUPS["mask"])
    off = [features.NAMES[i] for i in (hidden[0, 0] == 0).nonzero()[:, 0]]
    assert tuple(off) == features.GROUPS["mask"]
