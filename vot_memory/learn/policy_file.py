"""Files of a policy for all videos: a slot-pointer network, and what it was trained on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vot_memory.building import Building
from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.networks import SlotPointer

SHIPPED = "learned-nano.v1.safetensors"  # beside the model's; better ones get a new name
_KEY = "policy"  # of the file's metadata


class PolicyCard(BaseModel):
    """What a policy was trained on.

    Attributes:
        model: name and weights hash. image_size: pixels.
        slots: size of the bank, the prompt included.
        rows: temporal rows of the memories, by rank of age or by offset from the current frame.
        pointers: `recent` = the last 15 frames', `bank` = those of the stored memories.
        features: names of a token's features, in order.
        width, heads, layers: of the network.
        split: name of the training split. rounds: of imitation.
        figures: how it was trained, for people.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    schema_version: Literal[1] = 1
    model: str
    image_size: int
    slots: Annotated[int, Field(ge=3, le=16)] = 7
    rows: Literal["rank", "offset"] = "rank"
    pointers: Literal["recent", "bank"] = "recent"
    features: tuple[str, ...] = features.NAMES
    width: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    layers: Annotated[int, Field(ge=1)]
    split: str
    rounds: int
    figures: dict[str, float] = {}


@dataclass(frozen=True)
class LearnedPolicy:
    """A policy as it stands in a file.

    Attributes:
        path: of the file. sha256: of its content. card: what it was trained on.
        network: in float32.
    """

    path: Path
    sha256: str
    card: PolicyCard
    network: SlotPointer

    @torch.inference_mode()
    def decide(self, tokens: torch.Tensor) -> torch.Tensor:
        """Actions int64 [N] of tokens float32 [N, K + 1, F]."""
        actions: torch.Tensor = self.network(tokens).argmax(1)
        return actions


def save_policy(path: Path, network: SlotPointer, card: PolicyCard) -> None:
    """Write a policy as safetensors, whole or not at all."""
    weights = {k: v.detach().float().cpu().contiguous() for k, v in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with Building(path) as building:
        save_file(weights, building, metadata={_KEY: card.model_dump_json()})
        building.chmod(0o644)  # safetensors makes it private


def load_learned(path: Path | None = None) -> LearnedPolicy:
    """Read a policy.

    Args:
        path: the file; None is the one that is shipped, for nano.

    Raises:
        InputError: the file cannot be read, is no policy, or one for other features than today's.
    """
    place = Path(str(files("vot_memory.models") / SHIPPED)) if path is None else path
    try:
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
        with safe_open(place, framework="pt") as file:
            card = PolicyCard.model_validate_json((file.metadata() or {}).get(_KEY, ""))
            weights = {name: file.get_tensor(name) for name in file.keys()}
        network = SlotPointer(len(card.features), card.width, card.heads, card.layers)
        network.load_state_dict(weights)
    except OSError as error:
        raise InputError(f"Cannot read the learned policy {place}: {error.strerror}.") from error
    except (SafetensorError, ValidationError, RuntimeError, AssertionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            reason = f"{where}: {first['msg']}" if where else "it has no card of a policy"
        else:
            reason = str(error).splitlines()[0].rstrip(".:")
        raise InputError(f"{place} is not a learned policy ({reason}): train it again.") from error
    if card.features != features.NAMES:
        raise InputError(
            f"{place} was trained on other features than this version computes: train it again."
        )
    if not all(bool(torch.isfinite(w).all()) for w in weights.values()):
        raise InputError(f"{place} holds weights that are not finite: train the policy again.")
    return LearnedPolicy(place, digest, card, network.eval().requires_grad_(False))
