"""The networks of learned policies."""

from __future__ import annotations

import pytest
import torch

from vot_memory.learn.networks import SlotPointer


@pytest.fixture
def network():
    torch.manual_seed(0)
    network = SlotPointer(5, width=8, heads=2, layers=2).eval()
    torch.nn.init.normal_(network.point.weight)  # begins at 0, where every test would pass
    return network


@torch.inference_mode()
def test_permuting_memories_permutes_their_logits_and_leaves_discard(network):
    tokens, order = torch.randn(3, 8, 5), torch.tensor([4, 0, 2, 5, 1, 3])
    logits = network(tokens)
    mixed = torch.cat([tokens[:, :1], tokens[:, 1:-1][:, order], tokens[:, -1:]], dim=1)
    again = network(mixed)
    assert logits.std(1).min() > 1e-3
    assert torch.allclose(again[:, 0], logits[:, 0], atol=1e-5)
    assert torch.allclose(again[:, 1:], logits[:, 1:][:, order], atol=1e-5)


@torch.inference_mode()
def test_discard_is_the_incoming_token_and_every_token_is_seen(network):
    tokens = torch.randn(1, 8, 5)
    logits = network(tokens)
    assert logits.shape == (1, 7)
    for place in range(8):  # the prompt's too
        changed = tokens.clone()
        changed[:, place] += 1
        assert (network(changed) - logits).abs().min() > 0
    # Swapping the incoming token with a memory swaps discarding it with replacing that memory.
    swapped = tokens[:, [0, 1, 7, 3, 4, 5, 6, 2]]
    assert torch.allclose(network(swapped)[0, [2, 0]], logits[0, [0, 2]], atol=1e-5)


@torch.inference_mode()
def test_the_same_weights_serve_banks_of_any_size(network):
    assert network(torch.randn(2, 5, 5)).shape == (2, 4)
    assert network(torch.randn(2, 17, 5)).shape == (2, 16)


def test_a_new_network_has_no_preference():
    assert SlotPointer(5)(torch.randn(2, 8, 5)).abs().max() == 0
