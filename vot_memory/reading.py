"""Read sets in SAM 2's terms, for policies to compose: slots, temporal rows, pointers.

All tensors are batched over rows; -1 marks unused columns.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from vot_memory.bank import EMPTY, Bank
from vot_memory.policy import UNUSED, ReadPlan


def exact(device: torch.device) -> torch.dtype:
    """Double precision, or float32 on a device that has none (mps)."""
    return torch.float32 if device.type == "mps" else torch.float64


def in_order(bank: Bank, keep: Tensor) -> Tensor:
    """Slots to keep, oldest frame first.

    Args:
        bank: the memory bank.
        keep: bool [B, K].

    Returns:
        int64 [B, K], slot ids in ascending order of frame, then UNUSED.
    """
    latest = torch.iinfo(torch.int64).max
    order = torch.where(keep, bank.frame, latest).argsort(dim=1, stable=True)
    return torch.where(keep.gather(1, order), order, UNUSED)


def stored(bank: Bank) -> Tensor:
    """Slots that hold a tracked frame: bool [B, K]; the prompt's slot 0 is not among them."""
    return bank.frame > 0


def last(bank: Bank, t: Tensor) -> Tensor:
    """The slot of the tracked frame before t: bool [B, K]; none where it was not stored."""
    return stored(bank) & (bank.frame == t[:, None] - 1)


def latest(bank: Bank, keep: Tensor, count: int) -> Tensor:
    """The `count` newest slots to keep, oldest of them first: int64 [B, count], then UNUSED.

    Args:
        bank: the memory bank.
        keep: bool [B, K].
        count: at most as many.
    """
    slots = in_order(bank, keep)
    first = (keep.sum(1, keepdim=True) - count).clamp(min=0)
    columns = first + torch.arange(count, device=slots.device)
    beyond = columns >= bank.slots
    return slots.gather(1, columns.clamp(max=bank.slots - 1)).masked_fill(beyond, UNUSED)


def stalest(bank: Bank, keep: Tensor) -> Tensor:
    """Slot for the new memory: an empty one or one not to keep, else the oldest; int64 [B].

    Args:
        bank: the memory bank.
        keep: bool [B, K], slots that may still be read.
    """
    return 1 + torch.where(keep, bank.frame, EMPTY)[:, 1:].argmin(dim=1)


def tpos_by_offset(bank: Bank, slots: Tensor, t: Tensor) -> Tensor:
    """Temporal row t - frame - 1 of each slot (SAM 2: the frame before is row 0)."""
    return t[:, None] - bank.frame.gather(1, slots.clamp(min=0)) - 1


def tpos_by_rank(slots: Tensor) -> Tensor:
    """Temporal row by rank: of slots in ascending order of frame the last used is row 0."""
    used = slots != UNUSED
    return used.sum(1, keepdim=True) - used.cumsum(1)


def recent_pointers(bank: Bank, t: Tensor, max_ptrs: Tensor) -> tuple[Tensor, Tensor]:
    """SAM 2's pointers: the prompt's at distance t, then those of t-1, t-2, ... by time.

    Args:
        bank: the memory bank.
        t: int64 [B].
        max_ptrs: int64 [B], min(num_frames, 16): at most max_ptrs - 1 recent ones.

    Returns:
        ReadPlan.ptrs int64 [B, L] and ReadPlan.dist float32 [B, L].
    """
    d = torch.arange(1, bank.pointers, device=t.device)[None]
    frame = t[:, None] - d
    at = frame % bank.pointers
    present = (frame > 0) & (bank.ring_frame.gather(1, at) == frame) & (d < max_ptrs[:, None])
    recent = torch.where(present, at + bank.slots, UNUSED)
    ptrs = torch.cat([torch.zeros_like(t)[:, None], recent], dim=1)
    dist = torch.cat([t[:, None], d.expand(len(t), -1)], dim=1)
    return ptrs, dist.to(torch.float32)


def ranked_pointers(scan: Tensor, count: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The prompt's at distance t, then those of the newest in a scan, by rank (SAM2Long).

    Args:
        scan: int64 [B, n] slots, oldest first.
        count: int64 [B], how many of them.
        t: int64 [B].

    Returns:
        ReadPlan.ptrs int64 [B, 1 + n] and ReadPlan.dist float32 [B, 1 + n].
    """
    rank = tpos_by_rank(scan) + 1
    newest_first = torch.where(rank <= count[:, None], scan, UNUSED).flip(1)
    ptrs = torch.cat([torch.zeros_like(t)[:, None], newest_first], dim=1)
    return ptrs, torch.cat([t[:, None], rank.flip(1)], dim=1).to(torch.float32)


def slot_pointers(bank: Bank, slots: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Pointers tied to the bank: the prompt's and those of `slots`, newest first, by true age."""
    newest_first = slots.flip(1)
    ptrs = torch.cat([torch.zeros_like(t)[:, None], newest_first], dim=1)
    dist = t[:, None] - bank.frame.gather(1, ptrs.clamp(min=0))
    return ptrs, dist.to(torch.float32)


def plan(
    bank: Bank, slots: Tensor, tpos: Tensor, ptrs: Tensor, dist: Tensor, max_ptrs: Tensor
) -> ReadPlan:
    """Put the prompt (slot 0, last temporal row) before `slots` and normalise by max_ptrs - 1."""
    prompt = slots.new_zeros(len(slots), 1)
    return ReadPlan(
        slots=torch.cat([prompt, slots], dim=1),
        tpos=torch.cat([prompt + bank.num_maskmem - 1, tpos], dim=1),
        ptrs=ptrs,
        dist=dist,
        ptr_norm=(max_ptrs - 1).clamp(min=1).to(torch.float32),
    )


def whole_bank(
    bank: Bank,
    t: Tensor,
    max_ptrs: Tensor,
    *,
    rows: Literal["rank", "offset"],
    pointers: Literal["recent", "bank"],
) -> ReadPlan:
    """Read everything stored, for banks whose frames are no longer the latest.

    Args:
        bank: the memory bank.
        t: int64 [B].
        max_ptrs: int64 [B], as in `recent_pointers`.
        rows: temporal rows by rank of age, or by offset clipped to the oldest row.
        pointers: the last 15 frames' as in SAM 2, or those of the stored memories.
    """
    slots = in_order(bank, stored(bank))[:, : bank.slots - 1]
    if rows == "rank":
        tpos = tpos_by_rank(slots)
    else:
        tpos = tpos_by_offset(bank, slots, t).clamp(max=bank.num_maskmem - 2)
    if pointers == "recent":
        ptrs, dist = recent_pointers(bank, t, max_ptrs)
    else:
        ptrs, dist = slot_pointers(bank, slots, t)
    return plan(bank, slots, tpos, ptrs, dist, max_ptrs)
