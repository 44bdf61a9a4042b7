"""Run memory policies on a split: one pass over each unit that lacks records.

A unit is one sequence under all policies that have no records of it yet. Whatever is complete is
skipped, whatever failed is tried again, so a run that was stopped goes on by the same command.
"""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from vot_memory.datasets.prompts import PromptKind
from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError, unknown
from vot_memory.progress import Progress, Silent, tracking
from vot_memory.registry import seeded_policy, tracker_class
from vot_memory.results import Failure, Identity, Protocol, RunFolder, Store
from vot_memory.run_labels import run_labels

if TYPE_CHECKING:
    from vot_memory.bank import Source
    from vot_memory.datasets.splits import Split
    from vot_memory.policy import MemoryPolicy
    from vot_memory.trackers.sam2 import Hosted


@dataclass(frozen=True)
class RunSettings:
    """What to run.

    Attributes:
        policies: (name, options) each.
        split: name of a split, or a folder in the VOS layout.
        tracker: kind of tracker. model: None is the split's default. checkpoint: its weights.
        image_size: side of the model's input in pixels; None is the model's own.
        init: prompt; None is mask in `common` and the policy's preset in `release`, and box on data
            that have only boxes.
        protocol: common or release.
        device, dtype, compile: as `vot_memory.models.load_model` takes them.
        seed: of every policy that has an option `seed` which is not set.
        non_overlap: give every pixel to one object.
        limit: run the first so many sequences. shard: "i/n" runs every n-th of them, i = 1..n.
        out: folder of the results store. data: folder of published data sets.
        threads: of torch; None leaves it to torch.
    """

    policies: tuple[tuple[str, Mapping[str, Any]], ...]
    split: str
    tracker: str = "sam2"
    model: str | None = None
    checkpoint: Path | None = None
    image_size: int | None = None
    init: PromptKind | None = None
    protocol: Protocol = "common"
    device: str = "auto"
    dtype: str = "auto"
    compile: bool = False
    seed: int = 0
    non_overlap: bool = False
    limit: int | None = None
    shard: str = "1/1"
    out: Path = Path("results")
    data: Path | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if not self.policies:
            raise InputError("No policy was named: give at least one with --policy NAME.")
        for kind, value, known in (
            ("protocol", self.protocol, get_args(Protocol)),
            ("prompt", self.init or "mask", get_args(PromptKind)),
        ):
            if value not in known:
                raise unknown(kind, value, known)
        if self.seed < 0:
            raise InputError(f"Seed {self.seed} is negative: give 0 or more.")
        parse_shard(self.shard)


@dataclass
class RunReport:
    """What a run did.

    Attributes:
        done: sequences that were tracked. skipped: those that were complete already.
        failed: (sequence, reason) of those that lack records now.
        folders: where the records are, one a policy.
    """

    folders: list[RunFolder]
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """1 if anything failed, else 0."""
        return 1 if self.failed else 0


def run(settings: RunSettings, progress: Progress | None = None) -> RunReport:
    """Run all policies on all sequences that lack records.

    Raises:
        InputError: names, options, weights or data that do not exist or fit; nothing was run.
        KeyboardInterrupt: stopped by hand, after whole records; says how to go on.
    """
    from vot_memory.datasets.splits import load_split
    from vot_memory.models import load_model

    use_threads(settings.threads)
    policies = [seeded_policy(name, options, settings.seed) for name, options in settings.policies]
    hosting = tracker_class(settings.tracker)
    split = load_split(settings.split, limit=settings.limit, data=settings.data)
    if not any(_may_have_objects(s) for s in split.sequences):
        raise InputError(f"Split {split.name} has no annotated object: annotate first frames.")
    if split.prompt == "box" and settings.init not in (None, "box"):
        raise InputError(
            f"Split {split.name} is annotated by boxes and has no {settings.init} prompt: "
            "give --init box or leave it out."
        )
    backbone = load_model(
        settings.model or split.default_model,
        settings.checkpoint,
        device=settings.device,
        dtype=settings.dtype,
        compile=settings.compile,
        image_size=settings.image_size,
    )
    tracker = hosting(
        backbone,
        settings.protocol,
        settings.init or split.prompt,
        keep_dtype=settings.dtype != "auto",
    )
    hosted = [tracker.host(p) for p in policies]
    sequences = share(split.sequences, settings.shard)
    _check_made_for(hosted, sequences)
    lanes = _open_folders(hosted, settings, split)
    return _run_all(lanes, sequences, settings, progress or Silent())


