"""Compiled models: another label, so that their results never mix with others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vot_memory import models
from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.registry import load_policy
from vot_memory.runner import RunSettings, identity_of
from vot_memory.trackers.sam2 import Sam2


def plain(function, **options):
    """A compiler that changes nothing; a real one takes most of a minute."""
    assert options == {"fullgraph": True, "dynamic": False}
    return function


def test_a_compiled_model_has_another_label(backbone, monkeypatch):
    monkeypatch.setattr(torch, "compile", plain)
    assert models.load_model("nano", device="cpu").name == backbone.name
    compiled = models.load_model("nano", device="cpu", compile=True)
    assert compiled.name == f"{backbone.name}+compiled"


def test_results_of_compiled_models_are_kept_apart(monkeypatch):
    monkeypatch.setattr(torch, "compile", plain)
    settings = RunSettings(policies=(("fifo", {}),), split="synth-smoke")
    split = load_split(settings.split)
    identities = [
        identity_of(Sam2(model).host(load_policy("fifo")), settings, split)
        for model in (
            models.load_model("nano", device="cpu", compile=compile) for compile in (False, True)
        )
    ]
    assert identities[0].key != identities[1].key
    assert identities[0].table != identities[1].table


def test_a_compiler_that_does_not_work(monkeypatch):
    def broken(function, **_):
        def fail(*_):
            raise RuntimeError("no working C++ compiler\nlong story")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(InputError, match=r"torch\.compile does not work here \(RuntimeError\)"):
        models.load_model("nano", device="cpu", compile=True)


@pytest.mark.golden
def test_compiling_only_rounds_otherwise():
    compiled = models.load_model("nano", device="cpu", image_size=64, compile=True)
    whole = models.load_model("nano", device="cpu", image_size=64)
    picture = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    a, b = whole.encode_image(picture), compiled.encode_image(picture)
    for ours, theirs in zip((a.top, *a.high), (b.top, *b.high), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4, rtol=1e-4)
