"""Training clips for nano: fresh procedural video, a pure function of (seed, step).

Since nothing is remembered between steps, a resumed training sees exactly the clips that an
uninterrupted one would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.synth import SEED_RANGES
from vot_memory.datasets.synth_scene import Scene

if TYPE_CHECKING:
    import torch

TRACKS = 2  # objects tracked in each clip; they share the clip's image features
_SCENE_FRAMES = 72
_SEEDS_A_STEP = 64
_SCENE_REUSE = 2  # consecutive steps that cut their clips from the same scenes
_MIN_AREA, _MIN_VISIBLE = 150, 0.5  # of a tracked object on the prompt frame
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True)
class Batch:
    """Clips that share their frame times; row r tracks an object of clip r // TRACKS.

    Attributes:
        times: relative frame numbers [T], from 0.
        images: normalised float32 [T, clips, 3, S, S].
        masks: the tracked objects, float32 0/1 [T, rows, 1, S, S]; not empty at T = 0.
        rivals: the largest visible look-alike of each, or zeros; like masks.
    """

    times: NDArray[np.int64]
    images: torch.Tensor
    masks: torch.Tensor
    rivals: torch.Tensor


def draw_times(rng: np.random.Generator, frames: int, rollout: bool) -> NDArray[np.int64]:
    """Relative frame numbers of a clip: even strides, random ones, or one long gap.

    Mostly small strides: between twins, only continuity of motion tells which one is the target.
    """
    kind = rng.random()
    if rollout:
        gaps = rng.choice([1, 2, 3], frames - 1, p=[0.5, 0.35, 0.15])
        if kind < 0.8:
            gaps[:] = rng.choice([1, 1, 2])
    elif kind < 0.6:
        gaps = np.full(frames - 1, rng.choice([1, 1, 2, 3]))
    elif kind < 0.8:
        gaps = rng.integers(1, max(2, (_SCENE_FRAMES - 2) // frames), frames - 1)
    else:
        gaps = np.full(frames - 1, rng.choice([1, 2]))
        gaps[rng.integers(0, frames - 1)] = rng.integers(4, 24)
    times = np.concatenate([[0], np.cumsum(gaps)])
    if times[-1] >= _SCENE_FRAMES:
        later = rng.choice(np.arange(1, _SCENE_FRAMES), frames - 1, replace=False)
        times = np.concatenate([[0], np.sort(later)])
    return times.astype(np.int64)


@lru_cache(maxsize=_SEEDS_A_STEP)
def _scene(seed: int) -> Scene:
    return Scene(seed, _SCENE_FRAMES, 128, "synth")


def _place(
    rng: np.random.Generator, scene: Scene, times: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Frame numbers of a clip within its scene and the object it is about.

    Most clips aim at a planned absence among their last frames, the ones that are graded; random
    cuts would mostly miss it.
    """
    last = _SCENE_FRAMES - int(times[-1])
    start, focus = int(rng.integers(0, last)), 0
    if scene.gaps and rng.random() < 0.9:
        focus, begin, end = scene.gaps[int(rng.integers(len(scene.gaps)))]
        aim = int(rng.choice(times[1:][-5:]))
        start = int(np.clip(rng.integers(begin + 1, end + 1) - aim, 0, min(begin, last) - 1))
    return start + times, focus


def _cut(
    rng: np.random.Generator, seed: int, times: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]] | None:
    """One clip: images [T, S, S, 3] in 0..1, masks and rivals [T, TRACKS, S, S].

    None when too few objects are well visible on its first frame.
    """
    scene = _scene(seed)
    places, focus = _place(rng, scene, times)
    first = scene.draw(int(places[0]))
    areas = np.bincount(first.labels.ravel(), minlength=scene.num_objects + 1)[1:]
    able = np.flatnonzero((areas >= _MIN_AREA) & (first.visible >= _MIN_VISIBLE))
    if len(able) < TRACKS:
        return None
    weight = np.where(able == focus, 20.0, 1.0) + np.isin(able, scene.alike)
    picked = rng.choice(able, TRACKS, replace=False, p=weight / weight.sum())
    drawn = [first] + [scene.draw(int(t)) for t in places[1:]]
    images = np.stack([d.image for d in drawn]).astype(np.float32) / np.float32(255)
    labels = np.stack([d.labels for d in drawn])
    masks = np.stack([labels == i + 1 for i in picked], 1)
    rivals = np.zeros_like(masks)
    for track, i in enumerate(picked):
        for other in scene.alike if i in scene.alike else ():
            if other != i:
                mask = labels == other + 1
                larger = mask.sum((1, 2)) > rivals[:, track].sum((1, 2))
                rivals[larger, track] = mask[larger]
    return images, masks, rivals


def _augment(
    rng: np.random.Generator,
    images: NDArray[np.float32],
    planes: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Flips, transposition, exchanged colours and brightness; planes are [T, n, S, S]."""
    if rng.random() < 0.5:
        images, planes = images[:, :, ::-1], planes[..., ::-1]
    if rng.random() < 0.5:
        images, planes = images[:, ::-1], planes[..., ::-1, :]
    if rng.random() < 0.5:
        images, planes = images.swapaxes(1, 2), planes.swapaxes(2, 3)
    if rng.random() < 0.6:
        images = images[..., rng.permutation(3)]
    return np.clip(images * np.float32(rng.uniform(0.75, 1.25)), 0, 1), planes


def make_batch(
    seed: int, step: int, clips: int, times: NDArray[np.int64], rng: np.random.Generator
) -> Batch:
    """The clips of one training step.

    Args:
        seed: of the training run; different seeds see different videos.
        step: number of the training step.
        clips: number of clips.
        times: relative frame numbers, shared by the clips.
        rng: source of all other choices; pass a fresh one for each step.
    """
    import torch

    images: list[NDArray[np.float32]] = []
    planes: list[NDArray[np.bool_]] = []
    block = seed * 1_000_000 + step // _SCENE_REUSE
    video = SEED_RANGES["pretrain"] + block * _SEEDS_A_STEP % (SEED_RANGES["train"] - 10_000)
    while len(images) < clips:
        cut = _cut(rng, video, times)
        video += 1
        if cut is None:
            continue
        image, plane = _augment(rng, cut[0], np.concatenate([cut[1], cut[2]], 1))
        images.append(((image - _MEAN) / _STD).transpose(0, 3, 1, 2))
        planes.append(plane)
    stacked = torch.from_numpy(np.stack(planes, 1).astype(np.float32))
    masks, rivals = stacked[:, :, :TRACKS], stacked[:, :, TRACKS:]
    return Batch(
        times=times,
        images=torch.from_numpy(np.ascontiguousarray(np.stack(images, 1), np.float32)),
        masks=masks.flatten(1, 2)[:, :, None].contiguous(),
        rivals=rivals.flatten(1, 2)[:, :, None].contiguous(),
    )
