"""The simulator against the tracker, the metrics and its own definition, on the golden weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from worlds import (
    all_actions,
    episodes_alone,
    golden_model,
    make_simulator,
    make_video,
    replay,
    track_video,
    walk,
)

from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.datasets.rle import encode
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.learn.simulator import Privilege
from vot_memory.metrics import score_object
from vot_memory.registry import load_policy

pytestmark = pytest.mark.golden
MARGIN, TOLERANCE = 1e-2, 1e-3  # architecture: logits within 1e-3 where |reference| > 1e-2


def assert_same(logits, reference):
    decided = reference.abs() > MARGIN
    assert decided.float().mean() > 0.99
    assert (logits - reference).abs()[decided].max() <= TOLERANCE


def full_size(logits, size):
    return F.interpolate(logits[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def square(top, left, side):
    mask = np.zeros((128, 128), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def random_actions(simulator, episodes=1, seed=0):
    shape = (episodes, simulator.num_decisions)
    return np.random.default_rng(seed).integers(0, simulator.num_actions, shape)


# ---- hash-consing --------------------------------------------------------------------------


def read_sets(actions, slots, frames, pointers):
    """Distinct read sets of whole episodes, by the definition: a prediction IS what it read."""
    found = set()
    for row in actions.tolist():
        memories, past = [], []
        for t in range(1, frames):
            read = (t, tuple(memories), tuple(past[:15]) if pointers == "recent" else ())
            found.add(read)
            past.insert(0, read)
            if len(memories) < slots - 1:
                memories.append(read)
            elif t < frames - 1 and row[t - slots] > 0:
                del memories[row[t - slots] - 1]
                memories.append(read)
    return found


@pytest.mark.parametrize("pointers", ["recent", "bank"])
@pytest.mark.parametrize(("slots", "length"), [(3, 8), (4, 8), (2, 8)])
def test_forward_passes_are_the_distinct_read_sets(slots, length, pointers):
    simulator = make_simulator(make_video(length), slots, pointers)
    actions = all_actions(simulator)
    final = simulator.play(actions)
    expected = read_sets(actions, slots, length, pointers)
    assert simulator.counts.passes == len(expected) == simulator.nodes - 1
    made = np.bincount(simulator.frame(np.arange(1, simulator.nodes, dtype=np.int32)))
    assert made[1:].tolist() == np.bincount([read[0] for read in expected])[1:].tolist()
    # In closed form: a memory's read set tells how its bank came about, so banks never merge and
    # the distinct read sets are the distinct beginnings of sequences of decisions.
    decisions = simulator.num_decisions
    assert len(expected) == slots + sum(slots**d for d in range(1, decisions + 1))
    asked = len(actions) * (length - 1)
    assert simulator.counts.asked == asked
    assert simulator.counts.hit_rate == 1 - len(expected) / asked
    simulator.play(actions)
    assert simulator.counts.passes == len(expected)
    assert simulator.counts.hit_rate == 1 - len(expected) / (2 * asked)
    assert len(np.unique(final.node)) == len(actions)


@pytest.mark.parametrize("pointers", ["recent", "bank"])
def test_memories_are_encoded_once_and_only_if_they_are_stored(pointers):
    simulator = make_simulator(make_video(7), 3, pointers)
    simulator.play(np.zeros((4, simulator.num_decisions), np.int64))
    assert simulator.counts.encoded == 2  # frames 1 and 2 fill the bank; the rest is discarded
    simulator.play(all_actions(simulator))
    assert simulator.counts.encoded == 2 + 1 + 3 + 9  # of frames 3, 4, 5: every prediction


@pytest.mark.parametrize(("pointers", "length"), [("recent", 7), ("bank", 6)])
def test_sharing_changes_no_result(pointers, length):
    video = make_video(length)
    shared = make_simulator(video, 3, pointers)
    actions = all_actions(shared)
    seen = walk(shared, actions)
    alone = make_simulator(video, 3, pointers, batch=1)
    for row, episode in enumerate(episodes_alone(alone, actions)):
        for (states, logits), (reference, expected) in zip(seen, episode, strict=True):
            assert_same(logits[row], expected[0])
            assert states.total[row] == pytest.approx(reference.total[0], abs=2e-3)
    assert alone.counts.passes == len(actions) * (length - 1) > shared.counts.passes


@pytest.mark.parametrize("batch", [1, 32])
def test_from_the_same_memories_every_logit_is_equal_at_any_batch(batch):
    simulator = make_simulator(make_video(12), 4)
    seen = walk(simulator, random_actions(simulator, 12))
    simulator.batch = batch
    for states, expected in seen:
        reads = np.column_stack([np.full(12, states.t, np.int32), states.bank, states.recent])
        for part in np.array_split(np.arange(12), max(1, 12 // batch)):
            logits = simulator._compute(states.t, reads[part]).logits
            assert (logits - expected[part]).abs().max() <= TOLERANCE


@pytest.mark.parametrize("batch", [1, 32])
def test_over_a_whole_video_every_decided_mask_is_equal_at_any_batch(batch):
    """A last bit may round a stored memory's bfloat16 the other way, so logits drift apart."""
    video = make_video(12)
    eight, other = (make_simulator(video, 4, batch=b) for b in (8, batch))
    actions = random_actions(eight, 12)
    for (one, logits), (two, expected) in zip(
        walk(other, actions), walk(eight, actions), strict=True
    ):
        decided = expected.abs() > MARGIN
        assert decided.float().mean() > 0.99
        assert torch.equal(logits[decided] > 0, expected[decided] > 0)
        assert (one.bank != two.bank).sum() == 0


