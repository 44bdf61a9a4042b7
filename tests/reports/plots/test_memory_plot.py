from collections import Counter

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.text import Text

from vot_memory.policy import ANCHOR, PROMPT, RECENT
from vot_memory.reports.plots.canvas import save
from vot_memory.reports.plots.memory import BASELINE_COLOR, memory_plot
from vot_memory.reports.plots.raster import ANCHOR_COLOR, EMPTY_COLOR, EMPTY_EDGE, PROMPT_COLOR
from vot_memory.reports.style import OVERLAP_COLORS, UNSCORED_COLOR, Style
from vot_memory.reports.timeline import Memory, Timeline

NAN = float("nan")
LOST, FOUND = OVERLAP_COLORS[0], OVERLAP_COLORS[-1]


def timeline(label="fifo", overlap=(NAN, 0.9, 0.9, 0.1, 0.9), memories=(), **changes):
    overlap = np.array(overlap, dtype=float)
    frames = len(overlap)
    fields = {
        "label": label,
        "policy": label,
        "sequence": "video",
        "object": "1",
        "first_frame": 0,
        "offline": False,
        "overlap": overlap,
        "absent": np.zeros(frames, dtype=bool),
        "object_score": np.linspace(5, -5, frames),
        "predicted_iou": np.linspace(1, 0, frames),
        "discarded": np.zeros(frames, dtype=bool),
        "memories": tuple(memories),
    }
    return Timeline(**(fields | changes))


def bank(frames=5):
    """The prompt; in slot 1 a good mask, then a bad one as an anchor, then one without a score."""
    return (
        Memory(0, 0, 0, frames, PROMPT, NAN),
        Memory(1, 1, 1, 3, RECENT, 0.9),
        Memory(3, 1, 3, 4, ANCHOR, 0.1),
        Memory(4, 1, 4, frames, RECENT, NAN),
    )


def panels(figure, i=0):
    """The overlap, the scores and the raster of the i-th policy."""
    found = [axes for axes in figure.axes if axes.get_ylabel() != "predicted\nIoU"]
    return found[3 * i : 3 * i + 3]


def rectangles(axes, color):
    """Of the patches in a colour: (left, right, middle of the height), sorted."""
    found = []
    for patch in axes.patches:
        if isinstance(patch, PathPatch) and to_hex(patch.get_facecolor()) == color:
            for polygon in patch.get_path().to_polygons():
                (left, low), (right, high) = polygon.min(axis=0), polygon.max(axis=0)
                found.append((left, right, (low + high) / 2))
    return sorted(found)


def texts(figure):
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    for legend in figure.legends:
        shown += [text.get_text() for text in legend.get_texts()]
    return shown


def test_every_stay_is_a_bar_in_the_colour_of_its_overlap():
    _, _, raster = panels(memory_plot([timeline(memories=bank())], "t", None))
    assert rectangles(raster, PROMPT_COLOR.lower()) == [(-0.5, 4.5, 0)]
    assert rectangles(raster, FOUND.lower()) == [(0.5, 2.5, 1)]
    assert rectangles(raster, LOST.lower()) == [(2.5, 3.5, 1)]
    assert rectangles(raster, UNSCORED_COLOR.lower()) == [(3.5, 4.5, 1)]
    ((left, right, middle),) = rectangles(raster, ANCHOR_COLOR)
    assert (left, right) == (2.5, 3.5)
    assert 0.5 < middle < 0.75, "at the upper edge of slot 1"
    assert raster.get_ylim()[0] > raster.get_ylim()[1], "the prompt stands on top"


def test_memories_of_rightly_empty_answers_are_hollow():
    """Not so where the absent object was hallucinated, nor where the visible one is well found."""
    stays = (
        Memory(1, 1, 1, 2, RECENT, 1.0),
        Memory(2, 1, 2, 3, RECENT, 1.0, absent=True),
        Memory(3, 1, 3, 5, RECENT, 0.0, absent=True),
    )
    absent = np.array([False, False, True, True, False])
    run = timeline(overlap=(NAN, 1, 1, 0, 0.9), absent=absent, memories=stays)
    figure = memory_plot([run], "t", None)
    raster = panels(figure)[2]
    assert rectangles(raster, EMPTY_COLOR.lower()) == [(1.5, 2.5, 1)]
    assert rectangles(raster, FOUND.lower()) == [(0.5, 1.5, 1)]
    assert rectangles(raster, LOST.lower()) == [(2.5, 4.5, 1)]
    (hollow,) = [p for p in raster.patches if to_hex(p.get_facecolor()) == EMPTY_COLOR.lower()]
    assert to_hex(hollow.get_edgecolor()) == EMPTY_EDGE.lower()
    assert "absent, rightly empty" in texts(figure)
    plain = timeline(memories=bank())
    assert "absent, rightly empty" not in texts(memory_plot([plain], "t", None))


