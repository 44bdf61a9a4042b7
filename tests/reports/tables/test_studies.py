"""Tables of studies from their CSV files, by numbers computed by hand."""

import re

import numpy as np
import pytest
from fake_results import sequence

from vot_memory.errors import InputError
from vot_memory.learn.studies.ablation import FIFO, HIDDEN
from vot_memory.learn.studies.run import STUDIES
from vot_memory.reports import Wanted, write_report
from vot_memory.reports.pages.markdown_grids import render_grid
from vot_memory.reports.pages.study_grids import study_grid
from vot_memory.reports.plots.ablation import ablation_alt, ablation_plot
from vot_memory.reports.plots.ceilings import ceilings_alt, ceilings_plot
from vot_memory.reports.tables.ablation import WORDS
from vot_memory.reports.tables.studies import read_studies
from vot_memory.reports.text import MINUS

CEILINGS = "sequence,ceiling,Q"
CALIBRATION = "clip,slots,decisions,method,seed,budget,Q,optimum"
PERTURBED = "sequence,perturbation,draw,policy,Q"
ABLATION = "sequence,without,Q"
CAUSAL = "sequence,rule,Q"
READINGS = "sequence,rows,pointers,policy,frames,Q"
OTHER = "other, nano@0123456789ab, 256 px, float32, training 0a1b"
APART = (
    "Another split than this report's: other, not fake.",
    "Another model, size or precision than this report's: nano@0123456789ab, 256 px, float32, not "
    "nano@0123456789ab, 128 px, float32.",
)


@pytest.fixture
def read(tmp_path):
    def from_lines(*lines):
        file = tmp_path / "study.csv"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        (study,) = read_studies([file])
        return study

    return from_lines


def ceilings(head=CEILINGS, **qualities):
    """Lines of ceilings on videos a, b, c ..."""
    return [
        head,
        *(
            f"{video},{name.replace('_', '-')},{quality}"
            for name, values in qualities.items()
            for video, quality in zip("abcd", values, strict=False)
        ),
    ]


def rows_by(study, name):
    return {row[name]: row for row in study.records()}


def test_ceilings_stand_in_groups_with_their_gain_and_share(read):
    study = read(
        *ceilings(
            both=(0.9, 0.9, 0.9, 0.9),
            hindsight=(0.7, 0.8, 0.6, 0.5),
            causal=(0.6, 0.7, 0.6, 0.5),
            learned=(0.55, 0.7, 0.5, 0.45),
            fifo=(0.5, 0.6, 0.5, 0.4),
        )
    )
    rows = rows_by(study, "ceiling")
    assert list(rows) == ["fifo", "learned", "causal", "hindsight", "both"]
    assert [row["group"] for row in rows.values()] == [
        "deployable",
        "deployable",
        "causal",
        "hindsight",
        "component",
    ]
    assert rows["learned"]["gain"] == pytest.approx(0.2 / 4)
    assert rows["learned"]["share"] == pytest.approx(0.2 / 0.6)  # gains 5 10 0 5 of 20 20 10 10
    assert rows["causal"]["share"] == pytest.approx(0.4 / 0.6)
    assert rows["hindsight"]["gain_low"] < 0.15 < rows["hindsight"]["gain_high"]
    assert np.isnan([rows[n]["share"] for n in ("fifo", "hindsight", "both")]).all()
    assert np.isnan(rows["fifo"]["gain"])
    assert "| learned | one policy for all videos | nothing: it can track | 0.550 | +0.050 |" in (
        render_grid(study_grid(study))
    )


def test_ceilings_cover_the_videos_that_all_have(read):
    study = read(*ceilings(fifo=(0.5, 0.6, 0.1), causal=(0.7, 0.6)))
    assert rows_by(study, "ceiling")["fifo"]["Q"] == pytest.approx(0.55)
    assert "Means over 2 videos that all ceilings have; 1 video left out." in study.notes
    assert "share" not in [measure.name for measure in study.measures]


