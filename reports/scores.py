"""From run folders and ground truth to scores: one row an object, then means over sequences."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vot_memory.datasets.rle import RLE
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.errors import InputError
from vot_memory.metrics.boxes import BOX_MEASURES, CLEAN, BoxRules, box_scores, mask_boxes
from vot_memory.metrics.davis import davis_scores
from vot_memory.metrics.events import score_events
from vot_memory.metrics.returns import Return, find_returns
from vot_memory.metrics.vots import MEASURES, FrameOverlaps, ObjectScores, score_object
from vot_memory.policy import PolicySpec
from vot_memory.reports.tables.pairing import defined
from vot_memory.reports.tables.speed import Speed, read_speed
from vot_memory.results import IMPORTED, Failure, Identity, RunFolder
from vot_memory.run_labels import run_labels

if TYPE_CHECKING:
    from pandas import DataFrame

MEASURE_COLUMNS = [measure.label for measure in MEASURES]
SCORE_COLUMNS = [*MEASURE_COLUMNS, "visible_iou", "absent_correct"]
COUNT_COLUMNS = ["tracked", "drifted", "missed", "hallucinated", "silent"]
BACK_COLUMNS = ["returns", "found_again", "delay"]
OBJECT_COLUMNS = ["sequence", "object", "frames", *SCORE_COLUMNS, *COUNT_COLUMNS, *BACK_COLUMNS]
DAVIS_COLUMNS = ["J", "F", "J&F"]
BOX_COLUMNS = [measure.label for measure in BOX_MEASURES]
BOX_FRAMES = "box_frames"
EVENT_MEANS = ["overlap", "drifted", "missed", "part"]
EVENT_COLUMNS = ["sequence", "object", "event", "frames", *EVENT_MEANS]
RETURN_COLUMNS = ["sequence", "object", "frame", "visible", "delay", "seconds"]


@dataclass(frozen=True, eq=False)
class RunScores:
    """Scores of one run folder.

    Attributes:
        folder: where its records stand.
        label: name of the row: the policy and its changed options.
        objects: a row for each scored object with `OBJECT_COLUMNS`; NaN where undefined. `frames`
            counts the frames that are scored; `delay` is the mean over the returns that were found.
            Where they were asked for and masks are annotated, also `DAVIS_COLUMNS`; where boxes
            are annotated, also `BOX_COLUMNS` and on how many frames they are (`BOX_FRAMES`).
        events: a row for each scored object and event (`EVENT_COLUMNS`); NaN where undefined.
        returns: a row for each return of an object (`RETURN_COLUMNS`): where it begins, for how
            many annotated frames it is visible, and the delay until it is found, in annotated
            frames and in seconds; NaN where it is never found.
        frames: (sequence, object) -> what happened in each frame.
        missing: sequences without records that did not fail (not run yet).
        failed: sequence -> why it has no records.
        offline: whether masks were revised after the last frame.
        spec: of the policy; None if it cannot be loaded here, or another program made the results.
        speed: of the latest run; None if it was not recorded.
        box_rules: what box measures go by.
    """

    folder: RunFolder
    label: str
    objects: DataFrame
    events: DataFrame
    returns: DataFrame
    frames: dict[tuple[str, str], FrameOverlaps]
    missing: tuple[str, ...]
    failed: dict[str, Failure]
    offline: bool
    spec: PolicySpec | None
    speed: Speed | None
    box_rules: BoxRules

    @property
    def identity(self) -> Identity:
        """What was run."""
        return self.folder.identity

    @property
    def boxed(self) -> bool:
        """Whether boxes are annotated, so that those of the masks are scored."""
        return BOX_COLUMNS[0] in self.objects

    @property
    def sequences(self) -> DataFrame:
        """Mean over the objects of each sequence that define a value, as VOTS has it."""
        groups = self.objects.groupby("sequence", sort=False)
        means = groups[SCORE_COLUMNS].mean()
        means.insert(0, "objects", groups.size())
        means.insert(1, "frames", groups["frames"].sum())
        return means.reset_index()

    @property
    def sequence_events(self) -> DataFrame:
        """Mean over the objects of each sequence and event that define a value; frames add up."""
        groups = self.events.groupby(["sequence", "event"], sort=False)
        means = groups[EVENT_MEANS].mean()
        means.insert(0, "frames", groups["frames"].sum())
        return means.reset_index()


def score_runs(
    folders: Seq[RunFolder],
    sequences: Seq[Sequence],
    *,
    toolkit_compatible: bool = False,
    jf: bool = False,
    box_rules: BoxRules = CLEAN,
) -> list[RunScores]:
    """Score every finished sequence of some runs on one split.

    Args:
        folders: runs on the split that `sequences` is.
        sequences: its videos; each is loaded once, whatever the number of runs.
        toolkit_compatible: the VOT toolkit's rules instead of the clean ones.
        jf: also J and F, which takes longer; only where masks are annotated.
        box_rules: what box measures go by, where boxes are annotated.

    Raises:
        InputError: a record is damaged or does not fit the ground truth.
    """
    gathered = [_Gathered(folder, toolkit_compatible, jf, box_rules) for folder in folders]
    for sequence in sequences:
        for run in gathered:
            run.add(sequence)
    labels = run_labels([folder.identity for folder in folders])
    return [run.scores(label) for run, label in zip(gathered, labels, strict=True)]


@dataclass
class _Gathered:
    """What has been scored of one run so far."""

    folder: RunFolder
    toolkit_compatible: bool
    jf: bool
    box_rules: BoxRules
    objects: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    returns: list[dict[str, Any]] = field(default_factory=list)
    frames: dict[tuple[str, str], FrameOverlaps] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    offline: bool = False

    def add(self, sequence: Sequence) -> None:
        """Score the objects of a sequence, or note that it is missing."""
        if self.folder.missing([sequence]):
            self.missing.append(sequence.name)
            return
        for track in sequence.objects:
            record = self.folder.read(sequence.name, track.id)
            try:
                self._add_object(sequence, track, record.rles())
            except InputError as error:
                raise InputError(
                    f"In {self.folder.path}, object {track.id} of {sequence.name}: {error}"
                ) from error
            self.offline |= record.offline

    def _add_object(self, sequence: Sequence, track: ObjectTrack, rles: list[RLE | None]) -> None:
        name = {"sequence": sequence.name, "object": track.id}
        scores = score_object(
            rles, track, ignore=sequence.ignore, toolkit_compatible=self.toolkit_compatible
        )
        self.frames[sequence.name, track.id] = scores.frames
        returns = find_returns(scores.frames, track.first_frame)
        row = name | _row(scores) | _returns_row(returns)
        if track.boxes is not None:
            row |= _box_row(rles, track, sequence.size, self.box_rules)
        elif self.jf:
            row |= _davis_row(rles, track, sequence)
        self.objects.append(row)
        # Labels speak about one object; of several, nothing says which one that is.
        labels = sequence.labels if len(sequence.objects) == 1 else {}
        found = score_events(scores.frames, track.first_frame, labels)
        self.events += [name | event._asdict() for event in found]
        for back in returns:
            seconds = None if back.found is None else (back.found - back.frame) / sequence.fps
            self.returns.append(name | back._asdict() | {"seconds": seconds})

    def scores(self, label: str) -> RunScores:
        """All of it as tables."""
        failures = self.folder.failures()
        known = {name for row in self.objects for name in row}
        further = [name for name in (*DAVIS_COLUMNS, *BOX_COLUMNS, BOX_FRAMES) if name in known]
        return RunScores(
            folder=self.folder,
            label=label,
            objects=_frame(self.objects, [*OBJECT_COLUMNS, *further]),
            events=_frame(self.events, EVENT_COLUMNS, EVENT_MEANS),
            returns=_frame(self.returns, RETURN_COLUMNS, ["delay", "seconds"]),
            frames=self.frames,
            missing=tuple(name for name in self.missing if name not in failures),
            failed={name: failures[name] for name in self.missing if name in failures},
            offline=self.offline,
            spec=_spec(self.folder),
            speed=read_speed(self.folder),
            box_rules=self.box_rules,
        )


def _frame(rows: list[dict[str, Any]], columns: Seq[str], numbers: Seq[str] = ()) -> DataFrame:
    """Rows as a table in which None is NaN in the columns of numbers."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns)).astype(dict.fromkeys(numbers, float))


