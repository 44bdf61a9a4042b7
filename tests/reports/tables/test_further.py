"""Tables of J and F, of boxes and of returns: hand-computed values, and where they are shown."""

import re
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from fake_results import FRAMES, bar, sequence
from rich.console import Console

from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.reports import write_report
from vot_memory.reports.pages.terminal import print_report
from vot_memory.reports.scores import BOX_COLUMNS, score_runs
from vot_memory.reports.tables.table import make_table

pytestmark = pytest.mark.usefixtures("tables_only")


def table_of(store, folders, *, jf=False, baseline="fifo"):
    scores = score_runs(folders, store.sequences, jf=jf)
    return make_table(scores, baseline, len(store.sequences))


def further(table):
    return {one.name: one for one in table.further}


def shown(report, width=80):
    console = Console(width=width, record=True, file=StringIO())
    print_report(report, console)
    return console.export_text()


def halves(name, *objects):
    """Objects that fill the left 50 columns of the picture, whose contour is one column."""
    tracks = tuple(ObjectTrack(i, 0, (bar(50),) * FRAMES) for i in objects)
    return replace(sequence(name), objects=tracks)


def boxed(name, away=(), box=(0.0, 0.0, 100.0, 4.0), frames=FRAMES):
    """An object that is annotated by boxes, which are those of the picture of 100 x 4 pixels."""
    boxes = tuple((0.0, 0.0, 0.0, 0.0) if t in away else box for t in range(frames))
    track = ObjectTrack("1", 0, (None,) * frames, boxes)
    made = sequence(name)
    return replace(made, frames=made.frames[:frames], objects=(track,))


@pytest.fixture
def masks(results):
    """A video of three objects and one of one."""
    return results(halves("many", "1", "2", "3"), halves("one", "1"))


def test_j_and_f_are_means_over_objects_not_sequences(masks):
    # One column too many is within the tolerance of one pixel; half the object is not.
    folders = [
        masks.run("fifo", {"many": 51, "one": 25}),
        masks.run("first", {"many": 25, "one": 51}),
    ]
    table = further(table_of(masks, folders, jf=True))["jf"]
    fifo, first = table.row("fifo"), table.row("first")
    assert (fifo["J"], fifo["F"]) == pytest.approx(((3 * 50 / 51 + 0.5) / 4, 3 / 4))
    assert (first["J"], first["F"]) == pytest.approx(((50 / 51 + 3 * 0.5) / 4, 1 / 4))
    assert fifo["J&F"] == pytest.approx((fifo["J"] + fifo["F"]) / 2)
    assert first["difference"] == pytest.approx(0)  # paired by sequence: one lost, one won
    assert (first["wins"], first["losses"]) == (1, 1)
    assert np.isnan(fifo["difference"])


def test_the_last_frame_counts_for_q_and_not_for_j(masks):
    last_lost = [50] * (FRAMES - 1) + [0]
    folders = [masks.run("fifo", {"many": last_lost, "one": last_lost})]
    table = table_of(masks, folders, jf=True)
    assert table.row("fifo")["Q"] == pytest.approx(13 / 14)
    assert further(table)["jf"].row("fifo")["J&F"] == 1


def test_j_and_f_only_where_asked_for(masks):
    folders = [masks.run("fifo", {"many": 50, "one": 50})]
    assert table_of(masks, folders).further == ()
    assert "J" not in table_of(masks, folders).objects


def test_rows_cover_the_sequences_of_the_overview(masks):
    folders = [masks.run("fifo", {"many": 25, "one": 51}), masks.run("first", {"one": 51})]
    table = further(table_of(masks, folders, jf=True))["jf"]
    assert table.row("fifo")["J"] == pytest.approx(50 / 51)
    assert table.row("first")["difference"] == pytest.approx(0)


