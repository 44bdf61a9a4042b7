"""Measurements on candidate masks, by hand."""

from __future__ import annotations

import math

import torch

from vot_memory.candidates import Candidates


def candidates(*pictures: list[str]) -> Candidates:
    """One row; '#' is inside."""
    masks = torch.tensor([[[c == "#" for c in line] for line in p] for p in pictures])
    logits = torch.where(masks, 1.0, -1.0)[None]
    n = len(pictures)
    return Candidates(
        logits, torch.zeros(1, n), torch.zeros(1), torch.zeros(1, n, 4), masks.shape[-1], (8, 8)
    )


SQUARE = ["........", ".###....", ".###....", ".###....", *["........"] * 4]
FAR = [
    "........",
    ".###....",
    ".###....",
    ".###....",
    "........",
    ".....##.",
    ".....##.",
    "......." + "#",
]
EMPTY = ["........"] * 8


def test_boxes_and_pixels():
    c = candidates(SQUARE, FAR, EMPTY)
    assert c.boxes("low")[0].tolist() == [[1, 1, 3, 3], [1, 1, 7, 7], [0, 0, 0, 0]]
    assert c.pixels("low")[0].tolist() == [9, 14, 0]


def test_joined_box_iou_by_hand():
    # The choice spans 2 x 2 (xmax - xmin), joined with the far blob 6 x 6.
    iou = candidates(SQUARE, FAR, EMPTY).joined_box_iou(torch.tensor([0]), "low")[0].tolist()
    assert math.isnan(iou[0])
    assert math.isclose(iou[1], 4 / 36, rel_tol=1e-6)
    assert math.isnan(iou[2])


def test_joined_box_iou_keeps_the_largest_component_only():
    two = [
        "#.......",
        ".###....",
        ".###....",
        ".###....",
        "........",
        "....##..",
        "....##..",
        EMPTY[0],
    ]
    # (0, 0) touches the choice's corner but is smaller than the 2 x 2 blob, which reaches (5, 6).
    iou = candidates(SQUARE, two).joined_box_iou(torch.tensor([0]), "low")[0, 1]
    assert math.isclose(float(iou), 4 / (4 * 5), rel_tol=1e-6)


def test_joined_boxes_one_pixel_thin_count_as_equal():
    dot = [*["........"] * 3, "...#....", *["........"] * 4]
    line = [*["........"] * 3, "...###..", *["........"] * 4]
    assert float(candidates(dot, line).joined_box_iou(torch.tensor([0]), "low")[0, 1]) == 1.0


def test_scales():
    c = candidates(SQUARE)
    c.image_size, c.video_size = 16, (32, 24)
    assert c.masks("image").shape == (1, 1, 16, 16)
    assert c.masks("video").shape == (1, 1, 32, 24)
    assert 9 * 4 * 0.8 < int(c.pixels("image")) < 9 * 4 * 1.2


def test_recorded_values_need_no_masks_and_follow_their_rows():
    ious = torch.tensor([[0.1, 0.9, 0.2], [0.8, 0.1, 0.3]])
    c = Candidates.recorded(ious, torch.tensor([1.0, -1.0]), pixels_video=torch.tensor([[1], [2]]))
    assert c.pixels("video").tolist() == [[1], [2]]
    swapped = c.take(torch.tensor([1, 0]))
    assert swapped.pixels("video").tolist() == [[2], [1]]
    assert swapped.obj.tolist() == [-1, 1]


def test_the_choice_alone_measures_as_among_the_others():
    one, two = candidates(SQUARE, FAR, EMPTY), candidates(EMPTY, SQUARE, FAR)
    both = Candidates(
        torch.cat([one.logits, two.logits]),
        torch.tensor([[0.1, 0.9, 0.2], [0.8, 0.1, 0.3]]),
        torch.tensor([1.0, -1.0]),
        torch.arange(6.0).view(2, 3, 1),
        16,
        (32, 24),
    )
    every = both.pixels("video"), both.boxes("image")
    index = torch.tensor([1, 2])  # FAR in both rows
    alone = both.choice(index)
    assert alone.pixels("low").tolist() == [[14], [14]]
    assert alone.ious.tolist() == torch.tensor([[0.9], [0.3]]).tolist()
    assert alone.obj.tolist() == [1, -1]
    assert alone.ptrs.flatten().tolist() == [1, 5]
    fresh = Candidates(both.logits, both.ious, both.obj, both.ptrs, 16, (32, 24)).choice(index)
    for c in alone, fresh:
        assert torch.equal(c.pixels("video"), every[0][[0, 1], index][:, None])
        assert torch.equal(c.boxes("image"), every[1][[0, 1], index][:, None])
