import numpy as np
import pytest

from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.reports.pictures.grid import HIGHEST, WIDEST, Grid, Panel, bar_colors, make_layout
from vot_memory.reports.pictures.outlines import rgb
from vot_memory.reports.style import OVERLAP_COLORS, UNSCORED_COLOR, style_of

SIZE, FRAMES = (48, 64), 4


class Counted:
    """Pictures that note which was read."""

    def __init__(self):
        self.read = []

    def __len__(self):
        return FRAMES

    def __getitem__(self, t):
        self.read.append(t)
        return np.full((*SIZE, 3), 100, np.uint8)


def square(left):
    mask = np.zeros(SIZE, bool)
    mask[10:30, left : left + 20] = True
    return encode(mask)


def video(*objects, ignore=None):
    tracks = tuple(
        ObjectTrack(name, i, (None,) * i + (square(5 + 30 * i),) * (FRAMES - i))
        for i, name in enumerate(objects)
    )
    return Sequence("<b>$x$", Counted(), tracks, SIZE, 24.0, "", ignore=ignore)


def panel(sequence, name="fifo", policy="fifo", overlap=0.5):
    masks = {track.id: track.rles for track in sequence.objects}
    return Panel(name, policy, masks, np.array([np.nan] + [overlap] * (FRAMES - 1)))


def near(picture, color, least=20):
    """Whether at least so many pixels have nearly a colour."""
    return (np.abs(picture.astype(int) - color).max(-1) < 25).sum() >= least


@pytest.mark.parametrize("panels", [1, 2, 3, 4, 10, 31])
@pytest.mark.parametrize("size", [(128, 128), (1080, 1920), (1920, 1080), (240, 428), (3, 900)])
def test_all_panels_fit(size, panels):
    layout = make_layout(size, panels)
    rows = -(-panels // layout.columns)
    assert layout.columns <= panels
    assert layout.columns * layout.size[1] <= WIDEST
    assert rows * layout.size[0] <= HIGHEST
    assert min(layout.size) >= 2


def test_panels_are_large_and_leave_no_gaps():
    assert make_layout((128, 128), 2) == (2, (480, 480))
    assert make_layout((240, 428), 3).columns == 3
    assert make_layout((240, 428), 4).columns == 2
    assert make_layout((1080, 1920), 1).size[0] > 900


def test_a_panel_for_the_truth_and_each_policy():
    sequence = video("1")
    panels = [panel(sequence), panel(sequence, "x (a=1)", "samurai", 0.1)]
    grid = Grid(sequence, sequence.objects, panels)
    drawn = grid.draw(2)
    assert drawn.shape == (*grid.size, 3)
    assert drawn.dtype == np.uint8
    assert grid.size[0] % 2 == grid.size[1] % 2 == 0
    third = grid.size[1] // 3
    parts = [drawn[:, i * third : (i + 1) * third] for i in range(3)]
    colors = [(255, 255, 255), *(rgb(style_of(name).color) for name in ("fifo", "samurai"))]
    for i, part in enumerate(parts):
        assert near(part, colors[i], 150)  # outline and mark
    assert not near(parts[0], colors[1], 5)
    assert not near(parts[0], colors[2], 5)
    assert near(parts[2], rgb(OVERLAP_COLORS[0]), 300)  # what overlaps by 0.1 is lost
    assert not near(parts[2], rgb(OVERLAP_COLORS[4]))


def test_frames_are_read_when_they_are_drawn():
    sequence = video("1")
    grid = Grid(sequence, sequence.objects, [panel(sequence)] * 3)
    assert sequence.frames.read == []
    first = grid.draw(0)
    last = grid.draw(3)
    assert sequence.frames.read == [0, 3]
    assert (first != last).any()  # the counter and the marks of time
    assert (grid.draw(0) == first).all()


def test_several_objects_have_colours_of_their_own():
    sequence = video("1", "2")
    one = Grid(sequence, sequence.objects[:1], [panel(sequence)])
    both = Grid(sequence, sequence.objects, [panel(sequence)])
    fifo = rgb(style_of("fifo").color)
    assert near(one.draw(2), fifo)
    assert not near(both.draw(2), fifo, 100)
    high, wide = make_layout(SIZE, 2).size
    late = np.s_[40 + 30 : 40 + 30 + high, wide // 2 : wide]  # where object 2 will be
    assert (both.draw(0)[late] == 100).mean() > 0.95
    assert (both.draw(1)[late] == 100).mean() < 0.8  # its prompt


def test_ignored_pixels_are_striped():
    ignored = encode(np.arange(64) >= 60 * np.ones((48, 1)))
    sequence = video("1", ignore=(None, ignored, None, None))
    grid = Grid(sequence, sequence.objects, [panel(sequence)])
    high, wide = make_layout(SIZE, 2).size
    right = np.s_[70 + 5 : 70 + high - 5, 10 + wide - 20 : 10 + wide - 5]
    assert (grid.draw(0)[right] == 100).all()
    assert (grid.draw(1)[right] != 100).mean() > 0.2


def test_the_bar_shows_the_overlap_over_time():
    overlap = np.array([np.nan, 0.0, 0.5, 1.0])
    colors = bar_colors(overlap, 8)
    expected = [UNSCORED_COLOR, OVERLAP_COLORS[0], OVERLAP_COLORS[2], OVERLAP_COLORS[4]]
    assert colors == [rgb(color) for color in expected for _ in range(2)]
    assert len(bar_colors(np.zeros(2500), 480)) == 480
    assert len(bar_colors(np.zeros(2), 480)) == 480


def test_long_and_strange_names_fit():
    sequence = video("<script>|" * 9)
    for policies in (1, 30):
        names = [panel(sequence, "ü" * 200 + "\n", "ü") for _ in range(policies)]
        grid = Grid(sequence, sequence.objects, names)
        assert grid.size[0] <= HIGHEST
        assert grid.size[1] <= WIDEST
        assert grid.draw(1).shape == (*grid.size, 3)