def test_boxes_of_masks_against_annotated_boxes(results):
    store = results(boxed("a"), boxed("b", away=(5, 6)))
    # Masks of the left 60 columns: overlap 0.6, centre 20 px off, 0.2 of the width.
    silent = [0 if t in (5, 6) else 60 for t in range(FRAMES)]
    folders = [
        store.run("fifo", {"a": [60] * FRAMES, "b": silent}),
        store.run("first", {"a": [80] * FRAMES, "b": [50] * FRAMES}),
    ]
    table = table_of(store, folders, jf=True)
    assert table.row("fifo")["Q"] == pytest.approx((0.6 + (12 * 0.6 + 2) / 14) / 2)
    assert "boxes of the masks against annotated boxes" in table.title
    assert any("J and F need annotated masks" in note for note in table.notes)
    assert set(further(table)) == {"boxes", "returns"}
    boxes = further(table)["boxes"]
    row = boxes.row("fifo")
    # 0.6 is above 0, 0.05, ..., 0.55: 12 thresholds of 21.
    assert [row[name] for name in BOX_COLUMNS] == pytest.approx([12 / 21, 1, 1, 0.6, 1, 0])
    other = boxes.row("first")
    # 0.8 is above 16 thresholds, 0.5 above 10; the half is 25 px off.
    assert [other[name] for name in BOX_COLUMNS] == pytest.approx(
        [(16 + 10) / 2 / 21, 1 / 2, 1 / 2, 0.65, 1 / 2, 1 / 2]
    )
    assert other["difference"] == pytest.approx((16 + 10) / 2 / 21 - 12 / 21)
    assert {"AUC", "SR75"} <= set(table.objects)


def by_rules(store, out, rules, *, toolkit_compatible=True):
    """What a report says of boxes on a data set of these rules."""
    store.box_rules = rules
    report = write_report(store.root, "fake", "fifo", out, toolkit_compatible=toolkit_compatible)
    return report.tables[0], further(report.tables[0])["boxes"]


def test_boxes_by_the_rules_of_lasot(results, tmp_path):
    store = results(boxed("a", away=(5, 6)))
    # Of 12 frames behind the first that show the object, frame 3 is answered by nothing.
    given = [30] + [0 if t in (3, 5, 6) else 60 for t in range(1, FRAMES)]
    store.run("fifo", {"a": given})
    table, boxes = by_rules(store, tmp_path / "report", "lasot")
    # The first frame is perfect, frame 3 has the box of frame 2, frames 5 and 6 are failures.
    assert [boxes.row("fifo")[name] for name in BOX_COLUMNS] == pytest.approx(
        [(20 + 12 * 12) / 21 / 15, 13 / 15, 13 / 15, (1 + 12 * 0.6) / 13, 1, 1 / 13]
    )
    assert any("Box measures go by the rules of LaSOT." in note for note in table.notes)
    assert boxes.notes[1] == (
        "Scored by the rules of LaSOT: the first frame counts as a perfect answer; frames without "
        "the object count as failures in AUC, P and Pnorm; an empty answer is replaced by the box "
        "of the frame before."
    )
    table, clean = by_rules(store, tmp_path / "report", "lasot", toolkit_compatible=False)
    assert [clean.row("fifo")[name] for name in BOX_COLUMNS] == pytest.approx(
        [11 * 12 / 21 / 12, 11 / 12, 11 / 12, 11 * 0.6 / 12, 11 / 12, 0]
    )
    assert clean.notes[1].startswith("Scored by the clean rules: the frames that show the object")
    assert not any("Box measures" in note for note in table.notes)


