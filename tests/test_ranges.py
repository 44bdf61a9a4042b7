"""Wrong answers of a plug-in are refused in words that name policy, object and frame."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vot_memory.commands.track import Request, track
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt, PointPrompt
from vot_memory.engine import Engine
from vot_memory.errors import InputError, PolicyError
from vot_memory.policies.fifo import Fifo
from vot_memory.policy import PolicySpec, Prompts, Write
from vot_memory.progress import Silent
from vot_memory.ranges import _brought
from vot_memory.runner import RunSettings, run
from vot_memory.tracking import Tracker


def square(x: int) -> MaskPrompt:
    mask = np.zeros((128, 128), bool)
    mask[20:60, x : x + 30] = True
    return MaskPrompt(mask)


TWO = {"ant": square(10), "bee": square(70)}


@pytest.fixture(scope="module")
def engine(backbone):
    return Engine(backbone)


@pytest.fixture(scope="module")
def features(engine, clip):
    return [engine.encode_image(picture) for picture in clip.frames[:3]]


@pytest.fixture
def refused(engine, features):
    """Run a policy on objects from frame 0 until it is refused; the sentence."""

    def play(policy, prompts):
        tracker = Tracker(engine, policy, num_frames=len(features))
        for frame, feature in enumerate(features):
            tracker.track(feature, prompts if frame == 0 else None)
        tracker.finish()

    def run(policy, prompts=TWO):
        with pytest.raises(PolicyError) as caught:
            play(policy, prompts)
        sentence = str(caught.value)
        assert sentence.endswith(".")
        assert "\n" not in sentence
        return sentence

    return run


class Foreign(Fifo):
    """A plug-in whose answers are spoilt on frame 2, when slots 0 and 1 are filled."""

    name = "foreign"
    rows_per_object = 1

    def __init__(self, method, spoil):
        super().__init__()
        self.method, self.spoil = method, spoil
        self.spec = PolicySpec(rows_per_object=self.rows_per_object)

    def _spoilt(self, method, t, answer):
        return self.spoil(answer) if method == self.method and int(t[0]) == 2 else answer

    def read(self, state, bank, t):
        return self._spoilt("read", t, super().read(state, bank, t))

    def prompts(self, state, bank, frame):
        b, t = bank.rows, bank.frame.amax(1) + 1
        own = Prompts(
            torch.zeros(b, 1, 2),
            torch.full((b, 1), -1, dtype=torch.int32),
            torch.zeros(b, 1, 32, 32),
            torch.ones(b, dtype=torch.bool),
        )
        return self._spoilt("prompts", t, own) if self.method == "prompts" else None

    def select(self, state, bank, candidates, t):
        return self._spoilt("select", t, super().select(state, bank, candidates, t))

    def write(self, state, bank, candidates, selection, t):
        return self._spoilt("write", t, super().write(state, bank, candidates, selection, t))


class Grouped(Foreign):
    """The same with three rows an object."""

    rows_per_object = 3


def put(field, value, at=(1, -1)):
    """Change one number of a field: of row 1, the object "bee", unless told."""

    def spoil(answer):
        tensor = getattr(answer, field).clone()
        tensor[at] = value
        setattr(answer, field, tensor)
        return answer

    return spoil


def give(field, value):
    def spoil(answer):
        setattr(answer, field, value(answer) if callable(value) else value)
        return answer

    return spoil


nan, inf = torch.nan, torch.inf


@pytest.mark.parametrize(
    ("method", "spoil", "words"),
    [
        ("read", put("slots", 9), "reads slot 9, which does not exist (0..6)"),
        ("read", put("slots", -2), "reads slot -2, which does not exist (0..6)"),
        ("read", put("slots", 6), "reads slot 6, which is empty"),
        ("read", put("slots", -1, 1), "reads no memory; read at least slot 0"),
        ("read", put("tpos", 7, (1, 0)), "temporal row 7 is outside 0..6"),
        ("read", put("tpos", -1, (1, 1)), "temporal row -1 is outside 0..6"),
        ("read", put("ptrs", 23), "reads pointer 23, which does not exist (0..22)"),
        ("read", put("ptrs", 7 + 9), "reads pointer 16, which is empty"),
        ("read", put("dist", nan, (1, 1)), "pointer 8 has distance nan"),
        ("read", put("ptr_norm", 0, 1), "ptr_norm is 0; distances are divided by it"),
        ("read", put("ptr_norm", inf, 1), "ptr_norm is inf; distances are divided by it"),
        (
            "read",
            give("key_scale", lambda r: torch.tensor([[1.0], [nan]]).expand(r.slots.shape)),
            "ReadPlan.key_scale is not finite",
        ),
        (
            "read",
            give("ptr_scale", lambda r: torch.tensor([[1.0], [inf]]).expand(r.ptrs.shape)),
            "ReadPlan.ptr_scale is not finite",
        ),
        ("select", put("mask", 3, 1), "chooses candidate 3, there are 3"),
        ("select", put("mask", -1, 1), "chooses candidate -1, there are 3"),
        (
            "select",
            give("parent", torch.tensor([0, 0])),
            "continues row 0 of another object",
        ),
        ("select", give("parent", torch.tensor([0, 2])), "continues row 2 of another object"),
        (
            "select",
            give("output", torch.tensor([0, 1])),
            "answers with row 1 of its group, which has 0..0",
        ),
        ("write", put("slot", 0, 1), "writes slot 0; slots 1..6 can be replaced"),
        ("write", put("slot", 7, 1), "writes slot 7; slots 1..6 can be replaced"),
        (
            "write",
            give("tag", torch.tensor([1, 5], dtype=torch.int8)),
            "tag 5 is outside 0..2",
        ),
        ("prompts", put("points", nan, (1, 0, 0)), "prompts has point [nan, 0.0] with label -1"),
        ("prompts", put("labels", 4, (1, 0)), "prompts has point [0.0, 0.0] with label 4"),
        ("prompts", put("dense", nan, 1), "Prompts.dense is not finite"),
    ],
)
def test_values(refused, method, spoil, words):
    sentence = refused(Foreign(method, spoil))
    assert sentence.startswith(f"Policy 'foreign', object 'bee', frame 2: {words}")


def test_a_mask_that_hides_everything(refused):
    def hide(read):
        read.key_mask = torch.ones(*read.slots.shape, 64, dtype=torch.bool)
        read.key_mask[1, :2] = False  # the slots in use
        read.ptrs = torch.full_like(read.ptrs, -1)
        return read

    sentence = refused(Foreign("read", hide))
    assert sentence.startswith("Policy 'foreign', object 'bee', frame 2: ReadPlan.key_mask hides")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (put("mask", 3, 4), "object 'bee', frame 2: chooses candidate 3"),
        (
            give("parent", torch.tensor([0, 1, 3, 3, 4, 5])),
            "object 'ant', frame 2: continues row 3 of another object",
        ),
        (
            give("output", torch.tensor([2, 3])),
            "object 'bee', frame 2: answers with row 3 of its group, which has 0..2",
        ),
    ],
)
def test_values_of_groups(refused, spoil, words):
    assert refused(Grouped("select", spoil)).startswith(f"Policy 'foreign', {words}")


@pytest.mark.parametrize(
    ("method", "spoil", "words"),
    [
        ("read", lambda _: None, "read answers None, it must be a ReadPlan."),
        ("select", lambda answer: answer.mask, "select answers int64 [2] on cpu, it must be a"),
        ("write", lambda answer: 3, "write answers a int, it must be a Write."),
        ("prompts", lambda _: {}, "prompts answers a dict, it must be a Prompts."),
        (
            "read",
            give("slots", lambda r: r.slots[0]),
            "ReadPlan.slots is int64 [7] on cpu, it must be int64 [2, S] on cpu.",
        ),
        (
            "read",
            give("slots", lambda r: r.slots[:1]),
            "ReadPlan.slots is int64 [1, 7] on cpu, it must be int64 [2, S] on cpu.",
        ),
        (
            "read",
            give("slots", lambda r: r.slots.int()),
            "ReadPlan.slots is int32 [2, 7] on cpu, it must be int64 [2, S] on cpu.",
        ),
        (
            "read",
            give("tpos", lambda r: r.tpos[:, 1:]),
            "ReadPlan.tpos is int64 [2, 6] on cpu, it must be int64 [2, 7] on cpu.",
        ),
        ("read", give("ptrs", None), "ReadPlan.ptrs is None, it must be int64 [2, P] on cpu."),
        ("read", give("dist", lambda r: r.dist.long()), "ReadPlan.dist is int64 [2, 16]"),
        ("read", give("dist", lambda r: r.dist[:, 1:]), "ReadPlan.dist is float32 [2, 15]"),
        ("read", give("ptr_norm", 15.0), "ReadPlan.ptr_norm is a float"),
        ("read", give("ptr_norm", lambda r: r.ptr_norm[:, None]), "ReadPlan.ptr_norm is float32"),
        ("read", give("key_scale", torch.ones(2, 6)), "ReadPlan.key_scale is float32 [2, 6]"),
        ("read", give("ptr_scale", torch.ones(2, 7)), "ReadPlan.ptr_scale is float32 [2, 7]"),
        (
            "read",
            give("key_mask", torch.ones(2, 7, 63, dtype=torch.bool)),
            "ReadPlan.key_mask is bool [2, 7, 63] on cpu, it must be bool [2, 7, 64] on cpu.",
        ),
        (
            "read",
            give("slots", lambda r: r.slots.to("meta")),
            "ReadPlan.slots is int64 [2, 7] on meta, it must be int64 [2, S] on cpu.",
        ),
        ("select", give("mask", lambda s: s.mask.bool()), "Selection.mask is bool [2]"),
        ("select", give("parent", torch.zeros(3).long()), "Selection.parent is int64 [3]"),
        ("select", give("output", torch.zeros(2, 1).long()), "Selection.output is int64 [2, 1]"),
        ("write", give("slot", lambda w: w.slot[:1]), "Write.slot is int64 [1]"),
        ("write", give("tag", torch.ones(2)), "Write.tag is float32 [2] on cpu, it must be int8"),
        ("write", give("hard", torch.ones(2)), "Write.hard is float32 [2] on cpu, it must be bool"),
        ("prompts", give("points", torch.zeros(2, 1, 3)), "Prompts.points is float32 [2, 1, 3]"),
        ("prompts", give("labels", torch.zeros(2, 1)), "Prompts.labels is float32 [2, 1]"),
        ("prompts", give("dense", torch.zeros(2, 1, 8, 8)), "Prompts.dense is float32 [2, 1, 8"),
        ("prompts", give("dense_valid", torch.ones(2)), "Prompts.dense_valid is float32 [2]"),
    ],
)
def test_shapes_types_and_classes(refused, method, spoil, words):
    sentence = refused(Foreign(method, spoil))
    assert sentence.startswith(f"Policy 'foreign', objects 'ant', 'bee', frame 2: {words}")


def test_good_answers_pass(engine, features):
    """What the spoilt answers were before, with all that is optional."""

    def full(answer):
        answer.tag = torch.ones(2, dtype=torch.int8)
        answer.hard = torch.zeros(2, dtype=torch.bool)
        return answer

    for method, spoil in (("prompts", lambda own: own), ("write", full)):
        tracker = Tracker(engine, Foreign(method, spoil))
        for frame, feature in enumerate(features):
            answer = tracker.track(feature, TWO if frame == 0 else None)
        assert answer.written.tolist() == [2, 2]


@pytest.mark.parametrize("method", ["on_prompt", "read", "prompts", "select", "write"])
def test_what_a_method_raises(refused, method):
    class Careless(Fifo):
        name = "careless"

    def lookup(self, *args):
        return {}["missing\nkey"]

    setattr(Careless, method, lookup)
    sentence = refused(Careless(), {"ant": square(10)})
    frame = 0 if method == "on_prompt" else 1
    assert re.fullmatch(
        rf"Policy 'careless', object 'ant', frame {frame}: {method} raised KeyError "
        r"at test_ranges\.py:\d+ \('missing\\nkey'\)\.",
        sentence,
    )


def test_the_cause_is_kept_and_bad_input_stays_what_it_was(engine, features):
    class Careless(Fifo):
        name, error = "careless", KeyError("n")

        def read(self, state, bank, t):
            raise self.error

    policy = Careless()
    for kind, cause in ((PolicyError, policy.error), (InputError, None)):
        tracker = Tracker(engine, policy)
        tracker.init(features[0], TWO)
        with pytest.raises(kind) as caught:
            tracker.track(features[1])
        assert caught.value.__cause__ is cause
        policy.error = InputError("The file ends before frame 1: record it again.")
    assert type(caught.value) is InputError
    assert str(caught.value) == "The file ends before frame 1: record it again."


class Private(Fifo):
    """State of its own, as the test gives it."""

    name = "private"

    def __init__(self, made):
        super().__init__()
        self.made = made

    def reset(self, rows, device, num_frames):
        made = self.made(rows)
        return made if made is None else super().reset(rows, device, num_frames) | made


def test_state_that_does_not_follow_the_rows(refused, features):
    def say(made):
        return refused(Private(made))

    assert say(lambda rows: None) == (
        "Policy 'private', before its first object: reset answers None, not a dict."
    )
    assert say(lambda rows: {"seen": [0] * rows}).endswith(
        "state['seen'] is a list, it must be a tensor of 0 rows."
    )
    assert say(lambda rows: {"seen": torch.zeros(4)}).endswith(
        "state['seen'] is float32 [4] on cpu, it must be a tensor of 0 rows."
    )
    assert say(lambda rows: {"seen": torch.zeros(min(rows, 1))}).startswith(
        "Policy 'private', objects 'ant', 'bee', frame 0: state['seen'] is float32 [1]"
    )
    assert say(lambda rows: {"seen": torch.zeros(rows)} if rows else {}).startswith(
        "Policy 'private', objects 'ant', 'bee', frame 0: reset answers with ['max_ptrs', 'seen'], "
        "other rows have ['max_ptrs']"
    )
    assert say(lambda rows: {"seen": 1 / rows}).startswith(
        "Policy 'private', before its first object: reset raised ZeroDivisionError at test_ranges"
    )


def test_state_that_a_method_breaks(refused):
    class Breaking(Fifo):
        name = "breaking"

        def write(self, state, bank, candidates, selection, t):
            state["max_ptrs"] = state["max_ptrs"][:1]
            return super().write(state, bank, candidates, selection, t)

    assert refused(Breaking()).startswith(
        "Policy 'breaking', objects 'ant', 'bee', frame 1: state['max_ptrs'] is int64 [1] on cpu"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows[:, :1], "objects 'ant', 'bee', frame 2: the answer of finish is int64"),
        (
            lambda rows: rows.index_fill(0, torch.tensor(1), 2),
            "object 'ant', frame 2: finish answers row 2 for its frame 1, which has 2",
        ),
        (
            lambda rows: rows.index_fill(1, torch.tensor(1), -1),
            "object 'bee', frame 2: finish answers row -1 for its frame 0, which has 2",
        ),
        (lambda rows: {}["x"], "objects 'ant', 'bee', frame 2: finish raised KeyError"),
    ],
)
def test_revisions(refused, change, words):
    class Offline(Fifo):
        name = "offline"

        def finish(self, state, log):
            return change(log.backtrace(torch.arange(2)))

    policy = Offline()
    policy.spec = replace(policy.spec, offline=True)
    assert refused(policy).startswith(f"Policy 'offline', {words}")


def test_a_write_from_outside_is_checked_too(engine, features):
    tracker = Tracker(engine, Fifo())
    tracker.init(features[0], TWO)
    track = tracker.state
    track.frame = 1
    pending = engine.propose(track, features[1])
    with pytest.raises(PolicyError, match="object 'bee', frame 1: writes slot 7"):
        engine.commit(track, pending, Write(torch.tensor([1, 7])))
    assert (track.bank.frame[:, 1:] == -1).all()


def test_many_objects_are_named_shortly(refused):
    many = {str(i): square(10 + i) for i in range(5)}
    sentence = refused(Foreign("read", lambda _: None), many)
    assert sentence.startswith("Policy 'foreign', objects '0', '1', '2' and 2 more, frame 2: read")


def test_one_transfer_brings_what_each_tensor_holds():
    tensors = (
        torch.tensor([[2**53, -1]]),
        torch.tensor([0.1, torch.inf]),
        torch.zeros(1, 0, dtype=torch.int8),
        torch.tensor([True, False]),
    )
    for brought, x in zip(_brought(tensors), tensors, strict=True):
        torch.testing.assert_close(brought, x, rtol=0, atol=0)


# ---- prompts that a policy cannot take ---------------------------------------------------------


class Boxes(Fifo):
    """Begins with boxes or masks only."""

    name = "boxes"

    def __init__(self, config=None):
        super().__init__(config)
        self.spec = replace(self.spec, prompts=("box", "mask"))


BOX = BoxPrompt.from_xywh(10, 20, 30, 40)
CLICK = PointPrompt(np.array([[30.0, 40.0]]), np.array([1]))
REFUSAL = "Policy 'boxes', object 'bee', frame {}: a point prompt is not taken; begin the object "


def test_a_prompt_that_is_not_taken(engine, features):
    tracker = Tracker(engine, Boxes())
    with pytest.raises(InputError, match=REFUSAL.format(0) + "with a box or mask"):
        tracker.init(features[0], {"ant": BOX, "bee": CLICK})
    assert (tracker.state.frame, tracker.state.bank.rows) == (-1, 0)
    assert tracker.init(features[0], {"ant": BOX}).objects == ("ant",)
    with pytest.raises(InputError, match=REFUSAL.format(1)):
        tracker.track(features[1], {"bee": CLICK})
    assert (tracker.state.frame, tracker.state.bank.rows) == (0, 1)  # a late one, and no step made
    assert tracker.track(features[1], {"bee": square(70)}).objects == ("ant", "bee")


def test_the_engine_refuses_by_itself(engine, features):
    track = engine.start(Boxes())
    track.frame = 4
    with pytest.raises(InputError, match=REFUSAL.format(4)):
        engine.prompt(track, features[0], {"bee": CLICK})


@pytest.mark.parametrize("prompt", [BOX, CLICK, square(10)])
def test_fifo_takes_every_prompt(engine, features, prompt):
    tracker = Tracker(engine, Fifo())
    tracker.init(features[0], {"ant": prompt})
    assert tracker.track(features[1]).objects == ("ant",)


def test_a_run_is_refused_before_anything_is_written(tmp_path):
    boxes = ((f"{__name__}:Boxes", {}), ("fifo", {}))
    settings = RunSettings(boxes, "synth-smoke", init="point", device="cpu", out=tmp_path / "out")
    with pytest.raises(InputError) as caught:
        run(settings)
    assert str(caught.value) == (
        "Policy 'boxes' does not take a point prompt, with which every object of this run begins: "
        "give --init box or mask."
    )
    assert not (tmp_path / "out").exists()


def test_track_is_refused_before_anything_is_written(tmp_path, clip):
    folder = tmp_path / "video"
    folder.mkdir()
    for t in range(2):
        Image.fromarray(clip.frames[t]).save(folder / f"{t}.png")
    request = Request(folder, tmp_path / "out", None, points=("30,40",), policy=f"{__name__}:Boxes")
    with pytest.raises(InputError, match="Policy 'boxes', object '1', frame 0: a point prompt is"):
        track(request, Silent())
    assert not (tmp_path / "out").exists()
    outcome = track(replace(request, boxes=("10,20,30,40",), points=()), Silent())
    assert outcome.said[0].startswith("objects: 1, frames: 2")
