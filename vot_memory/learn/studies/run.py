"""The studies by name, each a table of one split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vot_memory.backbone import Backbone
from vot_memory.bank import Source
from vot_memory.building import check_writable
from vot_memory.datasets.sequence import Sequence
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.learn.clip import check_clips, load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.search.ceilings import RULES, causal, ceilings
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.studies import ablation, calibration, readings, robustness
from vot_memory.learn.studies.ablation import Ablation
from vot_memory.learn.studies.settings import StudySettings
from vot_memory.learn.studies.table import Row, complete_table
from vot_memory.learn.tracked import tracked_quality
from vot_memory.models import load_model
from vot_memory.policies.replay import Replay, ReplayConfig
from vot_memory.registry import load_policy
from vot_memory.runner import share

CEILINGS = ("sequence", "ceiling", "Q")
CAUSAL = ("sequence", "rule", "Q")
PARTS = 4  # of a tracker and its rule, that `search.ceilings` adds to FIFO


class Study:
    """A study on its videos; `rows` are computed a video at a time."""

    def __init__(self, settings: StudySettings, tell: Callable[[str], None]) -> None:
        self.settings = settings
        self.split = load_split(settings.split, limit=settings.limit, data=settings.data)
        self.exact = self._model(settings.dtype)
        found, trained, out = settings.found, settings.trained, settings.out
        self.replay = None if found is None else Replay(ReplayConfig(found))
        self.refitted = None if trained is None else Ablation(trained, self.exact, out, tell)

    @property
    def _rules(self) -> Rules:
        """Those of the decisions or the policy that are studied."""
        if self.replay is not None:
            return Rules.of(self.replay.recorded)
        return Rules() if self.refitted is None else Rules.of(self.refitted.training.card)

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
        policies = {name: load_policy(name) for name in self.settings.deployed}
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
        model, search = fast(self.exact), self.settings.search
        yield from calibration.calibrated(
            load_clip(model, video),
            model,
            methods=search.methods,
            budgets=search.budgets,
            seeds=search.seeds,
        )

    def readings(self, video: Sequence) -> Iterator[Row]:
        """Q of FIFO and of what is found, for each way to read the bank."""
        clip, search = load_clip(self.exact, video), self.settings.search
        yield from readings.reading_qualities(
            clip,
            self.exact,
            method=search.methods[0],
            budget=search.budgets[0],
            seed=search.seeds[0],
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
        own, model, rules = video.objects[0], self.exact, replay.recorded
        source = Source(
            video.name, (own.id,), model.name, model.image_size, video.digest, len(video)
        )
        (found,) = replay.find(source, model.num_maskmem)
        decisions = len(video) - own.first_frame - rules.slots
        if len(found.actions) != decisions:
            raise InputError(
                f"{replay.config.file} has {len(found.actions)} decisions for object {own.id!r} of "
                f"sequence {video.name!r}, which takes {decisions}: search this video again."
            )
        return np.array(found.actions[:-1], np.int64)  # the last one changes nothing

    def check(self, videos: Iterable[Sequence]) -> None:
        """Refuse videos that cannot be studied, before the first is.

        Raises:
            InputError: too short, without an object, or nothing was found for it.
        """
        for video in videos:
            check_clips([video], self._frames(video))
            if self.replay is not None:
                self._actions(self.replay, video)

    def _frames(self, video: Sequence) -> int:
        """How many the video has to have."""
        rules = self._rules
        if self.settings.name == "calibration":
            return calibration.longest_window()
        if self.settings.name == "robustness" and video.objects:
            own = len(video) - video.objects[0].first_frame  # of which some are dropped
            return rules.frames + own - robustness.fewest_frames(own)
        return rules.frames


@dataclass(frozen=True)
class Kind:
    """A study: its columns, the rows of a video, and how many these are."""

    columns: tuple[str, ...]
    rows: Callable[[Study, Sequence], Iterator[Row]]
    count: Callable[[StudySettings], int]


STUDIES = {
    "causal": Kind(CAUSAL, Study.causal, lambda s: 1 + len(RULES)),
    "ceilings": Kind(CEILINGS, Study.ceilings, lambda s: len(s.deployed) + 1 + PARTS),
    "robustness": Kind(robustness.COLUMNS, Study.robustness, lambda s: robustness.num_rows()),
    "calibration": Kind(
        calibration.COLUMNS, Study.calibration, lambda s: len(calibration.SIZES) * len(s.search)
    ),
    "readings": Kind(readings.COLUMNS, Study.readings, lambda s: readings.ROWS),
    "ablation": Kind(ablation.COLUMNS, Study.ablation, lambda s: 1 + len(ablation.HIDDEN)),
}


def run_study(settings: StudySettings, tell: Callable[[str], None] = lambda line: None) -> Path:
    """Complete the table of a study; returns its path.

    Raises:
        InputError: names, files, weights or data that do not exist or fit, or a shard without
            videos.
        OSError: the table cannot be written.
    """
    check_writable(settings.out)
    study = Study(settings, tell)
    todo = share(study.split.only(settings.videos).sequences, settings.shard)
    if not todo:
        raise InputError(f"--shard {settings.shard} has no video: give fewer parts.")
    study.check(todo)
    kind = STUDIES[settings.name]
    videos = {video.name: video for video in todo}
    complete_table(
        settings.out,
        _setting(study),
        kind.columns,
        list(videos),
        lambda name: kind.rows(study, videos[name]),
        tell,
        count=kind.count(settings),
        order=[video.name for video in study.split.sequences],
        shared=bool(settings.videos) or settings.shard != "1/1",
    )
    return settings.out


def _setting(study: Study) -> str:
    """One line that names everything the rows depend on."""
    s, model = study.settings, study.exact
    parts = [study.split.name, model.name, f"{model.image_size} px", model.precision]
    if s.name in ("calibration", "readings"):
        search = s.search
        parts += [f"{'/'.join(search.methods)} at {'/'.join(map(str, search.budgets))} passes"]
        parts += [f"seeds {'/'.join(map(str, search.seeds))}"]
    elif s.name == "ablation" and study.refitted is not None:
        parts += [f"training {study.refitted.training.digest}"]
    elif study.replay is not None:
        parts += [f"decisions {study.replay.fingerprint()['file_sha256'][:12]}"]
    if s.name == "ceilings":
        parts += [f"causal {s.causal.name}", f"policies {'/'.join(s.deployed)}"]
    return f"{s.name}: {', '.join(parts)}"
