"""Two runs side by side: where one is better, by how much, and by what.

Both are taken on the videos that both have finished. The difference in Q is shared out twice, and
either way the parts add up to it: frame by frame, by what the two answered, and by what happens in
the video (see `vot_memory.metrics.events`). A part is made as Q is: summed over the frames of an
object, divided by how many are scored, then the mean over objects, then over videos.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vot_memory.errors import InputError, unknown
from vot_memory.metrics.events import EVENTS
from vot_memory.metrics.vots import MEASURES
from vot_memory.reports.scores import RunScores
from vot_memory.reports.tables.pairing import GAP_COLUMNS, paired_gap
from vot_memory.reports.tables.ranks import may_test
from vot_memory.reports.tables.table import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

OVERLAP, DRIFTED, MISSED, HALLUCINATED = "both track", "drifted", "missed", "hallucinated"
OUTCOMES = {  # kind of frame -> what tells the two apart there
    OVERLAP: "both track the object, and one mask fits better",
    DRIFTED: "one tracks the object, the mask of the other misses it",
    MISSED: "one tracks the object, the other gives no mask",
    HALLUCINATED: "the object is absent: one gives no mask, the other does",
}
PROMPT = "prompt"  # of an object that begins late; only the VOT toolkit scores it
_COMPARED = {  # measure -> whether higher is better
    **{measure.label: measure.higher_is_better for measure in MEASURES},
    **dict.fromkeys(("visible_iou", "absent_correct", "J&F", "AUC"), True),
}


class Part(NamedTuple):
    """A part of the difference in Q.

    Attributes:
        kind: of `OUTCOMES`, or an event.
        frames: of these, by outcome those on which the overlaps differ, by event all.
        gain: from where a is above, at least 0; by outcome of frames, by event of videos.
        loss: from where b is above, at most 0.
    """

    kind: str
    frames: int
    gain: float
    loss: float

    @property
    def net(self) -> float:
        """Gain and loss together."""
        return self.gain + self.loss


class Returns(NamedTuple):
    """How many returns of an object were found again by whom."""

    only_a: int
    only_b: int
    both: int
    neither: int

    @property
    def total(self) -> int:
        """All returns."""
        return sum(self)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Run a against run b.

    Attributes:
        a, b: their labels.
        measures: a row a measure that both define on some video: `measure`, `higher_is_better`,
            `a` and `b` (means over the videos where both define it), `videos`, and the
            `GAP_COLUMNS` of a - b: `difference` with its interval, `wins`, `ties`, `losses` (a is
            larger, whatever is better), and `p`, of Q only and of runs that saw no ground truth.
            NaN where undefined.
        outcomes: parts of the difference in Q by what the two answered, in the order of `OUTCOMES`.
        events: the same by what happens in the video, as far as it happens.
        returns: of objects that come back.
        videos: a row a video that both have finished, by falling difference: `sequence`, `frames`
            (scored, of all objects), `a`, `b` and `difference` (Q), and the net part of each kind
            of `OUTCOMES`. NaN where undefined.
    """

    a: str
    b: str
    measures: DataFrame
    outcomes: tuple[Part, ...]
    events: tuple[Part, ...]
    returns: Returns
    videos: DataFrame

    @property
    def quality(self) -> dict[str, Any]:
        """The row of Q; {} where no video has a Q of both."""
        return next((row for row in self.rows() if row["measure"] == "Q"), {})

    def rows(self) -> list[dict[str, Any]]:
        """The rows of `measures` as dicts of its columns."""
        records = self.measures.to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in records]

    def swapped(self) -> Comparison:
        """The same with a and b exchanged."""
        names = {"a": "b", "b": "a", "wins": "losses", "losses": "wins"}
        ends = {"difference_low": "difference_high", "difference_high": "difference_low"}
        measures = self.measures.rename(columns=names | ends)[list(self.measures)]
        turned = ["difference", *ends]
        measures[turned] = 0.0 - measures[turned]
        videos = self.videos.rename(columns=names)[list(self.videos)]
        turned = ["difference", *OUTCOMES]
        videos[turned] = 0.0 - videos[turned]
        only_a, only_b, *others = self.returns
        return Comparison(
            self.b,
            self.a,
            measures,
            tuple(_turned(part) for part in self.outcomes),
            tuple(_turned(part) for part in self.events),
            Returns(only_b, only_a, *others),
            _sorted(videos),
        )


