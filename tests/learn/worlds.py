"""Small worlds for tests of learning: short videos on the golden weights, and their replay."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.synth import generate
from vot_memory.engine import Engine
from vot_memory.learn.clip import load_clip
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.models import load_model
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker

GOLDEN = Path(__file__).parents[1] / "golden"


@cache
def golden_model():
    return load_model(str(GOLDEN / "model.yaml"), GOLDEN / "model.safetensors", device="cpu")


@cache
def rendered(length=24):
    return generate(seed=7, num_frames=length)


def make_video(length, *, first=0, absent=(), unannotated=(), ignore=None, label=1):
    """A video with one object; frames that are absent or not annotated, and ignored pixels."""
    drawn = rendered()
    masks = [drawn.labels[t] == label for t in range(length)]
    for t in absent:
        masks[t] = np.zeros_like(masks[t])
    rles = [None if t in unannotated or t < first else encode(m) for t, m in enumerate(masks)]
    track = ObjectTrack("1", first, tuple(rles))
    ignored = None if ignore is None else tuple(None if m is None else encode(m) for m in ignore)
    content = f"{length} {first} {absent} {unannotated} {ignored} {label}"
    digest = hashlib.sha256(content.encode()).hexdigest()
    return Sequence("video", drawn.frames[:length], (track,), (128, 128), 24.0, digest, {}, ignored)


def make_simulator(video, slots=3, pointers="recent", rows="rank", batch=8, **options):
    clip = load_clip(golden_model(), video)
    return Simulator(clip, golden_model(), Rules(slots, rows, pointers), batch=batch, **options)


def all_actions(simulator):
    """Every sequence of decisions, int64 [slots ** decisions, decisions]."""
    actions = range(simulator.num_actions)
    return np.array(list(itertools.product(actions, repeat=simulator.num_decisions)))


def episodes_alone(simulator, actions):
    """Every state of every episode, each played with nothing remembered from the others."""
    runs = []
    for row in actions:
        simulator.forget()
        runs.append(walk(simulator, row[None]))
    return runs


def walk(simulator, actions):
    """All states of episodes from the first decision to the end, with their logits."""
    states = simulator.start(len(actions))
    seen = [(states, simulator.logits(states.node))]
    for column in actions.T:
        states = simulator.advance(states, column)
        seen.append((states, simulator.logits(states.node)))
    return seen


class Recorder(Engine):
    """An engine that notes the logits of the chosen masks of its one object."""

    def __init__(self):
        super().__init__(golden_model())
        self.logits = []

    def propose(self, track, features):
        pending = super().propose(track, features)
        self.logits.append(pending.prediction.logits[0])
        return pending


@dataclass
class Run:
    """What a tracker did at batch 1, counted from the prompt.

    Attributes:
        masks: bool [T, H, W]. logits: of frame t at t - 1. slots: written. frames: stored after it.
    """

    masks: list
    logits: list
    slots: list
    frames: list


def track_video(video, policy):
    (track,) = video.objects
    engine = Recorder()
    run = Run([], engine.logits, [], [])
    tracker = Tracker(engine, policy, num_frames=len(video), sequence=video.name)
    for t in range(len(video)):
        prompts = {track.id: MaskPrompt(track.mask(t))} if t == track.first_frame else None
        answer = tracker.track(video.frames[t], prompts)
        if answer.objects:
            stored = sorted(f for f in answer.memory[0].tolist() if f > track.first_frame)
            run.masks.append(answer.mask(track.id))
            run.slots.append(int(answer.written[0]))
            run.frames.append([f - track.first_frame for f in stored])
    return run


def replay(video, simulator, actions, folder, last=0):
    """The replay policy with decisions of the simulator, and one for the last frame."""
    clip, rules = simulator.clip, simulator.rules
    content = {
        "model": golden_model().name,
        "image_size": golden_model().image_size,
        "slots": rules.slots,
        "rows": rules.rows,
        "pointers": rules.pointers,
        "tracks": [
            {"sequence": clip.sequence, "object": clip.object, "actions": [*actions.tolist(), last]}
        ],
    }
    file = folder / "decisions.json"
    file.write_text(json.dumps(content))
    return load_policy("replay", {"file": str(file)})
