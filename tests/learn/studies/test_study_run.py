"""Which videos a study takes, and the one table that its processes share."""

from __future__ import annotations

from pathlib import Path

import pytest
from short import short_videos

from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.learn.studies.run import STUDIES, Kind, run_study
from vot_memory.learn.studies.settings import StudySettings


@pytest.fixture
def studied(monkeypatch):
    """Study `readings` without the searches; the names of what was studied."""
    names = []

    def rows(study, video):
        names.append(video.name)
        yield video.name, "fifo", 0.5
        yield video.name, "best", 0.75

    kind = Kind(("sequence", "policy", "Q"), rows, lambda settings: 2)
    monkeypatch.setitem(STUDIES, "readings", kind)
    return names


@pytest.fixture
def names():
    return [video.name for video in load_split("synth-smoke").sequences]


def settings(out, **changes):
    return StudySettings("readings", "synth-smoke", out, device="cpu", **changes)


def test_shards_make_the_table_of_one_process(studied, names, tmp_path):
    whole, shared = tmp_path / "whole.csv", tmp_path / "shared.csv"
    run_study(settings(whole))
    assert studied == names
    assert list(tmp_path.iterdir()) == [whole]
    for part in (2, 1, 3):
        studied.clear()
        run_study(settings(shared, shard=f"{part}/3"))
        assert studied == names[part - 1 :: 3]
    assert shared.read_bytes() == whole.read_bytes()
    studied.clear()
    for shard in ("1/1", "1/2"):
        run_study(settings(shared, shard=shard))
    assert studied == []
    assert shared.read_bytes() == whole.read_bytes()


def test_named_videos_alone_are_studied_in_the_order_of_the_split(studied, names, tmp_path):
    out = tmp_path / "table.csv"
    for video in (names[2], names[0]):
        run_study(settings(out, videos=(video,)))
    assert studied == [names[2], names[0]]
    table = out.read_text().splitlines()[2:]
    assert [line.split(",")[0] for line in table] == [names[0]] * 2 + [names[2]] * 2


def test_a_part_of_another_setting_is_refused(studied, tmp_path):
    out = tmp_path / "table.csv"
    run_study(settings(out, shard="1/2"))
    out.unlink()
    with pytest.raises(InputError, match=r"table\.csv\.parts/.*\.csv was made by another setting"):
        run_study(settings(out, shard="2/2", seeds=(1,)))
    assert not out.exists()


def test_a_video_that_lost_a_row_is_studied_again(studied, names, tmp_path):
    out = tmp_path / "table.csv"
    run_study(settings(out))
    whole = out.read_text()
    out.write_text(whole.replace(f"{names[1]},best,0.750000\n", ""))
    studied.clear()
    run_study(settings(out))
    assert (studied, out.read_text()) == ([names[1]], whole)


def test_a_video_that_is_too_short_is_refused_before_others_are_studied(studied, names, tmp_path):
    out = tmp_path / "table.csv"
    with short_videos(8), pytest.raises(InputError, match=f"{names[0]} has 8 frames .* needs 9"):
        run_study(settings(out))
    assert (studied, out.exists()) == ([], False)


def test_more_shards_than_videos(studied, tmp_path):
    with pytest.raises(InputError, match="--shard 9/9 has no video: give fewer parts"):
        run_study(settings(tmp_path / "table.csv", shard="9/9"))


@pytest.mark.parametrize(
    ("study", "given", "says"),
    [
        ("readings", {"policies": ("sam3",)}, "Study readings has no --policy: leave it out"),
        ("causal", {"bound": 0.2}, "Study causal has no --bound"),
        ("causal", {"absent": True}, "Study causal has no --absent"),
        ("readings", {"budgets": (10, 20)}, "Study readings searches once: give --budget once"),
        ("ceilings", {"bound": float("nan"), "found": Path("a")}, "nan is no overlap: give 0 to 1"),
    ],
)
def test_options_of_other_studies_are_refused(study, given, says):
    with pytest.raises(InputError, match=says):
        StudySettings(study, "synth-smoke", Path("table.csv"), **given)