def test_boxes_by_the_rules_of_got_10k(results, tmp_path):
    # 14 frames are scored of one video and 4 of the other, whose box leaves the picture below.
    store = results(boxed("a"), boxed("b", away=(2,), box=(0.0, 0.0, 100.0, 8.0), frames=6))
    folders = [
        store.run("fifo", {"a": [60] * 15, "b": [80] * 6}),
        store.run("first", {"a": [80] * 15, "b": [60] * 6}),
    ]
    table, boxes = by_rules(store, tmp_path / "report", "got-10k")
    # Centres of b are 10 px (0.1) beside and 2 px (0.25) above: only overlaps see the cut box.
    assert [boxes.row("fifo")[name] for name in BOX_COLUMNS] == pytest.approx(
        [
            (14 * 12 + 4 * 16) / 21 / 18,
            1,
            14 / 18,
            (14 * 0.6 + 4 * 0.8) / 18,
            1,
            4 / 18,
        ]
    )
    assert boxes.row("first")["AO"] == pytest.approx((14 * 0.8 + 4 * 0.6) / 18)
    assert boxes.row("first")["difference"] == pytest.approx(0)  # by video: 4/21 up, 4/21 down
    assert boxes.notes[1] == (
        "Scored by the rules of GOT-10k: the first frame is left out; frames without the object "
        "are left out; boxes are put into the picture before their overlap is taken; rows are "
        "means over the frames of all videos together."
    )
    assert "may differ from the difference of two rows" in boxes.notes[2]
    assert table.objects["box_frames"].tolist() == [14, 4, 14, 4]
    clean = further(table_of(store, folders))["boxes"].row("fifo")
    assert [clean[name] for name in BOX_COLUMNS] == pytest.approx(
        [(12 + 8) / 2 / 21, 1, 1 / 2, (0.6 + 0.4) / 2, 1 / 2, 0]
    )


def test_boxes_of_a_folder_keep_the_clean_rules(results, tmp_path):
    store = results(boxed("a"))
    folder = store.run("fifo", {"a": [60] * FRAMES})
    table, boxes = by_rules(store, tmp_path / "report", None)
    clean = further(table_of(store, [folder]))["boxes"]
    pd.testing.assert_frame_equal(boxes.rows, clean.rows)
    assert boxes.notes == clean.notes
    assert table.row("fifo")["Q"] == pytest.approx(14 * 0.6 / 15)  # which the VOT toolkit has
    assert not any("Box measures" in note for note in table.notes)


@pytest.mark.parametrize("rules", ["lasot", "otb", "trackingnet", "got-10k"])
def test_a_prompt_alone_makes_no_table_of_boxes(results, tmp_path, rules):
    hidden = ObjectTrack("1", 0, (None,) * 15, ((0.0, 0.0, 100.0, 4.0), *(None,) * 14))
    store = results(replace(sequence("a"), objects=(hidden,)))
    store.run("fifo", {"a": [60] * FRAMES})
    store.box_rules = rules
    report = write_report(store.root, "fake", "fifo", tmp_path / "r", toolkit_compatible=True)
    assert report.tables[0].further == ()


# Away on frames 2 3 and 8: returns on 4 and 9, which last for 4 and 6 frames.
AWAY = (2, 3, 8)


@pytest.fixture
def back(results):
    return results(sequence("a", away=AWAY), sequence("b", away=AWAY), sequence("calm"))


def widths(**changes):
    """Half a picture everywhere (which is not above half), empty where the object is away."""
    given = {int(key[1:]): width for key, width in changes.items()}
    return [given.get(t, 0 if t in AWAY else 50) for t in range(FRAMES)]


def test_returns_that_are_found_and_that_are_lost(back):
    fifo = {"a": widths(f5=80, f9=80), "b": widths(f10=60), "calm": 50}
    rule = {"a": widths(f4=80, f12=80), "b": widths(f4=51, f9=51), "calm": 50}
    table = table_of(back, [back.run("fifo", fifo), back.run("first", rule)])
    returns = further(table)["returns"]
    row, other = returns.row("fifo"), returns.row("first")
    assert (row["returns"], row["found"]) == (4, 3 / 4)  # delays 1, 0, 1; that of b on 4 is lost
    assert (row["median"], row["mean"], row["seconds"]) == pytest.approx((1, 2 / 3, 2 / 3 / 24))
    assert (other["returns"], other["found"]) == (4, 1)  # delays 0, 3, 0, 0
    assert (other["median"], other["mean"]) == (0, 3 / 4)
    assert other["difference"] == pytest.approx((0 + 1 / 2) / 2)  # "calm" has no return
    # Both found the two of a (-1 and +3 frames) and the later one of b (-1 frame).
    assert other["delay_difference"] == pytest.approx((1 + -1) / 2)
    objects = table.objects.set_index(["label", "sequence"])
    assert objects.loc[("fifo", "b"), ["returns", "found_again", "delay"]].tolist() == [2, 1, 1]
    assert objects.loc[("fifo", "calm"), ["returns", "found_again"]].tolist() == [0, 0]


