"""What offline policies look back on, kept on disk so that memory stays flat."""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from torch import Tensor


class Log:
    """Masks and ancestry of every row at every frame.

    Attributes:
        frames: number of frames logged.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        self._shapes: list[tuple[int, int, int]] = []
        self._offsets: list[int] = []

    @property
    def frames(self) -> int:
        """Frames logged so far."""
        return len(self._offsets)

    def append(self, logits: Tensor, parent: Tensor) -> None:
        """Log low-resolution masks float32 [B, h, w] and each row's parent int64 [B]."""
        self._offsets.append(self._file.seek(0, 2))
        rows, height, width = logits.shape
        self._shapes.append((rows, height, width))
        self._file.write(parent.cpu().numpy().astype(np.int64).tobytes())
        self._file.write(logits.cpu().numpy().astype(np.float32).tobytes())

    def rows(self, frame: int) -> int:
        """B of a frame."""
        return self._shapes[frame][0]

    def parent(self, frame: int) -> Tensor:
        """int64 [B] of a frame; rows that began there are their own parents."""
        self._file.seek(self._offsets[frame])
        raw = self._file.read(8 * self.rows(frame))
        return torch.from_numpy(np.frombuffer(raw, np.int64).copy())

    def logits(self, frame: int) -> Tensor:
        """float32 [B, h, w] of a frame."""
        shape = self._shapes[frame]
        self._file.seek(self._offsets[frame] + 8 * shape[0])
        raw = self._file.read(4 * int(np.prod(shape)))
        return torch.from_numpy(np.frombuffer(raw, np.float32).reshape(shape).copy())

    def backtrace(self, rows: Tensor) -> Tensor:
        """Ancestors of final rows int64 [G] at every frame: int64 [T, G]; -1 before they began."""
        line = torch.full((self.frames, len(rows)), -1, dtype=torch.int64)
        for frame in range(self.frames - 1, -1, -1):
            parent = self.parent(frame)
            alive = rows < len(parent)
            line[frame] = torch.where(alive, rows, -1)
            rows = torch.where(alive, parent[rows.clamp(max=len(parent) - 1)], rows)
        return line
