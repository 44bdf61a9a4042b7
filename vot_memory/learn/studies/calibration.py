"""How often search finds the true optimum, where it can be known: short windows, all sequences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vot_memory.backbone import Backbone
from vot_memory.errors import InputError
from vot_memory.learn.clip import Clip
from vot_memory.learn.search.enumerate import calibrate, cut
from vot_memory.learn.simulator import Rules, Simulator

COLUMNS = ("clip", "slots", "decisions", "method", "seed", "budget", "Q", "optimum", "fifo")
SIZES = ((7, 4), (3, 8))  # slots and decisions: 7^4 = 2401 and 3^8 = 6561 sequences
STEP = 4  # frames from one window to the next


def longest_window() -> int:
    """Frames."""
    return max(slots + 1 + decisions for slots, decisions in SIZES)


def hardest_window(clip: Clip, backbone: Backbone, rules: Rules, decisions: int) -> Clip | None:
    """The window with so many decisions on which FIFO does worst; None where none can begin."""
    worst, found = 1.0, None
    length = rules.slots + 1 + decisions
    for start in range(0, len(clip) - length + 1, STEP):
        try:
            window = cut(clip, length, start)
        except InputError:  # the object is away
            continue
        sim = Simulator(window, backbone, rules)
        quality = float(sim.quality(sim.play(sim.fifo()))[0])
        if found is None or quality < worst:
            worst, found = quality, window
    return found


def calibrated(
    clip: Clip,
    backbone: Backbone,
    *,
    methods: Sequence[str],
    budgets: Sequence[int],
    seeds: Sequence[int],
) -> Iterator[tuple[str, int, int, str, int, int, float, float, float]]:
    """Compare methods with the optimum on a video's hardest windows; rows of `COLUMNS`.

    Raises:
        InputError: nowhere in the video can a window begin.
    """
    for slots, decisions in SIZES:
        rules = Rules(slots=slots)
        window = hardest_window(clip, backbone, rules, decisions)
        if window is None:
            raise InputError(
                f"Sequence {clip.sequence} has no {rules.slots + 1 + decisions} frames that begin "
                "with the object and are annotated: leave it out, by naming the others with "
                "--video."
            )
        for row in calibrate([window], backbone, methods, budgets, seeds, rules):
            yield (
                row.sequence,
                slots,
                decisions,
                row.method,
                row.seed,
                row.budget,
                row.found,
                row.optimum,
                row.baseline,
            )
