import fake_results
import numpy as np
import pytest
from fake_results import at, sequence

from vot_memory.reports.plots.difficulty import difficulty_alt, difficulty_plot
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.difficulty import video_facts
from vot_memory.reports.tables.table import make_table


@pytest.fixture
def make(results):
    def table(sequences, baseline="fifo", **policies):
        store = results(*sequences)
        folders = [store.run(name, own) for name, own in policies.items()]
        return make_table(score_runs(folders, store.sequences), baseline, len(sequences))

    return table


def labels(occluded=(), lookalike=()):
    return {"occluded": at(*occluded), "lookalike_near": at(*lookalike)}


def test_facts_are_shares_of_the_frames_after_the_prompt(make):
    video = sequence("a", absent=7, labels=labels(occluded=[1, 2], lookalike=[2, 3, 4, 5]))
    table = make([video], fifo={"a": 50})
    assert video_facts(table.runs).loc["a"].to_dict() == {
        "occlusion": 2 / 14,
        "absence": 7 / 14,
        "distractor": 3 / 14,  # frame 2 counts as occluded
        "length": 15,
    }


def test_quality_and_difference_of_a_level_are_means_over_its_videos(make):
    easy = [sequence(f"e{i}", labels=labels()) for i in range(3)]
    hard = [sequence(f"h{i}", labels=labels(occluded=range(1, 8))) for i in range(2)]
    fifo = {"e0": 80, "e1": 70, "e2": 90, "h0": 40, "h1": 20}
    sam3 = {"e0": 70, "e1": 70, "e2": 70, "h0": 50, "h1": 60}
    table = make([*easy, *hard], fifo=fifo, sam3=sam3).difficulty
    assert table.levels == [
        ("occlusion", "none", "0% of frames"),
        ("occlusion", "some", "up to 50%"),
    ]
    base, own = (table.cell(name, "occlusion", "some") for name in ("fifo", "sam3"))
    assert base["videos"] == 2
    assert base["Q"] == pytest.approx(0.3)
    assert np.isnan(base["difference"])
    assert own["Q"] == pytest.approx(0.55)
    assert own["difference"] == pytest.approx(0.25)
    assert own["difference_low"] <= 0.25 <= own["difference_high"]
    assert (own["wins"], own["losses"]) == (2, 0)
    calm = table.cell("sam3", "occlusion", "none")
    assert calm["difference"] == pytest.approx(-0.1)
    assert (calm["wins"], calm["ties"], calm["losses"]) == (0, 1, 2)
    assert table.rows["label"].tolist() == ["fifo", "fifo", "sam3", "sam3"]


def test_many_videos_have_three_levels_cut_at_the_median(make):
    count = [0] * 5 + [1] * 10 + [2] * 12 + [3] * 21
    videos = [
        sequence(f"s{i:02d}", labels=labels(lookalike=range(1, n + 1))) for i, n in enumerate(count)
    ]
    table = make(videos, fifo={video.name: 50 for video in videos}).difficulty
    assert table.levels == [
        ("distractor", "none", "0% of frames"),
        ("distractor", "low", "up to 14%"),  # the median of the positive ones is 2 of 14 frames
        ("distractor", "high", "over 14%"),
    ]
    assert table.rows["videos"].tolist() == [5, 22, 21]
    assert table.notes[0].endswith(". Shares are cut at the median of the videos that have some.")


def test_lengths_are_short_and_long_or_three_levels_of_many(make, monkeypatch):
    def videos(each):
        made = []
        for frames in (10, 20, 30):
            monkeypatch.setattr(fake_results, "FRAMES", frames)
            made += [sequence(f"{frames}-{i}") for i in range(each)]
        return made

    few, many = videos(2), videos(20)
    table = make(few, fifo={video.name: 50 for video in few}).difficulty
    assert table.levels == [
        ("length", "short", "up to 20 frames"),
        ("length", "long", "over 20 frames"),
    ]
    assert table.rows["videos"].tolist() == [4, 2]
    assert table.notes[0].endswith("frames. Lengths are cut at the median, for want of videos.")
    table = make(many, fifo={video.name: 50 for video in many}).difficulty
    assert [level for _, level, _ in table.levels] == ["short", "medium", "long"]
    assert table.rows["videos"].tolist() == [20, 20, 20]
    assert table.notes[0].endswith("frames. Lengths are cut at terciles.")


def test_what_is_not_labelled_or_does_not_vary_is_left_out(make):
    plain = [sequence("a"), sequence("b")]
    assert make(plain, fifo={"a": 50, "b": 60}).difficulty is None
    one = [sequence("a", absent=3)]
    table = make(one, fifo={"a": 50})
    assert table.difficulty is None
    assert difficulty_plot(table) is None
    some = [sequence("a", absent=3), sequence("b")]
    assert {d for d, _, _ in make(some, fifo={"a": 5, "b": 6}).difficulty.levels} == {"absence"}


def test_videos_without_labels_are_not_counted_as_easy(make):
    videos = [
        sequence("a", labels=labels()),
        sequence("b", labels=labels(occluded=[1])),
        sequence("c"),
    ]
    table = make(videos, fifo={"a": 50, "b": 60, "c": 90}).difficulty
    assert table.cell("fifo", "occlusion", "none")["videos"] == 1


def test_runs_without_a_common_video_cover_their_own(make):
    videos = [sequence("a", absent=3), sequence("b")]
    table = make(videos, fifo={"a": 50}, sam3={"b": 60})
    assert table.difficulty.cell("fifo", "absence", "none")["videos"] == 0
    assert np.isnan(table.difficulty.cell("fifo", "absence", "none")["Q"])
    words = [text.get_text() for text in difficulty_plot(table).axes[0].texts]
    assert not any("nan" in word for word in words)


def test_the_map_shows_the_baselines_quality_and_the_differences(make):
    hard = labels(occluded=range(1, 8))
    videos = [sequence(f"s{i}", labels=hard if i < 4 else labels()) for i in range(8)]
    fifo = {video.name: 50 for video in videos}
    sam3 = {f"s{i}": 60 + i if i < 4 else 45 - i for i in range(8)}
    table = make(videos, fifo=fifo, sam3=sam3)
    texts = difficulty_plot(table).axes[0].texts
    bold = [text.get_text() for text in texts if text.get_weight() == "bold"]
    assert bold == ["−0.105", "+0.115"]  # noqa: RUF001
    assert [text.get_text() for text in texts].count("0.500") == 3
    words = difficulty_alt(table)
    assert "occlusion: none 0.500, some 0.500" in words
    assert "2 of 2 intervals of differences to it leave out 0" in words


def test_notes_say_what_is_rough(make):
    videos = [sequence("a", absent=3), sequence("b"), sequence("c")]
    own = {"a": 50, "b": 60, "c": 70}
    notes = " ".join(make(videos, fifo=own, sam3=own | {"b": 65}).difficulty.notes)
    assert "Fewer than 20 videos, so rough at best: absence none, absence some." in notes
    assert "The 1 interval by difficulty" in notes
