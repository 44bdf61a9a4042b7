"""J and F beside recorded answers of vos-benchmark, and by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from vot_memory.datasets.rle import decode, encode
from vot_memory.errors import InputError
from vot_memory.metrics.davis import contour_measure, davis_scores, tolerance_radius

REFERENCE = json.loads((Path(__file__).parents[1] / "golden" / "davis.json").read_text())
CASES = {case["name"]: case for case in REFERENCE["cases"]}


def box(y0, y1, x0, x1, size=(40, 50)):
    mask = np.zeros(size, np.uint8)
    mask[y0:y1, x0:x1] = 1
    return mask


EMPTY = box(0, 0, 0, 0)
SQUARE = box(10, 20, 10, 20)


def framed(*pairs):
    """Predictions and truths of the pairs between a first and a last frame that do not count."""
    predicted, truth = zip(*pairs, strict=True)
    return [None, *predicted, None], [SQUARE, *truth, SQUARE]


@pytest.mark.parametrize("name", CASES)
def test_equal_to_vos_benchmark(name):
    case = CASES[name]
    scores = davis_scores(case["predicted"], case["truth"])
    assert scores.region == pytest.approx(case["J"], abs=1e-12)
    assert scores.contour == pytest.approx(case["F"], abs=1e-12)
    assert scores.frames == len(case["truth"]) - 2


def test_the_set_is_the_mean_over_all_objects():
    scores = [davis_scores(case["predicted"], case["truth"]) for case in CASES.values()]
    assert np.mean([s.region for s in scores]) == pytest.approx(REFERENCE["J"], abs=1e-12)
    assert np.mean([s.contour for s in scores]) == pytest.approx(REFERENCE["F"], abs=1e-12)
    assert scores[0].both == pytest.approx((scores[0].region + scores[0].contour) / 2)


def test_arrays_and_run_lengths_are_the_same():
    case = CASES["small-1"]
    arrays = [[decode(rle) for rle in case[kind]] for kind in ("predicted", "truth")]
    assert davis_scores(*arrays) == davis_scores(case["predicted"], case["truth"])


def test_the_tolerance_is_a_share_of_the_diagonal_rounded_up():
    # 0.008 * 500 = 4; 0.008 * 979.7 = 7.8
    assert (tolerance_radius((300, 400)), tolerance_radius((480, 854))) == (4, 8)


@pytest.mark.parametrize(("shift", "measure"), [(0, 1), (2, 1), (3, None), (14, 0)])
def test_contours_within_the_tolerance_match(shift, measure):
    moved = np.roll(SQUARE, shift, axis=1)
    found = contour_measure(moved, SQUARE, 2)
    if measure is None:  # only the upper and lower side still match, and corners
        assert 0 < found < 1
    else:
        assert found == measure


def test_a_contour_by_hand():
    predicted = box(10, 20, 10, 15)
    # A contour lies half a pixel towards the origin: it begins one row and one column earlier.
    # Truth: rows 9 and 19, columns 9..19; columns 9 and 19, rows 9..19: 40 pixels.
    # Prediction: rows 9 and 19, columns 9..14; columns 9 and 14, rows 9..19: 30 pixels.
    # Shared: column 9 (11), rows 9 and 19 in columns 10..14 (10): 21 pixels.
    precision, recall = 21 / 30, 21 / 40
    expected = 2 * precision * recall / (precision + recall)
    assert contour_measure(predicted, SQUARE, 0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("pair", "region", "contour"),
    [
        ((EMPTY, EMPTY), 1, 1),
        ((SQUARE, EMPTY), 0, 0),
        ((EMPTY, SQUARE), 0, 0),
        ((box(0, 40, 0, 50), EMPTY), 0, 1),  # the whole picture has no contour either
        ((SQUARE, SQUARE), 1, 1),
    ],
)
def test_masks_and_contours_that_are_empty(pair, region, contour):
    assert davis_scores(*framed(pair)) == (region, contour, 1)


def test_the_first_and_the_last_annotated_frame_of_the_object_are_left_out():
    wrong, right = (EMPTY, SQUARE), (SQUARE, SQUARE)
    predicted, truth = zip(wrong, wrong, right, wrong, right, wrong, strict=True)
    late = [*truth]
    late[0], late[2] = None, None  # begins at 1 (left out); 2 is not annotated
    late += [None, None]  # 5 is the last annotated frame (left out)
    scores = davis_scores([*predicted, None, None], late, first_frame=1)
    assert (scores.region, scores.frames) == (0.5, 2)  # frames 3 and 4


@pytest.mark.parametrize("length", [1, 2])
def test_two_frames_leave_nothing_to_score(length):
    assert davis_scores([SQUARE] * length, [SQUARE] * length) == (None, None, 0)
    assert davis_scores([SQUARE] * length, [SQUARE] * length).both is None


@pytest.mark.parametrize("form", [encode, np.asarray])
def test_ignored_pixels_leave_both_masks(form):
    predicted, truth = (form(m) for m in (box(10, 20, 10, 30), SQUARE))
    ignore = [None, form(box(5, 25, 20, 40)), None]
    frames = framed((predicted, truth))
    plain, kept = davis_scores(*frames), davis_scores(*frames, ignore=ignore)
    assert plain.region == pytest.approx(0.5)
    assert plain.contour < 1
    assert (kept.region, kept.contour) == (1, 1)
    gone = davis_scores(*frames, ignore=[None, form(box(0, 40, 0, 50)), None])
    assert (gone.region, gone.contour) == (1, 1)


def test_wrong_input_is_named():
    predicted, truth = framed((SQUARE, SQUARE))
    with pytest.raises(InputError, match="2 predictions for 3 frames"):
        davis_scores(predicted[:2], truth)
    with pytest.raises(InputError, match="no prediction for frame 1"):
        davis_scores([None] * 3, truth)
    with pytest.raises(InputError, match="sizes 40x50 and 41x50"):
        davis_scores(*framed((np.zeros((41, 50)), SQUARE)))
