"""From run folders and ground truth to scores: one row an object, then means over sequences."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vot_memory.datasets.sequence import Sequence
from vot_memory.errors import InputError
from vot_memory.metrics.events import score_events
from vot_memory.metrics.vots import MEASURES, ObjectScores, score_object
from vot_memory.policy import PolicySpec
from vot_memory.reports.speed import Speed, read_speed
from vot_memory.results import IMPORTED, Failure, Identity, RunFolder
from vot_memory.run_labels import run_labels

if TYPE_CHECKING:
    from pandas import DataFrame

MEASURE_COLUMNS = [measure.label for measure in MEASURES]
SCORE_COLUMNS = [*MEASURE_COLUMNS, "visible_iou", "absent_correct"]
COUNT_COLUMNS = ["tracked", "drifted", "missed", "hallucinated", "silent"]
OBJECT_COLUMNS = ["sequence", "object", "frames", *SCORE_COLUMNS, *COUNT_COLUMNS]
EVENT_MEANS = ["overlap", "drifted", "missed", "part"]
EVENT_COLUMNS = ["sequence", "object", "event", "frames", *EVENT_MEANS]


@dataclass(frozen=True, eq=False)
class RunScores:
    """Scores of one run folder.

    Attributes:
        identity: what was run.
        label: name of the row: the policy and its changed options.
        objects: a row for each scored object with `OBJECT_COLUMNS`; NaN where undefined. `frames`
            counts the frames that are scored.
        events: a row for each scored object and event (`EVENT_COLUMNS`); NaN where undefined.
        missing: sequences without records that did not fail (not run yet).
        failed: sequence -> why it has no records.
        offline: whether masks were revised after the last frame.
        spec: of the policy; None if it cannot be loaded here, or another program made the results.
        speed: of the latest run; None if it was not recorded.
    """

    identity: Identity
    label: str
    objects: DataFrame
    events: DataFrame
    missing: tuple[str, ...]
    failed: dict[str, Failure]
    offline: bool
    spec: PolicySpec | None
    speed: Speed | None

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
    folders: Seq[RunFolder], sequences: Seq[Sequence], *, toolkit_compatible: bool = False
) -> list[RunScores]:
    """Score every finished sequence of some runs on one split.

    Args:
        folders: runs on the split that `sequences` is.
        sequences: its videos; each is loaded once, whatever the number of runs.
        toolkit_compatible: the VOT toolkit's rules instead of the clean ones.

    Raises:
        InputError: a record is damaged or does not fit the ground truth.
    """
    import pandas as pd

    rows: list[list[dict[str, Any]]] = [[] for _ in folders]
    events: list[list[dict[str, Any]]] = [[] for _ in folders]
    missing: list[list[str]] = [[] for _ in folders]
    offline = [False] * len(folders)
    for sequence in sequences:
        for i, folder in enumerate(folders):
            if folder.missing([sequence]):
                missing[i].append(sequence.name)
                continue
            objects, happened, late = _score_sequence(folder, sequence, toolkit_compatible)
            rows[i] += objects
            events[i] += happened
            offline[i] |= late
    labels = run_labels([folder.identity for folder in folders])
    scores = []
    for i, folder in enumerate(folders):
        failures = folder.failures()
        scores.append(
            RunScores(
                identity=folder.identity,
                label=labels[i],
                objects=pd.DataFrame(rows[i], columns=OBJECT_COLUMNS),
                events=pd.DataFrame(events[i], columns=EVENT_COLUMNS).astype(
                    dict.fromkeys(EVENT_MEANS, float)
                ),
                missing=tuple(name for name in missing[i] if name not in failures),
                failed={name: failures[name] for name in missing[i] if name in failures},
                offline=offline[i],
                spec=_spec(folder.identity),
                speed=read_speed(folder),
            )
        )
    return scores


def _score_sequence(
    folder: RunFolder, sequence: Sequence, toolkit_compatible: bool
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], bool]:
    """A row an object, a row an object and event, and whether any record is offline."""
    rows, events, offline = [], [], False
    # Labels speak about one object; of several, nothing says which one that is.
    labels = sequence.labels if len(sequence.objects) == 1 else {}
    for track in sequence.objects:
        record = folder.read(sequence.name, track.id)
        try:
            scores = score_object(
                record.rles(),
                track,
                ignore=sequence.ignore,
                toolkit_compatible=toolkit_compatible,
            )
        except InputError as error:
            raise InputError(
                f"In {folder.path}, object {track.id} of {sequence.name}: {error}"
            ) from error
        name = {"sequence": sequence.name, "object": track.id}
        rows.append(name | _row(scores))
        found = score_events(scores.frames, track.first_frame, labels)
        events += [name | event._asdict() for event in found]
        offline |= record.offline
    return rows, events, offline


def _row(scores: ObjectScores) -> dict[str, Any]:
    row: dict[str, Any] = {m.label: getattr(scores, m.name) for m in MEASURES}
    row |= {"visible_iou": scores.visible_iou, "absent_correct": scores.absent_correct}
    row |= scores.counts._asdict()
    values = {name: float("nan") if value is None else value for name, value in row.items()}
    return values | {"frames": int(scores.frames.scored.sum())}


def _spec(identity: Identity) -> PolicySpec | None:
    from vot_memory.registry import load_policy

    if identity.tracker == IMPORTED:  # its name may be that of a policy, which it is not
        return None
    try:
        return load_policy(identity.policy, identity.policy_config).spec
    except InputError:
        return None
