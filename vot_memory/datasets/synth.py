"""Procedural sequences with exact masks and labels of what happens: the `synth` dataset.

A sequence is a function of (generator version, domain, range, number, length, size); nothing is
stored and frames are drawn on demand, so a split of any length takes constant memory. The seed
ranges are disjoint by construction and each has one use: pretrain (nano's own training), train
(policies), dev (tuning), val (reported), test (once per claim). The domain "shift" has other
textures, outlines and motions. The generator is frozen: whoever changes a pixel of it raises
GENERATOR_VERSION and gives the splits new names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.rle import RLE, encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.synth_scene import Drawn, Scene
from vot_memory.errors import InputError

GENERATOR_VERSION = "synth-1"
DOMAINS = ("synth", "shift")
SEED_RANGES = {  # first seed of each range; ranges are _SPAN apart
    "pretrain": 0,
    "train": 100_000_000,
    "dev": 200_000_000,
    "val": 300_000_000,
    "test": 400_000_000,
}
_SPAN = 100_000_000
_TRIES = 16  # seeds reserved for each sequence of a split
_MIN_AREA, _MIN_VISIBLE = 450, 0.8  # of the target on the first frame: pixels, visible share
_OCCLUDED_BELOW = 0.7  # visible share of the target
FPS = 24.0


@dataclass(frozen=True)
class Clip:
    """A rendered video.

    Attributes:
        frames: RGB uint8 [T, S, S, 3].
        labels: uint8 [T, S, S]: 0 background and occluders, 1 the target, 2.. other objects.
        visible: float [T, objects]: visible share of each object's own pixels.
        occluded: bool [T]: something hides more than 30 % of the target, but not all of it.
        absent: bool [T]: no pixel of the target is annotated.
        lookalike_near: bool [T]: a visible look-alike is within three radii of the target.
        drift: float [T]: how far the target's look is from the first frame's, 0..1.
        strength: "easy", "medium" or "hard".
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    visible: NDArray[np.float64]
    occluded: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    lookalike_near: NDArray[np.bool_]
    drift: NDArray[np.float64]
    strength: str


def _check_domain(domain: str) -> None:
    if domain not in DOMAINS:
        raise InputError(f"Unknown synth domain {domain!r}; use one of {', '.join(DOMAINS)}.")


def generate(seed: int, num_frames: int, size: int = 128, domain: str = "synth") -> Clip:
    """Render a whole video; deterministic by its arguments.

    Args:
        seed: any non-negative integer.
        num_frames: length T, at least 1.
        size: side S of the square picture, pixels.
        domain: "synth" or "shift".

    Raises:
        InputError: the domain is unknown.
    """
    _check_domain(domain)
    scene = Scene(seed, num_frames, size, domain)
    drawn = [scene.draw(t) for t in range(num_frames)]
    return Clip(
        frames=np.stack([d.image for d in drawn]),
        labels=np.stack([d.labels for d in drawn]),
        visible=np.stack([d.visible for d in drawn]),
        strength=scene.strength,
        **_happenings(scene, drawn),
    )


def _happenings(scene: Scene, drawn: list[Drawn]) -> dict[str, NDArray[Any]]:
    """The per-frame labels of a fully drawn scene."""
    share = np.array([d.visible[0] for d in drawn])
    return {
        "occluded": (share > 0) & (share < _OCCLUDED_BELOW),
        "absent": share == 0,
        "lookalike_near": np.array([scene.lookalike_near(t, d) for t, d in enumerate(drawn)]),
        "drift": np.array([scene.drift(t) for t in range(len(drawn))]),
    }


def acceptable(first: Drawn) -> bool:
    """Whether a first frame can carry the prompt: the target is large enough and unhidden."""
    area = int((first.labels == 1).sum())
    return area >= _MIN_AREA and bool(first.visible[0] >= _MIN_VISIBLE)


@dataclass(frozen=True)
class _Source:
    """What one sequence is made from; its scene is the first acceptable one of _TRIES seeds."""

    seed: int
    num_frames: int
    size: int
    domain: str


@lru_cache(maxsize=2)
def _scene(source: _Source) -> Scene:
    for seed in range(source.seed, source.seed + _TRIES):
        scene = Scene(seed, source.num_frames, source.size, source.domain)
        if acceptable(scene.draw(0)):
            break
    return scene


