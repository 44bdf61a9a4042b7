"""What a policy for all videos sees: one token for the prompt, every memory and the incoming one.

Everything exists at inference: scores and masks of the decoder, object pointers, frame numbers;
never ground truth. Where it can be, a number is relative (ages as ranks, areas as ratios, pointers
as cosines), so that it means the same on another video or model.

A frame is DESCRIBED once, when it is predicted, by a vector that stays with it (`describe`); tokens
are made of described frames (`tokens`). The simulator keeps descriptions with its nodes, the policy
keeps those of the frames in its bank, and both ask the same two functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from vot_memory.candidates import Candidates
    from vot_memory.learn.simulator import Simulator, States

GRID = 16  # masks are compared at GRID x GRID, whatever the model's resolution
RECENT = 15  # tracked frames that history looks back on: SAM 2's pointers
SCALARS = ("obj", "iou", "second", "third", "area", "stability", "reach")
_MASK = len(SCALARS)
_POINTER = _MASK + GRID * GRID
_UNSURE = 1.0  # masks at logits +-1 are compared for stability, as SAM's stability score does

# Features of a token by group, in the order of the last axis; groups are what ablations remove.
GROUPS: dict[str, tuple[str, ...]] = {
    "kind": ("prompt", "memory", "incoming"),
    "age": ("log_age", "age_rank", "oldest", "newest", "log_newest_age", "log_oldest_age", "log_t"),
    "score": ("obj", "visible", "presence", "score", "score_rank", "iou", "iou_rank"),
    "alternatives": ("second", "third", "stability", "reach"),
    "area": ("area_to_prompt", "area_to_recent"),
    "pointer": ("ptr_prompt", "ptr_incoming", "ptr_memories", "ptr_nearest", "ptr_step"),
    "mask": ("mask_incoming", "mask_step"),
    "history": ("log_absence", "seen_of_5", "seen_of_15", "score_step", "stored_visible"),
}
NAMES = tuple(name for names in GROUPS.values() for name in names)
SIZE = len(NAMES)


@dataclass(frozen=True)
class Scene:
    """Described frames that a decision is about; S is the length of a description.

    Attributes:
        prompt: float32 [N, S]. memories: float32 [N, K - 1, S], oldest first.
        incoming: float32 [N, S].
        recent: float32 [N, RECENT, len(SCALARS)], of the frames t - 1, t - 2, ...; what lies before
            frame 1 is not looked at. last: float32 [N, S], frame t - 1.
        frames: int64 [N, K - 1], of the memories. t: int64 [N], of the incoming one.
    """

    prompt: Tensor
    memories: Tensor
    incoming: Tensor
    recent: Tensor
    last: Tensor
    frames: Tensor
    t: Tensor


def describe(candidates: Candidates, choice: Tensor) -> Tensor:
    """What stays known of a frame: scores, a small mask and the direction of its pointer.

    Args:
        candidates: of B rows.
        choice: int64 [B].

    Returns:
        float32 [B, len(SCALARS) + GRID * GRID + C].
    """
    chosen = torch.arange(len(choice), device=choice.device), choice
    logits, ious = candidates.logits[chosen], candidates.ious.float()
    own = ious[chosen]
    others = ious.scatter(1, choice[:, None], -torch.inf).sort(1, descending=True).values
    # A prompt has one candidate: its alternatives count as no worse than itself.
    others = torch.cat([others[:, : ious.shape[1] - 1], own[:, None], own[:, None]], dim=1)[:, :2]
    mask = (logits > 0).float()
    sure, likely = (logits > _UNSURE).flatten(1).sum(1), (logits > -_UNSURE).flatten(1).sum(1)
    stability = torch.where(likely > 0, sure / likely.clamp(min=1), 1.0)
    reach = candidates.joined_box_iou(choice, "low").nan_to_num(1.0).amin(1)
    scalars = [
        candidates.obj.float(),
        own,
        others[:, 0],
        others[:, 1],
        mask.mean((1, 2)),
        stability,
        reach.float(),
    ]
    small = F.adaptive_avg_pool2d(mask[:, None], GRID).flatten(1)
    pointer = F.normalize(candidates.ptrs[chosen].float(), dim=1)
    return torch.cat([torch.stack(scalars, dim=1), small, pointer], dim=1)


def describe_prompt(area: Tensor, iou: Tensor, obj: Tensor, ptr: Tensor) -> Tensor:
    """The description of a prompt, whose mask nobody keeps: as `describe` but for that.

    Args:
        area: float32 [b], share of the picture.
        iou: float32 [b], predicted.
        obj: float32 [b], object score logit.
        ptr: [b, C], object pointer.

    Returns:
        float32 [b, S].
    """
    one = torch.ones_like(area)
    scalars = torch.stack([obj.float(), iou.float(), iou.float(), iou.float(), area, one, one], 1)
    mask = area.new_zeros(len(area), GRID * GRID)
    return torch.cat([scalars, mask, F.normalize(ptr.float(), dim=1)], dim=1)


def scene(simulator: Simulator, states: States) -> Scene:
    """What the simulator's episodes are about; it must have been made with `describe`."""
    first = simulator.seen(np.zeros(1, np.int32))
    obj, iou, *_ = first.unbind(1)
    area = first[:, SCALARS.index("area")]
    prompt = describe_prompt(area, iou, obj, first[:, _POINTER:])
    recent = simulator.seen(states.recent.clip(min=0))[..., :_MASK]
    wide = F.pad(recent, (0, 0, 0, RECENT - recent.shape[1]))
    device = prompt.device
    return Scene(
        prompt=prompt.expand(len(states), -1),
        memories=simulator.seen(states.bank),
        incoming=simulator.seen(states.node),
        recent=wide,
        last=simulator.seen(states.recent[:, 0]),
        frames=torch.from_numpy(simulator.frame(states.bank)).long().to(device),
        t=torch.full((len(states),), states.t, device=device),
    )


