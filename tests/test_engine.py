"""The engine's promises: rows, ragged reads, two phases, laziness, groups, bounded memory."""

from __future__ import annotations

import itertools
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from vot_memory.attention import masked_memory_attention
from vot_memory.backbone import Backbone, Heads
from vot_memory.bank import Bank
from vot_memory.contract import check_policy
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.log import Log
from vot_memory.policies.fifo import Fifo
from vot_memory.policies.replay import Replay, ReplayConfig
from vot_memory.policy import PolicySpec, Prompts, Selection, Write
from vot_memory.registry import POLICIES, load_policy
from vot_memory.tracking import Tracker

EVERY_POLICY = POLICIES.keys() - {"replay", "sam2rl"}  # which need files
MARGIN = 1e-2  # masks may differ only where the logit is closer to zero than this


@pytest.fixture(scope="module")
def engine(backbone):
    return Engine(backbone)


@pytest.fixture(scope="module")
def features(engine, clip):
    return [engine.encode_image(picture) for picture in clip.frames]


@pytest.fixture(scope="module")
def masks(clip):
    """Prompts of up to three objects on frame 0."""
    ids, area = np.unique(clip.labels[0], return_counts=True)
    order = sorted((-a, i) for i, a in zip(ids, area, strict=True) if i)[:3]
    return {str(i): MaskPrompt(clip.labels[0] == i) for _, i in order}


def play(engine, policy, features, prompts, starts=None, sequence="") -> Iterator:
    """Prediction and written slots of every frame; objects start at frame 0 unless told."""
    track = engine.start(policy, len(features))
    starts = starts or {}
    for frame, feature in enumerate(features):
        track.frame = frame
        if track.objects:
            prediction, slots = engine.step(track, feature)
            yield track, prediction, slots
        begins = {n: p for n, p in prompts.items() if starts.get(n, 0) == frame}
        if begins:
            engine.prompt(track, feature, begins, sequence)


def assert_same_masks(a: torch.Tensor, b: torch.Tensor) -> None:
    differ = ((a > 0) != (b > 0)) & (a.abs() > MARGIN)
    assert not bool(differ.any())


def test_masked_attention_equals_sams_own_when_all_keys_are_kept(backbone, features):
    torch.manual_seed(0)
    b, keys, pointers = 3, 2 * backbone.grid**2, 8
    memory = torch.randn(keys + pointers, b, backbone.mem_dim)
    pos = torch.randn_like(memory)
    keep = torch.ones(b, keys + pointers, dtype=torch.bool)
    plain = backbone.attend(features[0], memory, pos, pointers)
    masked = backbone.attend(
        features[0], memory, pos, pointers, keep, torch.ones_like(keep).float()
    )
    torch.testing.assert_close(masked, plain, atol=1e-5, rtol=1e-5)


def test_masked_keys_are_as_if_absent_and_scaled_keys_are_not(backbone, features):
    torch.manual_seed(0)
    area, pointers = backbone.grid**2, 4
    memory, pos = torch.randn(2, 3 * area + pointers, 1, backbone.mem_dim).unbind()
    keep = torch.ones(1, 3 * area + pointers, dtype=torch.bool)
    keep[:, area : 2 * area] = False
    masked = backbone.attend(features[0], memory, pos, pointers, keep)
    kept = keep[0].nonzero()[:, 0]
    absent = backbone.attend(features[0], memory[kept], pos[kept], pointers)
    torch.testing.assert_close(masked, absent, atol=1e-5, rtol=1e-5)
    scaled = backbone.attend(
        features[0], memory, pos, pointers, keep, torch.where(keep, 1.05, 1.0).float()
    )
    assert not torch.allclose(scaled, masked, atol=1e-4)
    assert masked_memory_attention.__module__ == "vot_memory.attention"


def test_ragged_rows_equal_single_rows(engine, features, masks):
    """Objects that began at different frames read different numbers of memories."""
    starts = {name: 3 * i for i, name in enumerate(masks)}
    ragged: dict[tuple[int, str], torch.Tensor] = {}
    for track, prediction, _ in play(engine, Fifo(), features, masks, starts):
        for i, row in enumerate(prediction.row.tolist()):
            ragged[track.frame, track.objects[row]] = prediction.logits[i]
    for name, prompt in masks.items():
        alone = {name: prompt}
        for track, prediction, _ in play(engine, Fifo(), features, alone, starts):
            other = ragged[track.frame, name]
            torch.testing.assert_close(other, prediction.logits[0], atol=1e-3, rtol=1e-3)


