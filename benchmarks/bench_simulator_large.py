"""The simulator at SAM 2.1-L's real size: forward passes a second by rows of a batch.

SAM2RL (arXiv 2507.08548) trains 2.4 million steps a video in about an hour, 750 frames/s, on an
A100; that machine's arithmetic leaves 512 px as the likely size. On a GPU batches are swept, with
modules as sam2 has them and arranged for many rows of one picture; on a CPU two small batches show
that it runs. Weights are random: time depends on what is computed, not on what comes out. Episodes
replace at random and have drifted apart when the clock starts; every pass also encodes its memory.

With pictures encoded, 52.2 GFLOP a frame bound an A100 (312 TFLOP/s) to 5,979 frames/s and the
traffic of unfused kernels (0.76 GB a frame, 1.555 TB/s) to 2,042; an H200 to 15,139 and 6,304.
"""

import time

import numpy as np
import pytest
import torch
from bench_policies import confident

from vot_memory.backbone import Backbone
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.datasets.synth import load
from vot_memory.learn.clip import Clip
from vot_memory.learn.fast_backbone import fast
from vot_memory.learn.simulator import Simulator

CUDA = torch.cuda.is_available()
BATCHES = (1, 8, 32, 64, 128, 256) if CUDA else (1, 2)
PICTURES = 2  # encoded; frames take turns with them
APART = 4  # decisions until episodes differ: 6^4 beginnings
STEPS = 8 if CUDA else 1  # measured ones
FULL = 7  # frames until the bank is full


def large_clip(backbone):
    """A made-up video of 480 x 480, which frames of 512 px are encoded of."""
    made = load("dev", 1, PICTURES)[0]
    at = np.arange(480) * 128 // 480
    mask = made.objects[0].mask(0)[at][:, at]
    pictures = [picture[at][:, at] for picture in made.frames]
    features = [backbone.encode_image(picture) for picture in pictures]
    length = FULL + APART + STEPS + 1
    scored = torch.ones(length, dtype=torch.bool)
    scored[0] = False
    return Clip(
        sequence=made.name,
        object="1",
        features=tuple(features[t % PICTURES] for t in range(length)),
        prompt=MaskPrompt(mask),
        truth=torch.from_numpy(mask).to(backbone.device).expand(length, -1, -1),
        valid=None,
        scored=scored,
        num_frames=length,
    )


def settle(device):
    """Wait for what was asked of a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def passes_a_second(clip, backbone, batch):
    """Forward passes a second of `batch` episodes that share nothing any more."""
    simulator, drawn = Simulator(clip, backbone, batch=batch), np.random.default_rng(0)
    actions = drawn.integers(1, simulator.num_actions, (batch, simulator.num_decisions))
    states = simulator.start(batch)
    for column in actions.T[:APART]:
        states = simulator.advance(states, column)
    settle(backbone.device)
    before, start = simulator.counts.passes, time.perf_counter()
    for column in actions.T[APART:]:
        states = simulator.advance(states, column)
    settle(backbone.device)
    spent = time.perf_counter() - start
    return (simulator.counts.passes - before) / spent


@pytest.mark.parametrize("arranged", [False, True], ids=["sam2's modules", "fast"])
def test_large_model(benchmark, arranged, capsys):
    device = torch.device("cuda" if CUDA else "cpu")
    made = confident("sam2.1-l")
    backbone = Backbone(made.model, made.name, device, torch.bfloat16)
    clip = large_clip(backbone)
    backbone = fast(backbone) if arranged else backbone
    rates = {}
    benchmark.pedantic(lambda: rates.setdefault(1, passes_a_second(clip, backbone, 1)), rounds=1)
    for batch in BATCHES[1:]:
        rates[batch] = passes_a_second(clip, backbone, batch)
    where = torch.cuda.get_device_name() if CUDA else f"CPU, {torch.get_num_threads()} thread(s)"
    with capsys.disabled():
        print(f"\nSAM 2.1-L's shapes at {backbone.image_size} px, bfloat16, {where}")
        for batch, rate in rates.items():
            beside = f", {rate / 750:.2f} x the paper's 750" if CUDA else ""
            print(f"batch {batch:3}: {rate:7.1f} frames/s{beside}")
