"""DAM4SAM: read sets and anchors by hand, and against the rule with an endless memory."""

from __future__ import annotations

import random
import statistics

import numpy as np
import pytest
import torch
from simulation import Simulation

from vot_memory.candidates import Candidates
from vot_memory.errors import InputError
from vot_memory.policy import ANCHOR
from vot_memory.registry import load_policy


def see(simulation: Simulation, t: int, *, distractor=False, pixels=100, iou=0.9) -> None:
    """One frame; a distractor is an alternative that reaches far beyond the choice."""
    joined = 0.5 if distractor else 0.9
    many = torch.full((1, 3), pixels)
    simulation.write(
        t,
        iou,
        pixels_low=many,
        pixels_video=many,
        joined_box_iou_video=torch.tensor([[torch.nan, joined, torch.nan]]),
    )


def play(until: int, anchors=(), absent=(), options=None) -> Simulation:
    simulation = Simulation(load_policy("dam4sam", options))
    for t in range(1, until):
        see(simulation, t, distractor=t in anchors, pixels=0 if t in absent else 100)
    return simulation


def anchors_of(simulation: Simulation) -> list[int]:
    bank = simulation.bank
    return sorted(bank.frame[0][bank.tag[0] == ANCHOR].tolist())


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (1, [(0, 6)]),
        (2, [(0, 6), (1, 0)]),
        (3, [(0, 6), (2, 0)]),
        (7, [(0, 6), (5, 1), (6, 0)]),
        (12, [(0, 6), (5, 2), (10, 1), (11, 0)]),
        (31, [(0, 6), (5, 5), (10, 4), (15, 3), (20, 2), (25, 1), (30, 0)]),
    ],
)
def test_spatial(t, expected):
    assert play(t).read(t)[0] == expected


def test_pointers_are_divided_by_the_frames_so_far():
    """The release counts a growing stream: at t=3 there are four frames, so 3."""
    assert play(3).read(3)[1:] == ([(0, 3), (2, 1), (1, 2)], 3)
    _, pointers, norm = play(40).read(40)
    assert pointers == [(0, 40)] + [(40 - d, d) for d in range(1, 16)]
    assert norm == 15


def test_evicted_anchors_are_read_no_more():
    inserted = play(40, anchors=(8, 14, 20, 26))
    spatial, pointers, _ = inserted.read(40)
    assert spatial == [(0, 6), (14, 6), (20, 6), (26, 6), (30, 2), (35, 1), (39, 0)]
    # Anchors give their pointer once; an evicted one only as a recent frame.
    assert pointers[:4] == [(0, 40), (14, 26), (20, 20), (26, 14)]
    assert [f for f, _ in pointers[4:]] == [f for f in range(39, 24, -1) if f != 26]


def test_a_fresh_anchor_is_read_as_the_last_frame_first():
    fresh = play(27, anchors=(8, 14, 20, 26))
    spatial, _, _ = fresh.read(27)
    assert spatial == [(0, 6), (8, 6), (14, 6), (20, 6), (15, 2), (25, 1), (26, 0)]
    assert fresh.bank.hard[0][fresh.bank.frame[0] == 26].tolist() == [True]
    assert fresh.bank.hard[0][fresh.bank.frame[0] == 25].tolist() == [False]


def test_an_evicted_anchor_is_lost_for_the_stride_too():
    """10 was an anchor, so it is no multiple of five that could be read."""
    spatial, _, _ = play(32, anchors=(10, 16, 22, 28)).read(32)
    assert spatial == [(0, 6), (16, 6), (22, 6), (28, 6), (25, 2), (30, 1), (31, 0)]


def test_absence_at_frame_2_and_for_40_frames():
    early = play(3, absent=(2,))
    assert early.read(3)[:2] == ([(0, 6), (1, 0)], [(0, 3), (1, 2)])
    away = play(50, absent=range(12, 60))
    assert away.read(50)[:2] == ([(0, 6), (5, 2), (10, 1), (11, 0)], [(0, 50)])
    see(away, 50)
    assert away.read(51)[0] == [(0, 6), (5, 2), (10, 1), (50, 0)]


@pytest.mark.parametrize(
    ("change", "inserted"),
    [
        ({}, [20]),
        ({"iou": 0.8}, []),
        ({"pixels": 121}, []),
        ({"pixels": 120}, [20]),
        ({"pixels": 79}, []),
        ({"distractor": False}, []),
    ],
)
def test_gates_of_an_anchor(change, inserted):
    simulation = play(20)
    see(simulation, 20, **{"distractor": True, **change})
    assert anchors_of(simulation) == inserted


def test_anchors_keep_their_distance_and_frame_1_is_none():
    assert anchors_of(play(3, anchors=(1,))) == []
    assert anchors_of(play(3, anchors=(2,))) == [2]
    assert anchors_of(play(9, anchors=(2, 7))) == [2]  # 7 - 2 is not above 5
    assert anchors_of(play(9, anchors=(2, 8))) == [2, 8]


def test_absent_frames_do_not_count_for_the_usual_size():
    simulation = play(20, absent=range(5, 20))
    see(simulation, 20, distractor=True)
    assert anchors_of(simulation) == [20]


