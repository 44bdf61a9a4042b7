"""The measurement of nano: what it counts, on a few frames."""

import numpy as np
import pytest

from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.datasets.synth import load
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.learn import evaluate_nano
from vot_memory.learn.evaluate_nano import Measured, golden_clips, random_writes, verdicts
from vot_memory.registry import load_policy


@pytest.fixture(scope="module")
def engine(backbone):
    return Engine(backbone)


@pytest.fixture(scope="module")
def measured(engine):
    measured = Measured()
    for number, sequence in enumerate(load("dev", 2, 14)):
        measured.add(engine, sequence, rows=3 if number == 0 else 0)
    return measured


def test_figures_agree_with_what_was_measured(measured):
    figures = measured.figures()
    q = [s.quality for s in measured.fifo]
    assert figures["videos"] == 2
    assert figures["fifo"]["quality"] == pytest.approx(np.mean(q))
    first = [s.quality for s in measured.first]
    assert figures["first_minus_fifo_q"] == pytest.approx(np.mean(first) - np.mean(q))
    box = np.mean([s.quality for s in measured.box])
    assert figures["box_minus_mask_q"] == pytest.approx(box - np.mean(q))
    visible = sum(int(s.frames.visible.sum()) for s in measured.fifo)
    assert len(measured.predicted) == len(measured.true) == visible
    assert figures["random_writes_rows"] == 3
    assert all(len(hits) == 13 for hits in measured.distractor)


def test_rows_that_write_everything_in_turn_are_fifo(engine, measured, monkeypatch):
    class Always:
        """Stores every frame, each time in the oldest slot."""

        def __init__(self):
            self.t = 0

        def random(self, rows):
            return np.full(rows, 0.5) if self.t == 0 else np.zeros(rows)

        def integers(self, low, high, rows):
            self.t += 1
            return np.full(rows, 1 + (self.t - 1) % (high - low))

    monkeypatch.setattr(evaluate_nano.np.random, "default_rng", lambda seed: Always())
    sequence = load("dev", 1, 14)[0]
    video = [engine.encode_image(sequence.frames[t]) for t in range(14)]
    truth = [sequence.objects[0].mask(t) for t in range(14)]
    quality = random_writes(engine, video, truth, 2, seed=0)
    assert quality == pytest.approx([measured.fifo[0].quality] * 2, abs=2e-3)


def test_golden_clips_are_scored_and_must_be_there(engine, tmp_path):
    with pytest.raises(InputError, match="has no clips"):
        golden_clips(engine, tmp_path)
    sequence = load("dev", 1, 6)[0]
    frames = np.stack([sequence.frames[t] for t in range(6)])
    masks = np.stack([sequence.objects[0].mask(t) for t in range(6)]).astype(np.uint8)
    np.savez(tmp_path / "seq-a.npz", frames=frames, masks=masks)
    figures = golden_clips(engine, tmp_path)
    video = [engine.encode_image(f) for f in frames]
    prompts = {"mask": MaskPrompt(masks[0] > 0)}
    scores = evaluate_nano.follow(engine, video, list(masks > 0), prompts, load_policy("fifo"))
    assert figures["golden_videos"] == 1
    assert figures["golden_q"] == pytest.approx(scores["mask"].quality)


def test_verdicts_know_both_sides_of_a_bound():
    figures = {"visible_iou": 0.64, "box_minus_mask_q": -0.06, "first_minus_fifo_q_high": -0.01}
    assert verdicts(figures) == {
        "visible_iou": False,
        "box_minus_mask_q": False,
        "first_minus_fifo_q_high": True,
    }
    assert verdicts({"box_minus_mask_q": 0.05, "absent_correct": None}) == {
        "box_minus_mask_q": True
    }
