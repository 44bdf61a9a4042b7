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
