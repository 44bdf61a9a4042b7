"""Agent files: what they hold, and what is refused."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from vot_memory.errors import InputError
from vot_memory.learn.agents import AgentCard, find_agents, load_agent, save_agent
from vot_memory.learn.networks import IndexAgent

CARD = AgentCard(
    model="model",
    image_size=128,
    sequence="clip",
    object="1",
    num_frames=25,
    length=20,
    hidden=16,
    figures={"iteration": 150},
)


def write(path, network=None, **changes):
    card = CARD.model_copy(update=changes)
    save_agent(path, network or IndexAgent(card.length, card.slots, card.hidden), card)
    return path


def test_an_agent_comes_back_in_half_precision(tmp_path):
    network = IndexAgent(20, 7, 16)
    agent = load_agent(write(tmp_path / "new" / "a.safetensors", network))
    assert agent.card == CARD
    for name, weight in agent.network.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, network.state_dict()[name].half().float())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.safetensors"]


def test_the_same_agent_makes_the_same_bytes(tmp_path):
    network = IndexAgent(20, 7, 16)
    one, two = (write(tmp_path / f"{name}.safetensors", network) for name in "ab")
    assert one.read_bytes() == two.read_bytes()
    assert load_agent(one).sha256 == load_agent(two).sha256


def test_what_is_no_agent_is_refused(tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"a\.safetensors is no agent \(.*\): train it again"):
        load_agent(file)
    save_file({"x": torch.zeros(2)}, file)
    with pytest.raises(InputError, match="its metadata has no agent"):
        load_agent(file)
    save_file({"x": torch.zeros(2)}, file, metadata={"agent": CARD.model_dump_json()})
    with pytest.raises(InputError, match="is no agent"):
        load_agent(file)
    write(file, IndexAgent(21, 7, 16))  # the card says 20
    with pytest.raises(InputError, match="is no agent"):
        load_agent(file)
    save_file({}, file, metadata={"agent": CARD.model_dump_json().replace("128", '"big"')})
    with pytest.raises(InputError, match=r"is no agent \(image_size: "):
        load_agent(file)
    with pytest.raises(InputError, match="Cannot read the agent"):
        load_agent(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    network = IndexAgent(20, 7, 16)
    file = write(tmp_path / "a.safetensors", network)
    network.out.bias.data[3] = 1e6  # too large for the file's float16
    with pytest.raises(InputError, match="is not written, for its weights are not finite"):
        write(tmp_path / "b.safetensors", network)
    assert not (tmp_path / "b.safetensors").exists()
    weights = {name: weight * torch.inf for name, weight in load_file(file).items()}
    save_file(weights, file, metadata={"agent": CARD.model_dump_json()})
    with pytest.raises(InputError, match="holds weights that are not finite"):
        load_agent(file)


def test_agents_of_a_folder(tmp_path):
    write(tmp_path / "b" / "agent.safetensors", sequence="b")
    write(tmp_path / "a" / "agent.safetensors", sequence="a")
    write(tmp_path / "a" / ".agent.7.tmp.safetensors", sequence="a")  # being written
    assert [agent.card.sequence for agent in find_agents(tmp_path)] == ["a", "b"]
    (only,) = find_agents(tmp_path / "b" / "agent.safetensors")
    assert only.card.sequence == "b"


def test_folders_that_are_not_clear_are_refused(tmp_path):
    with pytest.raises(InputError, match="There is no agent"):
        find_agents(tmp_path)
    with pytest.raises(InputError, match="There are no agents at"):
        find_agents(tmp_path / "none")
    first = write(tmp_path / "0.safetensors")
    shutil.copy(first, tmp_path / "1.safetensors")
    with pytest.raises(InputError, match="are both for object '1' of sequence 'clip'"):
        find_agents(tmp_path)
    write(tmp_path / "1.safetensors", sequence="other", slots=5)
    with pytest.raises(InputError, match=r"0\.safetensors has slots 7, .* has 5: name a folder"):
        find_agents(tmp_path)
    write(tmp_path / "1.safetensors", sequence="other", pointers="bank")
    with pytest.raises(InputError, match=r"has pointers recent, .* has bank"):
        find_agents(tmp_path)
