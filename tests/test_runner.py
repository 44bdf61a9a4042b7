import dataclasses
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from vot_memory.backbone import Backbone
from vot_memory.datasets.prompts import prompt_from_truth
from vot_memory.datasets.rle import decode, encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.engine import Engine
from vot_memory.environment import git_state, public_command
from vot_memory.errors import InputError
from vot_memory.policies.fifo import Fifo
from vot_memory.policies.random import Random
from vot_memory.progress import Bar, Lines, Silent
from vot_memory.registry import POLICIES, load_policy
from vot_memory.results import open_results
from vot_memory.runner import RunSettings, parse_shard, run
from vot_memory.tracking import Tracker

SIZE, FRAMES = 48, 9


class Pictures:
    """Frames in memory, of which one may be unreadable."""

    def __init__(self, pictures, broken=None):
        self.pictures, self.broken = pictures, broken

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, t):
        if t == self.broken:
            raise InputError(f"{t:05d}.jpg cannot be read as a picture: replace it.")
        return self.pictures[t]


def video(name, seed, late=None):
    """A bright square moves right and, from frame `late` on, a dark one down."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(90, 130, (SIZE, SIZE, 3)).astype(np.uint8)
    pictures, squares = [], {"1": [], "2": []}
    for t in range(FRAMES):
        picture = ground.copy()
        for key, at, colour, first in (("1", (8, 3 + 2 * t), 250, 0), ("2", (3 * t, 30), 5, late)):
            mask = np.zeros((SIZE, SIZE), bool)
            if first is not None and t >= first:
                mask[at[0] : at[0] + 12, at[1] : at[1] + 12] = True
                picture[mask] = colour
            squares[key].append(encode(mask))
        pictures.append(picture)
    tracks = [ObjectTrack("1", 0, tuple(squares["1"]))]
    if late is not None:
        tracks.append(ObjectTrack("2", late, tuple(squares["2"])))
    return Sequence(name, Pictures(pictures), tuple(tracks), (SIZE, SIZE), 24.0, f"{name}/{seed}")


@pytest.fixture
def videos(monkeypatch):
    """Three videos as split `squares`; tests may change the list."""
    made = [video("a", 1), video("b", 2, late=3), video("c", 3)]
    monkeypatch.setattr(
        "vot_memory.datasets.splits.load_split",
        lambda name, limit=None, data=None: Split(name, made[:limit], "nano", "dev", "0" * 64),
    )
    return made


@pytest.fixture
def settings(tmp_path):
    return make_settings(tmp_path / "results", "fifo", "first", "random")


def make_settings(out, *policies, **changes):
    named = tuple((p, {}) for p in policies)
    return RunSettings(named, "squares", device="cpu", out=out, **changes)


def snapshot(root, folder="records"):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob(f"*/*/{folder}/**/*.json")}


def folder_of(report, policy):
    (found,) = [f for f in report.folders if f.identity.policy == policy]
    return found


@dataclass(frozen=True)
class NoOptions:
    pass


class Broken(Fifo):
    """Fails at frame 4 of video b only."""

    name = "broken"

    def read(self, state, bank, t):
        if int(t[0]) == 4 and len(t) == 2:
            raise ZeroDivisionError("division by zero")
        return super().read(state, bank, t)


class Swapped(Fifo):
    """At the end, two objects trade their masks wherever both are there."""

    name = "swapped"

    def __init__(self, config=None):
        super().__init__(config)
        self.spec = dataclasses.replace(self.spec, offline=True)

    def finish(self, state, log):
        rows = log.backtrace(torch.arange(log.logits(log.frames - 1).shape[0]))
        both = (rows >= 0).all(1) & (rows.shape[1] == 2)
        rows[both] = rows[both].flip(1)
        return rows


@pytest.fixture
def plug_in(monkeypatch):
    def add(cls):
        monkeypatch.setitem(POLICIES, cls.name, f"{__name__}:{cls.__name__}")

    return add


def test_records_are_what_the_tracker_answers(videos, settings, backbone):
    report = run(settings)
    assert (report.done, report.failed, report.exit_code) == (["a", "b", "c"], [], 0)
    b = videos[1]
    tracker = Tracker(Engine(backbone), load_policy("fifo"), num_frames=FRAMES)
    records = {name: folder_of(report, "fifo").read("b", name) for name in ("1", "2")}
    for t in range(FRAMES):
        starting = {o.id: prompt_from_truth(o, "mask") for o in b.objects if o.first_frame == t}
        answer = tracker.track(b.frames[t], starting)
        for i, name in enumerate(answer.objects):
            record = records[name]
            assert np.array_equal(decode(record.rles()[t]), answer.masks[i])
            assert record.memory[t] == answer.memory[i].tolist()
            assert record.object_score[t] == pytest.approx(answer.object_score[i], rel=1e-5)
            assert record.written[t] == answer.written[i]
            assert len(record.ious[t]) == (1 if name in starting else 3)
    late = records["2"]
    assert late.first_frame == 3
    assert late.rles()[:3] == [None] * 3
    assert late.written[3] == 0
    assert late.memory[3][0] == 3, "memories are named by frames of the video"


def test_squares_are_tracked(videos, settings):
    """Not only consistent but right: the prompt's mask comes back, later ones overlap the truth."""
    record = folder_of(run(settings), "fifo").read("a", "1")
    masks = [decode(r) for r in record.rles()]
    truth = [videos[0].objects[0].mask(t) for t in range(FRAMES)]
    iou = [(m & g).sum() / (m | g).sum() for m, g in zip(masks, truth, strict=True)]
    assert min(iou[:3]) > 0.6