def test_heads_bear_the_markers_of_the_table():
    runs = [timeline("a", policy="fifo"), timeline("b", policy="fifo")]
    own = memory_plot(runs, "t", None).findobj(Line2D)
    markers = [line.get_marker() for line in own if to_hex(line.get_color()) == "#0072b2"]
    assert len(set(markers)) == 2, "two runs of a policy differ"
    given = {"a": Style("#123456", "v"), "b": Style("#654321", "*")}
    lines = memory_plot(runs, "t", None, given).findobj(Line2D)
    drawn = {(to_hex(line.get_color()), line.get_marker()) for line in lines}
    assert {("#123456", "v"), ("#654321", "*")} <= drawn


def test_bars_bear_the_frames_where_they_fit():
    few = panels(memory_plot([timeline(memories=bank())], "t", None))[2]
    assert [text.get_text() for text in few.texts] == ["0", "1", "3", "4"]
    (number,) = [text for text in few.texts if text.get_text() == "1"]
    assert number.get_position() == (1.5, 1)
    long = timeline(overlap=[NAN] + [0.9] * 2499, memories=bank(2500))
    many = panels(memory_plot([long], "t", None))[2]
    assert [text.get_text() for text in many.texts] == ["0", "4"]


def test_discarded_frames_have_ticks_below_the_slots():
    run = timeline(memories=bank(), discarded=np.array([False, False, True, False, True]))
    figure = memory_plot([run], "t", None)
    raster = panels(figure)[2]
    (ticks,) = raster.collections
    segments = ticks.get_segments()
    assert [segment[0][0] for segment in segments] == [2, 4]
    assert min(segment[:, 1].min() for segment in segments) > 1.5
    assert "discarded" in texts(figure)
    assert "discarded" not in texts(memory_plot([timeline(memories=bank())], "t", None))


def test_lines_are_the_overlaps_and_the_scores():
    base, other = timeline("fifo"), timeline("first", (NAN, 0.2, 0.3, 0.4, 0.5))
    figure = memory_plot([base, other], "t", "fifo")
    own = panels(figure, 0)[0].lines[0].get_ydata()
    assert own.tolist() == pytest.approx(base.overlap.tolist(), nan_ok=True)
    reference, line, *_ = panels(figure, 1)[0].lines
    assert to_hex(reference.get_color()) == BASELINE_COLOR.lower()
    assert reference.get_ydata().tolist() == pytest.approx(base.overlap.tolist(), nan_ok=True)
    assert line.get_ydata().tolist() == pytest.approx(other.overlap.tolist(), nan_ok=True)
    grey = [to_hex(line.get_color()) for line in panels(figure, 0)[0].lines]
    assert BASELINE_COLOR.lower() not in grey
    score = panels(figure, 1)[1]
    logits = [list(line.get_ydata()) for line in score.lines]
    assert other.object_score.tolist() in logits
    assert "mean overlap 0.35" in texts(figure)


def test_the_predicted_iou_fits_the_scale_on_the_right():
    run = timeline(predicted_iou=np.array([0.0, 0.25, 0.5, 0.75, 1.0]))
    figure = memory_plot([run], "t", None)
    score = panels(figure)[1]
    (right,) = [axes for axes in figure.axes if axes.get_ylabel() == "predicted\nIoU"]
    (line,) = [x for x in score.lines if to_hex(x.get_color()) == to_hex(right.yaxis.label._color)]
    drawn = score.transData.transform(line.get_xydata())[:, 1]
    wanted = right.transData.transform(np.column_stack([np.arange(5), run.predicted_iou]))[:, 1]
    assert drawn.tolist() == pytest.approx(wanted.tolist())


def test_absence_is_shaded_and_what_is_not_scored_is_a_gap():
    run = timeline(
        overlap=(NAN, 0.9, 1, 1, NAN, 0.1, 0.1),
        absent=np.array([False, False, True, True, False, False, False]),
    )
    overlap, score, _ = panels(memory_plot([run], "t", None))
    for axes in (overlap, score):
        assert (1.5, 3.5, 0.5) in rectangles(axes, "#dadada")
    spans = [x[:2] for x in rectangles(overlap, FOUND.lower())]
    assert spans == [(0.5, 1.5)], "nothing below the line where the answer is rightly empty"
    assert [x[:2] for x in rectangles(overlap, LOST.lower())] == [(4.5, 6.5)]


def test_a_scored_frame_alone_is_a_dot():
    run = timeline(overlap=(NAN, 0.9, NAN, 0.5, 0.4))
    dots = panels(memory_plot([run], "t", None))[0].lines[-1]
    assert dots.get_xydata().tolist() == [[1, 0.9]]


