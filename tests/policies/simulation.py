"""One row of a bank that a policy reads and writes, without any network."""

from __future__ import annotations

import torch

from vot_memory.bank import Bank, Entry, Source
from vot_memory.candidates import Candidates
from vot_memory.policy import DISCARD, UNUSED

CPU = torch.device("cpu")


class Simulation:
    """One row of a bank that a policy reads and writes, without any network."""

    def __init__(self, policy, num_frames: int | None = 200) -> None:
        self.policy, spec = policy, policy.spec
        self.bank = Bank(spec.slots, spec.pointers, (1, 1, 1), 4, 7, CPU)
        self.bank.grow(torch.zeros(1, dtype=torch.int64))
        self.state = policy.reset(1, CPU, num_frames)
        self.bank.write(torch.zeros(1, dtype=torch.int64), self.entry(0))
        policy.on_prompt(self.state, self.bank, self.entry(0))

    def entry(self, frame: int, iou: float = 0.9, obj: float = 5.0) -> Entry:
        return Entry(
            rows=torch.zeros(1, dtype=torch.int64),
            feat=torch.zeros(1, 1, 1, 1),
            ptr=torch.zeros(1, 4),
            frame=torch.tensor([frame]),
            iou=torch.tensor([iou]),
            obj=torch.tensor([obj]),
            pixels=torch.tensor([100]),
            tag=torch.zeros(1, dtype=torch.int8),
            hard=torch.zeros(1, dtype=torch.bool),
            source=Source("clip", ("1",), "model", 128),
        )

    def read(self, t: int):
        """[(frame, temporal row)], [(frame, distance)], pointer norm at frame t."""
        clock = torch.tensor([t])
        plan = self.policy.read(self.state, self.bank, clock)
        frames = [
            (int(self.bank.frame[0, s]), int(r))
            for s, r in zip(plan.slots[0], plan.tpos[0], strict=True)
            if s != UNUSED
        ]
        known = torch.cat([self.bank.frame, self.bank.ring_frame], dim=1)[0]
        pointers = [
            (int(known[p]), float(d))
            for p, d in zip(plan.ptrs[0], plan.dist[0], strict=True)
            if p != UNUSED
        ]
        return frames, pointers, float(plan.ptr_norm[0])

    def write(self, t: int, iou: float = 0.9, obj: float = 5.0, **measured) -> int:
        """Frame t with these scores of its best candidate; the slot it was put in.

        `measured` are further measurements of the candidates (`Candidates.recorded`).
        """
        ious = torch.tensor([[iou, 0.5 * iou, 0.4 * iou]])
        candidates = Candidates.recorded(ious, torch.tensor([obj]), **measured)
        clock, entry = torch.tensor([t]), self.entry(t, iou, obj)
        selection = self.policy.select(self.state, self.bank, candidates, clock)
        write = self.policy.write(self.state, self.bank, candidates, selection, clock)
        if int(write.slot) != DISCARD:
            self.bank.write(write.slot, entry)
        self.bank.push_pointer(clock, entry.ptr, entry.iou, entry.obj, entry.pixels)
        return int(write.slot)

    def run(self, until: int) -> list[int]:
        return [self.write(t) for t in range(1, until)]
