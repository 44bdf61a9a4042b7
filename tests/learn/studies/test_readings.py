"""Each reading of the paper is searched by itself, under the same budget."""

import pytest
from short import short_videos

from vot_memory.datasets.splits import load_split
from vot_memory.learn.clip import load_clip
from vot_memory.learn.studies.readings import reading_qualities
from vot_memory.models import load_model


@pytest.mark.golden
def test_passes_are_those_of_each_search_and_nothing_is_below_fifo() -> None:
    model = load_model("nano", device="cpu")
    with short_videos(10):
        clip = load_clip(model, load_split("synth-smoke", limit=1).sequences[0])
    rows = list(reading_qualities(clip, model, method="random", budget=15, seed=0, slots=4))
    assert [row[1:4] for row in rows] == [
        (rows_by, pointers, policy)
        for rows_by in ("rank", "offset")
        for pointers in ("recent", "bank")
        for policy in ("fifo", "best-found")
    ]
    for fifo, best in zip(rows[::2], rows[1::2], strict=True):
        assert fifo[4] == 9  # every frame but the prompt's
        assert 9 < best[4] <= 15
        assert best[5] >= fifo[5]
