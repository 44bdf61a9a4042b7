"""Learn one memory policy for all videos: imitate a teacher that knows the truth, then rollouts.

Rounds of DAgger and AggreVaTe (see `labels`): each round plays the policy of the round before on
videos it has not seen yet, labels the states it gets into, and fits a new network to all labels so
far. The first round visits the teacher's states, which serve the first network alone: in them old
memories mean that frames have long been bad, and a network learns to discard because it discarded.
In the last rounds some states are branched. On the tuning split the policies of all rounds are
played beside FIFO, and the best is kept.

The folder holds `settings.json`, `labels/ROUND/VISIT.npz`, `round-N.safetensors`, `dev/VIDEO.json`
(Q of every policy), `curve.csv` (a row a policy) and, last, `policy.safetensors`; of fine-tuning
`finetune.json`, `tuned-N.safetensors` and `finetune.pt`, the checkpoint. Every file is written
whole; what is there is not made again, so that a killed training goes on, and more rounds or
updates go on from what is there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from vot_memory.building import check_writable, write_atomically
from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.clip import check_clips, load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.identity import AGAIN, claim
from vot_memory.learn.imitation import labels
from vot_memory.learn.imitation.finetune import FinetuneSettings, finetune
from vot_memory.learn.imitation.fitting import FitSettings, agreement, fit
from vot_memory.learn.imitation.labels import Decide, Labels, LabelSettings
from vot_memory.learn.imitation.policy_file import (
    LearnedPolicy,
    PolicyCard,
    load_learned,
    save_policy,
)
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.progress import Progress, Silent, tracking
from vot_memory.statistics import paired_difference

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone
    from vot_memory.datasets.sequence import Sequence
    from vot_memory.learn.networks import SlotPointer


_FIFO, _SUFFIX = "fifo", ".safetensors"
_BATCH = 8  # rows of a forward pass, beyond which a CPU gains little


@dataclass(frozen=True)
class ImitateSettings:
    """Everything that decides the policy, apart from model and videos.

    Attributes:
        rounds: how often labels are collected and a network is fitted.
        videos: visited in each round; they are taken in turn, and again from the first.
        branching: first round (from 0) in which states are branched.
        label: what is visited and, from then on, branched.
        fit: the network and how it is fitted.
        rules: how the bank is read.
        finetune: what follows the last round, nothing unless it has iterations.
        seed: of all that is drawn in rounds.
    """

    rounds: Annotated[int, Field(ge=1)] = 5
    videos: Annotated[int, Field(ge=1)] = 128
    branching: Annotated[int, Field(ge=0)] = 3
    label: LabelSettings = field(default_factory=LabelSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    rules: Rules = field(default_factory=Rules)
    finetune: FinetuneSettings = field(default_factory=FinetuneSettings)
    seed: Annotated[int, Field(ge=0)] = 0


def train_imitate(
    backbone: Backbone,
    sequences: Seq[Sequence],
    dev: Seq[Sequence],
    out: Path,
    settings: ImitateSettings | None = None,
    *,
    split: str = "synth-train",
    progress: Progress | None = None,
) -> Path:
    """Train a policy, or go on where a training stopped.

    Args:
        backbone: the model, as trackers run it; training uses its fast arrangement.
        sequences: videos to learn from; the caller has asked `check_for_tuning`.
        dev: videos to choose the round by, none of those; the same holds for them.
        out: folder of the training.
        settings: how.
        split: name of what is learned from, for the policy's card.
        progress: what is told; a unit is a video labelled or judged on, or a network fitted.

    Returns:
        `policy.safetensors`.

    Raises:
        InputError: no videos, too short ones, or one in both lists; a folder of another training,
            or of one with more rounds or updates; a damaged file in it; a loss that is not finite.
        OSError: `out` cannot be written to.
        KeyboardInterrupt: stopped by hand; says how to go on.
    """
    settings, progress = settings or ImitateSettings(), progress or Silent()
    if not sequences or not dev:
        raise InputError("There are no videos to train on or to choose by: name larger splits.")
    check_clips([*sequences, *dev], settings.rules.frames)
    _check_apart(sequences, dev)
    check_writable(out / "settings.json")
    training = _Training(backbone, list(sequences), list(dev), out, settings, split, progress)
    training.claim()
    total = settings.rounds * (settings.videos + 1) + len(dev)
    total += bool(settings.finetune.iterations)
    try:
        with progress.start(total, "part"):
            for number in range(settings.rounds):
                training.collect(number)
                training.fit(number)
            if settings.finetune.iterations:
                training.finetune()
            training.judge()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Stopped with {training.complete} of {total} parts complete: give the same command "
            "again to go on from there."
        ) from None
    return training.choose()


@dataclass
class _Training:
    """One training's folder and what fills it; arguments as of `train_imitate`."""

    backbone: Backbone
    sequences: list[Sequence]
    dev: list[Sequence]
    out: Path
    settings: ImitateSettings
    split: str
    progress: Progress

    def __post_init__(self) -> None:
        self.fast = fast(self.backbone)
        self.complete = 0  # units, as progress is told

    # ---- rounds ----------------------------------------------------------------------------

    def claim(self) -> None:
        """Note whose folder it is; refuse that of another training."""
        own = asdict(self.settings)
        for later in ("rounds", "finetune"):  # what is asked for may grow
            del own[later]
        own |= {
            "train_digests": [sequence.digest for sequence in self.sequences],
            "dev_digests": [sequence.digest for sequence in self.dev],
            "model": self.backbone.name,
            "image_size": self.backbone.image_size,
            "dtype": self.backbone.precision,
        }
        claim(self.out / "settings.json", own | {"split": self.split})
        self._check_grows()

    def collect(self, number: int) -> None:
        """Label this round's videos."""
        s = self.settings
        before = None if number == 0 else self._learned(_round(number - 1)).decide
        how = s.label if number >= s.branching else replace(s.label, branched=0)
        for visit, place in self._visits(number):
            sequence, path = self.sequences[place], self._labels(number, visit)
            name, frames = f"{_round(number)} {sequence.name}", len(sequence)
            if path.exists():
                self._skipped(name)
                continue
            rng = np.random.default_rng((s.seed, visit))
            with self._unit(name, f"{frames} frames, {how.visits} episodes"):
                simulator = simulate(self.fast, sequence, s.rules)
                labels.label(simulator, before, how, rng, s.fit.good).save(path)

    def fit(self, number: int) -> None:
        """This round's network, from all labels of policies' states so far."""
        place, how = self.weights(number), self.settings.fit
        if place.exists():
            self._skipped(place.stem)
            return
        with self._unit(place.stem, f"{how.steps} steps", how.steps):
            network = fit(self._labelled(number), how, tell=self.progress.frame)
            save_policy(place, network, self._card(number, network))

    def finetune(self) -> None:
        """Whole-episode returns on the videos that were labelled, as one round more."""
        last, how, name = self.settings.rounds, self.settings.finetune, self._tuned
        own = asdict(how) | {"rounds": last}
        del own["iterations"]
        claim(self.out / "finetune.json", own)
        place = self.out / f"{name}{_SUFFIX}"
        if place.exists():
            self._skipped(name)
            return
        mattered = self._mattered()
        videos = [self.sequences[i] for i in mattered]

        def video(number: int) -> Simulator:
            return simulate(self.fast, videos[number], self.settings.rules)

        with self._unit(name, f"{how.iterations} iterations", how.iterations):
            network = finetune(
                self._learned(_round(last - 1)).network.to(self.fast.device),
                video,
                np.array(list(mattered.values())),
                how,
                self.out / "finetune.pt",
                lambda done, _: self.progress.frame(done + 1),
            )
            save_policy(place, network, self._card(last - 1, network))

    def judge(self) -> None:
        """Play the policies of all rounds on the tuning videos, and write `curve.csv`."""
        names = [_round(number) for number in range(self.settings.rounds)]
        names += [self._tuned] * bool(self.settings.finetune.iterations)
        policies: dict[str, Decide] = {_FIFO: labels.fifo}
        policies |= {name: self._learned(name).decide for name in names}
        table = pd.DataFrame([self._played(place, policies) for place in range(len(self.dev))])
        curve = pd.DataFrame([self._row(number, name, table) for number, name in enumerate(names)])
        write_atomically(self.out / "curve.csv", curve.to_csv(index=False))

    def choose(self) -> Path:
        """The policy of the best round, the earliest of equals."""
        curve = pd.read_csv(self.out / "curve.csv")
        best = curve.iloc[int(curve["quality"].to_numpy().argmax())].dropna()
        chosen = self._learned(str(best["policy"]))
        row = {str(name): float(best[name]) for name in best.index if name != "policy"}
        card = chosen.card.model_copy(update={"figures": row})
        place = self.out / "policy.safetensors"
        save_policy(place, chosen.network, card)
        return place

    # ---- parts -----------------------------------------------------------------------------

    @contextmanager
    def _unit(self, name: str, work: str, steps: int | None = None) -> Iterator[None]:
        """Tell that a unit begins and ends."""
        began = time.monotonic()
        self.progress.unit(name, work, steps)
        yield
        self.complete += 1
        self.progress.done(name, time.monotonic() - began)

    def _skipped(self, name: str) -> None:
        self.complete += 1
        self.progress.skipped(name)

    def weights(self, number: int) -> Path:
        """The policy of a round."""
        return self.out / f"{_round(number)}{_SUFFIX}"

    @property
    def _tuned(self) -> str:
        """The policy after fine-tuning."""
        return f"tuned-{self.settings.finetune.iterations}"

    def _learned(self, name: str) -> LearnedPolicy:
        return load_learned(self.out / f"{name}{_SUFFIX}", AGAIN)

    def _check_grows(self) -> None:
        """Refuse what would judge, and choose among, fewer policies than are there."""
        rounds, tuned = self.settings.rounds, self.settings.finetune.iterations
        there = len(list(self.out.glob(f"round-*{_SUFFIX}")))
        if there > rounds:
            raise InputError(
                f"{self.out} has {there} rounds, which --rounds {rounds} would leave out: give "
                f"--rounds {there} or more, or another folder."
            )
        updates = [int(p.stem.partition("-")[2]) for p in self.out.glob(f"tuned-*{_SUFFIX}")]
        if max(updates, default=0) > tuned:
            raise InputError(
                f"{self.out} is fine-tuned by {max(updates)} updates, which --finetune {tuned} "
                f"would leave out: give --finetune {max(updates)} or more, or another folder."
            )

    def _visits(self, number: int) -> list[tuple[int, int]]:
        """Visits of a round, counted through all rounds, and which video each is to."""
        first, count = number * self.settings.videos, len(self.sequences)
        return [(i, i % count) for i in range(first, first + self.settings.videos)]

    def _labels(self, number: int, visit: int) -> Path:
        return self.out / "labels" / str(number) / f"{visit:05d}.npz"

    def _labelled(self, number: int, first: int | None = None) -> Labels:
        """Labels of the rounds up to this one, from the first or from the first of a policy on."""
        first = min(1, number) if first is None else first
        return Labels.join(
            [
                Labels.load(self._labels(i, visit))
                for i in range(first, number + 1)
                for visit, _ in self._visits(i)
            ]
        )

    def _mattered(self) -> dict[int, float]:
        """How far apart the visits to each labelled video ended, of its last round."""
        spread = {}
        for number in range(self.settings.rounds):
            for visit, place in self._visits(number):
                spread[place] = Labels.load(self._labels(number, visit)).spread()
        return spread

    def _card(self, number: int, network: SlotPointer) -> PolicyCard:
        how, rules = self.settings.fit, self.settings.rules
        return PolicyCard(
            model=self.backbone.name,
            image_size=self.backbone.image_size,
            slots=rules.slots,
            rows=rules.rows,
            pointers=rules.pointers,
            width=how.width,
            heads=how.heads,
            layers=how.layers,
            split=self.split,
            rounds=number + 1,
        )

    def _played(self, place: int, policies: dict[str, Decide]) -> dict[str, float]:
        """Q of policies on a tuning video; those already played are read."""
        path, sequence = self.out / "dev" / f"{place:05d}.json", self.dev[place]
        name, frames = f"dev {sequence.name}", len(sequence)
        found = _read_qualities(path) if path.exists() else {}
        if found.keys() >= policies.keys():
            self._skipped(name)
        else:
            with self._unit(name, tracking(frames, len(policies))):
                found = qualities(self.fast, sequence, policies, self.settings.rules)
                write_atomically(path, json.dumps(found, indent=1) + "\n")
        return {name: found[name] for name in policies}

    def _row(self, number: int, name: str, table: pd.DataFrame) -> dict[str, float | str]:
        """A policy in figures; `agreement` is with the teacher on videos that were new to it."""
        own, fifo = table[name].to_numpy(), table[_FIFO].to_numpy()
        gain = paired_difference(own, fifo)
        row: dict[str, float | str] = {
            "policy": name,
            "round": number,
            "states": len(self._labelled(min(number, self.settings.rounds - 1))),
            "quality": float(own.mean()),
            "gain": np.nan if gain.mean is None else gain.mean,
            "gain_low": np.nan if gain.low is None else gain.low,
            "gain_high": np.nan if gain.high is None else gain.high,
            "agreement": np.nan,
        }
        if number + 1 < self.settings.rounds:
            network = self._learned(_round(number)).network
            new = self._labelled(number + 1, number + 1)
            row["agreement"] = agreement(network, new, self.settings.fit.good)
        return row


