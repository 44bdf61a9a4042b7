import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """On all sides, so that processor seconds are seconds of an idle machine."""
    import torch

    torch.set_num_threads(1)
