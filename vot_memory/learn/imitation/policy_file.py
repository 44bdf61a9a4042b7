"""Files of a policy for all videos: a slot-pointer network, and what it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.network_file import NetworkFile, read_network, write_network
from vot_memory.learn.networks import SlotPointer
from vot_memory.setting import Setting

SHIPPED = "learned-nano.v1.safetensors"  # beside the model's; better ones get a new name
FEWEST_SLOTS = 3  # the prompt's, and two memories to choose among
_KEY = "policy"  # of the file's metadata


class PolicyCard(Setting):
    """What a policy was trained on.

    Attributes:
        features: names of a token's features, in order.
        width, heads, layers: of the network.
        split: name of the training split. rounds: of imitation.
        figures: how it was trained, for people.
    """

    slots: Annotated[int, Field(ge=FEWEST_SLOTS, le=16)] = 7
    features: tuple[str, ...] = features.NAMES
    width: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    layers: Annotated[int, Field(ge=1)]
    split: str
    rounds: int
    figures: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True)
class LearnedPolicy(NetworkFile[PolicyCard, SlotPointer]):
    """A policy as it stands in a file."""

    @torch.inference_mode()
    def decide(self, tokens: torch.Tensor) -> torch.Tensor:
        """Actions int64 [N] of tokens float32 [N, K + 1, F], on their device."""
        actions: torch.Tensor = self.network.to(tokens.device)(tokens).argmax(1)
        return actions


def save_policy(path: Path, network: SlotPointer, card: PolicyCard) -> None:
    """Write a policy as safetensors, whole or not at all."""
    write_network(path, _KEY, network, card, torch.float32)


def load_learned(path: Path | None = None, mend: str = "train it again") -> LearnedPolicy:
    """Read a policy.

    Args:
        path: the file; None is the one that is shipped, for nano.
        mend: what to do if it is none, for the sentence.

    Raises:
        InputError: the file cannot be read, is no policy, or one for other features than today's.
    """
    place = Path(str(files("vot_memory.models") / SHIPPED)) if path is None else path
    found = read_network(place, _KEY, PolicyCard, _network, "learned policy", mend)
    if found.card.features != features.NAMES:
        raise InputError(
            f"{place} was trained on other features than this version computes: {mend}."
        )
    return LearnedPolicy(found.path, found.sha256, found.card, found.network)


def _network(card: PolicyCard) -> SlotPointer:
    return SlotPointer(len(card.features), card.width, card.heads, card.layers)
