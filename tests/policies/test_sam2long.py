"""SAM2Long: read sets, weights and pathways by hand, and against endless dictionaries."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from simulation import Simulation

from vot_memory.candidates import Candidates
from vot_memory.errors import InputError
from vot_memory.log import Log
from vot_memory.policy import UNUSED
from vot_memory.registry import load_policy

SURE, UNSURE = 5.0, 1.0  # object score logits beside the uncertainty of 2


def one_path(until: int, scores=None, options=None) -> Simulation:
    """A single pathway; `scores` gives (iou, obj) of single frames."""
    simulation = Simulation(load_policy("sam2long", {"pathways": 1, **(options or {})}))
    for t in range(1, until):
        simulation.write(t, *(scores or {}).get(t, (0.9, SURE)))
    return simulation


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (1, [(0, 6)]),
        (2, [(0, 6), (1, 0)]),
        (3, [(0, 6), (1, 1), (2, 0)]),
        (7, [(0, 6), (1, 5), (2, 4), (3, 3), (4, 2), (5, 1), (6, 0)]),
        (12, [(0, 6), (6, 5), (7, 4), (8, 3), (9, 2), (10, 1), (11, 0)]),
        (31, [(0, 6), (25, 5), (26, 4), (27, 3), (28, 2), (29, 1), (30, 0)]),
    ],
)
def test_spatial(t, expected):
    assert one_path(t).read(t)[0] == expected


def test_pointers_by_rank_without_the_oldest():
    assert one_path(1).read(1)[1:] == ([(0, 1)], 15)
    assert one_path(3).read(3)[1:] == ([(0, 3), (2, 1)], 15)
    assert one_path(40).read(40)[1] == [(0, 40)] + [(40 - d, d) for d in range(1, 15)]
    # The last frame is read whatever it is, and then fifteen are.
    lost = one_path(40, {39: (0.9, -SURE)})
    assert lost.read(40)[1] == [(0, 40)] + [(40 - d, d) for d in range(1, 16)]


def test_absence_at_frame_2_and_for_40_frames():
    assert one_path(4, {2: (0.9, -SURE)}).read(4)[0] == [(0, 6), (1, 1), (3, 0)]
    away = one_path(50, {t: (0.05, -SURE) for t in range(10, 50)})
    spatial, pointers, _ = away.read(50)
    assert spatial == [(0, 6), (5, 5), (6, 4), (7, 3), (8, 2), (9, 1), (49, 0)]
    assert pointers == [
        (0, 50),
        (49, 1),
        (9, 2),
        (8, 3),
        (7, 4),
        (6, 5),
        (5, 6),
        (4, 7),
        (3, 8),
        (2, 9),
    ]


@pytest.mark.parametrize(
    ("options", "iou", "read"),
    [
        ({}, 0.2, True),
        ({}, 0.1, False),
        ({"variant": "paper"}, 0.2, False),
        ({"variant": "paper", "iou": 0.15}, 0.2, True),
    ],
)
def test_frames_are_read_above_the_threshold_of_the_variant(options, iou, read):
    frames = [f for f, _ in one_path(9, {5: (iou, SURE)}, options).read(9)[0]]
    assert (5 in frames) is read


def test_uncertainty_of_the_variants():
    found = {v: load_policy("sam2long", {"variant": v}).uncertainty for v in VARIANTS}
    assert found == {"readme": 2, "script": 1, "paper": 2}


VARIANTS = ("readme", "script", "paper")


def test_keys_are_weighted_by_rank_of_object_score():
    scores = {1: (0.9, 4.0), 2: (0.9, 1.0), 3: (0.9, 3.0)}
    plan = one_path(4, scores).plan(4)
    # prompt (10) 1 2 3, then the padding
    assert plan.key_scale[0, :4].tolist() == pytest.approx(
        [1.05, 0.95 + 0.2 / 3, 0.95, 0.95 + 0.1 / 3]
    )
    # prompt, 3, 2
    assert plan.ptr_scale[plan.ptrs != UNUSED].tolist() == pytest.approx([1.05, 1.0, 0.95])


def test_nothing_is_weighted_beside_the_prompt_alone_and_a_lone_pointer_is_damped():
    plan = one_path(1).plan(1)
    assert plan.key_scale[0, 0] == 1
    assert plan.ptr_scale[0, 0] == 1
    plan = one_path(2).plan(2)
    assert plan.key_scale[0, :2].tolist() == pytest.approx([1.05, 0.95])
    assert plan.ptr_scale[0, 0] == pytest.approx(0.95)


def three_paths(ious, obj, score=(0.0, 0.0, 0.0), t=5):
    """Parents and masks that are kept of three pathways' candidates."""
    policy = load_policy("sam2long")
    state = policy.reset(3, torch.device("cpu"), 50)
    state["score"] = torch.tensor(score, dtype=torch.float64)
    candidates = Candidates.recorded(torch.tensor(ious), torch.tensor(obj))
    found = policy.select(state, None, candidates, torch.full((3,), t))
    return list(zip(found.parent.tolist(), found.mask.tolist(), strict=True))


