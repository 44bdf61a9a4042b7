from pathlib import Path

import pytest

from vot_memory.datasets.loading import collect_failure, collecting_failures, open_each, read_names
from vot_memory.errors import InputError


def shout(name: str) -> str:
    if name.startswith("no"):
        raise InputError(f"{name} is not there.")
    return name.upper()


def test_the_first_fault_stops() -> None:
    assert open_each(["a", "b"], shout) == ["A", "B"]
    with pytest.raises(InputError, match="no-1 is not there"):
        open_each(["a", "no-1", "no-2"], shout)
    assert not collect_failure("a", InputError("told to nobody"))


def test_faults_can_be_collected() -> None:
    with collecting_failures() as outer:
        assert open_each(["no-1", "b", "no-2"], shout) == ["B"]
        with collecting_failures() as inner:
            assert open_each(["no-3"], shout) == []
        assert collect_failure("c", InputError("c is odd."))
    assert {name: str(error) for name, error in outer.items()} == {
        "no-1": "no-1 is not there.",
        "no-2": "no-2 is not there.",
        "c": "c is odd.",
    }
    assert list(inner) == ["no-3"]
    with pytest.raises(InputError):
        open_each(["no-1"], shout)


def test_what_may_not_be_read_is_a_fault_as_well() -> None:
    def refuse(name: str) -> str:
        raise PermissionError(13, "Permission denied", name)

    with collecting_failures() as failures:
        assert open_each(["a"], refuse) == []
    text = "a cannot be read (Permission denied): make it readable."
    assert {name: str(error) for name, error in failures.items()} == {"a": text}
    with pytest.raises(PermissionError):
        open_each(["a"], refuse)


def test_other_errors_are_not_faults_of_the_data() -> None:
    with collecting_failures(), pytest.raises(ZeroDivisionError):
        open_each(["a"], lambda name: 1 / 0)


def test_lists_have_a_name_a_line(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("\ufeffb\n\n a \r\n", encoding="utf-8")
    assert read_names(file) == ["b", "a"]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(
        InputError, match=r"list\.txt, the list of sequences, is not UTF-8: save it"
    ):
        read_names(file)
    with pytest.raises(InputError, match=r"none\.txt, the list .* \(No such file .*\): add it\."):
        read_names(tmp_path / "none.txt")
    with pytest.raises(
        InputError, match=r"cannot be read \(No .*\): get it from example\.org and put"
    ):
        read_names(tmp_path / "none.txt", "example.org")
    with pytest.raises(InputError, match=r"\(Is a directory\): see to its rights"):
        read_names(tmp_path)
