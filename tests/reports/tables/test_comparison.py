"""Two runs compared: hand-computed parts, and parts of anything that add up to the difference."""

import dataclasses

import numpy as np
import pytest
from fake_results import FRAMES, at, sequence

from vot_memory.errors import InputError
from vot_memory.metrics.vots import FrameOverlaps, object_scores
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.comparison import (
    DRIFTED,
    HALLUCINATED,
    MISSED,
    OUTCOMES,
    OVERLAP,
    PROMPT,
    Returns,
    compare,
    compare_runs,
)
from vot_memory.reports.tables.table import make_table
from vot_memory.statistics import paired_difference

NAN = float("nan")
LABELS = {"occluded": at(2, 3), "lookalike_near": at(1, 2)}


def frames(overlap, visible, predicted, **options):
    columns = (np.array(overlap, float), np.array(visible, bool), np.array(predicted, bool))
    return FrameOverlaps(*columns, **options)


@pytest.fixture
def scored(results, monkeypatch):
    """Scores of two runs whose frames are given: (sequence, object) -> (of a, of b)."""

    def make(given, first_frame=0, labels=None):
        names = list(dict.fromkeys(name for name, _ in given))
        objects = {name: tuple(o for own, o in given if own == name) for name in names}
        store = results(*(sequence(name, objects[name], labels=labels) for name in names))
        store.sequences[:] = [late(own, first_frame) for own in store.sequences]
        runs = [store.run(policy, dict.fromkeys(names, 50)) for policy in ("fifo", "first")]
        asked = [
            given[name, i][side] for name in names for side in (0, 1) for i in objects[name]
        ]  # in the order of `score_runs`
        monkeypatch.setattr(
            "vot_memory.reports.scores.score_object",
            lambda *_, **__: object_scores(asked.pop(0)),
        )
        return score_runs(runs, store.sequences)

    return make


def late(own, first_frame):
    tracks = [dataclasses.replace(track, first_frame=first_frame) for track in own.objects]
    return dataclasses.replace(own, objects=tuple(tracks))


# Frame by frame: both track, b drifted, a missed, b hallucinated, both track.
A = frames([NAN, 0.9, 0.8, 0.0, 1.0, 0.2], [0, 1, 1, 1, 0, 1], [0, 1, 1, 0, 0, 1])
B = frames([NAN, 0.5, 0.0, 0.6, 0.0, 0.5], [0, 1, 1, 1, 0, 1], [0, 1, 1, 1, 1, 1])


def parts(comparison):
    return {part.kind: (part.frames, part.gain, part.loss) for part in comparison.outcomes}


def test_each_frame_gives_its_difference_to_what_the_two_answered(scored):
    found = compare_runs(*scored({("one", "1"): (A, B)}))
    assert found.quality["difference"] == pytest.approx(0.58 - 0.32)
    assert parts(found) == {
        OVERLAP: (2, pytest.approx(0.4 / 5), pytest.approx(-0.3 / 5)),
        DRIFTED: (1, pytest.approx(0.8 / 5), 0),
        MISSED: (1, 0, pytest.approx(-0.6 / 5)),
        HALLUCINATED: (1, pytest.approx(1 / 5), 0),
    }
    row = found.videos.iloc[0]
    assert (row["frames"], row["a"], row["b"]) == (5, pytest.approx(0.58), pytest.approx(0.32))
    assert row[OVERLAP] == pytest.approx(0.02)
    assert row[MISSED] == pytest.approx(-0.12)


def test_parts_are_means_over_objects_and_then_over_videos(scored):
    unscored = frames([NAN] * 6, [0] * 6, [0] * 6)
    given = {
        ("one", "1"): (A, B),
        ("one", "2"): (A, A),
        ("one", "3"): (unscored, unscored),  # has no Q, so it is not one of the objects
        ("two", "1"): (B, B),
        ("two", "2"): (B, B),
    }
    found = compare_runs(*scored(given))
    assert found.quality["difference"] == pytest.approx(0.26 / 4)
    assert parts(found)[DRIFTED][1] == pytest.approx(0.8 / 5 / 4)
    assert list(found.videos["sequence"]) == ["one", "two"]
    assert list(found.videos["difference"]) == pytest.approx([0.13, 0])
    assert list(found.videos["frames"]) == [10, 10]


