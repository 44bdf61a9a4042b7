"""The deterministic world that search and learning act in: N episodes on one clip, over the engine.

Pictures are encoded once. What is computed for a frame depends on nothing but what was read, so
every prediction is a NODE named by its read set (the frame, the memories in order of age, the
pointers), and equal read sets share one forward pass, whichever episodes ask (hash-consing). An
episode is then a handful of node numbers, which search copies and branches at no cost. Since a
stored node's own read set tells the bank it met, a bank tells all decisions before it: episodes
share what they began with, and never meet again, with either kind of pointers.

Actions are SAM2RL's (arXiv 2507.08548, section 3): 0 discards the new memory, k replaces the k-th
stored one from oldest to newest; the prompt is never replaced. While the bank fills, every memory
is inserted and actions have no effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from vot_memory import reading
from vot_memory.backbone import Backbone, Features
from vot_memory.bank import Bank
from vot_memory.candidates import Candidates
from vot_memory.engine import Engine, Prediction
from vot_memory.errors import InputError, unknown
from vot_memory.learn.clip import Clip
from vot_memory.learn.nodes import NONE, Ids, Nodes, Predictions
from vot_memory.policy import DISCARD, BasePolicy, PolicySpec, ReadPlan, Selection, State, Write
from vot_memory.setting import Setting
from vot_memory.track import Track

_MOST_SLOTS = 16
_POINTERS = 16  # SAM 2.1's max_obj_ptrs_in_encoder


@dataclass(frozen=True)
class Rules:
    """What a decision means: how the bank is read.

    Attributes:
        slots: size of the bank, the prompt included; 2 to 16.
        rows: temporal rows of the memories, by rank of age or by offset from the current frame.
        pointers: `recent` = the last 15 frames', `bank` = those of the stored memories.
    """

    slots: int = 7
    rows: Literal["rank", "offset"] = "rank"
    pointers: Literal["recent", "bank"] = "recent"

    def __post_init__(self) -> None:
        """Refuse words and sizes that are not known."""
        if not 2 <= self.slots <= _MOST_SLOTS:
            raise InputError(
                f"A bank of {self.slots} slots is not known: give 2 to {_MOST_SLOTS} slots."
            )
        for name, known in (("rows", ("rank", "offset")), ("pointers", ("recent", "bank"))):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)

    @classmethod
    def of(cls, setting: Setting) -> Rules:
        """Those of a file's decisions."""
        return cls(setting.slots, setting.rows, setting.pointers)

    @property
    def frames(self) -> int:
        """Frames of the shortest clip with a decision that changes a prediction."""
        return self.slots + 2

    def check(self, backbone: Backbone) -> None:
        """Refuse a bank that the model cannot number.

        Raises:
            InputError: rows by rank, and more slots than the model has temporal rows.
        """
        if self.rows == "rank" and self.slots > backbone.num_maskmem:
            raise InputError(
                f"{self.slots} slots are numbered by rank, the model has {backbone.num_maskmem} "
                "temporal rows: take fewer, or rows by offset."
            )


@dataclass(frozen=True)
class Privilege:
    """Ground truth that the tracker is given, for ceilings of its components. Never for trackers.

    Attributes:
        choice: of the three masks, the one that overlaps most with the truth.
        memory: the true mask is written to memory instead of the predicted one where the frame is
            scored; the pointer stays.
    """

    choice: bool = False
    memory: bool = False


@dataclass(frozen=True)
class States:
    """N episodes on the same frame t, each predicted and not yet decided.

    Attributes:
        t: frame, counted from the prompt.
        bank: int32 [N, slots - 1], nodes stored, oldest first; NONE beyond those.
        recent: int32 [N, 15], nodes of the frames t-1, t-2, ...; NONE before frame 1.
        node: int32 [N], the prediction of frame t.
        total: float64 [N], sum of q over the frames 1 ... t.
        stamp: grows with every `trim` and `forget`, which make older states void.
    """

    t: int
    bank: Ids
    recent: Ids
    node: Ids
    total: NDArray[np.float64]
    stamp: int

    def __len__(self) -> int:
        return len(self.node)

    def take(self, index: NDArray[np.int64] | list[int] | slice) -> States:
        """Some of the episodes, or copies of them."""
        bank, recent, node = self.bank[index], self.recent[index], self.node[index]
        return States(self.t, bank, recent, node, self.total[index], self.stamp)


@dataclass
class Counts:
    """What was asked and what was computed.

    Attributes:
        asked: predictions asked for: environment steps.
        passes: forward passes of the memory path = distinct nodes, the prompt's not counted.
        encoded: memories encoded.
    """

    asked: int = 0
    passes: int = 0
    encoded: int = 0

    @property
    def hit_rate(self) -> float:
        """Share of predictions that had been computed before."""
        return 1 - self.passes / self.asked if self.asked else 0.0