def find_run(labels: Seq[str], policies: Seq[str], name: str) -> int:
    """Index of the one run that a name means: by its label, else by its policy.

    Args:
        labels: of the runs.
        policies: of the same runs.
        name: what to look for.

    Raises:
        InputError: there is no such run, or the policy has several.
    """
    if name in labels:
        return labels.index(name)
    found = [i for i, policy in enumerate(policies) if policy == name]
    if not found:
        raise unknown("policy", name, labels)
    if len(found) > 1:
        which = ", ".join(repr(labels[i]) for i in found)
        raise InputError(f"{name!r} has {len(found)} runs here: name one of {which}.")
    return found[0]


def compare(table: Table, a: str, b: str) -> Comparison:
    """Compare two runs of a table on the videos that both have finished.

    Args:
        table: runs of one setting.
        a: label of a run, or its policy if it has one run there.
        b: the other.

    Raises:
        InputError: a name is unknown or means several runs, or both mean the same.
    """
    labels = [run.label for run in table.runs]
    policies = [run.identity.policy for run in table.runs]
    first, second = (find_run(labels, policies, name) for name in (a, b))
    if first == second:
        raise InputError(f"Both names mean the run {labels[first]!r}: name two different ones.")
    return compare_runs(table.runs[first], table.runs[second])


def compare_runs(a: RunScores, b: RunScores) -> Comparison:
    """Compare two runs that were scored by the same rules on the same split."""
    finished = set(b.objects["sequence"])
    common = [name for name in a.objects["sequence"].unique() if name in finished]
    outcomes, by_video = _outcomes(a, b, common)
    return Comparison(
        a=a.label,
        b=b.label,
        measures=_measures(a, b, common),
        outcomes=outcomes,
        events=_events(a, b, common),
        returns=_returns(a, b, common),
        videos=_videos(a, b, common, by_video),
    )


def _by_video(run: RunScores, measures: Seq[str], common: Seq[str]) -> DataFrame:
    """Means over the objects of each video that define a measure."""
    means = run.objects.groupby("sequence", sort=False)[list(measures)].mean()
    return means.loc[list(common)]


def _measures(a: RunScores, b: RunScores, common: Seq[str]) -> DataFrame:
    """A row a measure that both define somewhere."""
    import pandas as pd

    measures = [m for m in _COMPARED if m in a.objects and m in b.objects]
    means, other_means = (_by_video(run, measures, common) for run in (a, b))
    rows = []
    for measure in measures:
        own, other = means[measure], other_means[measure]
        both = own.index[own.notna() & other.notna()]
        if both.empty:
            continue
        # The others are described, not tested: one test needs no correction.
        tested = measure == "Q" and may_test((a, b), 0, 1)
        gap = paired_gap(own[both], other[both], test=tested)
        rows.append(
            {
                "measure": measure,
                "higher_is_better": _COMPARED[measure],
                "a": float(own[both].mean()),
                "b": float(other[both].mean()),
                "videos": len(both),
                **gap,
            }
        )
    columns = ["measure", "higher_is_better", "a", "b", "videos", *GAP_COLUMNS]
    return pd.DataFrame(rows, columns=columns)


def _outcomes(a: RunScores, b: RunScores, common: Seq[str]) -> tuple[tuple[Part, ...], DataFrame]:
    """Parts by what the two answered, and the net parts of each video."""
    import pandas as pd

    wanted = set(common)
    keys = [key for key in a.frames if key[0] in wanted]
    sums, moved = _share_frames(a, b, keys)
    scored = np.array([a.frames[key].scored.sum() for key in keys], dtype=float)
    scored[scored == 0] = np.nan  # without scored frames there is no Q either
    objects = pd.DataFrame(
        (sums / scored[:, None, None]).reshape(len(keys), moved.size),
        index=pd.Index([key[0] for key in keys], name="sequence"),
    )
    videos = objects.groupby(level=0, sort=False).mean()
    means = videos.mean().to_numpy(float).reshape(moved.shape)
    parts = tuple(
        Part(kind, int(count.sum()), float(gain), float(loss))
        for kind, count, (gain, loss) in zip(OUTCOMES, moved, means, strict=True)
    )
    net = videos.to_numpy(float).reshape(-1, *moved.shape).sum(axis=2)
    return parts, pd.DataFrame(net, index=videos.index, columns=list(OUTCOMES))


