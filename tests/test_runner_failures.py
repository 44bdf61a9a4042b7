"""What a run does when something is wrong, or stops it."""

import dataclasses
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from squares import FRAMES, SIZE, Pictures, folder_of, make_settings, snapshot, three_videos, video

from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError
from vot_memory.policies.fifo import Fifo
from vot_memory.progress import Bar, Lines, Silent
from vot_memory.registry import POLICIES
from vot_memory.runner import parse_shard, run


@pytest.fixture
def videos(monkeypatch):
    return three_videos(monkeypatch)


@pytest.fixture
def settings(tmp_path):
    return make_settings(tmp_path / "results", "fifo", "first", "random")


class Broken(Fifo):
    """Fails at frame 4 of video b only."""

    name = "broken"

    def read(self, state, bank, t):
        if int(t[0]) == 4 and len(t) == 2:
            raise ZeroDivisionError("division by zero")
        return super().read(state, bank, t)


class MadeForA(Fifo):
    """Refuses every video but a."""

    name = "made-for-a"

    def check(self, sources, num_maskmem):
        for source in sources:
            if source.sequence != "a":
                raise InputError(f"Not made for {source.sequence} of {source.num_frames} frames.")


class StopAt(Silent):
    """A person presses Ctrl-C."""

    def __init__(self, sequence, frame):
        self.at, self.sequence = (sequence, frame), ""

    def unit(self, name, work, steps):
        self.sequence = name

    def frame(self, done):
        if (self.sequence, done) == self.at:
            raise KeyboardInterrupt


def test_stopped_run_goes_on(videos, settings, tmp_path):
    whole = dataclasses.replace(settings, out=tmp_path / "whole")
    run(whole)
    with pytest.raises(KeyboardInterrupt, match=r"1 of 3 sequences.*same command"):
        run(settings, StopAt("b", 5))
    assert {name.split("/")[3] for name in snapshot(settings.out)} == {"a"}
    report = run(settings)
    assert (report.skipped, report.done) == (["a"], ["b", "c"])
    assert snapshot(settings.out) == snapshot(whole.out)
    before = {p: p.stat().st_mtime_ns for p in settings.out.rglob("*.json")}
    assert run(settings).skipped == ["a", "b", "c"]
    assert before == {p: p.stat().st_mtime_ns for p in settings.out.rglob("*.json")}


def test_a_new_policy_and_a_lost_record_run_alone(videos, tmp_path):
    out = tmp_path / "results"
    report = run(make_settings(out, "fifo"))
    wanted = snapshot(out)
    (folder_of(report, "fifo").path / "records" / "b" / "2.json").unlink()
    units = []
    progress = Silent()
    progress.unit = lambda name, work, steps: units.append((name, work, steps))
    run(make_settings(out, "fifo", "first"), progress)
    assert units == [
        ("a", f"{FRAMES} frames, 1 policy", FRAMES),
        ("b", f"{FRAMES} frames, 2 policies", FRAMES),
        ("c", f"{FRAMES} frames, 1 policy", FRAMES),
    ]
    assert wanted.items() <= snapshot(out).items()


def test_unreadable_frame_fails_its_unit_only(videos, settings):
    videos[1].frames.broken = 5
    report = run(settings)
    assert report.exit_code == 1
    assert report.done == ["a", "c"]
    assert report.failed == [("b", "frame 5: 00005.jpg cannot be read as a picture: replace it.")]
    for folder in report.folders:
        assert folder.failures()["b"].frame == 5
        assert not folder.has("b", ["1"])
    videos[1].frames.broken = None
    again = run(settings)
    assert (again.done, again.skipped, again.exit_code) == (["b"], ["a", "c"], 0)
    assert all(folder.failures() == {} for folder in again.folders)


