"""The bank by hand: growing, gathering, writing, the pointer ring."""

from __future__ import annotations

import torch

from vot_memory import reading
from vot_memory.bank import Bank, Entry

CPU = torch.device("cpu")


def entry(rows: list[int], frame: list[int], value: float = 1.0) -> Entry:
    n = len(rows)
    return Entry(
        rows=torch.tensor(rows),
        feat=torch.full((n, 2, 1, 1), value),
        ptr=torch.full((n, 4), value),
        frame=torch.tensor(frame),
        iou=torch.full((n,), value),
        obj=torch.full((n,), value),
        pixels=torch.full((n,), 7),
        tag=torch.ones(n, dtype=torch.int8),
        hard=torch.zeros(n, dtype=torch.bool),
    )


def bank(rows: int) -> Bank:
    b = Bank(3, 4, (2, 1, 1), 4, 7, CPU)
    b.grow(torch.arange(rows))
    return b


def test_rows_begin_empty_and_memory_is_bfloat16():
    b = bank(2)
    assert b.rows == 2
    assert b.frame.tolist() == [[-1] * 3] * 2
    assert b.feat.dtype == torch.bfloat16
    b.write(torch.tensor([1]), entry([1], [5], value=1 + 2**-12))
    assert float(b.feat[1, 1, 0, 0, 0]) == 1.0  # rounded in storage
    assert float(b.ptr[1, 1, 0]) == 1 + 2**-12
    assert b.frame.tolist() == [[-1, -1, -1], [-1, 5, -1]]


def test_reindex_copies_rows():
    b = bank(2)
    b.write(torch.tensor([0, 0]), entry([0, 1], [3, 4]))
    b.reindex(torch.tensor([1, 1]))
    assert b.frame[:, 0].tolist() == [4, 4]
    b.write(torch.tensor([0]), entry([0], [9]))
    assert b.frame[:, 0].tolist() == [9, 4]
    assert b.group.tolist() == [0, 1]  # whom a row belongs to does not change


def test_growing_keeps_what_is_there():
    b = bank(1)
    b.write(torch.tensor([2]), entry([0], [8]))
    before = b.nbytes
    b.grow(torch.tensor([5]))
    assert b.frame.tolist() == [[-1, -1, 8], [-1, -1, -1]]
    assert b.group.tolist() == [0, 5]
    assert b.nbytes == 2 * before


def test_ring_forgets_the_oldest():
    b = bank(1)
    for t in range(1, 7):
        b.push_pointer(
            torch.tensor([t]), torch.full((1, 4), t), *torch.ones(2, 1), torch.tensor([t])
        )
    assert sorted(b.ring_frame[0].tolist()) == [3, 4, 5, 6]
    assert b.all_pointers().shape == (1, 3 + 4, 4)
    ptrs, dist = reading.recent_pointers(b, torch.tensor([7]), torch.tensor([16]))
    used = ptrs[0] >= 0
    ring = b.all_pointers()[0, ptrs[0][used], 0].tolist()
    assert ring == [0, 6, 5, 4]  # slot 0, then t-1, t-2, t-3: all that a ring of 4 promises
    assert dist[0][used].tolist() == [7, 1, 2, 3]


def test_in_order_and_ranks():
    b = bank(2)
    for slot, frame in ((0, 0), (1, 9), (2, 4)):
        b.write(torch.tensor([slot]), entry([0], [frame]))
    b.write(torch.tensor([0]), entry([1], [0]))
    slots = reading.in_order(b, reading.stored(b))
    assert slots.tolist() == [[2, 1, -1], [-1, -1, -1]]
    assert reading.tpos_by_rank(slots)[0, :2].tolist() == [1, 0]
    assert reading.tpos_by_offset(b, slots, torch.tensor([10, 10]))[0, :2].tolist() == [5, 0]
