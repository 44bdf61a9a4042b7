"""Recorded runs of the authors' releases, and three ways to play a policy beside one."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from vot_memory.backbone import Backbone, Heads
from vot_memory.bank import Bank, Entry
from vot_memory.candidates import Candidates
from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.engine import Engine, Settings
from vot_memory.kalman import box_iou
from vot_memory.policy import ANCHOR, DISCARD, RECENT, UNUSED, ReadPlan, Selection
from vot_memory.registry import load_policy
from vot_memory.track import Track
from vot_memory.tracking import Tracker

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
# Release as recorded -> policy, its options, and post-processing.
RELEASES = {
    "sam2": ("fifo", {}, Settings()),
    "sam2+post": ("fifo", {}, Settings(stability=True, hard_prompt=True)),
    "samurai": ("samurai", {}, Settings(stability=True, hard_prompt=True)),
    "dam4sam": ("dam4sam", {}, Settings(stability=True, hard_prompt=True)),
    "dam4sam+gate": (
        "dam4sam",
        {"iou": 0.5, "distractor_iou": 1.0},
        Settings(stability=True, hard_prompt=True),
    ),
    "sam2long": ("sam2long", {}, Settings()),
}
MEASURED = ("boxes_image", "pixels_low", "pixels_video", "joined_box_iou_video")
LOGIT, DECISION = 1e-2, 1e-3  # margins below which rounding may turn a pixel, a decision


@dataclass
class Trace:
    """One recorded run (tests/golden/README.md); frames are those of `record`."""

    release: str
    sequence: str
    record: list[dict]
    frames: np.ndarray | None = None
    prompt: np.ndarray | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    known_alike: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.record)

    def __str__(self) -> str:
        return f"{self.release}-{self.sequence}"

    def policy(self):
        name, options, _ = RELEASES[self.release]
        return load_policy(name, options)

    def scores(self, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Predicted IoUs float32 [P, 3] and object scores float32 [P] of frame t."""
        frame = self.record[t]
        return torch.tensor(frame["ious"]), torch.tensor(frame["obj"])

    def logits(self, t: int) -> torch.Tensor:
        """Low-resolution logits of frame t, float32 [P, 3, h, w]."""
        return torch.from_numpy(self.arrays["logits"][t].astype(np.float32))

    @cached_property
    def alike(self) -> dict[int, int]:
        """Frame -> the last frame with the same pointer."""
        if not self.arrays:
            return self.known_alike
        last: dict[bytes, int] = {}
        frames = self.arrays["pointer_frame"].tolist()
        for frame, pointer in zip(frames, self.arrays["pointer"], strict=True):
            last[pointer.tobytes()] = frame
        pairs = zip(frames, self.arrays["pointer"], strict=True)
        return {frame: last[pointer.tobytes()] for frame, pointer in pairs}

    def candidates(self, t: int, rows: int) -> Candidates:
        """What was decided on: the recorded masks, or what was measured on them."""
        ious, obj = self.scores(t)
        each = torch.arange(rows).clamp(max=len(ious) - 1)  # one pathway at the first frame
        if self.arrays:
            size, none = self.masks(t).shape, torch.zeros(rows, 3, 4)
            return Candidates(self.logits(t)[each], ious[each], obj[each], none, size[0], size)
        found = {key: self.record[t][key] for key in MEASURED if key in self.record[t]}
        measured = {key: torch.tensor(_numbers(value))[None] for key, value in found.items()}
        measured.setdefault("pixels_low", torch.ones(rows, 3, dtype=torch.int64))
        return Candidates.recorded(ious[each], obj[each], **measured)

    def masks(self, t: int) -> np.ndarray:
        """Output at the size of the video, bool [H, W]; back-traced for sam2long."""
        return np.unpackbits(self.arrays["masks"][t], axis=-1).astype(bool)

    def reference(self, t: int) -> torch.Tensor:
        """Logits behind the output mask, float32 [H, W]: those of the candidate nearest to it."""
        mask = torch.from_numpy(self.masks(t))
        logits = self.logits(t).flatten(0, 1)[:, None].nan_to_num(nan=-1024)
        full = F.interpolate(logits, mask.shape, mode="bilinear", align_corners=False)[:, 0]
        return full[((full > 0) != mask).sum((1, 2)).argmin()]

    def memories(self, t: int, hard: bool) -> torch.Tensor:
        """Memories encoded for frame t, one a pathway, float32 [n, mem_dim, h, w]."""
        which = (self.arrays["memory_frame"] == t) & (self.arrays["memory_hard"] == hard)
        bits = self.arrays["memory_bf16"][which].view(np.int16)
        return torch.from_numpy(bits).view(torch.bfloat16).float()

    def pointers(self, t: int) -> torch.Tensor:
        """Object pointers made for frame t, float32 [n, C]."""
        return torch.from_numpy(self.arrays["pointer"][self.arrays["pointer_frame"] == t])


