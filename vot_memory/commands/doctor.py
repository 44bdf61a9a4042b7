"""`vot-memory doctor`: what is installed and found here, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Literal

from vot_memory.building import check_writable
from vot_memory.errors import described


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        state: ok; missing: not there; warning: there, but not as it should be.
        subject: what it is about. text: what was found, and what to do about it.
        essential: nothing runs without it, not even nano.
    """

    state: Literal["ok", "missing", "warning"]
    subject: str
    text: str
    essential: bool = False

    def __str__(self) -> str:
        return f"{self.state:7}  {self.subject}: {self.text}"


Findings = Iterator[Finding]


def doctor(data: Path | None = None, out: Path = Path("results")) -> list[Finding]:
    """Look at everything a run needs; raises nothing.

    Args:
        data: folder of published data sets; None takes the one that VOT_MEMORY_DATA names.
        out: folder of results.
    """
    checks: dict[str, Callable[[], Findings]] = {
        "packages": _packages,
        "torch": _torch,
        "sam2": _sam2,
        "OpenCV": _opencv,
        "memory": _memory,
        "nano": _nano,
        "weights": _weights,
        "data sets": lambda: _data(data),
        "results": lambda: _results(out),
        "VOT toolkit": _vot,
    }
    findings = [Finding("ok", "Python", f"{platform.python_version()}, {platform.platform()}")]
    for subject, check in checks.items():
        try:
            findings += check()
        except Exception as error:  # a broken installation may raise anything
            essential = subject in ("torch", "sam2", "OpenCV", "nano")
            state: Literal["missing", "warning"] = "missing" if essential else "warning"
            text = f"cannot be used: {described(error)}"
            findings.append(Finding(state, subject, text, essential))
    return findings


def exit_code(findings: list[Finding]) -> int:
    """0 if runs on nano are possible, else 1."""
    return int(any(f.essential and f.state != "ok" for f in findings))


# ---- software ------------------------------------------------------------------------------------


def _packages() -> Findings:
    """Every dependency that this package declares, by the versions it declares."""
    from packaging.requirements import Requirement

    present = []
    for line in metadata.requires("vot-memory") or []:
        needed = Requirement(line)
        if needed.marker and not needed.marker.evaluate({"extra": ""}):
            continue
        if (version := _version(needed.name)) is None:
            if needed.name.startswith("opencv") and util.find_spec("cv2"):
                continue  # any of its four distributions will do
            remedy = f"pip install '{needed.name}{needed.specifier}'"
            yield Finding("missing", needed.name, f"not installed: {remedy}", essential=True)
        elif not needed.specifier.contains(version, prereleases=True):
            text = f"{version} is not {needed.specifier}: pip install '{line}'"
            yield Finding("warning", needed.name, text)
        else:
            present.append(f"{needed.name} {version}")
    yield Finding("ok", "packages", ", ".join(present))


def _torch() -> Findings:
    import torch

    from vot_memory.environment import device_name
    from vot_memory.models import pick_device, pick_dtype

    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = f"{torch.cuda.get_device_name(index)}, {_gb(free)} of {_gb(total)} free"
        yield Finding("ok", f"cuda:{index}", name)
        if torch.cuda.get_device_capability(index) < (8, 0):
            text = "has no bfloat16 of its own, which --dtype auto takes: give --dtype float16"
            yield Finding("warning", f"cuda:{index}", text)
    if not torch.cuda.is_available():
        if torch.version.cuda:
            text = (
                f"torch {torch.__version__} finds no GPU: if there is one, update its driver "
                "until `nvidia-smi` lists it"
            )
            yield Finding("warning", "CUDA", text)
        elif shutil.which("nvidia-smi"):
            text = (
                f"torch {torch.__version__} is built without CUDA, but a driver is here: install "
                "a CUDA build of torch"
            )
            yield Finding("warning", "CUDA", text)
        else:
            yield Finding("ok", "CUDA", "none, and no NVIDIA driver is here")
    device = pick_device("auto")
    dtype = pick_dtype("auto", device.type)
    text = f"auto takes {device.type} ({device_name(device)}) in {dtype}"
    yield Finding("ok", "device", f"{text}, {torch.get_num_threads()} threads")


def _sam2() -> Findings:
    import_module("sam2.modeling.sam2_base")  # a folder called sam2 may hide the package
    import torch

    if util.find_spec("sam2._C"):
        yield Finding("ok", "sam2's CUDA extension", "built")
        return
    text = (
        "not built, so that small holes in masks are not filled; only --protocol release fills any"
    )
    on_gpu = torch.cuda.is_available()
    remedy = ": build sam2 with SAM2_BUILD_CUDA=1 if a release must be matched there"
    yield Finding(
        "warning" if on_gpu else "ok", "sam2's CUDA extension", text + (remedy if on_gpu else "")
    )


