"""One scene of procedural video: what moves where (planned once) and how it looks (on demand).

A textured target moves among distractors, some of them look-alikes, behind occluders, out of the
picture and back; its look drifts by turning (the texture scrolls) and by ageing (it cross-fades to
another texture); the camera pans; light, blur and noise vary. Scenes come in three strengths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets import synth_render as draw
from vot_memory.datasets.synth_render import TILE, Array

_SHORTEST = 12  # frames; shorter videos are the beginning of one of this length
SLIVER = 16  # px; an object of which fewer pixels show is annotated as absent


@dataclass(frozen=True)
class Strength:
    """How much happens in a scene; shares are probabilities, sizes relative to the picture."""

    share: float
    distractors: tuple[int, int]
    crossing: float
    absences: tuple[float, float]
    occluders: tuple[float, float, float]
    meeting: float
    fades: tuple[float, float, float]
    scrolls: tuple[float, float, float]
    speed: float


STRENGTHS = {
    "easy": Strength(
        0.35, (1, 2), 0.2, (0.45, 0.0), (0.6, 0.4, 0.0), 0.3, (0.7, 0.3, 0.0), (0.6, 0.4, 0.0), 1.0
    ),
    "medium": Strength(
        0.40, (1, 3), 0.5, (0.75, 0.3), (0.3, 0.5, 0.2), 0.5, (0.5, 0.4, 0.1), (0.4, 0.5, 0.1), 1.5
    ),
    "hard": Strength(
        0.25, (2, 3), 0.8, (0.85, 0.5), (0.1, 0.5, 0.4), 0.7, (0.3, 0.4, 0.3), (0.3, 0.4, 0.3), 2.0
    ),
}
_FADES = (0.0, 0.5, 1.0)  # amplitude of the cross-fade
_SCROLLS = (0.0, 0.35 * TILE, 0.9 * TILE)  # standard deviation of the scroll, texture pixels


@dataclass
class _Body:
    """One moving object; per-frame arrays are [num_frames]."""

    young: Array  # panoramas: the look at first and after ageing
    old: Array
    outline: draw.Outline
    wobble: float
    fade: Array
    scroll: Array
    centre: NDArray[np.float64]
    radius: Array
    turn: Array
    shown: NDArray[np.bool_]
    lookalike: bool

    def tile(self, t: int) -> Array:
        start = int(np.clip(TILE + self.scroll[t], 0, 2 * TILE - 1))
        view = np.s_[:, start : start + TILE]
        age = abs(float(self.fade[t]))
        return (
            self.young[view] if age < 0.01 else self.young[view] * (1 - age) + self.old[view] * age
        )


@dataclass
class _Occluder:
    """A textured rectangle in front of everything; it belongs to the background."""

    tile: Array
    size: tuple[float, float]
    centre: NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """One frame.

    Attributes:
        image: RGB uint8 [S, S, 3].
        labels: uint8 [S, S]: 0 background and occluders, 1 the target, 2.. other objects.
        visible: float [objects]: pixels seen / pixels the object would cover alone; 0 if neither.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    visible: NDArray[np.float64]


