"""Loading models by name: configurations, weights, devices and precisions."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from vot_memory import models
from vot_memory.errors import InputError

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def state(backbone):
    return dict(backbone.model.state_dict())


def test_nano_is_small_and_named_by_its_weights(backbone):
    config, weights = models.locate("nano")
    assert config.name == "nano.yaml"
    assert weights.stat().st_size < 10e6
    parameters = sum(p.numel() for p in backbone.model.parameters())
    assert 2e6 <= parameters <= 5e6
    assert backbone.name == f"nano@{models.sha256(weights)[:12]}"
    assert (backbone.image_size, backbone.num_maskmem) == (128, 7)
    assert backbone.model.max_obj_ptrs_in_encoder == 16
    assert not any(p.requires_grad for p in backbone.model.parameters())


def test_any_configuration_and_checkpoint(state, tmp_path):
    plain, nested = tmp_path / "plain.pt", tmp_path / "nested.pt"
    torch.save(state, plain)
    torch.save({"model": state}, nested)  # as sam2 publishes
    config, _ = models.locate("nano")
    for checkpoint in (plain, nested):
        loaded = models.load_model(str(config), checkpoint, device="cpu")
        assert loaded.name.startswith("nano@")
        for key, value in loaded.model.state_dict().items():
            assert torch.equal(value, state[key])


def test_image_size_changes_the_grid():
    assert models.load_model("nano", image_size=64, device="cpu").grid == 4
    with pytest.raises(InputError, match="Image size 100 does not fit"):
        models.load_model("nano", image_size=100)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nanno", "Unknown model 'nanno': did you mean 'nano'"),
        ("none.yaml", "no model configuration none.yaml"),
    ],
)
def test_models_that_cannot_be_had(name, words):
    with pytest.raises(InputError, match=words):
        models.load_model(name)


def test_missing_checkpoint(tmp_path):
    with pytest.raises(InputError, match=r"There is no checkpoint .*absent\.pt"):
        models.load_model("nano", tmp_path / "absent.pt")
    with pytest.raises(InputError, match="is a folder: give the weights file in it"):
        models.load_model("nano", tmp_path)
    with pytest.raises(InputError, match=r"nano\.yaml comes without weights: give --checkpoint"):
        models.locate(str(models.locate("nano")[0]))


def test_a_yaml_that_is_no_model(tmp_path):
    config = tmp_path / "x.yaml"
    config.write_text("a: 1")
    with pytest.raises(InputError, match="not a sam2 model configuration"):
        models.load_model(str(config), models.locate("nano")[1])


def test_devices_and_precisions():
    assert models.pick_dtype("auto", "cuda") == "bfloat16"
    assert models.pick_dtype("auto", "cpu") == "float32"
    with pytest.raises(InputError, match="Unknown dtype 'float61': did you mean 'float16'"):
        models.pick_dtype("float61", "cpu")
    for device in ("gpu", "cpux", "cuda:x", "meta"):
        with pytest.raises(InputError) as refused:
            models.pick_device(device)
        assert str(refused.value) == f"Unknown device '{device}': give auto, cpu, cuda or mps."
    for device in ("cuda:99", "mps:9"):
        with pytest.raises(InputError, match=f"Device '{device}' cannot be used") as refused:
            models.pick_device(device)
        assert len(str(refused.value)) < 160
