"""One batched SAM 2 step: read -> attend -> decode -> select -> write.

The engine executes what a policy answers. A step has two phases, so that an agent may act between
the prediction and the write: `propose` ends with a prediction, `commit` applies a Write. Memories
are encoded lazily, once for identical rows, and not at all for rows that discard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vot_memory.backbone import Backbone, Features
from vot_memory.bank import Bank, Entry, Source
from vot_memory.candidates import Candidates
from vot_memory.datasets.prompts import Prompt
from vot_memory.policy import (
    DISCARD,
    PROMPT,
    RECENT,
    UNUSED,
    MemoryPolicy,
    ReadPlan,
    Selection,
    Write,
)
from vot_memory.ranges import (
    asking,
    check_plan,
    check_prompts,
    check_prompts_taken,
    check_same_state,
    check_selection,
    check_state,
    check_write,
)
from vot_memory.reading import exact
from vot_memory.track import Track


@dataclass(frozen=True)
class Settings:
    """What the protocol, not the policy, decides about a step (see `policy.Preset`)."""

    resize: str = "pil_bicubic"
    stability: bool = False
    hard_prompt: bool = False
    fill_hole_area: int = 0


@dataclass
class Prediction:
    """The answer for each of G objects.

    Attributes:
        logits: float32 [G, 4h, 4w]. ious: float32 [G, M], of all candidates. obj: float32 [G].
        chosen: int64 [G], which candidate. row: int64 [G], the row that answers.
    """

    logits: Tensor
    ious: Tensor
    obj: Tensor
    chosen: Tensor
    row: Tensor


@dataclass
class Pending:
    """A prediction whose memory is not written yet.

    Attributes:
        features: the picture. t: int64 [B], the rows' clocks.
        candidates: of every row, already gathered by parent. selection: the policy's choice.
        prediction: the answer.
        key: int64 [B]; rows with equal key made the same prediction from the same memory. None
            where every row is an object of its own.
    """

    features: Features
    t: Tensor
    candidates: Candidates
    selection: Selection
    prediction: Prediction
    key: Tensor | None
    _soft: Tensor | None = None


class Engine:
    """Steps tracks of any policy over one frozen model."""

    def __init__(self, backbone: Backbone, settings: Settings | None = None) -> None:
        self.backbone = backbone
        self.settings = settings or Settings()
        self.device = backbone.device

    def encode_image(self, picture: NDArray[np.uint8]) -> Features:
        """Encode an RGB picture uint8 [H, W, 3]; shared by all tracks with the same settings."""
        return self.backbone.encode_image(picture, self.settings.resize)

    def start(self, policy: MemoryPolicy, num_frames: int | None = None) -> Track:
        """An empty track; rows are added by `prompt`."""
        b, spec = self.backbone, policy.spec
        bank = Bank(
            spec.slots, spec.pointers, b.memory_shape, b.hidden_dim, b.num_maskmem, self.device
        )
        none = torch.zeros(0, dtype=torch.int64, device=self.device)
        track = Track(policy, bank, {}, num_frames, none, none)
        with asking(track, "reset"):
            track.state = policy.reset(0, self.device, num_frames)
        check_state(track, track.state, 0)
        return track

    # ---- prompt ----------------------------------------------------------------------------

    @torch.inference_mode()
    def prompt(
        self,
        track: Track,
        features: Features,
        prompts: dict[str, Prompt],
        sequence: str = "",
        digest: str = "",
    ) -> Prediction:
        """Begin the given objects on the current frame: new rows, the prompt in slot 0.

        Args:
            track: the track; its `frame` is the current one.
            features: the encoded picture.
            prompts: object id -> prompt.
            sequence: name of the video, for policies that recognise it.
            digest: of its content (`Sequence.digest`), where it is known.

        Returns:
            The prediction for the new objects, G = len(prompts).

        Raises:
            InputError: a second prompt of an object, or a kind that the policy does not take.
        """
        check_prompts_taken(track, prompts, track.frame)
        with self.backbone.autocast():
            heads = [
                self.backbone.decode_prompt(
                    prompt, features, track.policy.spec.object_gate, self.settings.stability
                )
                for prompt in prompts.values()
            ]
        chosen = torch.stack([h.ious[0].argmax() for h in heads])
        logits = torch.stack([h.logits[0, c] for h, c in zip(heads, chosen, strict=True)])
        logits = self.backbone.fill_holes(logits, self.settings.fill_hole_area)
        iou = torch.stack([h.ious[0, c] for h, c in zip(heads, chosen, strict=True)])
        ptr = torch.stack([h.ptrs[0, c] for h, c in zip(heads, chosen, strict=True)])
        obj = torch.cat([h.obj for h in heads])
        hard = torch.full_like(obj, self.settings.hard_prompt, dtype=torch.bool)
        with self.backbone.autocast():
            only = torch.zeros_like(chosen)
            feat = self.backbone.encode_memory(features, logits[:, None], only, obj, hard)

        per = track.policy.spec.rows_per_object
        row = self._grow(track, list(prompts))
        rows = row[:, None] + torch.arange(per, device=self.device)
        each = torch.arange(len(prompts), device=self.device).repeat_interleave(per)
        zero = torch.zeros_like(each)
        entry = Entry(
            rows=rows.flatten(),
            feat=feat[each],
            ptr=ptr[each],
            frame=zero,
            iou=iou[each],
            obj=obj[each],
            pixels=(logits > 0).sum((1, 2))[each],
            tag=(zero + PROMPT).to(torch.int8),
            hard=hard[each],
            source=Source(
                sequence,
                tuple(name for name in prompts for _ in range(per)),
                self.backbone.name,
                self.backbone.image_size,
                digest,
                track.num_frames,
            ),
        )
        track.bank.write(zero, entry)
        with asking(track, "on_prompt", list(prompts)):
            track.policy.on_prompt(track.state, track.bank, entry)
        return Prediction(logits, _padded([h.ious[0] for h in heads]), obj, chosen, row)

    def _grow(self, track: Track, names: list[str]) -> Tensor:
        """Add rows for new objects; returns the first row of each, int64 [n]."""
        per, before = track.policy.spec.rows_per_object, track.bank.rows
        with asking(track, "reset", names):
            fresh = track.policy.reset(len(names) * per, self.device, track.num_frames)
        check_state(track, fresh, len(names) * per, names)
        check_same_state(track, fresh, names)
        groups = torch.arange(len(track.objects), len(track.objects) + len(names))
        track.bank.grow(groups.repeat_interleave(per).to(self.device))
        track.state = {k: _appended(track.state[k], v) for k, v in fresh.items()}
        first = before + per * torch.arange(len(names), device=self.device)
        track.start = torch.cat(
            [track.start, torch.full_like(first, track.frame).repeat_interleave(per)]
        )
        track.origin = torch.cat([track.origin, first.repeat_interleave(per)])
        track.objects.extend(names)
        return first

    # ---- step ------------------------------------------------------------------------------

    def step(self, track: Track, features: Features) -> tuple[Prediction, Tensor]:
        """Propose and commit by the policy's own write; the prediction and written slots [B]."""
        pending = self.propose(track, features)
        return pending.prediction, self.commit(track, pending)

    @torch.inference_mode()
    def propose(self, track: Track, features: Features) -> Pending:
        """Predict the track's current frame for all rows; nothing is written.

        Rows that belong to one object and hold identical memories are stepped once.
        """
        policy, bank = track.policy, track.bank
        t = track.frame - track.start
        with asking(track, "read"):
            read = policy.read(track.state, bank, t)
        check_plan(track, read)
        with asking(track, "prompts"):
            own = policy.prompts(track.state, bank, features)
        rows, back = self._distinct(track, read)
        with self.backbone.autocast():
            conditioned = self._attend(bank, features, read, rows)
            hints: list[Tensor | None] = [None] * 4
            if own is not None:
                check_prompts(track, own)
                given = (own.points, own.labels, own.dense, own.dense_valid)
                hints = [None if x is None else x[rows] for x in given]
            heads = self.backbone.decode(conditioned, features, *hints)
            heads = self.backbone.gated(heads, policy.spec.object_gate)
        candidates = Candidates(
            heads.logits,
            heads.ious,
            heads.obj,
            heads.ptrs,
            self.backbone.image_size,
            features.video_size,
        )
        if back is not None:
            candidates = candidates.take(back)
        with asking(track, "select"):
            selection = policy.select(track.state, bank, candidates, t)
        check_selection(track, selection, candidates)
        key = None if back is None else rows[back]
        parent, everyone = selection.parent, torch.arange(bank.rows, device=self.device)
        # Mostly every row continues itself, and a gather copies the whole bank.
        if parent is not None and not torch.equal(parent, everyone):
            bank.reindex(parent)
            track.state = {k: v.index_select(0, parent) for k, v in track.state.items()}
            candidates, key = candidates.take(parent), None if key is None else key[parent]
        if key is not None:
            key = key * candidates.ious.shape[1] + selection.mask
        prediction = self._predict(track, candidates, selection)
        return Pending(features, t, candidates, selection, prediction, key)

    @torch.inference_mode()
    def memory(self, pending: Pending) -> Tensor:
        """The soft memory of every row's choice, [B, mem_dim, h, w]; encoded at first access."""
        if pending._soft is None:
            everyone = torch.arange(len(pending.t), device=self.device)
            hard = torch.zeros(len(everyone), dtype=torch.bool, device=self.device)
            pending._soft = self._encode(pending, everyone, hard)
        return pending._soft

    @torch.inference_mode()
    def commit(self, track: Track, pending: Pending, write: Write | None = None) -> Tensor:
        """Apply `write`, or the policy's own answer; returns the written slots, int64 [B]."""
        bank, selection, candidates = track.bank, pending.selection, pending.candidates
        if write is None:
            with asking(track, "write"):
                write = track.policy.write(track.state, bank, candidates, selection, pending.t)
        check_write(track, write)
        check_state(track, track.state, bank.rows)
        everyone = torch.arange(bank.rows, device=self.device)
        chosen = everyone, selection.mask
        iou, obj, ptr = candidates.ious[chosen], candidates.obj, candidates.ptrs[chosen]
        pixels = (candidates.logits[chosen] > 0).sum((1, 2))
        tag = torch.full_like(obj, RECENT, dtype=torch.int8) if write.tag is None else write.tag
        hard = torch.zeros_like(obj, dtype=torch.bool) if write.hard is None else write.hard
        kept = (write.slot != DISCARD).nonzero()[:, 0]
        if len(kept):
            if pending._soft is not None and not bool(hard[kept].any()):
                feat = pending._soft[kept]
            else:
                feat = self._encode(pending, kept, hard)
            bank.write(
                write.slot[kept],
                Entry(
                    kept,
                    feat,
                    ptr[kept],
                    pending.t[kept],
                    iou[kept],
                    obj[kept],
                    pixels[kept],
                    tag[kept],
                    hard[kept],
                ),
            )
        bank.push_pointer(pending.t, ptr, iou, obj, pixels)
        if pending.key is not None:
            same = torch.stack([pending.key, write.slot, tag.long(), hard.long()], dim=1)
            track.origin = _first_of_equals(same)
        return write.slot

    # ---- parts -----------------------------------------------------------------------------

    def _distinct(self, track: Track, read: ReadPlan) -> tuple[Tensor, Tensor | None]:
        """Rows to compute, and for every row the position of its equal among them."""
        everyone = torch.arange(track.bank.rows, device=self.device)
        if track.policy.spec.rows_per_object == 1:
            return everyone, None
        wide = exact(self.device)
        parts = [track.origin[:, None].to(wide)]
        for x in (read.slots, read.tpos, read.ptrs, read.dist, read.ptr_norm[:, None]):
            parts.append(x.to(wide))
        for extra in (read.key_scale, read.ptr_scale, read.key_mask):
            if extra is not None:
                parts.append(extra.flatten(1).to(wide))
        first = _first_of_equals(torch.cat(parts, dim=1))
        return _unique(first)

    def _attend(self, bank: Bank, features: Features, read: ReadPlan, rows: Tensor) -> Tensor:
        """Condition the picture on what each row reads; [len(rows), C, h, w]."""
        b = self.backbone
        at, area, parts = rows[:, None], b.grid * b.grid, b.hidden_dim // b.mem_dim
        slots, order_s, used_s = _packed(read.slots[rows])
        ptrs, order_p, used_p = _packed(read.ptrs[rows])
        tpos = read.tpos[rows].gather(1, order_s) * used_s
        dist = read.dist[rows].gather(1, order_p) * used_p
        memory, pos = b.memory_tokens(bank.feat[at, slots], tpos)
        tokens, token_pos = b.pointer_tokens(
            bank.all_pointers()[at, ptrs], dist, read.ptr_norm[rows]
        )

        keep = scale = None
        if read.key_mask is not None or not (bool(used_s.all()) and bool(used_p.all())):
            pixels = used_s[:, :, None].expand(-1, -1, area)
            if read.key_mask is not None:
                pixels = pixels & read.key_mask[at, order_s]
            keep = torch.cat([pixels.flatten(1), used_p.repeat_interleave(parts, 1)], dim=1)
        if read.key_scale is not None or read.ptr_scale is not None:
            spatial, pointer = torch.ones_like(dist[:, :1]), torch.ones_like(dist[:, :1])
            spatial = spatial if read.key_scale is None else read.key_scale[at, order_s]
            pointer = pointer if read.ptr_scale is None else read.ptr_scale[at, order_p]
            scale = torch.cat(
                [
                    spatial.expand(slots.shape).repeat_interleave(area, 1),
                    pointer.expand(ptrs.shape).repeat_interleave(parts, 1),
                ],
                dim=1,
            )
        return b.attend(
            features,
            torch.cat([memory, tokens]),
            torch.cat([pos, token_pos]),
            tokens.shape[0],
            keep,
            scale,
        )

    def _predict(self, track: Track, candidates: Candidates, selection: Selection) -> Prediction:
        per = track.policy.spec.rows_per_object
        row = torch.arange(0, track.bank.rows, per, device=self.device)
        if selection.output is not None:
            row = row + selection.output
        chosen = selection.mask[row]
        logits = candidates.logits[row, chosen]
        logits = self.backbone.fill_holes(logits, self.settings.fill_hole_area)
        return Prediction(logits, candidates.ious[row], candidates.obj[row], chosen, row)

    def _encode(self, pending: Pending, rows: Tensor, hard: Tensor) -> Tensor:
        """Memories of the given rows [n]; equal predictions are encoded once."""
        c, mask, back = pending.candidates, pending.selection.mask, None
        if pending.key is not None:
            same = torch.stack([pending.key[rows], hard[rows].long()], dim=1)
            first, back = _unique(_first_of_equals(same))
            rows = rows[first]
        with self.backbone.autocast():
            feat = self.backbone.encode_memory(
                pending.features, c.logits[rows], mask[rows], c.obj[rows], hard[rows]
            )
        return feat if back is None else feat[back]