def test_a_video_is_the_mean_over_its_objects(read):
    head = "sequence,object,ceiling,Q"
    study = read(head, "a,1,fifo,0.2", "a,2,fifo,0.4", "a,1,causal,0.5", "a,2,causal,0.6")
    assert rows_by(study, "ceiling")["causal"]["gain"] == pytest.approx(0.55 - 0.3)


def test_the_figure_of_ceilings_keeps_groups_apart_and_fills_only_what_tracks(read):
    study = read(
        *ceilings(fifo=(0.5, 0.6), learned=(0.6, 0.8), hindsight=(0.7, 0.9), memory=(0.8, 0.8))
    )
    figure = ceilings_plot(study)
    assert [len(axes.get_yticks()) for axes in figure.axes] == [2, 1, 1]
    for i, axes in enumerate(figure.axes):
        dots = [line for line in axes.lines if line.get_marker() not in ("None", None, "")]
        assert all((dot.get_markerfacecolor() == "white") == (i > 0) for dot in dots)
    learned = figure.axes[0].lines[-2]  # the last is the axis at 0
    assert learned.get_xdata() == pytest.approx([0.15])
    assert "told the truth of all frames: hindsight +0.250" in ceilings_alt(study)


def test_calibration_by_hand(read):
    study = read(
        CALIBRATION,
        "x,7,4,beam,0,100,0.8,0.8",
        "x,7,4,beam,1,100,0.7,0.8",
        "y,7,4,beam,0,100,0.6,0.6",
        "x,7,4,beam,0,10,0.5,0.8",
        "y,7,4,random,0,100,0.599999,0.6",  # rounding
        "x,3,8,beam,0,100,0.7,0.9",  # the clip's other window has an optimum of its own
    )
    rows = {(row["slots"], row["method"], row["budget"]): row for row in study.records()}
    runs = [(3, "beam", 100), (7, "beam", 10), (7, "beam", 100), (7, "random", 100)]
    assert list(rows) == runs
    own = rows[7, "beam", 100]
    assert (own["clips"], own["runs"]) == (2, 3)
    assert own["exact"] == pytest.approx((0.5 + 1) / 2)  # of x one seed of two, of y all
    assert own["gap"] == pytest.approx((0.05 + 0) / 2)
    assert own["worst"] == pytest.approx(0.1)
    assert rows[7, "random", 100]["exact"] == 1
    assert rows[7, "beam", 10]["exact"] == 0
    assert rows[3, "beam", 100]["gap"] == pytest.approx(0.2)


def test_causal_rules_by_hand(read):
    lines = ("a,bound 0.5,0.5", "b,bound 0.5,0.7", "a,bound 0.2 absent,0.8", "b,bound 0.2 absent,1")
    study = read(CAUSAL, "a,fifo,0.6", "b,fifo,0.7", *lines)
    rows = rows_by(study, "rule")
    assert list(rows) == ["fifo", "bound 0.2 absent", "bound 0.5"]
    assert [row["Q"] for row in rows.values()] == pytest.approx([0.65, 0.9, 0.6])
    assert rows["bound 0.5"]["gain"] == pytest.approx(-0.05)
    assert np.isnan(rows["fifo"]["gain"])


def test_perturbations_by_hand(read):
    study = read(
        PERTURBED,
        "a,none,0,fifo,0.5",
        "b,none,0,fifo,0.6",
        "a,none,0,best-found,0.7",
        "b,none,0,best-found,0.9",
        "a,drop 5%,0,fifo,0.4",
        "a,drop 5%,1,fifo,0.5",
        "b,drop 5%,0,fifo,0.6",
        "a,drop 5%,0,best-found,0.5",
        "a,drop 5%,1,best-found,0.6",
        "b,drop 5%,0,best-found,0.7",
    )
    rows = {(row["perturbation"], row["policy"]): row for row in study.records()}
    found = rows["drop 5%", "best-found"]
    assert found["Q"] == pytest.approx((0.55 + 0.7) / 2)  # draws before videos
    assert found["lost"] == pytest.approx((0.15 + 0.2) / 2)
    assert found["gain"] == pytest.approx((0.1 + 0.1) / 2)
    assert (found["lost_low"], found["lost_high"]) == pytest.approx((0.15, 0.2))
    assert rows["drop 5%", "fifo"]["lost"] == pytest.approx(0.025)
    assert np.isnan(rows["none", "best-found"]["lost"])
    assert rows["none", "best-found"]["gain"] == pytest.approx(0.25)
    assert np.isnan(rows["drop 5%", "fifo"]["gain"])


