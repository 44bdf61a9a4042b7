"""What happens in the frames, and how hard the videos are, as grids."""

import pytest
from fake_results import at, sequence

from vot_memory.reports.pages.event_grids import difficulty_grid, event_grids
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table


@pytest.fixture
def store(results):
    """Half of one video is occluded, nothing happens in the other."""
    labels = {"occluded": at(*range(8, 15))}
    calm = {"occluded": at()}
    return results(sequence("busy", labels=labels), sequence("calm", labels=calm))


def table_of(store, *folders):
    return make_table(score_runs(folders, store.sequences), "fifo", len(store.sequences))


def half(first, second):
    return [first] * 8 + [second] * 7


@pytest.fixture
def table(store):
    fifo = store.run("fifo", {"busy": half(80, 40), "calm": 80})
    first = store.run("first", {"busy": half(80, 60), "calm": 70})
    return table_of(store, fifo, first)


def column(grid, name):
    index = [head.text for head in grid.heads].index(name)
    return {row.label: row.cells[index] for row in grid.rows}


def test_overlaps_by_event_with_the_difference_below(table):
    overlap, parts, lost, videos = event_grids(table)
    names = [grid.name for grid in (overlap, parts, lost, videos)]
    assert names == ["events", "events-parts", "events-lost", "events-videos"]
    occluded = column(overlap, "occluded")
    assert [occluded[name].text for name in ("fifo", "first")] == ["0.400", "0.600"]
    assert (occluded["fifo"].below, occluded["first"].below) == ("", "+0.200")  # of one video
    clear = column(overlap, "otherwise visible")
    assert clear["first"].text == "0.750"  # 0.8 of one, 0.7 of the other
    assert clear["first"].below.startswith("−0.050 (−0.100 to ")  # noqa: RUF001
    assert occluded["first"].sort == pytest.approx(0.6)
    assert [occluded[name].text for name in ("videos", "frames")] == ["1", "7"]
    assert [row.kind for row in overlap.rows] == ["run", "run", "summary", "summary"]
    assert overlap.title.endswith("; below it the difference to fifo with its 95% interval")
    assert (overlap.notes, videos.notes) == ((), table.events.notes)


def test_parts_add_up_and_leave_the_baseline_out(table):
    parts = event_grids(table)[1]
    assert [row.label for row in parts.rows] == ["first"]
    values = [cell.sort for cell in parts.rows[0].cells[1:]]
    # busy gains 0.2 in 7 of 14 frames, calm loses 0.1 in all: half of each
    assert dict(zip([h.text for h in parts.heads[1:]], values, strict=True)) == pytest.approx(
        {"otherwise visible": -0.05, "occluded": 0.05, "all frames": 0.0}
    )


def test_how_objects_are_lost(store):
    fifo = store.run("fifo", {"busy": half(80, 0), "calm": 80})
    lost = event_grids(table_of(store, fifo))[1]
    assert lost.name == "events-lost"  # no parts without a policy to compare
    assert column(lost, "occluded")["fifo"].text == "0.000 / 1.000"
    assert column(lost, "occluded")["fifo"].sort == pytest.approx(1.0)


def test_levels_of_difficulty_and_what_they_hold(table):
    grid = difficulty_grid(table, table.difficulty)
    assert [head.text for head in grid.heads] == ["policy", "occlusion: none", "occlusion: some"]
    some = column(grid, "occlusion: some")
    assert (some["fifo"].text, some["first"].text, some["first"].below) == (
        "0.600",
        "0.700",
        "+0.100",
    )
    assert (some["range"].text, some["videos"].text) == ("up to 50%", "1")
    assert grid.below == "the difference to fifo with its 95% interval"
    assert grid.notes == table.difficulty.notes


def test_nothing_to_split_makes_no_grids(results):
    store = results(sequence("a"))
    assert event_grids(table_of(store, store.run("fifo", {"a": 50}))) == []
