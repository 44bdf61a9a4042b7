"""SAMURAI: read sets by hand, the filter step by step, and the rule with an endless memory."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from simulation import Simulation

from vot_memory.candidates import Candidates
from vot_memory.errors import InputError
from vot_memory.registry import load_policy

BOX = [20, 30, 40, 70]


def play(until: int, scores=None, options=None) -> Simulation:
    """The object stands still; `scores` gives (iou, obj) of single frames."""
    simulation = Simulation(load_policy("samurai", options))
    for t in range(1, until):
        iou, obj = (scores or {}).get(t, (0.9, 5.0))
        simulation.write(t, iou, obj, boxes_image=torch.tensor([[BOX] * 3]))
    return simulation


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (1, [(0, 6)]),
        (2, [(0, 6), (1, 0)]),
        (3, [(0, 6), (2, 0)]),  # frame 1 is read as the last frame alone
        (7, [(0, 6), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0)]),
        (12, [(0, 6), (6, 5), (7, 4), (8, 3), (9, 2), (10, 1), (11, 0)]),
        (31, [(0, 6), (25, 5), (26, 4), (27, 3), (28, 2), (29, 1), (30, 0)]),
    ],
)
def test_spatial(t, expected):
    assert play(t).read(t)[0] == expected


def test_pointers_are_sam_2s():
    scores = {t: (0.1, -5.0) for t in range(2, 9)}
    assert play(3, scores).read(3)[1:] == ([(0, 3), (2, 1), (1, 2)], 15)
    assert play(40, scores).read(40)[1] == [(0, 40)] + [(40 - d, d) for d in range(1, 16)]


def test_absence_at_frame_2_and_for_40_frames():
    away = (0.02, -6.0)
    assert play(4, {2: away}).read(4)[0] == [(0, 6), (3, 0)]
    long = play(51, {t: away for t in range(10, 50)})
    assert long.read(51)[0] == [(0, 6), (5, 5), (6, 4), (7, 3), (8, 2), (9, 1), (50, 0)]
    still = play(49, {t: away for t in range(10, 50)})
    assert still.read(49)[0] == [(0, 6), (5, 5), (6, 4), (7, 3), (8, 2), (9, 1), (48, 0)]


@pytest.mark.parametrize(
    ("iou", "obj", "read"), [(0.51, 0.1, True), (0.5, 0.1, False), (0.51, 0.0, False)]
)
def test_frames_are_read_above_the_thresholds_only(iou, obj, read):
    frames = [f for f, _ in play(11, {5: (iou, obj)}).read(11)[0]]
    assert (5 in frames) is read


def test_filter_is_stable_at_frame_15_and_starts_anew_after_a_reset():
    assert play(2).state["stable"].tolist() == [1]
    assert play(16).state["stable"].tolist() == [15]
    assert play(40).state["stable"].tolist() == [15]  # not counted further
    assert play(21, {20: (0.29, 5.0)}).state["stable"].tolist() == [0]
    assert play(21, {20: (0.3, 5.0)}).state["stable"].tolist() == [15]
    assert play(8, {7: (0.3, 5.0)}).state["stable"].tolist() == [0]  # strict before it is stable
    # The next frame starts a filter whatever its scores.
    again = play(22, {20: (0.1, 5.0), 21: (0.05, -3.0)})
    assert again.state["stable"].tolist() == [1]
    assert again.state["mean"][0].tolist() == [30, 50, 0.5, 40, 0, 0, 0, 0]


@pytest.mark.parametrize(("weight", "choice"), [(0.15, 0), (0.25, 1)])
def test_motion_outweighs_a_small_lead_once_the_filter_is_stable(weight, choice):
    """0.85 * (0.8 - 0.6) > 0.15 * 1, but 0.75 * 0.2 < 0.25 * 1."""
    rival = torch.tensor([[[80, 80, 120, 120], BOX, [0, 0, 0, 0]]])
    for t, chosen in ((10, 0), (16, choice)):
        simulation = play(t, options={"motion_weight": weight})
        candidates = Candidates.recorded(
            torch.tensor([[0.8, 0.6, 0.1]]), torch.tensor([5.0]), boxes_image=rival
        )
        clock = torch.tensor([t])
        found = simulation.policy.select(simulation.state, simulation.bank, candidates, clock)
        assert found.mask.tolist() == [chosen]


@pytest.mark.parametrize(
    ("model", "weight"), [("sam2.1-l@ab", 0.15), ("sam2.1-b+@ab", 0.25), ("nano@ab", 0.15)]
)
def test_motion_weight_follows_the_model(model, weight):
    simulation = Simulation(load_policy("samurai"))
    entry = simulation.entry(0)
    object.__setattr__(entry.source, "model", model)
    simulation.policy.on_prompt(simulation.state, simulation.bank, entry)
    assert simulation.state["motion_weight"].tolist() == [weight]


def test_published_variant_forgets_the_motion_score_in_memory():
    """A jump has motion score 0, and is read all the same."""
    for motion, read in ((True, False), (False, True)):
        simulation = play(20, options={"motion_in_memory": motion})
        simulation.write(20, boxes_image=torch.tensor([[[90, 90, 110, 110]] * 3]))
        simulation.write(21, boxes_image=torch.tensor([[[90, 90, 110, 110]] * 3]))
        assert (20 in [f for f, _ in simulation.read(22)[0]]) is read


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_maskmem": 8}, "num_maskmem=8 is outside 2..7"),
        ({"stable_frames": 0}, "stable_frames=0"),
        ({"motion_weight": 1.5}, r"motion_weight=1\.5 is outside 0\.\.1"),
        ({"memory_motion_score": 0.2, "motion_in_memory": False}, "has no effect"),
    ],
)
def test_constants_that_contradict_each_other(options, words):
    with pytest.raises(InputError, match=f"Policy 'samurai'.*{words}"):
        load_policy("samurai", options)


# ---- the rule over all frames there ever were, one object, with numpy's matrices ----------


class Endless:
    def __init__(self, weight: float) -> None:
        self.weight, self.mean, self.cov, self.stable = weight, None, None, 0
        self.record: dict[int, tuple[float, float, float | None]] = {}
        self.f = np.eye(8)
        self.f[:4, 4:] = np.eye(4)
        self.h = np.eye(4, 8)

    def measure(self, box):
        x0, y0, x1, y1 = map(float, box)
        h = (y1 - y0) or 1.0
        return np.array([(x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / h, h])

    def initiate(self, box):
        z = self.measure(box)
        h = z[3]
        std = [h / 10, h / 10, 1e-2, h / 10, h / 16, h / 16, 1e-5, h / 16]
        self.mean, self.cov = np.r_[z, np.zeros(4)], np.diag(np.square(std))

    def predict(self):
        h = self.mean[3]
        std = [h / 20, h / 20, 1e-2, h / 20, h / 160, h / 160, 1e-5, h / 160]
        self.mean, self.cov = self.f @ self.mean, self.f @ self.cov @ self.f.T
        self.cov = self.cov + np.diag(np.square(std))

    def update(self, box):
        h = self.mean[3]
        s = self.h @ self.cov @ self.h.T + np.diag(np.square([h / 20, h / 20, 1e-1, h / 20]))
        gain = self.cov @ self.h.T @ np.linalg.inv(s)
        self.mean = self.mean + gain @ (self.measure(box) - self.h @ self.mean)
        self.cov = self.cov - gain @ s @ gain.T

    def iou(self, box):
        if not any(box):
            return 0.0
        x, y, a, h = self.mean[:4]
        w = a * h
        across = min(x + w / 2, box[2]) - max(x - w / 2, box[0])
        down = min(y + h / 2, box[3]) - max(y - h / 2, box[1])
        common = max(across, 0) * max(down, 0)
        union = w * h + (box[2] - box[0]) * (box[3] - box[1]) - common
        return common / union if union else 0.0

    def step(self, t, ious, obj, boxes) -> int:
        kf, m = None, int(np.argmax(ious))
        if self.stable == 0:
            self.initiate(boxes[m])
            self.stable = 1
        elif self.stable < 15:
            self.predict()
            if ious[m] > 0.3:
                self.update(boxes[m])
                self.stable += 1
            else:
                self.stable = 0
        else:
            self.predict()
            motion = [self.iou(box) for box in boxes]
            mixed = [
                self.weight * g + (1 - self.weight) * i for g, i in zip(motion, ious, strict=True)
            ]
            m = int(np.argmax(mixed))
            kf = motion[m]
            if ious[m] < 0.3:
                self.stable = 0
            else:
                self.update(boxes[m])
        self.record[t] = ious[m], obj, kf
        return m

    def read(self, t):
        found: list[int] = []
        for i in range(t - 1, 1, -1):
            iou, obj, kf = self.record[i]
            if iou > 0.5 and obj > 0 and (kf is None or kf > 0):
                found.insert(0, i)
            if len(found) >= 15:
                break
        if t > 1 and t - 1 not in found:
            found.append(t - 1)
        rows = [(f, r) for r, f in enumerate(reversed(found[-6:]))]
        return [(0, 6), *reversed(rows)]


def test_the_bank_answers_as_an_endless_memory_would():
    rows, frames, draw = 60, 70, random.Random(5)
    simulation = Simulation(load_policy("samurai", {"motion_weight": 0.25}), rows=rows)
    rules = [Endless(0.25) for _ in range(rows)]
    presence = [draw.choice([0.3, 0.7, 0.95, 1.0]) for _ in range(rows)]
    resets = trusted = 0
    for t in range(1, frames):
        plan = simulation.plan(t)
        ious, obj, boxes, chosen = [], [], [], []
        for row, rule in enumerate(rules):
            assert simulation.frames(plan, row)[0] == rule.read(t)
            here = draw.random() < presence[row]
            x, y = 40 + t + draw.randint(-3, 3), 60 + draw.randint(-2, 2)
            places = [[x, y, x + 20, y + 12], [x + 30, y, x + 50, y + 14], [0, 0, 0, 0]]
            draw.shuffle(places)
            scores = np.float32(
                [draw.uniform(0.55, 1) if here else draw.uniform(0, 0.6) for _ in "abc"]
            )
            ious.append(scores)
            obj.append(np.float32(draw.uniform(0.1, 8) if here else draw.uniform(-8, 2)))
            boxes.append(places)
            trusted += rule.stable >= 15
            resets += rule.stable == 0 and t > 1
            chosen.append(rule.step(t, scores, obj[-1], places))
        candidates = Candidates.recorded(
            torch.tensor(np.array(ious)),
            torch.tensor(np.array(obj)),
            boxes_image=torch.tensor(boxes),
        )
        clock = torch.full((rows,), t)
        found = simulation.policy.select(simulation.state, simulation.bank, candidates, clock)
        assert found.mask.tolist() == chosen, t
        simulation.step(t, candidates)
        means = np.array([rule.mean for rule in rules])
        np.testing.assert_allclose(simulation.state["mean"].numpy(), means, rtol=1e-9, atol=1e-9)
    assert trusted > 500
    assert resets > 50
