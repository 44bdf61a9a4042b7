from __future__ import annotations

from vot_memory.learn.imitation.policy_file import load_learned
from vot_memory.results import Identity
from vot_memory.run_labels import run_labels


def identity(policy, policy_config=None, **changes):
    fixed = {
        "tracker": "sam2",
        "model": "nano@0123456789ab",
        "image_size": 128,
        "dtype": "float32",
        "protocol": "common",
        "prompt": "mask",
        "policy_source": "0" * 64,
        "dataset": "synth-dev",
        "dataset_digest": "0" * 64,
        "seed": 0,
        "non_overlap": False,
    }
    return Identity(policy=policy, policy_config=policy_config or {}, **fixed | changes)


def test_labels_name_changed_options_and_tell_twins_apart():
    assert run_labels(
        [
            identity("fifo", {"num_maskmem": 7}),
            identity("fifo", {"num_maskmem": 4}),
            identity("random", seed=1),
            identity("random", seed=2),
            identity("first", policy_source="a" * 64),
            identity("first", policy_source="b" * 64),
            identity("not.installed:Rule", {"gain": 0.5}),
            identity("learned", {"weights_sha256": load_learned().sha256, "other_model": False}),
            identity("learned", {"weights_sha256": "c" * 64, "other_model": True}),
            identity("replay", {"file_sha256": "d" * 64}),
        ]
    ) == [
        "fifo",
        "fifo (num_maskmem=4)",
        "random [seed 1]",
        "random [seed 2]",
        "first [source aaaaaa]",
        "first [source bbbbbb]",
        "not.installed:Rule (gain=0.5)",
        "learned",
        "learned (weights=cccccc, other_model=true)",
        "replay",
    ]


def test_files_stand_in_labels_only_where_they_tell_apart():
    """A replay is its file, which says nothing where there is but one."""
    digests = ("d" * 64, "e" * 64)
    replays = [identity("replay", {"file_sha256": digest}) for digest in digests]
    agents = identity("sam2rl", {"agents_sha256": "f" * 64})
    assert run_labels([replays[0], agents]) == ["replay", "sam2rl"]
    assert run_labels([*replays, agents]) == [
        "replay [file dddddd]",
        "replay [file eeeeee]",
        "sam2rl",
    ]
    same = identity("replay", {"file_sha256": "d" * 63 + "e"})
    assert len(set(run_labels([replays[0], same]))) == 2