def test_the_same_play_gives_the_same_bytes():
    video = make_video(9)
    runs = [make_simulator(video, 4) for _ in range(2)]
    actions = random_actions(runs[0], 5)
    one, two = (simulator.play(actions) for simulator in runs)
    assert one.total.tobytes() == two.total.tobytes()
    assert torch.equal(runs[0].logits(one.node), runs[1].logits(two.node))


def test_episodes_branch_from_copies():
    simulator = make_simulator(make_video(8), 3)
    states = simulator.start()
    states = simulator.advance(states, np.array([2]))
    branches = states.take([0, 0, 0])
    after = simulator.advance(branches, np.array([0, 1, 2]))
    assert simulator.frame(states.bank).tolist() == [[1, 3]]
    assert simulator.frame(after.bank).tolist() == [[1, 3], [3, 4], [1, 4]]
    rest = np.zeros((3, 2), np.int64)
    whole = simulator.play(np.concatenate([[[2, 0], [2, 1], [2, 2]], rest], axis=1))
    for column in rest.T:
        after = simulator.advance(after, column)
    assert after.total.tolist() == whole.total.tolist()
    assert after.node.tolist() == whole.node.tolist()


# ---- the tracker ---------------------------------------------------------------------------

WORLDS = {
    "plain": ({"length": 20}, {"slots": 7}),
    "bank pointers": ({"length": 14}, {"slots": 7, "pointers": "bank"}),
    "two slots": ({"length": 8}, {"slots": 2}),
    "short, by offset": ({"length": 10}, {"slots": 4, "rows": "offset"}),
    "late": ({"length": 14, "first": 3}, {"slots": 5}),
    "late, short video": ({"length": 14, "first": 4}, {"slots": 3, "rows": "offset"}),
    "absent": ({"length": 12, "absent": (5, 6, 9)}, {"slots": 4, "pointers": "bank"}),
    "not annotated": ({"length": 12, "unannotated": (2, 5, 10)}, {"slots": 4}),
    "ignored": (
        {"length": 12, "ignore": [None] * 4 + [square(30, 30, 50)] * 7 + [square(0, 0, 128)]},
        {"slots": 4, "rows": "offset", "pointers": "bank"},
    ),
    "late and absent and ignored": (
        {
            "length": 15,
            "first": 2,
            "absent": (6, 14),
            "unannotated": (9,),
            "ignore": [square(20, 40, 40)] * 15,
        },
        {"slots": 6},
    ),
}


