import logging
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from vot_memory import cli_trax
from vot_memory.commands.vot_selftest import try_tracker
from vot_memory.datasets.prompts import BoxPrompt, MaskPrompt
from vot_memory.engine import Engine
from vot_memory.registry import load_policy
from vot_memory.trackers import vot
from vot_memory.trackers.vot import Choice, first_prompt, serve, to_mask, to_region
from vot_memory.tracking import Tracker

trax = pytest.importorskip("trax", reason="vot-trax has no wheel for this machine")

SIZE = 12, 20  # height, width
NANO = Choice("fifo", model="nano", device="cpu")


class Server:
    """Stands for TraX: hands out requests and keeps the answers."""

    def __init__(self, *requests):
        self.requests, self.answers, self.reason = list(requests), [], None

    def wait(self):
        return self.requests.pop(0)

    def status(self, objects):
        self.answers.append(objects)

    def quit(self, reason):
        self.reason = reason


def request(kind, path=None, *regions):
    image = path and {"color": trax.FileImage.create(str(path))}
    return SimpleNamespace(type=kind, image=image, objects=[(region, {}) for region in regions])


QUIT = request("quit")


@pytest.fixture
def pictures(tmp_path, clip):
    """Six frames of the clip as the toolkit has them on disk."""
    folder = tmp_path / "clip" / "color"
    folder.mkdir(parents=True)
    paths = [folder / f"{t + 1:08d}.png" for t in range(6)]
    for path, frame in zip(paths, clip.frames, strict=False):
        Image.fromarray(frame).save(path)
    return paths


@pytest.fixture
def loads(monkeypatch, backbone):
    """Gives the model without loading it, and counts how often it was asked for."""
    asked = []
    monkeypatch.setattr(
        "vot_memory.models.load_model", lambda *words, **options: asked.append(words) or backbone
    )
    return asked


def crop(mask):
    """A mask as the toolkit sends it: the tight box and where it is."""
    ys, xs = np.nonzero(mask)
    inside = mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    return trax.Mask.create(inside.astype(np.uint8), int(xs.min()), int(ys.min()))


def answered(answers, k):
    return [objects[k][0].array() != 0 for objects in answers]


def test_words_say_the_same_choice(monkeypatch):
    choice = Choice(
        policy="samurai",
        set=("motion_weight=0.1", "object_gate=0"),
        model="nano",
        checkpoint=Path("a b.pt"),
        image_size=256,
        init="box",
        protocol="release",
        device="cpu",
        dtype="float32",
        seed=3,
        non_overlap=True,
        threads=2,
        compile=True,
        log=Path("x.log"),
    )
    for expected in (choice, Choice("fifo")):
        seen = []
        monkeypatch.setattr(cli_trax, "run", lambda given, seen=seen: seen.append(given) or 0)
        cli_trax.app(expected.words(), standalone_mode=False)
        assert seen == [expected]
    assert Choice("fifo").words() == ["--policy", "fifo"]


def test_first_masks_reach_only_to_the_objects_corner():
    whole = np.zeros(SIZE, np.bool_)
    whole[3:7, 5:9] = True
    whole[3, 5] = False
    region = crop(whole)
    assert region.array(True).shape == (7, 9), "as the toolkit's own adapter hands it over"
    np.testing.assert_array_equal(to_mask(region, SIZE), whole)


@pytest.mark.parametrize(("x", "y"), [(-2, -1), (17, 10), (0, 0), (30, 2), (-9, 2)])
def test_masks_are_cut_at_the_picture(x, y):
    expected = np.zeros((60, 60), np.bool_)
    expected[20 + y : 24 + y, 20 + x : 26 + x] = True
    region = trax.Mask.create(np.ones((4, 6), np.uint8), x, y)
    np.testing.assert_array_equal(to_mask(region, SIZE), expected[20:32, 20:40])