def test_batch_of_32_rows_equals_one(engine, features, masks):
    name, prompt = next(iter(masks.items()))
    many = {f"{name}.{i}": prompt for i in range(32)}
    one = [p.logits[0] for _, p, _ in play(engine, Fifo(), features[:12], {name: prompt})]
    for logits, (_, prediction, _) in zip(
        one, play(engine, Fifo(), features[:12], many), strict=True
    ):
        assert prediction.logits.shape[0] == 32
        for row in prediction.logits:
            torch.testing.assert_close(row, logits, atol=1e-3, rtol=1e-3)
            assert_same_masks(row, logits)


def test_fifo_as_a_stream_of_actions_equals_fifo(engine, features, masks, tmp_path):
    """Replace the oldest, always, with recent pointers."""
    tracks = [
        {"sequence": "clip", "object": name, "actions": [1] * (len(features) - 7)} for name in masks
    ]
    recorded = {"model": engine.backbone.name, "image_size": 128, "tracks": tracks}
    file = tmp_path / "fifo.json"
    file.write_text(json.dumps(recorded))
    replay = Replay(ReplayConfig(file))
    runs = (
        play(engine, Fifo(), features, masks),
        play(engine, replay, features, masks, sequence="clip"),
    )
    for (fifo_track, fifo, _), (action_track, action, _) in zip(*runs, strict=True):
        assert torch.equal(fifo.logits, action.logits)
        assert torch.equal(fifo.chosen, action.chosen)
        stored = [t.bank.frame.sort(dim=1).values for t in (fifo_track, action_track)]
        assert torch.equal(*stored)


def test_propose_writes_nothing_and_commit_applies_a_foreign_write(engine, features, masks):
    track = engine.start(Fifo(), len(features))
    track.frame = 0
    engine.prompt(track, features[0], masks)
    track.frame = 1
    before = track.bank.frame.clone()
    first = engine.propose(track, features[1])
    again = engine.propose(track, features[1])
    assert torch.equal(first.prediction.logits, again.prediction.logits)
    assert torch.equal(track.bank.frame, before)
    slots = torch.full((track.bank.rows,), -1)
    slots[0] = 4
    assert torch.equal(engine.commit(track, first, Write(slots)), slots)
    assert track.bank.frame[0].tolist() == [0, -1, -1, -1, 1, -1, -1]
    assert (track.bank.frame[1:, 1:] == -1).all()


class CountingBackbone(Backbone):
    """Counts masks that are encoded and pictures that are decoded."""

    encoded = decoded = 0

    def encode_memory(self, features, logits, choice, obj, hard):
        self.encoded += len(logits)
        return super().encode_memory(features, logits, choice, obj, hard)

    def decode(self, conditioned, *args, **kwargs):
        self.decoded += len(conditioned)
        return super().decode(conditioned, *args, **kwargs)


@pytest.fixture
def counting(backbone):
    return CountingBackbone(backbone.model, backbone.name)


def test_rows_that_discard_are_not_encoded(counting, features, masks):
    engine = Engine(counting)
    for _ in play(engine, load_policy("first"), features[:5], masks):
        pass
    assert counting.encoded == len(masks)  # the prompts


def test_memory_of_a_proposal_is_encoded_once_and_reused(counting, features, masks):
    engine = Engine(counting)
    track = engine.start(Fifo(), len(features))
    track.frame = 0
    engine.prompt(track, features[0], masks)
    track.frame, counting.encoded = 1, 0
    pending = engine.propose(track, features[1])
    assert counting.encoded == 0
    seen = engine.memory(pending)
    assert torch.equal(engine.memory(pending), seen)
    engine.commit(track, pending)
    assert counting.encoded == len(masks)
    assert torch.equal(track.bank.feat[:, 1], seen.to(torch.bfloat16))


