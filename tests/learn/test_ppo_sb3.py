"""Our PPO beside that of Stable-Baselines3, on the same environment and with the same settings."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from vot_memory.datasets.splits import load_split
from vot_memory.learn.clip import load_clip
from vot_memory.learn.env import MemoryVectorEnv
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.ppo import Recipe, Training
from vot_memory.learn.search.enumerate import cut
from vot_memory.learn.simulator import Rules, Simulator

pytest.importorskip("stable_baselines3")
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

EPISODES, ITERATIONS, LR = 16, 20, 3e-3
SETTINGS = {"epochs": 4, "minibatches": 4, "trace": 0.95, "hidden": 64}


class Adapter(VecEnv):
    """Our vector environment as Stable-Baselines3 wants it."""

    def __init__(self, env):
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.env, self.returns = env, []

    def reset(self):
        return self.env.reset()[0]

    def step_async(self, actions):
        self.actions = actions

    def step_wait(self):
        seen, rewards, ended, _, info = self.env.step(self.actions)
        told = [{} for _ in range(self.num_envs)]
        if ended[0]:
            for row, last in zip(told, info["final_obs"], strict=True):
                row["terminal_observation"] = last
            self.returns.append(info["final_info"]["quality"].mean())
        return seen, rewards.astype(np.float32), ended, told

    def close(self):
        pass

    def get_attr(self, name, indices=None):
        return [None] * self.num_envs

    def set_attr(self, name, value, indices=None):
        raise NotImplementedError

    def env_method(self, name, *args, indices=None, **kwargs):
        raise NotImplementedError

    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False] * self.num_envs


@pytest.fixture(scope="module")
def simulator(backbone):
    """Ten frames on which a few of all 3^6 sequences of decisions are better by half."""
    model = fast(backbone)
    clip = load_clip(model, load_split("synth-smoke", limit=2).sequences[1])
    return Simulator(cut(clip, 10), model, Rules(slots=3))


@pytest.fixture(scope="module")
def returns(simulator):
    """Those of all 3^6 sequences of decisions; what is learned from here on costs no model."""
    actions = itertools.product(range(simulator.num_actions), repeat=simulator.num_decisions)
    return simulator.quality(simulator.play(np.array(list(actions))))


def learn_ours(simulator, seed):
    recipe = Recipe(
        iterations=ITERATIONS,
        samples=EPISODES * simulator.num_decisions,
        lr=LR,
        seed=seed,
        **SETTINGS,
    )
    training = Training(simulator, recipe)
    training.run()
    means = [row["mean_Q"] for row in training.curve]
    return means, greedy_of(simulator, lambda seen: training.actor(seen).argmax(1))


def learn_theirs(simulator, seed):
    envs = Adapter(MemoryVectorEnv(simulator, num_envs=EPISODES))
    steps, n = simulator.num_decisions, EPISODES * simulator.num_decisions
    model = PPO(
        "MlpPolicy",
        envs,
        learning_rate=lambda left: LR * left,
        n_steps=steps,
        batch_size=n // SETTINGS["minibatches"],
        n_epochs=SETTINGS["epochs"],
        gamma=1.0,
        gae_lambda=SETTINGS["trace"],
        policy_kwargs={"net_arch": {name: [SETTINGS["hidden"]] for name in ("pi", "vf")}},
        seed=seed,
        device="cpu",
    )
    model.learn(ITERATIONS * n)
    assert len(envs.returns) == ITERATIONS
    return envs.returns, greedy_of(
        simulator, lambda seen: model.policy.get_distribution(seen).mode()
    )


def greedy_of(simulator, decide):
    """Return of the decisions that a network likes best, in the environment."""
    env = MemoryVectorEnv(simulator, num_envs=1)
    seen, info = env.reset()
    ended = np.zeros(1, bool)
    while not ended[0]:
        with torch.no_grad():
            action = decide(torch.from_numpy(seen)).numpy()
        seen, _, ended, _, info = env.step(action)
    return float(info["final_info"]["quality"][0])


@pytest.mark.slow
def test_both_learn_as_well(simulator, returns):
    chance, best = returns.mean(), returns.max()
    assert best > chance + 0.1
    ours, our_greedy = learn_ours(simulator, seed=0)
    theirs, their_greedy = learn_theirs(simulator, seed=0)
    for means, greedy in ((ours, our_greedy), (theirs, their_greedy)):
        assert means[0] == pytest.approx(chance, abs=0.02)
        assert np.mean(means[-3:]) > chance + 0.1
        assert greedy == pytest.approx(best, abs=0.02)
    assert np.mean(ours[-3:]) == pytest.approx(np.mean(theirs[-3:]), abs=0.02)
    assert our_greedy == pytest.approx(their_greedy, abs=0.02)
