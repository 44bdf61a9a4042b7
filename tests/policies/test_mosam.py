"""MoSAM: prompts, read sets and pixel filter by hand, and against an endless memory."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from simulation import Simulation

from vot_memory.bank import Source
from vot_memory.candidates import Candidates
from vot_memory.contract import check_policy
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.policies.mosam import translated
from vot_memory.policy import DISCARD
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker

ABSENT = -3.0  # an object score logit
GRID = 4  # memory pixels a side: 16 of the decoder, 64 of the input
SIDE = 4 * GRID


class Small(Simulation):
    """A simulation with a grid, whose candidates have masks."""

    def __init__(self, options=None, rows: int = 1) -> None:
        super().__init__(load_policy("mosam", options), rows=rows, grid=GRID)

    def see(self, t: int, boxes, iou=0.9, obj=5.0) -> int:
        """Frame t with a box (x0, y0, x1, y1), last pixel included, in every row; None = empty."""
        logits = torch.full((self.rows, 3, SIDE, SIDE), -8.0)
        for row, box in enumerate(boxes):
            if box is not None:
                x0, y0, x1, y1 = box
                logits[row, 1, y0 : y1 + 1, x0 : x1 + 1] = 40.0
        best = self.each(iou)[:, None]
        ious = torch.cat([0.5 * best, best, 0.4 * best], dim=1)
        ptrs = torch.zeros(self.rows, 3, 4)
        return self.step(t, Candidates(logits, ious, self.each(obj), ptrs, 4 * SIDE, (90, 120)))

    def prompts(self):
        return self.policy.prompts(self.state, self.bank, SimpleNamespace())


BOX = (2, 4, 5, 9)  # centre (3.5, 6.5) of the decoder's pixels, (15.5, 27.5) of the input's
MOVED = (4, 3, 7, 8)  # by (2, -1), by (8, -4)


def test_a_click_and_a_moved_mask_where_the_object_is_expected():
    simulation = Small()
    simulation.see(1, [BOX])
    simulation.see(2, [MOVED])
    own = simulation.prompts()
    assert own.labels.tolist() == [[1]]
    assert own.labels.dtype == torch.int32
    assert own.points.tolist() == [[[15.5 + 2 * 8, 27.5 - 2 * 4]]]
    expected = torch.full((SIDE, SIDE), -8.0)
    expected[2:8, 6:10] = 32.0  # clamped from 40
    assert torch.equal(own.dense, expected[None, None])
    assert own.dense_valid.tolist() == [True]


def test_a_box_moves_along():
    simulation = Small({"sparse_prompt": "both", "dense_prompt": "false"})
    simulation.see(1, [BOX])
    simulation.see(2, [MOVED])
    own = simulation.prompts()
    assert own.labels.tolist() == [[2, 3, 1]]
    # MOVED covers input pixels 16..31 and 12..35; it goes on by (8, -4)
    assert own.points.tolist() == [[[24, 8], [39, 31], [31.5, 19.5]]]
    assert own.dense is None


def test_expected_places_stay_in_the_picture():
    simulation = Small()
    simulation.see(1, [(0, 0, 3, 3)])
    simulation.see(2, [(12, 12, 15, 15)])  # by (12, 12), out of the picture next
    own = simulation.prompts()
    assert own.points.tolist() == [[[4 * SIDE - 1, 4 * SIDE - 1]]]
    assert own.dense.unique().tolist() == [-8]  # the border's column and line, drawn along


def test_translation_by_hand():
    picture = torch.arange(12.0).reshape(1, 3, 4)
    assert translated(picture, torch.tensor([[1, 0]]))[0].tolist() == [
        [0, 0, 1, 2],
        [4, 4, 5, 6],
        [8, 8, 9, 10],
    ]
    assert translated(picture, torch.tensor([[-2, 1]]))[0].tolist() == [
        [2, 3, 3, 3],
        [2, 3, 3, 3],
        [6, 7, 7, 7],
    ]


@pytest.mark.parametrize(
    ("frames", "prompted"),
    [
        ([], False),
        ([(BOX, 0.9, 5.0)], False),
        ([(BOX, 0.9, 5.0), (BOX, 0.9, 5.0)], True),
        ([(BOX, 0.9, 5.0), (None, 0.9, 5.0)], False),
        ([(None, 0.9, 5.0), (BOX, 0.9, 5.0)], False),
        ([(BOX, 0.4, 5.0), (BOX, 0.9, 5.0)], False),
        ([(BOX, 0.9, 5.0), (BOX, 0.5, 5.0)], False),  # above 0.5, not at it
        ([(BOX, 0.9, -1.0), (BOX, 0.9, 5.0)], False),
        ([(None, 0.9, 5.0), (BOX, 0.9, 5.0), (MOVED, 0.9, 5.0)], True),
    ],
)
def test_both_last_masks_have_to_be_reliable(frames, prompted):
    simulation = Small()
    for t, (box, iou, obj) in enumerate(frames, start=1):
        simulation.see(t, [box], iou, obj)
    own = simulation.prompts()
    assert own.labels.tolist() == [[1 if prompted else -1]]
    assert own.dense_valid.tolist() == [prompted]


def test_every_row_moves_on_its_own():
    simulation = Small(rows=3)
    simulation.see(1, [BOX, BOX, BOX], iou=[0.9, 0.9, 0.2])
    simulation.see(2, [MOVED, BOX, MOVED])
    own = simulation.prompts()
    assert own.labels.flatten().tolist() == [1, 1, -1]
    assert own.points[:2].tolist() == [[[31.5, 19.5]], [[15.5, 27.5]]]
    assert own.dense_valid.tolist() == [True, True, False]


def test_prompts_can_be_switched_off():
    off = Small({"sparse_prompt": "none", "dense_prompt": "false"})
    dense = Small({"sparse_prompt": "none"})
    for simulation in (off, dense):
        simulation.see(1, [BOX])
        simulation.see(2, [MOVED])
    assert off.prompts() is None
    assert dense.prompts().labels.tolist() == [[-1]]
    assert dense.prompts().dense is not None


@pytest.mark.parametrize(
    ("model", "given", "dense"),
    [
        ("sam2.1-l@1234", None, True),
        ("nano@1234", None, False),
        ("nano@1234", "true", True),
        ("sam2.1-l@1234", "false", False),
    ],
)
def test_nano_gets_a_dense_prompt_only_when_told(model, given, dense):
    policy = load_policy("mosam", {} if given is None else {"dense_prompt": given})
    state = policy.reset(2, torch.device("cpu"), None)
    source = Source("clip", ("1",), model, 128)
    entry = SimpleNamespace(rows=torch.tensor([1]), source=source)
    policy.on_prompt(state, SimpleNamespace(), entry)
    assert state["dense"].tolist() == [False, dense]


# ---- memory selection ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unreliable", "t", "spatial"),
    [
        ((), 1, [(0, 6)]),
        ((), 3, [(0, 6), (1, 1), (2, 0)]),
        ((), 31, [(0, 6), (25, 5), (26, 4), (27, 3), (28, 2), (29, 1), (30, 0)]),
        ((1,), 2, [(0, 6), (1, 0)]),  # the last frame is read whatever it is
        ((1,), 3, [(0, 6), (2, 0)]),
        ((2, 3), 5, [(0, 6), (1, 1), (4, 0)]),  # rows by rank, without gaps
        (range(8, 50), 48, [(0, 6), (3, 5), (4, 4), (5, 3), (6, 2), (7, 1), (47, 0)]),
        (range(8, 50), 51, [(0, 6), (3, 5), (4, 4), (5, 3), (6, 2), (7, 1), (50, 0)]),
    ],
)
@pytest.mark.parametrize("scores", [(0.5, 5.0), (0.9, 0.0)])
def test_spatial(unreliable, t, spatial, scores):
    simulation = Simulation(load_policy("mosam"))
    for frame in range(1, t):
        simulation.write(frame, *(scores if frame in unreliable else (0.9, 5.0)))
    assert simulation.read(t)[0] == spatial
    assert simulation.read(t)[1] == [(0, t)] + [(t - d, d) for d in range(1, min(t, 16))]


def test_without_the_last_frame_unreliable_ones_are_not_stored():
    simulation = Simulation(load_policy("mosam", {"last_frame": "false"}))
    assert [simulation.write(t, iou=0.9 if t < 3 else 0.2) for t in range(1, 6)] == [
        1,
        2,
        DISCARD,
        DISCARD,
        DISCARD,
    ]
    assert simulation.read(6)[0] == [(0, 6), (1, 1), (2, 0)]


def unbounded(scores: dict[int, tuple[float, float]], t: int, last_frame: bool):
    """The rule over all frames there ever were."""
    found = [f for f in range(1, t) if scores[f][0] > 0.5 and scores[f][1] > 0]
    if last_frame and t > 1 and t - 1 not in found:
        found.append(t - 1)
    spatial = [(frame, row) for row, frame in enumerate(reversed(found[-6:]))]
    return [(0, 6), *reversed(spatial)], [(0, t)] + [(t - d, d) for d in range(1, min(t, 16))]


@pytest.mark.parametrize("last_frame", [True, False])
def test_the_bank_answers_as_an_endless_memory_would(last_frame):
    rows, draw = 200, random.Random(5)
    simulation = Simulation(load_policy("mosam", {"last_frame": last_frame}), None, rows)
    quality = [draw.choice([0.1, 0.4, 0.8, 1.0]) for _ in range(rows)]
    history: list[dict[int, tuple[float, float]]] = [{} for _ in range(rows)]
    for t in range(1, 50):
        plan = simulation.plan(t)
        for row in range(rows):
            assert simulation.frames(plan, row)[:2] == unbounded(history[row], t, last_frame)
            good = draw.random() < quality[row]
            history[row][t] = (
                draw.uniform(0.3, 1) if good else draw.uniform(0, 0.6),
                draw.uniform(-1, 8) if good else draw.uniform(-8, 1),
            )
        iou, obj = zip(*(history[row][t] for row in range(rows)), strict=True)
        simulation.write(t, iou, obj)


def test_pixels_of_low_confidence_are_masked_in_the_memory_they_belong_to():
    simulation = Small({"pixel_confidence": "0.5"})
    assert simulation.plan(1).key_mask[0, 0].all()  # the prompt
    logits = torch.full((1, 1, SIDE, SIDE), 8.0)
    logits[..., :4, :4] = 0.1  # memory pixel (0, 0) is unsure: confidence 0.05
    logits[..., 4:8, 4:6] = 0.1  # half of pixel (1, 1): about (0.05 + 1) / 2
    logits[..., 4:8, 12:15] = 0.1  # three quarters of (1, 3)
    for t in (1, 2):
        seen = logits if t == 1 else logits.flip(2)
        ptrs = torch.zeros(1, 1, 4)
        simulation.step(
            t, Candidates(seen, torch.ones(1, 1), torch.ones(1), ptrs, 4 * SIDE, (9, 9))
        )
    plan = simulation.plan(3)
    assert simulation.frames(plan)[0] == [(0, 6), (1, 1), (2, 0)]
    masks = plan.key_mask.reshape(1, -1, GRID, GRID)[0]
    assert masks[0].all()
    assert (~masks[1]).nonzero().tolist() == [[0, 0], [1, 3]]
    assert (~masks[2]).nonzero().tolist() == [[2, 3], [3, 0]]


def test_what_is_discarded_leaves_the_masks_alone():
    simulation = Small({"pixel_confidence": "0.5", "last_frame": "false"})
    for t in range(1, 8):
        simulation.see(t, [BOX])
    before = simulation.state["keep"].clone()
    unsure = torch.zeros(1, 1, SIDE, SIDE)
    candidates = Candidates(
        unsure, torch.full((1, 1), 0.1), torch.ones(1), torch.zeros(1, 1, 4), 4 * SIDE, (9, 9)
    )
    assert simulation.step(8, candidates) == DISCARD
    assert torch.equal(simulation.state["keep"], before)


# ---- through the engine --------------------------------------------------------------------------


def candidates_of(engine, clip, options) -> list[int]:
    """How many candidates each tracking frame had."""
    tracker = Tracker(engine, load_policy("mosam", options), num_frames=6)
    first = int(clip.labels[0].max())
    tracker.init(clip.frames[0], {"1": MaskPrompt(clip.labels[0] == first)})
    return [tracker.track(picture).ious.shape[1] for picture in clip.frames[1:6]]


@pytest.mark.parametrize(("sparse", "count"), [("none", 3), ("point", 3), ("box", 1), ("both", 1)])
def test_a_click_leaves_three_candidates_and_a_box_one(backbone, clip, sparse, count):
    seen = candidates_of(Engine(backbone), clip, {"sparse_prompt": sparse})
    assert seen == [count] * 5


def test_an_object_that_begins_later_leaves_the_masks_of_others_alone(backbone, clip):
    tracker = Tracker(Engine(backbone), load_policy("mosam", {"pixel_confidence": 0.9}))
    first, second = (MaskPrompt(clip.labels[0] == i) for i in np.unique(clip.labels[0])[1:3])
    tracker.init(clip.frames[0], {"1": first})
    tracker.track(clip.frames[1])
    before = tracker.state.state["keep"].clone()
    assert not before[0, 1].all()  # something is masked
    tracker.track(clip.frames[2], {"2": second})
    keep = tracker.state.state["keep"]
    assert keep.shape == (2, *before.shape[1:])
    assert torch.equal(keep[0, :2], before[0, :2])
    assert keep[1, 0].all()


@pytest.mark.golden
@pytest.mark.parametrize(
    "options",
    [
        {"sparse_prompt": "both", "dense_prompt": True, "pixel_confidence": 0.9},
        {"sparse_prompt": "none", "dense_prompt": True, "last_frame": False},
    ],
)
def test_contract_with_options(options):
    for check in check_policy("mosam", options, frames=20):
        assert check.ok, check


def test_name_and_status_are_said():
    spec = load_policy("mosam").spec
    assert spec.parity == "re-implemented from the description, not parity-checked"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_maskmem": 1}, "num_maskmem=1 is outside 2..7"),
        ({"num_maskmem": 8}, "num_maskmem=8 is outside 2..7"),
        ({"memory_iou": "1.5"}, "memory_iou=1.5 is outside 0..1"),
        ({"memory_iou": "nan"}, "memory_iou=nan is outside 0..1"),
        ({"pixel_confidence": "-1"}, "pixel_confidence=-1.0 is outside 0..1"),
        ({"max_logit": "0"}, "max_logit=0.0 leaves nothing of a mask"),
        ({"memory_object_score": "nan"}, "memory_object_score=nan is no number"),
    ],
)
def test_wrong_constants_are_refused(options, words):
    with pytest.raises(InputError, match=f"^Policy 'mosam': {words}"):
        load_policy("mosam", options)


def test_an_unknown_kind_of_prompt_is_refused():
    with pytest.raises(InputError, match="'mosam' does not take sparse_prompt='dots'"):
        load_policy("mosam", {"sparse_prompt": "dots"})
