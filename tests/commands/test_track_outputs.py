import json

import numpy as np
import pytest

from vot_memory.commands.prompts import parse_box
from vot_memory.commands.track_outputs import STDOUT, JsonLines, Masks, Overlay
from vot_memory.datasets.pictures import read_labels, read_picture
from vot_memory.datasets.rle import decode
from vot_memory.datasets.sequence import bounding_box
from vot_memory.errors import InputError
from vot_memory.tracking import Answer

SIZE = (30, 40)
PICTURE = np.full((*SIZE, 3), 50, np.uint8)


def answer(frame=3):
    """Two objects, the second of which is not seen."""
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 5:9, 10:16] = True
    return Answer(
        frame=frame,
        objects=("1", "4"),
        masks=masks,
        ious=np.array([[0.1, 0.87654, 0.2], [np.nan, np.nan, np.nan]], np.float32),
        object_score=np.array([3.25, -4.5], np.float32),
        chosen=np.array([1, 0]),
        memory=np.array([[0, 2, -1, 1], [0, -1, -1, -1]]),
        tags=np.zeros((2, 4), np.int8),
        written=np.array([3, -1]),
    )


def test_a_line_of_json_says_what_was_answered(tmp_path):
    with JsonLines(tmp_path / "new" / "a.jsonl", masks=True) as output:
        output.add(PICTURE, answer())
    (line,) = (tmp_path / "new" / "a.jsonl").read_text().splitlines()
    found = json.loads(line)
    masks = [decode(thing.pop("mask")) for thing in found["objects"]]
    assert (np.stack(masks) == answer().masks).all()
    assert found == {
        "frame": 3,
        "objects": [
            {
                "id": "1",
                "box": [10, 5, 6, 4],
                "object_score": 3.25,
                "iou": 0.8765,
                "memory": [0, 1, 2],
            },
            {"id": "4", "box": None, "object_score": -4.5, "iou": None, "memory": [0]},
        ],
    }


def test_a_box_is_written_as_it_is_given():
    mask = np.zeros(SIZE, bool)
    mask[5:9, 10:16] = True
    mask[20, 12] = True
    text = ",".join(str(n) for n in bounding_box(mask))
    assert parse_box(text).xyxy.tolist() == [10, 5, 15, 20]  # first and last pixels


def test_lines_of_a_stream_are_there_at_once_and_stay(tmp_path, capfd):
    live = JsonLines(tmp_path / "live.jsonl", whole=False)
    standard = JsonLines(STDOUT)

    def fail():
        with live, standard:
            for frame in range(3):
                live.add(PICTURE, answer(frame))
                standard.add(PICTURE, answer(frame))
                lines = (tmp_path / "live.jsonl").read_text().splitlines()
                assert [json.loads(line)["frame"] for line in lines] == list(range(frame + 1))
                assert "mask" not in lines[0]
                assert json.loads(capfd.readouterr().out)["frame"] == frame
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["live.jsonl"]


def test_lines_of_a_file_appear_only_when_all_went_well(tmp_path):
    def fail():
        with JsonLines(tmp_path / "whole.jsonl") as output:
            output.add(PICTURE, answer())
            assert not (tmp_path / "whole.jsonl").exists()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not list(tmp_path.iterdir())


def test_masks_are_named_by_frame(tmp_path):
    with Masks(tmp_path / "masks", ("1", "4"), "{:05d}".format, whole=False) as output:
        output.add(PICTURE, answer(7))
        labels = read_labels(tmp_path / "masks" / "00007.png")
    assert (labels == answer().masks[0]).all()


@pytest.mark.parametrize("whole", [True, False])
def test_an_overlay_of_pictures(tmp_path, whole):
    out = tmp_path / "overlay"
    with Overlay(out, 25, None if not whole else 9, whole=whole) as output:
        output.add(PICTURE, answer())
        assert out.exists() == (not whole)
    drawn = read_picture(out / "00000.png")
    assert drawn.shape[1] == 480  # small pictures are enlarged
    assert (drawn[12 * 7, 12 * 12] != 50).any()
    assert (drawn[12 * 25, 12 * 30] == 50).all()
    assert [path.name for path in out.iterdir()] == ["00000.png"]


def test_places_that_hold_something_are_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="is a folder: give --json"):
        JsonLines(tmp_path)
    with pytest.raises(InputError, match="not empty"):
        Masks(tmp_path, ("1",), str)
