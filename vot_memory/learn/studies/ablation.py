"""Which features a learned policy needs: it is fitted again without each group, and played.

Nothing is labelled again: states are those that policies with all features got into. What is fitted
without `nothing` is the network of the training's last round.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from vot_memory.backbone import Backbone
from vot_memory.bank import Source
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.identity import AGAIN
from vot_memory.learn.imitation import labels
from vot_memory.learn.imitation.fitting import FitSettings, fit, without
from vot_memory.learn.imitation.imitate import qualities
from vot_memory.learn.imitation.labels import Decide, Labels
from vot_memory.learn.imitation.policy_file import PolicyCard, load_learned, save_policy
from vot_memory.learn.networks import SlotPointer
from vot_memory.learn.simulator import Rules
from vot_memory.setting import check_model

COLUMNS = ("sequence", "without", "Q")
FIFO, NOTHING = "fifo", "nothing"
HIDDEN: dict[str, tuple[str, ...]] = {NOTHING: (), **features.GROUPS}


@dataclass(frozen=True)
class Imitation:
    """A training by imitation.

    Attributes:
        card: of a network that is fitted to all its labels.
        settings: how it fits.
        labels: files of states of its policies, in their order; of the teacher's, if it has no
            others.
        digest: 12 hex digits that name its settings and labels.
    """

    card: PolicyCard
    settings: FitSettings
    labels: tuple[Path, ...]
    digest: str

    @classmethod
    def read(cls, folder: Path) -> Imitation:
        """Read the folder of `train_imitate`.

        Raises:
            InputError: it holds no training, or one that has not ended.
        """
        place, files = folder / "settings.json", _label_files(folder / "labels")
        try:
            content = place.read_bytes()
            settings = FitSettings(**json.loads(content)["fit"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{folder} holds no training by imitation: name the folder that train --method "
                "imitate made."
            ) from error
        policy = folder / "policy.safetensors"
        rounds = {int(path.parent.name) for path in files}
        fitted = all((folder / f"round-{number}.safetensors").exists() for number in rounds)
        if not files or not policy.exists() or not fitted:
            raise InputError(f"The training in {folder} has not ended: give its command again.")
        digest = hashlib.sha256(content)
        for path in files:
            digest.update(path.read_bytes())
        last = {"rounds": int(files[-1].parent.name) + 1, "figures": {}}
        card = load_learned(policy).card.model_copy(update=last)
        return cls(card, settings, files, digest.hexdigest()[:12])


class Ablation:
    """Policies of a training, fitted again without each group of features.

    Args:
        trained: folder of the training.
        backbone: its model.
        table: the CSV; networks stand in `TABLE.weights` beside it, and are not fitted again.
        tell: is told what was fitted.

    Raises:
        InputError: there is no training, or it is one of another model.
    """

    def __init__(
        self,
        trained: Path,
        backbone: Backbone,
        table: Path,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.training, self.fast = Imitation.read(trained), fast(backbone)
        self.weights, self.tell = table.with_name(f"{table.name}.weights"), tell
        source = Source("", (), backbone.name, backbone.image_size)
        check_model(trained, "trained", self.training.card, source, "study it on its own model")

    def qualities(self, video: Sequence) -> Iterator[tuple[str, str, float]]:
        """Clean Q on the first object of a video; rows of `COLUMNS`.

        Raises:
            InputError: the folder of weights holds those of another training.
        """
        rules = Rules.of(self.training.card)
        for left_out, quality in qualities(self.fast, video, self.policies, rules).items():
            yield video.name, left_out, quality

    @cached_property
    def policies(self) -> dict[str, Decide]:
        """FIFO, and what was fitted by what is left out; fitted when first asked for."""
        folder = self.weights / self.training.digest
        others = sorted(path for path in self.weights.glob("[!.]*") if path != folder)
        if others:
            raise InputError(
                f"{others[0]} holds weights of another training, this is {folder.name}: name "
                f"another table, or delete {self.weights}."
            )
        places = {group: folder / f"without-{group}.safetensors" for group in HIDDEN}
        if not all(place.exists() for place in places.values()):
            self._fit(places)
        fitted = {group: load_learned(place, AGAIN).decide for group, place in places.items()}
        return {FIFO: labels.fifo, **fitted}

    def _fit(self, places: dict[str, Path]) -> None:
        training = self.training
        seen = Labels.join([Labels.load(path) for path in training.labels])
        for group, place in places.items():
            if not place.exists():  # nor has another process made it meanwhile
                network = fit(seen, training.settings, HIDDEN[group])
                save_policy(place, blind(network, HIDDEN[group]), training.card)
                self.tell(f"without {group}: {place}")


@torch.no_grad()
def blind(network: SlotPointer, hidden: tuple[str, ...]) -> SlotPointer:
    """Give features no weight, so that the network decides as if they were 0, whoever plays it."""
    network.enter.weight.copy_(without(network.enter.weight, hidden))
    return network


def _label_files(folder: Path) -> tuple[Path, ...]:
    """In the order of visits; those of the teacher's round only if there are no others."""
    files = [path for path in folder.glob("*/*.npz") if not path.name.startswith(".")]
    files = [path for path in files if path.parent.name != "0"] or files
    return tuple(sorted(files, key=lambda path: path.name))
