"""What each memory policy costs over FIFO, and whether all of them in one pass cost the sum.

A pass encodes a picture once, which takes E, and then steps every policy, which takes its memory
path M: read, attend, decode, select, encode the new memory. So all policies together should cost
E plus the sum of M, and no more. Times are processor seconds of one thread; all sides take turns
at every frame.

Real sizes run with random weights: time depends on what is computed, not on what comes out. Their
heads are set to answer that the object is there and well segmented, since rules read less of what
they do not trust; and banks are filled beforehand, so that all reads are full.
"""

import time

import numpy as np
import pytest
import torch

from vot_memory import models
from vot_memory.backbone import Backbone
from vot_memory.candidates import Candidates
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.synth import load
from vot_memory.engine import Engine, Pending
from vot_memory.policy import UNUSED, Selection
from vot_memory.registry import POLICIES, load_policy
from vot_memory.trackers.sam2 import Hosted, Sam2
from vot_memory.tracking import Tracker
from vot_memory.unit import run_unit

NEED_FILES = ("replay", "sam2rl")
OPTIONS = {"learned": {"other_model": True}}  # it was trained on nano
NAMES = [name for name in POLICIES if name not in NEED_FILES]
WARM, FRAMES, ROUNDS = 16, 48, 2  # nano: frames until banks are full, frames, passes
FILL, STEPS = 24, 2  # real sizes: made-up frames, measured ones
IMAGE_SIZE, VIDEO = 512, (480, 854)
TOLERANCE = 0.15  # of the pass beside E + sum of memory paths


def seconds(do, *args):
    """Processor seconds of a call, and what it answers."""
    start = time.process_time()
    answer = do(*args)
    return time.process_time() - start, answer


def reads(track):
    """Spatial memories and pointers that a track's first row reads at its current frame."""
    plan = track.policy.read(track.state, track.bank, track.frame - track.start)
    return tuple(int((x[0] != UNUSED).sum()) for x in (plan.slots, plan.ptrs))


# ---- over FIFO, on nano ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def nano():
    return models.load_model("nano", device="cpu")


def pass_of_all(backbone, pictures, prompts):
    """Seconds of encoding, [frames], and of tracking by each policy, [frames, policies]."""
    hosts = [Sam2(backbone).host(load_policy(name, OPTIONS.get(name))) for name in NAMES]
    trackers = [Tracker(h.engine, h.policy, num_frames=FRAMES) for h in hosts]
    encoding, tracking = [], []
    for t, picture in enumerate(pictures):
        spent, features = seconds(hosts[0].engine.encode_image, picture)
        encoding.append(spent)
        begun = prompts if t == 0 else None
        tracking.append([seconds(tracker.track, features, begun)[0] for tracker in trackers])
    return np.array(encoding), np.array(tracking)


@pytest.mark.parametrize("objects", [1, 4])
def test_cost_over_fifo(benchmark, nano, objects, capsys):
    made = load("dev", 1, FRAMES)[0]
    pictures, mask = list(made.frames), made.objects[0].mask(0)
    prompts = {str(i): MaskPrompt(np.roll(mask, 20 * i, 1)) for i in range(objects)}
    rounds = []
    benchmark.pedantic(
        lambda: rounds.append(pass_of_all(nano, pictures, prompts)), rounds=ROUNDS, iterations=1
    )
    # Rounds do the same work, so the least time of a frame is its cost; frames differ.
    encoding, tracking = (np.min(x, axis=0)[WARM:] for x in zip(*rounds, strict=True))
    e, m = 1e3 * encoding.mean(), 1e3 * tracking.mean(axis=0)
    fifo = m[NAMES.index("fifo")]
    with capsys.disabled():
        print(f"\nnano, {objects} object(s): {e:.1f} ms to encode a picture; ms a frame")
        print(f"{'policy':16} tracking  over FIFO  over FIFO's frame, picture and all")
        for name, own in zip(NAMES, m, strict=True):
            more = own - fifo
            print(f"{name:16} {own:8.1f} {more:+10.1f} {100 * more / (e + fifo):+18.1f} %")


# ---- all in one pass, at real sizes ----------------------------------------------------------


