import os
import re
import signal
import subprocess
import sys
import warnings
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from fake_results import sequence
from rich.console import Console

from vot_memory.errors import InputError
from vot_memory.reports import Wanted, write_report
from vot_memory.reports.pages.terminal import print_report
from vot_memory.reports.plots.figures import Plot

FILES = [
    "index.html",
    "plots/ar.pdf",
    "plots/ar.png",
    "plots/ar.svg",
    "plots/sequences.pdf",
    "plots/sequences.png",
    "plots/sequences.svg",
    "plots/success.pdf",
    "plots/success.png",
    "plots/success.svg",
    "report.md",
    *(
        f"sequences/bear/{name}.{kind}"
        for name in ("memory", "strip")
        for kind in ("pdf", "png", "svg")
    ),
    "tables/objects.csv",
    "tables/objects.md",
    "tables/objects.tex",
    "tables/overview.csv",
    "tables/overview.md",
    "tables/overview.tex",
    "tables/sequences.csv",
    "tables/sequences.md",
    "tables/sequences.tex",
]


@pytest.fixture
def store(results):
    return results(sequence("bear"), sequence("cows", objects=("1", "2")), sequence("dog"))


def whole(store, policy, quality=60, **options):
    return store.run(policy, {s.name: quality for s in store.sequences}, **options)


def shown(report, width=80):
    console = Console(width=width, record=True, file=StringIO())
    print_report(report, console)
    return console.export_text()


def test_a_report_is_a_folder_of_tables_and_plots(store, tmp_path):
    whole(store, "fifo")
    whole(store, "first", 40)
    report = write_report(
        store.root, "fake", "fifo", tmp_path / "report", wanted=Wanted(pictures=1)
    )
    assert [file.relative_to(report.folder).as_posix() for file in report.files] == FILES
    assert all(file.stat().st_size for file in report.files)
    assert report.gathered.headline == ""
    text = (tmp_path / "report" / "report.md").read_text()
    assert text.startswith("# Memory policies compared\n")
    assert "| fifo | **0.600**¹ |" in text
    assert re.search(r"\| first \| 0\.400² \|.*\| −0\.200 \|.*\| 0 / 0 / 3 \|", text)  # noqa: RUF001
    assert "(plots/ar.png)" in text
    assert "(plots/sequences.png)" in text
    overview = pd.read_csv(tmp_path / "report" / "tables" / "overview.csv").set_index("label")
    assert overview.loc["first", "difference"] == pytest.approx(-0.2)
    assert len(pd.read_csv(tmp_path / "report" / "tables" / "objects.csv")) == 8
    assert len(pd.read_csv(tmp_path / "report" / "tables" / "sequences.csv")) == 6


@pytest.mark.usefixtures("tables_only")
def test_what_is_not_parity_checked_says_so_in_every_table(store, tmp_path):
    whole(store, "fifo")
    whole(store, "sam3", 40)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    for text in ((tmp_path / "report" / "report.md").read_text(), shown(report)):
        assert "‡ re-implemented from the description, not parity-checked" in text
        assert "sam3‡" in text
        assert not re.search(r"^[| ]*sam3\b(?!‡)", text, re.MULTILINE)  # no row without the sign
    for file in (tmp_path / "report").rglob("*.csv"):
        said = pd.read_csv(file).groupby("label")["parity"].agg(set)
        assert said["sam3"] == {"re-implemented from the description, not parity-checked"}
        assert said["fifo"] == {"equal to SAM2VideoPredictor (tested)"}


@pytest.mark.usefixtures("tables_only")
def test_the_first_line_tells_what_is_missing_and_the_next_name_it(store, tmp_path):
    whole(store, "fifo")
    store.run("first", {"bear": 40}, failed={"dog": "00007.jpg cannot be read."})
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    first, _, *rest = (tmp_path / "report" / "report.md").read_text().splitlines()
    assert first.startswith("**Incomplete: 1 unit failed, 1 unit not run yet")
    assert rest[0] == "- first, dog: failed at frame 7: 00007.jpg cannot be read."
    assert rest[1] == "- first: 1 of 3 not run yet: cows."
    lines = shown(report, 200).splitlines()
    assert lines[0].startswith("Incomplete: 1 unit failed")
    assert "first, dog: failed at frame 7" in lines[1]


