"""A training that several files of tests look at, and none changes."""

import pytest
from tiny_training import train


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Folder of a tiny training by imitation."""
    out = tmp_path_factory.mktemp("imitate")
    train(out)
    return out
