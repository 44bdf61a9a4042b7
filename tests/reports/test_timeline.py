import numpy as np
import pytest
from fake_results import sequence

from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.metrics.vots import FrameOverlaps, score_object
from vot_memory.policy import ANCHOR, PROMPT, RECENT
from vot_memory.registry import load_policy
from vot_memory.reports.scores import score_runs
from vot_memory.reports.timeline import Memory, find_memories, make_timeline, read_timeline
from vot_memory.results import Record
from vot_memory.trackers.sam2 import Sam2
from vot_memory.unit import run_unit

NAN = float("nan")


def overlaps(*values):
    """Of visible frames; NaN where a frame is not scored."""
    overlap = np.array(values)
    return FrameOverlaps(overlap, ~np.isnan(overlap), ~np.isnan(overlap))


def record(memory, tags=None, written=None, first=0, imported=False):
    """A record with this bank after each frame from `first` on; its masks do not matter here."""
    frames = first + len(memory)
    tags = tags or [[PROMPT] + [RECENT] * (len(row) - 1) for row in memory]

    def column(values):
        return [None] * frames if imported else [None] * first + list(values)

    numbers = range(len(memory))
    return Record(
        sequence="video",
        object="7",
        policy="mine",
        first_frame=first,
        num_frames=frames,
        size=(2, 2),
        offline=False,
        masks=[None] * first + ["04"] * len(memory),
        ious=column([0.9] if t == 0 else [0.1 * t, 0.2 * t, 0.3 * t] for t in numbers),
        object_score=column(float(t) for t in numbers),
        chosen=column(0 if t == 0 else 2 for t in numbers),
        written=column(written or [0] * len(memory)),
        memory=column(memory),
        tags=column(tags),
    )


def stays(found):
    return [(m.slot, m.frame, m.begin, m.end) for m in found]


def test_stays_of_a_bank_that_fills_replaces_and_keeps():
    bank = [[0, -1, -1], [0, 1, -1], [0, 1, 2], [0, 3, 2], [0, 3, 2]]
    found = find_memories(record(bank), overlaps(NAN, 0.5, 0.7, 0.9, 0.1))
    assert stays(found) == [(0, 0, 0, 5), (1, 1, 1, 3), (1, 3, 3, 5), (2, 2, 2, 5)]
    assert [m.overlap for m in found] == pytest.approx([NAN, 0.5, 0.9, 0.7], nan_ok=True)
    assert [m.tag for m in found] == [PROMPT, RECENT, RECENT, RECENT]


def test_a_memory_that_leaves_and_returns_has_two_stays():
    bank = [[0, -1], [0, 1], [0, 2], [0, -1], [0, 1]]
    found = find_memories(record(bank), overlaps(NAN, 0.5, 0.25, 0.5, 0.5))
    assert stays(found)[1:] == [(1, 1, 1, 2), (1, 2, 2, 3), (1, 1, 4, 5)]


def test_another_row_answers_and_all_slots_change():
    bank = [[0, -1, -1], [0, 1, -1], [0, 2, 1], [0, 1, 3]]
    found = find_memories(record(bank), overlaps(NAN, 0.5, 0.6, 0.7))
    assert stays(found) == [
        (0, 0, 0, 4),
        (1, 1, 1, 2),
        (1, 2, 2, 3),
        (1, 1, 3, 4),
        (2, 1, 2, 3),
        (2, 3, 3, 4),
    ]


def test_the_tag_is_that_of_the_stay():
    bank = [[0, -1], [0, 1], [0, 2]]
    tags = [[PROMPT, PROMPT], [PROMPT, RECENT], [PROMPT, ANCHOR]]
    found = find_memories(record(bank, tags), overlaps(NAN, 0.5, 0.6))
    assert [(m.frame, m.tag) for m in found] == [(0, PROMPT), (1, RECENT), (2, ANCHOR)]


def test_a_late_object_counts_frames_of_the_video():
    late = record([[3, -1], [3, 4], [3, 5]], first=3)
    timeline = make_timeline("row", late, overlaps(NAN, NAN, NAN, NAN, 0.5, 0.25))
    assert timeline.memories[1:] == (
        Memory(frame=4, slot=1, begin=4, end=5, tag=RECENT, overlap=0.5),
        Memory(frame=5, slot=1, begin=5, end=6, tag=RECENT, overlap=0.25),
    )
    prompt = timeline.memories[0]
    assert (prompt.frame, prompt.begin, prompt.end) == (3, 3, 6)
    assert np.isnan(prompt.overlap)
    assert (len(timeline), timeline.first_frame, timeline.slots) == (6, 3, 2)
    nothing = [NAN] * 3
    assert timeline.object_score.tolist() == pytest.approx([*nothing, 0, 1, 2], nan_ok=True)
    chosen = [*nothing, 0.9, 0.3, 0.6]  # the only one of the prompt, the third of later frames
    assert timeline.predicted_iou.tolist() == pytest.approx(chosen, nan_ok=True)


