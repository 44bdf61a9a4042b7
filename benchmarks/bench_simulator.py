"""The simulator's forward passes beside sam2's own tracking step, on the same nano weights.

Pictures are encoded beforehand and every step encodes its memory, on both sides: sam2 runs
`SAM2Base.track_step` frame by frame for one object, as its video predictor does; the simulator
runs episodes of random replacements. Only forward passes count, not predictions found again by
their read sets. Sides take turns, so ratios hold on a machine that others use; with one thread the
times are processor seconds, with two they are seconds.
"""

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from vot_memory import models
from vot_memory.backbone import normalise
from vot_memory.datasets.synth import load
from vot_memory.learn.clip import load_clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.simulator import Simulator

FRAMES, EPISODES, ROUNDS = 24, 32, 3
BATCHES = (4, 8, 16, 32)


@contextmanager
def threads(number):
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def make():
    """The model and a video that it has encoded."""
    backbone, sequence = models.load_model("nano", device="cpu"), load("dev", 1, FRAMES)[0]
    return backbone, sequence, load_clip(backbone, sequence)


@pytest.fixture(scope="module")
def world():
    return make()


class Theirs:
    """sam2's model on one object, batch 1."""

    @torch.inference_mode()
    def __init__(self, backbone, sequence):
        self.model, size = backbone.model, backbone.image_size
        self.encoded = []
        for picture in sequence.frames:
            out = self.model.forward_image(normalise(picture, size, "pil_bicubic")[None])
            self.encoded.append(self.model._prepare_backbone_features(out)[1:])
        mask = torch.from_numpy(sequence.objects[0].mask(0)).float()
        assert mask.shape == (size, size), "the prompt's mask is given as it is"
        self.mask = mask[None, None]

    @torch.inference_mode()
    def run(self):
        """Track the video; low-resolution logits of its last frame."""
        outputs = {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
        for t, (features, positions, sizes) in enumerate(self.encoded):
            out = self.model.track_step(
                frame_idx=t,
                is_init_cond_frame=t == 0,
                current_vision_feats=features,
                current_vision_pos_embeds=positions,
                feat_sizes=sizes,
                point_inputs=None,
                mask_inputs=self.mask if t == 0 else None,
                output_dict=outputs,
                num_frames=FRAMES,
            )
            kind = "non_cond_frame_outputs" if t else "cond_frame_outputs"
            outputs[kind][t] = out
        return out["pred_masks"][0, 0]


class Ours:
    """Episodes of random replacements; every memory is encoded."""

    def __init__(self, clip, backbone, batch):
        self.simulator = Simulator(clip, backbone, batch=batch)
        shape = EPISODES, self.simulator.num_decisions
        self.actions = np.random.default_rng(0).integers(1, self.simulator.num_actions, shape)

    def run(self):
        """Play all episodes; the number of forward passes."""
        self.simulator.forget()
        before = self.simulator.counts.passes
        self.simulator.play(self.actions)
        return self.simulator.counts.passes - before


def in_turns(theirs, ours, clock):
    """Seconds a frame of theirs, seconds a pass of each of ours, ratios of each; all medians."""
    reference, own, ratios = [], [], []
    for _ in range(ROUNDS):
        start = clock()
        theirs.run()
        reference.append((clock() - start) / (FRAMES - 1))
        times = []
        for side in ours:
            start = clock()
            passes = side.run()
            times.append((clock() - start) / passes)
        own.append(times)
        ratios.append([reference[-1] / t for t in times])
    return statistics.median(reference), np.median(own, axis=0), np.median(ratios, axis=0)


@pytest.mark.parametrize("number", [1, 2])
def test_passes_beside_sam2(benchmark, world, number, capsys):
    backbone, sequence, clip = world
    theirs = Theirs(backbone, sequence)
    quick = fast(backbone)
    sides = {f"fast, batch {b}": Ours(clip, quick, b) for b in BATCHES}
    sides["plain, batch 8"] = Ours(clip, backbone, 8)
    simulator = sides["fast, batch 8"].simulator
    fifo = simulator.logits(simulator.play(simulator.fifo()).node)[0]
    agree = ((fifo > 0) == (theirs.run() > 0)).float().mean()
    assert agree > 0.998, "both must do the same work"
    with threads(number):
        benchmark.pedantic(sides["fast, batch 8"].run, rounds=1)
        clock = time.process_time if number == 1 else time.perf_counter
        reference, own, ratios = in_turns(theirs, sides.values(), clock)
    with capsys.disabled():
        print(f"\nnano, {number} thread(s): sam2's track_step {1 / reference:.0f} frames/s")
        for name, seconds, ratio in zip(sides, own, ratios, strict=True):
            print(f"{name:16} {1 / seconds:5.0f} frames/s, {1e3 * seconds:.2f} ms, {ratio:.2f} x")


def alone(seconds):
    """Frames/s of one of several processes, each with one thread."""
    torch.set_num_threads(1)
    backbone, _, clip = make()
    side = Ours(clip, fast(backbone), 8)
    side.run()
    passes, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        passes += side.run()
    return passes / (time.perf_counter() - start)


def test_two_processes(benchmark, capsys):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        rates = benchmark.pedantic(lambda: list(pool.map(alone, [10, 10])), rounds=1)
    with capsys.disabled():
        print(f"\ntwo processes, one thread each: {sum(rates):.0f} frames/s together")
