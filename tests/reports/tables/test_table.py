from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fake_results import FRAMES, sequence

from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.notes import NANO
from vot_memory.reports.tables.table import find_ranks, make_table
from vot_memory.statistics import paired_difference


def table_of(store, folders, baseline="fifo", **options):
    runs = score_runs(folders, store.sequences)
    return make_table(runs, baseline, len(store.sequences), **options)


@pytest.fixture
def six(results):
    """Six sequences and what two policies scored on them."""
    store = results(*(sequence(f"s{i}") for i in range(6)))
    fifo = dict(zip((s.name for s in store.sequences), (50, 60, 70, 80, 30, 40), strict=True))
    rule = dict(zip(fifo, (55, 62, 70, 71, 39, 48), strict=True))
    return store, fifo, rule


def test_overview_compares_with_the_baseline(six):
    store, fifo, rule = six
    table = table_of(store, [store.run("first", rule), store.run("fifo", fifo)])
    assert list(table.overview["label"]) == ["fifo", "first"]  # the baseline leads
    assert table.baseline == "fifo"
    row, base = table.row("first"), table.row("fifo")
    assert row["Q"] == pytest.approx(np.mean(list(rule.values())) / 100)
    assert (row["wins"], row["ties"], row["losses"]) == (4, 1, 1)
    gap = paired_difference([v / 100 for v in rule.values()], [v / 100 for v in fifo.values()])
    assert row["difference"] == pytest.approx(0.15 / 6)
    ends = (row["difference_low"], row["difference_high"])
    assert ends == pytest.approx((gap.low, gap.high), abs=1e-3)  # a bootstrap of the last bits
    assert row["p_holm"] == pytest.approx(gap.p_value)  # one comparison: nothing to correct
    assert np.isnan(base["difference"])
    assert np.isnan(base["p"])
    assert table.sequences.query("label == 'first'")["difference"].sum() == pytest.approx(0.15)


def test_holm_corrects_for_the_comparisons_of_the_table(six):
    store, fifo, rule = six
    worse = {name: value - 10 for name, value in fifo.items()}
    table = table_of(
        store, [store.run("fifo", fifo), store.run("first", rule), store.run("random", worse)]
    )
    smallest = table.row("random")
    assert smallest["p"] == pytest.approx(2 / 2**6)
    assert smallest["p_holm"] == pytest.approx(2 * smallest["p"])


def test_rows_cover_the_sequences_that_all_have_finished(six):
    store, fifo, rule = six
    part = {name: rule[name] for name in ("s0", "s3")}
    table = table_of(store, [store.run("fifo", fifo), store.run("first", part)])
    assert list(table.overview["sequences"]) == [2, 2]
    assert table.row("fifo")["Q"] == pytest.approx(0.65)
    assert table.incomplete == ("first: 4 of 6 not run yet: s1, s2, s4, s5.",)
    assert len(table.sequences) == 8  # what is there is not hidden


def test_rows_fall_by_the_quality_that_they_show(six):
    store, fifo, _ = six
    best = {"s0": 90} | dict.fromkeys(("s1", "s2", "s3"), 10)  # best on what all have
    folders = [store.run("fifo", fifo), store.run("random", {"s0": 60}), store.run("first", best)]
    table = table_of(store, folders)
    assert list(table.overview["label"]) == ["fifo", "first", "random"]
    assert list(table.overview["Q"]) == pytest.approx([0.5, 0.9, 0.6])


def test_equal_gaps_are_named_once(six):
    store, fifo, rule = six
    folders = [store.run("fifo", {"s0": fifo["s0"]}), store.run("first", {"s0": rule["s0"]})]
    table = table_of(store, folders)
    assert table.incomplete == ("fifo, first: 5 of 6 not run yet: s1, s2, s3, s4, s5.",)


def test_rows_without_a_common_sequence_are_not_ranked(six):
    store, fifo, rule = six
    table = table_of(
        store, [store.run("fifo", {"s0": fifo["s0"]}), store.run("first", {"s1": rule["s1"]})]
    )
    assert table.ranks == {}
    assert np.isnan(table.row("first")["difference"])
    assert any("cannot be compared" in note for note in table.notes)
    assert not any("no run of the baseline" in note for note in table.notes)


def test_one_sequence_gives_no_interval_and_says_so(results):
    store = results(sequence("a"))
    table = table_of(store, [store.run("fifo", {"a": 50}), store.run("first", {"a": 40})])
    row = table.row("first")
    assert np.isnan(
        [row["Q_low"], row["Q_high"], row["difference_low"], row["p"], row["p_holm"]]
    ).all()
    assert row["difference"] == pytest.approx(-0.1)
    assert any("One sequence gives no interval" in note for note in table.notes)


