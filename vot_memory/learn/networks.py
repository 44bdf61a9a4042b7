"""The small networks of learned memory policies."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class IndexAgent(nn.Module):
    """SAM2RL's agent: a two-layer perceptron on the index vector (arXiv 2507.08548, section 4).

    The paper gives the hidden width (1024) and the softmax over actions; the activation (tanh) is
    ours.

    Args:
        length: T, frames of the video. actions: K. hidden: width.
    """

    def __init__(self, length: int, actions: int, hidden: int = 1024) -> None:
        super().__init__()
        self.length, self.actions = length, actions
        self.hidden, self.out = nn.Linear(length, hidden), nn.Linear(hidden, actions)

    def forward(self, observation: Tensor) -> Tensor:
        """Logits of the actions, [N, K], of observations [N, T]."""
        logits: Tensor = self.out(torch.tanh(self.hidden(observation)))
        return logits


class SlotPointer(nn.Module):
    """A policy for all videos: attention over the tokens of a bank, a pointer to one of them.

    Every token is scored by what it is and by all others. The incoming memory's score is that of
    discarding it, a stored memory's that of replacing it; the prompt's token is only looked at. So
    permuting memories permutes their logits, and the same weights serve banks of any size (the
    pointer head is that of Vinyals et al., arXiv 1506.03134; the encoder a pre-norm transformer).

    Args:
        features: F, of a token (`features.SIZE`). width, heads, layers: of the encoder.
    """

    def __init__(self, features: int, width: int = 48, heads: int = 4, layers: int = 2) -> None:
        super().__init__()
        self.enter = nn.Linear(features, width)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.leave = nn.LayerNorm(width)
        self.point = nn.Linear(width, 1)
        nn.init.zeros_(self.point.weight)
        nn.init.zeros_(self.point.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the actions, of tokens prompt, memories oldest first, incoming.

        Args:
            tokens: float32 [N, K + 1, F].

        Returns:
            float32 [N, K]: of action 0, discard, then of replacing the k-th memory.
        """
        scores: Tensor = self.point(self.leave(self.encoder(self.enter(tokens))))[..., 0]
        return torch.cat([scores[:, -1:], scores[:, 1:-1]], dim=1)