@pytest.mark.usefixtures("tables_only")
def test_hundreds_of_missing_names_stand_on_the_page_and_not_in_the_terminal(results, tmp_path):
    store = results(*(sequence(f"video-{i:03d}") for i in range(200)))
    whole(store, "fifo")
    store.run("first", {"video-000": 40})
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert "video-199" in (tmp_path / "report" / "report.md").read_text()
    text = shown(report, 10_000).splitlines()[1]
    assert text.startswith("  first: 199 of 200 not run yet: video-001, video-002,")
    assert text.endswith(" ... (report.md names all)")
    assert len(text) < 400


@pytest.mark.usefixtures("tables_only")
@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "box"},
        {"model": "nano@ffffffffffff"},
        {"dtype": "bfloat16"},
        {"protocol": "release"},
        {"image_size": 256},
        {"non_overlap": True},
    ],
)
def test_what_cannot_be_compared_never_shares_a_table(store, tmp_path, change):
    whole(store, "fifo", 60)
    whole(store, "first", 50)
    whole(store, "first", 40, **change)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert [len(table.overview) for table in report.tables] == [2, 1] or [
        len(table.overview) for table in report.tables
    ] == [1, 2]
    assert {"overview.csv", "overview-2.csv"} <= {f.name for f in report.files}
    lonely = next(table for table in report.tables if len(table.overview) == 1)
    assert lonely.baseline is None
    assert lonely.row("first")["Q"] == pytest.approx(0.4)


@pytest.mark.usefixtures("tables_only")
def test_undefined_values_are_never_printed_as_nan(store, tmp_path):
    whole(store, "fifo")
    whole(store, "first")
    report = write_report(store.root, None, "fifo", tmp_path / "report")
    texts = [f.read_text() for f in report.files if f.suffix in {".md", ".csv"}]
    for text in [*texts, shown(report)]:
        assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert "ADQ is undefined (–)" in shown(report, 200)  # noqa: RUF001


@pytest.mark.usefixtures("tables_only")
def test_odd_names_stay_names(results, tmp_path):
    odd = "=a|b <script>$x$"
    store = results(sequence(odd), sequence("plain"))
    whole(store, "fifo", policy_config={"note": "[red]|<b>"})
    store.run("first", {"plain": 40})
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    text = (tmp_path / "report" / "report.md").read_text()
    assert "<script>" not in text
    assert "<b>" not in text
    assert r"=a\|b &lt;script&gt;\$x\$" in text  # it is named as missing
    tables = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [len(re.split(r"(?<!\\)\|", line)) for line in tables]
    assert set(cells[:4]) == {cells[0]}  # no pipe has made a column
    assert f"'{odd}" in set(
        pd.read_csv(tmp_path / "report" / "tables" / "sequences.csv")["sequence"]
    )
    assert "[red]|<b>" in shown(report, 200)


@pytest.mark.usefixtures("tables_only")
def test_changed_data_are_not_scored_but_said(store, results, tmp_path):
    whole(store, "fifo")
    whole(store, "first", dataset_digest="f" * 64)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert list(report.tables[0].overview["label"]) == ["fifo"]
    assert re.search(r"fake has changed since first-\w+ ran on it", report.gathered.warnings[0])
    assert "1 result could not be scored" in report.gathered.headline


@pytest.mark.usefixtures("tables_only")
def test_results_on_an_unknown_split_are_said(store, tmp_path):
    whole(store, "fifo")
    whole(store, "fifo", dataset="gone@12345678")
    report = write_report(store.root, None, "fifo", tmp_path / "report")
    assert len(report.tables) == 1
    assert "gone@12345678 (fifo-" in report.gathered.warnings[0]
    assert "--split" in report.gathered.warnings[0]
    assert "Unknown split" not in report.gathered.warnings[0]


@pytest.mark.usefixtures("tables_only")
def test_only_reports_are_replaced(store, tmp_path):
    whole(store, "fifo")
    out = tmp_path / "report"
    write_report(store.root, "fake", "fifo", out)
    (out / "stale.png").write_text("old")
    write_report(store.root, "fake", "fifo", out)
    assert not (out / "stale.png").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.tex").write_text("years")
    with pytest.raises(InputError, match="thesis exists and is no report"):
        write_report(store.root, "fake", "fifo", precious)
    assert (precious / "chapter.tex").read_text() == "years"


def test_a_failed_report_leaves_the_old_one(store, tmp_path, monkeypatch):
    whole(store, "fifo")
    out = tmp_path / "report"
    write_report(store.root, "fake", "fifo", out)
    before = {p: p.read_bytes() for p in out.rglob("*.*")}
    broken = Plot("sequences", "Q of each sequence", lambda table: 1 / 0, str)
    monkeypatch.setattr("vot_memory.reports.report.PLOTS", (broken,))
    with pytest.raises(ZeroDivisionError):
        write_report(store.root, "fake", "fifo", out)
    assert {p: p.read_bytes() for p in out.rglob("*.*")} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report", "results"]


