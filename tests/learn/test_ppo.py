"""PPO: its parts by hand, what it learns, and that nothing is lost or hidden when it stops."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from worlds import make_simulator, make_video

from vot_memory.errors import InputError
from vot_memory.learn.ppo import Recipe, Training, advantages, clipped_loss, observe
from vot_memory.learn.simulator import Counts, Rules
from vot_memory.setting import Video

SMALL = Recipe(iterations=4, samples=60, hidden=32, minibatches=2, seed=3)


# ---- parts ---------------------------------------------------------------------------------


def test_advantages_are_discounted_sums_of_surprises(rng):
    rewards, values = rng.normal(size=(2, 6, 3))
    ahead = np.concatenate([values[1:], np.zeros((1, 3))])
    surprise = rewards + ahead - values
    trace = 0.7
    naive = np.zeros((6, 3))
    for t in range(6):
        for later in range(t, 6):
            naive[t] += trace ** (later - t) * surprise[later]
    made = advantages(torch.from_numpy(rewards), torch.from_numpy(values), trace)
    np.testing.assert_allclose(made.numpy(), naive)


def test_with_lambda_1_an_advantage_is_the_return_less_the_value(rng):
    rewards, values = (torch.from_numpy(x) for x in rng.normal(size=(2, 5, 4)))
    to_come = rewards.flip(0).cumsum(0).flip(0)
    assert torch.allclose(advantages(rewards, values, 1.0), to_come - values)


def test_the_clipped_loss_by_hand():
    ratio = torch.tensor([1.0, 1.5, 0.5, 1.5, 0.5])
    gained = torch.tensor([2.0, 2.0, 2.0, -2.0, -2.0])
    # min(r A, clip(r) A) with clip .2: 2, 1.2 * 2, .5 * 2, 1.5 * -2, .8 * -2
    assert clipped_loss(ratio, gained, 0.2) == pytest.approx(-(2 + 2.4 + 1 - 3 - 1.6) / 5)


def test_no_gradient_where_the_ratio_has_gone_far_enough():
    ratio = torch.tensor([1.5, 0.5, 1.5, 0.5], requires_grad=True)
    clipped_loss(ratio, torch.tensor([1.0, 1.0, -1.0, -1.0]), 0.2).backward()
    assert ratio.grad.tolist() == [0.0, -0.25, 0.25, 0.0]


def test_one_update_against_an_independent_computation(rng):
    training = Training(Toy(), replace(SMALL, lr=1e-3))
    n, length, k = 20, Toy.length, Toy.num_actions
    seen = torch.from_numpy(rng.integers(0, 2, (n, length)).astype(np.float32))
    actions = torch.from_numpy(rng.integers(0, k, n))
    before = torch.from_numpy(rng.uniform(0.05, 0.4, n).astype(np.float32)).log()
    gained, returns = (torch.from_numpy(x) for x in rng.normal(size=(2, n)).astype(np.float32))

    def outputs(network):
        weights = {
            name: w.detach().numpy().astype(np.float64) for name, w in network.named_parameters()
        }
        hidden = np.tanh(seen.numpy() @ weights["hidden.weight"].T + weights["hidden.bias"])
        return hidden @ weights["out.weight"].T + weights["out.bias"]

    scores = np.exp(outputs(training.actor))
    odds = scores / scores.sum(1, keepdims=True)
    ratio = odds[np.arange(n), actions] / before.exp().numpy()
    normal = (gained.numpy() - gained.numpy().mean()) / gained.numpy().std(ddof=1)
    policy_loss = -np.minimum(ratio * normal, np.clip(ratio, 0.8, 1.2) * normal).mean()
    value_loss = 0.5 * ((outputs(training.critic)[:, 0] - returns.numpy()) ** 2).mean()
    told = training._update(seen, actions, before, gained, returns)
    expected = [
        policy_loss,
        value_loss,
        (ratio - 1 - np.log(ratio)).mean(),
        (np.abs(ratio - 1) > 0.2).mean(),
    ]
    np.testing.assert_allclose(told, expected, rtol=1e-4)


def test_networks_begin_orthogonal_and_the_policy_close_to_even(rng):
    training = Training(Toy(), Recipe(hidden=64))
    hidden, out = training.actor.hidden.weight, training.actor.out.weight
    assert torch.allclose(hidden.T @ hidden, 2 * torch.eye(Toy.length), atol=1e-5)
    assert torch.allclose(out @ out.T, 1e-4 * torch.eye(Toy.num_actions), atol=1e-8)
    assert training.play().entropy == pytest.approx(math.log(Toy.num_actions), abs=1e-3)


# ---- learning ------------------------------------------------------------------------------


@dataclass
class ToyStates:
    t: int
    bank: np.ndarray
    total: np.ndarray
    first: np.ndarray

    def __len__(self):
        return len(self.bank)


class Toy:
    """A game with the simulator's interface: frame t pays for action t % 3, and half of the whole
    return comes last, for what was done first."""

    length, num_actions, num_decisions, first_decision = 10, 3, 6, 3
    nodes, bytes, rules = 1, 1, Rules(3)
    backbone = SimpleNamespace(name="toy", image_size=1, precision="float32")

    def __init__(self):
        self.counts = Counts()
        self.clip = _ToyClip()

    def start(self, episodes=1):
        none = np.zeros(episodes)
        return ToyStates(3, np.tile([1, 2], (episodes, 1)), none, none - 1)

    def advance(self, states, actions):
        first = actions if states.t == 3 else states.first
        q = (actions == states.t % 3).astype(float)
        if states.t == 8:
            q = q + 6 * (first == 2)
        self.counts.asked += len(states)
        self.counts.passes += len(states)
        return ToyStates(states.t + 1, states.bank, states.total + q, first)

    def finished(self, states):
        return states.t >= 9

    def quality(self, states):
        return states.total / 11  # at best 5 + 6: the first action cannot serve both

    def frame(self, bank):
        return bank.astype(np.int32)

    def trim(self, limit):
        pass


class _ToyClip:
    sequence, object = "toy", "1"
    video = Video(sequence="toy", object="1", digest="abc")

    def __len__(self):
        return Toy.length


@pytest.mark.parametrize("seed", range(3))
def test_a_known_game_is_solved_also_where_the_reward_comes_late(seed):
    training = Training(Toy(), Recipe(iterations=40, samples=600, hidden=64, lr=3e-3, seed=seed))
    first = training.advance()
    assert first["mean_Q"] == pytest.approx((6 / 3 + 6 / 3) / 11, abs=0.05)  # even odds
    training.run()
    last = training.curve[-1]
    assert last["greedy_Q"] == pytest.approx(1.0)
    assert last["mean_Q"] > 0.9
    assert last["entropy"] < 0.4


# ---- iterations ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def video():
    return make_video(12)


def test_an_iteration_has_whole_episodes_closest_to_the_samples(video):
    simulator = make_simulator(video)  # 8 decisions
    assert Training(simulator, replace(SMALL, samples=60)).episodes == 8  # 7.5, rounded to even
    assert Training(simulator, replace(SMALL, samples=59)).episodes == 7
    assert Training(simulator, replace(SMALL, samples=1)).episodes == 1


@pytest.mark.golden
def test_rewards_add_up_to_clean_q_and_actions_are_what_was_played(video):
    simulator = make_simulator(video)
    played = Training(simulator, SMALL).play()
    assert played.rewards.shape == (8, 8)
    states = simulator.play(played.actions.T.numpy())
    np.testing.assert_allclose(simulator.quality(states), played.quality)
    opening = simulator.start(1)
    earned = played.rewards.double().sum(0).numpy() + opening.total
    np.testing.assert_allclose(earned / simulator.clip.num_scored, played.quality, rtol=1e-5)


@pytest.mark.golden
def test_observations_name_what_is_stored_before_each_decision(video):
    simulator = make_simulator(video)
    played = Training(simulator, SMALL).play()
    stored = [{1, 2} for _ in range(8)]
    for step, row in enumerate(played.actions.numpy()):
        t = simulator.first_decision + step
        for n, action in enumerate(row):
            seen = set(np.flatnonzero(played.seen[step, n]).tolist())
            assert seen == {0, t} | stored[n]
            if action:
                stored[n].remove(sorted(stored[n])[action - 1])
                stored[n].add(t)
    assert observe(simulator, simulator.start(2)).shape == (2, 12)


@pytest.mark.golden
def test_what_is_told_was_counted(video):
    simulator = make_simulator(video)
    simulator.play(simulator.fifo())
    before = simulator.counts.asked, simulator.counts.passes
    training = Training(simulator, SMALL)
    training.run()
    rows = training.curve
    steps = 4 * (8 + 1) * 11  # episodes and the greedy one, of 11 frames after the prompt
    assert rows[-1]["steps"] == steps == simulator.counts.asked - before[0]
    assert rows[-1]["passes"] == simulator.counts.passes - before[1]
    new = rows[1]["passes"] - rows[0]["passes"]
    assert rows[1]["hit_rate"] == pytest.approx(1 - new / 99)
    assert [row["best_sampled_Q"] for row in rows] == np.maximum.accumulate(
        [row["best_Q"] for row in rows]
    ).tolist()
    best = simulator.play(np.array([training.best_actions]))
    assert simulator.quality(best)[0] == training.best


# ---- stopping ------------------------------------------------------------------------------


def weights(training):
    networks = training.actor, training.critic
    return [p.detach().clone() for network in networks for p in network.parameters()]


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.fixture(scope="module")
def whole(video, tmp_path_factory):
    """A training that was never stopped."""
    training = Training(make_simulator(video), SMALL, tmp_path_factory.mktemp("whole"))
    training.run()
    return training


@pytest.mark.golden
def test_the_same_seed_trains_the_same_and_another_does_not(video, whole):
    again = Training(make_simulator(video), SMALL)
    again.run()
    assert equal(weights(again), weights(whole))
    assert again.curve == whole.curve
    other = Training(make_simulator(video), replace(SMALL, seed=4))
    other.run()
    assert not equal(weights(other), weights(whole))


@pytest.mark.golden
def test_a_killed_training_goes_on_to_the_same_agent(video, whole, tmp_path, monkeypatch):
    killed = Training(make_simulator(video), SMALL, tmp_path)
    monkeypatch.setattr(killed, "learn", dying(killed.learn, at=3))
    with pytest.raises(KeyboardInterrupt):
        killed.run()
    resumed = Training(make_simulator(video), SMALL, tmp_path)
    assert resumed.iteration == 2
    resumed.run()
    assert equal(weights(resumed), weights(whole))
    assert (resumed.best, resumed.best_actions) == (whole.best, whole.best_actions)
    computed = {"passes", "hit_rate"}  # what was remembered is lost
    for ours, theirs in zip(resumed.curve, whole.curve, strict=True):
        assert {k: v for k, v in ours.items() if k not in computed} == {
            k: v for k, v in theirs.items() if k not in computed
        }
    own = resumed.simulator.counts.passes
    assert resumed.curve[-1]["passes"] == resumed.curve[1]["passes"] + own
    assert resumed.curve[-1]["passes"] > whole.curve[-1]["passes"]


def dying(learn, at):
    calls = iter(range(1, 100))

    def learn_or_die(played):
        if next(calls) == at:
            raise KeyboardInterrupt
        return learn(played)

    return learn_or_die


@pytest.mark.golden
def test_remembering_less_changes_nothing_but_the_passes(video, whole):
    simulator = make_simulator(video)
    forgetful = Training(simulator, SMALL, memory=20 * simulator.bytes)
    forgetful.run()
    assert simulator.nodes <= 20
    assert equal(weights(forgetful), weights(whole))
    assert forgetful.curve[-1]["passes"] > whole.curve[-1]["passes"]


def test_progress_is_a_live_table(tmp_path):
    training = Training(Toy(), SMALL, tmp_path)
    seen = []

    def tell(row):
        with (tmp_path / "progress.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert float(rows[-1]["mean_Q"]) == pytest.approx(row["mean_Q"], rel=1e-6)
        seen.append(len(rows))

    training.run(tell)
    assert seen == [1, 2, 3, 4]


def test_another_training_in_the_folder_is_refused(tmp_path):
    Training(Toy(), SMALL, tmp_path).run()
    with pytest.raises(InputError, match=r"differs in --samples \(.*\), --lr \(.*\): go on by"):
        Training(Toy(), replace(SMALL, samples=30, lr=0.1), tmp_path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    foreign = io.BytesIO()
    torch.save({"weights": torch.zeros(2)}, foreign)
    for content in (b"", b"nothing", b"PK\x03\x04", foreign.getvalue()):
        (tmp_path / "state.pt").write_bytes(content)
        with pytest.raises(
            InputError, match=r"state\.pt is damaged: delete it to train from the st"
        ):
            Training(Toy(), SMALL, tmp_path)


class Broken(Toy):
    """Pays a number that is none on frame 6 of the second iteration."""

    def advance(self, states, actions):
        after = super().advance(states, actions)
        if after.t == 6 and self.counts.asked > 66:
            after.total[2] = math.nan
        return after


def test_a_reward_that_is_no_number_stops_with_its_place(tmp_path):
    training = Training(Broken(), SMALL, tmp_path)
    words = "object 1 of toy stopped in iteration 2: the reward of frame 6 is not finite; .* keeps"
    with pytest.raises(InputError, match=words):
        training.run()
    kept = Training(Toy(), SMALL, tmp_path)
    assert kept.iteration == 1
    assert all(torch.isfinite(w).all() for w in weights(kept))


def test_weights_that_run_away_stop_with_their_place():
    training = Training(Toy(), replace(SMALL, lr=1e30))
    with pytest.raises(InputError, match="in iteration 1: the loss of epoch 1, minibatch 2 is not"):
        training.run()