def load(trace: Path) -> Trace:
    """A trace as recorded, with the pictures of its sequence, which lie beside it."""
    release, _, name = trace.stem.removeprefix("trace-").rpartition("-")
    data, pictures = np.load(trace), np.load(trace.with_name(f"seq-{name}.npz"))
    record = json.loads(data["record"].tobytes())["frames"]
    arrays = {key: data[key] for key in data.files if key != "record"}
    return Trace(
        release, name, record, pictures["frames"], pictures["masks"][0].astype(bool), arrays
    )


def load_decisions(file: Path) -> dict[str, Trace]:
    """Traces without pictures, as tests/golden/condense.py makes them."""
    found = {}
    for key, content in json.loads(gzip.decompress(file.read_bytes())).items():
        release, _, name = key.rpartition("-")
        alike = {int(frame): same for frame, same in content["alike"].items()}
        found[key] = Trace(release, name, content["frames"], known_alike=alike)
    return found


def _numbers(values: list) -> list:
    return [float("nan") if v is None else v for v in values]


def reads(bank: Bank, plan: ReadPlan, row: int) -> tuple[list[list[int]], list[int]]:
    """[[frame, temporal row, hard], ...] sorted, and frames of the pointers."""
    spatial = [
        # The record calls every prompt hard, also where its mask was not binarised.
        [int(bank.frame[row, s]), int(r), int(bank.hard[row, s] | (bank.frame[row, s] == 0))]
        for s, r in zip(plan.slots[row], plan.tpos[row], strict=True)
        if s != UNUSED
    ]
    known = torch.cat([bank.frame, bank.ring_frame], dim=1)[row]
    return sorted(spatial), [int(known[p]) for p in plan.ptrs[row] if p != UNUSED]


def assert_same_reads(trace: Trace, t: int, bank: Bank, plan: ReadPlan) -> None:
    frame = trace.record[t]
    for row in range(bank.rows):
        pathway = min(row, len(frame["reads"]) - 1)  # one pathway at the first frame
        spatial, pointers = reads(bank, plan, row)
        where = f"{trace}, frame {t}, pathway {row}"
        assert spatial == sorted(frame["reads"][pathway]), where
        recorded = frame["pointer_frames"][pathway]
        # Pointers of absent objects are all alike, and the record names the last of them.
        assert sorted(map(trace.alike.get, pointers)) == sorted(map(trace.alike.get, recorded)), (
            where
        )


def assert_same_scores(trace: Trace, t: int, ours: dict[str, list]) -> None:
    """Predicted IoU and motion score of the choice, cumulative scores, anchors, where recorded."""
    for key, value in ours.items():
        if trace.record[t].get(key) is not None:
            where = f"{trace}, frame {t}, {key}"
            recorded = trace.record[t][key]
            np.testing.assert_allclose(value, recorded, atol=DECISION, rtol=0, err_msg=where)


def anchors(bank: Bank, t: int) -> list[int]:
    """[t] if the memory of frame t became an anchor."""
    return [t] if bool(((bank.frame == t) & (bank.tag == ANCHOR)).any()) else []


