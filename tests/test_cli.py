import csv
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory import __version__
from vot_memory.datasets.export import write_palette_png

WIDTH, HEIGHT, FRAMES = 64, 48, 6


@pytest.fixture
def frames(tmp_path):
    """A folder of pictures: a bright square moves over a dark ground."""
    folder = tmp_path / "video"
    write_frames(folder)
    return folder


@pytest.fixture
def vos(tmp_path):
    """Two videos in the VOS layout."""
    root = tmp_path / "data"
    for name in ("left", "right"):
        write_frames(root / "JPEGImages" / name)
        write_truth(root / "Annotations" / name)
    return root


def square(t):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[10:30, 5 + 3 * t : 25 + 3 * t] = True
    return mask


def write_frames(folder):
    folder.mkdir(parents=True)
    for t in range(FRAMES):
        picture = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
        picture[square(t)] = (220, 180, 60)
        Image.fromarray(picture).save(folder / f"{t:05d}.png")


def write_truth(folder):
    folder.mkdir(parents=True)
    for t in range(FRAMES):
        write_palette_png(folder / f"{t:05d}.png", square(t).astype(np.uint8))


def save_mask(path, mask):
    write_palette_png(path, mask.astype(np.uint8))
    return path


# ---- without a model ------------------------------------------------------------------------


def test_help_names_every_command(vot):
    result = vot("--help")
    assert result.code == 0
    for command in (
        *("run", "sweep", "report", "show", "compare", "overlay", "track"),
        *("export", "ls", "check-policy", "verify"),
    ):
        assert f"\n  {command} " in result.out


@pytest.mark.parametrize("group", [[], ["data"], ["vot"]])
def test_help_cuts_no_sentence_off(vot, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "80")
    _, _, commands = vot(*group, "--help").out.partition("Commands:\n")
    assert commands
    assert "..." not in commands


def test_version(vot):
    assert vot("--version").out == f"vot-memory {__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom vot_memory import cli\nsys.argv = ['vot-memory', '--help']\n"
        "try: cli.main()\nexcept SystemExit: pass\n"
        "heavy = 'torch sam2 numpy matplotlib scipy pandas cv2 PIL pydantic rich yaml'.split()\n"
        "sys.stderr.write(' '.join(name for name in heavy if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["run"], ["run", "--polcy", "fifo"], ["nothing"], ["ls"]])
def test_usage_errors_exit_with_2(vot, words):
    result = vot(*words)
    assert result.code == 2
    assert "Usage" in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("policies", "random"), ("trackers", "sam2"), ("models", "nano"), ("splits", "synth-smoke")],
)
def test_ls(vot, kind, expected):
    result = vot("ls", kind)
    assert result.code == 0
    assert any(line.startswith(expected) for line in result.out.splitlines())


@pytest.mark.parametrize("verb", [["run"], ["sweep", "--grid", "num_maskmem=4"]])
def test_stopping_says_how_to_go_on(vot, monkeypatch, verb):
    from vot_memory import runner

    def stop(settings, progress):
        raise KeyboardInterrupt("Stopped with 1 of 4: give the same command again.")

    monkeypatch.setattr(runner, "run", stop)
    result = vot(*verb, "--policy", "fifo", "--split", "synth-smoke")
    assert result.code == 130
    assert "same command again" in result.err


