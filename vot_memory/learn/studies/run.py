"""The studies by name, each a table of one split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vot_memory.backbone import Backbone
from vot_memory.bank import Source
from vot_memory.building import check_writable
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.splits import check_for_tuning, load_split
from vot_memory.errors import InputError, unknown
from vot_memory.learn.clip import load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.search import METHODS
from vot_memory.learn.search.ceilings import RULES, Causal, causal, ceilings
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.studies import ablation, calibration, readings, robustness
from vot_memory.learn.studies.ablation import Ablation
from vot_memory.learn.studies.table import Row, complete_table
from vot_memory.learn.tracked import tracked_quality
from vot_memory.models import load_model
from vot_memory.policies.replay import Replay, ReplayConfig
from vot_memory.registry import load_policy
from vot_memory.runner import parse_shard, share
from vot_memory.setting import check_setting, check_video

CEILINGS = ("sequence", "ceiling", "Q")
CAUSAL = ("sequence", "rule", "Q")


@dataclass(frozen=True)
class StudySettings:
    """What to study.

    Attributes:
        name: of the study, one of `STUDIES`.
        split: name or folder; for ablation and causal none that is held out.
        out: the CSV; networks of ablation stand in `OUT.weights` beside it.
        found: what search found on these videos (`replay.json`), for ceilings and robustness.
        trained: folder of a training by imitation, for ablation.
        policies: what is deployed, for ceilings.
        causal: rule that knows the current frame's truth, for ceilings.
        methods, budgets, seeds: of search, for calibration; readings take the first of each.
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
    policies: tuple[str, ...] = ()
    causal: Causal = field(default_factory=Causal)
    methods: tuple[str, ...] = ("mutate",)
    budgets: tuple[int, ...] = (2000,)
    seeds: tuple[int, ...] = (0,)
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
        if self.name not in STUDIES:
            raise unknown("study", self.name, STUDIES)
        if self.name in ("ceilings", "robustness") and self.found is None:
            raise InputError(
                f"Study {self.name} needs what search found: give --found OUT/replay.json."
            )
        if self.name in ("ablation", "causal"):
            check_for_tuning(self.split, own_folder=True)
        if self.name == "ablation" and self.trained is None:
            raise InputError(
                "Study ablation needs a training: give --trained, the folder of train --method "
                "imitate."
            )
        for method in self.methods:
            if method not in METHODS:
                raise unknown("method", method, METHODS)
        parse_shard(self.shard)


