"""Drawing for procedural video: textures, outlines, motion and the pasting of textured shapes.

Every random choice comes from the `numpy.random.Generator` that is passed in, so a picture is a
function of its seed. Colours are float32 in 0..1, RGB; coordinates are (x, y) in pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Rng = np.random.Generator

TILE = 48  # side of a texture tile, pixels
_ANGLES = np.linspace(0, 2 * np.pi, 40, endpoint=False)


def cloud(rng: Rng, height: int, width: int, cells: int, octaves: int) -> Array:
    """Smooth colour noise [height, width, 3]: octaves of interpolated random grids."""
    out = np.zeros((height, width, 3), np.float32)
    for k in range(octaves):
        rows = cells * 2**k
        grid = rng.random((rows, max(2, rows * width // height), 3), dtype=np.float32)
        out += 0.55**k * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    low, high = float(out.min()), float(out.max())
    return (out - low) / (high - low + 1e-6)


def palette(rng: Rng) -> Array:
    """Two clearly different colours [2, 3]."""
    pair = rng.random((2, 3), dtype=np.float32)
    if np.abs(pair[0] - pair[1]).max() < 0.3:
        pair[1] = 1 - pair[0]
    return pair


def _pattern(rng: Rng, width: int) -> Array:
    """Blend weight [TILE, width, 1] of the second colour."""
    y, x = (a.astype(np.float32) / TILE for a in np.mgrid[:TILE, :width])
    kind = rng.integers(6)
    if kind == 0:
        blotch = cloud(rng, TILE, width, int(rng.integers(2, 5)), 2)[..., 0]
        a = np.clip((blotch - 0.5) * 2.5 + 0.5, 0, 1)
    elif kind == 1:
        angle, freq = rng.random() * np.pi, rng.uniform(2, 6)
        a = np.sin(2 * np.pi * freq * (x * np.cos(angle) + y * np.sin(angle))) > 0
    elif kind == 2:
        freq = rng.uniform(2, 5)
        a = (np.floor(x * freq) + np.floor(y * freq)) % 2
    elif kind == 3:
        freq, radius = rng.uniform(2, 4), rng.uniform(0.2, 0.38)
        a = np.hypot((x * freq) % 1 - 0.5, (y * freq) % 1 - 0.5) < radius
    elif kind == 4:
        a = np.clip(y * 1.6 - 0.3, 0, 1)
    else:
        a = np.full_like(x, rng.uniform(0, 0.3))
    return np.asarray(a, np.float32)[..., None]


def _shift_pattern(rng: Rng, width: int) -> Array:
    """Patterns of the "shift" domain: bent stripes, rings, diamonds, film grain."""
    y, x = (a.astype(np.float32) / TILE for a in np.mgrid[:TILE, :width])
    kind, freq = rng.integers(4), rng.uniform(2, 5)
    if kind == 0:
        a = 0.5 + 0.5 * np.sin(2 * np.pi * freq * (x + 0.15 * np.sin(2 * np.pi * 2 * y)))
    elif kind == 1:
        a = 0.5 + 0.5 * np.sin(2 * np.pi * freq * np.hypot(x % 1 - 0.5, y - 0.5))
    elif kind == 2:
        a = np.abs((x * freq) % 1 - 0.5) + np.abs((y * freq) % 1 - 0.5) < 0.35
    else:
        grain = rng.normal(0, 1, (TILE, width)).astype(np.float32)
        a = np.clip(0.5 + 0.9 * cv2.GaussianBlur(grain, (0, 0), 1.2), 0, 1)
    return np.asarray(a, np.float32)[..., None]


def texture(rng: Rng, width: int, colours: Array, domain: str) -> Array:
    """Two-colour pattern with a little noise [TILE, width, 3]."""
    a = _pattern(rng, width) if domain == "synth" else _shift_pattern(rng, width)
    speckle = 0.12 * (cloud(rng, TILE, width, 6, 1) - 0.5)
    blend = colours[0] * (1 - a) + colours[1] * a + speckle
    return np.asarray(np.clip(blend, 0, 1), np.float32)


def panorama(rng: Rng, domain: str) -> Array:
    """The look of an object from all sides [TILE, 3 * TILE, 3].

    A view shows one tile of it. Most panoramas change pattern along the way, so that turning the
    object changes its look.
    """
    colours = palette(rng)
    out = texture(rng, 3 * TILE, colours, domain)
    if rng.random() < 0.7:
        other = np.stack([colours[0], rng.random(3, dtype=np.float32)])
        second = texture(rng, 3 * TILE, colours if rng.random() < 0.4 else other, domain)
        turn = np.sin(np.linspace(0, 2 * np.pi, 3 * TILE) + rng.uniform(0, 2 * np.pi))
        side = (turn > rng.uniform(-0.3, 0.5)).astype(np.float32)[None, :, None]
        out = out * (1 - side) + second * side
    return out


def background(rng: Rng, side: int, domain: str) -> Array:
    """A scene to pan over [side, side, 3]: clouds with polygons ("shift": ramps with bars)."""
    if domain == "synth":
        out = cloud(rng, side, side, int(rng.integers(3, 9)), 4)
        out = out * rng.uniform(0.4, 1, 3).astype(np.float32) + np.float32(rng.uniform(0, 0.25))
        for _ in range(int(rng.integers(0, 14))):
            points = rng.random((5, 2)) * rng.uniform(0.1, 0.35) * side + rng.random(2) * side
            hull = cv2.convexHull(points.astype(np.int32))
            cv2.fillConvexPoly(out, hull, [float(c) for c in rng.random(3)])
    else:
        y, x = np.mgrid[:side, :side].astype(np.float32) / side
        angle, colours = rng.uniform(0, 2 * np.pi), palette(rng)
        ramp = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)[..., None]
        grain = rng.normal(0, 0.06, (side, side, 3)).astype(np.float32)
        out = colours[0] * (1 - ramp) + colours[1] * ramp + cv2.GaussianBlur(grain, (0, 0), 0.8)
        for _ in range(int(rng.integers(4, 20))):
            a, b = ((rng.random(2) * side).astype(int).tolist() for _ in range(2))
            colour = [float(c) for c in rng.random(3)]
            cv2.line(out, a, b, colour, int(rng.integers(2, 12)), cv2.LINE_AA)
    if rng.random() < 0.4:
        tiles = np.tile(texture(rng, TILE, palette(rng), domain), (4, 4, 1))
        out = 0.5 * cv2.resize(tiles, (side, side)) + 0.5 * out
    return np.ascontiguousarray(out, np.float32)


def smooth(rng: Rng, num_frames: int, sd: float, width: float) -> Array:
    """Stationary noise [num_frames] of standard deviation sd, correlated over `width` frames."""
    n = int(width)
    white = rng.normal(0, 1, num_frames + 4 * n)
    kernel = np.hanning(2 * n + 3)
    kernel /= np.sqrt((kernel**2).sum())
    wave = np.convolve(white, kernel, "same")[2 * n : 2 * n + num_frames]
    return (wave * sd).astype(np.float32)


def path(
    rng: Rng, num_frames: int, bounds: tuple[float, float], speed: float, jerky: bool
) -> NDArray[np.float64]:
    """Centres [num_frames, 2] that wander within bounds (pixels) and bounce at them.

    Args:
        rng: source of randomness.
        num_frames: length.
        bounds: (low, high) for x and y.
        speed: typical pixels a frame.
        jerky: straight runs with sudden turns and stops instead of a smooth walk.
    """
    low, high = bounds
    start = rng.uniform(low + 8, high - 8, 2)
    first = rng.normal(0, speed, 2)
    push = rng.normal(0, speed * 0.35, (num_frames, 2))
    turns = rng.random(num_frames) < 0.12
    fresh = rng.normal(0, 1.6 * speed, (num_frames, 2)) * (rng.random((num_frames, 1)) < 0.75)
    out = np.zeros((num_frames, 2))
    for axis in (0, 1):  # plain floats: ten times faster than arrays of two
        place, velocity = float(start[axis]), float(first[axis])
        pushes, turned = push[:, axis].tolist(), fresh[:, axis].tolist()
        for t in range(num_frames):
            out[t, axis] = place
            if jerky:
                velocity = turned[t] if turns[t] else velocity
            else:
                velocity = 0.92 * velocity + pushes[t]
            place += velocity
            if not low <= place <= high:
                velocity = abs(velocity) if place < low else -abs(velocity)
                place = min(max(place, low), high)
    return out


class Outline:
    """A closed shape of radius about 1 around the origin that can wobble with time."""

    def __init__(self, rng: Rng, domain: str) -> None:
        self._polygon: NDArray[np.float64] | None = None
        self._waves = rng.normal(0, 0.16, 4) / np.arange(1, 5)
        self._phases = rng.random(4) * 2 * np.pi
        self._aspect = rng.uniform(0.65, 1.0)
        if domain != "synth":
            corners = int(rng.integers(3, 9))
            angle = (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) * 2 * np.pi / corners
            radius = rng.uniform(0.55, 1.3, corners)
            self._polygon = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)

    def points(self, t: int, wobble: float) -> NDArray[np.float64]:
        """Vertices [n, 2] at time t; wobble in 0..1 is the strength of the deformation."""
        if self._polygon is not None:
            sway = 1 + 0.3 * wobble * np.sin(0.21 * t + self._phases[0])
            return np.asarray(self._polygon * (sway, 2 - sway))
        radius = np.ones_like(_ANGLES)
        for k, (wave, phase) in enumerate(zip(self._waves, self._phases, strict=True)):
            sway = wobble * 0.25 * np.sin(t * 0.21 * (1 + 0.3 * k) + phase)
            radius = radius + (wave + sway) * np.cos((k + 2) * _ANGLES + phase)
        radius = np.clip(radius, 0.4, 1.6)
        return np.stack([radius * np.cos(_ANGLES), self._aspect * radius * np.sin(_ANGLES)], 1)


def paste(
    image: Array, tile: Array, outline: NDArray[np.float64], pose: tuple[float, float, float, float]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
    """Draw a textured shape into image [S, S, 3] in place, with anti-aliased edges.

    Args:
        image: the picture so far.
        tile: texture [TILE, TILE, 3], laid over the shape and turned with it.
        outline: vertices [n, 2] around the origin, radius about 1.
        pose: (x, y, radius in pixels, rotation in radians).

    Returns:
        The drawn box as (rows, columns) and the shape's mask within it, before anything in front
        is drawn; None when the shape is outside the picture.
    """
    x, y, radius, turn = pose
    size = image.shape[0]
    rot = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = outline @ rot.T * radius + (x, y)
    x0, y0 = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(points.max(0)).astype(int) + 2, size)
    if x1 <= x0 or y1 <= y0:
        return None
    alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
    corner = np.array([x0, y0])
    fixed_point = np.round((points - corner) * 8).astype(np.int32)
    cv2.fillPoly(alpha, [fixed_point], 255, cv2.LINE_AA, 3)
    scale = TILE / (3.2 * radius)
    shift = TILE / 2 - rot.T @ (np.array([x, y]) - corner) * scale
    to_tile = np.hstack([rot.T * scale, shift[:, None]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    skin = cv2.warpAffine(
        np.ascontiguousarray(tile), to_tile, alpha.shape[::-1], flags=flags,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    box = slice(int(y0), int(y1)), slice(int(x0), int(x1))
    weight = alpha[..., None].astype(np.float32) / 255
    image[box] += (skin - image[box]) * weight
    return box, alpha > 127
