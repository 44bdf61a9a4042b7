"""Networks in files: safetensors whose metadata is a card of what they were trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from vot_memory.building import Building
from vot_memory.errors import InputError
from vot_memory.setting import Setting

Card = TypeVar("Card", bound=Setting)
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class NetworkFile(Generic[Card, Network]):
    """A network as it stands in a file.

    Attributes:
        path: of the file. sha256: of its content. card: what it was trained on.
        network: in float32, for inference.
    """

    path: Path
    sha256: str
    card: Card
    network: Network


def write_network(
    path: Path, key: str, network: nn.Module, card: Setting, dtype: torch.dtype
) -> None:
    """Write a network and its card, which stands in the metadata by `key`; whole or not at all.

    Raises:
        InputError: a weight is not finite in this dtype; nothing is written.
    """
    weights = {k: v.detach().to("cpu", dtype).contiguous() for k, v in network.state_dict().items()}
    if not _finite(weights.values()):
        raise InputError(
            f"{path} is not written, for its weights are not finite: train with a lower --lr."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with Building(path) as building:
        save_file(weights, building, metadata={key: card.model_dump_json()})
        building.chmod(0o644)  # safetensors makes it private


def read_network(
    path: Path,
    key: str,
    card_type: type[Card],
    make: Callable[[Card], Network],
    noun: str,
    mend: str = "train it again",
) -> NetworkFile[Card, Network]:
    """Read a network.

    Args:
        path: the file.
        key: of its metadata.
        card_type: of the card.
        make: a network of the card's shape.
        noun: what it should be, for sentences: "agent".
        mend: what to do if it is not, for sentences.

    Raises:
        InputError: the file cannot be read, is none of these, or a weight is not finite.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="pt") as file:
            card = card_type.model_validate_json((file.metadata() or {}).get(key, ""))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}
        network = make(card)
        network.load_state_dict(weights)
    except OSError as error:
        raise InputError(f"Cannot read the {noun} {path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        reason = f"{where}: {first['msg']}" if where else f"its metadata has no {key}"
        raise InputError(f"{path} is no {noun} ({reason}): {mend}.") from error
    except (SafetensorError, RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].rstrip(".:")
        raise InputError(f"{path} is no {noun} ({reason}): {mend}.") from error
    if not _finite(weights.values()):
        raise InputError(f"{path} holds weights that are not finite: {mend}.")
    return NetworkFile(path, digest, card, network.eval().requires_grad_(False))


def _finite(weights: Iterable[Tensor]) -> bool:
    return all(bool(torch.isfinite(w).all()) for w in weights)
