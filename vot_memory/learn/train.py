"""Training by name: which videos, which model, and what every method is given of its options."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from vot_memory.datasets.splits import check_for_tuning, load_split
from vot_memory.errors import InputError, unknown
from vot_memory.learn.imitation.imitate import ImitateSettings, train_imitate
from vot_memory.learn.imitation.policy_file import FEWEST_SLOTS
from vot_memory.learn.ppo import Recipe
from vot_memory.learn.ppo_videos import run_ppo
from vot_memory.learn.simulator import Rules
from vot_memory.models import load_model
from vot_memory.progress import Progress
from vot_memory.runner import parse_shard

# Options that one method alone has.
OWN = {"ppo": ("iterations", "samples"), "imitate": ("dev", "rounds", "visits", "finetune")}


@dataclass(frozen=True)
class TrainSettings:
    """What to train.

    Attributes:
        method: `ppo`, an agent a video, or `imitate`, one policy for all.
        split: name or folder; for `imitate` none that is held out. out: folder of the training.
        iterations, samples: of `Recipe`; None is its own.
        dev: split that the best round is chosen on; None is synth-dev. Not held out either.
        lr: learning rate of `Recipe` or `FitSettings`; None is their own.
        rounds: of `ImitateSettings`. visits: its videos of a round. finetune: iterations of its
            fine-tuning. None is its own.
        seeds: a training each; of `imitate` one.
        videos: names; none means all. limit: the first so many. shard: "i/n" of them.
        rules: how the bank is read.
        model: None is the split's default.
        checkpoint, image_size, device, dtype: as `vot_memory.models.load_model` takes them.
        data: folder of published data sets.
    """

    method: str
    split: str
    out: Path
    iterations: int | None = None
    samples: int | None = None
    lr: float | None = None
    dev: str | None = None
    rounds: int | None = None
    visits: int | None = None
    finetune: int | None = None
    seeds: tuple[int, ...] = (0,)
    videos: tuple[str, ...] = ()
    limit: int | None = None
    shard: str = "1/1"
    rules: Rules = field(default_factory=Rules)
    model: str | None = None
    checkpoint: Path | None = None
    image_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.method not in OWN:
            raise unknown("method", self.method, OWN)
        for other in set(OWN) - {self.method}:
            for name in OWN[other]:
                if getattr(self, name) is not None:
                    raise InputError(f"Method {self.method} has no --{name}: leave it out.")
        parse_shard(self.shard)
        if self.method == "imitate":
            if len(self.seeds) > 1 or self.shard != "1/1":
                raise InputError("Method imitate makes one policy: give one --seed and no --shard.")
            if self.rules.slots < FEWEST_SLOTS:
                raise InputError(
                    f"With --slots {self.rules.slots} a policy has no memories to choose among: "
                    f"give {FEWEST_SLOTS} or more."
                )
            for split in (self.split, self.dev):
                check_for_tuning(split or "synth-dev", own_folder=True)


def run_training(settings: TrainSettings, progress: Progress | None = None) -> list[Path]:
    """Train, or go on where a training was stopped.

    Returns:
        What was made: of `ppo` a `result.json` for each agent, of `imitate` its policy.

    Raises:
        InputError: names, weights or data that do not exist or fit, a folder of another training,
            or a number that is not finite.
        OSError: `out` cannot be written to.
        KeyboardInterrupt: stopped by hand.
    """
    s = settings
    split = load_split(s.split, limit=s.limit, data=s.data).only(s.videos)
    backbone = load_model(
        s.model or split.default_model,
        s.checkpoint,
        device=s.device,
        dtype=s.dtype,
        image_size=s.image_size,
    )
    s.rules.check(backbone)
    if s.method == "imitate":
        dev = load_split(s.dev or "synth-dev", data=s.data)
        made = train_imitate(
            backbone,
            split.sequences,
            dev.sequences,
            s.out,
            _imitation(s),
            split=split.name,
            progress=progress,
        )
        return [made]
    recipe = Recipe()
    return run_ppo(
        backbone,
        split.sequences,
        s.out,
        replace(
            recipe,
            iterations=s.iterations or recipe.iterations,
            samples=s.samples or recipe.samples,
            lr=s.lr or recipe.lr,
        ),
        seeds=s.seeds,
        rules=s.rules,
        shard=s.shard,
        progress=progress,
    )


def _imitation(s: TrainSettings) -> ImitateSettings:
    own, seed = ImitateSettings(), s.seeds[0]
    iterations = own.finetune.iterations if s.finetune is None else s.finetune
    return replace(
        own,
        fit=replace(own.fit, seed=seed, lr=s.lr or own.fit.lr),
        finetune=replace(own.finetune, seed=seed, iterations=iterations),
        rules=s.rules,
        seed=seed,
        rounds=s.rounds or own.rounds,
        videos=s.visits or own.videos,
    )
