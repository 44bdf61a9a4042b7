"""A split of three small videos, in memory, for runs that take no time."""

import numpy as np

from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError
from vot_memory.runner import RunSettings

SIZE, FRAMES = 48, 9


class Pictures:
    """Frames in memory, of which one may be unreadable."""

    def __init__(self, pictures, broken=None):
        self.pictures, self.broken = pictures, broken

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, t):
        if t == self.broken:
            raise InputError(f"{t:05d}.jpg cannot be read as a picture: replace it.")
        return self.pictures[t]


def video(name, seed, late=None):
    """A bright square moves right and, from frame `late` on, a dark one down."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(90, 130, (SIZE, SIZE, 3)).astype(np.uint8)
    pictures, squares = [], {"1": [], "2": []}
    for t in range(FRAMES):
        picture = ground.copy()
        for key, at, colour, first in (("1", (8, 3 + 2 * t), 250, 0), ("2", (3 * t, 30), 5, late)):
            mask = np.zeros((SIZE, SIZE), bool)
            if first is not None and t >= first:
                mask[at[0] : at[0] + 12, at[1] : at[1] + 12] = True
                picture[mask] = colour
            squares[key].append(encode(mask))
        pictures.append(picture)
    tracks = [ObjectTrack("1", 0, tuple(squares["1"]))]
    if late is not None:
        tracks.append(ObjectTrack("2", late, tuple(squares["2"])))
    return Sequence(name, Pictures(pictures), tuple(tracks), (SIZE, SIZE), 24.0, f"{name}/{seed}")


def three_videos(monkeypatch):
    """Make split `squares` of three videos; tests may change the list that is returned."""
    made = [video("a", 1), video("b", 2, late=3), video("c", 3)]
    monkeypatch.setattr(
        "vot_memory.datasets.splits.load_split",
        lambda name, limit=None, data=None: Split(name, made[:limit], "nano", "dev", "0" * 64),
    )
    return made


def make_settings(out, *policies, **changes):
    named = tuple((p, {}) for p in policies)
    return RunSettings(named, "squares", device="cpu", out=out, **changes)


def snapshot(root, folder="records"):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.glob(f"*/*/{folder}/**/*.json")}


def folder_of(report, policy):
    (found,) = [f for f in report.folders if f.identity.policy == policy]
    return found
