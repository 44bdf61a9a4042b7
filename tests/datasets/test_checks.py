import numpy as np
import pytest

from vot_memory.datasets.checks import check_sequence, check_track, number_gaps, truth_gaps
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.errors import InputError

H, W, T = 6, 8, 4
HERE, AWAY = encode(np.eye(H, W, dtype=bool)), encode(np.zeros((H, W), bool))


class Frames:
    """Pictures of a video file: they have no paths; those in `broken` cannot be read."""

    def __init__(self, broken: tuple[int, ...] = (), wide: tuple[int, ...] = ()) -> None:
        self.broken, self.wide = broken, wide

    def __len__(self) -> int:
        return T

    def __getitem__(self, t: int) -> np.ndarray:
        if t in self.broken:
            raise InputError(f"a.mp4 is damaged at frame {t}: replace it by a whole copy.")
        return np.zeros((H, W + (t in self.wide), 3), np.uint8)


def clip(*objects: ObjectTrack, frames: Frames | None = None, ignore=None) -> Sequence:
    return Sequence("a", frames or Frames(), objects, (H, W), 30.0, "digest", ignore=ignore)


def masks(*rles, identity: str = "1", first: int = 0) -> ObjectTrack:
    return ObjectTrack(identity, first, rles)


def boxes(*values, first: int = 0) -> ObjectTrack:
    return ObjectTrack("1", first, (None,) * len(values), values)


def texts(found) -> list[str]:
    return [finding.text for finding in found if finding.problem]


def test_a_whole_sequence() -> None:
    checked = check_sequence(clip(masks(HERE, AWAY, HERE, HERE)))
    assert (checked.name, checked.frames, checked.objects) == ("a", T, 1)
    assert checked.findings == ()


def test_all_faults_of_one_sequence() -> None:
    small = encode(np.ones((2, 2), bool))
    checked = check_sequence(
        clip(
            masks(HERE, small, AWAY, AWAY),
            masks(AWAY, AWAY, AWAY, AWAY, identity="2"),
            masks(HERE, HERE, identity="3"),
            masks(HERE, HERE, HERE, HERE, identity="3"),
            frames=Frames(wide=(2,)),
            ignore=(None, None, None, small),
        )
    )
    assert texts(checked.findings) == [
        "Frame 2 is 9x6 but the video is 8x6.",
        "Object 3 is there 2 times.",
        "The mask of object 1 in frame 1 is 2x2 but the frames are 8x6.",
        "Object 2 never appears.",
        "Object 3 has 2 annotations for 4 frames.",
        "The mask of ignored pixels in frame 3 is 2x2 but the frames are 8x6.",
    ]


def test_a_damaged_video_is_told_once_and_its_truth_looked_at() -> None:
    track = masks(HERE, None, HERE, HERE)
    found = check_sequence(clip(track, frames=Frames(broken=(1, 2)))).findings
    assert texts(found) == [
        "a.mp4 is damaged at frame 1: replace it by a whole copy.",
        "Object 1 has no annotation in frame 1.",
    ]
    assert texts(check_sequence(clip(track, frames=Frames(broken=(1,))), quick=True).findings) == [
        "Object 1 has no annotation in frame 1."
    ]
    (first, _) = check_sequence(clip(track, frames=Frames(broken=(0,))), quick=True).findings
    assert first.text == "a.mp4 is damaged at frame 0: replace it by a whole copy."


def test_loaders_that_refuse() -> None:
    class Refusing(Sequence):
        @property
        def objects(self):
            raise InputError("a.txt, line 3: write four numbers.")

        @objects.setter
        def objects(self, value) -> None:
            pass

    refusing = object.__new__(Refusing)
    refusing.__dict__.update(name="a", frames=Frames(), size=(H, W), ignore=None, labels={})
    checked = check_sequence(refusing)
    assert (checked.frames, checked.objects) == (T, None)
    assert texts(checked.findings) == ["a.txt, line 3: write four numbers."]
    assert texts(check_sequence(clip()).findings) == ["No object is annotated."]


def test_boxes() -> None:
    box = (1.0, 1.0, 2.0, 2.0)
    gone, outside, odd = (0.0, 0.0, 0.0, 0.0), (8.0, 0.0, 3.0, 3.0), (1.0, float("nan"), 2.0, 2.0)
    assert texts(check_track(boxes(box, gone, box, box), T, (H, W), gaps=False)) == []
    assert texts(check_track(boxes(box, outside, odd, box), T, (H, W), gaps=False)) == [
        "The box 8,0,3,3 of object 1 in frame 1 is outside the picture, which is 8x6.",
        "The box of object 1 in frame 2 is (1.0, nan, 2.0, 2.0).",
    ]
    late = check_track(boxes(gone, box, box, box, first=0), T, (H, W), gaps=False)
    assert texts(late) == ["Object 1 begins at frame 0 but appears first in frame 1."]


@pytest.mark.parametrize(
    ("names", "gaps"),
    [
        (["00000", "00001", "00004"], [("00001", "00004", ["00002", "00003"])]),
        (["00000", "00005", "00010", "00020"], [("00010", "00020", ["00015"])]),
        (["f8", "f9", "f10", "f12"], [("f10", "f12", ["f11"])]),
        (["00099", "00100", "00101"], []),
        (["00000", "00002", "00007", "00012", "00017"], []),  # 5 is the step, though 2 is less
        (["00000", "00007"], []),  # two frames tell no step
        (["a", "b", "d"], []),
        (["a1", "a2", "b9"], []),
        ([], []),
    ],
)
def test_gaps_in_numbers(names: list[str], gaps: list) -> None:
    assert list(number_gaps(names)) == gaps


@pytest.mark.parametrize(
    ("annotated", "problems", "notes"),
    [
        (range(9), [], []),
        (range(0, 9, 4), [], ["One frame in 4 is annotated."]),
        ([0, 2, 4, 6], ["X has no annotation in frame 8."], ["One frame in 2 is annotated."]),
        ([2, 3, 4, 5, 6, 7, 8], [], []),  # begins late
        ([0, 1, 2, 3], ["X has no annotation in frames 4 to 8."], []),
        ([0, 1, 3, 4, 7, 8], ["X has no annotation in frames 2, 5 to 6."], []),
        ([0], [], ["X is annotated in a single frame: results can be made, not scored."]),
        ([], [], []),
    ],
)
def test_gaps_in_truth(annotated, problems: list[str], notes: list[str]) -> None:
    found = list(truth_gaps("X", list(annotated), 9, allowed=False))
    assert texts(found) == problems
    assert [finding.text for finding in found if not finding.problem] == notes
    assert texts(truth_gaps("X", list(annotated), 9, allowed=True)) == []


def test_many_gaps_are_counted() -> None:
    annotated = [t for t in range(60) if t % 3]
    (found,) = truth_gaps("X", annotated, 60, allowed=False, names=[f"{t:05d}" for t in range(60)])
    assert found.text.startswith("X has no annotation in frames 00003, 00006,")
    assert found.text.endswith("00024 and 11 more gaps.")