def test_same_command_same_bytes_and_company_does_not_matter(videos, tmp_path):
    together = make_settings(tmp_path / "1", "fifo", "random")
    run(together)
    run(dataclasses.replace(together, out=tmp_path / "2"))
    for policy in ("random", "fifo"):
        run(make_settings(tmp_path / "3", policy))
    assert snapshot(tmp_path / "1")
    assert snapshot(tmp_path / "1") == snapshot(tmp_path / "2") == snapshot(tmp_path / "3")


def test_one_encoding_a_picture(videos, settings, monkeypatch):
    resizes = []
    encode_image = Backbone.encode_image

    def spy(self, picture, resize="pil_bicubic"):
        resizes.append(resize)
        return encode_image(self, picture, resize)

    monkeypatch.setattr(Backbone, "encode_image", spy)
    run(settings)
    assert len(resizes) == 3 * FRAMES
    resizes.clear()
    preset = dataclasses.replace(Fifo().spec.release, resize="tv_bilinear")
    spec = dataclasses.replace(Random().spec, release=preset)
    monkeypatch.setattr(Random, "__init__", lambda self, c: vars(self).update(config=c, spec=spec))
    report = run(dataclasses.replace(settings, protocol="release"))
    assert resizes.count("pil_bicubic") == resizes.count("tv_bilinear") == 3 * FRAMES
    assert {f.identity.protocol for f in report.folders} == {"release"}


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


def test_a_policy_that_fails_leaves_the_others_alone(videos, tmp_path, plug_in):
    plug_in(Broken)
    report = run(make_settings(tmp_path / "results", "broken", "fifo"))
    ((sequence, reason),) = report.failed
    assert sequence == "b"
    assert reason.startswith(
        "broken: Policy 'broken', objects '1', '2', frame 4: "
        "read raised ZeroDivisionError at test_runner.py:"
    )
    failure = folder_of(report, "broken").failures()["b"]
    assert (failure.type, failure.frame) == ("ZeroDivisionError", 4)
    assert folder_of(report, "fifo").missing(videos) == []
    assert folder_of(report, "broken").missing(videos) == ["b"]


def test_several_configurations_of_one_policy_are_told_apart(videos, plug_in, tmp_path):
    plug_in(Broken)
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


def test_offline_policies_revise_their_masks(videos, tmp_path, plug_in):
    plug_in(Swapped)
    report = run(make_settings(tmp_path / "results", "swapped", "fifo"))
    online = {n: folder_of(report, "fifo").read("b", n) for n in ("1", "2")}
    revised = {n: folder_of(report, "swapped").read("b", n) for n in ("1", "2")}
    assert revised["1"].offline
    assert not online["1"].offline
    assert revised["1"].masks == online["1"].masks[:3] + online["2"].masks[3:]
    assert revised["2"].masks == [None] * 3 + online["1"].masks[3:]
    assert revised["1"].memory == online["1"].memory


def test_output_without_overlap(videos, tmp_path):
    squares = videos[1].objects
    twin = ObjectTrack("2", 3, squares[0].rles)
    videos[:] = [dataclasses.replace(videos[1], objects=(squares[0], twin))]
    shared = run(make_settings(tmp_path, "fifo")).folders[0]
    apart = run(make_settings(tmp_path, "fifo", non_overlap=True)).folders[0]
    assert shared.path != apart.path

    def overlap(folder):
        one, two = (decode(folder.read("b", n).rles()[5]) for n in ("1", "2"))
        return int((one & two).sum())

    assert overlap(shared) > 20
    assert overlap(apart) == 0


def test_prompts(videos, tmp_path):
    keys = set()
    for kind in ("mask", "box", "point"):
        (folder,) = run(make_settings(tmp_path, "first", init=kind, limit=1)).folders
        assert folder.identity.prompt == kind
        assert len(folder.read("a", "1").ious[0]) == (3 if kind == "point" else 1)
        keys.add(folder.identity.key)
    assert len(keys) == 3


def test_seed_reaches_the_policies_that_have_one(videos, tmp_path):
    folders = [run(make_settings(tmp_path, "random", seed=s)).folders[0] for s in (0, 1)]
    written = [f.read("a", "1").written for f in folders]
    assert written[0] != written[1]


@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_shards_cover_the_split_once(videos, tmp_path, parts):
    report = [
        run(make_settings(tmp_path / "results", "first", shard=f"{i}/{parts}"))
        for i in range(1, parts + 1)
    ]
    assert sorted(name for r in report for name in r.done) == ["a", "b", "c"]
    assert not any(r.skipped for r in report)
    assert report[0].folders[0].missing(videos) == []


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


def test_timing_and_environment_stand_apart(videos, settings, backbone):
    report = run(dataclasses.replace(settings, threads=1))
    folder = folder_of(report, "fifo")
    assert torch.get_num_threads() == 1
    timing = json.loads((folder.path / "timing" / "b.json").read_text())
    assert (timing["frames"], timing["objects"], timing["policies_in_pass"]) == (FRAMES, 2, 3)
    assert timing["bank_bytes"] > 2 * 7 * 2 * backbone.mem_dim * backbone.grid**2
    assert set(timing["seconds"]) == {"decode", "encode", "track", "output"}
    assert all(s > 0 for s in timing["seconds"].values())
    (environment,) = json.loads((folder.path / "environment.json").read_text())
    assert environment["threads"] == 1
    assert environment["packages"]["torch"] == torch.__version__
    assert {f.identity.policy: f.identity for f in open_results(settings.out)} == {
        f.identity.policy: f.identity for f in report.folders
    }


def test_command_lines_lose_private_paths():
    words = ["/home/ann/bin/vot-memory", "run", "--out=/home/ann/r", "--set", "file=/x/y.json"]
    assert public_command(words) == "vot-memory run --out=r --set file=y.json"


def test_git_state_of_a_folder_outside_git(tmp_path):
    assert git_state(tmp_path) is None


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
