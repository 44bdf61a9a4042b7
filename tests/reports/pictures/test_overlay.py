import numpy as np
import pytest
from PIL import Image

from vot_memory.errors import InputError
from vot_memory.reports.pictures.overlay import LINE, OverlayWriter, Shown, draw_frame


def shown(name="1", memory=(0, 7, -1, 3), prompted=False):
    mask = np.zeros((121, 601), bool)
    mask[20:60, 100:200] = True
    return Shown(name, mask, 2.345, memory, prompted)


def write_and_fail(out, picture):
    with OverlayWriter(out, 25) as writer:
        writer.write(picture)
        raise ZeroDivisionError


def test_text_tells_score_and_stored_frames_in_order():
    assert shown().text == "object 1: score +2.3, memory 0 3 7"
    assert shown(prompted=True, memory=(0, -1)).text == "object 1: prompt, memory 0"


def test_drawing_marks_the_mask_and_nothing_else():
    picture = np.full((121, 601, 3), 100, np.uint8)
    drawn = draw_frame(picture, 3, 9, [shown()])
    height, width, _ = drawn.shape
    assert height % 2 == width % 2 == 0
    assert height >= 121 + 2 * LINE
    inside, outside = drawn[40, 150], drawn[100, 400]
    assert inside[0] > 110  # tinted with the object's red
    assert (outside == 100).all()
    assert drawn[20, 150, 0] > inside[0]  # the outline is stronger than the filling
    assert drawn[121:].any()  # text


def test_small_pictures_are_enlarged_by_a_whole_factor():
    picture = np.zeros((30, 100, 3), np.uint8)
    assert draw_frame(picture, 0, 1, []).shape[:2] == (174, 500)


def test_objects_have_different_colours():
    picture = np.zeros((121, 601, 3), np.uint8)
    one = draw_frame(picture, 0, 1, [shown()])[40, 150]
    second = Shown("2", np.zeros((121, 601), bool), 0.0, (0,))
    two = draw_frame(picture, 0, 1, [second, shown()])[40, 150]
    assert (one != two).any()


def test_a_folder_appears_only_when_all_went_well(tmp_path):
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[..., 0] = 200
    with pytest.raises(ZeroDivisionError):
        write_and_fail(tmp_path / "out", picture)
    assert not list(tmp_path.iterdir())
    with OverlayWriter(tmp_path / "out", 25) as writer:
        writer.write(picture)
        writer.write(picture)
    written = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in written] == ["00000.png", "00001.png"]
    assert (np.array(Image.open(written[1])) == picture).all()


@pytest.mark.parametrize("name", ["film.mp4", "film.avi"])
def test_a_video_appears_only_when_all_went_well(tmp_path, name):
    import cv2

    picture = np.full((64, 64, 3), (200, 30, 30), np.uint8)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(tmp_path / name, picture)
    assert not list(tmp_path.iterdir())
    with OverlayWriter(tmp_path / name, 25) as writer:
        for _ in range(5):
            writer.write(picture)
    video = cv2.VideoCapture(str(tmp_path / name))
    assert video.get(cv2.CAP_PROP_FPS) == 25
    ok, frame = video.read()
    assert ok
    blue, _, red = frame[32, 32]
    assert red > 150 > blue


def test_places_that_hold_something_are_refused(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(InputError, match="not empty"):
        OverlayWriter(tmp_path / "a", 25)
    with pytest.raises(InputError, match=r"\.mp4"):
        OverlayWriter(tmp_path / "a.gif", 25)
    (tmp_path / "b.mp4").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        OverlayWriter(tmp_path / "b.mp4", 25)
