"""nano's frames/s under our FIFO beside sam2's own video predictor, in the same run.

Same weights, same JPEG files, objects begun from masks, batch 1. Both times hold decoding and
resizing of the pictures and masks at the size of the video. The ratios are of processor seconds of
one thread, which other work on the machine hardly changes, and both sides take turns. The second
benchmark says what three policies cost in one pass.
"""

import contextlib
import io
import statistics
import time

import numpy as np
import pytest
import torch

from vot_memory import models
from vot_memory.datasets.pictures import PictureFrames, list_pictures
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.synth import load
from vot_memory.registry import load_policy
from vot_memory.trackers.sam2 import Sam2
from vot_memory.unit import run_unit
from vot_memory.verify import PREDICTOR, write_jpegs

FRAMES, ROUNDS = 80, 5
OBJECTS = (1, 4)


@pytest.fixture(scope="module")
def sequence(tmp_path_factory):
    """A procedural video as JPEG files, which is what the predictor reads."""
    made = load("dev", 1, FRAMES)[0]
    folder = tmp_path_factory.mktemp("jpegs")
    write_jpegs(made.frames, folder, FRAMES)
    mask = made.objects[0].mask(0)
    tracks = tuple(  # where the others begin does not matter for the time
        ObjectTrack(str(i), 0, (encode(np.roll(mask, 20 * i, 1)), *[None] * (FRAMES - 1)))
        for i in range(max(OBJECTS))
    )
    pictures = PictureFrames(list_pictures(folder))
    return Sequence("video", pictures, tracks, made.size, made.fps, "")


@pytest.fixture(scope="module")
def backbone():
    return models.load_model("nano", device="cpu")


@pytest.fixture(scope="module")
def predictor():
    config, weights = models.locate("nano")
    predictor = models.build(config, target=PREDICTOR)
    models.load_weights(predictor, weights)
    return predictor


def starts(sequence, objects):
    return {o.id: MaskPrompt(o.mask(0)) for o in sequence.objects[:objects]}


def ours(backbone, sequence, *policies, objects=1):
    """Masks of one pass, each bool [objects, H, W]."""
    hosts = Sam2(backbone)
    trackers = [hosts.host(load_policy(p)).tracker(sequence) for p in policies]
    engine = trackers[0].engine
    masks = []
    for t in range(len(sequence)):
        features = engine.encode_image(sequence.frames[t])
        prompts = starts(sequence, objects) if t == 0 else None
        masks += [tracker.track(features, prompts).masks for tracker in trackers]
    return masks


@torch.inference_mode()
def theirs(predictor, sequence, objects=1):
    with contextlib.redirect_stderr(io.StringIO()):  # progress bars
        state = predictor.init_state(video_path=str(sequence.frames.paths[0].parent))
        for number, prompt in starts(sequence, objects).items():
            predictor.add_new_mask(state, 0, int(number), prompt.mask)
        return [(m[:, 0] > 0).numpy() for _, _, m in predictor.propagate_in_video(state)]


def in_turns(one, other):
    """Median processor seconds of each, and median of the ratios other/one."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        one()
        middle = time.process_time()
        other()
        times.append((middle - start, time.process_time() - middle))
    ratio = statistics.median(b / a for a, b in times)
    return *(statistics.median(t) for t in zip(*times, strict=True)), ratio


@pytest.mark.parametrize("objects", OBJECTS)
def test_fifo_beside_the_predictor(benchmark, backbone, predictor, sequence, objects, capsys):
    def one():
        return ours(backbone, sequence, "fifo", objects=objects)

    def other():
        return theirs(predictor, sequence, objects)

    mine, reference = benchmark.pedantic(one, rounds=1), other()
    assert len(mine) == len(reference) == FRAMES
    differing = np.mean([a != b for a, b in zip(mine, reference, strict=True)])
    assert differing < 1e-4, "both must do the same work"
    own, sam2, ratio = in_turns(one, other)
    with capsys.disabled():
        print(
            f"\nnano, {objects} object(s), one thread: FIFO {FRAMES / own:.1f} frames/s, "
            f"SAM2VideoPredictor {FRAMES / sam2:.1f} frames/s; FIFO is {ratio:.2f} x as fast"
        )


def test_three_policies_in_one_pass(benchmark, backbone, sequence, capsys):
    trio = ("fifo", "first", "random")
    benchmark.pedantic(ours, args=(backbone, sequence, *trio), rounds=1)
    together, apart, ratio = in_turns(
        lambda: ours(backbone, sequence, *trio),
        lambda: [ours(backbone, sequence, p) for p in trio],
    )
    *_, cost = in_turns(
        lambda: ours(backbone, sequence, "fifo"), lambda: ours(backbone, sequence, *trio)
    )
    with capsys.disabled():
        print(
            f"\nthree policies in one pass: {together:.2f} s for {FRAMES} frames, {cost:.2f} x one "
            f"policy; one after the other {apart:.2f} s, {ratio:.2f} x the shared pass"
        )


def test_a_unit_with_records(benchmark, backbone, sequence):
    """A pass as the runner does it, with run lengths and records."""
    hosted = [Sam2(backbone).host(load_policy("fifo"))]
    (outcome,) = benchmark.pedantic(run_unit, args=(sequence, hosted), rounds=ROUNDS)
    assert outcome.failure is None