@pytest.mark.parametrize(("t", "inserted"), [(319, []), (320, [320])])
def test_sizes_of_300_frames_ago_are_forgotten(t, inserted):
    """At 319 frame 20 still counts: the median of 100 and 500 is 300."""
    simulation = play(t, absent=range(21, t))
    see(simulation, t, distractor=True, pixels=500)
    assert anchors_of(simulation) == inserted


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"anchors": 6}, "anchors=6 leaves no room"),
        ({"min_area": 1.3}, "min_area=1.3 is above max_area=1.2"),
        ({"stride": 0}, "stride"),
        ({"num_maskmem": 1}, "num_maskmem=1"),
        ({"iou": 2}, "iou=2.0"),
    ],
)
def test_constants_that_contradict_each_other(options, words):
    with pytest.raises(InputError, match=f"Policy 'dam4sam': .*{words}"):
        load_policy("dam4sam", options)


# ---- the rule over all frames there ever were, one object ----------


class Endless:
    """Dictionaries that grow for ever."""

    def __init__(self, stride: int) -> None:
        self.stride = stride
        self.conditioning, self.ordinary = [0], {}
        self.sizes: list[int] = []
        self.last_added, self.marked, self.inserted = -1, None, []

    def begin(self, t: int) -> None:
        """The frame before, if it was marked, moves from one dictionary to the other."""
        if self.marked is not None:
            self.conditioning.append(self.marked)
            self.fresh = self.ordinary.pop(self.marked)
            self.marked = None

    def read(self, t: int):
        before = [c for c in self.conditioning if c < t - 1]
        chosen = [max(before)] if before else []
        chosen += [0] if 0 not in chosen else []
        rest = [c for c in self.conditioning if c not in chosen and c != t - 1]
        chosen += sorted(rest, key=lambda c: t - c)[: 4 - len(chosen)]
        recent: list[int] = []
        p = t - 1
        fresh = p in self.conditioning and p > 0 and p not in chosen
        if not fresh:
            while p > 0 and (self.ordinary.get(p, 0) < 1 or p in chosen):
                p -= 1
        while p > 0 and len(recent) < 7 - len(chosen):
            recent.append(p)
            p = (p - 1) // self.stride * self.stride
            while p > 0 and (self.ordinary.get(p, 0) < 1 or p in chosen):
                p -= self.stride
        spatial = [(c, 6) for c in chosen] + [(f, r) for r, f in enumerate(recent)]
        pointers = [(c, t - c) for c in chosen]
        for d in range(1, min(t + 1, 16)):
            f = t - d
            known = self.ordinary.get(f, 0) >= 1 or f in self.conditioning
            if f > 0 and f not in chosen and known:
                pointers.append((f, d))
        return sorted(spatial), sorted(pointers), max(min(t + 1, 16) - 1, 1)

    def write(self, t: int, iou: float, pixels: int, joined: list[float]) -> None:
        self.ordinary[t] = pixels
        self.sizes.append(pixels)
        ratio = -1.0
        if len(self.sizes) > 1 and pixels >= 1:
            ratio = pixels / statistics.median([n for n in self.sizes[-300:] if n >= 1][-10:])
        apart = self.last_added == -1 or t - self.last_added > 5
        found = [j for j in joined if not np.isnan(j)]
        if iou > 0.8 and 0.8 <= ratio <= 1.2 and pixels >= 1 and apart and found:
            if min(found) <= 0.7:
                self.last_added = self.marked = t
                self.inserted.append(t)


@pytest.mark.parametrize("stride", [5, 3])
def test_the_bank_answers_as_an_endless_memory_would(stride):
    rows, frames, draw = 150, 100, random.Random(stride)
    simulation = Simulation(load_policy("dam4sam", {"stride": stride}), rows=rows)
    rules = [Endless(stride) for _ in range(rows)]
    presence = [draw.choice([0.2, 0.7, 0.95, 1.0]) for _ in range(rows)]
    for t in range(1, frames):
        plan = simulation.plan(t)
        ious, pixels, joined = [], [], []
        for row, rule in enumerate(rules):
            rule.begin(t)
            spatial, pointers, norm = simulation.frames(plan, row)
            assert (sorted(spatial), sorted(pointers), norm) == rule.read(t), (t, row)
            size = draw.randint(80, 110) if draw.random() < presence[row] else 0
            iou = np.float32(draw.uniform(0.7, 1))
            wide = np.float32([np.nan, draw.choice([0.5, 0.9]), np.nan])
            rule.write(t, iou, size, wide.tolist())
            ious.append([iou, 0.1, 0.1])
            pixels.append([size] * 3)
            joined.append(wide)
        simulation.step(
            t,
            Candidates.recorded(
                torch.tensor(np.float32(ious)),
                torch.ones(rows),
                pixels_low=torch.tensor(pixels),
                pixels_video=torch.tensor(pixels),
                joined_box_iou_video=torch.tensor(np.array(joined)),
            ),
        )
    assert max(len(rule.inserted) for rule in rules) > 8