def tokens(scene: Scene) -> Tensor:
    """The observation: prompt, memories oldest first, incoming memory.

    Returns:
        float32 [N, K + 1, SIZE], features in the order of NAMES.
    """
    frames = torch.cat([scene.prompt[:, None], scene.memories, scene.incoming[:, None]], dim=1)
    n, width, _ = frames.shape
    stored = slice(1, width - 1)
    values = _kinds(n, width, frames.device) | _ages(scene)
    values |= _scores(frames, stored) | _relations(frames, stored, scene) | _history(scene)
    columns = [v if v.dim() == 2 else v[:, None].expand(n, width) for v in _ordered(values)]
    return torch.stack(columns, dim=2)


def _ordered(values: dict[str, Tensor]) -> list[Tensor]:
    return [values[name].float() for name in NAMES]


def _kinds(n: int, width: int, device: torch.device) -> dict[str, Tensor]:
    place = torch.arange(width, device=device).expand(n, width)
    return {
        "prompt": place == 0,
        "memory": (place > 0) & (place < width - 1),
        "incoming": place == width - 1,
        "oldest": place == 1,
        "newest": place == width - 2,
        "age_rank": torch.where(place > 0, (width - 1 - place) / (width - 2), 0.0),
    }


def _ages(scene: Scene) -> dict[str, Tensor]:
    t = scene.t.float()[:, None]
    age = torch.cat([t, t - scene.frames, torch.zeros_like(t)], dim=1)
    log = age.log1p() / 3
    return {
        "log_age": log,
        "log_newest_age": log[:, -2],
        "log_oldest_age": log[:, 1],
        "log_t": log[:, 0],
    }


def _scores(frames: Tensor, stored: slice) -> dict[str, Tensor]:
    obj, iou, second, third, area, stability, reach = frames[..., :_MASK].unbind(2)
    score = presence_score(obj, iou)
    return {
        "obj": torch.tanh(obj / 4),
        "visible": area > 0,
        "presence": obj.sigmoid(),
        "score": score,
        "score_rank": _rank(score, score[:, stored]),
        "iou": iou,
        "iou_rank": _rank(iou, iou[:, stored]),
        "second": iou - second,
        "third": iou - third,
        "stability": stability,
        "reach": reach,
        "area_to_prompt": _log_ratio(area, area[:, :1]),
        "stored_visible": (area[:, stored] > 0).float().mean(1),
    }


