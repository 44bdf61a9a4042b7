"""Recorded runs of the authors' releases, and three ways to play a policy beside one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from vot_memory.backbone import Backbone, Heads
from vot_memory.bank import Bank, Entry
from vot_memory.candidates import Candidates
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.engine import Engine, Settings
from vot_memory.policy import ANCHOR, DISCARD, UNUSED, ReadPlan
from vot_memory.registry import load_policy

# Release as recorded -> policy, its options, and post-processing.
RELEASES = {
    "sam2": ("fifo", {}, Settings()),
    "sam2+post": ("fifo", {}, Settings(stability=True, hard_prompt=True)),
    "samurai": ("samurai", {}, Settings(stability=True, hard_prompt=True)),
    "dam4sam": ("dam4sam", {}, Settings(stability=True, hard_prompt=True)),
    "dam4sam+gate": (
        "dam4sam",
        {"iou": 0.5, "distractor_iou": 1.0},
        Settings(stability=True, hard_prompt=True),
    ),
    "sam2long": ("sam2long", {}, Settings()),
}
LOGIT, DECISION = 1e-2, 1e-3  # margins below which rounding may turn a pixel, a decision


@dataclass
class Trace:
    """One recorded run (tests/golden/README.md); frames are those of `record`."""

    release: str
    sequence: str
    record: list[dict]
    frames: np.ndarray | None = None
    prompt: np.ndarray | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.record)

    def __str__(self) -> str:
        return f"{self.release}-{self.sequence}"

    def policy(self):
        name, options, _ = RELEASES[self.release]
        return load_policy(name, options)

    def scores(self, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Predicted IoUs float32 [P, 3] and object scores float32 [P] of frame t."""
        frame = self.record[t]
        return torch.tensor(frame["ious"]), torch.tensor(frame["obj"])

    def logits(self, t: int) -> torch.Tensor:
        """Low-resolution logits of frame t, float32 [P, 3, h, w]."""
        return torch.from_numpy(self.arrays["logits"][t].astype(np.float32))

    @cached_property
    def _alike(self) -> dict[int, int]:
        last: dict[bytes, int] = {}
        pairs = list(
            zip(self.arrays["pointer_frame"].tolist(), self.arrays["pointer"], strict=True)
        )
        for frame, pointer in pairs:
            last[pointer.tobytes()] = frame
        return {frame: last[pointer.tobytes()] for frame, pointer in pairs}

    def alike(self, frame: int) -> int:
        """The last frame with the same pointer."""
        return self._alike[frame]

    def masks(self, t: int) -> np.ndarray:
        return np.unpackbits(self.arrays["masks"][t], axis=-1).astype(bool)


def load(trace: Path, sequence: Path) -> Trace:
    """A trace as recorded, with the pictures of its sequence."""
    data, pictures = np.load(trace), np.load(sequence)
    release, _, name = trace.stem.removeprefix("trace-").rpartition("-")
    record = json.loads(data["record"].tobytes())["frames"]
    arrays = {key: data[key] for key in data.files if key != "record"}
    return Trace(
        release, name, record, pictures["frames"], pictures["masks"][0].astype(bool), arrays
    )


def reads(bank: Bank, plan: ReadPlan, row: int) -> tuple[list[list[int]], list[int]]:
    """[[frame, temporal row, hard], ...] sorted, and frames of the pointers."""
    spatial = [
        # The record calls every prompt hard, also where its mask was not binarised.
        [int(bank.frame[row, s]), int(r), int(bank.hard[row, s] | (bank.frame[row, s] == 0))]
        for s, r in zip(plan.slots[row], plan.tpos[row], strict=True)
        if s != UNUSED
    ]
    known = torch.cat([bank.frame, bank.ring_frame], dim=1)[row]
    return sorted(spatial), [int(known[p]) for p in plan.ptrs[row] if p != UNUSED]


