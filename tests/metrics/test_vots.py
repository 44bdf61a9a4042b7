"""VOTS measures: the golden cases of the VOT toolkit, and cases computed by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.errors import InputError
from vot_memory.metrics import (
    MEASURES,
    count_frames,
    frame_overlaps,
    mean_scores,
    object_scores,
    score_object,
    success_curve,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "vots.json").read_text())
WIDTH, HEIGHT = GOLDEN["size"]
CASES = GOLDEN["cases"]
NAMES = [measure.name for measure in MEASURES]

# Cases where the toolkit's answer is one of its bugs (thin masks; a crash). Ours, by hand:
# overlaps with frame 0 as the init zero, then (Q, A, R, NRE, DRE).
OURS = {
    # Two disjoint strips on one row do not overlap (toolkit: 1.0), and a strip is visible.
    "thin_row": ([0, 0, 1], (1 / 3, 1 / 2, 1 / 3, 1 / 3, 1 / 3)),
    # The strip of 3 px is visible and lies in a block of 16 px; then it is missed.
    "thin_vs_fat": ([0, 3 / 16, 0], (1 / 16, 3 / 32, 1 / 3, 2 / 3, 0)),
    # An object in column 0 is visible (toolkit: erased on reading), so the block is drift.
    "col0_object": ([0, 0, 1], (1 / 3, 1 / 2, 1 / 3, 1 / 3, 1 / 3)),
    # A strip predicted in row 0 while the object is absent is a hallucination (toolkit: correct).
    "fp_row0": ([0, 0, 1], (1 / 3, 1 / 2, 1 / 2, 1 / 2, 0)),
    # The toolkit crashes on a tag filter without `_ignore` object; same as filter_tag_ignore.
    "filter_tag": ([0, 0, 1, 0, 0.5, 0], (3 / 4, 3 / 4, 1, 0, 0)),
}


def read_mask(text):
    """Mask of the VOT text format; None for "0" (unannotated), empty for "1"."""
    if text == "0":
        return None
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if text != "1":
        x, y, width, height, *runs = map(int, text[1:].split(","))
        values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
        mask[y : y + height, x : x + width] = values.reshape(height, width)
    return mask


def read_masks(lines, length):
    return [read_mask(line) for line in lines] + [None] * (length - len(lines))


def case_objects(name, *, as_rle, use_tags=True):
    """Yield per sequence its objects as (key, predictions, truths, first frame, ignore)."""
    for sequence, data in CASES[name]["inputs"].items():
        objects = []
        length = max(len(lines) for lines in data["pred"].values())
        for obj, lines in data["gt"].items():
            truths = read_masks(lines, length)
            predictions = read_masks(data["pred"][obj], length)
            first = next(t for t, mask in enumerate(truths) if mask is not None)
            if use_tags and data["tags"]:
                tags = data["tags"]["evaluation"]
                truths = [m if tag else None for m, tag in zip(truths, tags, strict=True)]
            ignore = read_masks(data["ignore"], length) if data["ignore"] else None
            masks = [predictions, truths, ignore]
            if as_rle:
                masks = [m and [None if x is None else encode(x) for x in m] for m in masks]
            key = f"{sequence}/{obj if len(data['gt']) > 1 else 'object'}"
            objects.append((key, *masks[:2], first, masks[2]))
        yield objects


def score_case(name, *, toolkit_compatible, use_ignore, as_rle):
    """Scores of the split and its mean success curve."""
    sequences, curves = [], []
    for objects in case_objects(name, as_rle=as_rle):
        frames = [
            frame_overlaps(
                predictions,
                truths,
                first_frame=first,
                ignore=ignore if use_ignore else None,
                toolkit_compatible=toolkit_compatible,
            )
            for _, predictions, truths, first, ignore in objects
        ]
        sequences.append(mean_scores(object_scores(f) for f in frames))
        curves.append(np.mean([success_curve(f) for f in frames], axis=0))
    return mean_scores(sequences), np.mean(curves, axis=0)


def test_the_golden_file_has_its_29_cases():
    assert len(CASES) == 29
    assert set(OURS) < set(CASES)


@pytest.mark.parametrize("as_rle", [True, False], ids=["rle", "array"])
@pytest.mark.parametrize("name", CASES)
def test_toolkit_mode_equals_the_toolkit(name, as_rle):
    scores, curve = score_case(name, toolkit_compatible=True, use_ignore=True, as_rle=as_rle)
    if name in OURS:
        expected = dict(zip(NAMES, (*OURS[name][1], None), strict=True))
    else:
        expected = {measure: CASES[name]["toolkit"][measure] for measure in NAMES}
        assert curve.mean() == pytest.approx(CASES[name]["toolkit"]["success_auc"], abs=1e-12)
    for measure in NAMES:
        assert getattr(scores, measure) == pytest.approx(expected[measure], abs=1e-12), measure


@pytest.mark.parametrize("name", CASES)
def test_toolkit_mode_per_frame(name):
    """Overlaps and counts of each object, as the toolkit's own functions give them without tags."""
    for objects in case_objects(name, as_rle=True, use_tags=False):
        for key, predictions, truths, first, ignore in objects:
            frames = frame_overlaps(
                predictions, truths, first_frame=first, ignore=ignore, toolkit_compatible=True
            )
            reference = CASES[name]["primitives"].get(key) or CASES[name]["primitives"]["s/a"]
            expected = OURS[name][0] if name in OURS else reference["overlaps"]
            np.testing.assert_allclose(
                frames.overlap[frames.scored], np.array(expected)[frames.scored], atol=1e-6
            )
            # The crash aside, the filter case is sound frame by frame.
            if name not in OURS or name == "filter_tag":
                assert list(count_frames(frames)) == reference["counts_T_F_M_H_N"]