ALIKE = [[0.9, 0.8, 0.7]] * 3


@pytest.mark.parametrize(
    ("ious", "obj", "score", "kept"),
    [
        # Sure: three copies of the best, ties in order of the pathways.
        (ALIKE, [SURE] * 3, (0, 0, 0), [(0, 0), (1, 0), (2, 0)]),
        # Unsure: different values.
        (ALIKE, [UNSURE] * 3, (0, 0, 0), [(0, 0), (0, 1), (0, 2)]),
        # One sure pathway is enough.
        (ALIKE, [UNSURE, UNSURE, -2.1], (0, 0, 0), [(0, 0), (1, 0), (2, 0)]),
        # The bound itself is unsure.
        (ALIKE, [UNSURE, UNSURE, 2.0], (0, 0, 0), [(0, 0), (0, 1), (0, 2)]),
        # Absent candidates have another sign, so they are different.
        (ALIKE, [UNSURE, -UNSURE, UNSURE], (0, 0, 0), [(0, 0), (1, 0), (0, 1)]),
        # Equal to two decimals is the same; then the best of each pathway left out.
        ([[0.9, 0.899, 0.901]] * 3, [UNSURE] * 3, (0, 0, 0), [(0, 2), (1, 2), (2, 2)]),
        # The cumulative score counts more than the frame.
        (ALIKE, [SURE] * 3, (-9.0, -5.0, 0.0), [(2, 0), (2, 1), (2, 2)]),
    ],
)
def test_pathways_that_are_kept(ious, obj, score, kept):
    assert three_paths(ious, obj, score) == kept


def test_the_first_frame_has_one_pathway_and_no_score():
    assert three_paths(ALIKE, [UNSURE] * 3, t=1) == [(0, 0), (1, 0), (2, 0)]
    simulation = Simulation(load_policy("sam2long"), rows=3)
    simulation.write(1, iou=0.5)
    assert simulation.state["score"].tolist() == [0, 0, 0]
    simulation.write(2, iou=0.5)
    expected = math.log(np.float64(np.float32(0.5)) + 1e-5)
    assert simulation.state["score"].tolist() == pytest.approx([expected] * 3, abs=1e-12)


def test_the_best_pathway_is_traced_back_unless_online():
    log = Log()
    log.append(torch.zeros(3, 1, 1), torch.tensor([0, 1, 2]))
    log.append(torch.zeros(3, 1, 1), torch.tensor([0, 0, 0]))
    log.append(torch.zeros(3, 1, 1), torch.tensor([2, 1, 0]))
    state = {"score": torch.zeros(3)}
    assert load_policy("sam2long").finish(state, log).tolist() == [[0], [2], [0]]
    online = load_policy("sam2long-online")
    assert online.finish(state, log) is None
    assert not online.spec.offline


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pathways": 0}, "pathways=0 is outside 1..16"),
        ({"iou": 1.5}, "iou=1.5"),
        ({"uncertainty": -1}, "uncertainty=-1.0 is negative"),
        ({"lowest": 1.1}, "lowest=1.1 and highest=1.05"),
        ({"variant": "thesis"}, "variant"),
    ],
)
def test_constants_that_contradict_each_other(options, words):
    with pytest.raises(InputError, match=f"Policy 'sam2long'.*{words}"):
        load_policy("sam2long", options)


# ---- the rule over all frames there ever were, one object ----------


