from dataclasses import replace

import numpy as np
import pytest
from fake_results import FRAMES, SIZE, bar, sequence
from PIL import Image

from vot_memory.datasets.pictures import PictureFrames
from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.errors import InputError
from vot_memory.reports.gather import gather
from vot_memory.reports.pictures.outlines import View
from vot_memory.reports.pictures.strips import (
    CELL,
    frame_state,
    make_strip,
    make_view,
    truth_outline,
)


@pytest.fixture
def section(results):
    """Two policies on a video whose object is away at the end."""
    store = results(sequence("a", absent=3), sequence("b"))
    store.run("fifo", {"a": 90})
    store.run("first", {"a": [80] * 7 + [10] * 8})
    return gather(store.root, "fake", "fifo").sections[0]


def test_a_row_for_the_truth_and_one_for_each_policy(section):
    strip = make_strip(section, "a", "1", frames=[2, 9, 13])
    assert (strip.sequence, strip.object, strip.frames) == ("a", "1", (2, 9, 13))
    assert [(row.label, row.policy) for row in strip.rows] == [
        ("ground truth", ""),
        ("fifo", "fifo"),
        ("first", "first"),
    ]
    assert np.isnan(strip.rows[0].overlaps).all()
    assert strip.rows[1].overlaps == pytest.approx((0.9, 0.9, 1.0))  # nothing there, nothing said
    assert strip.rows[2].overlaps == pytest.approx((0.8, 0.1, 0.0))
    assert strip.states == ("", "", "absent")
    assert strip.crops == (None, None, None)
    shapes = {picture.shape for row in strip.rows for picture in row.pictures}
    least = CELL[0]  # the video is smaller
    assert shapes == {(round(SIZE[0] * least / SIZE[1]), least, 3)}
    assert {picture.dtype for row in strip.rows for picture in row.pictures} == {np.dtype("uint8")}


def test_frames_are_those_on_which_policies_differ(section):
    strip = make_strip(section, "a", "1", columns=3)
    assert len(strip.frames) == 3
    first = strip.rows[2].overlaps
    assert any(overlap < 0.2 for overlap in first)  # they differ most from frame 7 on
    given = make_strip(section, "a", "1", columns=3, timelines=section.timelines("a", "1"))
    assert given.frames == strip.frames


def test_rows_are_the_timelines_that_are_given(section):
    timelines = section.timelines("a", "1")
    _, fifo, first = make_strip(section, "a", "1", frames=[9]).rows
    turned = make_strip(section, "a", "1", frames=[9], timelines=timelines[::-1]).rows
    assert [row.label for row in turned[1:]] == ["first", "fifo"]
    assert np.array_equal(turned[1].pictures[0], first.pictures[0])
    assert np.array_equal(turned[2].pictures[0], fifo.pictures[0])


def test_masks_are_seen_where_they_are(section):
    strip = make_strip(section, "a", "1", frames=[9, 13], cell=240)
    truth, fifo, first = strip.rows
    right = np.s_[:, -6:]  # the truth reaches to the right border, the masks do not
    assert truth.pictures[0][right].max() > 200
    assert first.pictures[0][:, 4:16].any()
    assert not truth.pictures[1].any()  # the object is away
    assert not fifo.pictures[1].any()  # an empty mask
    assert first.pictures[1].any()  # a mask where there should be none
    mine = (first.pictures[0] != fifo.pictures[0]).any((0, 2))
    assert mine[:20].any()  # "first" answers the left tenth, "fifo" nearly all
    assert mine[200:220].any()


def test_the_cells_may_be_smaller(section):
    strip = make_strip(section, "a", "1", frames=[2], cell=100)
    assert strip.rows[0].pictures[0].shape == (*SIZE, 3)


def test_names_and_sequences_that_are_not_there(section):
    with pytest.raises(KeyError):
        make_strip(section, "a", "7")
    with pytest.raises(KeyError):
        make_strip(section, "c", "1")
    with pytest.raises(InputError, match="No policy has finished b"):
        make_strip(section, "b", "1")


def test_a_picture_that_cannot_be_read_is_named(section, tmp_path):
    path = tmp_path / "00000.png"
    Image.new("RGB", SIZE[::-1]).save(path)
    frames = PictureFrames([path] * FRAMES)
    assert frames.size == SIZE
    path.write_bytes(b"none")
    section = replace(section, sequences=(replace(section.sequence("a"), frames=frames),))
    with pytest.raises(InputError, match=r"00000\.png cannot be read"):
        make_strip(section, "a", "1", frames=[3])


def test_nothing_scored_means_no_strip(section):
    timelines = section.timelines("a", "1")
    unscored = [replace(own, overlap=np.full(FRAMES, np.nan)) for own in timelines]
    with pytest.raises(InputError, match="No frame of object 1 of a is scored"):
        make_strip(section, "a", "1", timelines=unscored)


def test_ignored_pixels_are_hatched(section):
    ignore = (None,) * 3 + (bar(50),) * 12
    section = replace(section, sequences=(replace(section.sequence("a"), ignore=ignore),))
    before, after = make_strip(section, "a", "1", frames=[2, 3]).rows[0].pictures
    assert (before != after)[:, 5:115].any()
    assert (before == after)[:, 125:].all()


def test_small_objects_in_large_pictures_are_enlarged():
    view = make_view((1080, 1920), [(900, 500, 60, 40), None, (980, 520, 20, 60)], 240)
    assert view.size == (135, 240)
    assert (view.width, view.height) == (240, 135)  # never more than a pixel for a pixel
    assert view.x <= 900
    assert view.x + view.width >= 1000
    assert view.y <= 500
    assert view.y + view.height >= 580
    middle = (view.x + view.width / 2, view.y + view.height / 2)
    assert middle == pytest.approx((950, 540), abs=1)
    corner = make_view((1080, 1920), [(1800, 0, 120, 80)], 240)
    assert (corner.x + corner.width, corner.y) == (1920, 0)
    assert corner.width == 240


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((1080, 1920), []),  # nothing to see
        ((1080, 1920), [(100, 100, 1200, 300)]),  # wide
        ((1080, 1920), [(0, 0, 20, 20), (1800, 900, 20, 20)]),  # one policy is far away
        ((128, 128), [(60, 60, 4, 4)]),  # small pictures are enlarged as a whole
    ],
)
def test_other_pictures_are_shown_whole(size, boxes):
    view = make_view(size, boxes, 240)
    assert (view.x, view.y, view.width, view.height) == (0, 0, size[1], size[0])
    assert max(view.size) == 240


def test_upright_pictures_fit_their_cell():
    assert make_view((1920, 1080), [], 240).size == (240, 135)


def test_states_of_frames():
    empty, full = bar(0), bar(100)
    masks = ObjectTrack("1", 1, (None, full, None, empty, full))
    assert [frame_state(masks, t) for t in range(5)] == [
        "before the prompt",
        "prompt",
        "not annotated",
        "absent",
        "",
    ]
    boxes = (None, (1.0, 1.0, 5.0, 2.0), None, (0.0, 0.0, 0.0, 0.0), (2.5, 1.0, 5.0, 2.0))
    boxed = ObjectTrack("1", 1, (None,) * 5, boxes)
    assert [frame_state(boxed, t) for t in range(5)] == [frame_state(masks, t) for t in range(5)]
    view = View(0, 0, 100, 4, (8, 200))
    assert truth_outline(boxed, 2, view) == truth_outline(boxed, 3, view) == ()
    (corners,) = truth_outline(boxed, 4, view)
    assert corners[:, 0].tolist() == [[20, 8], [60, 8], [60, 24], [20, 24]]  # x 2 x 4 parts
