"""A small results store, written through the real one, with masks whose scores are known."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vot_memory.datasets.boxes import Benchmark
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Published, Split
from vot_memory.results import Failure, Identity, Record, RunFolder, Store

SIZE = (4, 100)  # one column more or less in a bar of 100 is one per cent of overlap
FRAMES = 15


def bar(width: int) -> dict[str, Any]:
    mask = np.zeros(SIZE, dtype=bool)
    mask[:, :width] = True
    return encode(mask)


def sequence(
    name: str,
    objects: tuple[str, ...] = ("1",),
    absent: int = 0,
    away: tuple[int, ...] = (),
    labels: Mapping[str, Any] | None = None,
) -> Sequence:
    """The object fills the picture; it is absent on the last frames and where it is away."""
    gone = {*away, *range(FRAMES - absent, FRAMES)}
    truth = tuple(bar(0 if t in gone else 100) for t in range(FRAMES))
    tracks = tuple(ObjectTrack(i, 0, truth) for i in objects)
    digest = hashlib.sha256(f"{name} {objects} {sorted(gone)}".encode()).hexdigest()
    frames = np.zeros((FRAMES, *SIZE, 3), np.uint8)
    return Sequence(name, frames, tracks, SIZE, 24.0, digest, labels or {})


def at(*frames: int) -> np.ndarray:
    """A label that holds on some frames."""
    return np.isin(np.arange(FRAMES), frames)


def record(seq: Sequence, track: ObjectTrack, policy: str, widths: list[int], offline: bool):
    frames = len(seq)
    empty: list[Any] = [0] * frames
    return Record(
        sequence=seq.name,
        object=track.id,
        policy=policy,
        first_frame=0,
        num_frames=frames,
        size=SIZE,
        offline=offline,
        masks=[bar(w)["counts"] for w in widths],
        ious=[[0.5]] * frames,
        object_score=[1.0] * frames,
        chosen=empty,
        written=empty,
        memory=[[0]] * frames,
        tags=[[0]] * frames,
    )


@dataclass
class Results:
    """Builds a store; `quality` becomes the overlap of every visible frame, in per cent."""

    root: Path
    sequences: list[Sequence]
    name: str = "fake"
    published: Published | None = None
    box_rules: Benchmark | None = None

    @property
    def split(self) -> Split:
        digest = hashlib.sha256(" ".join(s.digest for s in self.sequences).encode()).hexdigest()
        own = {"published": self.published, "box_rules": self.box_rules}
        return Split(self.name, self.sequences, "nano", "dev", digest, **own)

    def run(
        self,
        policy: str,
        quality: Mapping[str, int | list[int]],
        *,
        failed: Mapping[str, str] | None = None,
        offline: bool = False,
        **changes: Any,
    ) -> RunFolder:
        fields = {
            "tracker": "sam2",
            "model": "nano@0123456789ab",
            "image_size": 128,
            "dtype": "float32",
            "protocol": "common",
            "prompt": "mask",
            "policy": policy,
            "policy_config": {},
            "policy_source": "0" * 64,
            "dataset": self.name,
            "dataset_digest": self.split.digest,
            "seed": 0,
            "non_overlap": False,
        }
        folder = Store(self.root).run(Identity(**(fields | changes)))
        by_name = {s.name: s for s in self.sequences}
        for name, value in quality.items():
            seq = by_name[name]
            for track in seq.objects:
                visible = [t.get("counts") != bar(0)["counts"] for t in track.rles if t]
                widths = value if isinstance(value, list) else [value if v else 0 for v in visible]
                folder.write(record(seq, track, policy, widths, offline))
        for name, error in (failed or {}).items():
            folder.fail(Failure(sequence=name, error=error, type="InputError", frame=7))
        return folder
