import pytest

from vot_memory.commands.listing import listing
from vot_memory.errors import InputError
from vot_memory.registry import policy_names


def cells(kind, data=None):
    headings, rows = listing(kind, data)
    assert all(len(row) == len(headings) for row in rows)
    return {row[0]: row for row in rows}


def test_policies_with_their_defaults():
    rows = cells("policies")
    assert list(rows) == policy_names()
    assert rows["fifo"][1:3] == ["7", "num_maskmem=7"]
    assert "file=..." in rows["replay"][2]  # cannot be made without its file
    assert "agents=..." in rows["sam2rl"][2]


def test_data_that_are_there_and_not(tmp_path, monkeypatch):
    monkeypatch.delenv("VOT_MEMORY_DATA", raising=False)
    assert "davischallenge.org" in cells("splits")["davis-2017-val"][4]
    (tmp_path / "DAVIS").mkdir()
    assert cells("splits", tmp_path)["davis-2017-val"][4] == "found"
    monkeypatch.setenv("VOT_MEMORY_DATA", str(tmp_path))
    assert cells("splits")["davis-2017-val"][4] == "found"
    assert cells("splits")["synth-dev"][4] == "drawn when run"


def test_what_truth_is_here():
    truth = {name: row[3] for name, row in cells("splits").items()}
    assert {truth[name] for name in ("synth-val", "davis-2017-val", "lvos-val")} == {"masks"}
    assert {truth[name] for name in ("mose-val", "youtube-vos-val", "lvos-test")} == {"server only"}


def test_another_kind_is_refused():
    with pytest.raises(InputError, match="did you mean 'models'"):
        listing("model")