def test_ranks_share_places_and_leave_replays_out():
    overview = pd.DataFrame(
        {
            "label": ["a", "b", "c", "d", "replay"],
            "policy": ["a", "b", "c", "d", "replay"],
            "Q": [0.5, 0.6, 0.60004, 0.4, 0.9],
            "A": [0.5] * 5,
            "R": [0.5, np.nan, 0.7, np.nan, 0.9],
            "NRE": [0.1, 0.2, 0.3, 0.4, 0.0],
            "DRE": [0.0] * 5,
            "ADQ": [np.nan] * 5,
        }
    )
    ranks = find_ranks(overview)
    assert {k[0]: v for k, v in ranks.items() if k[1] == "Q"} == {"b": 1, "c": 1, "a": 3}
    assert {k[0]: v for k, v in ranks.items() if k[1] == "R"} == {"c": 1, "a": 2}
    assert {k[0]: v for k, v in ranks.items() if k[1] == "NRE"} == {"a": 1, "b": 2, "c": 3}
    assert not [k for k in ranks if k[1] in {"A", "DRE", "ADQ"}]  # all equal, or undefined


def test_remarks_are_signs_with_a_legend(six, monkeypatch):
    from vot_memory.policies.first import First

    store, fifo, rule = six
    spec = First.spec
    unchecked = type(spec)(slots=1, parity="re-implemented from the text, not parity-checked")
    monkeypatch.setattr(First, "spec", unchecked)
    table = table_of(
        store,
        [
            store.run("fifo", fifo),
            store.run("first", rule),
            store.run("far.away:Rule", rule, offline=True),
            store.run("replay", rule),
        ],
    )
    assert table.signs == {"fifo": "", "first": "‡", "far.away:Rule": "†?", "replay": "§"}
    assert [line[0] for line in table.legend] == ["†", "‡", "§", "?"]


def test_nano_carries_its_caveat(six):
    store, fifo, _ = six
    nano = table_of(store, [store.run("fifo", fifo)])
    large = table_of(store, [store.run("fifo", fifo, model="sam2.1-l@0123456789ab")])
    assert NANO in nano.notes
    assert NANO not in large.notes


def test_notes_say_which_rules_and_which_undefined_values(six):
    store, fifo, _ = six
    folder = store.run("fifo", fifo)
    clean, toolkit = table_of(store, [folder]), table_of(store, [folder], toolkit_compatible=True)
    assert any("clean rules" in note for note in clean.notes)
    assert any("VOT toolkit's rules" in note for note in toolkit.notes)
    assert any(note.startswith("ADQ is undefined (–)") for note in clean.notes)  # noqa: RUF001


def test_sequences_without_a_score_are_counted_and_do_not_count(results):
    bare = tuple(sequence(f"bare{i}") for i in range(2))
    bare = tuple(
        replace(s, objects=(ObjectTrack("1", 0, (s.objects[0].rles[0], *[None] * (FRAMES - 1))),))
        for s in bare
    )
    store = results(sequence("a"), sequence("b"), *bare)
    folders = [
        store.run(policy, {s.name: [width] * FRAMES for s in store.sequences})
        for policy, width in {"fifo": 50, "first": 60}.items()
    ]
    table = table_of(store, folders)
    assert table.row("fifo")["Q"] == pytest.approx(0.5)
    assert (
        "Q is undefined where no frame but the prompt is annotated: 2 sequences without it are "
        "left out of its mean." in table.notes
    )
    assert any("With 2 sequences the intervals" in note for note in table.notes)
    assert "With 2 sequences the test cannot give a p-value below 0.5." in table.notes


def test_a_table_needs_a_finished_sequence(six):
    store, _, _ = six
    assert table_of(store, [store.run("fifo", {})]) is None


def test_means_over_fewer_sequences_say_so(results):
    store = results(sequence("a"), sequence("b", away=tuple(range(2, 14))))
    folders = [store.run("fifo", {"a": 50, "b": 60}), store.run("first", {"a": 0, "b": 70})]
    table = make_table(score_runs(folders, store.sequences), "fifo", 2)
    assert table.row("first")["A"] == pytest.approx(0.7)  # of b alone
    assert any("A leaves out" in note and "without 1 of first." in note for note in table.notes)
    assert any(note.startswith("ADQ is the mean over 1 sequence:") for note in table.notes)
    whole = make_table(score_runs(folders[:1], store.sequences[:1]), "fifo", 2)
    assert not any("leaves out" in note or "ADQ is the mean" in note for note in whole.notes)
    assert "All rows are about the same sequence, the mean over its objects." in whole.notes


def test_sequences_without_the_object_are_left_out_of_r_and_that_is_said(results):
    store = results(sequence("a"), sequence("b", away=tuple(range(1, FRAMES))))
    table = table_of(store, [store.run("fifo", {"a": 50, "b": 60})])
    assert np.isnan(table.sequences.set_index("sequence").loc["b", "R"])
    said = [note for note in table.notes if note.startswith("A, R, NRE and DRE are means over 1 ")]
    assert len(said) == 1
    runs = score_runs([table.runs[0].folder], store.sequences[:1])
    whole = make_table(runs, "fifo", 1)
    assert not any("A, R, NRE" in note for note in whole.notes)
