"""LaTeX that compiles whatever the names are; the best bold, the second underlined."""

import re
import shutil
import subprocess

import pytest
from fake_results import sequence

from vot_memory.datasets.splits import Published
from vot_memory.reports.pages.files import table_grids
from vot_memory.reports.pages.grids import Cell, Grid, Head, Row
from vot_memory.reports.pages.latex import latex, render_tables
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.table import make_table

HOSTILE = r"a_b&c%d#e$f${g}~h^i\j<k>|l`m\"n[2]*--$$\end{tabular}"
SETTING = "fake_1: 50% of $x$"


def small_grid(rows=1, columns=2, digits="0.500", label="run_1"):
    heads = (Head("policy", numeric=False), *(Head(f"head {i}") for i in range(columns)))
    cells = (Cell(label), *(Cell(digits) for _ in range(columns)))
    row = Row(label, "fifo", "run", cells)
    return Grid("some", "A caption", heads, (row,) * rows, ("A note.",))


def tabulars(text):
    return re.findall(r"\\begin\{tabular\}\{@\{\}[lr].*?\\bottomrule", text, re.S)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a_b & 50% #1 {x}", r"a\_b \& 50\% \#1 \{x\}"),
        ("$x$ ~ ^", r"\$x\$ \textasciitilde{} \textasciicircum{}"),
        (r"\end{x}", r"\textbackslash{}end\{x\}"),
        ("<script>|", r"\textless{}script\textgreater{}\textbar{}"),
        ("−0.5 – †‡§¶° ↑↓→", r"$-$0.5 \textendash{} $^{\dagger}$$^{\ddagger}$$^{\S}$$^{\P}$"  # noqa: RUF001
         r"$^{\circ}$ $\uparrow$$\downarrow$$\rightarrow$"),
        ("[b] *c* --set ?`", r"{[}b{]} {*}c{*} -{}-set ?{`}"),
        ("two\nlines", "two lines"),
        ("é ü", "é ü"),
    ],
)  # fmt: skip
def test_special_letters_are_only_letters(name, text):
    assert latex(name) == text


def test_rules_caption_label_and_what_is_needed():
    text = render_tables([small_grid()], SETTING, "-2")
    assert text.splitlines()[0] == r"% Needs \usepackage{booktabs} and nothing else."
    rules = (r"\toprule", r"\midrule", r"\bottomrule")
    assert [text.count(rule) for rule in rules] == [1, 1, 1]
    assert r"\caption{A caption. fake\_1: 50\% of \$x\$.\label{tab:some-2}}" in text
    assert r"\begin{tabular}{@{}lrr@{}}" in text  # no vertical rules
    assert "run\\_1 & 0.500 & 0.500 \\\\\n" in text
    assert "\nA note.\n" in text


def test_the_best_is_bold_and_the_second_underlined():
    heads = (Head("policy", numeric=False), Head("Q", higher=True), Head("DRE", higher=False))
    rows = [
        Row("a", "a", "run", (Cell("a"), Cell("0.7", 0.7, 1), Cell("0.2", 0.2, 3))),
        Row("b", "b", "run", (Cell("b"), Cell("0.6", 0.6, 2), Cell("0.1", 0.1, 1))),
        Row("c", "", "published", (Cell("c"), Cell("0.9", 0.9), Cell(""))),
    ]
    text = render_tables([Grid("some", "A caption", heads, tuple(rows))], SETTING)
    assert r"policy & Q~$\uparrow$ & DRE~$\downarrow$ \\" in text
    body = text[text.index(r"\midrule") : text.index(r"\bottomrule")].splitlines()
    assert body == [
        r"\midrule",
        r"a & \textbf{0.7} & 0.2 \\",
        r"b & \underline{0.6} & \textbf{0.1} \\",
        r"\midrule",
        r"c & 0.9 &  \\",
    ]
    assert "Bold: the best; underlined: the second." in text


def test_groups_have_rules_of_their_own():
    heads = (
        Head("policy", numeric=False),
        *(Head(text, group="measures") for text in "QA"),
        *(Head(text, group="against x_1") for text in "dp"),
    )
    row = Row("a", "a", "run", tuple(Cell(text) for text in "a1234"))
    text = render_tables([Grid("some", "A caption", heads, (row,))], SETTING)
    first, second = text[text.index(r"\toprule") :].splitlines()[1:3]
    assert first == r" & \multicolumn{2}{c}{measures} & \multicolumn{2}{c}{against x\_1} \\"
    assert second == r"\cmidrule(lr){2-3}\cmidrule(lr){4-5}"