def _opencv() -> Findings:
    yield Finding("ok", "OpenCV", str(import_module("cv2").__version__))


def _vot() -> Findings:
    """By metadata alone: the toolkit is GPL and never imported."""
    from packaging.version import Version

    trax = _version("vot-trax")
    if trax is None:
        text = "vot-trax is not installed, only needed below the VOT toolkit: pip install vot-trax"
        yield Finding("missing", "VOT toolkit", text)
    elif Version(trax) < Version("4.0.1"):
        text = f"vot-trax {trax} leaks memory with masks: pip install 'vot-trax>=4.0.1'"
        yield Finding("warning", "VOT toolkit", text)
    else:
        toolkit = _version("vot-toolkit")
        beside = f"vot-toolkit {toolkit}" if toolkit else "the toolkit itself is not installed"
        yield Finding("ok", "VOT toolkit", f"vot-trax {trax}; {beside}")


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


# ---- machine and files ---------------------------------------------------------------------------


def _memory() -> Findings:
    page = os.sysconf("SC_PAGE_SIZE")
    total = page * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")  # of a container
    if limit.is_file() and (text := limit.read_text().strip()).isdecimal():
        total = min(total, int(text))
    if total < 3e9:
        text = f"{_gb(total)}; loading sam2.1-l takes 2 GB: choose a smaller model"
        yield Finding("warning", "memory", text)
    else:
        yield Finding("ok", "memory", _gb(total))


def _nano() -> Findings:
    """Two frames: the shortest run that uses the memory."""
    import numpy as np

    from vot_memory.datasets.prompts import BoxPrompt
    from vot_memory.engine import Engine
    from vot_memory.models import load_model
    from vot_memory.registry import load_policy
    from vot_memory.tracking import Tracker

    backbone = load_model("nano", device="cpu")
    tracker = Tracker(Engine(backbone), load_policy("fifo"))
    picture = np.zeros((64, 64, 3), np.uint8)
    tracker.init(picture, {"1": BoxPrompt.from_xywh(16, 16, 32, 32)})
    tracker.track(picture)
    yield Finding("ok", "nano", f"{backbone.name} tracks on the CPU")


def _weights() -> Findings:
    from huggingface_hub import constants

    from vot_memory.models import SAM2, cached

    absent = []
    for name in SAM2:
        if found := cached(name):
            yield Finding(
                "ok", f"weights of {name}", f"cached, {found.stat().st_size / 1e6:.0f} MB"
            )
        else:
            absent.append(name)
    offline = constants.HF_HUB_OFFLINE
    way = (
        "HF_HUB_OFFLINE is set, so copy them there, unset it, or give --checkpoint FILE"
        if offline
        else "each is downloaded when it is first used, or give --checkpoint FILE"
    )
    if absent:
        text = f"{', '.join(absent)} are not in the cache {constants.HF_HUB_CACHE}; {way}"
        yield Finding("missing", "weights", text)


def _data(data: Path | None) -> Findings:
    from vot_memory.datasets.splits import DATA_VARIABLE, data_folder, split_specs

    root = data_folder(data)
    if root is None:
        text = f"no folder is named: set {DATA_VARIABLE}, or give --data; synth-* need none"
        yield Finding("missing", "data sets", text)
        return
    if not root.is_dir():
        yield Finding("missing", "data sets", f"{root} is no folder: correct {DATA_VARIABLE}")
        return
    folders: dict[str, list[str]] = {}
    for split, spec in split_specs().items():
        if folder := getattr(spec, "folder", None):
            folders.setdefault(folder, []).append(split)
    absent = [folder for folder in folders if not (root / folder).is_dir()]
    for folder, splits in folders.items():
        if folder not in absent:
            yield Finding("ok", f"data set {folder}", f"{root / folder}, for {', '.join(splits)}")
    if absent:
        text = f"not below {root}: {', '.join(absent)}; `vot-memory ls splits` says where from"
        yield Finding("missing", "data sets", text)


def _results(out: Path) -> Findings:
    folder = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    try:
        check_writable(folder / "identity.json")
    except OSError as error:
        text = f"{folder} cannot be written ({error.strerror}): give another folder by --out"
        yield Finding("warning", "results", text)
        return
    free = shutil.disk_usage(folder).free
    if free < 1e9:
        text = f"only {_gb(free)} are free at {folder}: make room, or give another --out"
        yield Finding("warning", "results", text)
    else:
        yield Finding("ok", "results", f"{out} can be written, {_gb(free)} free")


def _gb(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