def test_discarded_frames():
    bank = [[0, -1], [0, 1], [0, 1], [0, 3]]
    late = record(bank, written=[0, 1, -1, 1], first=2)
    timeline = make_timeline("row", late, overlaps(*[NAN] * 3, 0.5, 0.5, 0.5))
    assert timeline.discarded.tolist() == [False, False, False, False, True, False]


def test_memories_know_whether_the_object_was_absent():
    """On frames 1 and 2 it was there, on 3 and 4 it was not, and 5 is not scored."""
    bank = [[0, -1], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5]]
    visible = np.array([True, True, True, False, False, False])
    frames = FrameOverlaps(np.array([NAN, 0.6, 1, 1, 0, NAN]), visible, visible)
    found = find_memories(record(bank), frames)
    assert [m.absent for m in found] == [False, False, False, True, True, False]
    assert [m.rightly_empty for m in found] == [False, False, False, True, False, False]
    timeline = make_timeline("row", record(bank), frames)
    assert timeline.rightly_empty.tolist() == [False, False, False, True, False, False]


def test_a_frame_that_is_not_scored_gives_a_memory_without_overlap():
    found = find_memories(record([[0, -1], [0, 1]]), overlaps(NAN, NAN))
    assert np.isnan(found[1].overlap)


def test_masks_of_another_program_have_no_scores_and_no_memory():
    other = record([[0]] * 3, imported=True)
    timeline = make_timeline("row", other, overlaps(NAN, 0.5, 0.25))
    assert timeline.memories == ()
    assert timeline.slots == 0
    assert np.isnan(timeline.object_score).all()
    assert np.isnan(timeline.predicted_iou).all()
    assert not timeline.discarded.any()
    assert timeline.overlap.tolist() == pytest.approx([NAN, 0.5, 0.25], nan_ok=True)


def test_a_tracker_without_slots_has_scores_and_no_memory():
    timeline = make_timeline("row", record([[], []], tags=[[], []]), overlaps(NAN, 0.5))
    assert (timeline.memories, timeline.slots) == ((), 0)
    assert timeline.object_score.tolist() == [0, 1]


def test_absent_frames_and_their_memories(results):
    """Absent on the last two of 15 frames: the first of them answered empty, the second not."""
    store = results(sequence("video", absent=2))
    (run,) = score_runs([store.run("first", {"video": [80] * 13 + [0, 80]})], store.sequences)
    timeline = read_timeline(run, "video", "1")
    assert np.flatnonzero(timeline.absent).tolist() == [13, 14]
    assert timeline.overlap.tolist() == pytest.approx([NAN] + [0.8] * 12 + [1, 0], nan_ok=True)
    assert (timeline.label, timeline.policy, timeline.object) == ("first", "first", "1")


def test_the_prompts_frame_has_no_overlap_by_the_toolkits_rules(results):
    """The toolkit counts frame 0 as a zero, but nobody answered there."""
    store = results(sequence("video"))
    folder = store.run("fifo", {"video": 80})
    (run,) = score_runs([folder], store.sequences, toolkit_compatible=True)
    assert run.frames["video", "1"].overlap[0] == 0
    timeline = read_timeline(run, "video", "1")
    assert timeline.overlap.tolist() == pytest.approx([NAN] + [0.8] * 14, nan_ok=True)
    assert run.frames["video", "1"].overlap[0] == 0, "the scores stay as they are"


@pytest.mark.parametrize("policy", ["dam4sam", "sam2long", "random"])
def test_stays_tile_what_a_real_run_has_recorded(backbone, clip, policy):
    """At every frame the stays that cover it are the record's bank, slot by slot."""
    masks = [tuple(encode(clip.labels[t] == k) for t in range(12)) for k in (1, 2)]
    tracks = (ObjectTrack("1", 0, masks[0]), ObjectTrack("2", 3, masks[1]))
    video = Sequence("clip", clip.frames[:12], tracks, (128, 128), 24.0, "clip")
    (outcome,) = run_unit(video, [Sam2(backbone).host(load_policy(policy))])
    assert outcome.failure is None
    for track, record in zip(tracks, outcome.records, strict=True):
        scores = score_object(record.rles(), track)
        timeline = make_timeline(policy, record, scores.frames)
        for t in range(track.first_frame, 12):
            bank = np.full(len(record.memory[t]), -1)
            covering = [m for m in timeline.memories if m.begin <= t < m.end]
            for memory in covering:
                bank[memory.slot] = memory.frame
            assert bank.tolist() == record.memory[t]
            assert len(covering) == (bank >= 0).sum(), "no two stays share a slot"
        assert all(m.frame <= m.begin < m.end <= 12 for m in timeline.memories)
        assert not any(m.begin < track.first_frame for m in timeline.memories)
        remembered = {m.frame for m in timeline.memories}
        assert len(remembered) > 3
        if policy != "sam2long":  # its rows differ in what they discard
            discarded = set(np.flatnonzero(timeline.discarded).tolist())
            assert remembered | discarded == set(range(track.first_frame, 12))
            assert not remembered & discarded
