"""Decisions played on a changed video."""

import numpy as np
import pytest
import torch
from short import short_videos

from vot_memory.datasets.splits import load_split
from vot_memory.learn.clip import load_clip
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.studies.robustness import kept_frames, perturbed_qualities, without
from vot_memory.models import load_model


def test_the_first_frame_is_kept_and_shares_are_nested() -> None:
    some, many = kept_frames(400, 0.05, 1), kept_frames(400, 0.2, 1)
    assert some[0] == many[0] == 0
    assert set(many) < set(some)
    assert 400 * 0.7 < len(many) < 400 * 0.9
    assert list(kept_frames(50, 0.0, 0)) == list(range(50))


@pytest.mark.golden
def test_decisions_stay_with_their_frames() -> None:
    exact = load_model("nano", device="cpu")
    other = load_model("nano", device="cpu", dtype="bfloat16")
    rules = Rules(slots=4)
    with short_videos(16):
        sequence = load_split("synth-smoke", limit=1).sequences[0]
    clip = load_clip(exact, sequence)
    actions = np.random.default_rng(3).integers(0, 4, Simulator(clip, exact, rules).num_decisions)
    rows = list(perturbed_qualities(sequence, actions, exact, other, rules, draws=1))
    assert [row[1:4] for row in rows[::2]] == [
        ("none", 0, "fifo"),
        ("bfloat16", 0, "fifo"),
        ("drop 2%", 0, "fifo"),
        ("drop 5%", 0, "fifo"),
        ("drop 10%", 0, "fifo"),
    ]
    kept = kept_frames(len(clip), 0.1, 0)
    assert len(kept) < len(clip)
    # By hand: frame t of the whole clip decides actions[t - 4], wherever it stands now.
    own = np.array([actions[t - 4] for place, t in enumerate(kept) if 4 <= place < len(kept) - 1])
    shorter = without(clip, kept)
    assert torch.equal(shorter.truth, clip.truth[torch.from_numpy(kept)])
    simulator = Simulator(shorter, exact, rules, batch=1)
    expected = simulator.quality(simulator.play(own[None]))[0]
    assert rows[-1][3:] == ("best-found", pytest.approx(expected, abs=1e-9))
