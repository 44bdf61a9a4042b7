"""Rows of a bank that a policy reads and writes, without any network."""

from __future__ import annotations

import torch

from vot_memory.bank import Bank, Entry, Source
from vot_memory.candidates import Candidates
from vot_memory.policy import DISCARD, UNUSED

CPU = torch.device("cpu")


class Simulation:
    """Rows of a bank, one unless told, that a policy reads and writes without any network."""

    def __init__(self, policy, num_frames: int | None = 200, rows: int = 1, grid: int = 1) -> None:
        self.policy, self.rows, self.grid, spec = policy, rows, grid, policy.spec
        self.bank = Bank(spec.slots, spec.pointers, (1, grid, grid), 4, 7, CPU)
        self.bank.grow(torch.arange(rows))
        self.state = policy.reset(rows, CPU, num_frames)
        self.num_frames = num_frames
        self.bank.write(torch.zeros(rows, dtype=torch.int64), self.entry(0))
        policy.on_prompt(self.state, self.bank, self.entry(0))

    def entry(
        self, frame: int, iou=0.9, obj=5.0, rows: torch.Tensor | None = None, write=None, pixels=100
    ) -> Entry:
        """The memory of a frame for all rows, or for some of them, as a Write wants it."""
        rows = torch.arange(self.rows) if rows is None else rows
        n = len(rows)
        return Entry(
            rows=rows,
            feat=torch.zeros(n, 1, self.grid, self.grid),
            ptr=torch.zeros(n, 4),
            frame=torch.full((n,), frame),
            iou=self.each(iou)[rows],
            obj=self.each(obj)[rows],
            pixels=self.each(pixels)[rows].long(),
            tag=self.each(getattr(write, "tag", None))[rows].to(torch.int8),
            hard=self.each(getattr(write, "hard", None))[rows].bool(),
            source=Source("clip", self.names(rows), "model", 128, num_frames=self.num_frames),
        )

    @staticmethod
    def names(rows) -> tuple[str, ...]:
        """Ids of the objects of rows."""
        return tuple(str(1 + i) for i in rows.tolist())

    def each(self, value) -> torch.Tensor:
        """One float or a list of them as float32 [B]; None is 0."""
        value = 0 if value is None else value
        return torch.as_tensor(value, dtype=torch.float32).expand(self.rows)

    def plan(self, t: int):
        """What the policy reads at frame t."""
        return self.policy.read(self.state, self.bank, torch.full((self.rows,), t))

    def read(self, t: int, row: int = 0):
        """[(frame, temporal row)], [(frame, distance)], pointer norm of a row at frame t."""
        return self.frames(self.plan(t), row)

    def frames(self, plan, row: int = 0):
        """A plan in terms of frames: as `read` answers."""
        stored = self.bank.frame[row].tolist()
        known = stored + self.bank.ring_frame[row].tolist()
        spatial = zip(plan.slots[row].tolist(), plan.tpos[row].tolist(), strict=True)
        pointers = zip(plan.ptrs[row].tolist(), plan.dist[row].tolist(), strict=True)
        return (
            [(stored[s], r) for s, r in spatial if s != UNUSED],
            [(known[p], d) for p, d in pointers if p != UNUSED],
            float(plan.ptr_norm[row]),
        )

    def write(self, t: int, iou=0.9, obj=5.0, **measured) -> int:
        """Frame t with these scores of its best candidate; the slot that row 0 put it in.

        `measured` are further measurements of the candidates (`Candidates.recorded`).
        """
        best = self.each(iou)[:, None]
        ious = torch.cat([best, 0.5 * best, 0.4 * best], dim=1)
        return self.step(t, Candidates.recorded(ious, self.each(obj), **measured))

    def step(self, t: int, candidates: Candidates) -> int:
        """Frame t with these candidates; the slot that row 0 put it in."""
        clock = torch.full((self.rows,), t)
        selection = self.policy.select(self.state, self.bank, candidates, clock)
        if selection.parent is not None:
            self.bank.reindex(selection.parent)
            self.state = {k: v[selection.parent] for k, v in self.state.items()}
            candidates = candidates.take(selection.parent)
        write = self.policy.write(self.state, self.bank, candidates, selection, clock)
        chosen = torch.arange(self.rows), selection.mask
        measured = ("pixels", "low") in candidates._measured
        scores = {
            "iou": candidates.ious[chosen],
            "obj": candidates.obj,
            "pixels": candidates.pixels("low")[chosen] if measured else 100,
            "write": write,
        }
        kept = (write.slot != DISCARD).nonzero()[:, 0]
        self.bank.write(write.slot[kept], self.entry(t, rows=kept, **scores))
        entry = self.entry(t, **scores)
        self.bank.push_pointer(clock, entry.ptr, entry.iou, entry.obj, entry.pixels)
        return int(write.slot[0])

    def run(self, until: int) -> list[int]:
        return [self.write(t) for t in range(1, until)]