def test_regions_that_begin_objects():
    mask = np.zeros(SIZE, np.bool_)
    mask[3:7, 5:9] = True
    prompt = first_prompt("1", crop(mask), "mask", SIZE)
    assert isinstance(prompt, MaskPrompt)
    np.testing.assert_array_equal(prompt.mask, mask)
    prompt = first_prompt("1", crop(mask), "box", SIZE)
    np.testing.assert_array_equal(prompt.xyxy, [5, 3, 8, 6])
    prompt = first_prompt("1", trax.Rectangle.create(15, -2, 10, 6), "box", SIZE)
    assert isinstance(prompt, BoxPrompt)
    np.testing.assert_array_equal(prompt.xyxy, [15, 0, 19, 3])  # cut at the picture
    corners = trax.Polygon.create([(5.0, 3.0), (9.0, 3.0), (9.0, 7.0), (5.0, 7.0)])
    prompt = first_prompt("1", corners, "mask", SIZE)
    np.testing.assert_array_equal(prompt.mask, to_mask(corners, SIZE))
    assert prompt.mask[4:6, 6:8].all()
    assert not prompt.mask[[1, 9], :].any()
    nothing = trax.Mask.create(np.zeros((1, 1), np.uint8))
    assert first_prompt("1", nothing, "mask", SIZE) is None
    assert first_prompt("1", trax.Rectangle.create(0, 0, 0, 0), "box", SIZE) is None


def test_answers_are_masks_or_tight_boxes():
    mask = np.zeros(SIZE, np.bool_)
    mask[3:7, 5:10] = True
    region = to_region(mask, box=False)
    np.testing.assert_array_equal(region.array(), mask)
    assert region.offset() == (0, 0)
    assert to_region(mask, box=True).bounds() == (5, 3, 5, 4)
    nothing = np.zeros(SIZE, np.bool_)
    assert not to_region(nothing, box=False).array().any()
    assert to_region(nothing, box=True).bounds() == (0, 0, 0, 0)


def test_answers_are_those_of_the_tracker(pictures, clip, loads, backbone):
    """Two videos in a row, the second with object 2 on its third frame."""
    first, second = clip.labels[0] == 1, clip.labels[2] == 2
    server = Server(
        request("initialize", pictures[0], crop(first), crop(clip.labels[0] == 2)),
        *[request("frame", path) for path in pictures[1:3]],
        request("initialize", pictures[0], crop(first)),
        request("frame", pictures[1]),
        request("frame", pictures[2], crop(second)),
        *[request("frame", path) for path in pictures[3:]],
        QUIT,
    )
    serve(server, NANO)
    assert len(loads) == 1, "weights are loaded once"
    assert [len(objects) for objects in server.answers] == [2, 2, 2, 1, 1, 2, 2, 2, 2]

    tracker = Tracker(Engine(backbone), load_policy("fifo"))
    begins = {0: {"1": MaskPrompt(first)}, 2: {"2": MaskPrompt(second)}}
    said = [tracker.track(clip.frames[t], begins.get(t)) for t in range(6)]
    np.testing.assert_array_equal(
        answered(server.answers[3:], 0), [answer.mask("1") for answer in said]
    )
    np.testing.assert_array_equal(
        answered(server.answers[5:], 1), [answer.mask("2") for answer in said[2:]]
    )
    properties = server.answers[-1][1][1]
    score = said[-1].object_score[1]
    assert float(properties["confidence"]) == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-6)
    iou = said[-1].ious[1, said[-1].chosen[1]]
    assert float(properties["predicted_iou"]) == pytest.approx(iou, abs=1e-6)


def test_objects_that_begin_with_boxes_are_answered_by_boxes(pictures, clip, loads, backbone):
    ys, xs = np.nonzero(clip.labels[0] == 1)
    box = xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1
    region = trax.Rectangle.create(*map(float, box))
    server = Server(request("initialize", pictures[0], region), request("frame", pictures[1]), QUIT)
    serve(server, NANO)
    tracker = Tracker(Engine(backbone), load_policy("fifo"))
    tracker.init(clip.frames[0], {"1": BoxPrompt.from_xywh(*box)})
    ys, xs = np.nonzero(tracker.track(clip.frames[1]).mask("1"))
    expected = xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1
    assert server.answers[1][0][0].bounds() == expected


