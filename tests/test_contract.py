"""check-policy finds what is wrong with a plug-in, and passes what is right."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vot_memory.contract import check_policy
from vot_memory.policies.fifo import Fifo
from vot_memory.policy import Selection, Write

pytestmark = pytest.mark.golden

FRAMES = 16


class FirstCome(Fifo):
    """The first object is treated better than the others."""

    name = "first-come"

    def write(self, state, bank, candidates, selection, t):
        return Write(slot=torch.where(bank.group == 0, 1 + (t - 1) % 6, 1))


class Hoarding(Fifo):
    """Private state that grows."""

    name = "hoarding"

    def reset(self, rows, device, num_frames):
        return super().reset(rows, device, num_frames) | {"seen": torch.zeros(rows, 1)}

    def write(self, state, bank, candidates, selection, t):
        state["seen"] = torch.cat([state["seen"], candidates.obj[:, None]], dim=1)
        return super().write(state, bank, candidates, selection, t)


class Forgetful(Fifo):
    """Keeps on itself what belongs in the state."""

    name = "forgetful"
    calls = 0

    def write(self, state, bank, candidates, selection, t):
        type(self).calls += 1
        return Write(slot=torch.full_like(t, 1 + self.calls % 6))


class BoxShy(Fifo):
    """Says that it takes every prompt, but a prompt with few pixels is too much for it."""

    name = "box-shy"

    def on_prompt(self, state, bank, entry):
        if entry.iou.min() < 1:  # a mask's own
            raise KeyError("iou")


class Undecided(Fifo):
    name = "undecided"

    def __init__(self, config=None):
        super().__init__(config)
        self.spec = replace(self.spec, prompts=("scribble",))


class Trio(Fifo):
    """Three rows an object that take turns: row p continues row p + 1, row 2 wanders."""

    name = "trio"
    mixed = False

    def __init__(self, config=None):
        super().__init__(config)
        self.spec = replace(self.spec, rows_per_object=3, offline=True, prompts=("box", "mask"))

    def select(self, state, bank, candidates, t):
        row = torch.arange(bank.rows)
        place = row % 3
        best = candidates.ious.amax(1).view(-1, 3).argmax(1)
        if self.mixed:
            best = torch.full_like(best, 2 * (len(best) - 1))
        return Selection(
            mask=(candidates.ious.argmax(1) + (place == 2)) % 3,
            parent=row - place + (place + 1) % 3,
            output=best,
        )

    def finish(self, state, log):
        return log.backtrace(torch.arange(0, log.rows(log.frames - 1), 3))


class Mixed(Trio):
    """Groups that are not kept apart: the number of objects decides which row answers."""

    name = "mixed"
    mixed = True


class Unasked(Trio):
    """Revises its answers but does not say so, so that nobody would ask it."""

    name = "unasked"

    def __init__(self, config=None):
        super().__init__(config)
        self.spec = replace(self.spec, offline=False)


@pytest.mark.parametrize(
    ("cls", "found"),
    [
        (
            FirstCome,
            {"alone as in a batch": "another decision", "another order": "another decision"},
        ),
        (Hoarding, {"bounded memory": "bytes after 16 frames"}),
        (Forgetful, {"determinism": "another decision"}),
        (
            BoxShy,
            {"box prompt": "'box-shy', object '1', frame 0: on_prompt raised KeyError at test_con"},
        ),
        (Undecided, {"interface": "spec.prompts is ('scribble',), not some of"}),
        (Unasked, {"interface": "set spec.offline"}),
        (Mixed, {"alone as in a batch": "another decision"}),
    ],
)
def test_what_is_found(cls, found):
    checks = check_policy(f"{__name__}:{cls.__name__}", frames=FRAMES)
    for check, words in found.items():
        assert any(check in c.name and words in c.detail for c in checks if not c.ok), checks


def test_groups_that_are_kept_apart_pass():
    checks = check_policy(f"{__name__}:Trio", frames=FRAMES)
    assert [check for check in checks if not check.ok] == []
    assert "mask prompt" in [check.name for check in checks]  # it begins with boxes
    assert "point prompt" not in [check.name for check in checks]
