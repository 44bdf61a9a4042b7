"""`vot-memory vot import`: trajectories of the VOT toolkit as results that reports score."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import yaml

from vot_memory.commands.export_vot import trajectory_stem
from vot_memory.commands.imports import Files, Imported, Masks, store_answers
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import load_split
from vot_memory.datasets.vot_regions import Point, Special, rles_of_regions
from vot_memory.datasets.vot_trajectory import read_trajectory
from vot_memory.errors import InputError


def import_trajectories(
    tree: Path,
    split: str,
    out: Path,
    *,
    tracker: str | None = None,
    experiment: str = "baseline",
    data: Path | None = None,
) -> list[Imported]:
    """Make a run folder of each tracker's results: all of them or none.

    Frames without an answer (special codes) count as empty masks, as in the toolkit. Rectangles
    are filled and polygons drawn as `rle_of_region` does, what leaves the picture is cut. Of
    repeated runs the first is taken, and a `.txt` before a `.bin` of the same name, as the toolkit
    does. Times are not taken over.

    Args:
        tree: a workspace, its folder `results`, the folder of one tracker, or an unpacked
            submission.
        split: name, or folder of the sequences.
        out: folder of results.
        tracker: which of several; or how to call the only one.
        experiment: which one, by its name in the toolkit.
        data: the folder with published data sets.

    Raises:
        InputError: nothing fits, an object has no file, or a file is damaged or has not one region
            a frame.
    """
    loaded = load_split(split, data=data)
    found = _find_trackers(tree, tracker, experiment)
    finders = {name: partial(_find_files, place / experiment) for name, place in found.items()}
    return store_answers(finders, loaded, out, _read_masks)


def _find_files(folder: Path, sequence: Sequence) -> Files:
    if not (folder / sequence.name).is_dir():
        return {}
    return {t.id: [_trajectory_file(folder, sequence, t.id)] for t in sequence.objects}


def _trajectory_file(folder: Path, sequence: Sequence, identity: str) -> Path:
    stem = folder / sequence.name / trajectory_stem(sequence, identity)
    for suffix in (".txt", ".bin"):
        if (path := stem.with_name(stem.name + suffix)).is_file():
            return path
    raise InputError(
        f"There is no trajectory {stem}.bin or .txt of object {identity}: add it, or remove the "
        "folder so that the video counts as missing."
    )


def _read_masks(sequence: Sequence, track: ObjectTrack, paths: list[Path]) -> Masks:
    (path,) = paths
    regions = read_trajectory(path)
    if len(regions) != len(sequence):
        raise InputError(
            f"{path} has {len(regions)} regions but {sequence.name} has {len(sequence)} frames: "
            "give the results of these videos."
        )
    for t, region in enumerate(regions):
        if isinstance(region, Point):
            raise InputError(f"{path} has a point on frame {t}: give answers that have an area.")
    masks = rles_of_regions(regions, sequence.size)
    begun = isinstance(regions[track.first_frame], Special)
    nothing = encode(np.zeros(sequence.size, np.uint8))
    return [None if t == track.first_frame and begun else m or nothing for t, m in enumerate(masks)]


def _find_trackers(tree: Path, tracker: str | None, experiment: str) -> dict[str, Path]:
    """Folder with experiments of each tracker."""
    base = tree / "results" if (tree / "results").is_dir() else tree
    if not base.is_dir():
        raise InputError(f"{base} does not exist: give the workspace or its folder results.")
    if (base / experiment).is_dir():
        return {tracker or _name_in_manifest(base) or base.resolve().name: base}
    found = {p.name: p for p in sorted(base.iterdir()) if (p / experiment).is_dir()}
    if not found:
        raise InputError(
            f"{base} has no TRACKER/{experiment}/SEQUENCE: give the workspace or its folder "
            "results, and name another experiment by --experiment."
        )
    if tracker is None:
        return found
    if tracker not in found:
        raise InputError(f"{base} has no tracker {tracker}: choose one of {', '.join(found)}.")
    return {tracker: found[tracker]}


def _name_in_manifest(folder: Path) -> str | None:
    """What an unpacked submission says the tracker is called."""
    try:
        manifest = yaml.safe_load((folder / "manifest.yml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    name = manifest.get("identifier") if isinstance(manifest, dict) else None
    return name if isinstance(name, str) else None
