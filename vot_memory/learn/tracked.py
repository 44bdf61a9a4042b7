"""What counts: decisions played in the tracker itself, one frame after the other."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from vot_memory.engine import Engine
from vot_memory.learn.search.units import recorded
from vot_memory.metrics.vots import frame_overlaps, object_scores
from vot_memory.policies.replay import Replay, ReplayFile
from vot_memory.setting import Setting
from vot_memory.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vot_memory.backbone import Backbone
    from vot_memory.learn.clip import Clip
    from vot_memory.learn.simulator import Rules
    from vot_memory.policy import MemoryPolicy


def tracked_quality(backbone: Backbone, clip: Clip, policy: MemoryPolicy) -> float:
    """Clean Q of a policy on one object, as users run it and reports score it.

    Args:
        backbone: the model.
        clip: the object and its video, encoded by it.
        policy: any online policy.
    """
    tracker = Tracker(
        Engine(backbone),
        policy,
        num_frames=clip.num_frames,
        sequence=clip.sequence,
        digest=clip.digest,
    )
    answers = [tracker.init(clip.features[0], {clip.object: clip.prompt})]
    answers += [tracker.track(picture) for picture in clip.features[1:]]
    masks = [answer.mask(clip.object) for answer in answers]
    scored = clip.scored.tolist()
    truth = [m if s else None for m, s in zip(clip.truth.cpu().numpy(), scored, strict=True)]
    ignored = None if clip.valid is None else list(~clip.valid.cpu().numpy())
    quality = object_scores(frame_overlaps(masks, truth, ignore=ignored)).quality
    assert quality is not None  # noqa: S101 - a clip has scored frames
    return quality


def replayed_quality(backbone: Backbone, clip: Clip, rules: Rules, actions: Sequence[int]) -> float:
    """Clean Q of decisions on one object.

    Args:
        backbone: the model.
        clip: the object and its video, encoded by it.
        rules: how the bank is read.
        actions: as searches find them, those of the frames `slots` ... T - 2.
    """
    setting = Setting(model=backbone.name, image_size=backbone.image_size, **asdict(rules))
    found = recorded(clip.video, list(actions), frames=len(clip), slots=rules.slots)
    return tracked_quality(backbone, clip, Replay(recorded=ReplayFile.of(setting, [found])))
