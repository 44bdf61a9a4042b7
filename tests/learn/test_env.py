"""The Gymnasium environments: gymnasium's own checks, the return, and both against each other."""

from __future__ import annotations

import re
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from worlds import golden_model, make_simulator, make_video

from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.clip import load_clip
from vot_memory.learn.env import ENV_ID, MemoryEnv, MemoryVectorEnv, Options

pytestmark = pytest.mark.golden
OF_THE_SIMULATOR = {"passes", "hit_rate", "_passes", "_hit_rate"}  # tallies, not the episode's


def simulator(observation="index", length=9, slots=3, **options):
    describe = features.describe if observation == "features" else None
    return make_simulator(make_video(length), slots, batch=2, describe=describe, **options)


def random_actions(env, episodes, seed=0):
    shape = (env.simulator.num_decisions, episodes)
    return np.random.default_rng(seed).integers(0, env.simulator.num_actions, shape)


def play(env, actions):
    """Rewards and everything else of one episode of the single environment."""
    seen = [env.reset()]
    rewards = []
    for action in actions:
        state, reward, terminated, truncated, info = env.step(action)
        seen.append((state, info))
        rewards.append(reward)
        assert not truncated
        assert terminated == (len(rewards) == len(actions))
    return seen, rewards


def assert_equal(one, two):
    """Equal infos or observations, whatever they are nested in."""
    if isinstance(one, dict):
        assert one.keys() - OF_THE_SIMULATOR == two.keys() - OF_THE_SIMULATOR
        for key in one.keys() - OF_THE_SIMULATOR:
            assert_equal(one[key], two[key])
    elif isinstance(one, np.ndarray) and one.dtype == object:
        for a, b in zip(one, two, strict=True):
            assert_equal(a, b)
    else:
        np.testing.assert_allclose(one, two, atol=1e-4)
        assert np.asarray(one).dtype == np.asarray(two).dtype


@pytest.mark.parametrize("observation", ["index", "features"])
@pytest.mark.filterwarnings("error:.*:UserWarning")
def test_gymnasiums_checker_is_content(observation):
    options = {"split": simulator(observation, length=7), "observation": observation}
    env = gymnasium.make(ENV_ID, **options)
    check_env(env.unwrapped)


@pytest.mark.filterwarnings("error:.*:UserWarning")
def test_it_is_made_by_its_name():
    env = gymnasium.make(ENV_ID, split="synth-smoke", video=1, slots=5, pointers="bank")
    game = env.unwrapped.simulator
    assert (game.rules.slots, game.rules.pointers) == (5, "bank")
    assert env.observation_space.shape == (len(game.clip),)
    assert env.action_space == gymnasium.spaces.Discrete(5)
    assert game.backbone.name.startswith("nano@")
    options = {"split": "synth-smoke", "video": game.clip.sequence, "object": game.clip.object}
    rows = gymnasium.make_vec(
        ENV_ID, num_envs=4, vectorization_mode="vector_entry_point", slots=6, **options
    )
    assert isinstance(rows.unwrapped, MemoryVectorEnv)
    assert rows.unwrapped.simulator.clip.sequence == game.clip.sequence
    assert rows.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    assert rows.observation_space.shape == (4, len(game.clip))
    assert rows.action_space == gymnasium.spaces.MultiDiscrete([6] * 4)


def test_the_return_is_the_clean_q_of_the_decisions():
    game = simulator()
    env = MemoryEnv(game)
    actions = random_actions(env, 1)[:, 0]
    seen, rewards = play(env, actions)
    final = game.play(actions[None])
    assert sum(rewards) == pytest.approx(game.quality(final)[0], abs=1e-12)
    assert seen[-1][1]["quality"] == game.quality(final)[0]
    # By hand: the first step pays frames 1 to 4, each later one its own frame.
    start = game.start()
    overlaps = [*game.overlap(start.recent[0, : start.t - 1]), seen[0][1]["q"], seen[1][1]["q"]]
    assert rewards[0] == pytest.approx(sum(overlaps) / 8)
    assert rewards[1:] == pytest.approx([info["q"] / 8 for _, info in seen[2:]])


def test_frames_that_are_not_scored_pay_nothing():
    env = MemoryEnv(make_simulator(make_video(9, unannotated=(5, 8), absent=(7,)), 3, batch=1))
    seen, rewards = play(env, [1] * 5)
    assert [info["t"] for _, info in seen] == [3, 4, 5, 6, 7, 8]
    assert rewards[1] == rewards[4] == 0
    assert rewards[3] in (0, pytest.approx(1 / 6))  # absent: right or wrong, of 6 scored frames


def test_observation_and_info_follow_the_bank():
    env = MemoryEnv(simulator(length=7))
    seen, _ = play(env, [2, 0, 1])
    assert [info["frames"].tolist() for _, info in seen] == [[1, 2], [1, 3], [1, 3], [3, 5]]
    assert [state.nonzero()[0].tolist() for state, _ in seen] == [
        [0, 1, 2, 3],
        [0, 1, 3, 4],
        [0, 1, 3, 5],
        [0, 3, 5, 6],
    ]
    assert ["quality" in info for _, info in seen] == [False, False, False, True]
    assert env.simulator.counts.passes == seen[-1][1]["passes"] == 6
    assert seen[-1][1]["hit_rate"] == env.simulator.counts.hit_rate


