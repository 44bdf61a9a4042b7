"""Replay: what is refused, and what a decision means."""

from __future__ import annotations

import json

import pytest
import torch
from simulation import Simulation

from vot_memory.errors import InputError
from vot_memory.policy import DISCARD
from vot_memory.registry import load_policy


def recorded(tmp_path, actions, **changes):
    content = {
        "model": "model",
        "image_size": 128,
        "tracks": [{"sequence": "clip", "object": "1", "actions": actions}],
    }
    file = tmp_path / "decisions.json"
    file.write_text(json.dumps(content | changes))
    return load_policy("replay", {"file": str(file)})


def test_actions_name_stored_memories_from_oldest_to_newest(tmp_path):
    simulation = Simulation(recorded(tmp_path, [0, 1, 6, 2]))
    slots = simulation.run(11)
    # t=7 discards; t=8 replaces the oldest (frame 1, slot 1); t=9 the newest (frame 8, slot 1);
    # t=10 the second oldest: stored are 2 3 4 5 6 9, so frame 3 in slot 3.
    assert slots == [1, 2, 3, 4, 5, 6, DISCARD, 1, 1, 3]
    assert sorted(simulation.bank.frame[0].tolist()) == [0, 2, 4, 5, 6, 9, 10]


def test_rows_by_offset_are_clipped_to_the_oldest_row(tmp_path):
    simulation = Simulation(recorded(tmp_path, [0] * 13, rows="offset"))
    simulation.run(20)
    assert simulation.read(20)[0] == [(0, 6)] + [(f, 5) for f in range(1, 7)]


def test_fingerprint_is_the_content_not_the_path(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = recorded(tmp_path / "a", [1]), recorded(tmp_path / "b", [1])
    assert one.fingerprint() == two.fingerprint()
    assert one.fingerprint() != recorded(tmp_path / "b", [2]).fingerprint()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "other"}, "recorded with model other, this run has model"),
        ({"image_size": 256}, "recorded with image size 256, this run has 128"),
        ({"slots": 8}, "numbers 8 slots by rank, the model has 7 temporal rows"),
        ({"tracks": []}, "no decisions for object '1' of sequence 'clip'"),
    ],
)
def test_another_setting_is_refused(tmp_path, changes, words):
    policy = recorded(tmp_path, [1, 1], **changes)
    with pytest.raises(InputError, match=words):
        Simulation(policy)


def test_a_longer_video_is_refused(tmp_path):
    simulation = Simulation(recorded(tmp_path, [1, 1]))
    with pytest.raises(InputError, match=r"ends before frame 9 of its object, .*: record it"):
        simulation.run(12)


def test_an_action_beyond_the_bank_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"has action 7, with 7 slots the actions are 0\.\.6"):
        recorded(tmp_path, [7])


def test_two_entries_for_one_object_are_refused(tmp_path):
    tracks = [{"sequence": "clip", "object": "1", "actions": [n]} for n in (1, 2)]
    with pytest.raises(InputError, match="object '1' of sequence 'clip' is there twice"):
        recorded(tmp_path, [], tracks=tracks)


def test_more_decisions_than_the_video_has_frames_for_are_refused(tmp_path):
    policy = recorded(tmp_path, [1] * 5)
    Simulation(policy, num_frames=12).run(12)
    with pytest.raises(InputError, match=r"has 5 decisions for object '1' .* has room for 4"):
        Simulation(policy, num_frames=11)


@pytest.mark.parametrize("content", ["", "{}", '{"tracks": 3}', "[1]"])
def test_what_is_no_replay_file_is_refused(tmp_path, content):
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"x\.json is not a replay file"):
        load_policy("replay", {"file": str(file)})


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="Cannot read the replay file"):
        load_policy("replay", {"file": str(tmp_path / "none.json")})
    with pytest.raises(InputError, match="needs a file"):
        load_policy("replay")


def test_rows_keep_their_own_decisions(tmp_path):
    policy = recorded(
        tmp_path,
        [],
        tracks=[
            {"sequence": "clip", "object": "1", "actions": [0, 0, 0]},
            {"sequence": "clip", "object": "2", "actions": [3]},
        ],
    )
    state = policy.reset(1, torch.device("cpu"), None)
    assert state["decisions"].shape == (1, 3)
    assert (state["decisions"] == -1).all()


def test_a_video_of_another_length_is_refused(tmp_path):
    tracks = [{"sequence": "clip", "object": "1", "actions": [1] * 5, "num_frames": 12}]
    policy = recorded(tmp_path, [], tracks=tracks)
    Simulation(policy, num_frames=12).run(12)
    with pytest.raises(InputError, match="recorded on 12 frames of sequence 'clip', which has 11"):
        Simulation(policy, num_frames=11)
    Simulation(policy, num_frames=None).run(12)  # a stream does not know its length
