"""Imitation: a tiny training from end to end, killed and resumed, and what is refused."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from tiny_training import TINY, train
from worlds import golden_model, make_video

from vot_memory.errors import InputError
from vot_memory.learn.imitation.finetune import FinetuneSettings
from vot_memory.learn.imitation.imitate import train_imitate
from vot_memory.learn.imitation.policy_file import load_learned
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
    with pytest.raises(
        InputError, match=r"differs in --seed \(0 there, 1 here\): go on by its own"
    ):
        train(trained, replace(TINY, seed=1))
    with pytest.raises(InputError, match=r"differs in --slots \(4 there, 5 here\)"):
        train(trained, replace(TINY, rules=Rules(slots=5)))
    train_on = ([make_video(10), make_video(9, label=2)], [make_video(9, label=4)])
    with pytest.raises(InputError, match="differs in the videos of --dev: go on"):
        train_imitate(golden_model(), *train_on, trained, TINY)


def test_no_round_is_chosen_on_what_it_was_fitted_to(tmp_path):
    videos = [make_video(10), make_video(9, label=2)]
    with pytest.raises(InputError, match=r"Sequence video is in both splits \(1 are\)"):
        train_imitate(golden_model(), videos, videos[:1], tmp_path / "new", TINY)
    assert not (tmp_path / "new").exists()


def test_videos_without_a_decision_are_refused_before_anything_is_made(tmp_path):
    videos = [make_video(10), make_video(5)]
    with pytest.raises(InputError, match=r"video has 5 frames .* needs 6: leave it out"):
        train_imitate(golden_model(), videos, [make_video(9)], tmp_path / "new", TINY)
    assert not (tmp_path / "new").exists()


def test_fewer_rounds_do_not_replace_what_more_have_found(trained):
    before = content(trained)
    with pytest.raises(InputError, match="has 2 rounds, which --rounds 1 would leave out: give"):
        train(trained, replace(TINY, rounds=1))
    assert content(trained) == before


@pytest.mark.parametrize(
    "name", ["labels/1/00002.npz", "labels/0/00001.npz", "dev/00000.json", "round-0.safetensors"]
)
@pytest.mark.parametrize("left", [0, 40])
def test_a_damaged_part_is_named_and_can_be_made_again(trained, tmp_path, name, left):
    folder = tmp_path / "copy"
    shutil.copytree(trained, folder)
    for later in ("round-1.safetensors", "policy.safetensors"):
        (folder / later).unlink()
    (folder / name).write_bytes((folder / name).read_bytes()[:left])
    with pytest.raises(InputError, match=f"{name}.*: delete it and give the same command again"):
        train(folder)
    (folder / name).unlink()
    train(folder)
    assert content(folder) == content(trained)


def test_a_damaged_folder_is_refused(tmp_path):
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(InputError, match="is damaged: delete its folder"):
        train(tmp_path)


def test_without_videos_nothing_is_made(tmp_path):
    with pytest.raises(InputError, match="no videos"):
        train_imitate(golden_model(), [], [make_video(10)], tmp_path / "new", TINY)
    assert not (tmp_path / "new").exists()


def tuning(iterations, **changes):
    how = FinetuneSettings(iterations=iterations, videos=1, group=2, lr=1e-2)
    return replace(TINY, finetune=replace(how, **changes))


def test_fine_tuning_follows_the_last_round(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "rounds")
    train(tmp_path / "rounds", tuning(2))
    train(tmp_path / "whole", tuning(2))
    one, two = content(tmp_path / "whole"), content(tmp_path / "rounds")
    assert one.keys() - content(trained).keys() == {
        *("finetune.json", "finetune.pt", "tuned-2.safetensors"),
    }
    del one["finetune.pt"], two["finetune.pt"]
    assert one == two
    assert pd.read_csv(tmp_path / "whole" / "curve.csv")["policy"].iloc[-1] == "tuned-2"
    before, after = (
        load_learned(tmp_path / "whole" / f"{name}.safetensors").network.state_dict()
        for name in ("round-1", "tuned-2")
    )
    assert any(not before[name].equal(after[name]) for name in before)
    with pytest.raises(InputError, match=r"differs in --lr \(0.01 there, 0.001 here\)"):
        train(tmp_path / "whole", tuning(2, lr=1e-3))


def test_more_updates_go_on_from_those_that_are_there_and_fewer_are_refused(trained, tmp_path):
    for folder, steps in (("grown", (1, 3)), ("whole", (3,))):
        shutil.copytree(trained, tmp_path / folder)
        for iterations in steps:
            train(tmp_path / folder, tuning(iterations))
    grown, whole = (content(tmp_path / folder) for folder in ("grown", "whole"))
    assert grown["tuned-3.safetensors"] == whole["tuned-3.safetensors"]
    assert grown["curve.csv"] == whole["curve.csv"]
    for fewer in (1, 0):
        with pytest.raises(InputError, match=f"by 3 updates, which --finetune {fewer} would leave"):
            train(tmp_path / "grown", tuning(fewer))