def _share_frames(
    a: RunScores, b: RunScores, keys: Seq[tuple[str, str]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Sums of the differences of objects by kind and sign, [O, 4, 2], and their counts, [4, 2]."""
    sums = np.zeros((len(keys), len(OUTCOMES), 2))
    if not keys:
        return sums, np.zeros(sums.shape[1:], np.int64)
    own, other = (
        [np.concatenate([getattr(run.frames[key], name) for key in keys]) for name in _COLUMNS]
        for run in (a, b)
    )
    objects = np.repeat(np.arange(len(keys)), [len(a.frames[key].overlap) for key in keys])
    difference = np.nan_to_num(own[0] - other[0])
    cell = (objects * len(OUTCOMES) + _kinds(own, other)) * 2 + (difference < 0)
    sums += np.bincount(cell, difference, sums.size).reshape(sums.shape)
    counts = np.bincount(cell[difference != 0], minlength=sums.size).reshape(sums.shape)
    return sums, counts.sum(axis=0)


_COLUMNS = ("overlap", "visible", "predicted")  # of `FrameOverlaps`


def _kinds(own: Seq[NDArray[Any]], other: Seq[NDArray[Any]]) -> NDArray[np.int64]:
    """Index into `OUTCOMES` of each frame; any where the two do not differ.

    Args:
        own: `_COLUMNS` of a, each [N].
        other: `_COLUMNS` of b.
    """
    tracks, other_tracks = own[1] & (own[0] > 0), other[1] & (other[0] > 0)
    lost = np.where(tracks, other[2], own[2])  # whether the one that fails gives a mask
    kinds = list(OUTCOMES)
    chosen: NDArray[np.int64] = np.select(
        [~own[1], tracks & other_tracks, lost],
        [kinds.index(HALLUCINATED), kinds.index(OVERLAP), kinds.index(DRIFTED)],
        kinds.index(MISSED),
    )
    return chosen


def _events(a: RunScores, b: RunScores, common: Seq[str]) -> tuple[Part, ...]:
    """Parts by what happens in the video."""
    import pandas as pd

    own, other = _scored(a, common), _scored(b, common)
    shares = (_event_shares(a, own) - _event_shares(b, other)).unstack("event")
    rest = own["Q"] - other["Q"] - shares.sum(axis=1)
    shares[PROMPT] = rest.where(rest.abs() > 1e-12, 0.0)  # rounding is no part
    defined = (own["frames"] > 0).reindex(shares.index)
    videos = shares[defined].fillna(0.0).groupby("sequence", sort=False).mean()
    happens = a.events[a.events["sequence"].isin(list(common))]
    frames = happens.groupby("event")["frames"].sum()
    if videos[PROMPT].any():
        frames = pd.concat([frames, pd.Series({PROMPT: int(defined.sum())})])
    return tuple(
        Part(
            event,
            int(frames[event]),
            float(videos[event].clip(lower=0).mean()),
            float(videos[event].clip(upper=0).mean()),
        )
        for event in (*EVENTS, PROMPT)
        if event in frames and frames[event] > 0
    )


def _scored(run: RunScores, common: Seq[str]) -> DataFrame:
    """Objects by (sequence, object)."""
    chosen = run.objects[run.objects["sequence"].isin(list(common))]
    return chosen.set_index(["sequence", "object"])


def _event_shares(run: RunScores, scored: DataFrame) -> Series:
    """How much of an object's Q comes from an event, by (sequence, object, event).

    Args:
        run: with the events.
        scored: objects of it, as `_scored` gives them.
    """
    frames = scored["frames"].rename("scored").reset_index()
    chosen = run.events.merge(frames, on=["sequence", "object"])
    covered = (chosen["overlap"] * chosen["frames"]).fillna(0.0)
    chosen["share"] = covered / chosen["scored"].where(chosen["scored"] > 0)
    return chosen.set_index(["sequence", "object", "event"])["share"]


def _returns(a: RunScores, b: RunScores, common: Seq[str]) -> Returns:
    name = ["sequence", "object", "frame"]
    chosen = a.returns[a.returns["sequence"].isin(list(common))]
    pairs = chosen.merge(b.returns, on=name, suffixes=("", "_b"))
    own, other = pairs["delay"].notna(), pairs["delay_b"].notna()
    counts = (own & ~other, ~own & other, own & other, ~own & ~other)
    return Returns(*(int(count.sum()) for count in counts))


def _videos(a: RunScores, b: RunScores, common: Seq[str], by_video: DataFrame) -> DataFrame:
    import pandas as pd

    frames = a.objects.groupby("sequence", sort=False)["frames"].sum()
    rows = pd.DataFrame(
        {
            "frames": frames.loc[list(common)],
            "a": _by_video(a, ["Q"], common)["Q"],
            "b": _by_video(b, ["Q"], common)["Q"],
        }
    )
    rows["difference"] = rows["a"] - rows["b"]
    return _sorted(rows.join(by_video).rename_axis("sequence").reset_index())


def _sorted(videos: DataFrame) -> DataFrame:
    """By falling difference, undefined last."""
    order = videos.sort_values("difference", ascending=False, kind="stable", na_position="last")
    return order.reset_index(drop=True)


def _turned(part: Part) -> Part:
    return Part(part.kind, part.frames, 0.0 - part.loss, 0.0 - part.gain)
