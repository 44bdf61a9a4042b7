"""Box measures: cases computed by hand, and what got10k says of recorded boxes."""

import json
from pathlib import Path

import numpy as np
import pytest

from vot_memory.datasets.rle import encode
from vot_memory.errors import InputError
from vot_memory.metrics.boxes import (
    BENCHMARKS,
    BOX_MEASURES,
    BoxRules,
    box_iou,
    box_scores,
    mask_boxes,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "boxes.json").read_text())
ABSENT = (0.0, 0.0, 0.0, 0.0)
NAN = (np.nan,) * 4
T = (10.0, 10.0, 40.0, 20.0)

# Overlaps 1, 1/3, 2/3, 0 on frames 1 to 4; centre errors 0, 20, 8 pixels, normalised 0, .5, .2.
TRUTH = [T, T, T, T, T, ABSENT, None]
ANSWERS = np.array([NAN, T, (30, 10, 40, 20), (18, 10, 40, 20), ABSENT, T, NAN])


def measures(scores) -> dict[str, float | None]:
    return {measure.label: getattr(scores, measure.name) for measure in BOX_MEASURES}


def test_every_measure_by_hand() -> None:
    scores = box_scores(ANSWERS, TRUTH, first_frame=0)
    assert measures(scores) == pytest.approx(
        {
            "AUC": (20 + 7 + 14 + 0) / 21 / 4,  # thresholds below 1, 1/3 and 2/3
            "P": 3 / 4,  # 20 pixels are within 20
            "Pnorm": 2 / 4,  # 0.2 is within 0.2
            "AO": (1 + 1 / 3 + 2 / 3) / 4,
            "SR50": 2 / 4,
            "SR75": 1 / 4,
        }
    )
    # Trapezoids over 20 steps: the error 0 fills all, .2 twelve and a half, .5 a half.
    assert scores.normalized_area == pytest.approx((20 + 12.5 + 0.5) / 20 / 4)
    assert scores.frames == 4