class Pathways(Fifo):
    """Three rows an object that part at frame 3: row p takes candidate p of row 0."""

    name = "pathways"

    def __init__(self) -> None:
        super().__init__()
        self.spec = PolicySpec(rows_per_object=3, offline=True)

    def select(self, state, bank, candidates, t):
        mask = candidates.ious.argmax(1)
        place = torch.arange(bank.rows) % 3
        parts = t == 3
        return Selection(
            mask=torch.where(parts, place, mask),
            parent=torch.where(parts, torch.arange(bank.rows) - place, torch.arange(bank.rows)),
            output=torch.full((bank.rows // 3,), 2),
        )

    def finish(self, state, log):
        return log.backtrace(torch.arange(0, len(log.parent(log.frames - 1)), 3))


def test_identical_rows_of_a_group_are_stepped_once(counting, features, masks):
    engine, steps = Engine(counting), []
    groups = []
    for track, prediction, _ in play(engine, Pathways(), features[:8], masks):
        steps.append(counting.decoded)
        counting.decoded = 0
        groups = track.bank.group.tolist()
        assert prediction.row.tolist() == [2 + 3 * i for i in range(len(masks))]
    n = len(masks)
    assert steps[1:2] == [n]  # all three alike until they part at frame 3
    assert steps[3:] == [3 * n] * len(steps[3:])
    assert groups == [g for g in range(n) for _ in range(3)]


def test_memories_move_only_when_a_row_continues_another(engine, features, masks, monkeypatch):
    moved = []
    reindex = Bank.reindex
    monkeypatch.setattr(Bank, "reindex", lambda *args: moved.append(1) or reindex(*args))
    frames = []
    for track, _, _ in play(engine, Pathways(), features[:6], masks):
        frames += [track.frame] * len(moved)
        moved.clear()
    assert frames == [3]


def test_backtrace_follows_parents(engine, features, masks):
    tracker = Tracker(engine, Pathways(), num_frames=6)
    answers = [
        tracker.track(feature, masks if t == 0 else None) for t, feature in enumerate(features[:6])
    ]
    revised = list(tracker.finish())
    assert [frame for frame, _ in revised] == list(range(6))
    for i, name in enumerate(masks):
        assert (revised[2][1][name] == answers[2].masks[i]).all()  # one history before they part


def test_revised_masks_name_frames_of_the_video(engine, features, masks):
    tracker = Tracker(engine, Pathways(), num_frames=6)
    a, b = list(masks)[:2]
    starts = {2: {a: masks[a]}, 4: {b: masks[b]}}
    for t, feature in enumerate(features[:6]):
        tracker.track(feature, starts.get(t))
    assert [(t, set(m)) for t, m in tracker.finish()] == [
        (2, {a}),
        (3, {a}),
        (4, {a, b}),
        (5, {a, b}),
    ]


def test_log_backtrace_by_hand():
    log = Log()
    log.append(torch.zeros(2, 1, 1), torch.tensor([0, 1]))
    log.append(torch.ones(2, 1, 1), torch.tensor([1, 1]))
    log.append(torch.full((3, 1, 1), 2.0), torch.tensor([1, 0, 2]))
    assert log.backtrace(torch.tensor([1, 2])).tolist() == [[1, -1], [0, -1], [1, 2]]
    assert log.logits(2).flatten().tolist() == [2, 2, 2]


class Hinting(Fifo):
    """Clicks on a point of its own for the first row only, as MoSAM may."""

    name = "hinting"
    dense = False

    def prompts(self, state, bank, frame):
        points = torch.full((bank.rows, 1, 2), 30.0)
        labels = torch.full((bank.rows, 1), -1, dtype=torch.int32)
        valid = torch.zeros(bank.rows, dtype=torch.bool)
        labels[0], valid[0] = 1, True
        logits = torch.full((bank.rows, 1, 32, 32), -5.0)
        return Prompts(points, labels, *((logits, valid) if self.dense else ()))


@pytest.mark.parametrize("dense", [False, True])
def test_prompts_of_a_policy_reach_the_rows_they_are_for(engine, features, masks, dense):
    policy = Hinting()
    policy.dense = dense
    hinted = [p.logits for _, p, _ in play(engine, policy, features[:3], masks)]
    plain = [p.logits for _, p, _ in play(engine, Fifo(), features[:3], masks)]
    assert not torch.allclose(hinted[0][0], plain[0][0], atol=1e-2)
    torch.testing.assert_close(hinted[0][1:], plain[0][1:], atol=1e-4, rtol=1e-4)


class Scaled(Fifo):
    """Weighs keys, and masks the lower half of every memory."""

    name = "scaled"
    scale, mask = 1.0, False

    def read(self, state, bank, t):
        plan = super().read(state, bank, t)
        plan.key_scale = torch.full(plan.slots.shape, self.scale)
        plan.ptr_scale = torch.full(plan.ptrs.shape, self.scale)
        if self.mask:
            plan.key_mask = (torch.arange(64) < 32).expand(*plan.slots.shape, 64)
        return plan


def test_scaled_and_masked_keys_through_the_engine(engine, features, masks):
    def run(scale, mask):
        policy = Scaled()
        policy.scale, policy.mask = scale, mask
        return [p.logits for _, p, _ in play(engine, policy, features[:6], masks)][-1]

    plain = [p.logits for _, p, _ in play(engine, Fifo(), features[:6], masks)][-1]
    torch.testing.assert_close(run(1.0, False), plain, atol=1e-3, rtol=1e-3)
    for other in (run(0.5, False), run(1.0, True)):
        assert not torch.allclose(other, plain, atol=1e-2)


def test_second_prompt_is_refused(engine, features, masks):
    tracker = Tracker(engine, Fifo())
    tracker.init(features[0], masks)
    name = next(iter(masks))
    with pytest.raises(InputError, match=f"Object '{name}' got a second prompt at frame 1"):
        tracker.track(features[1], {name: masks[name]})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EVERY_POLICY))
