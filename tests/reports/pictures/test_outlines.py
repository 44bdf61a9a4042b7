import numpy as np
import pytest

from vot_memory.reports.pictures.outlines import (
    BLACK,
    WHITE,
    Pen,
    View,
    casing_of,
    draw,
    hatch,
    rgb,
)

RED = (255, 0, 0)


def rectangle(left, top, right, bottom, size=(60, 80)):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def extent(outline, parts=4):
    points = np.concatenate(list(outline))[:, 0] / parts
    return [*points.min(0), *points.max(0)]


@pytest.mark.parametrize("scale", [0.5, 1, 3])
def test_an_outline_lies_where_the_mask_does(scale):
    view = View(0, 0, 80, 60, (int(60 * scale), int(80 * scale)))
    found = extent(view.mask(rectangle(20, 10, 60, 40)))
    assert found == pytest.approx(np.array([20, 10, 60, 40]) * scale, abs=0.6 * max(scale, 1))


def test_a_part_of_the_picture_is_enlarged():
    view = View(10, 20, 20, 15, (60, 80))
    assert view.scale == 4
    found = extent(view.mask(rectangle(15, 25, 20, 30)))
    assert found == pytest.approx([20, 20, 40, 40], abs=2)
    picture = np.zeros((60, 80, 3), np.uint8)
    picture[20:35, 10:30] = 200
    assert (view.picture(picture) == 200).all()
    assert view.mask(rectangle(50, 0, 60, 10)) == ()


def test_holes_have_outlines_and_an_empty_mask_has_none():
    view = View(0, 0, 80, 60, (60, 80))
    mask = rectangle(10, 10, 50, 50) & ~rectangle(20, 20, 40, 40)
    assert len(view.mask(mask)) == 2
    assert view.mask(np.zeros((60, 80), bool)) == ()
    canvas = np.zeros((60, 80, 3), np.uint8)
    draw(canvas, view.mask(mask), Pen(RED, fill=1.0))
    assert tuple(canvas[15, 30]) == RED
    assert not canvas[30, 30].any()


@pytest.mark.parametrize("shown", [(60, 80), (240, 320), (15, 20)])
def test_masks_of_one_pixel_are_seen(shown):
    view = View(0, 0, 80, 60, shown)
    canvas = np.zeros((*shown, 3), np.uint8)
    draw(canvas, view.mask(rectangle(40, 30, 41, 31)), Pen(WHITE))
    y, x = 30 * shown[0] // 60, 40 * shown[1] // 80
    assert canvas[y - 1 : y + 3, x - 1 : x + 3].max() > 150
    thin = view.mask(rectangle(10, 5, 70, 30) | rectangle(40, 30, 41, 55))
    if shown[0] >= 60:
        assert extent(thin)[3] * 60 / shown[0] > 53  # the line of one pixel below the block


def test_drawing_tints_the_inside_and_leaves_the_outside():
    view = View(0, 0, 80, 60, (60, 80))
    canvas = np.full((60, 80, 3), 100, np.uint8)
    draw(canvas, view.mask(rectangle(20, 10, 60, 40)), Pen(RED, width=2, fill=0.2, casing=BLACK))
    assert tuple(canvas[25, 40]) == (131, 80, 80)  # 100 * 0.8 + colour * 0.2
    assert canvas[25, 19:22, 0].max() > 230  # the line
    assert canvas[25, 16:19, 0].min() < 60  # its casing
    outside = np.ones((60, 80), bool)
    outside[5:45, 15:65] = False
    assert (canvas[outside] == 100).all()


def test_a_casing_shows_a_line_on_its_own_colour():
    view = View(0, 0, 80, 60, (60, 80))
    for color in (WHITE, BLACK, RED):
        canvas = np.tile(np.array(color, np.uint8), (60, 80, 1))
        draw(canvas, view.mask(rectangle(20, 10, 60, 40)), Pen(color, casing=casing_of(color)))
        assert np.abs(canvas.astype(int) - color).max() > 100
    assert casing_of(WHITE) == casing_of((255, 255, 0)) == BLACK
    assert casing_of(BLACK) == casing_of((0, 0, 139)) == WHITE


def test_dashes_leave_half_of_the_line():
    view = View(0, 0, 80, 60, (240, 320))
    outline = view.mask(rectangle(20, 10, 60, 40))
    inks = []
    for dash in (None, 5):
        canvas = np.zeros((240, 320, 3), np.uint8)
        draw(canvas, outline, Pen(WHITE, width=1, dash=dash))
        inks.append(float(canvas.sum()))
    assert inks[1] / inks[0] == pytest.approx(0.55, abs=0.1)  # ends of dashes are round


def test_boxes_are_drawn_and_may_reach_out_of_the_picture():
    view = View(10, 0, 40, 30, (60, 80))
    assert extent(view.box((20, 5, 10, 20))) == [20, 10, 40, 50]
    canvas = np.zeros((60, 80, 3), np.uint8)
    draw(canvas, view.box((20.0, 5.0, 10.0, 20.0)), Pen(WHITE))
    assert canvas[30, 20].min() > 100
    assert not canvas[30, 30].any()
    for box in ((-90, 5, 20, 20), (90, 5, 20, 20), (-90, 5, 300, 300), (20, 5, 0.1, 0.1)):
        draw(canvas, view.box(box), Pen(WHITE, fill=0.1, casing=BLACK, dash=3))


def test_ignored_pixels_are_striped():
    view = View(0, 0, 80, 60, (60, 80))
    canvas = np.full((60, 80, 3), 100, np.uint8)
    hatch(canvas, view.mask(rectangle(20, 10, 60, 40)))
    inside = canvas[15:35, 25:55, 0]
    assert inside.max() > 150
    assert inside.min() < 70
    assert (inside == 100).mean() > 0.5
    assert (canvas[:, 65:] == 100).all()


def test_colours_are_read():
    assert rgb("#0072B2") == (0, 114, 178)
