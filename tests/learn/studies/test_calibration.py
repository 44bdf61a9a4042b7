"""Windows of a video on which every sequence of decisions can be played."""

import pytest

from vot_memory.datasets.splits import load_split
from vot_memory.learn.clip import load_clip
from vot_memory.learn.search.enumerate import cut
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.studies.calibration import STEP, hardest_window
from vot_memory.models import load_model


@pytest.mark.golden
def test_the_hardest_window_is_that_on_which_fifo_is_worst() -> None:
    model, rules = load_model("nano", device="cpu"), Rules(slots=3)
    clip = load_clip(model, load_split("synth-smoke", limit=1).sequences[0])
    window = hardest_window(clip, model, rules, decisions=3)
    assert window is not None
    assert len(window) == 7  # 3 frames fill the bank, 3 are decided, 1 comes after

    def fifo(part):
        simulator = Simulator(part, model, rules)
        return simulator.quality(simulator.play(simulator.fifo()))[0]

    visible = [start for start in range(0, len(clip) - 6, STEP) if clip.visible[start]]
    assert fifo(window) == min(fifo(cut(clip, 7, start)) for start in visible)
    assert hardest_window(clip, model, rules, decisions=len(clip)) is None
