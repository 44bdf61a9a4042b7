"""The generator: deterministic, frozen, lazy, and its labels say what its masks show."""

import hashlib
import pickle
import time

import numpy as np
import pytest

from vot_memory.datasets import synth
from vot_memory.errors import InputError

# A change of these is a change of the data: raise GENERATOR_VERSION and name new splits.
FROZEN = {
    ("synth", 7): "3676d6ef1d2428da",
    ("synth", 300_000_000): "32999a9068a126cc",
    ("shift", 7): "41f7a4afed52ceb0",
}


def fingerprint(clip: synth.Clip) -> str:
    """Masks exactly; frames as means of 32 px blocks in steps of 8, blind to the last bit."""
    blocks = clip.frames.reshape(len(clip.frames), 4, 32, 4, 32, 3).mean((2, 4))
    coarse = np.round(blocks / 8).astype(np.uint8)
    return hashlib.sha256(clip.labels.tobytes() + coarse.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("domain", "seed"), FROZEN)
def test_the_generator_is_frozen(domain, seed):
    assert synth.GENERATOR_VERSION == "synth-1"
    clip = synth.generate(seed, 12, domain=domain)
    assert fingerprint(clip) == FROZEN[domain, seed]


def test_same_seed_same_clip_and_another_seed_another():
    one, again, other = (synth.generate(seed, 6) for seed in (5, 5, 6))
    assert np.array_equal(one.frames, again.frames)
    assert np.array_equal(one.labels, again.labels)
    assert not np.array_equal(one.frames, other.frames)
    assert one.frames.shape == (6, 128, 128, 3)
    assert one.frames.dtype == one.labels.dtype == np.uint8


def test_labels_follow_from_masks():
    for seed in range(8):
        clip = synth.generate(seed, 40)
        target = (clip.labels == 1).sum((1, 2))
        assert np.array_equal(clip.absent, target == 0)
        assert not (clip.occluded & clip.absent).any()
        assert not (clip.lookalike_near & clip.absent).any()
        assert ((clip.visible >= 0) & (clip.visible <= 1)).all()
        assert (clip.visible[clip.occluded, 0] < 0.7).all()
        assert clip.drift[0] == 0
        assert target[target > 0].min() >= 16  # slivers are annotated as absent


def test_all_kinds_of_events_happen_at_all_strengths():
    clips = [synth.generate(seed, 60) for seed in range(40)]
    assert {clip.strength for clip in clips} == {"easy", "medium", "hard"}
    for event in ("occluded", "absent", "lookalike_near"):
        assert sum(getattr(clip, event).any() for clip in clips) >= 8, event
    returns = sum((np.diff(clip.absent.astype(int)) == -1).any() for clip in clips)
    assert returns >= 8
    present = 1 - np.mean([clip.absent.mean() for clip in clips])
    assert 0.7 < present < 0.9


def test_sequences_start_with_a_well_visible_target_and_agree_with_the_clip():
    for sequence in synth.load("dev", 6, 10):
        track = sequence.objects[0]
        assert track.first_frame == 0
        assert track.mask(0).sum() >= 450
        assert len(track.rles) == len(sequence) == 10
        absent = [not track.mask(t).any() for t in range(10)]
        assert absent == sequence.labels["absent"].tolist()


def test_frames_are_drawn_in_any_order_and_do_not_share_memory():
    sequence = synth.load("dev", 1, 10)[0]
    late, early = sequence.frames[9], sequence.frames[2]
    again = synth.load("dev", 1, 10)[0]
    assert np.array_equal(again.frames[2], early)
    assert np.array_equal(again.frames[9], late)
    early[:] = 0
    assert sequence.frames[2].any()
    with pytest.raises(IndexError):
        sequence.frames[10]


def test_a_split_is_loaded_without_drawing(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a scene was planned")

    monkeypatch.setattr(synth, "Scene", refuse)
    start = time.perf_counter()
    sequences = synth.load("test", 256, 80)
    assert time.perf_counter() - start < 1
    assert len({s.digest for s in sequences}) == len({s.name for s in sequences}) == 256
    assert list(sequences[0].labels) == [
        "occluded", "absent", "lookalike_near", "drift", "strength",
    ]  # fmt: skip


def test_a_walk_over_a_split_keeps_few_scenes():
    for sequence in synth.load("dev", 5, 3):
        assert sequence.frames[0].any()
    assert synth._scene.cache_info().currsize <= 2


def test_masks_and_labels_draw_each_frame_once(monkeypatch):
    drawn = []
    draw = synth.Scene.draw
    monkeypatch.setattr(synth.Scene, "draw", lambda self, t: drawn.append(t) or draw(self, t))
    sequence = synth.load("dev", 1, 13)[0]
    masks = list(sequence.objects[0].rles)
    assert masks == list(sequence.objects[0].rles)
    assert len(sequence.labels["occluded"]) == len(masks) == 13
    assert sorted(t for t in drawn if t) == list(range(1, 13))
    assert masks == [sequence.objects[0].rles[t] for t in range(13)]


def test_seed_ranges_are_disjoint():
    starts = sorted(synth.SEED_RANGES.values())
    assert len(starts) == 5
    assert np.diff(starts).min() >= synth._SPAN
    with pytest.raises(InputError, match="numbers below"):
        synth.load("dev", 10, 80, first=synth._SPAN // synth._TRIES - 5)


def test_digest_names_everything_the_content_depends_on():
    base = synth.load("dev", 1, 10)[0].digest
    others = [
        synth.load("val", 1, 10)[0],
        synth.load("dev", 1, 11)[0],
        synth.load("dev", 1, 10, "shift")[0],
        synth.load("dev", 1, 10, size=96)[0],
        synth.load("dev", 1, 10, first=1)[0],
    ]
    assert len({base, *(s.digest for s in others)}) == 6
    assert synth.load("dev", 3, 10)[0].digest == base


def test_sequences_can_be_sent_to_workers():
    sequence = pickle.loads(pickle.dumps(synth.load("dev", 1, 4)[0]))
    assert sequence.objects[0].mask(0).any()


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="seed range 'valid'"):
        synth.load("valid", 1, 10)
    with pytest.raises(InputError, match="domain 'snyth'"):
        synth.generate(0, 2, domain="snyth")
