"""Shares of the oracle gap by hand, and how rows that saw the ground truth are shown."""

import re
from io import StringIO

import numpy as np
import pytest
from fake_results import sequence
from rich.console import Console

from vot_memory.reports import write_report
from vot_memory.reports.pages.terminal import print_report
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.comparison import compare
from vot_memory.reports.tables.finding import find_caveats, find_words
from vot_memory.reports.tables.table import make_table
from vot_memory.statistics import ratio_of_means

FIFO = dict(zip("abcdef", (50, 60, 70, 80, 30, 40), strict=True))
RULE = dict(zip("abcdef", (55, 62, 70, 71, 39, 48), strict=True))  # +15 together
FOUND = dict(zip("abcdef", (60, 65, 75, 84, 60, 46), strict=True))  # +60 together
AGENT = dict(zip("abcdef", (65, 60, 72, 80, 50, 45), strict=True))


@pytest.fixture
def store(results):
    return results(*(sequence(name) for name in FIFO))


def table_of(store, baseline="fifo", **qualities):
    folders = [store.run(policy, quality) for policy, quality in qualities.items()]
    return make_table(score_runs(folders, store.sequences), baseline, len(store.sequences))


def rows_of(table):
    return {row["label"]: row for row in table.gap.records()}


def test_the_share_is_the_ratio_of_mean_gains(store):
    table = table_of(store, replay=FOUND, fifo=FIFO, first=RULE)
    rows = rows_of(table)
    assert list(rows) == ["first", "replay"]
    first = rows["first"]
    assert first["share"] == pytest.approx(15 / 60)
    assert first["gain"] == pytest.approx(0.15 / 6)
    gains = [RULE[name] - FIFO[name] for name in FIFO], [FOUND[n] - FIFO[n] for n in FIFO]
    expected = ratio_of_means(*gains)
    ends = (first["share_low"], first["share_high"])
    assert ends == pytest.approx((expected.low, expected.high), abs=2e-3)
    assert expected.low < 0.25 < expected.high
    found = rows["replay"]
    assert found["gain"] == pytest.approx(0.1)
    assert [found[name] for name in ("share", "share_low", "share_high")] == pytest.approx([1] * 3)


def test_of_several_that_saw_the_truth_the_best_counts_on_each_video(store):
    table = table_of(store, fifo=FIFO, first=RULE, replay=FOUND, sam2rl=AGENT)
    rows = rows_of(table)
    assert rows["replay"]["share"] == pytest.approx(60 / 65)  # the agent is 5 above it on video a
    assert rows["sam2rl"]["share"] == pytest.approx((15 + 0 + 2 + 0 + 20 + 5) / 65)
    assert rows["first"]["share"] == pytest.approx(15 / 65)
    assert any("the best of the 2 rows" in note for note in table.gap.notes)


@pytest.mark.parametrize(
    ("qualities", "baseline"),
    [
        ({"fifo": FIFO, "first": RULE}, "fifo"),  # nothing was searched for
        ({"fifo": FIFO, "first": RULE, "sam2rl": AGENT}, "fifo"),
        ({"fifo": FIFO, "replay": FOUND}, "fifo"),  # nobody to take a share
        ({"fifo": FIFO, "first": RULE, "replay": FOUND}, "replay"),
        ({"fifo": FIFO, "first": RULE, "replay": FOUND}, "random"),
        ({"fifo": {"a": 50}, "first": {"a": 50}, "replay": {"b": 60}}, "fifo"),  # none in common
    ],
)
def test_no_gap_without_baseline_best_found_and_another(store, qualities, baseline):
    assert table_of(store, baseline, **qualities).gap is None


def test_a_gap_that_may_be_nothing_gives_no_interval_and_says_so(store):
    table = table_of(store, fifo=FIFO, first=RULE, replay=FIFO | {"a": 90})
    row = rows_of(table)["first"]
    assert row["share"] == pytest.approx(15 / 40)
    assert np.isnan([row["share_low"], row["share_high"]]).all()
    assert "Shares without an interval: the mean below may be 0: no interval." in table.gap.notes
    none = table_of(store, fifo=FIFO, first=RULE, replay=FIFO)
    assert np.isnan(rows_of(none)["first"]["share"])


def test_rows_that_saw_the_truth_stand_below_unranked_and_untested(store):
    worse = {name: value - 10 for name, value in FIFO.items()}
    table = table_of(store, fifo=FIFO, replay=FOUND, sam2rl=AGENT, first=RULE, random=worse)
    assert list(table.overview["label"]) == ["fifo", "first", "random", "replay", "sam2rl"]
    assert {table.signs[name] for name in ("replay", "sam2rl")} >= {"§"}
    assert all("§" in table.signs[name] for name in ("replay", "sam2rl"))
    assert sum("saw the ground truth of these videos" in line for line in table.legend) == 1
    assert not [key for key in table.ranks if key[0] in {"replay", "sam2rl"}]
    for name in ("replay", "sam2rl"):
        row = table.row(name)
        assert row["difference"] > 0
        assert row["difference_low"] < row["difference"] < row["difference_high"]
        assert np.isnan([row["p"], row["p_holm"]]).all()
    # Holm's family are the two that were not chosen by the scores that are compared.
    assert table.row("random")["p_holm"] == pytest.approx(2 * table.row("random")["p"])


def test_a_pair_with_one_that_saw_the_truth_is_not_tested(store):
    pair = compare(table_of(store, fifo=FIFO, first=RULE, replay=FOUND), "replay", "first")
    assert np.isnan(pair.quality["p"])
    assert find_words(pair).endswith(
        "without a test, since one of the two saw the ground truth of these videos."
    )
    assert not any("p is that of one comparison" in caveat for caveat in find_caveats(pair))


@pytest.mark.usefixtures("tables_only")
def test_every_page_shows_the_share_and_marks_what_saw_the_truth(store, tmp_path):
    for policy, quality in {"fifo": FIFO, "first": RULE, "replay": FOUND}.items():
        store.run(policy, quality)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    text = (report.folder / "report.md").read_text()
    assert "### Share of the gap" in text
    assert re.search(r"\| first \| \+0\.025 \| .* \| 0\.250 \|", text)
    console = Console(width=100, record=True, file=StringIO())
    print_report(report, console)
    shown = console.export_text()
    assert re.search(r"first +\+0\.025 +0\.250", shown)
    assert re.search(r"replay[^\n]*§ +\+0\.100 +1\.000", shown)
    for said in (text, shown, *(f.read_text() for f in report.folder.glob("tables/gap.*"))):
        assert "replay" in said
    for file in ("gap.md", "gap.tex"):
        own = (report.folder / "tables" / file).read_text()
        assert "§" in own or r"\S" in own
    header = (report.folder / "tables" / "gap.csv").read_text().splitlines()
    assert header[0].startswith("label,policy,privileged,sequences,Q,gain")
    assert header[2].split(",")[:3] == ["replay", "replay", "True"]
