"""Which videos a study takes, and the one table that its processes share."""

from __future__ import annotations

import pytest

from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.learn.studies.run import STUDIES, StudySettings, run_study


@pytest.fixture
def studied(monkeypatch):
    """Study `readings` without the searches; the names of what was studied."""
    names = []

    def rows(study, video):
        names.append(video.name)
        yield video.name, "fifo", 0.5
        yield video.name, "best", 0.75

    monkeypatch.setitem(STUDIES, "readings", (("sequence", "policy", "Q"), rows))
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
