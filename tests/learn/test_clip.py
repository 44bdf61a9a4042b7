"""A clip: frames counted from the prompt, overlaps as the metrics have them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from worlds import golden_model, make_video

from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.errors import InputError
from vot_memory.learn.clip import load_clip
from vot_memory.metrics import frame_overlaps

pytestmark = pytest.mark.golden


def load(video, track=None):
    return load_clip(golden_model(), video, track)


def square(top, left, side):
    mask = np.zeros((128, 128), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_frames_are_counted_from_the_prompt():
    video = make_video(9, first=3, absent=(5,), unannotated=(7,))
    clip = load(video)
    assert (clip.sequence, clip.object, clip.num_frames) == ("video", "1", 9)
    assert len(clip) == 6
    assert clip.scored.tolist() == [False, True, True, True, False, True]
    assert clip.num_scored == 4
    assert clip.visible.tolist() == [True, True, False, True, False, True]
    assert np.array_equal(clip.prompt.mask, video.objects[0].mask(3))
    expected = golden_model().encode_image(video.frames[4])
    assert torch.equal(clip.features[1].top, expected.top)
    assert clip.valid is None


def test_ignored_pixels_count_nowhere():
    everything, part = square(0, 0, 128), np.zeros((128, 128), bool)
    part[:, : int(np.nonzero(make_video(5).objects[0].mask(1))[1].mean())] = True
    video = make_video(5, absent=(3,), ignore=[None, part, everything, everything, None])
    clip = load(video)
    # Wholly ignored: unscored where the object is there, scored where it is absent.
    assert clip.scored.tolist() == [False, True, False, True, True]
    assert 0 < clip.truth[1].sum() < video.objects[0].mask(1).sum()
    assert torch.equal(clip.truth[1], torch.from_numpy(video.objects[0].mask(1) & ~part))
    assert torch.equal(clip.valid[1], torch.from_numpy(~part))
    assert bool(clip.valid[4].all())


@pytest.mark.parametrize("ignore", [None, [square(40, 20, 50)] * 6])
def test_overlaps_are_the_metrics(ignore, rng):
    video = make_video(6, absent=(2, 3), unannotated=(4,), ignore=ignore)
    clip, track = load(video), video.objects[0]
    noise = torch.from_numpy(rng.normal(size=(6, 3, 32, 32))).float()
    noise[2, 0] = noise[1, 1] = -1.0  # empty: right where the object is absent
    noise[5, 2, 8:20, 8:20] += 5
    for t in range(6):
        full = F.interpolate(noise[t : t + 1], video.size, mode="bilinear", align_corners=False)[0]
        ours = clip.overlaps(noise[t], t)
        assert ours.shape == (3,)
        for m in range(3):
            masks = [np.zeros(video.size, bool)] * 6
            masks[t] = (full[m] > 0).numpy()
            expected = frame_overlaps(masks, track.rles, ignore=video.ignore).overlap[t]
            assert ours[m].item() == pytest.approx(np.nan_to_num(expected), abs=1e-6)
    assert clip.overlaps(noise[2], 2).tolist() == [1, 0, 0]
    assert clip.overlaps(noise[1, 1], 1).item() == 0
    assert clip.overlaps(noise[:2], 4).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_another_object_can_be_asked_for():
    video = make_video(4)
    other = dataclasses.replace(make_video(4, first=1, label=2).objects[0], id="2")
    clip = load(dataclasses.replace(video, objects=(*video.objects, other)), other)
    assert (clip.object, len(clip)) == ("2", 3)


def test_a_video_without_object_is_refused():
    video = dataclasses.replace(make_video(4), objects=())
    with pytest.raises(InputError, match="Sequence video has no annotated object"):
        load(video)


@pytest.mark.parametrize("what", ["unannotated", "ignored", "boxes"])
def test_an_object_without_masks_to_score_by_is_refused(what):
    video = make_video(4, unannotated=(1, 2, 3) if what == "unannotated" else ())
    if what == "ignored":
        video = make_video(4, ignore=[None] + [square(0, 0, 128)] * 3)
    if what == "boxes":
        box = (1.0, 1.0, 9.0, 9.0)
        track = ObjectTrack("1", 0, (None,) * 4, (box,) * 4)
        video = dataclasses.replace(video, objects=(track,))
    with pytest.raises(InputError, match=r"Object 1 of sequence video has no annotated mask"):
        load(video)
