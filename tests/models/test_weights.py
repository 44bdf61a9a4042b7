"""Weights files: every way one can be wrong, said in one sentence, with nothing in it run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from vot_memory import models
from vot_memory.errors import InputError
from vot_memory.models import weights

SAFETENSORS = models.locate("nano")[1]


@pytest.fixture(scope="module")
def state(backbone):
    return dict(backbone.model.state_dict())


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", ["pickle", "torch"])
def test_code_in_a_file_is_not_run(tmp_path, protocol):
    file, touched = tmp_path / "code.pt", tmp_path / "touched"
    if protocol == "pickle":
        file.write_bytes(pickle.dumps({"model": Touch(touched)}))
    else:
        torch.save({"model": Touch(touched)}, file)
    with pytest.raises(InputError, match=r"code\.pt is no weights file, or holds more .*was run"):
        weights.read_state(file)
    assert not touched.exists()
    torch.load(file, weights_only=False) if protocol == "torch" else pickle.loads(file.read_bytes())
    assert touched.exists()  # so it would have been seen


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.pt", b"", "is empty: download it again"),
        ("empty.safetensors", b"", "is empty: download it again"),
        ("page.pt", b"\n<!DOCTYPE html><html><title>Log in</title>", "is a web page"),
        ("page.safetensors", b"<html><body>Not found</body></html>", "is a web page"),
        ("error.pt", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code>', "is a web page"),
        (
            "pointer.pt",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:26478\nsize 898083611\n",
            "is a pointer of Git LFS",
        ),
        ("noise.pt", bytes(range(256)), "is no weights file"),
        ("noise.safetensors", bytes(range(1, 256)), "damaged or cut off"),
    ],
)
def test_files_that_are_no_weights(tmp_path, name, content, words):
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        models.load_model("nano", file, device="cpu")
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_that_were_cut_off(tmp_path, state, suffix, share):
    whole = SAFETENSORS
    if suffix == ".pt":
        whole = tmp_path / "whole.pt"
        torch.save(state, whole)
    content = whole.read_bytes()
    file = tmp_path / f"cut{suffix}"
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"cut\{suffix} cannot be read .* damaged or cut off"):
        weights.read_state(file)


def test_damaged_safetensors(tmp_path):
    content = bytearray(SAFETENSORS.read_bytes())
    content[20:40] = bytes(20)
    file = tmp_path / "damaged.safetensors"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged\.safetensors cannot be read"):
        weights.read_state(file)


@pytest.mark.parametrize("content", [{"a": 1}, [1, 2], {"model": {"a": "b"}}])
def test_something_else_than_names_and_tensors(tmp_path, content):
    file = tmp_path / "other.pt"
    torch.save(content, file)
    with pytest.raises(InputError, match=r"other\.pt is not a plain state dict"):
        weights.read_state(file)


def test_weights_that_do_not_fit(tmp_path, state):
    missing, extra, shape = dict(state), dict(state), dict(state)
    key = next(iter(state))
    del missing[key]
    extra["surplus"] = torch.zeros(1)
    shape[key] = torch.zeros(3, 3)
    for name, content, words in (
        ("missing", missing, f"lacks {key}"),
        ("extra", extra, "unknown surplus"),
        ("shape", shape, rf"{key} is \(3, 3\) and should be"),
    ):
        file = tmp_path / f"{name}.pt"
        torch.save(content, file)
        with pytest.raises(InputError, match=words):
            models.load_model("nano", file, device="cpu")


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    file = tmp_path / "abc"
    file.write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert weights.sha256(file) == weights.fingerprint(file) == digest
