"""Decisions are played where they were made, and nowhere else."""

import dataclasses
from pathlib import Path

import pytest

from vot_memory.bank import Source
from vot_memory.errors import InputError
from vot_memory.setting import Setting, Video, check_setting, check_video

HERE = Source("clip", ("1",), "nano@1", 128, "abc")


def own(**changes):
    return Setting(**{"model": "nano@1", "image_size": 128} | changes)


def video(**changes):
    return Video(sequence="clip", object="1", **changes)


@pytest.mark.parametrize("changes", [{}, {"slots": 2}, {"slots": 16, "rows": "offset"}])
def test_its_own_setting_is_accepted(changes):
    check_setting(Path("a.json"), "recorded", own(**changes), HERE, 7)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "nano@2"}, r"a\.json was recorded with model nano@2, this run has nano@1: play"),
        ({"image_size": 512}, "recorded with image size 512, this run has 128"),
        ({"slots": 8}, r"a\.json numbers 8 slots by rank, the model has 7 temporal rows"),
    ],
)
def test_another_setting_is_refused(changes, words):
    with pytest.raises(InputError, match=words):
        check_setting(Path("a.json"), "recorded", own(**changes), HERE, 7)


def test_another_length_is_refused_where_both_are_known():
    for recorded, length in ((12, 12), (None, 12), (12, None)):
        here = dataclasses.replace(HERE, num_frames=length)
        check_video(Path("a.json"), "trained", video(num_frames=recorded), here)
    here = dataclasses.replace(HERE, num_frames=11)
    with pytest.raises(InputError, match="trained on 12 frames of sequence 'clip', which has 11"):
        check_video(Path("a.json"), "trained", video(num_frames=12), here)


def test_another_video_of_the_same_name_is_refused_where_both_are_known():
    check_video(Path("a.json"), "recorded", video(digest="abc"), HERE)
    check_video(Path("a.json"), "recorded", video(), HERE)
    with pytest.raises(InputError, match="another video or annotation named 'clip'"):
        check_video(Path("a.json"), "recorded", video(digest="def"), HERE)
