"""What was computed, by what it was computed from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Ids = NDArray[np.int32]
NONE = -1  # no node: an empty slot, or a frame before the prompt
_STRIDE = 2**15  # tables double up to here, then grow by this many nodes


@dataclass(frozen=True)
class Predictions:
    """What one forward pass says of n rows.

    Attributes:
        logits: float32 [n, 4h, 4w], of the chosen mask. ptr: float32 [n, C], its pointer.
        iou: float32 [n], predicted. obj: float32 [n], object score logit.
        pixels: int64 [n], positive pixels of the chosen mask. q: float32 [n], overlap.
        described: float32 [n, S], what is kept for observations.
    """

    logits: Tensor
    ptr: Tensor
    iou: Tensor
    obj: Tensor
    pixels: Tensor
    q: Tensor
    described: Tensor

    FIELDS = ("logits", "ptr", "iou", "obj", "pixels", "q", "described")

    def first(self, n: int) -> Predictions:
        """The first n rows."""
        return Predictions(**{name: getattr(self, name)[:n] for name in self.FIELDS})


class Nodes:
    """A growing table of predictions and memories.

    A node's read set is a row of int32: its frame, then the nodes that were read; it names the
    node. Memories (`feat`) are filled in later, for nodes that are stored.

    Args:
        prompt: the one prediction of the prompt's frame, which becomes node 0.
        feat: its memory, [mem_dim, h, w].
    """

    def __init__(self, prompt: Predictions, feat: Tensor) -> None:
        self.count = 0
        self._ids: dict[bytes, int] = {}
        self._reads = np.zeros((0, 0), np.int32)
        self._used = np.zeros(0, np.int32)
        self.has_feat = np.zeros(0, np.bool_)
        self.tables: dict[str, Tensor] = {
            name: getattr(prompt, name).new_zeros(0, *getattr(prompt, name).shape[1:])
            for name in Predictions.FIELDS
        }
        self.tables["feat"] = torch.zeros(0, *feat.shape, dtype=torch.bfloat16, device=feat.device)
        self.add(np.zeros((1, 1), np.int32), prompt, 0)
        self.remember(np.zeros(1, np.int32), feat[None])

    def __getitem__(self, name: str) -> Tensor:
        """A table by the name of its field in `Predictions`, or `feat`."""
        return self.tables[name]

    @property
    def bytes_each(self) -> int:
        """What one node takes in the tables."""
        return sum(table[0].nbytes for table in self.tables.values())

    def frame(self, ids: Ids) -> Ids:
        """Frame of nodes [...]; NONE of NONE."""
        frames: Ids = np.where(ids == NONE, np.int32(NONE), self._reads[ids, 0])
        return frames

    def find(self, reads: Ids, stamp: int) -> Ids:
        """Nodes of read sets int32 [n, R], NONE where not computed yet; marks them as used."""
        found = np.array([self._ids.get(row.tobytes(), NONE) for row in reads], np.int32)
        self._used[found[found != NONE]] = stamp
        return found

    def add(self, reads: Ids, made: Predictions, stamp: int) -> Ids:
        """New nodes of distinct read sets; returns their numbers, int32 [n]."""
        n = len(reads)
        self._grow(self.count + n, reads.shape[1])
        ids = np.arange(self.count, self.count + n, dtype=np.int32)
        for name in Predictions.FIELDS:
            self.tables[name][self.count : self.count + n] = getattr(made, name)
        self._reads[ids, : reads.shape[1]] = reads
        self._used[ids], self.has_feat[ids] = stamp, False
        self._ids.update((row.tobytes(), int(i)) for row, i in zip(reads, ids, strict=True))
        self.count += n
        return ids

    def remember(self, ids: Ids, feat: Tensor) -> None:
        """Memories [n, mem_dim, h, w] of nodes."""
        self.tables["feat"][torch.from_numpy(ids).long()] = feat.to(torch.bfloat16)
        self.has_feat[ids] = True

    def trim(self, limit: int) -> None:
        """Keep at most `limit` nodes, those used last; numbers change.

        Whoever uses a node has used all that it was computed from, so what is kept is complete.
        """
        if self.count <= limit:
            return
        used = self._used[: self.count].copy()
        used[0] = np.iinfo(np.int32).max
        stamps, counts = np.unique(used, return_counts=True)
        enough = np.cumsum(counts[::-1])[::-1] <= max(limit, 1)
        keep = np.flatnonzero(used >= (stamps[enough].min() if enough.any() else used[0]))
        number = np.full(self.count + 1, NONE, np.int32)  # the last entry stands for NONE itself
        number[keep] = np.arange(len(keep))
        at = torch.from_numpy(keep)
        for name in self.tables:  # one after the other, since they are large
            self.tables[name] = self.tables[name][at]
        reads = self._reads[keep]
        reads[1:, 1:] = number[reads[1:, 1:]]
        self._reads, self.has_feat = reads, self.has_feat[keep]
        self._used, self.count = self._used[keep], len(keep)
        self._ids = {row.tobytes(): i for i, row in enumerate(reads) if i}

    def _grow(self, count: int, width: int) -> None:
        """Room for `count` nodes with read sets of `width`."""
        room, wide = self._reads.shape
        if width > wide:
            self._reads = np.pad(self._reads, ((0, 0), (0, width - wide)), constant_values=NONE)
        if count <= room:
            return
        more = max(count, room + min(max(room, 256), _STRIDE)) - room
        self._reads = np.pad(self._reads, ((0, more), (0, 0)), constant_values=NONE)
        self._used, self.has_feat = np.pad(self._used, (0, more)), np.pad(self.has_feat, (0, more))
        self.tables = {
            name: torch.cat([table, table.new_zeros(more, *table.shape[1:])])
            for name, table in self.tables.items()
        }
