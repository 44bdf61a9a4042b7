"""A row a video or an object, Q of the policies beside one another."""

from fake_results import sequence

from vot_memory.reports import write_report
from vot_memory.reports.pages.markdown_grids import render_document
from vot_memory.reports.pages.quality_grids import objects_grid, sequences_grid
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table


def table_of(store, *folders):
    runs = score_runs(folders, store.sequences)
    return make_table(runs, "fifo", len(store.sequences))


def page(store, *folders):
    table = table_of(store, *folders)
    return render_document([objects_grid(table)], table.title)


def rows(text):
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]


def test_objects_in_order_with_what_is_annotated_and_the_best_in_bold(results):
    store = results(
        sequence("s10", objects=("10", "9"), away=(3, 4)), sequence("s9"), sequence("s11", absent=3)
    )
    text = page(
        store,
        store.run("fifo", {"s10": 50, "s9": 60, "s11": 70}),
        store.run("sam3", {"s10": 51, "s9": 60, "s11": 50}),
    )
    heads, _, *found = rows(text)
    assert heads == ["sequence", "object", "visible", "absent", "returns", "fifo", "sam3‡"]
    assert found == [
        ["s9", "1", "14", "0", "0", "0.600", "0.600"],  # equal: nothing is best
        ["s10", "9", "12", "2", "1", "0.571", "**0.580**"],
        ["s10", "10", "12", "2", "1", "0.571", "**0.580**"],
        ["s11", "1", "11", "3", "0", "**0.764**", "0.607"],
    ]


def test_what_is_missing_is_a_dash_and_a_replay_is_never_best(results):
    store = results(sequence("a"), sequence("b"))
    text = page(
        store,
        store.run("fifo", {"a": 50, "b": 60}),
        store.run("first", {"a": 40}),
        store.run("replay", {"a": 90, "b": 90}),
    )
    heads, _, *found = rows(text)
    by_name = {row[0]: dict(zip(heads, row, strict=True)) for row in found}
    assert (by_name["a"]["fifo"], by_name["a"]["first"]) == ("**0.500**", "0.400")
    assert (by_name["b"]["fifo"], by_name["b"]["first"]) == ("0.600", "–")  # noqa: RUF001
    replay = next(head for head in heads if head.startswith("replay"))
    assert by_name["a"][replay] == "0.900"


def test_the_page_is_linked_and_names_cannot_break_it(results, tmp_path, tables_only):
    odd = "a|b <script>"
    store = results(sequence(odd, objects=("x*y",)))
    store.run("fifo", {odd: 50}, policy_config={"note": "a|<b>"})
    write_report(store.root, "fake", "fifo", tmp_path / "report")
    links = "| objects | [objects.csv](tables/objects.csv) | [objects.md](tables/objects.md) |"
    assert links in (tmp_path / "report" / "report.md").read_text()
    text = (tmp_path / "report" / "tables" / "objects.md").read_text()
    assert "<script>" not in text
    assert "<b>" not in text
    assert r"| a\|b &lt;script&gt; | x\*y | 14 | 0 | 0 | 0.500 |" in text


def test_videos_in_natural_order_with_places_and_the_mean_of_the_overview(results):
    store = results(sequence("v10"), sequence("v9", objects=("1", "2")), sequence("v11"))
    table = table_of(
        store,
        store.run("fifo", {"v9": 50, "v10": 60, "v11": 70}),
        store.run("sam3", {"v9": 52, "v10": 60, "v11": 50}),
        store.run("mosam", {"v9": 51, "v10": 60, "v11": 70}),
        store.run("replay", {"v9": 90, "v10": 90, "v11": 90}),
    )
    grid = sequences_grid(table)
    assert grid.groups == [("", 3), ("Q", 4)]
    labels = list(table.overview["label"])
    rows = {row.label: dict(zip(labels, row.cells[3:], strict=True)) for row in grid.rows}
    assert list(rows) == ["v9", "v10", "v11", "mean"]
    assert [cell.text for cell in grid.rows[0].cells[:3]] == ["v9", "2", "28"]
    assert [rows["v9"][name].place for name in ("fifo", "sam3", "mosam")] == [3, 1, 2]
    assert [rows["v10"][name].place for name in ("fifo", "sam3", "mosam")] == [None] * 3
    assert [rows["v11"][name].place for name in ("fifo", "sam3", "mosam")] == [1, 3, 1]
    replay = next(label for label in labels if label.startswith("replay"))
    assert not any(own[replay].place for own in rows.values())
    mean = rows["mean"]
    assert (mean["fifo"].text, mean["fifo"].place) == ("0.600", 2)
    assert (mean["mosam"].text, mean["mosam"].place) == ("0.603", 1)
    assert grid.notes[-1] == "The means are over the 3 sequences that every policy has finished."


def test_means_of_different_videos_are_named_so(results):
    store = results(sequence("a"), sequence("b"), sequence("c"))
    table = table_of(store, store.run("fifo", {"a": 50, "b": 60}), store.run("first", {"c": 40}))
    grid = sequences_grid(table)
    *_, last = grid.rows
    assert "own sequences: they cannot be compared" in grid.notes[-1]
    assert [cell.text for cell in last.cells[3:]] == ["0.550", "0.400"]
    assert not any(cell.place for cell in last.cells)
