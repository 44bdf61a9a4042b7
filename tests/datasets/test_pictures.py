from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vot_memory.datasets.pictures import check_whole
from vot_memory.errors import InputError


def picture(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.webp"])
@pytest.mark.parametrize("decode", [True, False])
def test_whole_pictures(tmp_path: Path, name: str, decode: bool) -> None:
    path = picture(tmp_path / name)
    assert check_whole(path, decode=decode) == (20, 30)
    if name == "a.jpg":
        path.write_bytes(path.read_bytes() + b"\0" * 100)  # as some cameras write
        assert check_whole(path, decode=decode) == (20, 30)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("decode", [True, False])
def test_what_is_cut_off(tmp_path: Path, name: str, decode: bool) -> None:
    path = picture(tmp_path / name)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"truncated"):
        check_whole(path, decode=decode)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "0 bytes"), (b"<html>Not found</html>", "no known format")]
)
def test_what_is_no_picture(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.jpg cannot be read as a picture \({reason}\)"):
        check_whole(path)
    path.unlink()
    with pytest.raises(InputError, match=r"\(no such file\)"):
        check_whole(path)


def test_label_maps_are_told_by_their_header(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(tmp_path / "gray.png")
    assert check_whole(tmp_path / "gray.png", decode=False, labels=True) == (4, 5)
    with pytest.raises(InputError, match="mode RGB, not a label map: take the original file"):
        check_whole(picture(tmp_path / "colour.png"), decode=False, labels=True)