def test_readings_are_compared_with_the_first(read):
    study = read(
        "# a setting",
        READINGS,
        "a,rank,recent,fifo,79,0.5",
        "a,rank,recent,best-found,900,0.6",
        "b,rank,recent,fifo,79,0.5",
        "b,rank,recent,best-found,900,0.8",
        "a,offset,bank,fifo,79,0.4",
        "a,offset,bank,best-found,900,0.7",
        "b,offset,bank,fifo,79,0.5",
        "b,offset,bank,best-found,900,0.8",
    )
    first, other = study.records()
    assert (first["rows"], first["pointers"]) == ("rank", "recent")
    assert first["gain"] == pytest.approx(0.2)
    assert other["gain"] == pytest.approx(0.3)
    assert other["fifo_gain"] == pytest.approx(-0.05)
    assert other["found_gain"] == pytest.approx(0.05)
    assert np.isnan([first["fifo_gain"], first["found_gain"]]).all()


def readings(*lines):
    """Both policies under two readings on videos a and b, then some lines."""
    kinds = ("rank,recent,fifo", "rank,recent,best-found", "offset,bank,fifo")
    kinds = (*kinds, "offset,bank,best-found")
    rows = [f"{v},{kind},79,0.{4 + i}" for v in "ab" for i, kind in enumerate(kinds)]
    return [READINGS, *rows, *lines]


def test_readings_cover_the_videos_that_all_have(read):
    whole = read(*readings())
    study = read(*readings("c,rank,recent,fifo,79,0.9", "c,rank,recent,best-found,900,1.0"))
    assert study.rows.equals(whole.rows)
    assert study.notes[0] == "Means over 2 videos that all readings have; 1 video left out."
    assert whole.notes[0] == "Means over 2 videos that all readings have."


def ablation(**qualities):
    """Lines of an ablation on videos a, b, c ..."""
    return ceilings(ABLATION, **qualities)


def test_an_ablation_by_hand(read):
    study = read(
        "# a setting",
        *ablation(
            mask=(0.6, 0.8, 0.7),
            age=(0.4, 0.6, 0.6),
            nothing=(0.5, 0.8, 0.7),
            fifo=(0.5, 0.7, 0.5),
        ),
    )
    rows = rows_by(study, "without")
    assert list(rows) == ["fifo", "nothing", "age", "mask"]  # what is missed most comes first
    assert rows["age"]["Q"] == pytest.approx(1.6 / 3)
    assert rows["age"]["change"] == pytest.approx(-0.4 / 3)
    assert rows["age"]["gain"] == pytest.approx(-0.1 / 3)
    assert -0.201 <= rows["age"]["change_low"] < -0.4 / 3 < rows["age"]["change_high"] <= -0.099
    assert rows["fifo"]["change"] == pytest.approx(-0.3 / 3)
    assert rows["nothing"]["gain"] == pytest.approx(0.3 / 3)
    assert np.isnan([rows["nothing"]["change"], rows["fifo"]["gain"]]).all()
    table = render_grid(study_grid(study))
    assert "| fifo | SAM 2's own rule | 0.567 |" in table
    assert f"| age | age and order of memories | 0.533 | {MINUS}0.133 |" in table


def test_an_ablation_covers_the_videos_that_all_have(read):
    study = read(*ablation(fifo=(0.5, 0.6), nothing=(0.7, 0.6, 0.1)))
    assert rows_by(study, "without")["nothing"]["Q"] == pytest.approx(0.65)
    assert "Means over 2 videos that all ablations have; 1 video left out." in study.notes


def test_every_group_of_features_has_its_words():
    assert list(WORDS) == [FIFO, *HIDDEN]


