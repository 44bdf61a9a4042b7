import numpy as np
import pytest

from vot_memory.commands.prompts import (
    parse_box,
    parse_points,
    parse_prompts,
    read_masks,
)
from vot_memory.datasets.export import write_palette_png
from vot_memory.errors import InputError


def test_box():
    assert parse_box("10,20,5,6").xyxy.tolist() == [10, 20, 14, 25]
    for text in ("10,20,5", "a,b,c,d", "", "1,2,3,4,5"):
        with pytest.raises(InputError, match="x,y,w,h"):
            parse_box(text)


def test_points():
    prompt = parse_points(["1,2", "3.5,4,0"])
    assert prompt.points.tolist() == [[1, 2], [3.5, 4]]
    assert prompt.labels.tolist() == [1, 0]
    for text in ("1", "1,2,0.5", "1,2,3,4", "x,y"):
        with pytest.raises(InputError, match="x,y,label"):
            parse_points([text])


def test_every_label_of_a_mask_picture_is_an_object(tmp_path):
    picture = np.zeros((6, 8), np.uint8)
    picture[:2], picture[3:5], picture[5] = 1, 3, 255
    write_palette_png(tmp_path / "mask.png", picture)
    masks = read_masks(tmp_path / "mask.png")
    assert list(masks) == ["1", "3"]  # 255 beside labels is void
    assert (masks["3"].mask == (picture == 3)).all()
    assert set(parse_prompts([], [tmp_path / "mask.png"], [], (6, 8))) == {"1", "3"}


def test_a_binary_mask_is_one_object(tmp_path):
    picture = np.zeros((6, 8), np.uint8)
    picture[2:] = 255
    write_palette_png(tmp_path / "mask.png", picture)
    masks = read_masks(tmp_path / "mask.png")
    assert list(masks) == ["1"]
    assert masks["1"].mask.sum() == 32
