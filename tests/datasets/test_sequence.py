import numpy as np
import pytest

from vot_memory.datasets.sequence import NO_BOX, bounding_box, has_area


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        (None, False),
        (NO_BOX, False),
        ((3.0, 4.0, 0.0, 5.0), False),
        ((3.0, 4.0, 5.0, -1.0), False),
        ((-9.0, -9.0, 0.5, 0.5), True),
    ],
)
def test_a_box_without_area_shows_nothing(box, shown) -> None:
    assert has_area(box) is shown


def test_the_box_of_a_mask_is_tight() -> None:
    mask = np.zeros((5, 7), bool)
    assert bounding_box(mask) is None
    mask[4, 6] = True
    assert bounding_box(mask) == (6, 4, 1, 1)
    mask[1, 2] = True
    assert bounding_box(mask) == (2, 1, 5, 4)
