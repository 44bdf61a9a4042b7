import numpy as np
import pytest
import torch
from sam2.modeling.sam2_utils import mask_to_box, sample_one_point_from_error_center

from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt, PointPrompt, prompt_from_truth
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.errors import InputError

SIZE = (20, 30)


def blob(seed: int) -> np.ndarray:
    """A ragged random mask that may touch the border."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    centre = rng.uniform((0, 0), SIZE)
    radius = rng.uniform(2, 12)
    disc = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    return disc & (rng.random(SIZE) > 0.05)


def track(mask: np.ndarray) -> ObjectTrack:
    return ObjectTrack("1", 1, (None, encode(mask)))


@pytest.mark.parametrize("seed", range(40))
def test_prompts_equal_those_of_sam2(seed: int) -> None:
    mask = blob(seed)
    reference = torch.from_numpy(mask)[None, None]
    given = prompt_from_truth(track(mask), "mask")
    box = prompt_from_truth(track(mask), "box")
    point = prompt_from_truth(track(mask), "point")
    assert np.array_equal(given.mask, mask)
    assert box.xyxy.tolist() == mask_to_box(reference).flatten().tolist()
    points, labels = sample_one_point_from_error_center(reference, torch.zeros_like(reference))
    assert point.points.tolist() == points[0].tolist()
    assert point.labels.tolist() == labels[0].tolist() == [1]
    for prompt in (given, box, point):
        prompt.validate(SIZE)


def test_point_of_equals_is_the_uppermost_then_leftmost() -> None:
    mask = np.zeros(SIZE, bool)
    mask[5:7, 10:14] = True  # every pixel is next to the boundary
    point = prompt_from_truth(track(mask), "point")
    assert point.points.tolist() == [[10, 5]]


def test_one_pixel_object() -> None:
    mask = np.zeros(SIZE, bool)
    mask[19, 29] = True
    for kind in ("mask", "box", "point"):
        prompt_from_truth(track(mask), kind).validate(SIZE)


def test_xywh_counts_pixels() -> None:
    mask = np.zeros(SIZE, bool)
    mask[3:8, 4:6] = True
    box = BoxPrompt.from_xywh(4, 3, 2, 5)
    assert box.xyxy.tolist() == prompt_from_truth(track(mask), "box").xyxy.tolist()
    BoxPrompt.from_xywh(0, 0, 30, 20).validate(SIZE)
    for bad in ((4, 3, 0, 5), (4, 3, 2, -1), (4, 3, float("nan"), 5)):
        with pytest.raises(InputError, match="no area"):
            BoxPrompt.from_xywh(*bad)


def test_truth_without_a_mask() -> None:
    with pytest.raises(InputError, match="Object 7 has no mask on frame 0"):
        prompt_from_truth(ObjectTrack("7", 0, (None,)), "box")
    with pytest.raises(InputError, match="Object 1 has no mask on frame 1"):
        prompt_from_truth(track(np.zeros(SIZE, bool)), "mask")
    with pytest.raises(InputError, match="Unknown prompt kind 'scribble'"):
        prompt_from_truth(track(blob(0)), "scribble")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        (MaskPrompt(np.zeros(SIZE, bool)), "mask is empty"),
        (MaskPrompt(np.ones(SIZE[::-1], bool)), "mask is 20x30 but the picture is 30x20"),
        (MaskPrompt(np.ones((1, *SIZE), bool)), "mask is 30x20x1 but"),
        (BoxPrompt(np.array([1.0, 1, 0, 5])), "no area"),
        (BoxPrompt(np.array([1.0, 5, 3, 4])), "no area"),
        (BoxPrompt(np.array([-1.0, 1, 5, 5])), "leaves the picture, which is 30x20"),
        (BoxPrompt(np.array([1.0, 1, 31, 5])), "leaves the picture"),
        (BoxPrompt(np.array([1.0, 1, 5, 21])), "leaves the picture"),
        (BoxPrompt(np.array([1.0, 1, np.nan, 5])), "not four numbers"),
        (BoxPrompt(np.array([1.0, 1, 5])), "not four numbers"),
        (PointPrompt(np.array([[30.0, 5]]), np.array([1])), "point 30,5 is outside"),
        (PointPrompt(np.array([[3.0, -1]]), np.array([1])), "point 3,-1 is outside"),
        (PointPrompt(np.array([[np.nan, 1]]), np.array([1])), "is outside"),
        (PointPrompt(np.array([[3.0, 5]]), np.array([2])), "label 2"),
        (PointPrompt(np.array([[3.0, 5]]), np.array([0])), "no click on the object"),
        (PointPrompt(np.zeros((0, 2)), np.zeros(0, int)), "no click on the object"),
        (PointPrompt(np.array([[3.0, 5]]), np.array([1, 1])), "one label a click"),
        (PointPrompt(np.array([3.0, 5]), np.array([1])), "one x,y"),
    ],
)
def test_bad_prompts(prompt: MaskPrompt | BoxPrompt | PointPrompt, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prompt.validate(SIZE)


def test_several_clicks() -> None:
    PointPrompt(np.array([[0.0, 0], [29.9, 19.9]]), np.array([0, 1])).validate(SIZE)


def boxed(*boxes: tuple[float, float, float, float] | None) -> ObjectTrack:
    """An object with boxes and no masks, whose second frame carries the prompt."""
    return ObjectTrack("1", 1, (None,) * len(boxes), boxes)


def test_an_annotated_box_is_the_prompt() -> None:
    prompt = prompt_from_truth(boxed(None, (4, 3, 2, 5)), "box", SIZE)
    assert prompt.xyxy.tolist() == [4, 3, 5, 7]
    prompt.validate(SIZE)


def test_what_leaves_the_picture_is_cut_off() -> None:
    """The picture is 30 wide and 20 high, so its last pixel is (29, 19)."""
    prompt = prompt_from_truth(boxed(None, (-3.5, 12, 10, 40)), "box", SIZE)
    assert prompt.xyxy.tolist() == [0, 12, 5.5, 19]
    with pytest.raises(InputError, match=r"object 1 on frame 1 lies outside .* 30x20"):
        prompt_from_truth(boxed(None, (30, 0, 4, 4)), "box", SIZE)


@pytest.mark.parametrize("kind", ["mask", "point"])
def test_boxes_give_no_other_prompt(kind: str) -> None:
    with pytest.raises(InputError, match=rf"has no {kind} prompt: give --init box"):
        prompt_from_truth(boxed(None, (4, 3, 2, 5)), kind, SIZE)


@pytest.mark.parametrize("box", [None, (4, 3, 0, 5)])
def test_the_first_box_must_be_there(box) -> None:
    with pytest.raises(InputError, match="has no box on frame 1"):
        prompt_from_truth(boxed((1, 1, 1, 1), box), "box", SIZE)
