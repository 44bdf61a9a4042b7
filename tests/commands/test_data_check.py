"""Damage of every kind, done to folders that are whole, and what `data check` says of it."""

import builtins
import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vot_memory.cli import app
from vot_memory.commands import data_check
from vot_memory.commands.data_check import SHOWN, check_data, lines, write_csv
from vot_memory.datasets.checks import Checked
from vot_memory.datasets.export import davis_palette
from vot_memory.datasets.rle import encode
from vot_memory.datasets.splits import BoxSpec, Source, split_specs
from vot_memory.datasets.vos import VosFolder
from vot_memory.datasets.vot import VotLayout, load_vot
from vot_memory.errors import InputError

DAVIS = Path(__file__).resolve().parents[3] / "shared" / "data" / "DAVIS2016-240p"
H, W, T = 24, 32, 6


def frame(path: Path, size: tuple[int, int] = (H, W)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.stem)).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


def labels(path: Path, *found: int, size: tuple[int, int] = (H, W)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.zeros(size, np.uint8)
    for label in found:
        column = 3 * min(label, 9)  # 255 is void
        array[4:8, column : column + 3] = label
    picture = Image.fromarray(array)
    picture.putpalette(davis_palette())
    picture.save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two videos with two objects, as of DAVIS; nothing is wrong."""
    folder = tmp_path / "mine"
    for name in ("cow", "pig"):
        for t in range(T):
            frame(folder / f"JPEGImages/480p/{name}/{t:05d}.jpg")
            labels(folder / f"Annotations/480p/{name}/{t:05d}.png", 1, 2)
    return folder


def problems(folder: Path, **options) -> dict[str, list[str]]:
    """What is wrong by sequence, with paths below the folder."""
    found: dict[str, list[str]] = {}
    for name, finding in check_data(str(folder), **options).rows():
        if finding.problem:
            text = finding.text.replace(f"{folder}/", "").replace("480p/", "")
            found.setdefault(name, []).append(text)
    return found


def test_a_whole_copy(root: Path) -> None:
    report = check_data(str(root), threads=2)
    assert report.ok
    assert list(lines(report)) == [
        str(root),
        "sequences: 2, objects: 4, frames: 12",
        "nothing is wrong",
    ]
    assert list(lines(check_data(str(root), quick=True)))[1:] == [
        "sequences: 2, objects: not counted, frames: 12",
        "nothing is wrong as far as headers tell",
    ]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def damage(root: Path) -> None:
    pictures, masks = root / "JPEGImages/480p", root / "Annotations/480p"
    cut_off(pictures / "cow/00001.jpg")
    (masks / "cow/00002.png").write_bytes(b"")
    frame(pictures / "cow/00003.jpg", size=(H, W + 2))
    labels(masks / "cow/00004.png", 1, size=(H, W - 2))
    frame(masks / "cow/00005.png")
    labels(masks / "cow/00009.png", 1)
    (pictures / "pig/00002.jpg").unlink()
    (pictures / "pig/00003.jpg").unlink()
    frame(pictures / "pig/00004.png")
    for branch in (pictures, masks):
        shutil.copytree(branch / "cow", branch / "emu")
    shutil.rmtree(masks / "emu")
    labels(masks / "fox/00000.png", 1)


DAMAGED = {
    "cow": [
        "JPEGImages/cow/00001.jpg cannot be read as a picture (image file is truncated",
        "JPEGImages/cow/00003.jpg is 34x24 but 4 of the 5 frames are 32x24.",
        "Annotations/cow/00009.png annotates a frame that does not exist.",
        "Annotations/cow/00002.png cannot be read as a picture (0 bytes): replace it by",
        "Annotations/cow/00004.png is 30x24 but its frames are 32x24.",
        "Annotations/cow/00005.png is a picture of mode RGB, not a label map: take the original",
    ],
    "pig": [
        "JPEGImages/pig has frame 00004 twice: 00004.jpg and 00004.png.",
        "Frames 00002 to 00003 (2) are missing: JPEGImages/pig goes from 00001 to 00004.",
    ],
    "emu": ["Annotations/emu does not exist."],
    "fox": ["JPEGImages/fox does not exist."],
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("quick", [False, True])
def test_all_damage_is_found_at_once(root: Path, quick: bool, threads: int) -> None:
    damage(root)
    found = problems(root, quick=quick, threads=threads)
    assert found.keys() == DAMAGED.keys()
    for name, expected in DAMAGED.items():
        assert len(found[name]) == len(expected)
        for text, beginning in zip(found[name], expected, strict=True):
            assert text.startswith(beginning)


def test_what_only_pixels_tell(root: Path) -> None:
    for t in range(T):
        (root / f"JPEGImages/480p/cow/{t:05d}.jpg").unlink()
        frame(root / f"JPEGImages/480p/cow/{t:05d}.png")
    path = root / "JPEGImages/480p/cow/00003.png"
    spoiled = bytearray(path.read_bytes())
    spoiled[len(spoiled) // 2] ^= 255
    path.write_bytes(spoiled)
    assert problems(root).keys() == {"cow"}
    assert problems(root, quick=True) == {}


def test_frames_that_lack_at_the_end(root: Path) -> None:
    for t in (4, 5):
        (root / f"JPEGImages/480p/cow/{t:05d}.jpg").unlink()
    assert problems(root) == {
        "cow": [
            "2 files of Annotations/cow annotate frames that do not exist: 00004.png to 00005.png."
        ]
    }


def test_truth_with_gaps(root: Path) -> None:
    for t in (3, 4):
        (root / f"Annotations/480p/cow/{t:05d}.png").unlink()
    assert problems(root) == {"cow": ["The video has no annotation in frames 00003 to 00004."]}


def test_objects_that_never_appear(root: Path) -> None:
    for t in range(T):
        labels(root / f"Annotations/480p/cow/{t:05d}.png")
    assert problems(root) == {"cow": ["No object appears in Annotations/cow."]}
    sav = root.parent / "sav"
    for t in range(9):
        frame(sav / f"JPEGImages_24fps/sav_1/{t:05d}.jpg")
    for t in (0, 4, 8):
        labels(sav / f"Annotations_6fps/sav_1/000/{t:05d}.png", 1)
        labels(sav / f"Annotations_6fps/sav_1/001/{t:05d}.png")
    assert problems(sav) == {"sav_1": ["Object 001 never appears."]}
    assert "note: One frame in 4 is annotated. (sav_1)" in lines(check_data(str(sav)))


def test_labels_become_objects_as_the_loader_makes_them(root: Path) -> None:
    for t in range(T):
        labels(root / f"Annotations/480p/cow/{t:05d}.png", 2, 255)
        labels(root / f"Annotations/480p/pig/{t:05d}.png", 255)
    report = check_data(str(root))
    assert report.ok
    assert [one.objects for one in report.sequences] == [1, 1]  # 2 and void; a binary mask
    for meta in ("cow", "pig"):  # which of the two files is announced
        (root / "meta.json").write_text(f'{{"videos": {{"{meta}": {{"objects": {{"1": {{}}}}}}}}}}')
        assert check_data(str(root)).ok == (meta == "pig")


def test_only_prompts(root: Path) -> None:
    for path in root.glob("Annotations/480p/*/0000[1-9].png"):
        path.unlink()
    report = check_data(str(root))
    assert report.ok
    note = "The video is annotated in a single frame: results can be made, not scored."
    assert f"note: {note} (2 sequences)" in lines(report)


def test_announcements(root: Path) -> None:
    (root / "meta.json").write_text('{"videos": {"cow": {"objects": {"1": {}, "7": {}}}}}')
    assert problems(root) == {
        "cow": [
            "Object 7 is announced but no mask shows it.",
            "Object 2 is not announced but shows in frame 00000.",
        ]
    }
    (root / "meta.json").write_text('{"videos": {')
    assert "meta.json cannot be read as JSON" in problems(root)[""][0]
    (root / "meta.json").write_text('{"year": 2019}')
    assert problems(root) == {}


def test_counts_of_a_published_split(root: Path) -> None:
    data = root.parent / "data"
    shutil.copytree(root, data / "DAVIS")
    chosen = data / "DAVIS/ImageSets/2017/val.txt"
    chosen.parent.mkdir(parents=True)
    chosen.write_text("cow\npig\nelk\n")
    report = check_data("davis-2017-val", data)
    assert [(name, f.kind, f.text) for name, f in report.rows()] == [
        ("", "counts", "sequences: 2 here, 30 published."),
        ("", "counts", "objects: 4 here, 61 published."),
        ("", "counts", "frames: 12 here, 1999 published."),
        ("elk", "sequence", f"{data}/DAVIS/JPEGImages/480p/elk does not exist."),
        ("elk", "sequence", f"{data}/DAVIS/Annotations/480p/elk does not exist."),
    ]
    assert list(lines(report))[-1] == "problems: 5, in 1 of 3 sequences"


def test_many_faults_are_cut_on_the_terminal_and_whole_in_the_table(root: Path) -> None:
    for t in range(T, T + 12):
        frame(root / f"JPEGImages/480p/cow/{t:05d}.jpg")
        (root / f"Annotations/480p/cow/{t:05d}.png").touch()
    report = check_data(str(root))
    shown = list(lines(report))
    assert shown[SHOWN + 2] == "  and 2 more; --csv FILE takes all"
    write_csv(report, root / "found.csv")
    with (root / "found.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert rows[0] == {
        "level": "problem",
        "sequence": "cow",
        "about": "annotations",
        "finding": "Annotations/480p/cow/00006.png cannot be read as a picture (0 bytes): "
        "replace it by a whole copy.",
    }
    write_csv(report, root / "new/place/found.csv")
    assert (root / "new/place/found.csv").read_text() == (root / "found.csv").read_text()
    with pytest.raises(InputError, match=r"found\.csv/x\.csv cannot be written"):
        write_csv(report, root / "found.csv/x.csv")


def test_vot_sequences(tmp_path: Path) -> None:
    for name in ("cow", "pig", "emu"):
        for t in range(1, 5):
            frame(tmp_path / name / f"color/{t:08d}.jpg")
        (tmp_path / name / "sequence").write_text("channels.color=color/%08d.jpg\n")
        (tmp_path / name / "groundtruth_1.txt").write_text("1,1,4,4\n0\n1,1,4,4\n1,1,4,4\n")
        (tmp_path / name / "groundtruth_2.txt").write_text("1,1,4,4\n" * 4)
    (tmp_path / "list.txt").write_text("cow\npig\nemu\n")
    assert problems(tmp_path) == {}
    notes = [line for line in lines(check_data(str(tmp_path))) if line.startswith("note")]
    assert notes == ["note: Object 1 has no annotation in frame 1. (3 sequences)"]
    (tmp_path / "pig/groundtruth_1.txt").write_text("1,1,4,4\n" * 5)
    (tmp_path / "pig/groundtruth_2.txt").write_text("1,1,4,4\n1,1,four,4\n")
    (tmp_path / "cow/color/00000002.jpg").write_bytes(b"")
    (tmp_path / "emu/sequence").unlink()
    found = problems(tmp_path)
    assert [len(found[name]) for name in ("emu", "cow", "pig")] == [1, 1, 2]
    assert "0 bytes" in found["cow"][0]
    assert "groundtruth_1.txt has 5 lines" in found["pig"][0]
    assert "groundtruth_2.txt" in found["pig"][1]
    (tmp_path / "cow/color/00000001.jpg").write_bytes(b"")  # whose size is everyone's
    assert len(problems(tmp_path)["cow"]) == 2
    frame(tmp_path / "cow/color/00000001.jpg")
    frame(tmp_path / "cow/color/00000002.jpg")
    (tmp_path / "cow/occlusion.tag").write_text("0\nyes\n")
    assert "occlusion.tag, line 2" in problems(tmp_path)["cow"][0]


def test_sav_videos(tmp_path: Path) -> None:
    folder = tmp_path / "SA-V/sav_train/sav_000"
    folder.mkdir(parents=True)
    mask = encode(np.eye(H, W, dtype=bool))
    nothing = encode(np.zeros((H, W), bool))
    numbers = {"frame_count": 17.0, "height": float(H), "width": float(W)}
    for name, frames in (("sav_000001", 17), ("sav_000002", 15), ("sav_000003", 17)):
        film = cv2.VideoWriter(
            str(folder / f"{name}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 24, (W, H)
        )
        for t in range(frames):
            film.write(np.full((H, W, 3), 10 * t, np.uint8))
        film.release()
        shown = nothing if name == "sav_000003" else mask
        rows = [[mask, shown] for _ in range(5)]
        rows[2][0] = None if name == "sav_000002" else mask
        about = {"video_id": name, "masklet_id": [0, 1], "masklet": rows}
        about |= {f"video_{key}": value for key, value in numbers.items()}
        (folder / f"{name}_manual.json").write_text(json.dumps(about))
    (folder / "sav_000004.mp4").write_bytes(b"")
    report = check_data("sav-train", tmp_path)
    found = [(name, finding.text) for name, finding in report.rows() if name and finding.problem]
    names = ["sav_000004", "sav_000002", "sav_000002", "sav_000003"]
    assert [name for name, _ in found] == names
    assert "sav_000004_manual.json does not exist" in found[0][1]
    assert "sav_000002.mp4 has 15 frames but its annotation was made on 17" in found[1][1]
    assert found[2][1] == "Object 0 has no annotation in frame 8."
    assert "Masklet 1 never appears" in found[3][1]


def test_box_data_sets(tmp_path: Path, lock: Callable[[Path], None]) -> None:
    folder = tmp_path / "data/GOT-10k/val"
    for name in ("a", "b", "c"):
        for t in range(1, 4):
            frame(folder / name / f"{t:08d}.jpg")
        (folder / name / "groundtruth.txt").write_text("1,1,4,4\n" * 3)
        (folder / name / "cover.label").write_text("8\n" * 3)
    (folder / "list.txt").write_text("a\nb\nc\n")
    assert isinstance(split_specs()["got-10k-val"], BoxSpec)
    (folder / "b/00000002.jpg").unlink()
    (folder / "c/groundtruth.txt").write_text("1,1,4,4\n" * 2)
    lock(folder / "a/groundtruth.txt")
    report = check_data("got-10k-val", tmp_path / "data")
    found = [(name, f.text) for name, f in report.rows() if name]
    assert [name for name, _ in found] == ["b", "a", "c"]
    assert "lacks frame 00000002.jpg" in found[0][1]
    assert found[1][1].endswith("cannot be read (Permission denied): make it readable.")
    assert "groundtruth.txt has 2 boxes but" in found[2][1]
    assert "sequences: 2 here, 180 published." in [f.text for f in report.findings]


def test_what_a_sequence_reads_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for t in range(1, 4):
        frame(tmp_path / f"cow/color/{t:08d}.jpg")
    (tmp_path / "cow/sequence").write_text("channels.color=color/%08d.jpg\n")
    (tmp_path / "cow/groundtruth.txt").write_text("1,1,4,4\n" * 3)
    (cow,) = load_vot(tmp_path)
    source = Source(tmp_path, VotLayout(), lambda: [cow])
    monkeypatch.setattr(data_check, "find_source", lambda split, data: source)
    assert check_data("any").sequences == (Checked("cow", 3, 1, ()),)
    assert not {"objects", "labels", "size"} & cow.__dict__.keys()


def test_folders_that_may_not_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(folder: VosFolder, name: str, **_: object) -> Checked:
        if name == "cow":
            raise PermissionError(13, "Permission denied", "cow")
        return Checked(name, T, 2, ())

    monkeypatch.setattr(data_check, "check_vos_sequence", locked)
    assert problems(root) == {"cow": ["cow cannot be read (Permission denied): make it readable."]}


@pytest.fixture
def lock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Close files and folders as `chmod 0` does for all users but root, who may run the tests."""
    closed: list[Path] = []

    def guard(owner: object, name: str) -> None:
        original = getattr(owner, name)

        def guarded(place: Any, *args: Any, **options: Any) -> Any:
            if any(Path(str(place)).is_relative_to(path) for path in closed):
                if name == "access":
                    return False
                raise PermissionError(13, "Permission denied", str(place))
            return original(place, *args, **options)

        monkeypatch.setattr(owner, name, guarded)

    for owner, name in ((Path, "iterdir"), (os, "access"), (io, "open"), (builtins, "open")):
        guard(owner, name)
    return closed.append


def test_a_locked_sequence_is_one_finding(root: Path, lock: Callable[[Path], None]) -> None:
    lock(root / "JPEGImages/480p/cow")
    text = "JPEGImages/cow cannot be read (Permission denied): make it readable."
    assert problems(root) == {"cow": [text]}


def test_a_locked_picture_shall_be_made_readable(root: Path, lock: Callable[[Path], None]) -> None:
    lock(root / "JPEGImages/480p/cow/00002.jpg")
    text = "JPEGImages/cow/00002.jpg cannot be read (Permission denied): make it readable."
    assert problems(root) == problems(root, quick=True) == {"cow": [text]}


def test_a_locked_vot_sequence_is_one_finding(tmp_path: Path, lock: Callable[[Path], None]) -> None:
    for name in ("cow", "pig"):
        for t in range(1, 4):
            frame(tmp_path / name / f"color/{t:08d}.jpg")
        (tmp_path / name / "sequence").write_text("channels.color=color/%08d.jpg\n")
        (tmp_path / name / "groundtruth.txt").write_text("1,1,4,4\n" * 3)
    assert problems(tmp_path) == {}
    lock(tmp_path / "pig/groundtruth.txt")
    text = "pig/groundtruth.txt cannot be read (Permission denied): make it readable."
    assert problems(tmp_path) == {"pig": [text]}
    lock(tmp_path / "pig")
    lock(tmp_path / "cow")
    found = problems(tmp_path)
    assert [len(found[name]) for name in ("cow", "pig")] == [1, 1]
    assert "cannot be read (Permission denied)" in found["cow"][0]


def test_names_that_are_not_utf8(root: Path, tmp_path: Path) -> None:
    pictures, masks = root / "JPEGImages/480p", root / "Annotations/480p"
    try:
        (pictures / "cow/00002.jpg").rename(pictures / "cow" / os.fsdecode(b"0000\xe9.jpg"))
        for branch in (pictures, masks):
            (branch / "pig").rename(branch / os.fsdecode(b"p\xefg"))
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    found = problems(root)
    assert "The name JPEGImages/cow/0000\\xe9.jpg is not UTF-8: rename it." in found["cow"]
    assert found["p\\xefg"] == [
        "The name JPEGImages/p\\xefg is not UTF-8: rename it.",
        "The name Annotations/p\\xefg is not UTF-8: rename it.",
    ]
    table = tmp_path / "found.csv"
    done = CliRunner().invoke(app, ["data", "check", str(root), "--csv", str(table)])
    assert done.exit_code == 1
    assert "p\\xefg" in done.stdout
    assert "p\\xefg" in table.read_text(encoding="utf-8")


def test_a_table_is_no_formula(root: Path, tmp_path: Path) -> None:
    for branch in ("JPEGImages", "Annotations"):
        (root / branch / "480p/cow").rename(root / branch / "480p/=1+1")
    (root / "JPEGImages/480p/=1+1/00002.jpg").write_bytes(b"")
    write_csv(check_data(str(root)), tmp_path / "found.csv")
    with (tmp_path / "found.csv").open() as file:
        assert [row["sequence"] for row in csv.DictReader(file)] == ["'=1+1"]


def test_the_place_of_the_table_is_tried_first(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_check, "check_data", lambda *_, **__: pytest.fail("was looked at"))
    (tmp_path / "file").touch()
    for place, said in ((tmp_path, "is a folder"), (tmp_path / "file/x.csv", "cannot be written")):
        done = CliRunner().invoke(app, ["data", "check", str(root), "--csv", str(place)])
        assert isinstance(done.exception, InputError)
        assert said in str(done.exception)


def test_what_cannot_be_checked(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="synth-dev is drawn when it is run"):
        check_data("synth-dev")
    with pytest.raises(InputError, match="Unknown split"):
        check_data("no-such-split")
    with pytest.raises(InputError, match="davis-2017-val is not at"):
        check_data("davis-2017-val", tmp_path)
    with pytest.raises(InputError, match="0 threads"):
        check_data(str(root), threads=0)
    shutil.rmtree(root / "Annotations")
    with pytest.raises(InputError, match="no Annotations"):
        check_data(str(root))


def test_the_command(root: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    whole = run(app, ["data", "check", str(root)])
    assert (whole.exit_code, whole.stdout.splitlines()[-1]) == (0, "nothing is wrong")
    damage(root)
    table = tmp_path / "found.csv"
    wrong = run(app, ["data", "check", str(root), "--csv", str(table), "--threads", "2"])
    assert wrong.exit_code == 1
    assert wrong.stdout.splitlines()[-2:] == [
        "problems: 10, in 4 of 4 sequences",
        f"Table: {table}",
    ]
    assert len(table.read_text().splitlines()) == 11
    assert isinstance(run(app, ["data", "check", "synth-dev"]).exception, InputError)


@pytest.mark.skipif(not DAVIS.is_dir(), reason="DAVIS2016-240p is not beside the repository")
def test_davis_is_whole() -> None:
    report = check_data(str(DAVIS))
    assert report.ok
    assert sum(one.frames for one in report.sequences) == 1930