@pytest.mark.parametrize("world", WORLDS)
def test_decisions_mean_the_same_in_the_tracker(world, tmp_path):
    given, rules = WORLDS[world]
    video = make_video(**given)
    simulator = make_simulator(video, **rules, batch=2)  # padded, where the tracker is not
    actions = random_actions(simulator, seed=len(world))
    seen = walk(simulator, actions)
    run = track_video(video, replay(video, simulator, actions[0], tmp_path))
    assert_same_run(seen, run)
    final = seen[-1][0]
    assert simulator.quality(final)[0] == pytest.approx(quality_of(video, run.masks), abs=2e-3)
    for states, _ in seen:
        assert simulator.frame(states.bank)[0].tolist() == run.frames[states.t - 1]


def assert_same_run(seen, run):
    """The simulator's one episode and a run of the tracker."""
    for states, logits in seen:
        assert_same(logits[0], run.logits[states.t - 1])


def quality_of(video, masks):
    """Clean Q by the metrics of masks from the prompt on."""
    track = video.objects[0]
    predictions = [None] * track.first_frame + [encode(mask) for mask in masks]
    return score_object(predictions, track, ignore=video.ignore).quality


@pytest.mark.parametrize("world", WORLDS)
def test_the_return_is_clean_q(world):
    given, rules = WORLDS[world]
    video = make_video(**given)
    simulator = make_simulator(video, **rules, batch=2)
    seen = walk(simulator, random_actions(simulator, 2))
    start, last = seen[0][0], seen[-1][0]
    for row in range(2):
        before = start.recent[row, : start.t - 1][::-1].tolist()
        nodes = [0, *before, *(int(states.node[row]) for states, _ in seen)]
        logits = simulator.logits(np.array(nodes, np.int32))
        masks = (full_size(logits, video.size) > 0).numpy()
        assert simulator.quality(last)[row] == pytest.approx(quality_of(video, masks), abs=1e-6)


@pytest.mark.parametrize(
    ("slots", "rows", "length"), [(7, "rank", 20), (7, "offset", 12), (4, "rank", 12)]
)
def test_fifo_as_a_stream_of_actions_is_fifo(slots, rows, length, tmp_path):
    video = make_video(length)
    simulator = make_simulator(video, slots, rows=rows, batch=2)
    fifo = load_policy("fifo", {"num_maskmem": str(slots)})
    run = track_video(video, fifo)
    played = track_video(video, replay(video, simulator, simulator.fifo()[0], tmp_path, last=1))
    assert np.array_equal(run.masks, played.masks)
    assert run.slots == played.slots
    seen = walk(simulator, simulator.fifo())
    assert_same_run(seen, run)
    for states, _ in seen:
        assert simulator.frame(states.bank)[0].tolist() == run.frames[states.t - 1]


# ---- ground truth given to the tracker -----------------------------------------------------


def everything(candidates, choice):
    logits, ious = candidates.logits.expand(-1, 3, -1, -1), candidates.ious.expand(-1, 3)
    return torch.cat([logits.flatten(1), ious, choice[:, None]], dim=1)  # the prompt's is one mask


def test_choice_by_truth_takes_the_best_candidate():
    video = make_video(10, absent=(7,), unannotated=(8,))
    simulator = make_simulator(video, 3, privilege=Privilege(choice=True), describe=everything)
    simulator.play(random_actions(simulator, 6))
    others = 0
    for node in range(1, simulator.nodes):
        ids = np.array([node], np.int32)
        seen, t = simulator.seen(ids)[0], int(simulator.frame(ids)[0])
        logits, ious, choice = seen[:-4].reshape(3, 32, 32), seen[-4:-1], int(seen[-1])
        overlaps = simulator.clip.overlaps(logits, t)
        assert simulator.overlap(ids)[0] == overlaps.max() == overlaps[choice]
        assert torch.equal(simulator.logits(ids)[0], logits[choice])
        others += choice != int(ious.argmax())
        if t == 8:  # nothing is known: SAM 2's own choice
            assert choice == int(ious.argmax())
    assert others > 0


