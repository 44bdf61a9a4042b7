"""Imitation: a tiny training from end to end, killed and resumed, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from tiny_training import TINY, train
from worlds import golden_model, make_video

from vot_memory.errors import InputError
from vot_memory.learn.finetune import FinetuneSettings
from vot_memory.learn.imitate import train_imitate
from vot_memory.learn.policy_file import load_learned
from vot_memory.learn.simulator import Rules
from vot_memory.progress import Silent
from vot_memory.registry import load_policy

pytestmark = pytest.mark.golden


def content(folder):
    """Bytes of all files; the names of those under construction differ."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Told(Silent):
    """What a training says of its parts."""

    def __init__(self):
        self.total, self.begun, self.were = 0, [], []

    def start(self, total, kind="sequence"):
        self.total = total
        return super().start(total, kind)

    def unit(self, name, work, steps):
        self.begun.append((name, work))

    def skipped(self, name):
        self.were.append(name)


class Killed(Silent):
    """Stops after so many parts."""

    def __init__(self, after):
        self.left = after

    def done(self, name, seconds):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_what_a_training_leaves(trained):
    assert sorted(content(trained)) == [
        "curve.csv",
        "dev/00000.json",
        *(f"labels/{visit // 2}/{visit:05d}.npz" for visit in range(4)),
        "policy.safetensors",
        "round-0.safetensors",
        "round-1.safetensors",
        "settings.json",
    ]
    curve = pd.read_csv(trained / "curve.csv")
    assert curve["policy"].tolist() == ["round-0", "round-1"]
    assert curve["states"].tolist() == [2 * (5 + 4), 2 * (5 + 4)]  # the teacher's, then its own
    assert curve["agreement"].isna().tolist() == [False, True]
    card = load_learned(trained / "policy.safetensors").card
    assert card.model == golden_model().name
    assert card.slots == 4
    best = curve["quality"].idxmax()
    assert card.figures["round"] == best
    assert card.figures["quality"] == curve["quality"][best]
    policy = load_policy("learned", {"weights": str(trained / "policy.safetensors")})
    assert policy.spec.slots == 4


@pytest.mark.parametrize("after", [0, 4, 6])
def test_a_killed_training_ends_as_one_that_was_not(trained, tmp_path, after):
    with pytest.raises(KeyboardInterrupt, match=f"with {after + 1} of 7 parts .* same command"):
        train(tmp_path, progress=Killed(after))
    assert not (tmp_path / "policy.safetensors").exists()
    told = Told()
    train(tmp_path, progress=told)
    assert len(told.were) == after + 1
    assert len(told.were) + len(told.begun) == told.total == 7
    assert content(tmp_path) == content(trained)


def test_more_rounds_go_on_with_what_is_there(trained, tmp_path):
    told = Told()
    train(tmp_path, replace(TINY, rounds=1))
    train(tmp_path, progress=told)
    assert told.were == ["round-0 video", "round-0 video", "round-0"]
    assert told.begun == [
        ("round-1 video", "10 frames, 2 episodes"),
        ("round-1 video", "9 frames, 2 episodes"),
        ("round-1", "5 steps"),
        ("dev video", "9 frames, 3 policies"),
    ]
    assert content(tmp_path).keys() == content(trained).keys()
    for name in ("round-1.safetensors", "labels/1/00003.npz"):
        assert content(tmp_path)[name] == content(trained)[name]


def test_another_training_is_refused(trained):
    with pytest.raises(InputError, match="differs in seed: give another folder"):
        train(trained, replace(TINY, seed=1))
    with pytest.raises(InputError, match="differs in rules"):
        train(trained, replace(TINY, rules=Rules(slots=5)))


def test_a_damaged_folder_is_refused(tmp_path):
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(InputError, match="is damaged: delete the folder"):
        train(tmp_path)


def test_without_videos_nothing_is_made(tmp_path):
    with pytest.raises(InputError, match="no videos"):
        train_imitate(golden_model(), [], [make_video(10)], tmp_path / "new", TINY)
    assert not (tmp_path / "new").exists()


def test_fine_tuning_follows_the_last_round(trained, tmp_path):
    settings = replace(TINY, finetune=FinetuneSettings(iterations=2, videos=1, group=2, lr=1e-2))
    shutil.copytree(trained, tmp_path / "rounds")
    train(tmp_path / "rounds", settings)
    train(tmp_path / "whole", settings)
    assert content(tmp_path / "whole") == content(tmp_path / "rounds")
    added = content(tmp_path / "whole").keys() - content(trained).keys()
    assert added == {"finetune.json", "tuned.safetensors"}
    assert pd.read_csv(tmp_path / "whole" / "curve.csv")["policy"].iloc[-1] == "tuned"
    one, two = (
        load_learned(tmp_path / "whole" / f"{name}.safetensors").network.state_dict()
        for name in ("round-1", "tuned")
    )
    assert any(not one[name].equal(two[name]) for name in one)
    other = replace(settings, finetune=replace(settings.finetune, lr=1e-3))
    with pytest.raises(InputError, match="differs in lr"):
        train(tmp_path / "whole", other)
