"""SAM2RL: agents play greedily, on what they were trained on and nothing else."""

from __future__ import annotations

import shutil

import pytest
from simulation import Simulation

from vot_memory.errors import InputError
from vot_memory.learn.agents import AgentCard, save_agent
from vot_memory.learn.networks import IndexAgent
from vot_memory.policy import DISCARD
from vot_memory.registry import load_policy

LENGTH = 12


def scripted(actions, slots=7):
    """An agent that plays the action given for each frame, and 0 on others."""
    network = IndexAgent(LENGTH, slots, 2 * LENGTH)
    for parameter in network.parameters():
        parameter.data.zero_()
    for t, action in actions.items():
        network.hidden.weight.data[t, t] = 1.0
        network.out.weight.data[action, t] += 2.0**t  # the latest frame's wish is loudest
    for t in set(range(slots, LENGTH)) - set(actions):
        network.hidden.weight.data[t, t] = 1.0
        network.out.weight.data[0, t] += 2.0**t
    return network


def policy_of(tmp_path, agents, **changes):
    for i, (name, actions) in enumerate(agents.items()):
        card = AgentCard(
            **{
                "model": "model",
                "image_size": 128,
                "sequence": "clip",
                "object": name,
                "num_frames": LENGTH,
                "length": LENGTH,
                "hidden": 2 * LENGTH,
            }
            | changes
        )
        save_agent(tmp_path / f"{i}.safetensors", scripted(actions, card.slots), card)
    return load_policy("sam2rl", {"agents": str(tmp_path)})


def test_the_agent_decides_once_the_bank_is_full(tmp_path):
    policy = policy_of(tmp_path, {"1": {7: 0, 8: 1, 9: 6, 10: 2}})
    simulation = Simulation(policy, num_frames=LENGTH)
    # As replay: t=8 replaces the oldest (frame 1, slot 1), t=9 the newest (frame 8, slot 1), t=10
    # the second oldest (stored are 2 3 4 5 6 9: frame 3 in slot 3).
    assert simulation.run(11) == [1, 2, 3, 4, 5, 6, DISCARD, 1, 1, 3]
    assert sorted(simulation.bank.frame[0].tolist()) == [0, 2, 4, 5, 6, 9, 10]


def test_the_agent_sees_what_is_stored(tmp_path):
    policy = policy_of(tmp_path, {"1": {}})
    network = policy.agents[0].network
    for parameter in network.parameters():
        parameter.zero_()
    network.hidden.weight[0, 3] = network.hidden.weight[1, 0] = 1.0
    network.out.weight[3, 0], network.out.weight[0, 1] = (
        2.0,
        1.0,
    )  # replace the third, while 3 is in
    simulation = Simulation(policy, num_frames=LENGTH)
    assert simulation.run(10)[6:] == [3, DISCARD, DISCARD]


def test_rows_have_agents_of_their_own(tmp_path):
    policy = policy_of(tmp_path, {"1": {7: 1}, "2": {7: 6}})
    simulation = Simulation(policy, num_frames=LENGTH, rows=2)
    simulation.run(8)
    assert [sorted(row) for row in simulation.bank.frame.tolist()] == [
        [0, 2, 3, 4, 5, 6, 7],
        [0, 1, 2, 3, 4, 5, 7],
    ]


def test_rules_of_the_card_hold(tmp_path):
    policy = policy_of(tmp_path, {"1": {}}, slots=5, rows="offset", pointers="bank")
    assert policy.spec.slots == 5
    simulation = Simulation(policy, num_frames=LENGTH)
    assert simulation.run(11)[:6] == [1, 2, 3, 4, DISCARD, DISCARD]
    spatial, pointers, _ = simulation.read(11)
    assert spatial == [(0, 6)] + [(f, 5) for f in range(1, 5)]
    assert sorted(f for f, _ in pointers) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "other"}, "trained with model other, this run has model"),
        ({"image_size": 256}, "trained with image size 256, this run has 128"),
        ({"num_frames": 13}, "trained on 13 frames of sequence 'clip', which has 12 here"),
        ({"slots": 8}, "numbers 8 slots by rank, the model has 7 temporal rows"),
        ({"sequence": "other"}, "has no agent for object '1' of sequence 'clip'"),
    ],
)
def test_another_setting_is_refused(tmp_path, changes, words):
    policy = policy_of(tmp_path, {"1": {}}, **changes)
    with pytest.raises(InputError, match=words):
        Simulation(policy, num_frames=LENGTH)


def test_a_stream_is_taken_up_to_the_length_that_was_trained(tmp_path):
    simulation = Simulation(policy_of(tmp_path, {"1": {}}), num_frames=None)
    simulation.run(LENGTH)
    with pytest.raises(InputError, match="trained on 12 frames from the prompt on and cannot dec"):
        simulation.write(LENGTH)


def test_fingerprint_is_the_content_not_the_place(tmp_path):
    one = policy_of(tmp_path / "a", {"1": {7: 1}, "2": {}})
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (tmp_path / "b" / "0.safetensors").rename(tmp_path / "b" / "9.safetensors")
    two = load_policy("sam2rl", {"agents": tmp_path / "b"})
    assert one.fingerprint() == two.fingerprint()
    other = policy_of(tmp_path / "c", {"1": {7: 2}, "2": {}})
    assert one.fingerprint() != other.fingerprint()


def test_agents_have_to_be_named(tmp_path):
    with pytest.raises(InputError, match=r"needs trained agents: give --set sam2rl\.agents=FOLDER"):
        load_policy("sam2rl")
    with pytest.raises(InputError, match="'sam2rl': There are no agents at"):
        load_policy("sam2rl", {"agents": tmp_path / "none"})
