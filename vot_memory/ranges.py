"""Every answer of a policy is checked before it is executed.

A policy is foreign code. An answer outside the bank is refused in words that name the policy, the
object and the frame, before it can corrupt a memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vot_memory.bank import EMPTY
from vot_memory.errors import InputError
from vot_memory.policy import DISCARD, UNUSED, ReadPlan, Selection, Write

if TYPE_CHECKING:
    from vot_memory.candidates import Candidates
    from vot_memory.engine import Track


def _blame(track: Track, row: int) -> str:
    name = track.objects[int(track.bank.group[row])]
    return f"Policy {track.policy.name!r}, object {name!r}, frame {track.frame}"


def check_plan(track: Track, read: ReadPlan) -> None:
    """Refuse reads outside the bank or of memories that are not there."""
    bank = track.bank
    spatial, pointers = read.slots.shape[1], read.ptrs.shape[1]
    ids = torch.cat([read.slots, read.ptrs], dim=1)
    count = torch.tensor([bank.slots] * spatial + [bank.slots + bank.pointers] * pointers)
    filled = torch.cat([bank.frame, bank.ring_frame], dim=1) != EMPTY
    unused = ids == UNUSED
    inside = (ids >= 0) & (ids < count.to(ids.device))
    good = unused | (inside & filled.gather(1, ids.clamp(0, filled.shape[1] - 1)))
    if not bool(good.all()):
        row, column = (~good).nonzero()[0].tolist()
        why = "is empty" if inside[row, column] else f"does not exist (0..{count[column] - 1})"
        what = "slot" if column < spatial else "pointer"
        raise InputError(f"{_blame(track, row)}: reads {what} {ids[row, column]}, which {why}.")
    spatial_unused = unused[:, :spatial]
    if bool(spatial_unused.all(1).any()):
        row = int(spatial_unused.all(1).nonzero()[0])
        raise InputError(f"{_blame(track, row)}: reads no memory; read at least slot 0.")
    bad = ((read.tpos < 0) | (read.tpos >= bank.num_maskmem)) & ~spatial_unused
    if bool(bad.any()):
        row, column = bad.nonzero()[0].tolist()
        raise InputError(
            f"{_blame(track, row)}: temporal row {read.tpos[row, column]} is outside "
            f"0..{bank.num_maskmem - 1}."
        )


def check_selection(track: Track, selection: Selection, candidates: Candidates) -> None:
    """Refuse candidates that do not exist and parents of another object."""
    mask, bank = selection.mask, track.bank
    bad = (mask < 0) | (mask >= candidates.ious.shape[1])
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise InputError(
            f"{_blame(track, row)}: chooses candidate {int(mask[row])}, there are "
            f"{candidates.ious.shape[1]}."
        )
    if selection.parent is not None:
        parent = selection.parent
        inside = (parent >= 0) & (parent < bank.rows)
        same = inside & (bank.group[parent.clamp(0, bank.rows - 1)] == bank.group)
        if not bool(same.all()):
            row = int((~same).nonzero()[0])
            raise InputError(
                f"{_blame(track, row)}: continues row {int(parent[row])} of another object."
            )


def check_write(track: Track, write: Write) -> None:
    """Refuse slots that do not exist and the prompt's."""
    bad = (write.slot != DISCARD) & ((write.slot < 1) | (write.slot >= track.bank.slots))
    if bool(bad.any()):
        row = int(bad.nonzero()[0])
        raise InputError(
            f"{_blame(track, row)}: writes slot {int(write.slot[row])}; slots 1.."
            f"{track.bank.slots - 1} can be replaced, slot 0 holds the prompt."
        )
