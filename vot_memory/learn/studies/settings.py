"""What to study: names, files and numbers, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vot_memory.datasets.splits import check_for_tuning
from vot_memory.errors import InputError, unknown
from vot_memory.learn.search import METHODS
from vot_memory.learn.search.ceilings import Causal
from vot_memory.runner import parse_shard

# Options that not every study has, and which study has which.
OPTIONS = {
    "found": "--found",
    "trained": "--trained",
    "policies": "--policy",
    "bound": "--bound",
    "absent": "--absent",
    "methods": "--method",
    "budgets": "--budget",
    "seeds": "--seed",
}
OWN: dict[str, tuple[str, ...]] = {
    "causal": (),
    "ceilings": ("found", "policies", "bound", "absent"),
    "robustness": ("found",),
    "calibration": ("methods", "budgets", "seeds"),
    "readings": ("methods", "budgets", "seeds"),
    "ablation": ("trained",),
}


@dataclass(frozen=True)
class Searches:
    """Methods, budgets (forward passes) and seeds, each with each."""

    methods: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.methods) * len(self.budgets) * len(self.seeds)


@dataclass(frozen=True)
class StudySettings:
    """What to study.

    Attributes:
        name: of the study, a key of `OWN`.
        split: name or folder; for ablation and causal none that is held out.
        out: the CSV; networks of ablation stand in `OUT.weights` beside it.
        found: what search found on these videos (`replay.json`), for ceilings and robustness.
        trained: folder of a training by imitation, for ablation.
        policies: what is deployed, for ceilings.
        bound, absent: of `Causal`, the rule that knows the current frame's truth, for ceilings;
            None is its own.
        methods, budgets, seeds: of search, for calibration; readings take one of each. None is
            `mutate`, 2000 and 0.
        limit: the first so many videos. shard: "i/n" of them; processes may share `out`.
        videos: names; none means all.
        model, checkpoint, device, dtype, image_size: as `load_model` takes them.
        data: folder of published data sets.
    """

    name: str
    split: str
    out: Path
    found: Path | None = None
    trained: Path | None = None
    policies: tuple[str, ...] | None = None
    bound: float | None = None
    absent: bool | None = None
    methods: tuple[str, ...] | None = None
    budgets: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    limit: int | None = None
    shard: str = "1/1"
    videos: tuple[str, ...] = ()
    model: str | None = None
    checkpoint: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    image_size: int | None = None
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.name not in OWN:
            raise unknown("study", self.name, OWN)
        self._check_options()
        if self.name in ("ablation", "causal"):
            check_for_tuning(self.split, own_folder=True)
        for method in self.search.methods:
            if method not in METHODS:
                raise unknown("method", method, METHODS)
        if not 0 <= self.causal.bound <= 1:
            raise InputError(f"A --bound of {self.causal.bound:g} is no overlap: give 0 to 1.")
        parse_shard(self.shard)

    @property
    def causal(self) -> Causal:
        """The rule of ceilings."""
        return Causal(Causal.bound if self.bound is None else self.bound, bool(self.absent))

    @property
    def deployed(self) -> tuple[str, ...]:
        """Policies of ceilings."""
        return tuple(dict.fromkeys(("fifo", *(self.policies or ()))))

    @property
    def search(self) -> Searches:
        """Those of calibration and readings."""
        return Searches(self.methods or ("mutate",), self.budgets or (2000,), self.seeds or (0,))

    def _check_options(self) -> None:
        own = OWN[self.name]
        for name, option in OPTIONS.items():
            if getattr(self, name) is not None and name not in own:
                raise InputError(f"Study {self.name} has no {option}: leave it out.")
        if "found" in own and self.found is None:
            raise InputError(
                f"Study {self.name} needs what search found: give --found OUT/replay.json."
            )
        if "trained" in own and self.trained is None:
            raise InputError(
                f"Study {self.name} needs a training: give --trained, the folder of train --method "
                "imitate."
            )
        if self.name == "readings":
            for name, given in vars(self.search).items():
                if len(given) > 1:
                    raise InputError(f"Study readings searches once: give {OPTIONS[name]} once.")