def motion_score(policy, state: dict, candidates: Candidates, selection: Selection) -> dict:
    """SAMURAI's score of the choice, once its filter is stable."""
    if policy.name != "samurai" or int(state["stable"]) < policy.config.stable_frames:
        return {}
    mean, _ = policy.filter.predict(state["mean"], state["cov"])
    box = candidates.boxes("image")[:, int(selection.mask)]
    return {"kf_score": box_iou(mean, box).tolist()}


# ---- level 1: recorded scores in, decisions out, without weights ----------


def play_decisions(trace: Trace) -> None:
    """Every read and decision equals the recorded one."""
    policy, cpu = trace.policy(), torch.device("cpu")
    spec, rows = policy.spec, policy.spec.rows_per_object
    bank = Bank(spec.slots, spec.pointers, (1, 1, 1), 4, 7, cpu)
    bank.grow(torch.zeros(rows, dtype=torch.int64))
    state = policy.reset(rows, cpu, len(trace))
    everyone, zero = torch.arange(rows), torch.zeros(rows, dtype=torch.int64)

    def entry(which, frame, iou, obj, pixels, tag, hard):
        nothing = torch.zeros(len(which), 1, 1, 1), torch.zeros(len(which), 4)
        return Entry(which, *nothing, frame, iou, obj, pixels, tag, hard)

    prompt = entry(everyone, zero, zero + 1.0, zero + 10.0, zero + 1, zero, zero.bool())
    bank.write(zero, prompt)
    policy.on_prompt(state, bank, prompt)
    inserted: list[int] = []
    for t in range(1, len(trace)):
        clock = torch.full((rows,), t)
        assert_same_reads(trace, t, bank, policy.read(state, bank, clock))
        candidates = trace.candidates(t, rows)
        selection = policy.select(state, bank, candidates, clock)
        scores = motion_score(policy, state, candidates, selection)
        assert (scores != {}) == ("kf_score" in trace.record[t]), f"{trace}, frame {t}"
        if selection.parent is not None:
            bank.reindex(selection.parent)
            state = {k: v.index_select(0, selection.parent) for k, v in state.items()}
            candidates = candidates.take(selection.parent)
        write = policy.write(state, bank, candidates, selection, clock)
        chosen = everyone, selection.mask
        iou, pixels = candidates.ious[chosen], candidates.pixels("low")[chosen]
        tag = zero + RECENT if write.tag is None else write.tag
        hard = zero.bool() if write.hard is None else write.hard
        kept = (write.slot != DISCARD).nonzero()[:, 0]
        each = (x[kept] for x in (clock, iou, candidates.obj, pixels, tag, hard))
        bank.write(write.slot[kept], entry(kept, *each))
        bank.push_pointer(clock, torch.zeros(rows, 4), iou, candidates.obj, pixels)
        inserted += anchors(bank, t)
        scores["anchors"] = inserted
        if "score" in state:
            scores["acc_score"] = state["score"].tolist()
        else:
            scores["best_iou_score"] = iou.tolist()
        assert_same_scores(trace, t, scores)


# ---- level 2: teacher-forced, every step from the recorded state ----------


class TaughtBackbone(Backbone):
    """Compares what it computes with the recording, and goes on with the recording."""

    trace: Trace
    frame = 0

    def gated(self, heads: Heads, gate: float) -> Heads:
        """Candidates of a tracking frame; pathways that the record lacks follow the first."""
        ours, trace, t = super().gated(heads, gate), self.trace, self.frame
        if t == 0:
            return ours
        ious, obj = trace.scores(t)
        logits = trace.logits(t)[: len(ious)]
        n = len(ious)
        where = f"{trace}, frame {t}"
        # The recording has 11 bits, so it is only as good as that.
        _close(ours.logits[:n], logits, 1e-3, 2**-10, where)
        _close(ours.ious[:n], ious, 1e-3, 0, where)
        _close(ours.obj[:n], obj, 1e-3, 0, where)
        row = torch.arange(len(ours.obj)).clamp(max=n - 1)
        return Heads(logits[row], ious[row], obj[row], ours.ptrs)


class TaughtEngine(Engine):
    """Steps every pathway, alike or not, in its place."""

    def _distinct(self, track, read):
        return torch.arange(track.bank.rows), None


