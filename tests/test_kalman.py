"""The box filter by hand; tests/policies/test_samurai.py compares it with numpy's matrices."""

from __future__ import annotations

import pytest
import torch

from vot_memory.kalman import BoxFilter, box_iou, measurement

BOX = torch.tensor([[20.0, 30.0, 40.0, 70.0]], dtype=torch.float64)


def test_measurement_of_a_box_and_of_none():
    assert measurement(BOX).tolist() == [[30, 50, 0.5, 40]]
    assert measurement(torch.zeros(1, 4)).tolist() == [[0, 0, 0, 1]]


def test_deviations_of_a_new_filter_are_shares_of_the_height():
    mean, cov = BoxFilter().initiate(measurement(BOX))
    assert mean.tolist() == [[30, 50, 0.5, 40, 0, 0, 0, 0]]
    deviation = cov[0].diagonal().sqrt().tolist()
    assert deviation == pytest.approx([4, 4, 1e-2, 4, 2.5, 2.5, 1e-5, 2.5])
    assert cov[0].count_nonzero() == 8


def test_prediction_moves_by_the_velocity_and_is_less_certain():
    box_filter = BoxFilter()
    mean, cov = box_filter.initiate(measurement(BOX))
    mean[0, 4] = 3
    moved, wider = box_filter.predict(mean, cov)
    assert moved.tolist() == [[33, 50, 0.5, 40, 3, 0, 0, 0]]
    # places: 4^2 + velocity 2.5^2 + noise 2^2; their covariance is the velocity's
    assert wider[0, 0, 0].item() == pytest.approx(26.25)
    assert wider[0, 0, 4].item() == pytest.approx(6.25)


def test_update_weighs_prediction_and_measurement_by_their_certainty():
    box_filter = BoxFilter()
    mean, cov = box_filter.initiate(measurement(BOX))
    mean, cov = box_filter.update(mean, cov, measurement(BOX + 10))
    # gain 4^2 / (4^2 + 2^2) = 0.8
    assert mean[0, :4].tolist() == pytest.approx([38, 58, 0.5, 40])
    assert cov[0, 0, 0].item() == pytest.approx(16 - 0.8 * 16)


@pytest.mark.parametrize(
    ("box", "iou"),
    [
        ([20, 30, 40, 70], 1),
        ([30, 30, 50, 70], 1 / 3),
        ([40, 30, 60, 70], 0),
        ([0, 0, 0, 0], 0),
    ],
)
def test_iou_with_a_box(box, iou):
    mean, _ = BoxFilter().initiate(measurement(BOX))
    assert box_iou(mean, torch.tensor([box])).item() == pytest.approx(iou)