def _appended(state: Tensor, fresh: Tensor) -> Tensor:
    """State with fresh rows; what a policy has sized to the model since gives them its size."""
    if state.shape[1:] != fresh.shape[1:]:
        fresh = state.new_zeros(len(fresh), *state.shape[1:])
    return torch.cat([state, fresh])


def _packed(ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Used columns of ids [b, n] first, columns that no row uses dropped.

    Returns ids (0 where unused), the order they were taken in, and which are used; all [b, m].
    """
    used = ids != UNUSED
    if bool(used.all()):  # the rule once banks are full
        return ids, torch.arange(ids.shape[1], device=ids.device).expand_as(ids), used
    order = (~used).byte().argsort(dim=1, stable=True)[:, : int(used.sum(1).max())]
    used = used.gather(1, order)
    return ids.gather(1, order) * used, order, used


def _first_of_equals(table: Tensor) -> Tensor:
    """For every row of a table [n, k] the index of the first row equal to it, int64 [n]."""
    _, inverse = _unique(table)
    index = torch.arange(len(table), device=table.device)
    first = torch.full_like(index, len(table)).scatter_reduce(0, inverse, index, "amin")
    return first[inverse]


def _padded(ious: list[Tensor]) -> Tensor:
    """Stack predicted IoUs of one or three candidates; nan where there was none."""
    width = max(len(x) for x in ious)
    return torch.stack([torch.cat([x, x.new_full((width - len(x),), torch.nan)]) for x in ious])


def _unique(table: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows of a tensor, and for every row the position of its equal among them."""
    distinct, inverse = torch.unique(table, dim=0, return_inverse=True)
    return distinct, inverse
