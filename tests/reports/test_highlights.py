from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from fake_results import sequence

from vot_memory.errors import InputError
from vot_memory.reports.gather import make_sections
from vot_memory.reports.highlights import choose, differing_frames

NAN = float("nan")


@pytest.fixture
def section(results):
    """Spread of Q: a 0.1, b 0.3 (0.6 with the row without rank), c 0.3, d 0 (one run), e none."""
    store = results(*(sequence(name) for name in "abcde"))
    folders = [
        store.run("fifo", {"a": 50, "b": 50, "c": 80, "d": 70}),
        store.run("first", {"a": 60, "b": 80, "c": 50}),
        store.run("replay", {"a": 55, "b": 20, "c": 60}),
    ]
    (made,) = make_sections(folders, lambda name: store.split, "fifo").sections
    return made


def test_videos_by_how_much_ranked_runs_differ_then_by_name(section):
    assert choose(section, 4, ()) == ("b", "c", "a", "d")
    assert choose(section, 2, ()) == ("b", "c")


def test_rows_without_rank_do_not_count(results):
    store = results(sequence("a"), sequence("b"))
    folders = [
        store.run("fifo", {"a": 50, "b": 50}),
        store.run("first", {"a": 60, "b": 51}),
        store.run("replay", {"a": 60, "b": 99}),
    ]
    (made,) = make_sections(folders, lambda name: store.split, "fifo").sections
    assert choose(made, 1, ()) == ("a",)


def test_equal_differences_go_by_name(results):
    """Each is 0.1, from other values."""
    names = "hbgcfdea"
    store = results(*map(sequence, names))
    levels = {name: 10 * (i + 1) for i, name in enumerate(names)}
    folders = [
        store.run("fifo", levels),
        store.run("first", {name: level + 10 for name, level in levels.items()}),
    ]
    (made,) = make_sections(folders, lambda name: store.split, "fifo").sections
    assert choose(made, 8, ()) == tuple("abcdefgh")


def test_never_more_than_are_finished(section):
    assert choose(section, 100, ()) == ("b", "c", "a", "d")


def test_named_videos_come_first_and_count(section):
    assert choose(section, 3, ["d", "a", "d"]) == ("d", "a", "b")
    assert choose(section, 1, ["d", "a"]) == ("d", "a")
    assert choose(section, 0, ["c"]) == ("c",)
    assert choose(section, 0, ()) == ()


def test_unknown_and_unfinished_videos_are_refused(results):
    store = results(sequence("bear"), sequence("boat"))
    folder = store.run("fifo", {"bear": 50})
    (made,) = make_sections([folder], lambda name: store.split, "fifo").sections
    with pytest.raises(InputError, match=r"Unknown sequence 'bare': did you mean 'bear'\?"):
        choose(made, 3, ["bare"])
    with pytest.raises(InputError, match=r"No run has finished sequence 'boat': run it"):
        choose(made, 3, ["boat"])


def runs(*overlaps, first_frame=0):
    return [
        SimpleNamespace(overlap=np.array(overlap, dtype=float), first_frame=first_frame)
        for overlap in overlaps
    ]


def test_frames_by_how_much_policies_differ_in_order_of_time():
    """Of 10 scored frames 2 are wanted, so they lie at least 2 apart: 8 is too near to 7."""
    good = [NAN] + [1.0] * 10
    bad = [NAN, 1, 1, 0.6, 1, 1, 1, 0.1, 0.2, 1, 1]
    assert differing_frames(runs(good, bad), 2) == (3, 7)
    assert differing_frames(runs(good, bad), 1) == (7,)


def test_a_frame_on_which_half_fail_beats_one_on_which_one_fails():
    first = [NAN, 0, 1, 1, 0]
    others = ([NAN, 1, 1, 1, 1], [NAN, 1, 1, 1, 1], [NAN, 1, 1, 1, 0])
    assert differing_frames(runs(first, *others), 1) == (4,)


def test_frames_keep_apart_over_a_long_failure():
    lost = [NAN] + [0.9] * 19 + [0.0] * 80
    frames = differing_frames(runs([NAN] + [0.9] * 99, lost), 5)
    assert len(frames) == 5
    assert min(frames) >= 20, "all are among those that differ"
    assert min(b - a for a, b in pairwise(frames)) >= 9


def test_too_few_differing_frames_are_joined_by_distant_ones():
    """Only frame 3 differs; the farthest scored one is the last, then the middle between them."""
    assert differing_frames(runs([NAN] + [1.0] * 12, [NAN, 1, 1, 0.5] + [1.0] * 9), 3) == (3, 7, 12)


@pytest.mark.parametrize("policies", [1, 3])
def test_frames_at_even_distances_where_nothing_differs(policies):
    same = [NAN] * 4 + [0.3] * 12  # frames 4 to 15 are scored
    assert differing_frames(runs(*[same] * policies), 3) == (6, 10, 14)


def test_only_scored_frames():
    a = [NAN, 1, NAN, 1, NAN, 1]
    b = [NAN, 1, NAN, 0, NAN, 0.5]
    assert differing_frames(runs(a, b), 2) == (3, 5)
    assert differing_frames(runs(a, b), 9) == (1, 3, 5)
    assert differing_frames(runs([NAN] * 6), 3) == ()


def test_never_the_prompts_frame():
    """The VOT toolkit scores it where an object begins late."""
    a, b = [NAN, NAN, 1, 1, 1, 1], [NAN, NAN, 0, 1, 0.5, 1]
    assert differing_frames(runs(a, b, first_frame=2), 1) == (4,)


def test_no_frames_of_nothing():
    assert differing_frames([], 3) == ()
    assert differing_frames(runs([NAN, 0.5]), 0) == ()


@pytest.mark.parametrize("frames", [2, 3, 7, 80, 2500])
@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_as_many_frames_as_wanted_where_there_are_so_many(frames, count, rng):
    chosen = differing_frames(runs(*rng.random((3, frames + 1))), count)
    assert len(set(chosen)) == min(count, frames)
    assert list(chosen) == sorted(chosen)
    assert all(1 <= t <= frames for t in chosen)
