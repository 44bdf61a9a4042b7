"""Figures of a paper stand beside our own where they belong, and nowhere else."""

import re
from io import StringIO

import pandas as pd
import pytest
from fake_results import sequence
from rich.console import Console

from vot_memory.datasets.splits import Published, split_specs
from vot_memory.reports import write_report
from vot_memory.reports.pages.terminal import print_report

pytestmark = pytest.mark.usefixtures("tables_only")

LARGE = "sam2.1-l@0123456789ab"
FIGURES = Published(
    source="A paper | Table 1",
    model="sam2.1-l",
    note="these are other videos.",
    rows={"SAM 2": {"Q": 71.95, "A": 73.01, "R": 88.84}, "[b]*Theirs*": {"Q": 99.0}},
)


@pytest.fixture
def store(results):
    made = results(sequence("a"), sequence("b"))
    made.published = FIGURES
    return made


def run(store, **changes):
    for policy, quality in (("fifo", 60), ("first", 40)):
        store.run(policy, {"a": quality, "b": quality + 10}, **{"model": LARGE, **changes})


def test_published_figures_are_marked_and_take_no_part(store, tmp_path):
    run(store)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    own, (theirs, odd) = rows[2:4], rows[4:6]
    assert own[0].startswith("| fifo | **0.650**¹ |")  # 0.99 in print takes no rank
    assert theirs == "| SAM 2¶ | 0.7195 |  | 0.7301 | 0.8884 |  |  |  |  |  |  |  |"
    assert odd.startswith(r"| \[b\]\*Theirs\*¶ | 0.9900 |  |  |")
    assert len({len(re.split(r"(?<!\\)\|", row)) for row in rows[:6]}) == 1
    assert r"¶ published by A paper \| Table 1, without rank and difference: these are" in text
    assert "[published.csv](tables/published.csv)" in text
    assert len(pd.read_csv(tmp_path / "report" / "tables" / "overview.csv")) == 2
    written = pd.read_csv(tmp_path / "report" / "tables" / "published.csv").set_index("method")
    assert written.loc["SAM 2", "Q"] == pytest.approx(0.7195)
    assert set(written["source"]) == {"A paper | Table 1"}
    console = Console(width=80, record=True, file=StringIO())
    print_report(report, console)
    lines = console.export_text().splitlines()
    assert any(re.match(r" *SAM 2¶ +0\.7195 +0\.7301 +0\.8884 *$", line) for line in lines)
    assert any("[b]*Theirs*¶" in line for line in lines)
    assert any(line.startswith("¶ published by A paper") for line in lines)
    assert max(map(len, lines[:-1])) <= 80


@pytest.mark.parametrize(
    "change",
    [
        {"model": "sam2.1-t@0123456789ab"},
        {"model": "sam2.1-l.yaml@0123456789ab"},
        {"prompt": "box"},
    ],
)
def test_they_stand_beside_that_model_and_prompt_only(store, tmp_path, change):
    run(store, **change)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert report.tables[0].published is None
    assert "¶" not in (tmp_path / "report" / "report.md").read_text()
    assert not (tmp_path / "report" / "tables" / "published.csv").exists()


def test_the_toolkits_rules_are_not_the_papers(store, tmp_path):
    run(store)
    out = tmp_path / "report"
    report = write_report(store.root, "fake", "fifo", out, toolkit_compatible=True)
    assert report.tables[0].published is None


def test_only_sav_64_has_published_figures_and_they_are_sam2rls():
    specs = {name: getattr(spec, "published", None) for name, spec in split_specs().items()}
    assert [name for name, published in specs.items() if published] == ["sav-64"]
    published = specs["sav-64"]
    assert published.model == "sam2.1-l"
    assert "2507.08548" in published.source
    printed = {method: tuple(row[k] for k in "QAR") for method, row in published.rows.items()}
    assert printed == {  # arXiv 2507.08548, Table 1
        "SAM 2": (71.95, 73.01, 88.84),
        "SAMURAI": (67.25, 72.71, 90.67),
        "DAM4SAM": (73.55, 72.96, 89.20),
        "SAM2RL": (76.86, 75.53, 91.17),
    }
