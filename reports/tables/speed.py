"""How fast a run was, from its timing files; says nothing across machines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vot_memory.reports.text import count
from vot_memory.results import RunFolder, whole_files


@dataclass(frozen=True)
class Speed:
    """Speed of a run.

    Attributes:
        frames_per_second: of encoding and tracking as if the policy ran alone; decoding, scoring
            and writing are left out.
        memory_ms: milliseconds a frame of the memory path (all objects together): everything after
            the image encoder.
        bank_bytes: largest size of the memory bank; None if it was not recorded.
        machine: where it was measured.
    """

    frames_per_second: float
    memory_ms: float
    bank_bytes: int | None
    machine: str


def read_speed(folder: RunFolder) -> Speed | None:
    """Add up the timing files of a run; None without any that can be read.

    Timing is a by-product: a damaged file is left out, never an error.
    """
    frames, encode, track, bank = 0, 0.0, 0.0, 0
    for path in whole_files(folder.path / "timing", "*.json"):
        timing = _load(path)
        try:
            seconds = timing["seconds"]
            one = int(timing["frames"]), float(seconds["encode"]), float(seconds["track"])
            bank = max(bank, int(timing.get("bank_bytes", 0)))
        except (KeyError, TypeError, ValueError):
            continue
        frames, encode, track = frames + one[0], encode + one[1], track + one[2]
    if frames == 0 or encode + track <= 0:
        return None
    return Speed(frames / (encode + track), 1000 * track / frames, bank or None, _machine(folder))


def _machine(folder: RunFolder) -> str:
    """Every machine that the run's environment.json lists."""
    machines = [
        f"{run['device']}, {count(int(run.get('threads', 1)), 'thread')}"
        for run in folder.environments()
        if "device" in run
    ]
    return " and ".join(dict.fromkeys(machines)) or "an unknown machine"


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