def test_a_stopped_video_is_told_in_a_line(vot, monkeypatch):
    from vot_memory.commands import track

    def stop(request, progress):
        raise KeyboardInterrupt("Stopped: no file was written.")

    monkeypatch.setattr(track, "track", stop)
    result = vot("track", "video", "--box", "1,2,3,4", "--out", "overlay.mp4")
    assert (result.code, result.out) == (130, "")
    assert result.err == "Stopped: no file was written.\n"


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--policy", "fifi", "--split", "synth-smoke"], "did you mean 'fifo'?"),
        (["--policy", "fifo", "--split", "synth-smok"], "did you mean synth-smoke?"),
        (["--policy", "fifo", "--split", "synth-smoke", "--model", "nanoo"], "mean 'nano'?"),
        (["--policy", "fifo", "--split", "synth-smoke", "--tracker", "sam"], "mean 'sam2'?"),
        (["--policy", "fifo", "--split", "synth-smoke", "--protocol", "comon"], "mean 'common'?"),
        (["--policy", "fifo", "--split", "synth-smoke", "--init", "boxx"], "mean 'box'?"),
        (["--policy", "fifo", "--split", "synth-smoke", "--dtype", "float33"], "mean 'float32'?"),
        (
            ["--policy", "fifo", "--split", "synth-smoke", "--device", "tpu"],
            "give auto, cpu, cuda or mps",
        ),
        (["--policy", "fifo", "--split", "synth-smoke", "--shard", "3/2"], "1/4"),
        (["--policy", "fifo", "--split", "synth-smoke", "--limit", "0"], "1 or more"),
        (["--policy", "fifo", "--split", "synth-smoke", "--image-size", "100"], "multiple of"),
        (["--policy", "fifo", "--policy", "fifo", "--split", "synth-smoke"], "given twice"),
        (["--policy", "random", "--split", "synth-smoke", "--set", "sed=1"], "'seed'?"),
        (["--policy", "random", "--split", "synth-smoke", "--set", "seed=x"], "seed='x'"),
        (["--policy", "random", "--split", "synth-smoke", "--set", "seed"], "option=value"),
        (["--policy", "fifo", "--split", "davis-2017-val"], "davischallenge.org"),
        (["--policy", "fifo", "--split", "no/such/folder"], "no/such/folder"),
        (["--policy", "fifo", "--split", "synth-smoke", "--model", "sam2.1-t"], "--checkpoint"),
        (["--policy", "fifo", "--split", "synth-smoke", "--model", "none.yaml"], "none.yaml"),
        (["--policy", "fifo", "--split", "synth-smoke", "--checkpoint", "none.pt"], "none.pt"),
    ],
)
def test_run_refuses(refuses, words, says):
    assert says in refuses("run", *words)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--grid", "num_maskmem=2,4", "--split", "synth-val"], "role val"),
        (["--grid", "num_maskmem=2,4", "--split", "sav-test"], "role test"),
        (["--grid", "num_maskmem=2,4", "--split", "."], "--as-dev"),
        (["--grid", "num_maskmem=2,4", "--split", "synth-de"], "did you mean synth-dev?"),
        (["--grid", "num_maskmen=2,4", "--split", "synth-dev"], "mean 'num_maskmem'?"),
        (["--grid", "num_maskmem=2,x", "--split", "synth-dev"], "num_maskmem='x'"),
        (["--grid", "num_maskmem=4,4", "--split", "synth-dev"], "are the same"),
        (["--grid", "num_maskmem=4", "--split", "synth-dev", "--csv", "."], "is a folder"),
        (["--grid", "num_maskmem=4", "--split", "synth-dev", "--set", "a=1"], "option 'a'"),
        (["--grid", "num_maskmem=4", "--split", "synth-dev", "--model", "sam2.1-t"], "--checkp"),
    ],
)
def test_sweep_refuses(refuses, words, says):
    assert says in refuses("sweep", "--policy", "fifo", *words)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ([], "--box, --mask or --point"),
        (["--box", "1,2,3"], "x,y,w,h"),
        (["--box", "1,2,0,3"], "positive"),
        (["--box", "60,2,20,3"], "leaves the picture"),
        (["--box", "1,2,3,4", "--box", "5,6,7,8"], "second prompt"),
        (["--box", "1,2,3,4", "--point", "5,6"], "second prompt"),
        (["--point", "5,60"], "outside the picture"),
        (["--point", "5,6,7"], "label"),
        (["--point", "5,6,0"], "label 1"),
        (["--mask", "none.png"], "no such file"),
    ],
)
def test_track_refuses_prompts(refuses, frames, prompt, says):
    assert says in refuses("track", frames, *prompt, "--out", "overlay.mp4")


def test_track_refuses_an_empty_mask(refuses, frames, tmp_path):
    mask = save_mask(tmp_path / "mask.png", np.zeros((HEIGHT, WIDTH)))
    assert "empty" in refuses("track", frames, "--mask", mask, "--out", "overlay.mp4")


def test_track_refuses_a_mask_of_another_size(refuses, frames, tmp_path):
    mask = save_mask(tmp_path / "mask.png", np.ones((HEIGHT, WIDTH + 1)))
    said = refuses("track", frames, "--mask", mask, "--out", "overlay.mp4")
    assert "65x48" in said
    assert "64x48" in said


def test_track_refuses_videos_without_frames(refuses, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "film.mp4").write_bytes(b"")
    for name in ("folder", "film.mp4", "none.mp4"):
        assert name in refuses("track", name, "--box", "1,2,3,4", "--out", "overlay.mp4")


def test_track_refuses_places_it_would_overwrite(refuses, frames):
    prompt = ["--box", "5,10,20,20"]
    assert "--out" in refuses("track", frames, *prompt)
    assert ".mp4" in refuses("track", frames, *prompt, "--out", "overlay.gif")
    assert "not empty" in refuses("track", frames, *prompt, "--out", frames)
    assert "not empty" in refuses("track", frames, *prompt, "--masks", frames)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--policy", "fifo", "--split", "synth-smoke", "--limit", 1, "--out", "taken"],
        ["track", "video", "--box", "5,10,20,20", "--limit", 2, "--out", "taken/overlay.mp4"],
        ["track", "video", "--box", "5,10,20,20", "--limit", 2, "--json", "taken/lines.json"],
        ["data", "convert", "data", "taken/inside", "--to", "vot"],
    ],
)
def test_places_below_a_file_are_refused(refuses, frames, vos, tmp_path, words):
    (tmp_path / "taken").write_text("a file")
    said = refuses(*words)
    assert "taken" in said
    assert "cannot be read or written" in said


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that root cannot write")
def test_a_place_that_cannot_be_written_is_named(refuses, frames):
    said = refuses("track", frames, "--box", "5,10,20,20", "--out", "/proc/overlay.mp4")
    assert said.startswith("vot-memory: /proc/overlay.mp4 cannot be read or written")