@pytest.mark.usefixtures("tables_only")
def test_what_a_killed_report_left_is_removed(store, tmp_path):
    whole(store, "fifo")
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    left = tmp_path / f".report.{killed.pid}.tmp"
    left.mkdir()
    (left / "index.html").write_text("half")
    write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report", "results"]


@pytest.mark.usefixtures("tables_only")
def test_a_report_goes_where_one_stands_and_where_a_link_leads(store, tmp_path, monkeypatch):
    whole(store, "fifo")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    made = write_report(store.root, "fake", "fifo", Path())
    assert made.page == Path("index.html")
    assert (here / "index.html").is_file()
    (tmp_path / "link").symlink_to("here")
    (here / "stale.png").write_text("old")
    write_report(store.root, "fake", "fifo", tmp_path / "link")
    assert (here / "index.html").is_file()
    assert not (here / "stale.png").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here", "link", "results"]


def test_letters_that_no_font_has_fill_no_screen(results, tmp_path):
    store = results(sequence("日本"))
    whole(store, "fifo")
    wanted = Wanted(pictures=0, formats=("svg",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(store.root, "fake", "fifo", tmp_path / "report", wanted=wanted)


def test_a_place_that_cannot_be_written_is_said_before_the_work(store, tmp_path, monkeypatch):
    whole(store, "fifo")
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("vot_memory.reports.report.gather", lambda *given, **more: 1 / 0)
    with pytest.raises(NotADirectoryError, match=r"report'$"):
        write_report(store.root, "fake", "fifo", tmp_path / "file" / "report")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_the_old_report_and_nothing_else(store, tmp_path, monkeypatch, vot, number):
    whole(store, "fifo")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(
        "vot_memory.reports.report.write_tables", lambda *given: os.kill(os.getpid(), number)
    )
    try:
        result = vot("report", "--results", str(store.root), "--out", str(tmp_path / "new" / "r"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (result.code, result.out, result.err) == (130, "", "Stopped: no report was written.\n")
    assert [p.name for p in tmp_path.iterdir()] == ["results"]


def test_two_reports_of_one_store_are_equal(store, tmp_path):
    whole(store, "fifo")
    whole(store, "first", 40)
    pages = []
    for out in (tmp_path / "a", tmp_path / "b"):
        report = write_report(store.root, None, "fifo", out, wanted=Wanted(pictures=1))
        pages.append({f.relative_to(out): f.read_bytes() for f in report.files})
    assert pages[0] == pages[1]


@pytest.mark.usefixtures("tables_only")
def test_a_baseline_that_did_not_run_is_said_and_a_misspelt_one_is_an_error(store, tmp_path):
    whole(store, "first")
    whole(store, "random")
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert any("no run of the baseline fifo" in note for note in report.tables[0].notes)
    with pytest.raises(InputError, match="did you mean 'first'"):
        write_report(store.root, "fake", "frist", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_nothing_finished_is_an_error_with_the_reasons(store, tmp_path):
    store.run("fifo", {}, failed={"bear": "its weights are tired."})
    with pytest.raises(InputError, match=r"no finished sequence.*its weights are tired"):
        write_report(store.root, "fake", "fifo", tmp_path / "report")
    assert not (tmp_path / "report").exists()


@pytest.mark.usefixtures("tables_only")
def test_the_terminal_shows_tables_within_80_columns(store, tmp_path):
    whole(store, "fifo")
    whole(store, "first", 40)
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    lines = shown(report).splitlines()
    assert any(re.match(r"fifo +0\.600¹", line.strip()) for line in lines)
    assert any("0/0/3" in line.replace(" ", "") and "−0.200" in line for line in lines)  # noqa: RUF001
    assert max(map(len, lines[:-1])) <= 80
    assert lines[-1].endswith("index.html")


def test_the_terminal_explains_only_what_it_shows(store, tmp_path, tables_only):
    for policy in ("fifo", "first"):
        folder = whole(store, policy)
        folder.write_timing("a", {"frames": 50, "seconds": {"encode": 1, "track": 2}})
        folder.add_environment({"device": "Abacus", "threads": 2})
    report = write_report(store.root, "fake", "fifo", tmp_path / "report")
    text, page = shown(report, 200), (tmp_path / "report" / "report.md").read_text()
    assert "Frames/s count encoding" in text
    assert not re.search("memory.path", text, re.IGNORECASE)
    assert "| memory path, ms ↓ |" in page
    assert "Memory path: ms per frame" in page
