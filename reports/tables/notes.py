"""What a reader has to know about a table, in sentences."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from typing import TYPE_CHECKING

from vot_memory.metrics.boxes import BoxRules
from vot_memory.metrics.vots import ADQ_MIN_ABSENT
from vot_memory.reports.scores import RunScores
from vot_memory.reports.text import count

if TYPE_CHECKING:
    from pandas import DataFrame

FEW_SEQUENCES = 20  # below it a bootstrap interval is too narrow to trust
BOXES = (
    "Boxes are annotated: every overlap is that of the tight box around a predicted mask and the "
    "annotated box. J and F need annotated masks."
)
NANO = (
    "nano is a laboratory animal, not SAM 2.1-L: thresholds that authors tuned for the large model "
    "at 1024 px say little on it, and none of these numbers is a finding about a rule on SAM 2.1-L."
)


def incompleteness(runs: Seq[RunScores], total: int) -> tuple[str, ...]:
    """Missing and failed units by run, every one named; empty if all are there.

    Args:
        runs: all runs of a table, also those without any finished sequence.
        total: number of sequences of the split.
    """
    lines = []
    for run in runs:
        for name, failure in run.failed.items():
            where = "" if failure.frame is None else f" at frame {failure.frame}"
            lines.append(f"{run.label}, {name}: failed{where}: {failure.error.rstrip('.')}.")
    alike: dict[tuple[str, ...], list[str]] = {}
    for run in runs:
        if run.missing:
            alike.setdefault(run.missing, []).append(run.label)
    for names, labels in alike.items():
        lines.append(
            f"{', '.join(labels)}: {len(names)} of {total} not run yet: {', '.join(names)}."
        )
    return tuple(lines)


def notes(
    runs: Seq[RunScores],
    overview: DataFrame,
    baseline: str,
    common: Seq[str],
    toolkit_compatible: bool,
) -> tuple[str, ...]:
    """Caveats of a table.

    Args:
        runs: its rows.
        overview: as in `Table`.
        baseline: what was asked for.
        common: the sequences that all runs have finished.
        toolkit_compatible: how the runs were scored.
    """
    unscored = _unscored(runs, common)
    scored = int(overview["sequences"].min()) - len(unscored)
    said = [
        _coverage(common),
        describe_rules(toolkit_compatible, runs[0].box_rules.name),
        BOXES if runs[0].boxed else "",
        *_undefined(overview, unscored),
        *_partly(runs, common),
        *_intervals(scored, bool(overview["p"].notna().any())),
        *_comparison(overview, baseline),
    ]
    if runs[0].identity.model.split("@")[0] == "nano":
        said.append(NANO)
    if (overview["bank_bytes"] > 0).any() or (overview["frames_per_second"] > 0).any():
        said.append(_speed(overview))
    return tuple(sentence for sentence in said if sentence)


def describe_box_rules(rules: BoxRules) -> str:
    """What box measures go by."""
    if not rules.name:
        return (
            "Scored by the clean rules: the frames that show the object, without the prompt. "
            "Published numbers count the first frame (LaSOT, TrackingNet, OTB), frames without "
            "the object (LaSOT) or all frames of a set together (GOT-10k), so they differ; "
            "--toolkit-compatible counts as they do, on data sets whose rules are known."
        )
    parts = (
        (rules.count_first, "the first frame counts as a perfect answer"),
        (not rules.count_first, "the first frame is left out"),
        (rules.count_absent, "frames without the object count as failures in AUC, P and Pnorm"),
        (not rules.count_absent, "frames without the object are left out"),
        (rules.hold_last, "an empty answer is replaced by the box of the frame before"),
        (rules.in_picture, "boxes are put into the picture before their overlap is taken"),
        (rules.by_frame, "rows are means over the frames of all videos together"),
    )
    said = "; ".join(text for holds, text in parts if holds)
    return f"Scored by the rules of {rules.name}: {said}."


def _coverage(common: Seq[str]) -> str:
    if not common:
        return (
            "No sequence was finished by all rows, so each row is about its own sequences: "
            "the rows cannot be compared and have no ranks."
        )
    if len(common) == 1:
        return "All rows are about the same sequence, the mean over its objects."
    return (
        f"Rows are plain means over the same {len(common)} sequences, a sequence the mean over its "
        "objects."
    )


def describe_rules(toolkit_compatible: bool, benchmark: str) -> str:
    """How the first frame counts, and what box measures go by (empty: the clean rules)."""
    if toolkit_compatible:
        boxes = f" Box measures go by the rules of {benchmark}." if benchmark else ""
        return (
            "Scored by the VOT toolkit's rules: frame 0 counts as a miss, so that a perfect "
            f"tracker stays below 1.{boxes}"
        )
    return (
        "Scored by the clean rules: the frame with the prompt is left out. The VOT toolkit counts "
        "it as a miss; its numbers are lower."
    )


def _unscored(runs: Seq[RunScores], common: Seq[str]) -> set[str]:
    """The sequences of the rows on which Q is undefined."""
    qualities = [run.sequences.set_index("sequence")["Q"] for run in runs]
    kept = [quality.loc[list(common)] if common else quality for quality in qualities]
    return {name for quality in kept for name in quality.index[quality.isna()]}


def _undefined(overview: DataFrame, unscored: set[str]) -> list[str]:
    said = []
    if overview["ADQ"].isna().any():
        said.append(
            f"ADQ is undefined ({chr(0x2013)}) where no object is absent for more than "
            f"{ADQ_MIN_ABSENT} frames."
        )
    if unscored:
        said.append(
            "Q is undefined where no frame but the prompt is annotated: "
            f"{count(len(unscored), 'sequence')} without it {'is' if len(unscored) == 1 else 'are'}"
            " left out of its mean."
        )
    return said


def _partly(runs: Seq[RunScores], common: Seq[str]) -> list[str]:
    """Measures that only some of the sequences define, so that their means are over fewer."""
    if not common:
        return []
    defined = {run.label: run.sequences.set_index("sequence").loc[list(common)] for run in runs}
    first = next(iter(defined.values()))
    absent, seen = first["ADQ"].notna().sum(), first["R"].notna().sum()
    said = []
    if 0 < seen < first["Q"].notna().sum():
        said.append(
            f"A, R, NRE and DRE are means over {count(int(seen), 'sequence')} at most: those with "
            "an object that is visible after its prompt."
        )
    if 0 < absent < len(common):
        said.append(
            f"ADQ is the mean over {count(int(absent), 'sequence')}: those with an object that is "
            f"absent for more than {ADQ_MIN_ABSENT} frames."
        )
    lost = {
        label: int((own["A"].isna() & own["R"].notna()).sum()) for label, own in defined.items()
    }
    if names := [f"{n} of {label}" for label, n in lost.items() if n]:
        said.append(
            "A leaves out sequences on which nothing is tracked, so that it is over fewer of them: "
            f"without {', '.join(names)}."
        )
    return said


def _intervals(n: int, tested: bool) -> list[str]:
    if n < 1:
        return []
    if n == 1:
        return ["One sequence gives no interval and no test: these numbers are an anecdote."]
    said = ["Intervals are 95% bootstrap intervals (BCa) over sequences."]
    if tested:
        said.append(
            "Differences are paired by sequence; p-values are Wilcoxon's signed-rank test with "
            "Holm's correction for the comparisons of the table."
        )
    if n < FEW_SEQUENCES:
        quality = "rough" if n >= FEW_SEQUENCES / 2 else "little more than a guess"
        said.append(f"With {n} sequences the intervals are {quality}.")
    if tested and (smallest := 2.0 ** (1 - n)) > 0.05:
        said.append(f"With {n} sequences the test cannot give a p-value below {smallest:g}.")
    return said


def _comparison(overview: DataFrame, baseline: str) -> list[str]:
    if len(overview) > 1 and baseline not in {*overview["label"], *overview["policy"]}:
        return [f"There is no run of the baseline {baseline} here, so no differences are given."]
    return []


def _speed(overview: DataFrame) -> str:
    machines = sorted({machine for machine in overview["machine"] if machine})
    said = "Frames/s count encoding and tracking of a policy as if it ran alone."
    if len(machines) == 1:
        return f"{said} Measured on {machines[0]}."
    return f"{said} Measured on different machines ({'; '.join(machines)}): never compare them."