@pytest.mark.parametrize("name", CASES)
def test_clean_mode_equals_the_definition_without_frame_0(name):
    """SAM2RL's definition knows no ignore masks, so those cases are scored without them."""
    scores, _ = score_case(name, toolkit_compatible=False, use_ignore=False, as_rle=True)
    for measure, value in CASES[name]["sam2rl_skip_frame0"].items():
        assert getattr(scores, measure) == pytest.approx(value, abs=1e-12), measure


# ---- by hand: a 1 x 10 picture, objects as sets of columns -------------------------------------


def strip(*columns):
    mask = np.zeros((1, 10), bool)
    mask[0, list(columns)] = True
    return encode(mask)


HERE, HALF, AWAY, EMPTY = strip(0, 1), strip(0), strip(8, 9), strip()


def test_absent_empty_and_reappearing():
    #        prompt tracked half  drift  miss   silent halluc. back
    truth = [HERE, HERE, HERE, HERE, HERE, EMPTY, EMPTY, HERE]
    guess = [HERE, HERE, HALF, AWAY, EMPTY, EMPTY, AWAY, HERE]
    scores = object_scores(frame_overlaps(guess, truth))
    np.testing.assert_array_equal(scores.frames.overlap[1:], [1, 0.5, 0, 0, 1, 0, 1])
    assert np.isnan(scores.frames.overlap[0])
    assert scores.counts == (3, 1, 1, 1, 1)
    assert scores.counts._asdict() == {
        "tracked": 3,
        "drifted": 1,
        "missed": 1,
        "hallucinated": 1,
        "silent": 1,
    }
    assert scores.quality == pytest.approx(3.5 / 7)
    assert scores.accuracy == pytest.approx(2.5 / 3)
    assert (scores.robustness, scores.nre, scores.dre) == (3 / 5, 1 / 5, 1 / 5)
    assert scores.visible_iou == pytest.approx(2.5 / 5)
    assert scores.adq is None  # 2 absent frames are too few
    assert scores.absent_correct == 0.5


def test_late_object_is_scored_after_its_prompt_only():
    """Nothing before the prompt counts, though it is annotated as absent; nor the prompt frame."""
    track = ObjectTrack("7", 2, (EMPTY, EMPTY, HERE, HERE, None, HERE))
    clean = score_object([None, None, AWAY, HERE, None, HALF], track)
    np.testing.assert_array_equal(clean.frames.scored, [0, 0, 0, 1, 0, 1])
    assert (clean.quality, clean.robustness) == (0.75, 1)
    assert clean.absent_correct is None
    # In the toolkit only frame 0 of the video is special: the late prompt frame counts as it is.
    toolkit = score_object([None, None, HALF, HERE, None, HALF], track, toolkit_compatible=True)
    np.testing.assert_array_equal(toolkit.frames.overlap[[2, 3, 5]], [0.5, 1, 0.5])
    assert toolkit.quality == toolkit.accuracy == pytest.approx(2 / 3)


