"""Grids: what is printed, what is sorted by, and which places there are."""

import math

import pytest
from fake_results import FRAMES, sequence

from vot_memory.datasets.splits import Published
from vot_memory.reports.pages.grids import further_grid, overview_grid, published_grid
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table

LARGE = "sam2.1-l@0123456789ab"
DASH = "–"  # noqa: RUF001
MEASURES = ["Q", "95% interval", "A", "R", "NRE", "DRE", "ADQ"]


def table_of(store, *folders, published=None, **options):
    runs = score_runs(folders, store.sequences, **options)
    return make_table(runs, "fifo", len(store.sequences), published=published)


def texts(row):
    return [cell.text for cell in row.cells]


def test_the_overview_has_measures_differences_and_speed(results):
    store = results(sequence("a"), sequence("b"))
    fifo = store.run("fifo", {"a": 60, "b": 40})
    fifo.write_timing(
        "a", {"frames": 50, "seconds": {"encode": 1, "track": 1.5}, "bank_bytes": 41_000}
    )
    sam3 = store.run("sam3", {"a": 80, "b": 40})
    grid = overview_grid(table_of(store, fifo, sam3))
    assert grid.groups == [("", 1), ("measures", 7), ("against fifo", 4), ("speed", 3)]
    assert [head.text for head in grid.heads[1:8]] == MEASURES
    assert [head.arrow for head in grid.heads[-3:]] == [
        "frames/s ↑",
        "memory path, ms ↓",
        "memory bank ↓",
    ]
    first, second = grid.rows
    assert (first.label, first.policy, first.kind, first.baseline) == ("fifo", "fifo", "run", True)
    # the interval of two values is the two values
    assert texts(first)[:4] == ["fifo", "0.500", "0.400 to 0.600", "0.500"]
    assert texts(first)[7:] == [DASH, "baseline", "", "", "", "20.0", "30.00", "41.0 kB"]
    assert [cell.sort for cell in first.cells[-3:]] == pytest.approx([20, 30, 41_000])
    assert texts(second)[:2] == ["sam3‡", "0.600"]
    assert texts(second)[8] == "+0.100"
    assert texts(second)[10] == "1 / 1 / 0"
    assert texts(second)[12:] == [DASH] * 3
    assert [cell.sort for cell in second.cells[-3:]] == [None] * 3
    places = [[cell.place for cell in row.cells[1:4]] for row in grid.rows]
    assert places == [[2, None, 2], [1, None, 1]]
    assert grid.ranked
    assert grid.notes[0] == "‡ re-implemented from the description, not parity-checked."


def test_what_nobody_measured_has_no_columns(results):
    store = results(sequence("a"))
    grid = overview_grid(table_of(store, store.run("first", {"a": 60})))
    assert grid.groups == [("", 1), ("measures", 7)]  # neither a baseline nor speed
    assert not grid.ranked
    (row,) = grid.rows
    assert all(len(row.cells) == len(grid.heads) for row in grid.rows)
    assert texts(row)[2] == DASH  # one sequence has no interval
    assert not any(cell.sort is not None and math.isnan(cell.sort) for cell in row.cells)


def test_j_and_f_and_its_own_table(results):
    store = results(sequence("a"), sequence("b"))
    folders = [store.run(name, {"a": q, "b": q}) for name, q in (("fifo", 50), ("sam3", 100))]
    table = table_of(store, *folders, jf=True)
    grid = overview_grid(table)
    assert [head.text for head in grid.heads[1:9]] == [*MEASURES, "J&F"]
    assert (grid.rows[1].cells[8].text, grid.rows[1].cells[8].place) == ("1.000", 1)
    further = further_grid(table, table.further[0])
    assert (further.name, further.caption) == ("jf", "J and F")
    assert [head.text for head in further.heads[1:5]] == ["J", "F", "J&F", "J&F − fifo"]  # noqa: RUF001
    assert texts(further.rows[1])[1:4] == ["1.000"] * 3
    assert further.rows[0].cells[1].sort == pytest.approx(0.5)


def test_delays_have_their_interval_below(results):
    away = (3, 4, 5)
    store = results(*(sequence(name, away=away) for name in "abc"))

    def found(delay):  # nothing is answered for so many frames after the return
        return [0 if t in away or 6 <= t < 6 + delay else 60 for t in range(FRAMES)]

    fifo = store.run("fifo", {"a": found(1), "b": found(1), "c": found(1)})
    slow = store.run("first", {"a": found(2), "b": found(3), "c": found(4)})
    table = table_of(store, fifo, slow)
    (returns,) = [own for own in table.further if own.name == "returns"]
    grid = further_grid(table, returns)
    at = [head.text for head in grid.heads].index("delay − fifo, both found")  # noqa: RUF001
    cell = grid.rows[1].cells[at]
    assert (cell.text, cell.sort) == ("+2.0", pytest.approx(2.0))
    assert cell.below.startswith("+1.")
    assert " to +" in cell.below
    assert grid.rows[0].cells[at].text == ""


def test_published_rows_stand_last_and_are_not_compared(results):
    store = results(sequence("a"), sequence("b"))
    figures = {"SAM 2": {"Q": 71.95, "A": 73.01}}
    paper = Published(source="A | paper", model="sam2.1-l", note="other videos.", rows=figures)
    run = store.run("fifo", {"a": 50, "b": 60}, model=LARGE)
    table = table_of(store, run, published=paper)
    grid = overview_grid(table)
    last = grid.rows[-1]
    assert (last.kind, last.label, last.policy) == ("published", "SAM 2", "")
    assert texts(last) == ["SAM 2¶", "0.7195", "", "0.7301", *[""] * (len(grid.heads) - 4)]
    assert not any(cell.place for cell in last.cells)
    alone = published_grid(table)
    assert texts(alone.rows[0]) == ["SAM 2¶", "0.7195", "0.7301", "", "", "", ""]
    assert alone.notes == ("¶ published by A | paper, without rank and difference: other videos.",)
    assert published_grid(table_of(store, run)) is None


def test_columns_are_chosen_by_their_group(results):
    store = results(sequence("a"), sequence("b"))
    folders = [store.run(name, {"a": 50, "b": 60}) for name in ("fifo", "first")]
    grid = overview_grid(table_of(store, *folders)).of_groups("against fifo")
    assert [head.text for head in grid.heads[:2]] == ["policy", "Q − fifo"]  # noqa: RUF001
    assert [len(row.cells) for row in grid.rows] == [5, 5]


def test_signs_and_odd_names_stay_plain_text(results):
    store = results(sequence("a"))
    run = store.run("fifo", {"a": 50}, policy_config={"note": "<b>|$x$\n&"})
    other = store.run("fifo", {"a": 50})
    labels = [row.cells[0].text for row in overview_grid(table_of(store, run, other)).rows]
    assert any("<b>|$x$ &" in label for label in labels)
