"""Pretraining: data by step, a loss that teaches candidate sets, a resume that changes nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from vot_memory.datasets.synth import SEED_RANGES
from vot_memory.learn import pretrain, pretrain_data
from vot_memory.learn.pretrain import Lesson, Recipe, Training
from vot_memory.learn.pretrain_model import Unroll, build

WEIGHTS = Path(__file__).parents[1] / "golden" / "model.safetensors"
TINY = Recipe(steps=4, budget=4.0, warmup=1)


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Four steps without interruption."""
    training = Training(tmp_path_factory.mktemp("straight"), TINY, WEIGHTS)
    training.run(log_every=2)
    return training


def test_a_killed_and_resumed_run_ends_with_the_same_weights(straight, tmp_path):
    first = Training(tmp_path, TINY, WEIGHTS)
    first.run(until=3, log_every=2)
    first.advance()  # a step that was never saved
    del first
    second = Training(tmp_path, TINY, WEIGHTS)
    assert second.step == 3
    second.run(log_every=2)
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
    for name, value in straight.ema.items():
        assert torch.equal(value, second.ema[name]), name
    curves = [
        [{k: v for k, v in line.items() if k != "seconds"} for line in t._lines]
        for t in (straight, second)
    ]
    assert curves[0] == curves[1]
    assert len((tmp_path / "curve.csv").read_text().splitlines()) == 3


def test_training_moves_the_weights(straight):
    start = build(pretrain.CONFIG, WEIGHTS).state_dict()
    moved = [k for k, v in straight.model.state_dict().items() if not torch.equal(v, start[k])]
    assert len(moved) > 0.9 * len(start)
    assert all(torch.isfinite(v).all() for v in straight.model.state_dict().values())


def test_export_fits_the_model_and_shifts_the_object_score(straight, tmp_path):
    pretrain.export(straight.ema, tmp_path / "w.safetensors", score_bias=0.5)
    written = load_file(tmp_path / "w.safetensors")
    shapes = {k: v.shape for k, v in build(pretrain.CONFIG).state_dict().items()}
    assert {k: v.shape for k, v in written.items()} == shapes
    assert {v.dtype for v in written.values()} == {torch.float16}
    shift = written[pretrain.SCORE_BIAS].float() - straight.ema[pretrain.SCORE_BIAS]
    assert shift.item() == pytest.approx(0.5, abs=1e-2)
    assert (tmp_path / "w.safetensors").stat().st_size < 10e6


def test_blend_goes_from_initial_to_trained_weights():
    trained, initial = {"w": torch.tensor([4.0, 8.0])}, {"w": torch.tensor([0.0, 4.0])}
    assert pretrain.blend(trained, initial, 0.25)["w"].tolist() == [1.0, 5.0]
    assert pretrain.blend(trained, initial, 1.0)["w"].tolist() == [4.0, 8.0]


@pytest.mark.parametrize("prompt", ["mask", "box", "click"])
def test_every_kind_of_lesson_gives_gradients(prompt):
    recipe = Recipe(budget=4.0)
    model = build(pretrain.CONFIG, WEIGHTS).train()
    lesson = Lesson(prompt, frames=3, rollout=2, teacher=0.3, keep=0.5, all_pointers=True)
    rng = np.random.default_rng(1)
    batch = pretrain_data.make_batch(0, 5, 2, np.arange(5), rng)
    student = pretrain.Student(model, recipe)
    loss = student.loss(batch, lesson, rng)
    loss.backward()
    assert torch.isfinite(loss)
    used = [p.grad is not None and bool(p.grad.any()) for p in model.parameters()]
    assert np.mean(used) > 0.8
    assert student.tally.prompts == (0 if prompt == "mask" else 4)
    assert student.tally.rows == 4 * 2  # the rolled frames are not graded


def test_batches_are_a_function_of_the_step_and_show_their_objects():
    def batch(step):
        return pretrain_data.make_batch(0, step, 2, np.array([0, 2, 30]), np.random.default_rng(1))

    one, again, other = batch(10), batch(10), batch(20)
    assert torch.equal(one.images, again.images)
    assert torch.equal(one.masks, again.masks)
    assert one.images.shape == (3, 2, 3, 128, 128)
    assert one.masks.shape == one.rivals.shape == (3, 4, 1, 128, 128)
    assert not torch.equal(one.images, other.images)
    assert (one.masks[0].flatten(1).sum(1) >= 150).all()
    assert not (one.masks * one.rivals).any()


