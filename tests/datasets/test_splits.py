from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from vot_memory.datasets.splits import (
    SplitSpec,
    check_for_tuning,
    load_split,
    split_names,
    split_specs,
)
from vot_memory.errors import InputError

DAVIS = Path(__file__).resolve().parents[3] / "shared" / "data" / "DAVIS2016-240p"


def vos_folder(root: Path, names: tuple[str, ...] = ("a", "b"), resolution: str = ".") -> Path:
    array = np.zeros((4, 6), np.uint8)
    array[1, 1] = 1
    for name in names:
        for branch, suffix in (("JPEGImages", "jpg"), ("Annotations", "png")):
            folder = root / branch / resolution / name
            folder.mkdir(parents=True)
            Image.fromarray(array).save(folder / f"00000.{suffix}")
    return root


def test_the_issues_splits_are_there_and_have_their_sizes() -> None:
    sizes = {"synth-smoke": (4, 30), "synth-dev": (48, 80)}
    sizes |= {"synth-val": (128, 80), "synth-test": (256, 80)}
    for name, (count, num_frames) in sizes.items():
        split = load_split(name)
        assert len(split.sequences) == count
        assert {len(s) for s in split.sequences} == {num_frames}
        assert split.default_model == "nano"
    assert {"synth-train", "synth-shift"} < set(split_names())


def test_synthetic_splits_are_disjoint() -> None:
    splits = [load_split(n) for n in split_names() if n.startswith("synth-")]
    names = [s.name for split in splits for s in split.sequences]
    digests = [s.digest for split in splits for s in split.sequences]
    assert len(set(names)) == len(names)
    assert len(set(digests)) == len(digests)
    assert len({split.digest for split in splits}) == len(splits)


def test_roles_protect_what_is_reported() -> None:
    roles = {name: spec.role for name, spec in split_specs().items()}
    assert roles["synth-smoke"] == "smoke"
    assert roles["synth-train"] == "train"
    assert roles["synth-dev"] == roles["synth-tune"] == "dev"
    real = [name for name, spec in split_specs().items() if spec.loader == "vos"]
    training = [name for name in real if name.endswith("-train")]
    for name in ["synth-val", "synth-test", "synth-shift", *(set(real) - set(training))]:
        assert roles[name] in {"val", "test"}
    assert {roles[name] for name in training} == {"train"}
    assert {split_specs()[name].model for name in real} == {"sam2.1-l"}


def test_tuning_keeps_away_from_what_is_reported(tmp_path: Path) -> None:
    for name in ("synth-smoke", "synth-train", "synth-dev", "no-such-split"):
        check_for_tuning(name)
    for name in ("synth-val", "synth-test", "davis-2017-val"):
        with pytest.raises(InputError, match="synth-dev"):
            check_for_tuning(name, own_folder=True)
    with pytest.raises(InputError, match="counts as a test set"):
        check_for_tuning(str(tmp_path))
    check_for_tuning(str(tmp_path), own_folder=True)


def test_limit_shortens_but_does_not_rename() -> None:
    whole, part = load_split("synth-smoke"), load_split("synth-smoke", limit=2)
    assert [s.name for s in part.sequences] == [s.name for s in whole.sequences[:2]]
    assert (part.name, part.digest) == (whole.name, whole.digest)
    assert len(load_split("synth-smoke", limit=99).sequences) == 4
    with pytest.raises(InputError, match="limit of 0"):
        load_split("synth-smoke", limit=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("synth-dve", r"Unknown split 'synth-dve'.*did you mean synth-dev\?"),
        ("zzz", r"Unknown split 'zzz'.*: `vot-memory ls splits` lists all\.$"),
        ("no/such/folder", r"folder no/such/folder does not exist"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_split(name)


def test_a_file_is_no_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hello.txt").touch()
    monkeypatch.chdir(tmp_path)
    for name in ("hello.txt", str(tmp_path / "hello.txt")):
        with pytest.raises(InputError, match=r"hello\.txt is a file: name a folder, or a split of"):
            load_split(name)


def test_folder_by_path_is_named_after_its_content(tmp_path: Path) -> None:
    root = vos_folder(tmp_path / "mine")
    split = load_split(str(root), limit=1)
    assert split.name == f"mine@{split.digest[:8]}"
    assert [s.name for s in split.sequences] == ["a"]
    vos_folder(root, names=("c",))
    assert load_split(str(root)).digest != split.digest


def test_a_video_called_sequence_makes_no_vot_folder(tmp_path: Path) -> None:
    root = vos_folder(tmp_path, names=("sequence",))
    assert [s.name for s in load_split(str(root)).sequences] == ["sequence"]


def test_a_resolution_is_chosen_by_its_path(tmp_path: Path) -> None:
    root = vos_folder(tmp_path / "mine", names=("a",), resolution="480p")
    vos_folder(root, names=("b",), resolution="1080p")
    with pytest.raises(InputError, match="several resolutions"):
        load_split(str(root))
    split = load_split(str(root / "JPEGImages" / "480p"))
    assert split.name.startswith("mine@")
    assert [s.name for s in split.sequences] == ["a"]


def test_published_data_is_found_or_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOT_MEMORY_DATA", raising=False)
    with pytest.raises(InputError, match=r"davis-2017-val needs .*davischallenge\.org.*DATA/DAVIS"):
        load_split("davis-2017-val")
    monkeypatch.setenv("VOT_MEMORY_DATA", str(tmp_path))
    with pytest.raises(InputError, match=r"davis-2017-val is not at .*DAVIS: get it from"):
        load_split("davis-2017-val")
    root = vos_folder(tmp_path / "DAVIS", resolution="480p")
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("b\n")
    assert [s.name for s in load_split("davis-2017-val").sequences] == ["b"]
    monkeypatch.delenv("VOT_MEMORY_DATA")
    assert [s.name for s in load_split("davis-2017-val", data=tmp_path).sequences] == ["b"]


@pytest.mark.parametrize(
    "change", [{"role": "exam"}, {"loader": "zip"}, {"extra": 1}, {"synth": {"seeds": "dev"}}]
)
def test_the_registry_is_checked(change: dict) -> None:
    entry = split_specs()["synth-dev"].model_dump() | change
    with pytest.raises(ValidationError):
        TypeAdapter(SplitSpec).validate_python(entry)


def test_a_name_may_say_which_videos_are_meant() -> None:
    with pytest.raises(InputError, match=r"videos present are synth-dev, not synth-dev@0123abcd"):
        load_split("synth-dev@0123abcd")
    with pytest.raises(InputError, match="synth-val@0123abcd has role val"):
        check_for_tuning("synth-val@0123abcd")


@pytest.mark.skipif(not DAVIS.is_dir(), reason="DAVIS2016-240p is not beside the repository")
def test_davis_folder() -> None:
    split = load_split(str(DAVIS), limit=2)
    assert [s.name for s in split.sequences] == ["bear", "bmx-bumps"]
    assert split.default_model == "sam2.1-l"