def test_toolkit_zero_counts_whatever_is_stored_at_frame_0():
    for stored in (None, HERE, AWAY):
        scores = object_scores(
            frame_overlaps([stored, HERE, HERE], [HERE] * 3, toolkit_compatible=True)
        )
        assert scores.quality == scores.accuracy == scores.robustness == pytest.approx(2 / 3)
        assert scores.visible_iou == 1  # the artefact stays out of the plain mean


def test_clean_mode_never_looks_at_the_prompt_frame():
    for stored in (None, HERE, AWAY):
        scores = object_scores(frame_overlaps([stored, HERE, HALF], [HERE] * 3))
        assert (scores.quality, scores.accuracy, scores.robustness) == (0.75, 0.75, 1)


def test_toolkit_accuracy_is_zero_without_tracked_frames():
    guess, truth = [None, AWAY, EMPTY], [None, HERE, HERE]
    late = frame_overlaps(guess, truth, first_frame=1, toolkit_compatible=True)
    assert object_scores(late).accuracy == 0
    assert object_scores(frame_overlaps(guess, truth, first_frame=1)).accuracy is None


def test_adq_needs_more_than_ten_absent_frames():
    def adq(absent):
        truth = [HERE] + [EMPTY] * absent
        guess = [HERE] + [EMPTY] * (absent - 2) + [AWAY] * 2
        scores = object_scores(frame_overlaps(guess, truth))
        return scores.adq, scores.absent_correct

    assert adq(10) == (None, 0.8)
    assert adq(11) == (9 / 11, 9 / 11)


def test_undefined_measures_are_none_not_nan():
    never_again = object_scores(frame_overlaps([HERE, EMPTY], [HERE, EMPTY]))
    assert never_again.quality == never_again.absent_correct == 1
    for name in ("accuracy", "robustness", "nre", "dre", "adq", "visible_iou"):
        assert getattr(never_again, name) is None
    lost = object_scores(frame_overlaps([HERE, AWAY], [HERE, HERE]))
    assert (lost.quality, lost.accuracy, lost.dre) == (0, None, 1)
    prompt_only = object_scores(frame_overlaps([HERE, None], [HERE, None]))
    assert all(getattr(prompt_only, name) is None for name in NAMES)
    assert success_curve(prompt_only.frames) is None
    assert mean_scores([]).quality is None


def test_means_leave_undefined_objects_out():
    absent = object_scores(frame_overlaps([HERE, AWAY], [HERE, EMPTY]))  # Q 0, R undefined
    good = object_scores(frame_overlaps([HERE, HALF], [HERE, HERE]))  # Q .5, R 1
    sequence = mean_scores([absent, good])
    assert (sequence.quality, sequence.robustness, sequence.accuracy) == (0.25, 1, 0.5)
    split = mean_scores([sequence, mean_scores([good]), mean_scores([good])])
    assert split.quality == pytest.approx((0.25 + 0.5 + 0.5) / 3)


def test_ignored_pixels_clean_and_toolkit():
    #       prompt     column 1 ignored: IoU 1    object all ignored   ghost under the ignore mask
    truth = [HERE, HERE, HERE, EMPTY]
    guess = [HERE, HALF, AWAY, AWAY]
    ignore = [None, strip(1), HERE, strip(7, 8, 9)]
    clean = frame_overlaps(guess, truth, ignore=ignore)
    np.testing.assert_array_equal(clean.scored, [0, 1, 0, 1])  # frame 2: nothing left to judge
    np.testing.assert_array_equal(clean.overlap[clean.scored], [1, 1])
    assert count_frames(clean) == (1, 0, 0, 0, 1)
    toolkit = frame_overlaps(guess, truth, ignore=ignore, toolkit_compatible=True)
    np.testing.assert_array_equal(toolkit.overlap, [0, 1, 0, 0])
    assert count_frames(toolkit) == (1, 1, 1, 1, 0)


def test_success_curve_by_hand():
    frames = frame_overlaps([HERE, HERE, HALF, AWAY, HALF], [HERE] * 5)  # overlaps 1, .5, 0, .5
    curve = success_curve(frames)
    assert curve.shape == (100,)
    assert (curve[0], curve[49], curve[50], curve[99]) == (0.75, 0.75, 0.25, 0.25)