def test_wide_tables_are_cut_into_even_tabulars_with_the_names_in_each():
    text = render_tables([small_grid(rows=2, columns=16, digits="+0.123 to +0.456")], SETTING)
    assert text.count(r"\begin{table*}") == 1
    parts = tabulars(text)
    assert len(parts) > 2
    widths = [part.splitlines()[-2].count("&") for part in parts]
    assert sum(widths) == 16
    assert max(widths) - min(widths) <= 1
    assert all(part.count("run\\_1 & ") == 2 for part in parts)


def test_long_tables_become_several_floats():
    text = render_tables([small_grid(rows=128)], SETTING)
    assert text.count("run\\_1 & ") == 128
    assert text.count(r"\begin{table*}") == 3
    assert text.count(r"\label{") == 1
    assert text.count(r"\caption{A caption, continued.}") == 2
    assert text.count("A note.") == 1


def test_long_names_are_broken_and_count_as_the_lines_they_take():
    label = "samurai (motion_weight=0.25, memory_bank_size=12, note=none)"
    text = render_tables([small_grid(rows=40, label=label)], SETTING)
    lines = r"samurai \\ (motion\_weight=0.25, \\ memory\_bank\_size=12, \\ note=none)"
    assert text.count(f"\\begin{{tabular}}[t]{{@{{}}l@{{}}}}{lines}\\end{{tabular}} & 0.500") == 40
    assert text.count(r"\begin{table*}") == 4  # of 11 rows at most


def test_very_many_floats_do_not_wait_for_a_page():
    text = render_tables([small_grid(rows=2000)], SETTING)
    waiting = [part.count(r"\begin{table*}") for part in text.split(r"\clearpage")]
    assert max(waiting) <= 18
    assert sum(waiting) == text.count(r"\begin{table*}") > 40


def test_differences_below_numbers_are_a_table_of_their_own():
    heads = (Head("policy", numeric=False), Head("clear"))
    rows = (
        Row("fifo", "fifo", "run", (Cell("fifo"), Cell("0.500")), True),
        Row("a", "a", "run", (Cell("a"), Cell("0.600", below="+0.100 (+0.050 to +0.150)"))),
        Row("videos", "", "summary", (Cell("videos"), Cell("7"))),
    )
    grid = Grid("events", "Overlap", heads, rows, ("A note.",), "the difference to fifo")
    upper, lower = render_tables([grid], SETTING).split(r"\begin{table*}")[1:]
    assert r"\caption{Overlap. " in upper
    assert "a & 0.600 \\\\\n" in upper
    assert r"\caption{Overlap: the difference to fifo. " in lower
    assert "fifo &" not in lower
    assert "a & +0.100 \\\\\n & {\\scriptsize +0.050 to +0.150} \\\\\n" in lower
    assert "videos & 7 \\\\\n" in lower
    assert "A note." in lower
    assert "A note." not in upper


def test_every_table_of_a_report_compiles_with_booktabs_alone(results, tmp_path):
    """With hostile names; needs pdflatex, which not every machine has."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed here")
    odd = sequence(HOSTILE, objects=("1_a", "%"), absent=3, away=(3, 4))
    store = results(odd, sequence("[plain", away=(5, 6, 7)), sequence("*"))
    names = [own.name for own in store.sequences]
    folders = [
        store.run("fifo", dict.fromkeys(names, 50), model="sam2.1-l@0123456789ab"),
        store.run("sam3", dict.fromkeys(names, 60), model="sam2.1-l@0123456789ab"),
        store.run(
            "fifo",
            dict.fromkeys(names, 40),
            model="sam2.1-l@0123456789ab",
            policy_config={"note": HOSTILE},
        ),
    ]
    paper = Published(
        source=HOSTILE, model="sam2.1-l", note=HOSTILE, rows={"[b]*Theirs*": {"Q": 99.0}}
    )
    runs = score_runs(folders, store.sequences, jf=True)
    table = make_table(runs, "fifo", len(names), published=paper)
    grids = table_grids(table)
    assert {"overview", "sequences", "objects", "jf", "returns", "published"} <= grids.keys()
    body = "".join(render_tables(own, table.title) for own in grids.values())
    (tmp_path / "all.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        f"{body}\\end{{document}}\n",
        encoding="utf-8",
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 0
    assert "undefined" not in said
