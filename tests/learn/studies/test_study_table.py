"""A table of a study grows by whole videos."""

from pathlib import Path

import pytest

from vot_memory.errors import InputError
from vot_memory.learn.studies import table as table_module
from vot_memory.learn.studies.table import complete_table

COLUMNS = ("sequence", "policy", "Q")


def test_a_video_is_studied_once_and_the_order_is_that_of_the_videos(tmp_path: Path) -> None:
    path, asked = tmp_path / "made" / "table.csv", []

    def study(name: str) -> list[tuple[str, str, float]]:
        asked.append(name)
        return [(name, "fifo", 0.5), (name, "best", 0.75)]

    complete_table(path, "nano", COLUMNS, ["b"], study)
    rows = complete_table(path, "nano", COLUMNS, ["a", "b", "c"], study)
    assert asked == ["b", "a", "c"]
    assert [row[0] for row in rows] == ["a", "a", "b", "b", "c", "c"]
    assert path.read_text().splitlines()[:3] == ["# nano", "sequence,policy,Q", "a,fifo,0.500000"]


def test_a_study_that_is_stopped_keeps_the_videos_before(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"

    def stopped(name: str) -> list[tuple[str, str, float]]:
        if name == "b":
            raise KeyboardInterrupt
        return [(name, "fifo", 0.5)]

    with pytest.raises(KeyboardInterrupt):
        complete_table(path, "nano", COLUMNS, ["a", "b"], stopped)
    assert path.read_text().splitlines()[2:] == ["a,fifo,0.500000"]


def test_videos_that_another_process_adds_meanwhile_stay(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"

    def study(name: str) -> list[tuple[str, str, float]]:
        complete_table(path, "nano", COLUMNS, ["b"], lambda name: [(name, "fifo", 0.25)])
        return [(name, "fifo", 0.5)]

    rows = complete_table(path, "nano", COLUMNS, ["a"], study)
    assert rows == [["a", "fifo", "0.500000"], ["b", "fifo", "0.250000"]]


def test_a_video_that_another_process_finishes_while_we_write_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real, calls = tmp_path / "table.csv", table_module._write, []

    def share(name: str) -> list[list[str]]:
        rows = [(name, "fifo", 0.5)]
        order = ["a", "b", "c"]
        return complete_table(
            path, "nano", COLUMNS, [name], lambda _: rows, order=order, shared=True
        )

    def interrupted(place: Path, *content: object) -> None:
        if place == path and not calls:  # the other one ends after we read and before we write
            calls.append(place)
            share("a")
        real(place, *content)

    complete_table(path, "nano", COLUMNS, ["c"], lambda name: [(name, "fifo", 0.25)])
    monkeypatch.setattr(table_module, "_write", interrupted)
    rows = share("b")
    assert rows == [["a", "fifo", "0.500000"], ["b", "fifo", "0.500000"], ["c", "fifo", "0.250000"]]
    assert path.read_text().splitlines()[2:] == [",".join(row) for row in rows]


def test_a_part_that_did_not_reach_the_table_is_not_studied_again(tmp_path: Path) -> None:
    whole, path, asked = tmp_path / "whole.csv", tmp_path / "table.csv", []

    def study(name: str) -> list[tuple[str, str, float]]:
        asked.append(name)
        return [(name, "fifo", 0.5)]

    for place in (whole, path):
        complete_table(place, "nano", COLUMNS, ["a", "b"], study, shared=True)
    path.unlink()  # killed between the two
    complete_table(path, "nano", COLUMNS, ["a", "b"], study, shared=True)
    assert asked == ["a", "b"] * 2
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("# other\nsequence,policy,Q\n", "made by another setting"),
        ("# nano\nsequence,Q\n", "does not hold sequence, policy, Q"),
        ("# nano\n", "does not hold"),
        ("# nano\nsequence,policy,Q\nb,fifo\n", "is damaged in line 3"),
    ],
)
def test_another_file_is_not_overwritten(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=words):
        complete_table(path, "nano", COLUMNS, ["a"], lambda name: [])
    assert path.read_text() == content