def test_track_refuses_masks_in_lines_that_are_not_written(refuses, frames):
    words = ["--box", "5,10,20,20", "--out", "overlay.mp4", "--json-masks"]
    assert "--json FILE" in refuses("track", frames, *words)


@pytest.mark.parametrize("split", ["data", "data/JPEGImages/../JPEGImages/480p"])
def test_data_are_not_converted_into_themselves(refuses, vos, split):
    (vos / "JPEGImages/480p").mkdir()
    for name in ("left", "right"):
        (vos / "JPEGImages" / name).rename(vos / "JPEGImages/480p" / name)
        (vos / "Annotations/480p").mkdir(exist_ok=True)
        (vos / "Annotations" / name).rename(vos / "Annotations/480p" / name)
    said = refuses("data", "convert", split, "data/new/inside", "--to", "vot")
    assert "data/new/inside lies in" in said
    assert "give a folder beside it" in said


def test_names_that_are_not_utf8_are_refused(refuses, vos):
    for kind in ("JPEGImages", "Annotations"):
        (vos / kind / "left").rename(vos / kind / os.fsdecode(b"le\xfft"))
    said = refuses("data", "convert", "data", "out", "--to", "vot")
    assert r"le\xfft/00000.png is not UTF-8" in said


def weights_that_do_not_fit(path):
    from safetensors.torch import save_file
    from torch import zeros

    save_file({"some.weight": zeros(2)}, path)


def pickled_program(path):
    path.write_bytes(pickle.dumps(io.StringIO("anything that is no tensor")))


def other_data(path):
    path.write_bytes(b"no weights at all")


def list_of_tensors(path):
    import torch

    torch.save([torch.zeros(2)], path)


@pytest.mark.parametrize(
    ("make", "name", "says"),
    [
        (weights_that_do_not_fit, "w.safetensors", "does not fit"),
        (pickled_program, "w.pt", "plain state dict"),
        (list_of_tensors, "w.pt", "plain state dict"),
        (other_data, "w.safetensors", "cannot be read as weights"),
    ],
)
def test_weights_are_refused(refuses, tmp_path, make, name, says):
    make(tmp_path / name)
    words = ["--policy", "fifo", "--split", "synth-smoke", "--model", "nano"]
    assert says in refuses("run", *words, "--checkpoint", name)


def test_report_and_export_refuse_an_empty_place(refuses):
    assert "vot-memory run" in refuses("report", "--results", "none")
    assert "vot-memory run" in refuses("export", "none", "out")
    assert "'vos'" in refuses("export", "none", "out", "--format", "voss")


# ---- end to end -----------------------------------------------------------------------------


@pytest.mark.e2e
def test_run_report_export_and_a_damaged_record(vot, refuses, vos, tmp_path):
    words = ["--policy", "fifo", "--policy", "first", "--split", vos, "--model", "nano"]
    ran = vot("run", *words, "--device", "cpu")
    assert ran.code == 0
    assert "videos: 2 tracked" in ran.out
    assert "videos: 0 tracked, 2 complete before" in vot("run", *words, "--device", "cpu").out

    reported = vot("report", "--split", vos, "--jf")
    assert reported.code == 0
    assert "fifo" in reported.out
    assert "J&F" in reported.out
    assert list((tmp_path / "report").rglob("*.csv"))

    exported = vot("export", "results", "masks", "--split", vos)
    assert exported.code == 0
    folders = sorted((tmp_path / "masks").iterdir())
    assert [folder.name.split("-")[0] for folder in folders] == ["fifo", "first"]
    names = sorted(path.name for path in (folders[0] / "left").iterdir())
    assert names == [f"{t:05d}.png" for t in range(FRAMES)]
    first = np.array(Image.open(folders[0] / "left" / "00000.png"))
    assert (first == square(0)).mean() > 0.9

    record = next((tmp_path / "results").glob("*/fifo-*/records/left/1.json"))
    record.write_text(record.read_text()[:-20])
    said = refuses("report", "--split", vos, "--out", "second")
    assert str(record.relative_to(tmp_path)) in said
    assert "run again" in said


