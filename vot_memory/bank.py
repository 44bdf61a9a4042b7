"""The memory bank: a fixed-size struct of arrays, the same number of bytes on any video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

EMPTY = -1  # `frame` of a slot or ring position that holds nothing


@dataclass(frozen=True)
class Source:
    """Where rows come from: lets a policy recognise the track it was made for.

    Attributes:
        sequence: name of the video.
        objects: object id of each row of the entry.
        model: name and weights hash of the model.
        image_size: side of the model's square input in pixels.
        digest: of the video's content (`Sequence.digest`); empty where it is not known.
        num_frames: length of the video, None for a stream.
    """

    sequence: str
    objects: tuple[str, ...]
    model: str
    image_size: int
    digest: str = ""
    num_frames: int | None = None


@dataclass(frozen=True)
class Entry:
    """One encoded memory for each of b rows.

    Attributes:
        rows: int64 [b], the rows it belongs to.
        feat: [b, mem_dim, h, w] spatial memory.
        ptr: [b, C] object pointer.
        frame: int64 [b], frame in the row's own clock.
        iou: float32 [b], predicted IoU of the chosen mask.
        obj: float32 [b], object score logit.
        pixels: int64 [b], positive pixels of the chosen low-resolution mask.
        tag: int8 [b].
        hard: bool [b], encoded from a binarised mask.
        source: names of the rows (prompts only).
    """

    rows: Tensor
    feat: Tensor
    ptr: Tensor
    frame: Tensor
    iou: Tensor
    obj: Tensor
    pixels: Tensor
    tag: Tensor
    hard: Tensor
    source: Source | None = None


class Bank:
    """K spatial slots and a ring of L object pointers for each of B rows.

    Spatial memories are stored in bfloat16, as SAM 2's video predictor does, whatever the precision
    of the rest. The ring holds the pointer of every tracked frame f at position f % L; the prompt's
    pointer lives in slot 0 alone.

    Attributes:
        num_maskmem: rows of the model's temporal encoding; the last one marks the prompt.
        feat: bfloat16 [B, K, mem_dim, h, w].
        ptr: float32 [B, K, C].
        frame: int64 [B, K], in the row's clock; EMPTY = -1.
        iou, obj: float32 [B, K]. pixels: int64 [B, K]. tag: int8 [B, K]. hard: bool [B, K].
        ring_ptr: float32 [B, L, C]; ring_frame: int64 [B, L]; ring_iou, ring_obj: float32 [B, L];
        ring_pixels: int64 [B, L].
        group: int64 [B], the object a row belongs to.
    """

    SLOT_FIELDS = ("feat", "ptr", "frame", "iou", "obj", "pixels", "tag", "hard")
    RING_FIELDS = ("ring_ptr", "ring_frame", "ring_iou", "ring_obj", "ring_pixels")

    def __init__(
        self,
        slots: int,
        pointers: int,
        memory_shape: tuple[int, int, int],
        pointer_dim: int,
        num_maskmem: int,
        device: torch.device,
    ) -> None:
        self.slots, self.pointers, self.num_maskmem = slots, pointers, num_maskmem
        self.memory_shape, self.pointer_dim, self.device = memory_shape, pointer_dim, device
        for name, tensor in self._blank(0).items():
            setattr(self, name, tensor)

    feat: Tensor
    ptr: Tensor
    frame: Tensor
    iou: Tensor
    obj: Tensor
    pixels: Tensor
    tag: Tensor
    hard: Tensor
    ring_ptr: Tensor
    ring_frame: Tensor
    ring_iou: Tensor
    ring_obj: Tensor
    ring_pixels: Tensor
    group: Tensor

    @property
    def rows(self) -> int:
        """B."""
        return self.frame.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(t.numel() * t.element_size() for t in self._tensors())

    def grow(self, groups: Tensor) -> None:
        """Append empty rows that belong to `groups` int64 [n]."""
        blank = self._blank(len(groups))
        blank["group"] = groups
        for name, tensor in blank.items():
            setattr(self, name, torch.cat([getattr(self, name), tensor]))

    def reindex(self, parent: Tensor) -> None:
        """Row b becomes a copy of row parent[b]."""
        for name in (*self.SLOT_FIELDS, *self.RING_FIELDS):
            setattr(self, name, getattr(self, name).index_select(0, parent))

    def write(self, slot: Tensor, entry: Entry) -> None:
        """Store `entry` in slot[b] of its rows; int64 [b]."""
        for name in self.SLOT_FIELDS:
            field = getattr(self, name)
            field[entry.rows, slot] = getattr(entry, name).to(field.dtype)

    def push_pointer(
        self, frame: Tensor, ptr: Tensor, iou: Tensor, obj: Tensor, pixels: Tensor
    ) -> None:
        """Put this frame's pointer of all rows on the ring; frame int64 [B], ptr [B, C]."""
        rows = torch.arange(self.rows, device=self.device)
        at = frame % self.pointers
        self.ring_ptr[rows, at] = ptr.to(self.ring_ptr.dtype)
        self.ring_frame[rows, at] = frame
        self.ring_iou[rows, at] = iou.to(self.ring_iou.dtype)
        self.ring_obj[rows, at] = obj.to(self.ring_obj.dtype)
        self.ring_pixels[rows, at] = pixels

    def all_pointers(self) -> Tensor:
        """Pointers as a ReadPlan numbers them: slots, then ring; float32 [B, K + L, C]."""
        return torch.cat([self.ptr, self.ring_ptr], dim=1)

    def _tensors(self) -> Iterator[Tensor]:
        for name in (*self.SLOT_FIELDS, *self.RING_FIELDS, "group"):
            yield getattr(self, name)

    def _blank(self, rows: int) -> dict[str, Tensor]:
        def full(shape: tuple[int, ...], value: float, dtype: torch.dtype) -> Tensor:
            return torch.full((rows, *shape), value, dtype=dtype, device=self.device)

        k, n = self.slots, self.pointers
        f32, i64 = torch.float32, torch.int64
        return {
            "feat": full((k, *self.memory_shape), 0, torch.bfloat16),
            "ptr": full((k, self.pointer_dim), 0, f32),
            "frame": full((k,), EMPTY, i64),
            "iou": full((k,), 0, f32),
            "obj": full((k,), 0, f32),
            "pixels": full((k,), 0, i64),
            "tag": full((k,), 0, torch.int8),
            "hard": full((k,), 0, torch.bool),
            "ring_ptr": full((n, self.pointer_dim), 0, f32),
            "ring_frame": full((n,), EMPTY, i64),
            "ring_iou": full((n,), 0, f32),
            "ring_obj": full((n,), 0, f32),
            "ring_pixels": full((n,), 0, i64),
            "group": full((), 0, i64),
        }
