"""The table of predictions: names, growth, what trimming keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vot_memory.learn.nodes import NONE, Nodes, Predictions


def predictions(*values):
    """Predictions told apart by a number."""
    n = torch.tensor(values, dtype=torch.float32)
    return Predictions(
        logits=n[:, None, None].expand(-1, 2, 2),
        ptr=n[:, None],
        iou=n,
        obj=n,
        pixels=n.long(),
        q=n,
        described=n[:, None],
    )


def feat(value):
    return torch.full((1, 2, 2), float(value))


def reads(*rows):
    return np.array(rows, np.int32)


@pytest.fixture
def nodes():
    return Nodes(predictions(100), feat(100))


def test_the_prompt_is_node_0_of_frame_0(nodes):
    assert nodes.count == 1
    assert nodes.frame(reads(0, NONE)).tolist() == [0, NONE]
    assert nodes.has_feat[0]
    assert nodes["feat"][0].unique().tolist() == [100]
    assert nodes["q"][0] == 100


def test_read_sets_name_nodes(nodes):
    one, two, three = (1, NONE, NONE), (2, 1, NONE), (2, NONE, 1)
    assert nodes.find(reads(one, two), 1).tolist() == [NONE, NONE]
    assert nodes.add(reads(one, two), predictions(5, 6), 1).tolist() == [1, 2]
    assert nodes.find(reads(two, three, one), 1).tolist() == [2, NONE, 1]
    assert nodes.frame(reads(2, 1)).tolist() == [2, 1]
    assert [nodes[name][2].flatten()[0].item() for name in Predictions.FIELDS] == [6] * 7
    assert not nodes.has_feat[1:3].any()


def test_memories_come_later(nodes):
    nodes.add(reads((1, NONE), (2, 1)), predictions(5, 6), 1)
    nodes.remember(reads(2), feat(7)[None])
    assert nodes.has_feat[:3].tolist() == [True, False, True]
    assert nodes["feat"][2].unique().tolist() == [7]
    assert nodes["feat"].dtype == torch.bfloat16  # as the bank stores them


def test_the_table_grows_and_keeps_what_it_has(nodes):
    count = 3000
    for start in range(1, count, 500):
        chain = reads(*((t, t - 1) for t in range(start, min(start + 500, count))))
        nodes.add(chain, predictions(*chain[:, 0]), 1)
    everything = reads(*((t, t - 1) for t in range(1, count)))
    assert nodes.find(everything, 1).tolist() == list(range(1, count))
    assert nodes["q"][: nodes.count].tolist() == [100, *range(1, count)]
    assert nodes.frame(np.arange(count, dtype=np.int32)).tolist() == list(range(count))
    assert nodes.has_feat[: nodes.count].sum() == 1


def test_bytes_each_is_what_a_node_takes(nodes):
    # float32: logits 4, ptr, iou, obj, q, described; int64: pixels; bfloat16: feat 4.
    assert nodes.bytes_each == 9 * 4 + 8 + 4 * 2


def test_trim_keeps_what_was_used_last(nodes):
    # Two chains of frames 1, 2, 3; they share frame 1, and the second chain is used again.
    nodes.add(reads((1, NONE)), predictions(1), 1)
    nodes.add(reads((2, 1), (2, 0)), predictions(20, 21), 1)
    nodes.add(reads((3, 2), (3, 3)), predictions(30, 31), 1)
    nodes.remember(reads(3), feat(9)[None])
    for row in ((1, NONE), (2, 0), (3, 3)):
        assert nodes.find(reads(row), 2)[0] != NONE
    nodes.trim(4)
    assert nodes.count == 4
    assert nodes["q"].tolist() == [100, 1, 21, 31]
    assert nodes.has_feat.tolist() == [True, False, True, False]
    assert nodes["feat"][2].unique().tolist() == [9]
    assert nodes.find(reads((1, NONE), (2, 0), (3, 2)), 3).tolist() == [1, 2, 3]  # renumbered
    assert nodes.find(reads((2, 1)), 3).tolist() == [NONE]
    assert nodes.add(reads((2, 1)), predictions(22), 3).tolist() == [4]
    assert nodes["q"][4] == 22


def test_trim_drops_a_whole_age_rather_than_a_part(nodes):
    nodes.add(reads((1, NONE)), predictions(1), 1)
    nodes.add(reads((2, 1), (2, 0)), predictions(2, 3), 2)
    nodes.trim(4)
    assert nodes.count == 4  # they fit
    nodes.find(reads((1, NONE)), 2)
    nodes.trim(3)
    assert nodes.count == 1
    assert nodes["q"].tolist() == [100]