@pytest.mark.parametrize("toolkit", [False, True])
def test_parts_of_anything_add_up_to_the_difference(scored, rng, toolkit):
    def anything(visible, known):
        predicted = rng.random(FRAMES) < 0.7
        tracked = rng.random(FRAMES) * (rng.random(FRAMES) < 0.7) * predicted
        overlap = np.where(known, np.where(visible, tracked, ~predicted), NAN)
        return frames(overlap, visible & known, predicted & known, toolkit_compatible=toolkit)

    given = {}
    for video, objects in (("one", 1), ("two", 3), ("three", 2)):
        for i in range(objects):
            visible, known = rng.random(FRAMES) < 0.6, rng.random(FRAMES) < 0.8
            known[:2], known[2] = False, toolkit  # the toolkit scores a late object's prompt
            given[video, str(i)] = (anything(visible, known), anything(visible, known))
    found = compare_runs(*scored(given, first_frame=2, labels=LABELS))
    gap = found.quality["difference"]
    assert gap != 0
    assert sum(part.net for part in found.outcomes) == pytest.approx(gap, abs=1e-12)
    assert sum(part.net for part in found.events) == pytest.approx(gap, abs=1e-12)
    assert (PROMPT in [part.kind for part in found.events]) == toolkit
    by_video = found.videos[list(OUTCOMES)].sum(axis=1)
    assert list(by_video) == pytest.approx(list(found.videos["difference"]), abs=1e-12)
    assert list(found.videos["difference"]) == sorted(found.videos["difference"], reverse=True)
    events = {part.kind: part.net for part in found.swapped().events}
    assert events == pytest.approx({part.kind: -part.net for part in found.events})


@pytest.fixture
def store(results):
    return results(
        sequence("bear", away=(5, 6)), sequence("cows", objects=("1", "2")), sequence("dog")
    )


def table_of(store, folders, **options):
    return make_table(score_runs(folders, store.sequences, **options), "fifo", 3, **options)


@pytest.fixture
def table(store):
    one = store.run("fifo", {"bear": [80] * 5 + [0] * 10, "cows": 60, "dog": 40})
    two = store.run("first", {"bear": [80] * 15, "cows": 70, "dog": 40})
    return table_of(store, [one, two])


def test_measures_are_paired_and_only_q_is_tested(table):
    found = compare(table, "first", "fifo")
    rows = {row["measure"]: row for row in found.rows()}
    own = table.sequences.pivot(index="sequence", columns="label", values="Q")
    gap = paired_difference(own["first"].to_numpy(), own["fifo"].to_numpy())
    quality = found.quality
    assert quality == rows["Q"]
    assert quality["difference"] == pytest.approx(gap.mean)
    ends = (quality["difference_low"], quality["difference_high"])
    assert ends == pytest.approx((gap.low, gap.high), abs=1e-3)
    assert (quality["wins"], quality["ties"], quality["losses"]) == (2, 1, 0)
    assert quality["p"] == pytest.approx(gap.p_value)
    assert np.isnan(rows["R"]["p"])
    assert "ADQ" not in rows  # no object is absent long enough
    assert rows["absent_correct"]["videos"] == 1
    assert (rows["absent_correct"]["a"], rows["absent_correct"]["b"]) == (0, 1)
    assert not rows["NRE"]["higher_is_better"]


def test_returns_are_counted_by_who_found_them(table):
    assert compare(table, "first", "fifo").returns == Returns(1, 0, 0, 0)
    assert compare(table, "fifo", "first").returns == Returns(0, 1, 0, 0)


def test_swapped_is_the_comparison_the_other_way_round(table):
    found, other = compare(table, "first", "fifo").swapped(), compare(table, "fifo", "first")
    assert (found.a, found.b) == ("fifo", "first")
    numbers = found.measures.select_dtypes("number").to_numpy(float)
    expected = other.measures.select_dtypes("number").to_numpy(float)
    assert numbers == pytest.approx(expected, abs=1e-9, nan_ok=True)
    for mine, theirs in zip(found.outcomes, other.outcomes, strict=True):
        assert mine[:2] == theirs[:2]
        assert mine[2:] == pytest.approx(theirs[2:])
    assert list(found.videos["sequence"]) == list(other.videos["sequence"])
    assert found.returns == other.returns


def test_only_videos_that_both_have_finished_count(store):
    one = store.run("fifo", {"bear": 50, "cows": 60})
    two = store.run("first", {"cows": 70, "dog": 40})
    other = store.run("random", {"dog": 40})
    table = table_of(store, [one, two, other])
    found = compare(table, "first", "fifo")
    assert list(found.videos["sequence"]) == ["cows"]
    assert found.quality["difference"] == pytest.approx(0.1)
    assert np.isnan(found.quality["difference_low"])  # one video has no interval
    assert np.isnan(found.quality["p"])
    nothing = compare(table, "fifo", "random")
    assert nothing.videos.empty
    assert nothing.measures.empty
    assert nothing.quality == {}
    assert all(np.isnan(part.net) for part in nothing.outcomes)
    assert nothing.swapped().videos.empty


def test_names_are_labels_or_policies_with_one_run(store):
    folders = [
        store.run("fifo", {"dog": 50}),
        store.run("random", {"dog": 50}, seed=1),
        store.run("random", {"dog": 60}, seed=2),
    ]
    table = table_of(store, folders)
    found = compare(table, "random [seed 2]", "fifo")
    assert found.quality["difference"] == pytest.approx(0.1)
    with pytest.raises(InputError, match=r"2 runs.*'random \[seed 2\]'"):
        compare(table, "random", "fifo")
    with pytest.raises(InputError, match="did you mean 'fifo'"):
        compare(table, "fifi", "fifo")
    with pytest.raises(InputError, match="Both names mean the run 'fifo'"):
        compare(table, "fifo", "fifo")