def test_a_video_of_unknown_length_fails_alone(videos, settings, monkeypatch):
    def unknown(pictures):
        if pictures is videos[1].frames:
            raise InputError("b_manual.json is cut off: replace it.")
        return FRAMES

    with monkeypatch.context() as damage:
        damage.setattr(Pictures, "__len__", unknown)
        report = run(settings)
    assert report.done == ["a", "c"]
    assert report.failed == [("b", "b_manual.json is cut off: replace it.")]
    assert all(folder.failures()["b"].frame is None for folder in report.folders)
    again = run(settings)
    assert (again.done, again.skipped, again.exit_code) == (["b"], ["a", "c"], 0)


def test_a_policy_that_fails_leaves_the_others_alone(videos, tmp_path, monkeypatch):
    monkeypatch.setitem(POLICIES, Broken.name, f"{__name__}:Broken")
    report = run(make_settings(tmp_path / "results", "broken", "fifo"))
    ((sequence, reason),) = report.failed
    assert sequence == "b"
    assert reason.startswith(
        "broken: Policy 'broken', objects '1', '2', frame 4: "
        "read raised ZeroDivisionError at test_runner_failures.py:"
    )
    failure = folder_of(report, "broken").failures()["b"]
    assert (failure.type, failure.frame) == ("ZeroDivisionError", 4)
    assert folder_of(report, "fifo").missing(videos) == []
    assert folder_of(report, "broken").missing(videos) == ["b"]


def test_a_policy_for_other_videos_is_refused_before_anything_is_written(
    videos, tmp_path, monkeypatch
):
    monkeypatch.setitem(POLICIES, MadeForA.name, f"{__name__}:MadeForA")
    settings = make_settings(tmp_path / "results", "fifo", "made-for-a")
    with pytest.raises(InputError, match=f"Not made for b of {FRAMES} frames"):
        run(settings)
    assert not (tmp_path / "results").exists()
    videos[1:] = []
    assert run(settings).done == ["a"]


def test_several_configurations_of_one_policy_are_told_apart(videos, monkeypatch, tmp_path):
    monkeypatch.setitem(POLICIES, Broken.name, f"{__name__}:Broken")
    settings = make_settings(tmp_path / "results", "broken", "fifo")
    other = ("broken", {"num_maskmem": "4"})
    report = run(dataclasses.replace(settings, policies=(*settings.policies, other)))
    ((sequence, reason),) = report.failed
    assert sequence == "b"
    assert reason.startswith("broken, broken (num_maskmem=4): Policy 'broken', objects '1', '2', ")
    assert reason.count("frame 4") == 1
    assert len({folder.path for folder in report.folders}) == 3


def test_annotations_that_cannot_be_used_fail_their_unit(videos, settings):
    empty = encode(np.zeros((SIZE, SIZE), bool))
    videos[0] = dataclasses.replace(videos[0], objects=(ObjectTrack("1", 0, (empty,) * FRAMES),))
    videos[2] = dataclasses.replace(videos[2], objects=())
    videos.append(dataclasses.replace(video("d", 4), frames=[]))
    report = run(settings)
    assert report.done == ["b"]
    reasons = dict(report.failed)
    assert "no frames" in reasons["d"]
    assert "no mask on frame 0" in reasons["a"]
    assert "no annotated object" in reasons["c"]


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2"])
def test_wrong_shards(shard):
    with pytest.raises(InputError, match="--shard"):
        parse_shard(shard)