def simulate(
    backbone: Backbone, sequence: Sequence, rules: Rules, rows: int | None = None
) -> Simulator:
    """A simulator that describes, on the first object of a video; for so many episodes."""
    clip, batch = load_clip(backbone, sequence), min(rows or _BATCH, _BATCH)
    return Simulator(clip, backbone, rules, batch=batch, describe=features.describe)


def qualities(
    backbone: Backbone, sequence: Sequence, policies: dict[str, Decide], rules: Rules
) -> dict[str, float]:
    """Clean Q of policies on the first object of a video."""
    simulator = simulate(backbone, sequence, rules, len(policies))
    states = labels.rollout(simulator, list(policies.values()))
    return dict(zip(policies, simulator.quality(states).tolist(), strict=True))


def _check_apart(sequences: Seq[Sequence], dev: Seq[Sequence]) -> None:
    learned_from = {sequence.digest for sequence in sequences}
    both = [sequence.name for sequence in dev if sequence.digest in learned_from]
    if both:
        raise InputError(
            f"Sequence {both[0]} is in both splits ({len(both)} are), and a round chosen on what "
            "it was fitted to is not the best: give a --dev of other videos."
        )


def _read_qualities(path: Path) -> dict[str, float]:
    """Q of policies on a tuning video."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(quality) for name, quality in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: {AGAIN}.") from error


def _round(number: int) -> str:
    return f"round-{number}"