class Simulator:
    """Episodes of memory decisions on one clip.

    Args:
        clip: the object and its video.
        backbone: the model; one made for many rows is faster (`fast_backbone`).
        rules: how the bank is read.
        batch: rows of one forward pass. Fewer are padded, so that no result depends on how many
            others were asked for.
        privilege: ground truth given to the tracker.
        describe: what a node keeps for observations: candidates and choice int64 [B] to float32
            [B, S]; None keeps nothing.

    Raises:
        InputError: the clip is so short that there is no decision, or the model has no rows for so
            many slots; when a frame is predicted, the model's answer is no number.
    """

    def __init__(
        self,
        clip: Clip,
        backbone: Backbone,
        rules: Rules | None = None,
        *,
        batch: int = 8,
        privilege: Privilege | None = None,
        describe: Callable[[Candidates, Tensor], Tensor] | None = None,
    ) -> None:
        self.clip, self.rules, self.batch = clip, rules or Rules(), batch
        self.privilege, self.describe = privilege or Privilege(), describe
        if len(clip) < self.rules.frames:
            raise InputError(
                f"Object {clip.object} of sequence {clip.sequence} has {len(clip)} frames from its "
                f"prompt on: with {self.rules.slots} slots decisions begin on frame "
                f"{self.rules.slots}, so take a longer video or fewer slots."
            )
        self.rules.check(backbone)
        self.backbone, self.engine = backbone, Engine(backbone)
        self.counts = Counts()
        self._reader = _Reader(self)
        self._recent = min(clip.num_frames, _POINTERS) - 1
        self._stamp = 0
        self.forget()

    # ---- the game --------------------------------------------------------------------------

    @property
    def first_decision(self) -> int:
        """The first frame whose memory meets a full bank."""
        return self.rules.slots

    @property
    def num_decisions(self) -> int:
        """Decisions that change a prediction: frames `first_decision` ... T-2."""
        return len(self.clip) - 1 - self.rules.slots

    @property
    def num_actions(self) -> int:
        """Discard, or replace one of slots - 1 memories."""
        return self.rules.slots

    def start(self, episodes: int = 1) -> States:
        """Episodes at their first decision; the frames before are alike in all."""
        states = self._opening(episodes)
        while states.t < self.first_decision:
            states = self.advance(states, np.zeros(episodes, np.int64))
        return states

    def advance(self, states: States, actions: NDArray[np.int64]) -> States:
        """Write as decided and predict the next frame.

        Args:
            states: at frame t.
            actions: int64 [N] in 0 ... slots - 1; without effect while the bank fills.

        Returns:
            The states at frame t + 1.

        Raises:
            ValueError: the states are void, or of finished episodes.
        """
        if states.stamp != self._stamp:
            raise ValueError("These states are void: their nodes were trimmed or forgotten.")
        if self.finished(states):
            raise ValueError(f"Frame {states.t} is the clip's last: start new episodes.")
        bank = _written(states.bank, states.node, actions)
        self._encode(np.unique(states.node[(bank == states.node[:, None]).any(1)]))
        recent = np.concatenate([states.node[:, None], states.recent[:, :-1]], axis=1)
        return self._predicted(states.t + 1, bank, recent, states.total)

    def finished(self, states: States) -> bool:
        """Whether no decision is left that changes a prediction."""
        return states.t >= len(self.clip) - 1

    def quality(self, states: States) -> NDArray[np.float64]:
        """Clean Q of finished episodes, float64 [N]; of others, with 0 for the frames to come."""
        return states.total / self.clip.num_scored

    def play(self, actions: NDArray[np.int64]) -> States:
        """Finished episodes of whole sequences of decisions, int64 [N, num_decisions]."""
        states = self.start(len(actions))
        for column in actions.T:
            states = self.advance(states, column)
        return states

    def fifo(self, episodes: int = 1) -> NDArray[np.int64]:
        """SAM 2's own decisions: always replace the oldest; int64 [N, num_decisions]."""
        return np.ones((episodes, self.num_decisions), np.int64)

    # ---- nodes -----------------------------------------------------------------------------

    @property
    def nodes(self) -> int:
        """Nodes remembered, the prompt's included."""
        return self._nodes.count

    @property
    def bytes(self) -> int:
        """What the nodes remembered take."""
        return self._nodes.count * self._nodes.bytes_each

    def overlap(self, node: Ids) -> NDArray[np.float32]:
        """Overlap q of nodes [...]."""
        return self._table("q", node).cpu().numpy()

    def frame(self, node: Ids) -> Ids:
        """Frame of nodes [...]; NONE of NONE."""
        return self._nodes.frame(node)

    def seen(self, node: Ids) -> Tensor:
        """What `describe` kept of nodes [...], float32 [..., S]."""
        return self._table("described", node)

    def pointer(self, node: Ids) -> Tensor:
        """Object pointers of nodes [...], float32 [..., C]."""
        return self._table("ptr", node)

    def logits(self, node: Ids) -> Tensor:
        """Low-resolution logits of the chosen masks of nodes [...], float32 [..., 4h, 4w]."""
        return self._table("logits", node)

    @torch.inference_mode()
    def forget(self) -> None:
        """Drop all nodes but the prompt's; states made before are void, counts go on."""
        self._stamp += 1
        track = self.engine.start(self._reader, self.clip.num_frames)
        track.frame = 0
        clip, first = self.clip, self.clip.features[0]
        begins = {clip.object: clip.prompt}
        answer = self.engine.prompt(track, first, begins, clip.sequence, clip.digest)
        bank, candidates = track.bank, _prompted(answer, self.backbone, first)
        candidates.ptrs = bank.ptr[:, :1]
        choice = torch.zeros(1, dtype=torch.int64, device=bank.device)
        self._nodes = Nodes(self._predictions(candidates, choice, 0), bank.feat[0, 0])

    def trim(self, limit: int) -> None:
        """Between episodes: keep at most `limit` nodes, those used last; states are void."""
        self._nodes.trim(limit)
        self._stamp += 1

    # ---- parts -----------------------------------------------------------------------------

    def _table(self, name: str, node: Ids) -> Tensor:
        return self._nodes[name][torch.from_numpy(node.astype(np.int64))]

    def _opening(self, episodes: int) -> States:
        bank = np.full((episodes, self.rules.slots - 1), NONE, np.int32)
        recent = np.full((episodes, self._recent), NONE, np.int32)
        return self._predicted(1, bank, recent, np.zeros(episodes))

    @torch.inference_mode()
    def _predicted(self, t: int, bank: Ids, recent: Ids, total: NDArray[np.float64]) -> States:
        """The states after predicting frame t from these read sets."""
        frame = np.full((len(bank), 1), t, np.int32)
        parts = [frame, bank] if self.rules.pointers == "bank" else [frame, bank, recent]
        reads, back = np.unique(np.concatenate(parts, axis=1), axis=0, return_inverse=True)
        node = self._nodes.find(reads, self._stamp)
        new = np.flatnonzero(node == NONE)
        for at in range(0, len(new), self.batch):
            part = new[at : at + self.batch]
            node[part] = self._nodes.add(reads[part], self._compute(t, reads[part]), self._stamp)
        self.counts.asked += len(bank)
        self.counts.passes += len(new)
        node = node[back.reshape(-1)]
        return States(t, bank, recent, node, total + self.overlap(node), self._stamp)

    def _compute(self, t: int, reads: Ids) -> Predictions:
        """One forward pass of at most `batch` read sets."""
        padded = np.concatenate([reads, np.repeat(reads[-1:], self.batch - len(reads), axis=0)])
        track = self._track(t, torch.from_numpy(padded[:, 1:].astype(np.int64)))
        pending = self.engine.propose(track, self.clip.features[t])
        made = self._predictions(pending.candidates, pending.selection.mask, t)
        if not bool(made.logits.isfinite().all() & made.iou.isfinite().all()):
            raise InputError(
                f"The model's answer for object {self.clip.object} of sequence "
                f"{self.clip.sequence} is no number on frame {t} from its prompt: run it in "
                "float32, or check the weights."
            )
        return made.first(len(reads))

    def _track(self, t: int, ids: Tensor) -> Track:
        """A track whose rows remember the nodes of their read sets, int64 [b, slots - 1 (+ 15)]."""
        b, k, nodes = len(ids), self.rules.slots, self._nodes
        model = self.backbone
        bank = Bank(
            k, _POINTERS, model.memory_shape, model.hidden_dim, model.num_maskmem, model.device
        )
        bank.grow(torch.arange(b, device=model.device))
        stored = torch.cat([ids.new_zeros(b, 1), ids[:, : k - 1]], dim=1)
        at = stored.clamp(min=0)
        bank.feat, bank.ptr = nodes["feat"][at], nodes["ptr"][at]
        bank.iou, bank.obj, bank.pixels = nodes["iou"][at], nodes["obj"][at], nodes["pixels"][at]
        frames = torch.from_numpy(nodes.frame(stored.numpy())).long()
        bank.frame = frames.to(model.device)
        recent = ids[:, k - 1 :]
        for j in range(recent.shape[1]):
            if t - 1 - j < 1:
                break
            place = (t - 1 - j) % _POINTERS
            bank.ring_ptr[:, place] = nodes["ptr"][recent[:, j].clamp(min=0)]
            bank.ring_frame[:, place] = t - 1 - j
        rows = torch.arange(b, device=model.device)
        state = self._reader.reset(b, model.device, self.clip.num_frames)
        start = torch.zeros_like(rows)
        names = [self.clip.object] * b
        return Track(self._reader, bank, state, self.clip.num_frames, start, rows, t, names)

    def _predictions(self, candidates: Candidates, choice: Tensor, t: int) -> Predictions:
        chosen = torch.arange(len(choice), device=choice.device), choice
        logits = candidates.logits[chosen]
        kept = candidates.obj.new_zeros(len(choice), 0)
        return Predictions(
            logits=logits,
            ptr=candidates.ptrs[chosen].float(),
            iou=candidates.ious[chosen],
            obj=candidates.obj,
            pixels=(logits > 0).sum((1, 2)),
            q=self.clip.overlaps(logits, t),
            described=kept if self.describe is None else self.describe(candidates, choice),
        )

    @torch.inference_mode()
    def _encode(self, node: Ids) -> None:
        """Memories of nodes of one frame that are stored for the first time."""
        node = node[~self._nodes.has_feat[node]]
        self.counts.encoded += len(node)
        for at in range(0, len(node), self.batch):
            part = node[at : at + self.batch]
            ids = np.concatenate([part, np.repeat(part[-1:], self.batch - len(part))])
            t = int(self.frame(part[:1])[0])
            logits, obj = self.logits(ids), self._table("obj", ids)
            if self.privilege.memory and bool(self.clip.scored[t]):
                logits, obj = (
                    self._true_logits(t, logits),
                    torch.where(
                        self.clip.truth[t].any(),
                        obj.abs().clamp(min=1e-3),
                        -obj.abs().clamp(min=1e-3),
                    ),
                )
            choice = torch.zeros(self.batch, dtype=torch.int64, device=logits.device)
            hard = torch.zeros_like(choice, dtype=torch.bool)
            with self.backbone.autocast():
                feat = self.backbone.encode_memory(
                    self.clip.features[t], logits[:, None], choice, obj, hard
                )
            self._nodes.remember(part, feat[: len(part)])

    def _true_logits(self, t: int, like: Tensor) -> Tensor:
        """The truth as the prompt's mask is given to memory: logits of +-10, [b, 4h, 4w]."""
        mask = self.clip.truth[t].to(like.dtype)[None, None] * 20.0 - 10.0
        low = F.interpolate(
            mask, like.shape[1:], mode="bilinear", antialias=True, align_corners=False
        )
        return low[0].expand_as(like)


