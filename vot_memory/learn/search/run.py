"""Search a split: one unit a video, object, method and seed; what is finished is skipped."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path

import numpy as np

from vot_memory.backbone import Backbone
from vot_memory.building import check_writable
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split, load_split
from vot_memory.errors import InputError, unknown
from vot_memory.learn.clip import Clip, load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.search import METHODS, search
from vot_memory.learn.search.trials import Found
from vot_memory.learn.search.units import (
    FIFO,
    SearchSetting,
    Unit,
    derive,
    label,
    path_of,
    read_units,
    write_unit,
)
from vot_memory.learn.simulator import Counts, Rules, Simulator
from vot_memory.learn.tracked import replayed_quality
from vot_memory.models import load_model
from vot_memory.progress import Progress, Silent
from vot_memory.runner import parse_shard, share


@dataclass(frozen=True)
class SearchSettings:
    """What to search.

    Attributes:
        split: name of a split, or a folder. methods: names in `METHODS`.
        budget: forward passes for each object, method and seed.
        out: folder of the results.
        seeds: one unit each. limit: the first so many videos. shard: "i/n" of them.
        videos: names; none means all.
        model: None is the split's default. checkpoint: its weights.
        rules: of the bank. batch: rows of one forward pass.
        data: folder of published data sets.
        image_size, device, dtype: as `vot_memory.models.load_model` takes them.
    """

    split: str
    methods: tuple[str, ...]
    budget: int
    out: Path
    seeds: tuple[int, ...] = (0,)
    limit: int | None = None
    shard: str = "1/1"
    videos: tuple[str, ...] = ()
    model: str | None = None
    checkpoint: Path | None = None
    rules: Rules = field(default_factory=Rules)
    batch: int = 8
    data: Path | None = None
    image_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"

    def __post_init__(self) -> None:
        if not self.methods:
            raise InputError("No method was named: give at least one with --method NAME.")
        for method in self.methods:
            if method not in METHODS:
                raise unknown("method", method, METHODS)
        if not self.seeds or min(self.seeds) < 0:
            raise InputError(f"Seeds {self.seeds} are no list of numbers from 0 up: give some.")
        parse_shard(self.shard)


@dataclass
class SearchReport:
    """What a search did.

    Attributes:
        out: the folder. done: units that were searched. skipped: those that were complete.
        failed: (object, reason) of those that cannot be searched.
    """

    out: Path
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 if anything failed, else 0."""
        return 1 if self.failed else 0


def run_search(settings: SearchSettings, progress: Progress | None = None) -> SearchReport:
    """Search all objects of a split; replay every outcome at batch 1 before it counts.

    Raises:
        InputError: names, weights or data that do not exist or fit, a folder of another setting,
            or an answer of the model that is no number.
        KeyboardInterrupt: stopped by hand, after whole units; says how to go on.
    """
    progress = progress or Silent()
    split = load_split(settings.split, limit=settings.limit, data=settings.data)
    split = split.only(settings.videos)
    videos = share(split.sequences, settings.shard)
    todo = [(video, track) for video in videos for track in video.objects]
    needed = max((len(video) - track.first_frame - 1 for video, track in todo), default=0)
    if settings.budget < needed:
        raise InputError(
            f"A budget of {settings.budget} forward passes does not pay for one rollout of all "
            f"objects: give at least {needed}."
        )
    backbone = load_model(
        settings.model or split.default_model,
        settings.checkpoint,
        device=settings.device,
        dtype=settings.dtype,
        image_size=settings.image_size,
    )
    settings.rules.check(backbone)
    setting = _setting(settings, split, backbone)
    read_units(settings.out, setting)
    check_writable(settings.out / "runs")
    report = SearchReport(settings.out)
    running = _Run(settings, setting, backbone, fast(backbone), progress, report)
    total = len(todo) * len(settings.methods) * len(settings.seeds)
    try:
        with progress.start(total, "search"):
            for video, track in todo:
                running.search(video, track)
    except KeyboardInterrupt:
        complete = len(report.done) + len(report.skipped)
        raise KeyboardInterrupt(
            f"Stopped with {complete} of {total} searches complete: give the same command again to "
            "go on from there."
        ) from None
    derive(settings.out, setting)
    return report


# ---- parts -----------------------------------------------------------------------------------


def _setting(settings: SearchSettings, split: Split, backbone: Backbone) -> SearchSetting:
    return SearchSetting(
        model=backbone.name,
        image_size=backbone.image_size,
        **asdict(settings.rules),
        dtype=backbone.precision,
        dataset=split.name,
        dataset_digest=split.digest,
        budget=settings.budget,
    )


@dataclass
class _Run:
    """One call of `run_search`."""

    settings: SearchSettings
    setting: SearchSetting
    backbone: Backbone
    fast: Backbone
    progress: Progress
    report: SearchReport

    def search(self, video: Sequence, track: ObjectTrack) -> None:
        """All methods and seeds of one object, whose video is encoded once."""
        out, clip, baseline = self.settings.out, None, 0.0
        for method, seed in product(self.settings.methods, self.settings.seeds):
            path = path_of(out, video.name, track.id, method, seed)
            if path.exists():
                self.report.skipped.append(path.stem)
                self.progress.skipped(path.stem)
                continue
            name = f"{label(video.name, track.id, len(video.objects))} {method} seed {seed}"
            budget = self.settings.budget
            self.progress.unit(name, f"{budget} passes", budget)
            start = time.perf_counter()
            if clip is None:
                try:
                    clip = load_clip(self.backbone, video, track)
                except InputError as error:  # of this object alone: the others go on
                    self.report.failed.append((path.stem, str(error)))
                    self.progress.failed(name, str(error))
                    return
                baseline = self._replay(clip, [FIFO] * len(clip))
            write_unit(out, self._unit(video, track, clip, method, seed, baseline))
            derive(out, self.setting)
            self.report.done.append(path.stem)
            self.progress.done(name, time.perf_counter() - start)

    def _unit(
        self,
        video: Sequence,
        track: ObjectTrack,
        clip: Clip,
        method: str,
        seed: int,
        baseline: float,
    ) -> Unit:
        found = self._find(clip, method, seed)
        actions = found.actions.tolist()
        return Unit(
            **clip.video.model_dump(),
            setting=self.setting,
            objects=len(video.objects),
            first_frame=track.first_frame,
            method=method,
            seed=seed,
            actions=actions,
            quality=self._replay(clip, actions),
            simulated=found.quality,
            baseline=baseline,
            curve=list(found.curve),
            asked=found.counts.asked,
            passes=found.counts.passes,
            encoded=found.counts.encoded,
        )

    def _find(self, clip: Clip, method: str, seed: int) -> Found:
        """One search; nothing, where the object is there too briefly for a decision."""
        if len(clip) - 1 <= self.setting.slots:
            return Found(np.zeros(0, np.int64), 0.0, 0.0, (), Counts())
        rules, batch = self.settings.rules, self.settings.batch
        sim = Simulator(clip, self.fast, rules, batch=batch)
        return search(sim, method, self.setting.budget, seed, self.progress.frame)

    def _replay(self, clip: Clip, actions: list[int]) -> float:
        return replayed_quality(self.backbone, clip, self.settings.rules, actions)
