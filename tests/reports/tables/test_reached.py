"""Frames to find as much as the method with the largest budget, by hand."""

import numpy as np
import pytest

from vot_memory.reports.tables.curves import read_curves
from vot_memory.reports.tables.reached import frames_to_reach, make_reached

POINTS = (
    "ppo,a,0,100,0.2",
    "ppo,a,0,1000,0.5",
    "ppo,a,1,2000,0.7",  # the mark of a: 0.6, after 1000 frames or more
    "ppo,b,0,4000,0.4",
    "beam,a,0,10,0.1",
    "beam,a,0,60,0.6",
    "beam,a,1,90,0.65",
    "beam,a,2,50,0.59",  # never
    "beam,b,0,500,0.4",
    "random,a,0,900,0.3",
    "random,b,0,50,0.1",
    "random,b,0,900,0.41",
    "random,c,0,900,0.9",  # which the reference has not
)


@pytest.fixture
def read(tmp_path):
    def from_lines(*lines):
        file = tmp_path / "curves.csv"
        file.write_text("\n".join(["method,sequence,seed,frames,Q", *lines]), encoding="utf-8")
        return read_curves([file])

    return from_lines


def test_frames_are_those_of_the_median_seed(read):
    rows = frames_to_reach(read(*POINTS).rows, "ppo").set_index(["method", "sequence"])
    assert rows["mark"].to_dict() == pytest.approx(
        {("beam", "a"): 0.6, ("beam", "b"): 0.4, ("random", "a"): 0.6, ("random", "b"): 0.4}
    )
    assert rows.loc[("beam", "a"), "frames"] == 90  # of 60, 90 and never
    assert rows.loc[("beam", "a"), "reference_frames"] == 1000
    assert rows.loc[("random", "b"), "frames"] == 900
    assert np.isnan(rows.loc[("random", "a"), "frames"])


def test_methods_are_counted_by_video(read):
    study = make_reached(read(*POINTS))
    assert study.title == "Frames to find as much as ppo"
    beam, random = study.records()
    assert (beam["method"], beam["videos"], beam["reached"], beam["tenth"]) == ("beam", 2, 2, 1)
    assert beam["ratio"] == pytest.approx((0.09 + 0.125) / 2)
    assert (random["videos"], random["reached"], random["tenth"]) == (2, 1, 0)
    assert random["ratio"] == pytest.approx(900 / 4000)


def test_one_method_or_no_shared_video_gives_no_table(read):
    assert make_reached(read("ppo,a,0,10,0.2")) is None
    assert make_reached(read("ppo,a,0,10,0.2", "beam,b,0,5,0.2")) is None
