"""A package of somebody else's, installed by pip, found and run by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[1] / "docs" / "example-plugin"

pytestmark = pytest.mark.e2e


@pytest.fixture
def vot(tmp_path):
    """Install the example package into a folder of its own; runs command lines that see it."""
    pytest.importorskip("setuptools")
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(EXAMPLE, source)  # a build leaves files beside the source
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, *alone, str(source)], check=True)
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}

    def call(*words, code=0):
        done = subprocess.run(
            [sys.executable, "-c", "from vot_memory.cli import main; main()", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return call


def test_the_example_package(vot, tmp_path):
    listed = [line.split() for line in vot("ls", "policies").splitlines()]
    assert ["every", "7", "n=5", "an", "example"] in [words[:5] for words in listed]
    assert "fifo" in [words[0] for words in listed]

    checks = vot("check-policy", "every", "--set", "every.n=2").splitlines()
    assert len(checks) > 5
    assert all(line.startswith("ok ") for line in checks)

    run = "run", "--policy", "every", "--split", "synth-smoke", "--limit", "1", "--set", "every.n=3"
    assert "1 tracked" in vot(*run)
    (first,) = tmp_path.glob("results/synth-smoke/every-*")
    identity = json.loads((first / "identity.json").read_text())
    assert (identity["policy"], identity["policy_config"]) == ("every", {"n": 3})
    assert len(list(first.glob("records/*/*.json"))) == 1

    rule = tmp_path / "site" / "every.py"
    rule.write_text(rule.read_text().replace("candidates.obj > 0", "candidates.obj > 1"))
    assert "1 tracked" in vot(*run)
    (second,) = set(tmp_path.glob("results/synth-smoke/every-*")) - {first}
    other = json.loads((second / "identity.json").read_text())
    assert other.pop("policy_source") != identity.pop("policy_source")
    assert other == identity


def test_wrong_options_and_a_broken_rule(vot, tmp_path):
    run = "run", "--policy", "every", "--split", "synth-smoke", "--limit", "1"
    assert vot(*run, "--set", "every.n=often", code=2) == (
        "vot-memory: Policy 'every' does not take n='often': Input should be a valid integer, "
        "unable to parse string as an integer.\n"
    )
    assert not (tmp_path / "results").exists()
    (tmp_path / "site" / "every.py").write_text("import no_such_package\n")
    said = vot(*run, code=2)
    assert said == (
        "vot-memory: Policy 'every' (entry point 'every:Every' of vot-memory-every) cannot be "
        "used: No module named 'no_such_package'; correct or remove it.\n"
    )
    listed = vot("ls", "policies").splitlines()
    (line,) = [line for line in listed if line.startswith("every ")]
    assert "No module named 'no_such_package'" in line
    assert any(line.startswith("fifo ") for line in listed)
