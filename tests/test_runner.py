import dataclasses
import json

import numpy as np
import pytest
import torch
from squares import FRAMES, folder_of, make_settings, snapshot, three_videos

from vot_memory.backbone import Backbone
from vot_memory.datasets.prompts import prompt_from_truth
from vot_memory.datasets.rle import decode
from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.engine import Engine
from vot_memory.environment import git_state, public_command
from vot_memory.policies.fifo import Fifo
from vot_memory.policies.random import Random
from vot_memory.registry import POLICIES, load_policy
from vot_memory.results import open_results
from vot_memory.runner import run
from vot_memory.tracking import Tracker


@pytest.fixture
def videos(monkeypatch):
    return three_videos(monkeypatch)


@pytest.fixture
def settings(tmp_path):
    return make_settings(tmp_path / "results", "fifo", "first", "random")


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


def test_offline_policies_revise_their_masks(videos, tmp_path, monkeypatch):
    monkeypatch.setitem(POLICIES, Swapped.name, f"{__name__}:Swapped")
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
    spec = Fifo().spec
    assert environment["policy"] == {"source": spec.source, "parity": spec.parity}
    assert {f.identity.policy: f.identity for f in open_results(settings.out)} == {
        f.identity.policy: f.identity for f in report.folders
    }


def test_command_lines_lose_private_paths():
    words = ["/home/ann/bin/vot-memory", "run", "--out=/home/ann/r", "--set", "file=/x/y.json"]
    assert public_command(words) == "vot-memory run --out=r --set file=y.json"


def test_git_state_of_a_folder_outside_git(tmp_path):
    assert git_state(tmp_path) is None
