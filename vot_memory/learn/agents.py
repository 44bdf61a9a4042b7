"""Agent files: an index agent, and the one track it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from vot_memory.errors import InputError
from vot_memory.learn.network_file import NetworkFile, read_network, write_network
from vot_memory.learn.networks import IndexAgent
from vot_memory.setting import Setting, Video

SUFFIX = ".safetensors"
_KEY = "agent"  # of the file's metadata


class AgentCard(Setting, Video):
    """What an agent was trained on.

    Attributes:
        length: T, frames from the object's prompt on.
        hidden: width of the network.
        figures: how it was trained, for people.
    """

    length: Annotated[int, Field(ge=1)]
    hidden: Annotated[int, Field(ge=1)]
    figures: dict[str, float] = Field(default_factory=dict)


Agent = NetworkFile[AgentCard, IndexAgent]


def save_agent(path: Path, network: IndexAgent, card: AgentCard) -> None:
    """Write an agent as float16 safetensors, whole or not at all."""
    write_network(path, _KEY, network, card, torch.float16)


def load_agent(path: Path) -> Agent:
    """Read an agent.

    Raises:
        InputError: the file cannot be read, or is no agent.
    """
    return read_network(
        path, _KEY, AgentCard, lambda c: IndexAgent(c.length, c.slots, c.hidden), "agent"
    )


def find_agents(place: Path) -> list[Agent]:
    """The agent of a file, or all below a folder, in the order of their paths.

    Raises:
        InputError: there is none, a file is no agent, two are for the same object, or they read
            the bank by different rules.
    """
    if not place.exists():
        raise InputError(f"There are no agents at {place}: give a file or folder that exists.")
    paths = sorted(place.rglob(f"*{SUFFIX}")) if place.is_dir() else [place]
    paths = [path for path in paths if not path.name.startswith(".")]  # under construction
    if not paths:
        raise InputError(f"There is no agent (*{SUFFIX}) in {place}: name a folder with agents.")
    agents = [load_agent(path) for path in paths]
    known: dict[tuple[str, str], Agent] = {}
    first = agents[0]
    for agent in agents:
        card = agent.card
        other = known.setdefault((card.sequence, card.object), agent)
        if other is not agent:
            raise InputError(
                f"{other.path} and {agent.path} are both for object {card.object!r} of sequence "
                f"{card.sequence!r}: name a folder that holds one of them."
            )
        for what in ("slots", "rows", "pointers"):
            if getattr(card, what) != getattr(first.card, what):
                raise InputError(
                    f"{first.path} has {what} {getattr(first.card, what)}, {agent.path} has "
                    f"{getattr(card, what)}: name a folder whose agents share their rules."
                )
    return agents
