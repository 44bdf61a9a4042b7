import pytest

from vot_memory.building import Building


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