def assert_same_reads(trace: Trace, t: int, bank: Bank, plan: ReadPlan) -> None:
    frame = trace.record[t]
    for row in range(bank.rows):
        pathway = min(row, len(frame["reads"]) - 1)  # one pathway at the first frame
        spatial, pointers = reads(bank, plan, row)
        where = f"{trace}, frame {t}, pathway {row}"
        assert spatial == sorted(frame["reads"][pathway]), where
        recorded = frame["pointer_frames"][pathway]
        # Pointers of absent objects are all alike, and the record names the last of them.
        assert sorted(map(trace.alike, pointers)) == sorted(map(trace.alike, recorded)), where


def assert_same_record(trace: Trace, t: int, chosen: dict) -> None:
    """Scores of the choice, anchors and cumulative scores, as far as the release has them."""
    frame = trace.record[t]
    for key, ours in chosen.items():
        if frame.get(key) is not None:
            np.testing.assert_allclose(ours, frame[key], atol=DECISION, err_msg=f"{trace} {t}")


def decisions(policy, bank: Bank, state: dict, candidates: Candidates, selection, write, t) -> dict:
    rows = torch.arange(bank.rows)
    found = {"best_iou_score": candidates.ious[rows, selection.mask].tolist()}
    if "score" in state:
        found = {"acc_score": state["score"].tolist()}
    return found


def play_decisions(trace: Trace, candidates_of) -> None:
    """Level 1: recorded scores in, decisions out, without weights."""
    policy = trace.policy()
    spec, rows = policy.spec, policy.spec.rows_per_object
    cpu = torch.device("cpu")
    bank = Bank(spec.slots, spec.pointers, (1, 1, 1), 4, 7, cpu)
    bank.grow(torch.zeros(rows, dtype=torch.int64))
    state = policy.reset(rows, cpu, len(trace))
    everyone = torch.arange(rows)
    post = RELEASES[trace.release][2]

    def entry(which, frame, iou, obj, pixels, tag, hard):
        n = len(which)
        return Entry(
            which, torch.zeros(n, 1, 1, 1), torch.zeros(n, 4), frame, iou, obj, pixels, tag, hard
        )

    zero, one = torch.zeros(rows, dtype=torch.int64), torch.ones(rows)
    first = entry(
        everyone, zero, one, 10 * one, zero + 1, zero.to(torch.int8), one.bool() & post.hard_prompt
    )
    bank.write(zero, first)
    policy.on_prompt(state, bank, first)
    anchors: list[int] = []
    for t in range(1, len(trace)):
        clock = torch.full((rows,), t)
        assert_same_reads(trace, t, bank, policy.read(state, bank, clock))
        candidates = candidates_of(t, rows)
        selection = policy.select(state, bank, candidates, clock)
        if selection.parent is not None:
            bank.reindex(selection.parent)
            state = {k: v.index_select(0, selection.parent) for k, v in state.items()}
            candidates = candidates.take(selection.parent)
        write = policy.write(state, bank, candidates, selection, clock)
        iou = candidates.ious[everyone, selection.mask]
        pixels = candidates.pixels("low")[everyone, selection.mask]
        tag = zero.to(torch.int8) + 1 if write.tag is None else write.tag
        hard = zero.bool() if write.hard is None else write.hard
        kept = (write.slot != DISCARD).nonzero()[:, 0]
        bank.write(
            write.slot[kept],
            entry(
                kept,
                clock[kept],
                iou[kept],
                candidates.obj[kept],
                pixels[kept],
                tag[kept],
                hard[kept],
            ),
        )
        bank.push_pointer(clock, torch.zeros(rows, 4), iou, candidates.obj, pixels)
        anchors += [t] * bool((tag[kept] == ANCHOR).any())
        found = decisions(policy, bank, state, candidates, selection, write, t)
        if trace.record[t].get("anchors") is not None:
            found["anchors"] = anchors
        assert_same_record(trace, t, found)