class _Reader(BasePolicy):
    """Reads the whole bank by the simulator's rules; what is written the simulator decides."""

    name = "simulator"
    Config = dict

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self.simulator = simulator
        self.spec = PolicySpec(slots=simulator.rules.slots, pointers=_POINTERS)

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """The whole bank."""
        rules = self.simulator.rules
        return reading.whole_bank(
            bank, t, state["max_ptrs"], rows=rules.rows, pointers=rules.pointers
        )

    def select(self, state: State, bank: Bank, candidates: Candidates, t: Tensor) -> Selection:
        """SAM 2's choice, or the best by ground truth."""
        if not self.simulator.privilege.choice:
            return super().select(state, bank, candidates, t)
        overlap = self.simulator.clip.overlaps(candidates.logits, int(t[0]))
        best = overlap >= overlap.amax(1, keepdim=True)
        return Selection(mask=torch.where(best, candidates.ious, -1.0).argmax(1))

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """Nothing: the simulator applies decisions to nodes, not to this bank."""
        return Write(slot=torch.full_like(t, DISCARD))


def _prompted(answer: Prediction, backbone: Backbone, features: Features) -> Candidates:
    """The prompt's answer as one candidate; its pointer is put in by the caller."""
    logits = answer.logits[:, None]
    return Candidates(
        logits,
        answer.ious[:, :1],
        answer.obj,
        logits.new_zeros(1, 1, backbone.hidden_dim),
        backbone.image_size,
        features.video_size,
    )


def _written(bank: Ids, node: Ids, actions: NDArray[np.int64]) -> Ids:
    """The bank [N, slots - 1] after one decision each; oldest stays first."""
    filled = (bank != NONE).sum(1)
    full, last = filled == bank.shape[1], bank.shape[1] - 1
    columns = np.arange(bank.shape[1])
    # Replacing memory k: those behind it move up, the new one comes last.
    source = columns + (columns >= (actions - 1)[:, None])
    moved = np.take_along_axis(bank, np.minimum(source, last), axis=1)
    moved[:, last] = node
    kept = np.where((full & (actions > 0))[:, None], moved, bank)
    rows = np.flatnonzero(~full)
    kept[rows, filled[rows]] = node[rows]
    result: Ids = kept
    return result