def test_rules_of_lasot_count_the_first_frame_and_absences_and_hold_the_last_box() -> None:
    scores = box_scores(ANSWERS, TRUTH, first_frame=0, rules=BENCHMARKS["lasot"])
    assert measures(scores) == pytest.approx(
        {
            "AUC": (20 + 20 + 7 + 14 + 14) / 21 / 6,
            "P": 5 / 6,
            "Pnorm": 4 / 6,
            "AO": (1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5,
            "SR50": 4 / 5,
            "SR75": 2 / 5,
        }
    )


def test_rules_of_otb_leave_absences_out() -> None:
    scores = box_scores(ANSWERS, TRUTH, first_frame=0, rules=BENCHMARKS["otb"])
    assert scores.success == pytest.approx(75 / 21 / 5)
    assert scores.precision == 1


def test_a_perfect_tracker_has_an_auc_of_twenty_of_21() -> None:
    truth = [T] * 5
    for rules in BENCHMARKS.values():
        scores = box_scores(np.array(truth), truth, first_frame=0, rules=rules, size=(50, 60))
        assert scores.success == pytest.approx(20 / 21)
        assert (scores.precision, scores.average_overlap, scores.success_75) == (1, 1, 1)


def score_one(answer, truth, **options):
    return box_scores(np.array([NAN, answer], float), [truth, truth], first_frame=0, **options)


def test_an_overlap_of_one_half_is_not_above_it() -> None:
    scores = score_one((0, 0, 2, 1), (0, 0, 2, 2))
    assert (scores.average_overlap, scores.success_50) == (0.5, 0)


def test_errors_are_in_sizes_of_the_annotated_box() -> None:
    # The centres are 6 apart: 0.15 of 40, but 0.6 of the answer's width of 10.
    scores = score_one((31, 10, 10, 20), T)
    assert (scores.precision, scores.normalized_precision) == (1, 1)
    scores = score_one((10, 15, 40, 20), T)  # 5 of 20 in height
    assert scores.normalized_precision == 0


def test_an_empty_answer_is_near_nothing() -> None:
    scores = score_one(ABSENT, (0, 0, 4, 4))
    assert (scores.precision, scores.normalized_precision, scores.normalized_area) == (0, 0, 0)


def test_got_10k_puts_boxes_into_the_picture() -> None:
    got = {"rules": BENCHMARKS["got-10k"], "size": (4, 8)}
    inside, outside = (6, 0, 2, 4), (6, 0, 4, 4)
    assert score_one(inside, outside, size=(4, 8)).average_overlap == 0.5
    assert score_one(inside, outside, **got).average_overlap == 1
    assert score_one((0, 0, 4, 4), (-2, 0, 4, 4), **got).average_overlap == 1
    with pytest.raises(ValueError, match="GOT-10k puts boxes into the picture"):
        score_one(inside, outside, rules=BENCHMARKS["got-10k"])


def test_frames_before_a_late_prompt_count_nowhere() -> None:
    truth = [T, T, T, T]
    answers = np.array([ABSENT, ABSENT, ABSENT, T])
    scores = box_scores(answers, truth, first_frame=2)
    assert (scores.frames, scores.average_overlap) == (1, 1)


@pytest.mark.parametrize("rules", [BoxRules(), *BENCHMARKS.values()])
def test_without_scored_frames_every_measure_is_undefined(rules) -> None:
    # A server's prompt does not become a perfect answer of one frame.
    truth, answers = [T, None], np.array([NAN, NAN])
    scores = box_scores(answers, truth, first_frame=0, rules=rules, size=(50, 60))
    assert set(measures(scores).values()) == {None}
    assert scores.frames == 0


def test_a_first_frame_counts_beside_frames_without_the_object() -> None:
    truth, answers = [T, ABSENT], np.array([NAN, T])
    scores = box_scores(answers, truth, first_frame=0, rules=BENCHMARKS["lasot"])
    assert (scores.frames, scores.precision, scores.average_overlap) == (1, 0.5, 1)
    otb = box_scores(answers, truth, first_frame=0, rules=BENCHMARKS["otb"])
    assert (otb.frames, otb.precision) == (1, 1)


def test_a_missing_prediction_is_named_and_never_held_over() -> None:
    answers = np.array([T, T, NAN])
    for rules in (BoxRules(), BENCHMARKS["lasot"]):
        with pytest.raises(InputError, match="no prediction for frame 2"):
            box_scores(answers, [T, T, T], first_frame=0, rules=rules)
    with pytest.raises(InputError, match="3 predicted boxes for 2 frames"):
        box_scores(answers, [T, T], first_frame=0)


@pytest.mark.parametrize(
    ("a", "b", "iou"),
    [
        ((0, 0, 2, 2), (1, 1, 2, 2), 1 / 7),
        ((0, 0, 4, 4), (1, 1, 2, 2), 4 / 16),
        ((0, 0, 2, 2), (2, 0, 2, 2), 0),  # touch
        ((0, 0, 2, 2), (5, 5, 2, 2), 0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
        ((0, 0, -3, -3), (0, 0, 2, 2), 0),
        ((-1, 0, 2, 2), (-1, 0, 2, 2), 1),
        ((0.5, 0, 1, 1), (0, 0, 1, 1), 1 / 3),
    ],
)
def test_box_iou(a, b, iou) -> None:
    both = np.array([a, b], dtype=float)
    assert box_iou(both, both[::-1]) == pytest.approx([iou, iou])
    assert np.isnan(box_iou(both, np.full((2, 4), np.nan))).all()


def test_mask_boxes_are_tight(rng) -> None:
    masks = [rng.random((9, 13)) < share for share in (0.02, 0.1, 0.5)]
    masks += [np.zeros((9, 13), bool), np.ones((9, 13), bool)]
    masks[0][4, 7] = True
    boxes = mask_boxes([encode(masks[0]), None, *map(encode, masks[1:])])
    assert boxes.shape == (6, 4)
    assert np.isnan(boxes[1]).all()
    for mask, box in zip(masks, np.delete(boxes, 1, axis=0), strict=True):
        if mask.any():
            ys, xs = np.nonzero(mask)
            tight = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        else:
            tight = [0, 0, 0, 0]
        assert box.tolist() == tight
    assert mask_boxes([None, None]).shape == (2, 4)


def recorded(name: str, *, absences: bool):
    video = GOLDEN["videos"][name]
    seen = [share > 0 or not absences for share in video["cover"]]
    truth = [tuple(box) if s else ABSENT for box, s in zip(video["truth"], seen, strict=True)]
    return np.array(video["answers"]), truth


def test_ao_and_sr_equal_got10k() -> None:
    scores = {
        name: box_scores(
            *recorded(name, absences=True),
            first_frame=0,
            rules=BENCHMARKS["got-10k"],
            size=tuple(GOLDEN["size"]),
        )
        for name in GOLDEN["videos"]
    }
    found = {
        name: {"ao": score.average_overlap, "sr": score.success_50}
        for name, score in scores.items()
    }
    frames = [score.frames for score in scores.values()]
    found["all"] = {
        key: np.average([one[key] for one in found.values()], weights=frames)
        for key in ("ao", "sr")
    }
    for name, values in found.items():
        assert values == pytest.approx(GOLDEN["got10k"][name], abs=1e-12)


def test_auc_and_precision_equal_got10k_on_otb() -> None:
    # Its class holds no boxes: an empty answer stays empty.
    scores = {
        name: box_scores(
            *recorded(name, absences=False), first_frame=0, rules=BoxRules(count_first=True)
        )
        for name in GOLDEN["videos"]
    }
    found = {
        name: {"success_score": score.success, "precision_score": score.precision}
        for name, score in scores.items()
    }
    found["all"] = {
        key: np.mean([one[key] for one in found.values()])
        for key in ("success_score", "precision_score")
    }
    for name, values in found.items():
        assert values == pytest.approx(GOLDEN["otb"][name], abs=1e-12)


def test_overlap_never_exceeds_one(rng) -> None:
    boxes = rng.uniform(0.1, 100, (5000, 4))
    assert box_iou(boxes, boxes).max() == 1