def test_shares_of_returns_are_paired_by_sequence_and_that_is_said(results):
    store = results(sequence("a", away=AWAY), sequence("b", away=(2,)))
    lost, found = [50, 50, 0] + [50] * 12, [50, 50, 0] + [80] * 12
    folders = [
        store.run("fifo", {"a": widths(f4=80, f9=80), "b": lost}),
        store.run("first", {"a": widths(), "b": found}),
    ]
    returns = further(table_of(store, folders))["returns"]
    assert returns.row("fifo")["found"] == pytest.approx(2 / 3)
    assert returns.row("first")["found"] == pytest.approx(1 / 3)
    assert returns.row("first")["difference"] == pytest.approx(0)  # one lost, one won
    assert any("a sequence the share of its returns, so they may" in n for n in returns.notes)


def test_found_nowhere_has_no_delay_and_is_told_apart_from_found_late(back):
    never = {name: widths() for name in "ab"} | {"calm": 50}
    table = table_of(back, [back.run("fifo", never), back.run("first", never)])
    row = further(table)["returns"].row("first")
    assert row["found"] == 0
    assert np.isnan([row["median"], row["mean"], row["delay_difference"]]).all()


def test_without_returns_there_is_no_table(results):
    store = results(sequence("a", absent=3))  # it never comes back
    assert table_of(store, [store.run("fifo", {"a": 50})]).further == ()


def test_runs_without_a_common_video_are_not_ranked(back):
    folders = [back.run("fifo", {"a": widths(f4=80)}), back.run("first", {"b": widths()})]
    returns = further(table_of(back, folders))["returns"]
    assert returns.ranks == {}
    assert np.isnan(returns.row("first")["difference"])
    assert returns.row("fifo")["found"] == 1 / 2


def test_the_report_shows_further_measures(back, tmp_path):
    back.run("fifo", {"a": widths(f5=80, f9=80), "b": widths(f10=60), "calm": 50})
    back.run("sam3", {"a": widths(f4=80, f12=80), "b": widths(f4=51, f9=51), "calm": 60})
    report = write_report(back.root, "fake", "fifo", tmp_path / "report", jf=True)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "### J and F" in text
    found = text[text.index("### Finding it again") :]
    assert re.search(r"\| fifo \| 4 \| 0\.750² \| 1\.0 \| 0\.7 \| 0\.03 \|  \| baseline \|", found)
    assert re.search(r"\| sam3‡ \| 4 \| \*\*1\.000\*\*¹ \| 0\.0 \| 0\.8 \|", found)
    assert "found again − fifo" in found  # noqa: RUF001
    assert "| jf | [jf.csv](tables/jf.csv) | [jf.md](tables/jf.md) | [jf.tex](" in found
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    rows = pd.read_csv(tmp_path / "report" / "tables" / "returns.csv").set_index("label")
    assert rows.loc["fifo", "found"] == 0.75
    assert rows.loc["sam3", "parity"] == "re-implemented from the description, not parity-checked"
    lines = shown(report).splitlines()
    assert "4 returns after an absence, found again: 4 by sam3‡; 3 by fifo." in lines
    assert max(map(len, lines[:-1])) <= 80


def test_the_terminal_shows_boxes_within_80_columns(results, tmp_path):
    store = results(boxed("a"), boxed("b"))
    for policy in ("fifo", "sam2long-online"):
        store.run(policy, {name: [60] * FRAMES for name in "ab"})
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    lines = shown(report).splitlines()
    assert any(re.match(r" *fifo +0\.571 +1\.000 +1\.000 +0\.600 +baseline", x) for x in lines)
    assert max(map(len, lines[:-1])) <= 80
