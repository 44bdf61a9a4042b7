from dataclasses import replace

import pytest
import torch

from vot_memory.engine import Settings
from vot_memory.errors import InputError
from vot_memory.policy import Preset
from vot_memory.registry import load_policy, tracker_class, tracker_names
from vot_memory.trackers.sam2 import Sam2

PRESET = Preset(
    resize="tv_bilinear",
    dtype="float16",
    prompt="box",
    stability=True,
    hard_prompt=True,
    fill_hole_area=8,
)


@pytest.fixture
def policy():
    policy = load_policy("fifo")
    policy.spec = replace(policy.spec, release=PRESET)
    return policy


def on_cuda(backbone, monkeypatch):
    """Pretend: only the device's type is asked."""
    monkeypatch.setattr(backbone, "device", torch.device("cuda"))
    monkeypatch.setattr(backbone.model, "to", lambda device: backbone.model)
    return backbone


def test_registry_knows_it():
    assert tracker_names() == ["sam2"]
    assert tracker_class("sam2") is Sam2
    with pytest.raises(InputError, match="did you mean 'sam2'"):
        tracker_class("sam3")


def test_common_treats_all_alike(backbone, policy):
    hosted = Sam2(backbone).host(policy)
    assert hosted.engine.settings == Settings()
    assert (hosted.prompt, hosted.encoding) == ("mask", ("pil_bicubic", "float32"))
    assert Sam2(backbone, prompt="point").host(policy).prompt == "point"


def test_release_follows_the_preset(backbone, policy):
    hosted = Sam2(backbone, "release").host(policy)
    assert hosted.engine.settings == Settings("tv_bilinear", True, True, 8)
    assert hosted.prompt == "box"
    assert hosted.encoding == ("tv_bilinear", "float32"), "on the CPU all run in float32"
    assert Sam2(backbone, "release", "mask").host(policy).prompt == "mask"


def test_release_takes_its_precision_on_cuda(backbone, policy, monkeypatch):
    backbone = on_cuda(backbone, monkeypatch)
    hosted = Sam2(backbone, "release").host(policy)
    assert hosted.dtype == "float16"
    assert hosted.engine.backbone.model is backbone.model, "weights are not loaded twice"
    assert Sam2(backbone, "release", keep_dtype=True).host(policy).dtype == "float32"
    assert Sam2(backbone, "common").host(policy).dtype == "float32"


@pytest.mark.parametrize(
    ("protocol", "asked", "kind"),
    [("common", None, "mask"), ("common", "mask", "mask"), ("release", "point", "point")],
)
def test_prompts_that_the_policy_does_not_take(backbone, policy, protocol, asked, kind):
    policy.spec = replace(policy.spec, prompts=("box",))
    with pytest.raises(InputError, match=rf"'fifo' does not take a {kind} prompt.*give --init box"):
        Sam2(backbone, protocol, asked).host(policy)
    assert Sam2(backbone, "release").host(policy).prompt == "box"
