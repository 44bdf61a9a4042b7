"""Fixtures that several rooms share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def backbone():
    """The embedded model on the CPU in float32."""
    from vot_memory.models import load_model

    return load_model("nano", device="cpu")


@pytest.fixture(scope="session")
def clip():
    """A short procedural clip with two objects: frames uint8 [24, 128, 128, 3], labels."""
    from vot_memory.datasets.synth import generate

    return generate(seed=7, num_frames=24)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
