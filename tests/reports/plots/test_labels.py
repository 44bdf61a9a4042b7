import itertools

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from vot_memory.reports.plots.labels import label_points


def test_labels_cover_neither_each_other_nor_points():
    figure = Figure(figsize=(5, 5))
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    x, y = [0.5, 0.51, 0.52, 0.5, 0.99], [0.5, 0.5, 0.51, 0.52, 0.99]
    canvas.draw()
    labels = label_points(axes, x, y, ["samurai", "dam4sam", "fifo", "sam2long", "edge"])
    canvas.draw()
    texts = [Text.get_window_extent(label) for label in labels]  # without the leader
    assert not any(a.overlaps(b) for a, b in itertools.combinations(texts, 2))
    dots = axes.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*dot) for box in texts for dot in dots)
    frame = axes.get_window_extent()
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and b.y1 <= frame.y1 for b in texts)