@lru_cache(maxsize=4)
def _drawn(source: _Source, t: int) -> Drawn:
    return _scene(source).draw(t)


@lru_cache(maxsize=2)
def _annotation(source: _Source) -> tuple[tuple[RLE, ...], dict[str, Any]]:
    """The target's masks and the labels; whoever scores wants both, and a frame drawn only once."""
    scene = _scene(source)
    drawn = [scene.draw(t) for t in range(source.num_frames)]
    masks = tuple(encode(d.labels == 1) for d in drawn)
    return masks, {"strength": scene.strength, **_happenings(scene, drawn)}


class _PerFrame:
    """Something with one entry a frame, made at each access."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def __len__(self) -> int:
        return self._source.num_frames

    def _at(self, t: int) -> Drawn:
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} of a video of {len(self)} frames")
        return _drawn(self._source, t % len(self))


class SynthFrames(_PerFrame):
    """The pictures of a sequence (the `Frames` protocol)."""

    def __getitem__(self, t: int) -> NDArray[np.uint8]:
        return self._at(t).image.copy()

    def lookalikes(self, t: int) -> NDArray[np.bool_]:
        """Masks of the target's look-alikes at frame t, bool [n, S, S]; some may be empty."""
        labels, others = self._at(t).labels, _scene(self._source).alike[1:]
        return np.stack([labels == i + 1 for i in others]) if others else labels[None][:0] > 0


class SynthMasks(_PerFrame):
    """The target's masks as COCO RLE; stands for the tuple in `ObjectTrack.rles`."""

    def __getitem__(self, t: int) -> RLE:
        return encode(self._at(t).labels == 1)

    def __iter__(self) -> Iterator[RLE]:
        return iter(_annotation(self._source)[0])


class SynthLabels(Mapping[str, Any]):
    """Labels of a sequence: the fields of `Clip` from `occluded` to `strength`."""

    _KEYS = ("occluded", "absent", "lookalike_near", "drift", "strength")

    def __init__(self, source: _Source) -> None:
        self._source = source

    def __getitem__(self, key: str) -> Any:
        if key not in self._KEYS:
            raise KeyError(key)
        return self._all[key]

    @cached_property
    def _all(self) -> dict[str, Any]:
        """Kept: they are small, and to make them anew means to draw the whole video."""
        return _annotation(self._source)[1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._KEYS)

    def __len__(self) -> int:
        return len(self._KEYS)


def load(
    seeds: str,
    count: int,
    num_frames: int,
    domain: str = "synth",
    size: int = 128,
    first: int = 0,
) -> list[Sequence]:
    """Sequences `first` .. `first + count - 1` of a seed range, one object ("1") each.

    Returns at once: frames, masks and labels are drawn when they are read.

    Args:
        seeds: a key of SEED_RANGES.
        count: number of sequences.
        num_frames: length of each.
        domain: "synth" or "shift".
        size: side of the square picture, pixels.
        first: number of the first sequence within the range.

    Raises:
        InputError: the range or domain is unknown, or the range is too short.
    """
    _check_domain(domain)
    if seeds not in SEED_RANGES:
        known = ", ".join(SEED_RANGES)
        raise InputError(f"Unknown synth seed range {seeds!r}; use one of {known}.")
    if count < 1 or num_frames < 1 or first < 0 or (first + count) * _TRIES > _SPAN:
        raise InputError(
            f"The synth range {seeds!r} cannot give sequences {first}..{first + count - 1} of "
            f"{num_frames} frames; use at least 1 of each and numbers below {_SPAN // _TRIES}."
        )
    return [_sequence(seeds, k, num_frames, domain, size) for k in range(first, first + count)]


def _sequence(seeds: str, number: int, num_frames: int, domain: str, size: int) -> Sequence:
    source = _Source(SEED_RANGES[seeds] + number * _TRIES, num_frames, size, domain)
    identity = f"{GENERATOR_VERSION}/{domain}/{seeds}/{number}/{num_frames}/{size}"
    masks = cast("tuple[RLE | None, ...]", SynthMasks(source))
    return Sequence(
        name=f"{domain}-{seeds}-{number:05d}",
        frames=SynthFrames(source),
        objects=(ObjectTrack(id="1", first_frame=0, rles=masks),),
        size=(size, size),
        fps=FPS,
        digest=hashlib.sha256(identity.encode()).hexdigest(),
        labels=SynthLabels(source),
    )
