import os
import subprocess
import sys

import pytest

from vot_memory.building import (
    Building,
    check_new_folder,
    check_writable,
    remove_stale,
    until_settled,
)
from vot_memory.errors import InputError


def write(path, folder):
    if folder:
        path.mkdir()
        (path / "0.png").write_text("a")
    else:
        path.write_text("a")


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize(
    ("failed", "whole", "stands"),
    [(False, True, True), (True, True, False), (True, False, True), (False, False, True)],
)
def test_it_takes_its_place_at_the_end_or_leaves_nothing(tmp_path, folder, failed, whole, stands):
    building = Building(tmp_path / "out", whole=whole)
    write(building.path, folder)
    assert not building.place.exists()
    building.end(failed=failed)
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if stands else [])


def test_what_is_not_hidden_is_seen_at_once(tmp_path):
    building = Building(tmp_path / "out", whole=False, hidden=False)
    write(building.path, folder=True)
    assert (tmp_path / "out" / "0.png").exists()
    building.end(failed=True)
    assert (tmp_path / "out" / "0.png").exists()


def test_nothing_written_is_nothing_left(tmp_path):
    Building(tmp_path / "out").end(failed=False)
    Building(tmp_path / "out").end(failed=True)
    assert not list(tmp_path.iterdir())


def write_and_stop(place):
    with Building(place) as path:
        path.write_text("b")
        raise KeyboardInterrupt


def test_as_a_context_it_ends_by_itself(tmp_path):
    with Building(tmp_path / "out.txt") as path:
        path.write_text("a")
    with pytest.raises(KeyboardInterrupt):
        write_and_stop(tmp_path / "out.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "a"


def test_a_place_that_cannot_be_taken_leaves_nothing_beside_it(tmp_path):
    write(tmp_path / "out", folder=True)
    building = Building(tmp_path / "out")
    write(building.path, folder=True)
    with pytest.raises(OSError, match="not empty"):
        building.end(failed=False)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_made_for_what_failed_go_with_it(tmp_path):
    (tmp_path / "old").mkdir()
    one, other = (Building(tmp_path / "old/new/newer" / name) for name in "ab")
    for building in (one, other):
        building.path.mkdir(parents=True)
    other.end(failed=True)
    assert one.path.exists()
    one.end(failed=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    place = tmp_path / "a[1].mp4"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    (tmp_path / f".a[1].{ended.pid}.tmp.mp4").touch()
    (tmp_path / f".a[1].{os.getpid()}.tmp.mp4").mkdir()  # its number is ours by now
    (tmp_path / f".a[1].{os.getpid()}.tmp.mp4/0.png").touch()
    others = {
        f".a[1].{os.getppid()}.tmp.mp4",  # of a process that runs
        f".a[1].{ended.pid}.tmp.avi",
        f".a1.{ended.pid}.tmp.mp4",
        f"a[1].{ended.pid}.tmp.mp4",
        ".a[1].tmp.mp4",
        ".a[1].99999999999999999999.tmp.mp4",
    }
    for name in others:
        (tmp_path / name).touch()
    remove_stale(place)
    assert {path.name for path in tmp_path.iterdir()} == others
    remove_stale(tmp_path / "none" / "a.mp4")


def test_places_are_tried_without_a_trace(tmp_path):
    check_writable(tmp_path / "new" / "newer" / "a.mp4")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").touch()
    with pytest.raises(NotADirectoryError, match="overlay") as caught:
        check_writable(tmp_path / "a" / "overlay.mp4")
    assert caught.value.filename == str(tmp_path / "a" / "overlay.mp4")


def test_folders_that_hold_something_are_refused(tmp_path):
    check_new_folder(tmp_path)
    check_new_folder(tmp_path / "new")
    (tmp_path / "a").touch()
    for place in (tmp_path, tmp_path / "a"):
        with pytest.raises(InputError, match="not empty"):
            check_new_folder(place)


def test_parts_that_turn_up_while_the_whole_is_written_are_written_again():
    arriving = iter([["a"], ["a", "b"], ["a", "b"]])
    assert list(until_settled(lambda: next(arriving))) == [["a"], ["a", "b"]]
    assert list(until_settled(list)) == []