@pytest.mark.parametrize("toolkit_compatible", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_against_decoded_pictures(seed, toolkit_compatible):
    """Random objects with gaps, frame by frame with plain numpy on whole pictures."""
    rng = np.random.default_rng(seed)
    length, first = 60, int(rng.integers(0, 3))
    y, x = np.ogrid[:30, :40]

    def blobs():
        path = np.cumsum(rng.normal(0, 2, (length, 2)), axis=0) + np.array([15, 20])
        masks = np.array([(y - cy) ** 2 + (x - cx) ** 2 < 49 for cy, cx in path])
        masks[rng.random(length) < 0.3] = False
        return masks

    truth, guess = blobs(), blobs()
    guess[::4] = truth[::4]
    truth[first, 10, 10] = True
    known = rng.random(length) < 0.9
    known[first] = True
    expected = np.full(length, np.nan)
    kinds = {"T": 0, "F": 0, "M": 0, "H": 0, "N": 0}
    for t in range(first, length):
        init = toolkit_compatible and t == first == 0
        if not known[t] or (t == first and not toolkit_compatible):
            continue
        p = np.zeros_like(guess[t]) if init else guess[t]
        if truth[t].any():
            expected[t] = (truth[t] & p).sum() / (truth[t] | p).sum()
            kinds["T" if expected[t] > 0 else "F" if p.any() else "M"] += 1
        else:
            expected[t] = not p.any()
            kinds["H" if p.any() else "N"] += 1
    frames = frame_overlaps(
        [encode(m) for m in guess],
        [encode(m) if k else None for m, k in zip(truth, known, strict=True)],
        first_frame=first,
        toolkit_compatible=toolkit_compatible,
    )
    np.testing.assert_allclose(frames.overlap, expected, rtol=0, atol=1e-15)
    assert count_frames(frames) == tuple(kinds.values())
    scores = object_scores(frames)
    assert scores.quality == pytest.approx(np.nanmean(expected))
    assert scores.robustness + scores.nre + scores.dre == pytest.approx(1)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="2 predictions for 3 frames"):
        frame_overlaps([HERE] * 2, [HERE] * 3)
    with pytest.raises(InputError, match="no prediction for frame 2"):
        frame_overlaps([HERE, HERE, None], [HERE] * 3)
    with pytest.raises(InputError, match="prompt frame 3"):
        frame_overlaps([HERE] * 3, [HERE] * 3, first_frame=3)
    with pytest.raises(InputError, match="1x10 and 10x1"):
        frame_overlaps([np.ones((10, 1), bool)] * 2, [HERE] * 2)


def filled(x, y, width, height):
    mask = np.zeros((20, 30), bool)
    mask[y : y + height, x : x + width] = True
    return encode(mask)


def test_boxes_of_masks_beside_annotated_boxes():
    """Six frames: prompt, exact, half, drifted, absent and silent, absent and hallucinated."""
    boxes = ((2, 2, 4, 4), (2, 2, 4, 4), (2, 2, 4, 8), (20, 10, 4, 4), (0, 0, 0, 0), (0, 0, 0, 0))
    corners = filled(2, 2, 1, 1)  # only a mask's box counts, not what fills it
    diagonal = np.zeros((20, 30), bool)
    diagonal[[2, 5], [2, 5]] = True
    predictions = [corners, encode(diagonal), filled(2, 2, 4, 4), filled(0, 0, 3, 3)]
    predictions += [encode(np.zeros((20, 30), bool)), filled(0, 0, 1, 1)]
    track = ObjectTrack("1", 0, (None,) * 6, boxes)
    scores = score_object(predictions, track)
    assert np.isnan(scores.frames.overlap[0])
    assert scores.frames.overlap[1:].tolist() == [1, 0.5, 0, 1, 0]
    assert scores.quality == pytest.approx(2.5 / 5)
    assert scores.accuracy == pytest.approx(0.75)
    assert scores.robustness == pytest.approx(2 / 3)
    assert (scores.dre, scores.nre) == (pytest.approx(1 / 3), 0)
    assert scores.counts == (2, 1, 0, 1, 1)
    compatible = score_object(predictions, track, toolkit_compatible=True)
    assert compatible.quality == pytest.approx(2.5 / 6)
    assert compatible.robustness == pytest.approx(2 / 4)


def test_frames_without_a_box_count_nowhere():
    track = ObjectTrack("1", 1, (None,) * 4, (None, (0, 0, 2, 2), None, (0, 0, 2, 2)))
    scores = score_object([None, None, None, filled(0, 0, 2, 1)], track)
    assert scores.frames.scored.tolist() == [False, False, False, True]
    assert scores.quality == 0.5
    with pytest.raises(InputError, match="no prediction for frame 3"):
        score_object([None] * 4, track)
