"""FIFO in protocol release equals sam2's own SAM2VideoPredictor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vot_memory import models
from vot_memory.backbone import Backbone
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt, PointPrompt
from vot_memory.verify import PREDICTOR, Started, fifo_logits, reference_logits, write_jpegs

pytestmark = pytest.mark.golden
FRAMES = 24
TOLERANCE = 1e-3  # logits


def box_of(mask: np.ndarray) -> BoxPrompt:
    y, x = np.nonzero(mask)
    return BoxPrompt(np.array([x.min(), y.min(), x.max(), y.max()], float))


def click_in(mask: np.ndarray) -> PointPrompt:
    y, x = np.nonzero(mask)
    middle = len(x) // 2
    return PointPrompt(np.array([[x[middle], y[middle]]], float), np.array([1]))


PROMPTS = {"mask": MaskPrompt, "box": box_of, "point": click_in}


@pytest.fixture(scope="module")
def video(clip, tmp_path_factory):
    """The clip as JPEGs, 96 x 128: neither square nor the model's size."""
    folder = tmp_path_factory.mktemp("jpegs")
    frames = np.ascontiguousarray(clip.frames[:FRAMES, 16:112])
    return folder, write_jpegs(frames, folder, FRAMES), clip.labels[:FRAMES, 16:112]


def pair(config: Path, weights: Path | None, image_size: int | None = None):
    torch.manual_seed(0)
    predictor = models.build(config, image_size, target=PREDICTOR)
    if weights is not None:
        models.load_weights(predictor, weights)
    base = models.build(config, image_size)
    base.load_state_dict(predictor.state_dict())
    return predictor, Backbone(base, config.stem)


@pytest.fixture(scope="module")
def nano():
    return pair(*models.locate("nano"))


def biggest_objects(labels: np.ndarray, frame: int) -> list[int]:
    ids, area = np.unique(labels[frame], return_counts=True)
    return sorted(ids[ids > 0], key=lambda i: -area[ids == i][0])


def assert_equal(pair, video, objects: dict[str, Started]) -> None:
    predictor, backbone = pair
    folder, pictures, _ = video
    theirs = {name: reference_logits(predictor, folder, s) for name, s in objects.items()}
    compared = 0
    for frame, ours in enumerate(fifo_logits(backbone, pictures, objects)):
        assert set(ours) == {n for n, s in objects.items() if s.frame <= frame}
        for name, logits in ours.items():
            torch.testing.assert_close(logits, theirs[name][frame], atol=TOLERANCE, rtol=1e-4)
            compared += 1
    assert compared == sum(FRAMES - s.frame for s in objects.values())


@pytest.mark.parametrize("kind", PROMPTS)
def test_nano_one_object(nano, video, kind):
    target = biggest_objects(video[2], 0)[0]
    assert_equal(nano, video, {"1": Started(0, PROMPTS[kind](video[2][0] == target))})


def test_nano_three_objects_one_late(nano, video):
    labels = video[2]
    a, b = biggest_objects(labels, 0)[:2]
    late = biggest_objects(labels, 9)[0]
    objects = {
        "a": Started(0, MaskPrompt(labels[0] == a)),
        "b": Started(0, box_of(labels[0] == b)),
        "late": Started(9, MaskPrompt(labels[9] == late)),
    }
    assert_equal(nano, video, objects)


@pytest.mark.parametrize("kind", PROMPTS)
def test_hiera_tiny_at_256(video, kind):
    """The real architecture, randomly initialised: every branch of the 2.1 configuration."""
    config = models.find_config("sam2.1-t")
    hiera = pair(config, None, image_size=256)
    target = biggest_objects(video[2], 0)[0]
    short = video[0], video[1][:10], video[2]
    predictor, backbone = hiera
    objects = {"1": Started(0, PROMPTS[kind](video[2][0] == target))}
    theirs = reference_logits(predictor, short[0], objects["1"])
    # num_frames is part of SAM 2's pointer rule, so both are told of all frames.
    for frame, ours in zip(range(10), fifo_logits(backbone, video[1], objects), strict=False):
        torch.testing.assert_close(ours["1"], theirs[frame], atol=TOLERANCE, rtol=1e-4)