def parse_shard(text: str) -> tuple[int, int]:
    """(i, n) of "i/n" with 1 <= i <= n."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise InputError(f"--shard {text} is not i/n with i in 1..n: give for example 1/4.")
    return int(part), int(parts)


def share(sequences: list[Sequence], shard: str) -> list[Sequence]:
    """The sequences of shard "i/n"."""
    part, parts = parse_shard(shard)
    return sequences[part - 1 :: parts]


def config_of(policy: MemoryPolicy) -> dict[str, Any]:
    """All options as JSON, or what a policy says itself (replay: the hash of its file)."""
    from pydantic import TypeAdapter

    if (fingerprint := getattr(policy, "fingerprint", None)) is not None:
        return cast("dict[str, Any]", fingerprint())
    config: Any = getattr(policy, "config", {})
    return cast("dict[str, Any]", TypeAdapter(type(config)).dump_python(config, mode="json"))


def identity_of(hosted: Hosted, settings: RunSettings, split: Split) -> Identity:
    """Everything that may change a mask of a policy on a split."""
    policy, backbone = hosted.policy, hosted.engine.backbone
    return Identity(
        tracker=settings.tracker,
        model=backbone.name,
        image_size=backbone.image_size,
        dtype=hosted.dtype,
        protocol=settings.protocol,
        prompt=hosted.prompt,
        policy=policy.name,
        policy_config=config_of(policy),
        policy_source=_source_digest(policy),
        dataset=split.name,
        dataset_digest=split.digest,
        seed=settings.seed,
        non_overlap=settings.non_overlap,
    )


# ---- parts -----------------------------------------------------------------------------------


def _run_all(
    lanes: list[tuple[Hosted, RunFolder]],
    sequences: list[Sequence],
    settings: RunSettings,
    progress: Progress,
) -> RunReport:
    report = RunReport([folder for _, folder in lanes])
    started: set[Path] = set()
    try:
        with progress.start(len(sequences)):
            for sequence in sequences:
                todo = [lane for lane in lanes if _lacks(lane[1], sequence)]
                if not todo:
                    report.skipped.append(sequence.name)
                    progress.skipped(sequence.name)
                    continue
                _note_environment(todo, started)
                reason = _unreadable(todo, sequence)
                frames = 0 if reason else len(sequence)
                progress.unit(sequence.name, tracking(frames, len(todo)), frames)
                start = time.perf_counter()
                reason = reason or _run_unit(todo, sequence, settings, progress)
                if reason:
                    report.failed.append((sequence.name, reason))
                    progress.failed(sequence.name, reason)
                else:
                    report.done.append(sequence.name)
                    progress.done(sequence.name, time.perf_counter() - start)
    except KeyboardInterrupt:
        complete = len(report.done) + len(report.skipped)
        raise KeyboardInterrupt(
            f"Stopped with {complete} of {len(sequences)} sequences complete: "
            "give the same command again to go on from there."
        ) from None
    return report


def _check_made_for(hosted: list[Hosted], sequences: list[Sequence]) -> None:
    """Ask the policies that are made for some videos or one model, before anything is written."""
    for own in hosted:
        if (check := getattr(own.policy, "check", None)) is not None:
            model = own.engine.backbone
            check(_sources(sequences, model.name, model.image_size), model.num_maskmem)


def _sources(sequences: Iterable[Sequence], model: str, image_size: int) -> Iterator[Source]:
    """Where the rows of each sequence come from; of those that can be read."""
    from vot_memory.bank import Source

    for own in sequences:
        try:
            names, frames = tuple(track.id for track in own.objects), len(own)
        except InputError:  # the pass will say so
            continue
        yield Source(own.name, names, model, image_size, own.digest, frames)


def _unreadable(lanes: list[tuple[Hosted, RunFolder]], sequence: Sequence) -> str:
    """Why not even the sequence's length is known, noted for all; or an empty text."""
    try:
        len(sequence)
    except InputError as error:
        failure = Failure(
            sequence=sequence.name, error=str(error), type=type(error).__name__, frame=None
        )
        for _, folder in lanes:
            folder.fail(failure)
        return failure.error
    return ""