@torch.inference_mode()
def play_taught(trace: Trace, model: Backbone) -> None:
    """From the recorded state every logit, pointer, memory and decision equals the recorded one."""
    backbone = TaughtBackbone(model.model, model.name)
    backbone.trace = trace
    engine, policy = TaughtEngine(backbone, RELEASES[trace.release][2]), trace.policy()
    track = engine.start(policy, len(trace))
    inserted: list[int] = []
    for t in range(len(trace)):
        track.frame = backbone.frame = t
        features = engine.encode_image(trace.frames[t])
        if t == 0:
            engine.prompt(track, features, {"1": MaskPrompt(trace.prompt)})
        else:
            clock = torch.full((track.bank.rows,), t)
            assert_same_reads(trace, t, track.bank, policy.read(track.state, track.bank, clock))
            engine.step(track, features)
            inserted += anchors(track.bank, t)
            assert_same_scores(trace, t, _scores(track, t) | {"anchors": inserted})
        _teach(trace, t, track.bank)


def _teach(trace: Trace, t: int, bank: Bank) -> None:
    """Compare the memories and pointers of frame t, and put the recorded ones in their place."""
    where = f"{trace}, frame {t}"
    for row, slot in (bank.frame == t).nonzero().tolist():
        recorded = trace.memories(t, bool(bank.hard[row, slot]) or t == 0)
        ours, best = bank.feat[row, slot].float(), recorded[min(row, len(recorded) - 1)]
        _close(ours, best, 1e-2, 2**-7, where)
        bank.feat[row, slot] = best.to(torch.bfloat16)
    for frames, ptrs in ((bank.frame, bank.ptr), (bank.ring_frame, bank.ring_ptr)):
        for row, slot in (frames == t).nonzero().tolist():
            recorded = trace.pointers(t)
            nearest = recorded[(recorded - ptrs[row, slot]).abs().amax(1).argmin()]
            _close(ptrs[row, slot], nearest, 1e-3, 1e-3, where)
            ptrs[row, slot] = nearest


def _close(ours: torch.Tensor, recorded: torch.Tensor, atol: float, rtol: float, where: str):
    torch.testing.assert_close(
        ours, recorded, atol=atol, rtol=rtol, msg=lambda text: f"{where}: {text}"
    )


def _scores(track: Track, t: int) -> dict[str, list]:
    """Predicted IoU of the choice, or the cumulative scores of the pathways."""
    if "score" in track.state:
        return {"acc_score": track.state["score"].tolist()}
    bank = track.bank
    return {"best_iou_score": bank.ring_iou[0, t % bank.pointers].tolist()}


# ---- level 3: free-running ----------


@dataclass
class Agreement:
    """What a free run shares with the recorded one.

    Attributes:
        pixels: compared. close: of these, those whose recorded logit is within LOGIT of zero.
        wrong: others that differ.
        reads: frames compared. other_reads: frames at which something else was read.
    """

    pixels: int = 0
    close: int = 0
    wrong: int = 0
    reads: int = 0
    other_reads: int = 0


def play_freely(trace: Trace, model: Backbone) -> Agreement:
    """Run from the prompt on and count where masks and reads differ."""
    engine, policy = Engine(model, RELEASES[trace.release][2]), trace.policy()
    tracker = Tracker(engine, policy, num_frames=len(trace))
    found, masks = Agreement(), []
    for t in range(len(trace)):
        if t:
            track = tracker.state
            plan = policy.read(track.state, track.bank, torch.full((track.bank.rows,), t))
            found.reads += 1
            try:
                assert_same_reads(trace, t, track.bank, plan)
            except AssertionError:
                found.other_reads += 1
        prompts = {"1": MaskPrompt(trace.prompt)} if t == 0 else None
        masks.append(tracker.track(trace.frames[t], prompts).masks[0])
    for t, revised in tracker.finish() or ():
        masks[t] = revised["1"]
    for t in range(1, len(trace)):
        close = trace.reference(t).abs().numpy() <= LOGIT
        found.pixels += close.size
        found.close += int(close.sum())
        found.wrong += int(((masks[t] != trace.masks(t)) & ~close).sum())
    return found