def presence_score(obj: Tensor, iou: Tensor) -> Tensor:
    """SAM 3's score of a frame: max(0, 2 sigmoid(object score) - 1) times predicted IoU."""
    return (2 * obj.sigmoid() - 1).clamp(min=0) * iou


def _rank(values: Tensor, among: Tensor) -> Tensor:
    """Share of `among` [N, k] that is below each of `values` [N, m]; ties count half."""
    below = (among[:, None] < values[:, :, None]).float()
    equal = (among[:, None] == values[:, :, None]).float()
    return (below + equal / 2).mean(2)


def _log_ratio(area: Tensor, other: Tensor) -> Tensor:
    """Logarithm of a ratio of areas, in -1 ... 1 for ratios of 1/20 ... 20; -1 where empty."""
    ratio = area.clamp(min=1e-6) / other.clamp(min=1e-6)
    return torch.where(area > 0, (ratio.log() / 3).clamp(-1, 1), -1.0)


def _relations(frames: Tensor, stored: slice, scene: Scene) -> dict[str, Tensor]:
    pointer, mask = frames[..., _POINTER:], frames[..., _MASK:_POINTER]
    alike = pointer @ pointer[:, stored].transpose(1, 2)
    count = alike.shape[2]
    itself = torch.zeros(frames.shape[1], count, dtype=torch.bool, device=frames.device)
    itself[stored].fill_diagonal_(True)
    others = alike.masked_fill(itself, 0)
    number = count - itself.sum(1)
    incoming = mask[:, -1:]
    last_pointer, last_mask = scene.last[:, _POINTER:], scene.last[:, _MASK:_POINTER]
    return {
        "ptr_prompt": (pointer * pointer[:, :1]).sum(2),
        "ptr_incoming": (pointer * pointer[:, -1:]).sum(2),
        "ptr_memories": others.sum(2) / number.clamp(min=1),
        "ptr_nearest": alike.masked_fill(itself, -1).amax(2),
        "ptr_step": (pointer[:, -1] * last_pointer).sum(1),
        "mask_incoming": _overlap(mask, incoming),
        "mask_step": _overlap(mask[:, -1], last_mask),
    }


def _overlap(a: Tensor, b: Tensor) -> Tensor:
    """IoU of masks of shares [..., GRID * GRID]; 1 of two empty ones."""
    union = torch.maximum(a, b).sum(-1)
    return torch.where(union > 0, torch.minimum(a, b).sum(-1) / union.clamp(min=1e-6), 1.0)


def _history(scene: Scene) -> dict[str, Tensor]:
    """Of the frames before the incoming one; frames before frame 1 do not exist."""
    ago = torch.arange(1, RECENT + 1, device=scene.t.device)
    real = ago < scene.t[:, None]
    obj, iou, area = (scene.recent[..., SCALARS.index(x)] for x in ("obj", "iou", "area"))
    seen = real & (area > 0)
    score = presence_score(obj, iou) * real
    # Frames since one showed the object: 0 if the one before did; RECENT if none.
    absence = (seen.cumsum(1) == 0).sum(1)
    own_area = scene.incoming[:, SCALARS.index("area")]
    typical = torch.where(seen, area, torch.nan).nanmedian(1).values
    typical = torch.where(typical.isnan(), scene.prompt[:, SCALARS.index("area")], typical)
    all_areas = torch.cat(
        [
            scene.prompt[:, None, SCALARS.index("area")],
            scene.memories[..., SCALARS.index("area")],
            own_area[:, None],
        ],
        dim=1,
    )
    now = presence_score(
        scene.incoming[:, SCALARS.index("obj")], scene.incoming[:, SCALARS.index("iou")]
    )
    return {
        "log_absence": absence.float().log1p() / 3,
        "seen_of_5": seen[:, :5].sum(1) / real[:, :5].sum(1).clamp(min=1),
        "seen_of_15": seen.sum(1) / real.sum(1).clamp(min=1),
        "score_step": now - score.sum(1) / real.sum(1).clamp(min=1),
        "area_to_recent": _log_ratio(all_areas, typical[:, None]),
    }