def test_memory_by_truth_is_the_memory_of_a_true_prompt():
    video = make_video(9, absent=(5,), unannotated=(6,))
    simulator = make_simulator(video, 3, batch=1, privilege=Privilege(memory=True))
    plain = make_simulator(video, 3, batch=1)
    for each in (simulator, plain):
        each.play(each.fifo())
    model, truth = golden_model(), video.objects[0]
    for node in range(1, 8):
        t = int(simulator.frame(np.array([node], np.int32))[0])
        ours, predicted = simulator._nodes["feat"][node], plain._nodes["feat"][node]
        features = model.encode_image(video.frames[t])
        if t == 6:  # not annotated: what was predicted is remembered
            logits = simulator.logits(np.array([node], np.int32))
            obj = simulator._nodes["obj"][node : node + 1]
        elif t == 5:
            logits, obj = torch.full((1, 32, 32), -10.0), torch.tensor([-1.0])
        else:
            track = Engine(model).start(load_policy("fifo"), 9)
            track.frame = 0
            Engine(model).prompt(track, features, {"1": MaskPrompt(truth.mask(t))})
            torch.testing.assert_close(ours, track.bank.feat[0, 0], atol=1e-2, rtol=1e-2)
            assert not torch.allclose(ours, predicted, atol=5e-2)
            continue
        only = torch.zeros(1, dtype=torch.int64)
        expected = model.encode_memory(features, logits[:, None], only, obj, only.bool())[0]
        torch.testing.assert_close(ours.float(), expected, atol=1e-2, rtol=1e-2)


# ---- forgetting ----------------------------------------------------------------------------


def test_trimmed_nodes_are_computed_again_with_the_same_result():
    simulator = make_simulator(make_video(9), 3, batch=4)
    early, late = random_actions(simulator, 3, seed=1), random_actions(simulator, 3, seed=2)
    first = simulator.quality(simulator.play(early))
    simulator.trim(10_000)  # nothing goes, but what is used from now on is newer
    second = simulator.quality(simulator.play(late))
    fresh = make_simulator(make_video(9), 3, batch=4)
    fresh.play(late)
    simulator.trim(fresh.nodes)
    assert simulator.nodes == fresh.nodes
    before = simulator.counts.passes
    again = simulator.play(late)
    assert simulator.quality(again).tolist() == second.tolist()
    assert simulator.counts.passes == before
    recomputed = simulator.quality(simulator.play(early))
    np.testing.assert_allclose(recomputed, first, atol=1e-5)
    shared = read_sets(early, 3, 9, "recent") & read_sets(late, 3, 9, "recent")
    lost = len(read_sets(early, 3, 9, "recent")) - len(shared)
    assert simulator.counts.passes == before + lost
    assert lost > 0


@pytest.mark.parametrize("drop", ["trim", "forget"])
def test_states_from_before_are_refused(drop):
    simulator = make_simulator(make_video(7), 3)
    states = simulator.start(2)
    simulator.trim(1) if drop == "trim" else simulator.forget()
    assert simulator.nodes == 1
    with pytest.raises(ValueError, match="void"):
        simulator.advance(states, np.zeros(2, np.int64))


def test_a_finished_episode_does_not_go_on():
    simulator = make_simulator(make_video(6), 3)
    final = simulator.play(simulator.fifo())
    assert simulator.finished(final)
    with pytest.raises(ValueError, match="Frame 5 is the clip's last"):
        simulator.advance(final, np.ones(1, np.int64))


# ---- refusals ------------------------------------------------------------------------------


def test_a_clip_without_decisions_is_refused():
    make_simulator(make_video(5), 3)
    with pytest.raises(InputError, match="with 3 slots decisions begin on frame 3"):
        make_simulator(make_video(4), 3)


def test_more_slots_than_temporal_rows_need_rows_by_offset():
    with pytest.raises(InputError, match="8 slots are numbered by rank, the model has 7"):
        make_simulator(make_video(12), 8)
    assert make_simulator(make_video(12), 8, rows="offset").num_actions == 8