class Scene:
    """The plan of one video; `draw(t)` renders frame t, in any order.

    Attributes:
        strength: "easy", "medium" or "hard".
        num_objects: the target and its distractors.
        alike: indices of the target and its look-alikes, 0 first.
        gaps: planned absences as (object index, first frame, end).
    """

    def __init__(self, seed: int, num_frames: int, size: int, domain: str) -> None:
        rng = np.random.default_rng([seed, 0 if domain == "synth" else 1])
        self.num_frames, self.size, self._domain = max(num_frames, _SHORTEST), size, domain
        names = list(STRENGTHS)
        self.strength = names[rng.choice(len(names), p=[STRENGTHS[n].share for n in names])]
        self._rng, self._level = rng, STRENGTHS[self.strength]
        self._jerky = domain != "synth"
        self._plan_camera()
        self._bodies = self._plan_bodies()
        self.num_objects = len(self._bodies)
        self.alike = [i for i, body in enumerate(self._bodies) if i == 0 or body.lookalike]
        self._occluders = self._plan_occluders()
        self._plan_crossing()
        self._plan_absences()
        self._order = rng.permutation(self.num_objects)
        self._plan_light()

    def _pick(self, values: tuple[float, ...], shares: tuple[float, ...]) -> float:
        return float(self._rng.choice(values, p=shares))

    def _plan_camera(self) -> None:
        rng, size, n = self._rng, self.size, self.num_frames
        side = 2 * size
        self._ground = draw.background(rng, side, self._domain)
        pan = draw.path(
            rng, n, (0.26 * side, 0.74 * side), rng.uniform(0, self._level.speed), self._jerky
        )
        shake = rng.uniform(0, 0.7 * self._level.speed)
        pan += np.stack([draw.smooth(rng, n, shake, 2) for _ in "xy"], 1)
        self._camera = np.clip(pan, size / 2 + 1, side - size / 2 - 1)

    def _plan_fade(self) -> Array:
        wave = draw.smooth(self._rng, self.num_frames, 1, self.num_frames / 5)
        amplitude = self._pick(_FADES, self._level.fades)
        return np.asarray(np.clip((wave - wave[0]) * amplitude, -1, 1), np.float32)

    def _plan_body(self, young: Array, old: Array, outline: draw.Outline, radius: float) -> _Body:
        """A body with motion, drift and size of its own."""
        rng, n, size = self._rng, self.num_frames, self.size
        scroll = draw.smooth(rng, n, self._pick(_SCROLLS, self._level.scrolls), n / 6)
        zoom = np.clip(
            draw.smooth(rng, n, rng.uniform(0, 0.15 * self._level.speed), n / 6), -0.5, 0.5
        )
        spin = np.cumsum(draw.smooth(rng, n, rng.uniform(0, 2.5 * self._level.speed), 3))
        speed = rng.uniform(0.4, 0.6 + 0.65 * self._level.speed)
        return _Body(
            young=young,
            old=old,
            outline=outline,
            wobble=rng.uniform(0, 0.6),
            fade=self._plan_fade(),
            scroll=scroll - scroll[0],
            centre=draw.path(rng, n, (0.1 * size, 0.9 * size), speed, self._jerky),
            radius=(radius * np.exp(zoom - zoom[0])).astype(np.float32),
            turn=np.deg2rad(rng.uniform(0, 360) + spin).astype(np.float32),
            shown=np.ones(n, bool),
            lookalike=False,
        )

    def _plan_bodies(self) -> list[_Body]:
        """The target first; then twins, near twins, earlier looks of the target and strangers."""
        rng, n, size, domain = self._rng, self.num_frames, self.size, self._domain
        looks = draw.panorama(rng, domain), draw.panorama(rng, domain)
        radius = rng.uniform(0.14, 0.23) * size
        target = self._plan_body(*looks, draw.Outline(rng, domain), radius)
        bodies = [target]
        low, high = self._level.distractors
        for _ in range(int(rng.integers(low, high + 1))):
            kind = rng.random()
            if kind < 0.70:
                near = self._plan_body(*looks, target.outline, radius * rng.uniform(0.8, 1.25))
                near.lookalike = True
                if kind < 0.25:  # a twin that ages, and half the time turns, with the target
                    near.fade = target.fade
                    near.scroll = target.scroll if rng.random() < 0.5 else near.scroll
                elif kind < 0.55:  # a recoloured one, half the time of another shape
                    tint = rng.normal(0, 0.13, 3).astype(np.float32)
                    near.young, near.old = (np.clip(look + tint, 0, 1) for look in looks)
                    if rng.random() < 0.5:
                        near.outline = draw.Outline(rng, domain)
                else:  # keeps looking as the target did at first
                    near.fade = np.zeros(n, np.float32)
                bodies.append(near)
            else:
                stranger = draw.panorama(rng, domain), draw.panorama(rng, domain)
                outline = draw.Outline(rng, domain)
                bodies.append(self._plan_body(*stranger, outline, rng.uniform(0.11, 0.23) * size))
        return bodies

    def _bump(self, start: float, low: float, high: float) -> NDArray[np.float64]:
        """A soft event [num_frames, 1] in 0..1 at a random time after start * num_frames."""
        middle = self._rng.uniform(start, 1) * self.num_frames
        t = np.arange(self.num_frames)
        bump = np.exp(-(((t - middle) / self._rng.uniform(low, high)) ** 2))
        return np.asarray(bump * np.clip(t / 8, 0, 1))[:, None]  # frame 0 stays as it is

    def _plan_crossing(self) -> None:
        rng, target = self._rng, self._bodies[0]
        if rng.random() < self._level.crossing:
            other = self._bodies[int(rng.integers(1, self.num_objects))]
            weight = self._bump(1 / 6, 3, 10)
            meet = target.centre + rng.normal(0, 0.07 * self.size, 2)
            other.centre = other.centre * (1 - weight) + meet * weight

    def _new_occluder(self, width: float, height: float) -> _Occluder:
        rng, domain = self._rng, self._domain
        tile = draw.texture(rng, TILE, draw.palette(rng), domain)
        speed = rng.uniform(0, self._level.speed)
        centre = draw.path(rng, self.num_frames, (0, self.size), speed, self._jerky)
        return _Occluder(tile, (width, height), centre)

    def _plan_occluders(self) -> list[_Occluder]:
        rng, size, target = self._rng, self.size, self._bodies[0]
        occluders = []
        for _ in range(int(self._pick((0, 1, 2), self._level.occluders))):
            body = self._new_occluder(rng.uniform(0.1, 0.3) * size, rng.uniform(0.25, 0.8) * size)
            away = np.abs(body.centre[0] - target.centre[0]) < np.array(body.size) / 2 + 0.2 * size
            if away.all():  # start clear of the target, which the first frame must show
                body.centre[:, 0] += np.where(target.centre[0, 0] < size / 2, 0.5, -0.5) * size
            occluders.append(body)
        if occluders and rng.random() < self._level.meeting:
            weight = self._bump(1 / 8, 3, 9)
            occluders[0].centre = occluders[0].centre * (1 - weight) + target.centre * weight
        return occluders

    def _gap(self, longest: float) -> tuple[int, int, NDArray[np.float64]]:
        """A stretch of absence: start, end, and a ramp [num_frames] that rises and falls softly."""
        n, rng = self.num_frames, self._rng
        length = int(rng.integers(max(3, n // 10), max(5, int(n * longest))))
        start = int(rng.integers(max(4, n // 8), max(5, n - length // 2)))
        ramp = np.zeros(n)
        ramp[start : start + length] = 1
        width = int(rng.integers(4, 13))
        return start, start + length, np.convolve(ramp, np.ones(width) / width, "same")

    def _plan_absences(self) -> None:
        """The target (often) and the others (sometimes) leave, hide or vanish, and return."""
        rng, size = self._rng, self.size
        self.gaps: list[tuple[int, int, int]] = []
        for i, body in enumerate(self._bodies):
            for chance in self._level.absences if i == 0 else (0.25,):
                if rng.random() >= chance:
                    continue
                start, end, ramp = self._gap(0.38 if i == 0 else 0.25)
                self.gaps.append((i, start, end))
                side = np.where(rng.random(2) < 0.5, -1.0, 1.0)
                axis, kind = int(rng.integers(2)), rng.random()
                if kind < 0.55:  # out of the picture
                    body.centre[:, axis] += side[axis] * ramp * 1.25 * size
                elif kind < 0.75 and i == 0:  # behind something that passes in front
                    width = 2.8 * float(body.radius[start:end].max())
                    cover = self._new_occluder(width, width)
                    cover.centre = body.centre + (1 - ramp)[:, None] * side * 1.5 * size
                    self._occluders.append(cover)
                else:  # gone at once, as in a cut or behind a door
                    body.shown[start:end] = False

    def _plan_light(self) -> None:
        rng, n, size = self._rng, self.num_frames, self.size
        self._gain = np.exp(np.clip(draw.smooth(rng, n, rng.uniform(0, 0.22), n / 5), -0.5, 0.5))
        tints = [draw.smooth(rng, n, rng.uniform(0, 0.07), n / 5) for _ in "rgb"]
        self._tint = np.stack(tints, 1)
        blurry = rng.random() < 0.3
        self._blur = np.abs(draw.smooth(rng, n, 1.0 if blurry else 0.0, 3))
        grain = rng.normal(0, rng.uniform(0, 0.025), (2 * size, 2 * size, 1))
        self._grain = grain.astype(np.float32)

    def draw(self, t: int) -> Drawn:
        """Render frame t."""
        import cv2

        size = self.size
        camera = (float(self._camera[t, 0]), float(self._camera[t, 1]))
        patch = cv2.getRectSubPix(self._ground, (size, size), camera)
        image: Array = np.ascontiguousarray(patch, np.float32)
        labels = np.zeros((size, size), np.uint8)
        alone = np.zeros(self.num_objects)
        for i in self._order:
            body = self._bodies[i]
            if not body.shown[t]:
                continue
            pose = (*body.centre[t], float(body.radius[t]), float(body.turn[t]))
            outline = body.outline.points(t, body.wobble)
            pasted = draw.paste(image, body.tile(t), outline, pose)
            if pasted is not None:
                box, inside = pasted
                labels[box][inside] = i + 1
                alone[i] = inside.sum()
        for front in self._occluders:
            half = np.array(front.size) / 2
            x0, y0 = np.clip(front.centre[t] - half, 0, size).astype(int)
            x1, y1 = np.clip(front.centre[t] + half, 0, size).astype(int)
            if x1 > x0 and y1 > y0:
                image[y0:y1, x0:x1] = cv2.resize(front.tile, (int(x1 - x0), int(y1 - y0)))
                labels[y0:y1, x0:x1] = 0
        seen = np.bincount(labels.ravel(), minlength=self.num_objects + 1)[1:]
        for i in np.flatnonzero((seen > 0) & (seen < SLIVER)):
            labels[labels == i + 1] = 0
        seen = np.where(seen < SLIVER, 0, seen)
        return Drawn(self._develop(image, t), labels, seen / np.maximum(alone, 1))

    def _develop(self, image: Array, t: int) -> NDArray[np.uint8]:
        """Light, blur and grain of frame t on a picture, as uint8."""
        import cv2

        if self._blur[t] > 0.8:
            sigma = min(1.6, 0.7 * float(self._blur[t]))
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)
        y, x = (t * 37) % self.size, (t * 53) % self.size
        grain = self._grain[y : y + self.size, x : x + self.size]
        lit = np.clip(image * self._gain[t] + self._tint[t] + grain, 0, 1)
        return np.asarray(lit * 255, np.uint8)

    def drift(self, t: int) -> float:
        """How far the target's look is from frame 0's, 0..1: turned by a tile, or aged fully."""
        target = self._bodies[0]
        return float(max(abs(target.fade[t]), min(1.0, abs(target.scroll[t]) / TILE)))

    def lookalike_near(self, t: int, drawn: Drawn) -> bool:
        """Whether a visible look-alike is within three radii of the visible target."""
        target = self._bodies[0]
        for i, body in enumerate(self._bodies):
            if body.lookalike and drawn.visible[i] > 0 and drawn.visible[0] > 0:
                distance = np.hypot(*(body.centre[t] - target.centre[t]))
                if distance < 3 * target.radius[t]:
                    return True
        return False