class Study:
    """A study on its videos; `rows` are computed a video at a time."""

    def __init__(self, settings: StudySettings, tell: Callable[[str], None]) -> None:
        self.settings = settings
        self.split = load_split(settings.split, limit=settings.limit, data=settings.data)
        self.exact = self._model(settings.dtype)
        found, trained, out = settings.found, settings.trained, settings.out
        self.replay = None if found is None else Replay(ReplayConfig(found))
        self.refitted = None if trained is None else Ablation(trained, self.exact, out, tell)

    def _model(self, dtype: str) -> Backbone:
        s = self.settings
        return load_model(
            s.model or self.split.default_model,
            s.checkpoint,
            device=s.device,
            dtype=dtype,
            image_size=s.image_size,
        )

    def ceilings(self, video: Sequence) -> Iterator[Row]:
        """Q of everything that knows more than a tracker, and of trackers."""
        assert self.replay is not None  # noqa: S101 - settings see to it
        clip = load_clip(self.exact, video)
        policies = {name: load_policy(name) for name in ("fifo", *self.settings.policies)}
        policies["hindsight"] = self.replay
        for name, policy in policies.items():
            yield video.name, name, tracked_quality(self.exact, clip, policy)
        rules = Rules.of(self.replay.recorded)
        for row in ceilings(clip, fast(self.exact), self.settings.causal, rules):
            if row.ceiling not in policies:
                yield row.sequence, row.ceiling, row.quality

    def robustness(self, video: Sequence) -> Iterator[Row]:
        """Q of what was found when the video or the precision changes."""
        assert self.replay is not None  # noqa: S101 - settings see to it
        actions, rules = self._actions(self.replay, video), Rules.of(self.replay.recorded)
        other = self._model("bfloat16" if self.exact.dtype != torch.bfloat16 else "float32")
        yield from robustness.perturbed_qualities(video, actions, self.exact, other, rules)

    def calibration(self, video: Sequence) -> Iterator[Row]:
        """What search finds in short windows, and the optimum."""
        s, model = self.settings, fast(self.exact)
        yield from calibration.calibrated(
            load_clip(model, video), model, methods=s.methods, budgets=s.budgets, seeds=s.seeds
        )

    def readings(self, video: Sequence) -> Iterator[Row]:
        """Q of FIFO and of what is found, for each way to read the bank."""
        s, clip = self.settings, load_clip(self.exact, video)
        yield from readings.reading_qualities(
            clip, self.exact, method=s.methods[0], budget=s.budgets[0], seed=s.seeds[0]
        )

    def causal(self, video: Sequence) -> Iterator[Row]:
        """Q of FIFO and of every causal rule."""
        model = fast(self.exact)
        simulator = Simulator(load_clip(model, video), model)
        quality = simulator.quality(simulator.play(simulator.fifo()))[0]
        yield video.name, "fifo", float(quality)
        for rule, own in zip(RULES, causal(simulator, RULES).tolist(), strict=True):
            yield video.name, rule.name, own

    def ablation(self, video: Sequence) -> Iterator[Row]:
        """Q of FIFO and of a learned policy that is fitted without each group of features."""
        assert self.refitted is not None  # noqa: S101 - settings see to it
        yield from self.refitted.qualities(video)

    def _actions(self, replay: Replay, video: Sequence) -> NDArray[np.int64]:
        """What was found for the first object; refused as policy `replay` refuses it."""
        found, name, place = replay.recorded, video.objects[0].id, replay.config.file
        model = self.exact
        source = Source(video.name, (name,), model.name, model.image_size, video.digest)
        check_setting(place, "recorded", found, source, self.exact.num_maskmem)
        for track in found.tracks:
            if (track.sequence, track.object) == (video.name, name):
                check_video(place, "recorded", track, source, len(video))
                return np.array(track.actions[:-1], np.int64)  # the last one changes nothing
        raise InputError(
            f"{place} has no decisions for object {name!r} of sequence {video.name!r}: search this "
            "video, or study fewer."
        )


STUDIES: dict[str, tuple[tuple[str, ...], Callable[[Study, Sequence], Iterator[Row]]]] = {
    "causal": (CAUSAL, Study.causal),
    "ceilings": (CEILINGS, Study.ceilings),
    "robustness": (robustness.COLUMNS, Study.robustness),
    "calibration": (calibration.COLUMNS, Study.calibration),
    "readings": (readings.COLUMNS, Study.readings),
    "ablation": (ablation.COLUMNS, Study.ablation),
}


def run_study(settings: StudySettings, tell: Callable[[str], None] = lambda line: None) -> Path:
    """Complete the table of a study; returns its path.

    Raises:
        InputError: names, files, weights or data that do not exist or fit.
        OSError: the table cannot be written.
    """
    check_writable(settings.out)
    study = Study(settings, tell)
    todo = share(study.split.only(settings.videos).sequences, settings.shard)
    for video in todo:
        if not video.objects:
            raise InputError(f"Sequence {video.name} has no annotated object: leave it out.")
    columns, rows = STUDIES[settings.name]
    videos = {video.name: video for video in todo}
    complete_table(
        settings.out,
        _setting(study),
        columns,
        list(videos),
        lambda name: rows(study, videos[name]),
        tell,
        order=[video.name for video in study.split.sequences],
        shared=bool(settings.videos) or settings.shard != "1/1",
    )
    return settings.out


def _setting(study: Study) -> str:
    """One line that names everything the rows depend on."""
    s, model = study.settings, study.exact
    parts = [study.split.name, model.name, f"{model.image_size} px", model.precision]
    if s.name in ("calibration", "readings"):
        parts += [f"{'/'.join(s.methods)} at {'/'.join(map(str, s.budgets))} passes"]
        parts += [f"seeds {'/'.join(map(str, s.seeds))}"]
    elif s.name == "ablation" and study.refitted is not None:
        parts += [f"training {study.refitted.training.digest}"]
    elif study.replay is not None:
        parts += [f"decisions {study.replay.fingerprint()['file_sha256'][:12]}"]
    if s.name == "ceilings":
        parts += [f"causal {s.causal.name}", *s.policies]
    return f"{s.name}: {', '.join(parts)}"
