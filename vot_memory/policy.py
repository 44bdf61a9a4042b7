"""The one interface: what a memory policy sees and what it answers.

A policy is index arithmetic. It reads scores and frame numbers and returns small integer tensors;
the engine executes them. It never touches the network, and it keeps its private state in a dict of
tensors with leading dimension B (rows), which the engine grows, gathers and drops.

Words: a ROW is one independent memory state (an episode, a SAM2Long pathway or an object). Rows of
one object form a GROUP. A row exists from its prompt on; `t[B]` counts frames since that prompt, so
the prompt is frame 0 of its own row, however late it comes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor, device

    from vot_memory.backbone import Features
    from vot_memory.bank import Bank, Entry, Source
    from vot_memory.candidates import Candidates
    from vot_memory.datasets.prompts import PromptKind
    from vot_memory.log import Log

State = dict[str, Any]  # str -> Tensor [B, ...]; values are replaced, never shared with the model

PROMPT, RECENT, ANCHOR = 0, 1, 2  # tags of a memory
DISCARD = -1  # Write.slot of a frame that is not stored
UNUSED = -1  # ReadPlan.slots / ReadPlan.ptrs of a column that is not read


@dataclass(frozen=True)
class Preset:
    """How the authors' release feeds and post-processes its tracker (protocol release).

    Attributes:
        resize: pil_bicubic (SAM 2's JPEG loader), tv_bilinear, tv_bilinear_aa.
        dtype: autocast type of the release on CUDA; on CPU everything runs in float32.
        prompt: the prompt its runner uses.
        stability: single-mask outputs fall back to the best of three when unstable.
        hard_prompt: the prompt's memory is encoded from a binarised mask.
        fill_hole_area: background holes up to this many low-resolution pixels are filled; needs
            sam2's CUDA extension and is skipped without it, as sam2 does.
    """

    resize: Literal["pil_bicubic", "tv_bilinear", "tv_bilinear_aa"] = "pil_bicubic"
    dtype: Literal["float32", "bfloat16", "float16"] = "bfloat16"
    prompt: Literal["mask", "box", "point"] = "mask"
    stability: bool = False
    hard_prompt: bool = False
    fill_hole_area: int = 0


@dataclass(frozen=True)
class PolicySpec:
    """What the engine has to know about a policy before it runs.

    Attributes:
        slots: K, spatial memories of a row, the prompt's slot 0 included.
        pointers: L, length of the ring of recent object pointers.
        rows_per_object: rows of a group (SAM2Long: 3).
        object_gate: the object counts as visible when its score logit is above this.
        prompts: kinds of prompt that an object may begin with.
        release: what protocol release uses.
        source: paper, section and release commit the policy follows.
        parity: in a few words, how far equality with that release is established.
        offline: True when `finish` revises earlier outputs.
    """

    slots: int = 7
    pointers: int = 16
    rows_per_object: int = 1
    object_gate: float = 0.0
    prompts: tuple[PromptKind, ...] = ("mask", "box", "point")
    release: Preset = field(default_factory=Preset)
    source: str = ""
    parity: str = ""
    offline: bool = False


@dataclass
class ReadPlan:
    """Which memories every row attends to. -1 marks unused columns; rows may differ in number.

    Attributes:
        slots: int64 [B, S] spatial slots, in the order of concatenation.
        tpos: int64 [B, S] row of `maskmem_tpos_enc` (0 newest ... num_maskmem-1 prompt).
        ptrs: int64 [B, P] object pointers: k < K is slot k's, K + i is position i of the ring.
        dist: float32 [B, P] temporal distance of each pointer, in frames.
        ptr_norm: float32 [B] divides `dist` (SAM 2: min(num_frames, 16) - 1).
        key_scale: float32 [B, S] factor on the keys of a memory, or None.
        ptr_scale: float32 [B, P] factor on the keys of a pointer, or None.
        key_mask: bool [B, S, h * w], False where a memory's pixel is not to be read, or None.
    """

    slots: Tensor
    tpos: Tensor
    ptrs: Tensor
    dist: Tensor
    ptr_norm: Tensor
    key_scale: Tensor | None = None
    ptr_scale: Tensor | None = None
    key_mask: Tensor | None = None


@dataclass
class Selection:
    """What every row goes on with.

    Attributes:
        mask: int64 [B], which of its parent's candidates the row takes.
        parent: int64 [B], the row (of the same group) that row b continues; None = itself. All
            row-indexed memory is gathered by it before `write` is called.
        output: int64 [G], which row of its group answers for each object, 0 ...
            rows_per_object - 1; None = the group's first.
    """

    mask: Tensor
    parent: Tensor | None = None
    output: Tensor | None = None


@dataclass
class Write:
    """What every row does with the new memory.

    Attributes:
        slot: int64 [B], the slot it replaces, or DISCARD. Slot 0 holds the prompt and is refused.
        tag: int8 [B], PROMPT, RECENT or ANCHOR; None = RECENT.
        hard: bool [B], encode from the binarised mask instead of the soft one; None = soft.
    """

    slot: Tensor
    tag: Tensor | None = None
    hard: Tensor | None = None


@dataclass
class Prompts:
    """Prompts that a policy makes itself for a tracking frame (MoSAM).

    Attributes:
        points: float32 [B, N, 2], (x, y) in pixels of the model's square input.
        labels: int32 [B, N]: 1 positive, 0 negative, 2/3 box corners, -1 none.
        dense: float32 [B, 1, 4h, 4w] mask logits, or None.
        dense_valid: bool [B], rows whose `dense` counts; None = all.
    """

    points: Tensor
    labels: Tensor
    dense: Tensor | None = None
    dense_valid: Tensor | None = None


@runtime_checkable
class MemoryPolicy(Protocol):
    """Decides what is read, chosen and written; see the module's docstring for its words.

    The class also has `Config`, a frozen dataclass whose fields are the policy's options; an
    instance of it is the one argument of the constructor.
    """

    name: ClassVar[str]
    spec: PolicySpec

    def fingerprint(self) -> dict[str, Any]:
        """Options or content (JSON) that tell this policy from others of its class."""

    def reset(self, rows: int, device: device, num_frames: int | None) -> State:
        """Private tensors, leading dimension `rows`, for rows that begin now.

        `num_frames` is the length of the whole video, None for a stream of unknown length.
        What has the size of the model's grid may begin empty and take its size in `on_prompt` or
        `write`; rows that begin later then get zeros of that size.
        """

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """The prompt's memory of `entry.rows` has been written to slot 0."""

    def prompts(self, state: State, bank: Bank, frame: Features) -> Prompts | None:
        """Prompts of the policy's own for the coming frame; None = none."""

    def read(self, state: State, bank: Bank, t: Tensor) -> ReadPlan:
        """What every row attends to at its frame t[B] >= 1."""

    def select(self, state: State, bank: Bank, candidates: Candidates, t: Tensor) -> Selection:
        """Which candidate every row takes, and of which parent."""

    def write(
        self, state: State, bank: Bank, candidates: Candidates, selection: Selection, t: Tensor
    ) -> Write:
        """What becomes of the new memory. Everything is already gathered by parent."""

    def finish(self, state: State, log: Log) -> Tensor | None:
        """After the last frame of an offline policy: int64 [T, G], the row that answers frame t."""


class BasePolicy:
    """SAM 2's own answer to every question but what to read and write.

    Subclasses set `name`, `Config` (a frozen dataclass whose fields become options) and `spec`,
    and define `read` and `write`.
    """

    name: ClassVar[str]
    Config: ClassVar[Callable[..., Any]]
    spec: PolicySpec

    def __init__(self, config: Any = None) -> None:
        self.config = self.Config() if config is None else config

    def fingerprint(self) -> dict[str, Any]:
        """What tells this policy from others of its class; part of a result's identity."""
        return dataclasses.asdict(self.config)

    def check(self, sources: Iterable[Source], num_maskmem: int) -> None:
        """Refuse videos or a model that this policy is not made for, before the first frame.

        Args:
            sources: a video each, with all its objects. Annotations are read as one iterates.
            num_maskmem: rows of the model's temporal encoding.

        Raises:
            InputError: one cannot be played; nothing is.
        """

    def reset(self, rows: int, device: device, num_frames: int | None) -> State:
        """Remember the pointer limit min(num_frames, L) of every row, as SAM 2 has it."""
        import torch

        limit = self.spec.pointers if num_frames is None else min(num_frames, self.spec.pointers)
        return {"max_ptrs": torch.full((rows,), limit, dtype=torch.int64, device=device)}

    def on_prompt(self, state: State, bank: Bank, entry: Entry) -> None:
        """Nothing to remember."""

    def prompts(self, state: State, bank: Bank, frame: Features) -> Prompts | None:
        """No prompts of its own."""
        return None

    def select(self, state: State, bank: Bank, candidates: Candidates, t: Tensor) -> Selection:
        """The candidate with the highest predicted IoU, as SAM 2 does."""
        return Selection(mask=candidates.ious.argmax(dim=1))

    def finish(self, state: State, log: Log) -> Tensor | None:
        """Online policies revise nothing."""
        return None