def test_training_videos_come_from_their_own_seed_range(monkeypatch):
    seeds = []
    real = pretrain_data.Scene

    def spy(seed, *args):
        seeds.append(seed)
        return real(seed, *args)

    monkeypatch.setattr(pretrain_data, "Scene", spy)
    pretrain_data._scene.cache_clear()
    for step in (0, 999_999, 10**8):
        pretrain_data.make_batch(9, step, 2, np.arange(3), np.random.default_rng(0))
    assert seeds
    assert all(SEED_RANGES["pretrain"] <= seed < SEED_RANGES["train"] for seed in seeds)


def test_a_set_is_judged_by_its_best_and_by_what_else_it_covers():
    target, rival = torch.zeros(2, 1, 1, 32, 32)
    target[..., :12, :12] = 1
    rival[..., 20:, 20:] = 1

    def logits(mask):
        return torch.nn.functional.avg_pool2d(mask, 4) * 20 - 10

    student = pretrain.Student(build(pretrain.CONFIG), Recipe())
    same = torch.cat([logits(target)] * 3, 1)
    hedged = torch.cat([logits(target), logits(target), logits(rival)], 1)
    lost = torch.cat([logits(rival)] * 3, 1)

    def loss(raw):
        return student._set_loss(pretrain.mask_loss(raw, target), raw, rival).item()

    assert loss(hedged) < loss(same) < loss(lost)
    assert pretrain.true_iou(hedged, target)[0].tolist() == [1.0, 1.0, 0.0]


def test_the_other_meaning_of_a_click():
    target = torch.zeros(2, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    rival = torch.zeros_like(target)
    rival[1, :, 26:, 26:] = 1
    click = torch.tensor([[[10.5, 16.0]], [[10.5, 16.0]]])
    half, both = pretrain.other_meaning(target, rival, click)
    assert half[0, 8:24, 8:16].all()
    assert half.sum() == 16 * 8
    assert torch.equal(both, target[1] + rival[1])


def test_the_unrolled_steps_are_sam2s_own():
    """One frame through SAM2Base.track_step and through Unroll, same memory."""
    model = build(pretrain.CONFIG, WEIGHTS).eval()
    unroll = Unroll(model)
    batch = pretrain_data.make_batch(0, 3, 1, np.arange(3), np.random.default_rng(0))
    with torch.no_grad():
        feats = unroll.encode(batch.images, pretrain_data.TRACKS)
        high, pointer, score = unroll.from_mask(feats[0], batch.masks[0])
        first = unroll.memorise(feats[0], high, pointer, score)
        out = unroll.track(feats[1], [(first, 6)], [(first, 1.0)])
        second = unroll.memorise(feats[1], out.high, out.pointer, out.score)
        out = unroll.track(feats[2], [(first, 6), (second, 0)], [(first, 2.0), (second, 1.0)])

        def stored(memory):
            return {
                "maskmem_features": memory.tokens.permute(1, 2, 0).unflatten(2, (8, 8)),
                "maskmem_pos_enc": [memory.position.permute(1, 2, 0).unflatten(2, (8, 8))],
                "obj_ptr": memory.pointer,
            }

        _, vision, positions, sizes = model._prepare_backbone_features(
            model.forward_image(batch.images[2])
        )
        vision = [v.repeat_interleave(pretrain_data.TRACKS, 1) for v in vision]
        positions = [p.repeat_interleave(pretrain_data.TRACKS, 1) for p in positions]
        memory = {
            "cond_frame_outputs": {0: stored(first)},
            "non_cond_frame_outputs": {1: stored(second)},
        }
        expected = model.track_step(
            2, False, vision, positions, sizes, None, None, memory, 100, run_mem_encoder=False
        )
    torch.testing.assert_close(out.high, expected["pred_masks_high_res"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out.pointer, expected["obj_ptr"], atol=1e-4, rtol=1e-4)