def test_the_figure_of_an_ablation_is_about_the_whole_policy(read):
    study = read(*ablation(fifo=(0.5, 0.6), nothing=(0.6, 0.8), age=(0.4, 0.7), mask=(0.6, 0.8)))
    rule, learned = ablation_plot(study).axes
    assert [tick.get_text() for tick in rule.get_yticklabels()] == ["fifo: SAM 2's own rule"]
    names = [tick.get_text().partition(":")[0] for tick in learned.get_yticklabels()]
    assert names == ["nothing", "age", "mask"]
    dots = [line for line in learned.lines if line.get_marker() not in ("None", None, "")]
    assert [dot.get_xdata()[0] for dot in dots] == pytest.approx([0, -0.15, 0])
    assert ablation_alt(study).endswith(
        f"fifo {MINUS}0.150; fitted without age {MINUS}0.150, mask 0.000."
    )
    alone = read(*ablation(fifo=(0.5, 0.6), nothing=(0.6, 0.8)))
    assert ablation_alt(alone).endswith(f"features: fifo {MINUS}0.150.")
    assert len(ablation_plot(alone).axes) == 2


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a,b", "1,2"], "is no study, its columns are a,b: give a CSV"),
        ([CEILINGS, "a,fifo,1.2"], "line 2: Q is 1.2, but lies between 0 and 1"),
        ([CEILINGS, "a,fifo,0.5", "a,oracel,0.5"], "line 3: Unknown ceiling 'oracel'"),
        ([CEILINGS, "a,fifo,0.5", "a,fifo,0.6"], "line 3: sequence a, ceiling fifo stands in"),
        ([CEILINGS, "a,causal,0.5"], "there is no ceiling 'fifo'"),
        ([CEILINGS, "a,causal,0.5", "b,fifo,0.5"], "no video has all of the ceilings"),
        ([CALIBRATION, "x,7,4,beam,0,9,0.8,0.7"], "line 2: Q 0.8 lies above the optimum 0.7 of x"),
        (
            [CALIBRATION, "x,7,4,beam,0,9,0.6,0.7", "x,7,4,beam,1,9,0.6,0.8"],
            "4 decisions is 0.8, but 0.7",
        ),
        ([PERTURBED, "a,drop 5%,0,fifo,0.5"], "fifo has no perturbation 'none'"),
        ([PERTURBED, "a,none,0,,0.5"], "line 2: policy is empty"),
        ([ABLATION, "a,fifo,0.5"], "there is no ablation 'nothing', which the others are compared"),
        ([ABLATION, "a,nothing,0.5"], "there is no ablation 'fifo'"),
        ([ABLATION, "a,nothing,0.5", "b,fifo,0.5"], "no video has all of the ablations nothing, f"),
        ([ABLATION, "a,fifo,0.5", "a,fifo,0.6"], "line 3: sequence a, without fifo stands in"),
        ([ABLATION, "a,,0.5"], "line 2: without is empty"),
        ([READINGS, *["a,rank,bank,fifo,79,0.5"] * 2], "stands in"),
        ([READINGS, "a,rank,bank,samurai,79,0.5"], "line 2: Unknown policy 'samurai'"),
        ([READINGS, "a,rank,bank,fifo,79,0.5", "b,rank,recent,fifo,79,0.5"], "no video has all"),
    ],
)
def test_one_sentence_says_what_is_wrong(read, lines, said):
    with pytest.raises(InputError, match=r"study\.csv") as error:
        read(*lines)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("head", [CEILINGS, CALIBRATION, PERTURBED, ABLATION, CAUSAL, READINGS])
def test_damaged_studies_are_refused_by_the_command(refuses, tmp_path, head):
    file = tmp_path / "study.csv"
    file.write_text(f"# setting\n{head}\n")
    said = refuses("report", "--study", file)
    assert (
        said
        == f"vot-memory: {file} holds no studies, only a head: make it again, or leave it out.\n"
    )
    cells = {"Q": "abc", "ceiling": "fifo", "policy": "fifo"}
    file.write_text(f"# setting\n{head}\n{','.join(cells.get(c, '1') for c in head.split(','))}\n")
    assert refuses("report", "--study", file) == (
        f"vot-memory: {file}, line 3: Q is 'abc', not a number: correct the line, or make the file "
        "again.\n"
    )