class Endless:
    """Each pathway carries the history of its ancestors."""

    def __init__(self, paths: int) -> None:
        self.acc = [0.0] * paths
        self.history: list[dict[int, tuple[float, float]]] = [{} for _ in range(paths)]

    def read(self, p: int, t: int):
        past, found = self.history[p], []
        for i in range(t - 1, 0, -1):
            if past[i][0] > 0.1 and past[i][1] > 0:
                found.insert(0, i)
            if len(found) == 15:
                break
        if t > 1 and t - 1 not in found:
            found.append(t - 1)
        rows = [(f, r) for r, f in enumerate(reversed(found[-6:]))]
        pointers = [(0, t)]
        for d in range(1, min(15, len(found) - 1) + 1):
            pointers.append((found[-d], d))
        return [(0, 6), *reversed(rows)], pointers

    def step(self, t: int, ious, obj) -> list[tuple[int, int]]:
        paths = len(self.acc)
        if t == 1:
            kept = [(p, int(np.argmax(ious[p]))) for p in range(paths)]
            scores = [0.0] * paths
        else:
            pool = [
                (self.acc[p] + math.log(float(ious[p][j]) + 1e-5), p, j)
                for p in range(paths)
                for j in range(3)
            ]
            pool.sort(key=lambda c: -c[0])
            if max(abs(o) for o in obj) > 2:
                best = pool[:paths]
            else:
                best, seen = [], set()
                for c in pool:
                    value = round(float(ious[c[1]][c[2]]) * (1 if obj[c[1]] > 0 else -1), 2)
                    if value not in seen and len(best) < paths:
                        seen.add(value)
                        best.append(c)
                for p in range(paths):
                    if len(best) < paths and p not in [c[1] for c in best]:
                        best.append(next(c for c in pool if c[1] == p))
            kept, scores = [(p, j) for _, p, j in best], [s for s, _, _ in best]
        self.history = [{**self.history[p], t: (float(ious[p][j]), float(obj[p]))} for p, j in kept]
        self.acc = scores
        return kept


@pytest.mark.parametrize("paths", [1, 3, 4])
def test_the_bank_answers_as_an_endless_memory_would(paths):
    objects, frames, draw = 40, 50, random.Random(paths)
    simulation = Simulation(load_policy("sam2long", {"pathways": paths}), rows=objects * paths)
    rules = [Endless(paths) for _ in range(objects)]
    presence = [draw.choice([0.2, 0.6, 0.9, 1.0]) for _ in range(objects)]
    parted = 0
    for t in range(1, frames):
        plan = simulation.plan(t)
        ious, obj, kept = [], [], []
        for index, rule in enumerate(rules):
            for p in range(paths):
                row = index * paths + p
                assert simulation.frames(plan, row)[:2] == rule.read(p, t), (t, row)
            here, coarse = draw.random() < presence[index], draw.random() < 0.3
            scores = [[draw.uniform(0.05, 1) ** (1 if here else 3) for _ in "abc"]] * paths
            if t > 1:
                scores = [[draw.uniform(0.02, 1) for _ in "abc"] for _ in range(paths)]
            scores = np.float32(np.round(scores, 2 if coarse else 5))  # coarse: values that tie
            logits = np.float32([draw.uniform(-1, 3) if here else draw.uniform(-3, 1)] * paths)
            if t > 1:
                logits = logits + np.float32([draw.uniform(-0.5, 0.5) for _ in range(paths)])
            ious.append(scores)
            obj.append(logits)
            step = rule.step(t, scores, logits)
            kept += [(index * paths + p, j) for p, j in step]
            parted += len({p for p, _ in step}) < paths
        candidates = Candidates.recorded(
            torch.tensor(np.concatenate(ious)), torch.tensor(np.concatenate(obj))
        )
        clock = torch.full((objects * paths,), t)
        found = simulation.policy.select(simulation.state, simulation.bank, candidates, clock)
        assert list(zip(found.parent.tolist(), found.mask.tolist(), strict=True)) == kept
        simulation.step(t, candidates)
        acc = [score for rule in rules for score in rule.acc]
        np.testing.assert_allclose(simulation.state["score"].numpy(), acc, rtol=1e-9)
    assert parted > 100 or paths == 1
