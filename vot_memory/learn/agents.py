"""Agent files: an index agent, and the one track it was trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vot_memory.building import Building
from vot_memory.errors import InputError
from vot_memory.learn.networks import IndexAgent

SUFFIX = ".safetensors"
_KEY = "agent"  # of the file's metadata


class AgentCard(BaseModel):
    """What an agent was trained on.

    Attributes:
        model: name and weights hash. image_size: pixels.
        slots: size of the bank, the prompt included.
        rows: temporal rows of the memories, by rank of age or by offset from the current frame.
        pointers: `recent` = the last 15 frames', `bank` = those of the stored memories.
        sequence: name of the video. object: id of the object.
        num_frames: length of the video. length: T, frames from the object's prompt on.
        hidden: width of the network.
        figures: how it was trained, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = 1
    model: str
    image_size: int
    slots: Annotated[int, Field(ge=2, le=16)] = 7
    rows: Literal["rank", "offset"] = "rank"
    pointers: Literal["recent", "bank"] = "recent"
    sequence: str
    object: str
    num_frames: Annotated[int, Field(ge=1)]
    length: Annotated[int, Field(ge=1)]
    hidden: Annotated[int, Field(ge=1)]
    figures: dict[str, float] = {}


@dataclass(frozen=True)
class Agent:
    """An agent as it stands in a file.

    Attributes:
        path: the file. sha256: of its content.
        card: what it was trained on. network: in float32.
    """

    path: Path
    sha256: str
    card: AgentCard
    network: IndexAgent


def save_agent(path: Path, network: IndexAgent, card: AgentCard) -> None:
    """Write an agent as float16 safetensors, whole or not at all."""
    weights = {k: v.detach().half().contiguous() for k, v in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with Building(path) as building:
        save_file(weights, building, metadata={_KEY: card.model_dump_json()})
        building.chmod(0o644)  # safetensors makes it private


def load_agent(path: Path) -> Agent:
    """Read an agent.

    Raises:
        InputError: the file cannot be read, or is no agent.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="pt") as file:
            card = AgentCard.model_validate_json((file.metadata() or {}).get(_KEY, ""))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}
        network = IndexAgent(card.length, card.slots, card.hidden)
        network.load_state_dict(weights)
    except OSError as error:
        raise InputError(f"Cannot read the agent {path}: {error.strerror}.") from error
    except (SafetensorError, ValidationError, RuntimeError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = f"{where}: {first['msg']}" if where else "it has no card of an agent"
        else:
            reason = str(error).splitlines()[0].rstrip(".:")
        raise InputError(f"{path} is not an agent ({reason}): train it again.") from error
    if not all(bool(torch.isfinite(w).all()) for w in weights.values()):
        raise InputError(f"{path} holds weights that are not finite: train the agent again.")
    return Agent(path, digest, card, network.requires_grad_(False))


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
