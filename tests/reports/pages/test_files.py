"""Every table as CSV, Markdown and LaTeX, and the page of the documentation that says so."""

import re
from pathlib import Path

import pandas as pd
import pytest
from fake_results import at, sequence

from vot_memory.datasets.splits import Published
from vot_memory.reports.pages.files import KINDS, write_tables
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reports.md"
NAMES = [
    "overview",
    "sequences",
    "objects",
    "events",
    "difficulty",
    "jf",
    "returns",
    "published",
]
SHORTHANDS = {
    "measures": ["Q", "A", "R", "NRE", "DRE", "ADQ"],
    "comparison": ["difference", "difference_low", "difference_high", "wins", "ties", "losses"],
}


@pytest.fixture
def table(results):
    labels = {"occluded": at(6, 7)}
    store = results(
        sequence("a", absent=4, labels=labels), sequence("b", away=(3, 4)), sequence("c")
    )
    folders = [
        store.run("fifo", {"a": 50, "b": 60, "c": 70}, model="sam2.1-l@0123456789ab"),
        store.run("sam3", {"a": 60, "b": 50, "c": 80}, model="sam2.1-l@0123456789ab"),
    ]
    paper = Published(source="A paper", model="sam2.1-l", note="others.", rows={"SAM 2": {"Q": 72}})
    runs = score_runs(folders, store.sequences, jf=True)
    return make_table(runs, "fifo", 3, published=paper)


def test_every_table_is_written_in_every_format(table, tmp_path):
    files = write_tables(tmp_path, table, "-2")
    assert list(files) == [f"{name}_{kind}" for name in NAMES for kind in KINDS]
    assert [file.name for file in files.values()] == [
        f"{name}-2.{kind}" for name in NAMES for kind in KINDS
    ]
    for name in NAMES:
        assert len(pd.read_csv(files[f"{name}_csv"])) > 0
        text = files[f"{name}_md"].read_text()
        assert text.startswith("# ")
        assert "3 sequences" in text
        assert f"\\label{{tab:{name}-2}}" in files[f"{name}_tex"].read_text()
    labels = re.findall(r"\\label\{.*?\}", "".join(files[f"{n}_tex"].read_text() for n in NAMES))
    assert len(labels) == len(set(labels))


def test_markdown_and_latex_print_the_same_numbers(table, tmp_path):
    files = write_tables(tmp_path, table)
    for name in NAMES:
        found = [
            sorted(re.findall(r"0\.\d{3}", files[f"{name}_{kind}"].read_text()))
            for kind in ("md", "tex")
        ]
        assert set(found[0]) == set(found[1])
        assert found[0]


def test_undefined_values_are_dashes_and_empty_cells(table, tmp_path):
    files = write_tables(tmp_path, table)
    assert "\\textendash{}" in files["overview_tex"].read_text()  # ADQ
    for file in files.values():
        assert not re.search(r"\bnan\b", file.read_text(), re.IGNORECASE)


def test_the_documentation_names_the_columns_as_they_are(table, tmp_path):
    files = write_tables(tmp_path, table)
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| a .*?\| (.*) \|$", PAGE.read_text(), re.M)
    said = {name: cells for names, cells in rows for name in re.findall(r"`(\w+)`", names)}
    assert set(NAMES) <= set(said)
    for name in NAMES:
        columns = list(pd.read_csv(files[f"{name}_csv"]).columns)
        named = re.findall(r"`([\w&]+)`", re.sub(r"\(.*?\)", "", said[name]))
        for shorthand, meant in SHORTHANDS.items():
            named += meant if shorthand in said[name] else []
        assert set(named) <= set(columns)
        if name != "published":
            assert [*columns[:2], columns[-1]] == ["label", "policy", "parity"]