def test_the_help_names_every_study(vot):
    said = " ".join(vot("report", "--help").out.split())
    named = said.partition("What a study found: ")[2].partition(";")[0].split(", ")
    assert sorted(named) == sorted(STUDIES)


def test_files_of_one_kind_make_one_table(tmp_path):
    parts = ceilings(fifo=(0.5, 0.6)), ceilings(causal=(0.6, 0.7))
    files = [tmp_path / f"{i}.csv" for i in range(2)]
    for file, lines in zip(files, parts, strict=True):
        file.write_text("\n".join(lines), encoding="utf-8")
    (study,) = read_studies(files)
    assert study.name == "ceilings"
    assert list(rows_by(study, "ceiling")) == ["fifo", "causal"]
    assert read_studies([]) == ()


def test_a_study_says_what_it_was_made_on(read, tmp_path):
    study = read("# ceilings: synth-dev, nano, 128 px, float32", *ceilings(fifo=(0.5, 0.6)))
    assert study.made_on == "Made on synth-dev, nano, 128 px, float32."
    assert read(*ceilings(fifo=(0.5, 0.6))).made_on == ""
    files = [tmp_path / f"{video}.csv" for video in "abc"]
    for file, size in zip(files, (128, 256, 128), strict=True):
        line = f"# ceilings: synth-dev, nano, {size} px, float32"
        file.write_text(f"{line}\n{CEILINGS}\n{file.stem},fifo,0.5\n")
    (study,) = read_studies(files)
    assert study.made_on == (
        "Made on synth-dev, nano, 128 px, float32; and on synth-dev, nano, 256 px, float32."
    )


def test_a_report_shows_studies_beside_its_tables(results, tmp_path, monkeypatch):
    monkeypatch.setattr("vot_memory.reports.report.PLOTS", ())
    monkeypatch.setattr("vot_memory.reports.report.choose", lambda section, count, names: ())
    store = results(sequence("a"))
    store.run("fifo", {"a": 50})
    files = {
        "ceilings": ceilings(fifo=(0.5, 0.6), learned=(0.6, 0.8)),
        "ablation": [f"# ablation: {OTHER}", *ablation(fifo=(0.5, 0.6), nothing=(0.6, 0.8))],
        "calibration": [CALIBRATION, "x,7,4,<b>,0,9,0.7,0.7"],
    }
    for name, lines in files.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines), encoding="utf-8")
    curves = tmp_path / "curves.csv"
    points = ("method,sequence,seed,frames,Q", "beam,a,0,10,0.6", "ppo,a,0,900,0.5")
    curves.write_text("\n".join(points), encoding="utf-8")
    studies = tuple(tmp_path / f"{name}.csv" for name in files)
    wanted = Wanted(studies=studies, curves=(curves,), formats=("png",))
    report = write_report(store.root, "fake", "fifo", tmp_path / "report", wanted=wanted)
    written = {file.relative_to(report.folder).as_posix() for file in report.files}
    tables = {
        f"tables/{name}.{kind}" for name in (*files, "reached") for kind in ("csv", "md", "tex")
    }
    assert tables | {"plots/ceilings.png", "plots/ablation.png"} <= written
    page = (report.folder / "index.html").read_text().replace("&#39;", "'")
    text = (report.folder / "report.md").read_text()
    for said in (page, text):
        assert "Search and training" in said
        assert "Ceilings of memory decisions" in said
        assert "Frames to find as much as ppo" in said
        assert "Search where the optimum is known" in said
        assert "Features of the learned policy" in said
        assert "plots/ceilings.png" in said
        assert f"Made on {OTHER}." in said
        for sentence in APART:
            assert said.count(sentence) == 1
        assert "&lt;b&gt;" in said
    assert "<b>" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    for kind in ("md", "tex"):
        said = (report.folder / "tables" / f"ablation.{kind}").read_text()
        assert " ".join([f"Made on {OTHER}.", *APART]) in said
    assert (report.folder / "tables" / "calibration.csv").read_text().splitlines()[1] == (
        "7,4,<b>,9,1,1,1,0,0"
    )