@pytest.mark.e2e
def test_sweep_shares_one_pass_and_goes_on(vot, vos, tmp_path, monkeypatch):
    from vot_memory.backbone import Backbone

    encoded = []
    encode_image = Backbone.encode_image
    monkeypatch.setattr(
        Backbone,
        "encode_image",
        lambda *arguments: encoded.append(1) or encode_image(*arguments),
    )
    words = ["--policy", "random", "--grid", "num_maskmem=2,4", "--grid", "seed=1,2"]
    words += ["--split", vos, "--as-dev", "--model", "nano", "--device", "cpu"]
    first = vot("sweep", *words, "--limit", 1)
    assert first.code == 0
    assert "4 combinations of num_maskmem, seed + defaults + fifo, on 1 video" in first.out
    assert len(encoded) == FRAMES
    rest = vot("sweep", *words, "--csv", "table.csv")
    assert rest.code == 0
    assert "videos: 1 tracked, 1 complete before, 0 failed" in rest.out
    assert len(encoded) == 2 * FRAMES, "six configurations, one encoding a picture"
    with (tmp_path / "table.csv").open() as stream:
        rows = [(r["policy"], r["random.num_maskmem"]) for r in csv.DictReader(stream)]
    assert sorted(rows) == [("fifo", ""), *[("random", n) for n in "22447"]]
    assert len(list(tmp_path.glob("results/*/*/identity.json"))) == 6
    assert len(list(tmp_path.glob("results/*/sweep-*.csv"))) == 1  # of the first command

    reported = vot("report", "--split", vos)  # six rows of one policy can be told apart
    labels = {f"random (seed={s}, num_maskmem={n})" for s in (1, 2) for n in (2, 4)}
    assert reported.code == 0
    with (tmp_path / "report" / "tables" / "overview.csv").open() as stream:
        assert {row["label"] for row in csv.DictReader(stream)} == {"random", "fifo"} | labels


@pytest.mark.e2e
def test_an_unreadable_frame_fails_its_video_only(vot, vos, tmp_path):
    (vos / "JPEGImages" / "left" / "00003.png").write_bytes(b"torn")
    ran = vot("run", "--policy", "fifo", "--split", vos, "--model", "nano", "--device", "cpu")
    assert ran.code == 1
    assert "videos: 1 tracked, 0 complete before, 1 failed" in ran.out
    assert "00003.png" in ran.err
    failed = json.loads(next((tmp_path / "results").glob("*/fifo-*/failed/left.json")).read_text())
    assert failed["frame"] == 3
    assert not list((tmp_path / "results").glob("*/fifo-*/records/left/*"))

    reported = vot("report", "--split", vos)
    assert reported.code == 0
    assert "left" in reported.out


@pytest.mark.e2e
@pytest.mark.parametrize(
    "prompt", [["--box", "5,10,20,20"], ["--point", "15,20", "--point", "60,40,0"]]
)
def test_track_writes_overlay_and_masks(vot, frames, tmp_path, prompt):
    import cv2

    places = ["--out", "overlay.mp4", "--masks", "masks"]
    result = vot("track", frames, *prompt, *places, "--policy", "random", "--set", "seed=3")
    assert result.code == 0
    assert "overlay.mp4" in result.out
    video = cv2.VideoCapture(str(tmp_path / "overlay.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == FRAMES
    assert len(list((tmp_path / "masks").glob("*.png"))) == FRAMES
    assert not list(tmp_path.glob(".*"))


@pytest.mark.e2e
def test_a_frame_that_cannot_be_read_leaves_no_overlay(refuses, frames):
    (frames / "00004.png").write_bytes(b"torn")
    said = refuses("track", frames, "--box", "5,10,20,20", "--out", "overlay.mp4")
    assert "00004.png" in said


@pytest.mark.e2e
def test_verify_agrees_with_sam2(vot, frames):
    result = vot("verify", frames, "--box", "5,10,20,20", "--device", "cpu")
    assert result.code == 0
    assert result.out.splitlines()[-1] == "equal"


@pytest.mark.e2e
def test_check_policy(vot):
    result = vot("check-policy", "first")
    assert result.code == 0
    assert "FAILED" not in result.out
    assert "bounded memory" in result.out


@pytest.mark.e2e
def test_torchvision_and_vot_are_never_imported(tmp_path):
    """sam2 brings torchvision, whose wheel may not fit the torch that is there."""
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torchvision', 'vot'):\n"
        "            raise ImportError(f'{name} must not be imported')\n"
        "sys.meta_path.insert(0, Block())\n"
        "from vot_memory.cli import main\n"
        "words = 'vot-memory run --policy fifo --split synth-smoke --limit 1 --threads 1'\n"
        "sys.argv = words.split()\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "videos: 1 tracked" in done.stdout
    assert Path(tmp_path / "results" / "synth-smoke").is_dir()
