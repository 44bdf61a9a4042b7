"""A row an object, Q of the policies beside one another."""

from fake_results import sequence

from vot_memory.reports import write_report
from vot_memory.reports.pages.objects_markdown import render_objects
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table


def page(store, *folders):
    runs = score_runs(folders, store.sequences)
    return render_objects(make_table(runs, "fifo", len(store.sequences)))


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


def test_the_page_is_linked_and_names_cannot_break_it(results, tmp_path, no_plots):
    odd = "a|b <script>"
    store = results(sequence(odd, objects=("x*y",)))
    store.run("fifo", {odd: 50}, policy_config={"note": "a|<b>"})
    write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert "[objects.md](tables/objects.md)" in (tmp_path / "report" / "report.md").read_text()
    text = (tmp_path / "report" / "tables" / "objects.md").read_text()
    assert "<script>" not in text
    assert "<b>" not in text
    assert r"| a\|b &lt;script&gt; | x\*y | 14 | 0 | 0 | 0.500 |" in text