@pytest.mark.parametrize(
    ("policies", "changes", "sentence"),
    [
        ((), {}, "No policy was named"),
        (("fifo",), {"protocol": "comon"}, "did you mean 'common'"),
        (("fifo",), {"init": "boxx"}, "did you mean 'box'"),
        (("fifo",), {"tracker": "sam"}, "Unknown tracker 'sam'"),
        (("fifoo",), {}, "did you mean 'fifo'"),
        (("fifo",), {"model": "nan"}, "did you mean 'nano'"),
        (("fifo",), {"model": "sam2.1-t"}, "not in the cache"),
        (("fifo",), {"seed": -1}, "Seed -1"),
        (("fifo",), {"threads": 0}, "--threads 0"),
        (("fifo", "fifo"), {}, "given twice"),
    ],
)
def test_bad_input_writes_nothing(videos, tmp_path, policies, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        run(make_settings(tmp_path / "results", *policies, **changes))
    assert not (tmp_path / "results").exists()


def test_a_split_of_boxes_has_no_other_prompt(tmp_path, monkeypatch):
    pictures = [np.zeros((SIZE, SIZE, 3), np.uint8)] * 2
    track = ObjectTrack("1", 0, (None, None), ((1, 1, 5, 5), None))
    boxed = Sequence("a", pictures, (track,), (SIZE, SIZE), 30, "d")
    split = Split("boxes", [boxed], "nano", "test", "d", prompt="box")
    monkeypatch.setattr("vot_memory.datasets.splits.load_split", lambda *a, **k: split)
    with pytest.raises(InputError, match="Split boxes is annotated by boxes and has no mask prom"):
        run(make_settings(tmp_path / "results", "fifo", init="mask"))
    assert not (tmp_path / "results").exists()
    assert run(make_settings(tmp_path / "results", "fifo", init="box")).failed == []


def test_a_split_without_objects(videos, tmp_path):
    videos[:] = [dataclasses.replace(v, objects=()) for v in videos]
    with pytest.raises(InputError, match="Split squares has no annotated object"):
        run(make_settings(tmp_path / "results", "fifo"))


def test_progress_lines_and_bar(videos, settings):
    from rich.console import Console

    videos[1].frames.broken = 5
    console = Console(width=40, force_terminal=False, record=True, file=sys.stderr)
    run(settings, Lines(console))
    first, second, _ = console.export_text().splitlines()
    assert first.startswith(f"[1/3] a: {FRAMES} frames, 3 policies, ")
    assert second == "[2/3] b FAILED: frame 5: 00005.jpg cannot be read as a picture: replace it."
    run(settings, Lines(console))
    skipped, again, end = console.export_text().splitlines()
    assert again.startswith("[2/3] b FAILED")
    assert skipped == end == "1 sequence was complete already"

    live = Console(width=80, force_terminal=True, record=True, file=sys.stderr)
    run(settings, Bar(live))
    shown = live.export_text()
    assert "b FAILED" in shown
    assert "sequences" in shown
    assert "3/3" in shown


def test_progress_uses_the_words_of_its_caller():
    from rich.console import Console

    console = Console(width=80, force_terminal=False, record=True, file=sys.stderr)
    progress = Lines(console)
    with progress.start(4, "search"):
        progress.skipped("a")
        progress.skipped("b")
        progress.unit("c random seed 0", "200 passes", 200)
        progress.done("c random seed 0", 1.25)
        progress.skipped("d")
    assert console.export_text().splitlines() == [
        "2 searches were complete already",
        "[3/4] c random seed 0: 200 passes, 1.2 s",
        "1 search was complete already",
    ]


@pytest.mark.e2e
def test_killed_run_goes_on(tmp_path):
    """SIGKILL in the middle, then the same command: the records of an undisturbed run."""
    script = (
        "import sys; from pathlib import Path; import torch; torch.set_num_threads(1)\n"
        "from vot_memory.runner import RunSettings, run\n"
        "run(RunSettings((('fifo', {}), ('random', {})), 'synth-smoke', device='cpu',"
        " out=Path(sys.argv[1])))"
    )

    def start(out):
        return subprocess.Popen([sys.executable, "-c", script, str(out)])

    assert start(tmp_path / "whole").wait() == 0
    killed = start(tmp_path / "killed")
    while not snapshot(tmp_path / "killed"):
        assert killed.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    partial, whole = snapshot(tmp_path / "killed"), snapshot(tmp_path / "whole")
    assert 0 < len(partial) < len(whole) == 8
    assert partial.items() <= whole.items()
    assert start(tmp_path / "killed").wait() == 0
    assert snapshot(tmp_path / "killed") == whole
