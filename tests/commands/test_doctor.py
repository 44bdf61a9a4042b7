"""`vot-memory doctor`: what is found, what is missing, and an exit code that means something."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib import metadata

import pytest
import torch
from huggingface_hub import constants

from vot_memory.commands import doctor as command
from vot_memory.commands.doctor import Finding, doctor, exit_code
from vot_memory.datasets.splits import split_specs


def said(findings, subject):
    """State and text of the findings on a subject."""
    return [(f.state, f.text) for f in findings if f.subject == subject]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with one known data set in it."""
    monkeypatch.delenv("VOT_MEMORY_DATA", raising=False)
    folder = tmp_path / "data"
    (folder / split_specs()["davis-2017-val"].folder).mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return doctor(None, tmp_path_factory.mktemp("out") / "results")


def test_this_environment_runs_nano(healthy, backbone):
    assert exit_code(healthy) == 0
    assert said(healthy, "nano") == [("ok", f"{backbone.name} tracks on the CPU")]
    ((state, packages),) = said(healthy, "packages")
    assert state == "ok"
    assert f"torch {torch.__version__}" in packages
    assert f"sam2 {metadata.version('sam2')}" in packages
    assert len(said(healthy, "device")) == len(said(healthy, "memory")) == 1


def test_weights(healthy, tmp_path, monkeypatch):
    ((state, text),) = said(healthy, "weights")
    assert state == "missing"
    assert text.startswith("sam2.1-t, sam2.1-s")
    assert "HF_HUB_OFFLINE is set" in text  # as it is in all tests
    repo = tmp_path / "models--facebook--sam2.1-hiera-tiny"
    (repo / "snapshots" / "abc").mkdir(parents=True)
    (repo / "snapshots" / "abc" / "sam2.1_hiera_tiny.pt").write_bytes(bytes(3_000_000))
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    found = doctor(None, tmp_path)
    assert said(found, "weights of sam2.1-t") == [("ok", "cached, 3 MB")]
    ((_, text),) = said(found, "weights")
    assert text.startswith("sam2.1-s, sam2.1-b+")
    assert "downloaded when it is first used" in text


def test_data_sets(data, tmp_path, monkeypatch):
    found = doctor(data, tmp_path)
    folder = split_specs()["davis-2017-val"].folder
    ((state, text),) = said(found, f"data set {folder}")
    assert state == "ok"
    assert "davis-2017-val" in text
    ((state, text),) = said(found, "data sets")
    assert state == "missing"
    assert folder not in text.split(": ")[1].split("; ")[0].split(", ")
    monkeypatch.setenv("VOT_MEMORY_DATA", str(data))
    assert said(doctor(None, tmp_path), "data sets") == [(state, text)]


def test_no_data_folder(data, tmp_path, monkeypatch):
    assert "set VOT_MEMORY_DATA" in said(doctor(None, tmp_path), "data sets")[0][1]
    wrong = said(doctor(tmp_path / "no", tmp_path), "data sets")
    assert wrong == [("missing", f"{tmp_path / 'no'} is no folder: correct VOT_MEMORY_DATA")]


def test_results_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vot_memory.building.tempfile.TemporaryFile", refuse)
    found = doctor(None, tmp_path / "a" / "b")
    text = f"{tmp_path} cannot be written (Permission denied): give another folder by --out"
    assert said(found, "results") == [("warning", text)]
    assert exit_code(found) == 0
    assert not (tmp_path / "a").exists()


def test_packages_that_are_missing_or_too_old(monkeypatch):
    installed = metadata.version
    faked = {"torch": "2.4.1+cu121", "pycocotools": None, "opencv-python-headless": None}

    def version(name):
        if faked.get(name, "") is None:
            raise metadata.PackageNotFoundError(name)
        return faked.get(name) or installed(name)

    monkeypatch.setattr(metadata, "version", version)
    found = doctor()
    assert said(found, "torch") == [
        ("warning", "2.4.1+cu121 is not >=2.5: pip install 'torch>=2.5'")
    ]
    assert said(found, "pycocotools")[0][0] == "missing"
    assert said(found, "opencv-python-headless") == []  # cv2 is there, from whatever wheel
    assert exit_code(found) == 1


def test_what_raises_is_a_line_not_a_traceback(monkeypatch):
    def broken(name):
        raise OSError(f"lib{name}.so: cannot open shared object file\nsecond line")

    monkeypatch.setattr(command, "import_module", broken)
    found = doctor()
    for subject in ("sam2", "OpenCV"):
        ((state, text),) = said(found, subject)
        assert state == "missing"
        assert "cannot open shared object file" in text
        assert "\n" not in text
    assert exit_code(found) == 1


@pytest.mark.parametrize(
    ("version", "state", "words"),
    [
        (None, "missing", "pip install vot-trax"),
        ("4.0.0", "warning", "leaks memory"),
        ("4.0.1rc1", "warning", "leaks memory"),
        ("4.0.1", "ok", "vot-trax 4.0.1"),
        ("4.1.dev2", "ok", "vot-trax 4.1.dev2"),
        ("5", "ok", "vot-trax 5"),
    ],
)
def test_vot_toolkit(monkeypatch, version, state, words):
    monkeypatch.setattr(command, "_version", {"vot-trax": version}.get)
    (finding,) = command._vot()
    assert finding.state == state
    assert words in finding.text
    assert not finding.essential


def test_a_gpu_that_torch_does_not_find(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert "finds no GPU" in said(command._torch(), "CUDA")[0][1]
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(command.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "built without CUDA" in said(command._torch(), "CUDA")[0][1]


@pytest.mark.parametrize("capability", [(7, 5), (8, 0)])
def test_gpus(monkeypatch, capability):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda index: (10e9, 16e9))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: capability)
    lines = said(command._torch(), "cuda:0")
    assert lines[0] == ("ok", "Tesla T4, 10.0 GB of 16.0 GB free")
    assert ("--dtype float16" in lines[-1][1]) == (capability < (8, 0))


def test_the_extension_of_sam2(monkeypatch):
    (finding,) = command._sam2()
    assert finding.state == "ok"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    (finding,) = command._sam2()
    assert finding.state == ("ok" if importlib.util.find_spec("sam2._C") else "warning")


def test_command_line(tmp_path):
    code = (
        "import sys; from vot_memory.cli import app; app(standalone_mode=False); "
        "sys.exit(str([m for m in ('torchvision', 'vot', 'trax') if m in sys.modules]))"
    )
    words = [sys.executable, "-c", code, "doctor", "--out", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.stderr == "[]\n"  # nothing forbidden was imported, nothing else was said
    assert all(line.split()[0] in ("ok", "missing", "warning") for line in done.stdout.splitlines())
    assert "nano@" in done.stdout


def test_only_what_is_essential_counts():
    assert exit_code([Finding("missing", "weights", ""), Finding("warning", "CUDA", "")]) == 0
    assert exit_code([Finding("missing", "torch", "", essential=True)]) == 1
