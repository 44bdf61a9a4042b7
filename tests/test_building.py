import pytest

from vot_memory.building import Building, check_new_folder
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


def test_folders_that_hold_something_are_refused(tmp_path):
    check_new_folder(tmp_path)
    check_new_folder(tmp_path / "new")
    (tmp_path / "a").touch()
    for place in (tmp_path, tmp_path / "a"):
        with pytest.raises(InputError, match="not empty"):
            check_new_folder(place)
