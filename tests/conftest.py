"""Fixtures that several rooms share."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

# Read when huggingface_hub is imported: no test downloads, or sees what its user has downloaded.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_CACHE"] = str(Path(__file__).parent / "no-such-cache")


def pytest_addoption(parser):
    parser.addoption(
        "--traces", type=Path, help="folder of recorded runs of the releases to test beside ours"
    )


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


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Make a package findable as pip would: its metadata with entry points, and its modules."""

    def package(name, points, **modules):
        folder = tmp_path / "site" / name
        metadata = folder / f"{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{point} = {value}\n" for point, value in points.items()]
        (metadata / "entry_points.txt").write_text("[vot_memory.policies]\n" + "".join(lines))
        for module, source in modules.items():
            (folder / f"{module}.py").write_text(source)
            monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(folder)
        installed.extend(modules)

    installed: list[str] = []
    yield package
    for module in installed:
        sys.modules.pop(module, None)


@dataclass
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def vot(capsys, monkeypatch, tmp_path):
    """Run a command line in an empty folder."""
    from vot_memory import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOT_MEMORY_DATA", raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # main sets it; restored after the test

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["vot-memory", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        said = capsys.readouterr()
        return Result(stopped.value.code or 0, said.out, said.err)

    return call


@pytest.fixture
def refuses(vot, tmp_path):
    """Run a command line that must be refused in one sentence, with nothing written."""

    def call(*words):
        before = set(tmp_path.rglob("*"))
        result = vot(*words)
        assert result.code == 2
        assert result.err.startswith("vot-memory: ")
        assert result.err.count("\n") == 1
        assert result.err.rstrip()[-1] in ".?"
        assert "Traceback" not in result.err
        assert set(tmp_path.rglob("*")) == before
        return result.err

    return call
