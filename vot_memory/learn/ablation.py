"""Which features a learned policy needs: fit it without each group, and play what comes of it."""

from __future__ import annotations

import json
from collections.abc import Sequence as Seq
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import torch
from torch import Tensor

from vot_memory.building import check_writable, write_atomically
from vot_memory.errors import InputError
from vot_memory.learn import features, labels
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.fitting import FitSettings, fit, without
from vot_memory.learn.imitate import qualities
from vot_memory.learn.labels import Decide, Labels
from vot_memory.learn.networks import SlotPointer
from vot_memory.learn.policy_file import PolicyCard, load_learned, save_policy
from vot_memory.learn.simulator import Rules
from vot_memory.progress import Progress, Silent, tracking
from vot_memory.statistics import paired_difference

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone
    from vot_memory.datasets.sequence import Sequence

ALL = "all"  # the policy that sees everything
_FIFO = "fifo"


def ablate(
    backbone: Backbone,
    training: Path,
    dev: Seq[Sequence],
    out: Path,
    settings: FitSettings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Fit a policy without each group of features on the labels of a training, and play them.

    Nothing is labelled again: states are those that policies with all features got into. Weights
    and the Q of every video stay in `out`, so that a killed ablation goes on.

    Args:
        backbone: the model of the training.
        training: folder of `train_imitate`.
        dev: videos to play on; the caller has asked `check_for_tuning`.
        out: folder of the ablation.
        settings: how policies are fitted; None fits as the training did.
        progress: what is told; a unit is a video.

    Returns:
        `ablation.csv`: a row for each group left out, with clean Q, its difference to the policy
        that sees everything (95 % interval, paired by video) and to FIFO, and the share of held-out
        states in which it decides as the teacher does.

    Raises:
        InputError: there is no training, or the model is not its model.
    """
    check_writable(out / "ablation.csv")
    progress = progress or Silent()
    place = training / "policy.safetensors"
    card = load_learned(place).card
    if (card.model, card.image_size) != (backbone.name, backbone.image_size):
        raise InputError(
            f"{place} was trained for model {card.model} at {card.image_size} px, this is "
            f"{backbone.name} at {backbone.image_size} px: ablate it with its own model."
        )
    settings = settings or _settings(training)
    seen, held = _labels(training)
    hidden = {ALL: (), **{group: names for group, names in features.GROUPS.items()}}
    networks = {
        group: _fitted(out / f"without-{group}.safetensors", seen, settings, names, card)
        for group, names in hidden.items()
    }
    policies: dict[str, Decide] = {_FIFO: labels.fifo}
    for group, network in networks.items():
        policies[group] = partial(_decide, network, hidden[group])
    table = _play(backbone, dev, policies, card, out, progress)
    rows = []
    for group in networks:
        row: dict[str, object] = {"without": group, "quality": table[group].mean()}
        for other in (ALL, _FIFO):
            gain = paired_difference(table[group].to_list(), table[other].to_list())
            row |= {f"to_{other}": gain.mean, f"to_{other}_low": gain.low}
            row |= {f"to_{other}_high": gain.high}
        rows.append(row | {"agreement": _agreement(policies[group], held, settings.good)})
    write_atomically(out / "ablation.csv", pd.DataFrame(rows).to_csv(index=False))
    return out / "ablation.csv"


@torch.inference_mode()
def _decide(network: SlotPointer, hidden: tuple[str, ...], tokens: Tensor) -> Tensor:
    actions: Tensor = network(without(tokens, hidden)).argmax(1)
    return actions


def _agreement(policy: Decide, held: Labels, good: float) -> float:
    same = policy(torch.from_numpy(held.tokens)).numpy() == held.teacher(good)
    return float(same.mean())


def _settings(training: Path) -> FitSettings:
    try:
        text = (training / "settings.json").read_text(encoding="utf-8")
        return FitSettings(**json.loads(text)["fit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{training} holds no training by imitation: name its folder.") from error


def _labels(training: Path) -> tuple[Labels, Labels]:
    """Labels to fit on, and every fourth visit, which is held out; of policies' states, if any."""
    files = sorted((training / "labels").rglob("*.npz"))
    files = [path for path in files if not path.name.startswith(".")]  # under construction
    files = [path for path in files if path.parent.name != "0"] or files
    if len(files) < 2:
        raise InputError(f"{training} has labels of {len(files)} videos: train on 2 or more.")
    parts = [Labels.load(path) for path in files]
    held = parts[3::4] or parts[-1:]
    return Labels.join([p for p in parts if all(p is not h for h in held)]), Labels.join(held)


def _fitted(
    path: Path, seen: Labels, settings: FitSettings, hidden: tuple[str, ...], card: PolicyCard
) -> SlotPointer:
    if not path.exists():
        save_policy(path, fit(seen, settings, hidden), card)
    return load_learned(path).network


def _play(
    backbone: Backbone,
    dev: Seq[Sequence],
    policies: dict[str, Decide],
    card: PolicyCard,
    out: Path,
    progress: Progress,
) -> pd.DataFrame:
    rules, quick, rows = Rules(card.slots, card.rows, card.pointers), fast(backbone), []
    with progress.start(len(dev)):
        for sequence in dev:
            path = out / "dev" / f"{sequence.name}.json"
            if path.exists():
                progress.skipped(sequence.name)
            else:
                frames = len(sequence)
                progress.unit(sequence.name, tracking(frames, len(policies)), frames)
                found = qualities(quick, sequence, policies, rules)
                write_atomically(path, json.dumps(found, indent=1) + "\n")
                progress.done(sequence.name, 0.0)
            rows.append(json.loads(path.read_text(encoding="utf-8")))
    return pd.DataFrame(rows)