def test_contract(name):
    for check in check_policy(name):
        assert check.ok, check


def test_check_policy_catches_a_bank_that_depends_on_its_batch():
    class Neighbourly(Fifo):
        def write(self, state, bank, candidates, selection, t):
            return Write(slot=torch.where(t > 0, 1 + (t - 1 + bank.rows) % 6, 1))

    import vot_memory.registry as registry

    registry.POLICIES["neighbourly"] = "unused"
    original = registry.policy_class
    registry.policy_class = lambda name: Neighbourly if name == "neighbourly" else original(name)
    try:
        failed = [c.name for c in check_policy("neighbourly", frames=12) if not c.ok]
    finally:
        registry.policy_class = original
        del registry.POLICIES["neighbourly"]
    assert any("alone" in name for name in failed)


class ScriptedBackbone(Backbone):
    """Everything but the network: answers drawn from a short list, absences among them."""

    script = None

    def attend(self, features, memory, pos, pointer_tokens, keep=None, scale=None):
        return memory.new_zeros(memory.shape[1], self.hidden_dim, self.grid, self.grid)

    def decode(self, conditioned, features, *args, multimask=None, **kwargs):
        if self.script is None:
            draw = torch.Generator().manual_seed(0)
            shape = len(conditioned), 1 if multimask is False else 3
            self.script = itertools.cycle(
                Heads(
                    torch.randn(*shape, 32, 32, generator=draw),
                    torch.rand(shape, generator=draw),
                    torch.randn(len(conditioned), generator=draw),
                    torch.randn(*shape, self.hidden_dim, generator=draw),
                )
                for _ in range(50)
            )
        return next(self.script)

    def encode_memory(self, features, logits, choice, obj, hard):
        return logits.new_full((len(logits), *self.memory_shape), float(logits.mean()))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EVERY_POLICY))
def test_memory_is_flat(backbone, features, masks, name):
    """The same bytes after 200 frames and at the end, and no growth of the process."""
    last = 10_000 if name == "fifo" else 2500
    scripted = ScriptedBackbone(backbone.model, backbone.name)
    tracker = Tracker(Engine(scripted), load_policy(name))
    tracker.init(features[0], dict([next(iter(masks.items()))]))
    bank_bytes, state_bytes, resident = {}, {}, {}
    for frame in range(1, last + 1):
        tracker.track(features[frame % len(features)])
        if frame in (200, last):
            private = tracker.state.state.values()
            bank_bytes[frame] = tracker.state.bank.nbytes
            state_bytes[frame] = sum(v.numel() * v.element_size() for v in private)
            resident[frame] = resident_bytes()
    assert bank_bytes[200] == bank_bytes[last]
    assert state_bytes[200] == state_bytes[last]
    assert resident[last] - resident[200] < 850 * (last - 200)  # 8 MiB in 10,000 frames


def resident_bytes() -> int:
    """Resident set of this process now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