def _run_unit(
    lanes: list[tuple[Hosted, RunFolder]],
    sequence: Sequence,
    settings: RunSettings,
    progress: Progress,
) -> str:
    """One pass, results into the store; why it failed, or an empty text."""
    from vot_memory.unit import run_unit

    outcomes = run_unit(
        sequence,
        [hosted for hosted, _ in lanes],
        non_overlap=settings.non_overlap,
        on_frame=progress.frame,
    )
    failures: dict[str, list[Identity]] = {}
    for (_, folder), outcome in zip(lanes, outcomes, strict=True):
        if outcome.failure is None:
            folder.write(*outcome.records)
            folder.write_timing(sequence.name, outcome.timing)
        else:
            folder.fail(outcome.failure)
            failures.setdefault(_sentence(outcome.failure), []).append(folder.identity)
    return "; ".join(
        text if len(failed) == len(lanes) else f"{_names(failed, lanes)}: {text}"
        for text, failed in failures.items()
    )


def _names(identities: list[Identity], lanes: list[tuple[Hosted, RunFolder]]) -> str:
    """The policies with the options that tell them from others in the pass."""
    everyone = [folder.identity for _, folder in lanes]
    labels = run_labels(everyone)
    return ", ".join(labels[everyone.index(identity)] for identity in identities)


def _sentence(failure: Failure) -> str:
    if failure.frame is None or f"frame {failure.frame}:" in failure.error:
        return failure.error
    return f"frame {failure.frame}: {failure.error}"


def _open_folders(
    hosted: list[Hosted], settings: RunSettings, split: Split
) -> list[tuple[Hosted, RunFolder]]:
    """The folder of each policy; two of one identity would write over each other."""
    identities = [identity_of(h, settings, split) for h in hosted]
    for i, identity in enumerate(identities):
        if identity in identities[:i]:
            raise InputError(
                f"Policy {identity.policy!r} is given twice with the same options: leave one out."
            )
    store = Store(settings.out)
    return [(h, store.run(i)) for h, i in zip(hosted, identities, strict=True)]


def _lacks(folder: RunFolder, sequence: Sequence) -> bool:
    try:
        return bool(folder.missing([sequence]))
    except InputError:  # its annotations cannot be read; the pass will say so
        return True


def _may_have_objects(sequence: Sequence) -> bool:
    try:
        return bool(sequence.objects)
    except InputError:
        return True


def _note_environment(lanes: list[tuple[Hosted, RunFolder]], started: set[Path]) -> None:
    """Once a run, in the folders that it adds records to."""
    from vot_memory.environment import environment

    fresh = [(hosted, folder) for hosted, folder in lanes if folder.path not in started]
    if fresh:
        described = environment(fresh[0][0].engine.device)
    for hosted, folder in fresh:
        spec = hosted.policy.spec  # reports want it where the policy cannot be loaded
        said = {"source": spec.source, "parity": spec.parity}
        folder.add_environment(described | {"policy": said})
        started.add(folder.path)


def use_threads(threads: int | None) -> None:
    """Limit the threads of torch; None leaves it its own choice.

    Raises:
        InputError: there would be none.
    """
    if threads is not None and threads < 1:
        raise InputError(f"--threads {threads} leaves none: give 1 or more.")
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


def _source_digest(policy: MemoryPolicy) -> str:
    """sha256 of the file that defines a policy."""
    try:
        file = inspect.getsourcefile(type(policy))
        content = Path(file or "").read_bytes()
    except (TypeError, OSError) as error:
        raise InputError(
            f"Policy {policy.name!r} has no source file, so its results could not be told from "
            "those of another version: define it in a module."
        ) from error
    return hashlib.sha256(content).hexdigest()
