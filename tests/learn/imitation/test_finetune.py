"""Fine-tuning: advantages by their definition, an update's direction, and its checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from worlds import make_simulator, make_video

from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.imitation.finetune import FinetuneSettings, _update, chances, finetune, play
from vot_memory.learn.imitation.fitting import FitSettings, seeded_network

pytestmark = pytest.mark.golden

SETTINGS = FinetuneSettings(iterations=3, videos=1, group=3, lr=1e-2)
ONE = np.ones(1)  # video


@pytest.fixture(scope="module")
def simulator():
    return make_simulator(make_video(10), slots=4, describe=features.describe)


@pytest.fixture
def network():
    network = seeded_network(FitSettings(width=8, heads=2, layers=1))
    torch.nn.init.normal_(network.point.weight, generator=torch.Generator().manual_seed(0))
    return network


def test_an_advantage_is_what_is_still_gathered_less_the_groups_mean(simulator, network):
    group = play(simulator, network, 4, np.random.default_rng(0))
    actions = group.actions.numpy()
    states, totals = simulator.start(4), []
    for column in actions:
        totals.append(states.total)
        states = simulator.advance(states, column)
    ahead = (states.total - np.array(totals)) / simulator.clip.num_scored
    expected = ahead - ahead.mean(1, keepdims=True)
    assert group.advantage.numpy() == pytest.approx(expected, abs=1e-6)
    assert group.quality == pytest.approx(simulator.quality(states).mean())
    with torch.no_grad():
        logprob = network(group.tokens[0]).log_softmax(1)
    drawn = logprob[torch.arange(4), group.actions[0]]
    assert torch.allclose(group.logprob[0], drawn, atol=1e-5)


def test_draws_follow_the_softmax(simulator, network):
    """Of 400 draws of the first decision each action has its share, within 4 deviations."""
    group = play(simulator, network, 400, np.random.default_rng(0))
    with torch.no_grad():
        chance = network(group.tokens[0][:1]).softmax(1)[0].numpy()
    share = np.bincount(group.actions[0].numpy(), minlength=len(chance)) / 400
    assert np.abs(share - chance).max() < 4 * np.sqrt(0.25 / 400)
    assert (share > 0).sum() > 1


def test_a_killed_fine_tuning_ends_as_one_that_was_not(simulator, network, tmp_path):
    start = {name: weight.clone() for name, weight in network.state_dict().items()}
    whole = finetune(network, lambda n: simulator, ONE, SETTINGS, tmp_path / "a.pt").state_dict()
    whole = {name: weight.clone() for name, weight in whole.items()}
    network.load_state_dict(start)

    def killed(iteration, quality):
        if iteration == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(network, lambda n: simulator, ONE, SETTINGS, tmp_path / "b.pt", killed)
    network.load_state_dict(start)
    resumed = finetune(network, lambda n: simulator, ONE, SETTINGS, tmp_path / "b.pt").state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert any(not torch.equal(whole[name], start[name]) for name in whole)


def test_what_is_refused(simulator, network, tmp_path):
    (tmp_path / "state.pt").write_bytes(b"x")
    with pytest.raises(InputError, match="is damaged"):
        finetune(network, lambda n: simulator, ONE, SETTINGS, tmp_path / "state.pt")
    network.point.bias.data[:] = torch.nan
    with pytest.raises(InputError, match="Iteration 0 of fine-tuning"):
        finetune(network, lambda n: simulator, ONE, SETTINGS, tmp_path / "new.pt")


def test_videos_are_drawn_by_how_much_decisions_mattered():
    assert chances(np.array([0.0, 1.0, 3.0, 0.0]), 0.4) == pytest.approx([0.1, 0.25, 0.55, 0.1])
    assert chances(np.zeros(4), 0.4) == pytest.approx([0.25] * 4)


def test_an_update_weighs_what_a_video_shows(simulator, network):
    """Half the advantage moves the weights by half as much, whatever the other videos show."""
    start = {name: weight.clone() for name, weight in network.state_dict().items()}
    network.requires_grad_(True)
    group = play(simulator, network, 3, np.random.default_rng(0))
    idle = replace(group, advantage=0 * group.advantage)
    moved = []
    for weight in (1e-2, 0.5e-2):  # below the bound on the gradient's norm
        network.load_state_dict(start)
        shown = replace(group, advantage=weight * group.advantage)
        _update(network, torch.optim.SGD(network.parameters(), 1.0), [shown, idle], SETTINGS, 0)
        moved.append(network.point.weight.detach() - start["point.weight"])
    assert moved[0].abs().max() > 0
    assert torch.allclose(moved[0], 2 * moved[1], rtol=1e-2, atol=1e-6)


def test_who_is_drawn_more_often_counts_less(simulator, network, tmp_path, monkeypatch):
    """Over many draws every video weighs the same, and advantages are multiplied by the weight."""
    drawn, seen = [], []

    def video(number):
        drawn.append(number)
        return simulator

    def update(network, optimizer, groups, *_):
        seen.extend(group.advantage for group in groups)

    monkeypatch.setattr("vot_memory.learn.imitation.finetune._update", update)
    settings = FinetuneSettings(iterations=1, videos=200, group=2, epochs=1, even=0.4)
    finetune(network, video, np.array([0.0, 3.0]), settings, tmp_path / "state.pt")
    one, chance = play(simulator, network, 2, np.random.default_rng(0)), (0.2, 0.8)
    counts = np.bincount(drawn, minlength=2)
    assert np.abs(counts / 200 - chance).max() < 4 * np.sqrt(0.2 * 0.8 / 200)
    assert one.advantage.shape == seen[0].shape
    sizes = [
        float(np.mean([float(a.abs().sum()) for a, n in zip(seen, drawn, strict=True) if n == i]))
        for i in (0, 1)
    ]
    assert sizes[0] / sizes[1] == pytest.approx(4, rel=0.5)  # of the same episodes, on average
