"""What the paper leaves open: temporal rows by rank or offset, pointers of the bank or recent ones.

SAM2RL (arXiv 2507.08548) says neither how re-ordered memories are numbered in time nor whether
object pointers follow the bank. Each of the four readings is a game of its own, with its own best
decisions: FIFO and search under one budget say what each is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from vot_memory.backbone import Backbone
from vot_memory.learn.clip import Clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.search import search
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.tracked import replayed_quality

COLUMNS = ("sequence", "rows", "pointers", "policy", "frames", "Q")
READINGS = tuple(product(("rank", "offset"), ("recent", "bank")))
ROWS = 2 * len(READINGS)  # of a video


def reading_qualities(
    clip: Clip, backbone: Backbone, *, method: str, budget: int, seed: int, slots: int = 7
) -> Iterator[tuple[str, str, str, str, int, float]]:
    """Clean Q of FIFO and of the best found, replayed at batch 1, for each way to read the bank.

    Args:
        clip: the object and its video.
        backbone: the model, as trackers run it; the search uses its fast arrangement.
        method: of search.
        budget: forward passes for each reading.
        seed: of the search.
        slots: size of the bank.

    Yields:
        Rows of `COLUMNS`.
    """
    for rows, pointers in READINGS:
        rules = Rules(slots=slots, rows=rows, pointers=pointers)  # type: ignore[arg-type]
        simulator = Simulator(clip, fast(backbone), rules)
        found = search(simulator, method, budget, seed)
        for policy, passes, actions in (
            ("fifo", len(clip) - 1, simulator.fifo()[0]),
            ("best-found", found.counts.passes, found.actions),
        ):
            quality = replayed_quality(backbone, clip, rules, actions.tolist())
            yield clip.sequence, rows, pointers, policy, passes, quality