@pytest.mark.parametrize("observation", ["index", "features"])
def test_rows_are_episodes_and_restart_in_the_same_step(observation):
    rows = MemoryVectorEnv(simulator(observation), num_envs=3, observation=observation)
    single = SyncVectorEnv(
        [lambda: MemoryEnv(simulator(observation), observation=observation)] * 3,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    assert rows.observation_space == single.observation_space
    assert rows.action_space == single.action_space
    assert_equal(rows.reset(seed=3)[0], single.reset(seed=3)[0])
    for actions in [*random_actions(rows, 3, 1), *random_actions(rows, 3, 2)]:
        ours, theirs = rows.step(actions), single.step(actions)
        assert rows.observation_space.contains(ours[0])
        assert_equal(dict(enumerate(ours)), dict(enumerate(theirs)))
    assert ours[2].all()
    assert ours[4]["t"].tolist() == [3, 3, 3]
    assert ours[4]["final_info"]["t"].tolist() == [8, 8, 8]
    assert ours[4]["final_obs"].shape == (3,)


def test_what_is_remembered_changes_no_result():
    kept, dropped = MemoryEnv(simulator()), MemoryEnv(simulator(), cache=0.0)
    actions = random_actions(kept, 1)[:, 0]
    for _ in range(3):
        (one, rewards), (two, others) = play(kept, actions), play(dropped, actions)
        assert rewards == others
        assert_equal(one[-1][0], two[-1][0])
    assert kept.simulator.counts.passes == 8
    # With no room half of the nodes go when an episode begins; here those are all of one age.
    assert dropped.simulator.counts.passes > 8


def test_nothing_is_drawn():
    env = MemoryEnv(simulator())
    actions = random_actions(env, 1)[:, 0]
    assert play(env, actions)[1] == play(env, actions)[1]
    one, two = env.reset(seed=1), env.reset(seed=2)
    assert_equal(one[0], two[0])
    assert_equal(one[1], two[1])


@pytest.mark.parametrize("action", [-1, 3, 1.5, "1", None])
def test_what_is_no_action_is_refused(action):
    env = MemoryEnv(simulator(length=6))
    env.reset()
    with pytest.raises(ValueError, match=r"is no action of Discrete\(3\)"):
        env.step(action)


@pytest.mark.parametrize("actions", [[0, 3], [0, -1], [0], [[0, 1]], 1, [0.0, 1.0], ["0", "1"]])
def test_rows_that_hold_no_actions_are_refused(actions):
    env = MemoryVectorEnv(simulator(length=6), num_envs=2)
    env.reset()
    with pytest.raises(ValueError, match=r"are no actions of MultiDiscrete\(\[3 3\]\)"):
        env.step(actions)


def test_an_episode_begins_with_reset():
    env, rows = MemoryEnv(simulator(length=6)), MemoryVectorEnv(simulator(length=6), num_envs=2)
    with pytest.raises(ResetNeeded):
        env.step(1)
    with pytest.raises(ResetNeeded):
        rows.step([1, 1])
    play(env, [1, 1])
    with pytest.raises(ResetNeeded):
        env.step(1)
    with pytest.raises(ValueError, match="begin together"):
        rows.reset(options={"reset_mask": np.array([True, False])})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"video": 99}, "synth-smoke has no video 99: give 0 to"),
        ({"video": -1}, "synth-smoke has no video -1"),
        ({"video": "tiger"}, "Unknown video of synth-smoke 'tiger'"),
        ({"object": "9"}, "Unknown object of sequence .* '9'"),
        ({"slots": 1}, "A bank of 1 slots is not known"),
        ({"slots": 9}, "9 slots are numbered by rank, the model has 7"),
        ({"slots": 16, "video": 0, "rows": "age"}, "Unknown rows 'age'"),
        ({"pointers": "all"}, "Unknown pointers 'all'"),
        ({"observation": "pixels"}, "Unknown observation 'pixels'"),
        ({"slot": 5}, "Unknown option 'slot': did you mean 'slots'"),
        ({"batch": 0}, "A batch of 0 rows is none"),
        ({"split": "synth-smok"}, "did you mean synth-smoke"),
        ({"model": "nanny"}, "nanny"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(options, words):
    with pytest.raises(InputError, match=words):
        MemoryEnv(**{"split": "synth-smoke", "model": golden_model(), **options})


def test_ready_parts():
    game = simulator()
    with pytest.raises(InputError, match="A ready simulator has its own slots: leave out slots="):
        MemoryEnv(game, slots=4)
    with pytest.raises(InputError, match="keeps nothing to observe"):
        MemoryEnv(game, observation="features")
    clip = load_clip(golden_model(), make_video(9))
    with pytest.raises(InputError, match="needs the model that encoded it"):
        MemoryEnv(clip)
    env = MemoryEnv(clip, model=golden_model(), slots=3)
    actions = random_actions(env, 1)[:, 0]
    assert play(env, actions)[1] == pytest.approx(play(MemoryEnv(game), actions)[1], abs=1e-5)
    with pytest.raises(InputError, match="0 episodes are none"):
        MemoryVectorEnv(game, num_envs=0)


def test_the_pages_examples_run(capsys):
    page = (Path(__file__).parents[2] / "docs" / "memory-env.md").read_text()
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.S):
        exec(block, names)
    game = names["env"].unwrapped.simulator
    fifo = game.quality(game.play(game.fifo()))[0]
    assert names["quality"] == pytest.approx(fifo)
    said = capsys.readouterr().out
    assert f"Q {100 * fifo:.2f}, " in said
    assert said.count("Q [") == 50 // game.num_decisions
    assert names["branches"].t == 5
    for option in Options.__annotations__:
        assert re.search(rf"^\|.*`{option}`.*\|", page, re.M)
