"""Run arithmetic against decoded pictures."""

import numpy as np
import pytest

from vot_memory.datasets.rle import encode
from vot_memory.errors import InputError
from vot_memory.metrics.overlap import mask_iou, shared_areas, stack_masks


def pictures(seed, frames=40, height=23, width=31):
    """Random masks: noise (many runs), blobs, full and empty pictures."""
    rng = np.random.default_rng(seed)
    masks = rng.random((frames, height, width)) < rng.random((frames, 1, 1))
    y, x = np.ogrid[:height, :width]
    for t in range(0, frames, 3):
        masks[t] = (y - rng.integers(height)) ** 2 + (x - rng.integers(width)) ** 2 < 60
    masks[rng.integers(frames, size=4)] = False
    masks[rng.integers(frames, size=4)] = True
    return masks


@pytest.fixture(params=["rle", "array", "mixed"])
def form(request):
    """Give masks as COCO RLE, as arrays, or as a mixture of both."""
    return {
        "rle": lambda masks: [encode(m) for m in masks],
        "array": list,
        "mixed": lambda masks: [encode(m) if t % 2 else m for t, m in enumerate(masks)],
    }[request.param]


@pytest.mark.parametrize("seed", range(5))
def test_areas_equal_counted_pixels(form, seed):
    a, b, ignore = pictures(seed), pictures(seed + 100), pictures(seed + 200)
    stacks = [stack_masks(form(m)) for m in (a, b, ignore)]
    np.testing.assert_array_equal(stacks[0].areas(), a.sum((1, 2)))
    expected = [m.sum((1, 2)) for m in (a, b, a & b)]
    np.testing.assert_array_equal(shared_areas(*stacks[:2]), expected)
    expected = [(m & ~ignore).sum((1, 2)) for m in (a, b, a & b)]
    np.testing.assert_array_equal(shared_areas(*stacks), expected)


def test_iou_equals_pixels_and_is_one_for_two_empty_masks():
    a, b = pictures(1), pictures(2)
    a[5] = b[5] = False
    iou = mask_iou(stack_masks([encode(m) for m in a]), stack_masks([encode(m) for m in b]))
    union = (a | b).sum((1, 2))
    expected = (a & b).sum((1, 2)) / np.maximum(union, 1)
    np.testing.assert_allclose(iou, np.where(union > 0, expected, 1), rtol=0, atol=1e-15)
    assert iou[5] == 1


def test_large_counts_and_single_pixels():
    """Counts of several base-32 digits, and masks at the corners of the picture."""
    masks = np.zeros((6, 480, 854), bool)
    masks[0, 0, 0] = masks[1, -1, -1] = masks[2, 240, 400] = masks[4, :, 853] = True
    masks[5] = True
    stack = stack_masks([encode(m) for m in masks])
    np.testing.assert_array_equal(stack.areas(), [1, 1, 1, 0, 480, 480 * 854])
    np.testing.assert_array_equal(shared_areas(stack, stack)[2], stack.areas())


def test_frames_without_mask_are_empty():
    full = encode(np.ones((3, 4), bool))
    stack = stack_masks([None, full, None, full, None])
    np.testing.assert_array_equal(stack.areas(), [0, 12, 0, 12, 0])
    nothing = stack_masks([None] * 5)
    np.testing.assert_array_equal(nothing.areas(), [0] * 5)
    np.testing.assert_array_equal(shared_areas(stack, nothing)[0], [0, 12, 0, 12, 0])
    np.testing.assert_array_equal(shared_areas(nothing, nothing), np.zeros((3, 5)))


@pytest.mark.parametrize(
    "counts", ["", "5", "~~~~~~~~~~", "é", None, [3, 4], "00", "_", "PPPPPPPPPP", "Oa1"]
)
def test_damaged_runs_are_refused(counts):
    """Among them "Oa1": -1 and 49 fill the 48 pixels, but no run is negative."""
    good = encode(np.eye(6, 8, dtype=bool))
    with pytest.raises(InputError, match=r"prediction of .*frame"):
        stack_masks([good, {"size": [6, 8], "counts": counts}, good], "prediction")


def test_truncated_string_names_its_frame():
    good = encode(np.eye(6, 8, dtype=bool))
    cut = {**good, "counts": good["counts"][:-1]}
    with pytest.raises(InputError, match="frame 2"):
        stack_masks([good, good, cut, good])


def test_sizes_and_lengths_must_agree():
    a, b = encode(np.ones((3, 4), bool)), encode(np.ones((4, 3), bool))
    with pytest.raises(InputError, match="frame 1 is 4x3"):
        stack_masks([a, b])
    with pytest.raises(InputError, match="3x4 and 4x3"):
        shared_areas(stack_masks([a]), stack_masks([b]))
    with pytest.raises(InputError, match="1 and 2 frames"):
        shared_areas(stack_masks([a]), stack_masks([a, a]))
    with pytest.raises(InputError, match="no size"):
        stack_masks([{"counts": "a"}])