def test_masks_of_another_program_have_overlaps_only(tmp_path):
    nothing = np.full(5, NAN)
    run = timeline(object_score=nothing, predicted_iou=nothing)
    figure = memory_plot([run], "t", None)
    assert texts(figure).count("not known: another program made the masks") == 2
    save(figure, tmp_path / "plot")
    assert texts(memory_plot([timeline()], "t", None)).count("no memory") == 1


@pytest.mark.parametrize(
    ("count", "columns", "rows"), [(1, 1, 1), (3, 3, 1), (4, 2, 2), (7, 3, 3), (9, 3, 3)]
)
def test_policies_stand_in_rows_of_at_most_three(count, columns, rows):
    figure = memory_plot([timeline(f"p{i}", memories=bank()) for i in range(count)], "t", "p0")
    places = [panels(figure, i)[0].get_position() for i in range(count)]
    assert len({round(place.x0, 6) for place in places}) == columns
    assert sorted(Counter(round(place.y0, 6) for place in places).values())[-1] == columns
    assert len({round(place.y0, 6) for place in places}) == rows
    assert all(0 < place.x0 < place.x1 < 1 for place in places)
    limits = {panel.get_xlim() for i in range(count) for panel in panels(figure, i)}
    assert limits == {(-0.5, 4.5)}, "one axis of time"


def test_panels_do_not_cover_each_other():
    runs = [timeline(f"p{i}", memories=bank(), offline=i == 1) for i in range(5)]
    figure = memory_plot(runs, "a title of many words " * 20, "p0")
    boxes = [panel.get_position() for i in range(5) for panel in panels(figure, i)]
    for i, one in enumerate(boxes):
        assert 0 <= one.y0 < one.y1 <= 1
        assert not any(one.overlaps(other) for other in boxes[:i])
    figure.canvas.draw()
    title = figure.texts[0].get_window_extent()
    legends = [legend.get_window_extent() for legend in figure.legends]
    top = max(panel.get_tightbbox().y1 for i in range(5) for panel in panels(figure, i))
    assert title.y0 > legends[0].y1 > legends[0].y0 > legends[1].y1 - 1
    assert legends[1].y0 > top
    entries = [text for legend in figure.legends for text in legend.get_texts()]
    for text in (figure.texts[0], *entries):
        assert 0 <= text.get_window_extent().x0
        assert text.get_window_extent().x1 <= figure.bbox.width


@pytest.mark.parametrize("frames", [1, 2, 2500])
def test_any_length(frames, tmp_path):
    overlap = np.where(np.arange(frames) == 0, NAN, 0.7)
    run = timeline(overlap=overlap, memories=(Memory(0, 0, 0, frames, PROMPT, NAN),))
    figure = memory_plot([run, timeline("x", np.full(frames, NAN))], "t", "fifo")
    svg = save(figure, tmp_path / "plot")[1]
    assert (b"<image" in svg.read_bytes()) == (frames > 300), "long videos are stored as pixels"


def test_the_same_timelines_give_the_same_bytes_and_names_are_literal(tmp_path):
    name = r"$\frac{$ <script>"
    runs = [timeline(name, memories=bank()), timeline("first", memories=bank())]
    first = save(memory_plot(runs, f"{name}\nof $x$", name), tmp_path / "a")
    again = save(memory_plot(runs, f"{name}\nof $x$", name), tmp_path / "b")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    assert name in texts(memory_plot(runs, "t", name)), "and matplotlib took it for no formula"


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "name", ["fifo", "replay [file c4d66{}]§", "sam2long (num_…ncertainty={})†?"]
)
def test_names_keep_clear_of_what_stands_beside_them(count, name):
    labels = [f"p{i}" for i in range(count)]
    names = {label: name.format(i) for i, label in enumerate(labels)}
    runs = [timeline(label, memories=bank()) for label in labels]
    figure = memory_plot(runs, "t", "p0", names=names)
    figure.canvas.draw()
    boxes = []
    for i, label in enumerate(labels):
        notes = {note.get_text(): note for note in panels(figure, i)[0].texts}
        mean = next(note for text, note in notes.items() if text.startswith("mean overlap"))
        boxes += [Text.get_window_extent(own) for own in (notes[names[label]], mean)]
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    assert all(0 <= box.x0 and box.x1 <= figure.bbox.width for box in boxes)
    top = min(legend.get_window_extent().y0 for legend in figure.legends)
    assert max(box.y1 for box in boxes) < top
    assert (f"overlap of {names['p0']}" in texts(figure)) == (count > 1)


def test_long_names_of_timelines_are_shortened_and_stay_different():
    runs = [timeline(f"{'w' * 40}{i}{'w' * 40}", memories=bank()) for i in range(2)]
    names = [text for text in texts(memory_plot(runs, "t", None)) if text.startswith("ww")]
    assert len(set(names)) == 2
    assert max(map(len, names)) == 28
