"""Models of the true shapes with random weights: no published weights are needed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from huggingface_hub import constants

from vot_memory import models
from vot_memory.datasets.prompts import BoxPrompt
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.models.weights import likely_model
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker
from vot_memory.verify import Started, verify

BOX = BoxPrompt.from_xywh(40, 30, 60, 50)
# Millions of parameters in the table of sam2's README.
PUBLISHED_SIZES = {"t": 38.9, "s": 46.0, "b+": 80.8, "l": 224.4}


def random_weights(name):
    """Weights of a model with an object score that is positive, so that masks are not all empty."""
    torch.manual_seed(0)
    state = models.build(models.find_config(name)).state_dict()
    state["sam_mask_decoder.pred_obj_score_head.layers.2.bias"] += 20
    return state


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Weights of sam2.1-t and sam2-t, as sam2 publishes them: {"model": state dict}."""
    folder = tmp_path_factory.mktemp("weights")
    made = {}
    for name in ("sam2.1-t", "sam2-t"):
        made[name] = folder / models.SAM2[name].file
        torch.save({"model": random_weights(name)}, made[name])
    yield made
    for file in made.values():
        file.unlink()  # 156 MB each


@pytest.fixture(scope="module")
def pictures():
    """Three pictures of a bright square that moves over noise, uint8 [120, 160, 3]."""
    noise = np.random.default_rng(0).integers(0, 120, (3, 120, 160, 3), dtype=np.uint8)
    for t, picture in enumerate(noise):
        picture[30 + t : 80 + t, 40 + 2 * t : 100 + 2 * t] += 120
    return noise


def test_weights_of_the_other_generation(files):
    with pytest.raises(InputError, match=r"look like the weights of sam2-t; .* --model sam2-t"):
        models.load_model("sam2.1-t", files["sam2-t"], device="cpu")
    with pytest.raises(InputError, match=r"look like the weights of sam2\.1-t"):
        models.load_model("sam2-t", files["sam2.1-t"], device="cpu")


def test_weights_of_another_size(files):
    for other in ("sam2.1-s", "nano"):
        with pytest.raises(InputError, match=r"look like the weights of sam2\.1-t"):
            models.load_model(other, files["sam2.1-t"], device="cpu")
    with pytest.raises(InputError, match="does not fit the model: it lacks"):
        models.load_model("sam2.1-t", models.locate("nano")[1], device="cpu")


def test_a_model_from_the_cache_of_the_hub(files, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    digest, commit = models.sha256(files["sam2.1-t"]), "0" * 40
    repo = tmp_path / "models--facebook--sam2.1-hiera-tiny"
    link = repo / "snapshots" / commit / "sam2.1_hiera_tiny.pt"
    for path in (repo / "blobs" / digest, link, repo / "refs" / "main"):
        path.parent.mkdir(parents=True, exist_ok=True)
    (repo / "blobs" / digest).symlink_to(files["sam2.1-t"])
    link.symlink_to(repo / "blobs" / digest)
    (repo / "refs" / "main").write_text(commit)
    loaded = models.load_model("sam2.1-t", device="cpu", image_size=256)
    assert loaded.name == f"sam2.1-t@{digest[:12]}"
    saved = torch.load(files["sam2.1-t"])["model"]
    assert loaded.model.state_dict().keys() == saved.keys()
    assert all(torch.equal(v, saved[k]) for k, v in loaded.model.state_dict().items())


@pytest.mark.golden
@pytest.mark.parametrize("name", models.SAM2)
def test_every_configuration_has_the_published_size(name):
    model = models.build(models.find_config(name))
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert millions == pytest.approx(PUBLISHED_SIZES[name.partition("-")[2]], abs=0.1)
    assert (model.image_size, model.num_maskmem) == (1024, 7)
    assert likely_model(model.state_dict()) == name


@pytest.mark.golden
@pytest.mark.parametrize(("name", "size"), [("sam2-t", 256), ("sam2.1-t", 512)])
def test_fifo_is_sam2s_own_predictor(files, pictures, name, size):
    found = verify(
        pictures, {"1": Started(0, BOX)}, name, files[name], image_size=size, device="cpu"
    )
    assert found.equal
    assert found.largest_difference < 1e-3


@pytest.mark.golden
@pytest.mark.parametrize("size", [256, 1024])
def test_a_real_model_tracks_at_any_size(files, pictures, size):
    backbone = models.load_model("sam2.1-t", files["sam2.1-t"], device="cpu", image_size=size)
    assert backbone.memory_shape == (64, size // 16, size // 16)
    tracker = Tracker(Engine(backbone), load_policy("fifo"))
    tracker.init(pictures[0], {"1": BOX})
    answer = tracker.track(pictures[1])
    assert answer.mask("1").shape == (120, 160)
    assert np.isfinite(answer.ious).all()
    assert answer.object_score[0] > 0


@pytest.mark.golden
@pytest.mark.parametrize(("dtype", "bound"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_precisions_on_the_cpu(files, pictures, dtype, bound):
    """Features stay within a few units in the last place of the precision."""
    full, half = (
        models.load_model("sam2.1-t", files["sam2.1-t"], device="cpu", image_size=64, dtype=d)
        for d in ("float32", dtype)
    )
    a, b = full.encode_image(pictures[0]).top, half.encode_image(pictures[0]).top.float()
    assert 0 < (a - b).abs().mean() < bound * a.abs().mean()
    tracker = Tracker(Engine(half), load_policy("fifo"))
    tracker.init(pictures[0], {"1": BOX})
    assert np.isfinite(tracker.track(pictures[1]).ious).all()


def test_image_sizes_that_do_not_fit(files):
    for size in (0, -32, 16, 500):
        with pytest.raises(InputError, match=f"Image size {size} does not fit .* multiple of 32"):
            models.load_model("sam2.1-t", files["sam2.1-t"], device="cpu", image_size=size)