def _returns_row(returns: Seq[Return]) -> dict[str, Any]:
    delays = [back.delay for back in returns if back.delay is not None]
    mean = sum(delays) / len(delays) if delays else float("nan")
    return dict(zip(BACK_COLUMNS, (len(returns), len(delays), mean), strict=True))


def _davis_row(rles: Seq[RLE | None], track: ObjectTrack, sequence: Sequence) -> dict[str, Any]:
    scores = davis_scores(rles, track.rles, first_frame=track.first_frame, ignore=sequence.ignore)
    values = (scores.region, scores.contour, scores.both)
    return defined(dict(zip(DAVIS_COLUMNS, values, strict=True)))


def _row(scores: ObjectScores) -> dict[str, Any]:
    row: dict[str, Any] = {m.label: getattr(scores, m.name) for m in MEASURES}
    row |= {"visible_iou": scores.visible_iou, "absent_correct": scores.absent_correct}
    row |= scores.counts._asdict()
    return defined(row) | {"frames": int(scores.frames.scored.sum())}


def _box_row(
    rles: Seq[RLE | None], track: ObjectTrack, size: tuple[int, int], rules: BoxRules
) -> dict[str, Any]:
    truth = track.boxes or ()
    first = track.first_frame
    scores = box_scores(mask_boxes(rles), truth, first_frame=first, rules=rules, size=size)
    row = defined({measure.label: getattr(scores, measure.name) for measure in BOX_MEASURES})
    return row | {BOX_FRAMES: scores.frames}


def _spec(folder: RunFolder) -> PolicySpec | None:
    """What the policy says of itself: here, or else when it ran."""
    from vot_memory.registry import load_policy, policy_class

    own = folder.identity
    if own.tracker == IMPORTED:  # its name may be that of a policy, which it is not
        return None
    try:
        return load_policy(own.policy, own.policy_config).spec
    except InputError:  # files that its options named go by their content in an identity
        pass
    try:
        spec: PolicySpec | None = getattr(policy_class(own.policy), "spec", None)
    except InputError:  # chosen as package.module:Class, or no longer installed
        spec = None
    return spec or _noted_spec(folder)


def _noted_spec(folder: RunFolder) -> PolicySpec | None:
    for run in reversed(folder.environments()):
        said = run.get("policy")
        if isinstance(said, dict):
            return PolicySpec(source=str(said.get("source")), parity=str(said.get("parity")))
    return None