@pytest.fixture(scope="module")
def video():
    """A prompt and a few frames of 480p that lie in memory; what is seen does not matter."""
    made = load("dev", 1, 1 + STEPS)[0]
    y, x = (np.arange(n) * 128 // n for n in VIDEO)
    frames = np.stack([picture[y][:, x] for picture in made.frames])
    mask = encode(made.objects[0].mask(0)[y][:, x])
    return Sequence("video", frames, (ObjectTrack("1", 0, (mask, *[None] * STEPS)),), VIDEO, 24, "")


def confident(name):
    """A model of random weights whose heads say: there, and well segmented."""
    torch.manual_seed(0)
    model = models.build(models.find_config(name), IMAGE_SIZE)
    decoder = model.sam_mask_decoder
    for head, logit in ((decoder.pred_obj_score_head, 5.0), (decoder.iou_prediction_head, 2.0)):
        torch.nn.init.constant_(head.layers[-1].bias, logit)
    return Backbone(model, name)


@torch.inference_mode()
def fill(engine, track, features):
    """Fill a bank by the policy's own rule, which sees a moving square and a distractor."""
    rows, side = track.bank.rows, 4 * engine.backbone.grid
    for _ in range(FILL):
        track.frame += 1
        at = side // 4 + track.frame
        logits = torch.full((rows, 3, side, side), -10.0)
        logits[:, :2, at : at + side // 8, at : at + side // 8] = 10.0
        logits[:, 1, -side // 8 :, -side // 8 :] = 10.0
        candidates = Candidates(
            logits,
            torch.tensor([0.9, 0.6, 0.5]).expand(rows, -1),
            torch.full((rows,), 5.0),
            torch.randn(rows, 3, engine.backbone.hidden_dim),
            engine.backbone.image_size,
            features.video_size,
        )
        choice = Selection(torch.zeros(rows, dtype=torch.int64))
        memory = torch.randn(rows, *track.bank.memory_shape)
        clock = track.frame - track.start
        engine.commit(track, Pending(features, clock, candidates, choice, None, None, memory))
    track.origin = torch.arange(rows)  # no two pathways hold the same


class Filled(Tracker):
    """A tracker whose bank is full right after the prompt."""

    def track(self, picture, prompts=None):
        answer = super().track(picture, prompts)
        if prompts:
            fill(self.engine, self.state, picture)
        return answer


class HostedFull(Hosted):
    def tracker(self, sequence, *, non_overlap=False):
        return Filled(self.engine, self.policy, sequence=sequence.name)


class Beside:
    """Takes turns with a pass: after each of its frames the same frame, every policy for itself.

    Seconds of a frame: `passes` of the pass, `encoding` and `paths` (of each policy) apart. `reads`
    has spatial memories and pointers that each policy read.
    """

    def __init__(self, engine, video):
        self.engine, self.video = engine, video
        self.tracks = [engine.start(load_policy(name, OPTIONS.get(name))) for name in NAMES]
        self.passes, self.encoding, self.paths, self.reads = [], [], [], []
        self.resumed = 0.0

    def __call__(self, done):
        passed = time.process_time() - self.resumed
        spent, features = seconds(self.engine.encode_image, self.video.frames[done - 1])
        prompt = MaskPrompt(self.video.objects[0].mask(0))
        for track in self.tracks:
            track.frame += 1
            if done == 1:
                self.engine.prompt(track, features, {"1": prompt})
                fill(self.engine, track, features)
        if done > 1:
            self.passes.append(passed)
            self.encoding.append(spent)
            self.reads.append([reads(track) for track in self.tracks])
            step = self.engine.step
            self.paths.append([seconds(step, track, features)[0] for track in self.tracks])
        self.resumed = time.process_time()


@pytest.mark.parametrize("name", ["sam2.1-t", "sam2.1-l"])
def test_all_in_one_pass(benchmark, video, name, capsys):
    engine = Engine(confident(name))
    beside = Beside(engine, video)
    hosted = [HostedFull(track.policy, engine, "mask") for track in beside.tracks]
    outcomes = benchmark.pedantic(
        run_unit, args=(video, hosted), kwargs={"on_frame": beside}, rounds=1
    )
    assert [outcome.failure for outcome in outcomes] == [None] * len(NAMES)
    e, m = np.array(beside.encoding), np.array(beside.paths)
    fifo = m[:, [NAMES.index("fifo")]]
    over = np.median((m - fifo) / (e[:, None] + fifo), axis=0)
    ratio = np.median(beside.passes / (e + m.sum(axis=1)))
    least = np.min(beside.reads, axis=0)
    full = [min(track.bank.slots, track.bank.num_maskmem) for track in beside.tracks]
    assert least[:, 0].tolist() == full
    with capsys.disabled():
        print(f"\n{name} at {IMAGE_SIZE} px, one object: E {np.median(e):.2f} s a picture")
        print(f"{'policy':16} {'M, s':>6}  memories  pointers  pathways  over FIFO's frame (E + M)")
        for i, track in enumerate(beside.tracks):
            memories, pointers, pathways = *least[i], len(track.origin.unique())
            print(
                f"{NAMES[i]:16} {np.median(m[:, i]):6.2f} {memories:9} {pointers:9} {pathways:9} "
                f"{100 * over[i]:+18.1f} %"
            )
        print(
            f"all in one pass: {np.median(beside.passes):.2f} s a frame, {ratio:.2f} x (E + sum of "
            "M)"
        )
    assert abs(ratio - 1) < TOLERANCE