def test_an_object_that_begins_empty_is_answered_empty(pictures, clip, loads, caplog):
    nothing = trax.Mask.create(np.zeros((1, 1), np.uint8))
    regions = nothing, crop(clip.labels[0] == 1)
    server = Server(
        request("initialize", pictures[0], *regions), request("frame", pictures[1]), QUIT
    )
    serve(server, NANO)
    empty, seen = answered(server.answers, 0), answered(server.answers, 1)
    assert not np.any(empty)
    assert np.shape(empty) == np.shape(seen)
    assert seen[1].any()
    assert "clip: object 1 begins empty, so it is never seen" in caplog.text


def test_an_offline_policy_is_named_as_such(pictures, clip, loads, caplog):
    caplog.set_level(logging.INFO, vot.log.name)
    start = request("initialize", pictures[0], crop(clip.labels[0] == 1))
    serve(Server(start, QUIT), Choice("sam2long", model="nano", device="cpu"))
    assert "its answers of the moment count" in caplog.text
    assert "clip: objects: 1, policy sam2long, model nano@" in caplog.text


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Run a whole process's work on a server; its exit code and its log."""

    def call(server, choice):
        monkeypatch.setattr(vot, "connect", lambda: server)
        before = list(vot.log.handlers)
        code = vot.run(choice)
        for handler in set(vot.log.handlers) - set(before):
            vot.log.removeHandler(handler)
            handler.close()
        return code, (tmp_path / "logs" / "x.log").read_text()

    return call


def test_wrong_input_is_told_in_one_sentence(ran, tmp_path, pictures):
    server = Server(request("initialize", pictures[0]))
    choice = Choice("fofi", log=tmp_path / "logs" / "x.log")
    code, log = ran(server, choice)
    assert code == 1
    assert server.reason.startswith("Unknown policy 'fofi': known are")
    assert server.reason in log
    assert "Traceback" not in log


def test_a_crash_is_told_with_its_place_and_logged_whole(ran, tmp_path, monkeypatch, pictures):
    monkeypatch.setattr(vot, "Model", lambda choice: 1 / 0)
    server = Server(request("initialize", pictures[0]))
    code, log = ran(server, Choice("fifo", log=tmp_path / "logs" / "x.log"))
    assert code == 1
    assert server.reason.startswith("ZeroDivisionError at test_vot.py:")
    assert "Traceback" in log


def test_without_vot_trax(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trax", None)
    monkeypatch.setattr(sys, "argv", ["vot-trax", "--policy", "fifo"])
    with pytest.raises(SystemExit) as stopped:
        cli_trax.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == (
        "vot-trax: vot-trax, which talks to the VOT toolkit, cannot be imported here: "
        "pip install vot-trax.\n"
    )


NOISY = """
from vot_memory.policies.fifo import Fifo

class Noisy(Fifo):
    name = "noisy"

    def read(self, state, bank, t):
        print("half a line", end="", flush=True)
        return super().read(state, bank, t)

class Broken(Fifo):
    name = "broken"

    def read(self, state, bank, t):
        raise KeyError("lost")
"""


@pytest.mark.e2e
def test_a_policy_that_prints_or_breaks(tmp_path, monkeypatch):
    """By TraX itself, which shares the standard output with what is printed."""
    (tmp_path / "mine.py").write_text(NOISY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    command = [str(Path(sys.executable).with_name("vot-trax")), "--model", "nano"]
    trial = try_tracker([*command, "--policy", "mine:Noisy"], 1, timeout=60)
    assert trial.failure == ""
    assert trial.overlap > 0.5
    trial = try_tracker([*command, "--policy", "mine:Broken"], 1, timeout=60)
    assert "'broken'" in trial.failure
    assert "KeyError" in trial.failure
    assert "lost" in trial.failure
    assert any("mine.py" in line for line in trial.messages), "the traceback of foreign code"
