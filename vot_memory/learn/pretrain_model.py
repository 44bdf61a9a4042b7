"""The differentiable tracker that pretraining unrolls: encode, prompt, attend, decode, memorise.

The engine does the same without gradients and for any policy; training needs its own because it
writes teacher masks to memory, sees the masks before the no-object overwrite, and keeps the graph.
Everything is built from sam2's own layers; a test compares this unroll with the predictor's steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Model = Any  # sam2.modeling.sam2_base.SAM2Base; sam2 ships no types


def build(config: Path, weights: Path | None = None) -> Model:
    """Instantiate a sam2 config (its `model` node), optionally with safetensors weights (fp32)."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    model = instantiate(OmegaConf.load(config).model)
    if weights is not None:
        from safetensors.torch import load_file

        model.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
    return model


@dataclass(frozen=True)
class Features:
    """Image features of one frame for R rows.

    Attributes:
        top: tokens of the coarsest level [HW, R, C].
        position: their position encoding [HW, R, C].
        fine: the finer levels for the mask decoder, [R, c, h, w] each, finest first.
    """

    top: Tensor
    position: Tensor
    fine: list[Tensor]


@dataclass(frozen=True)
class Memory:
    """What a written frame leaves: tokens and their position [HW, R, m], a pointer [R, C]."""

    tokens: Tensor
    position: Tensor
    pointer: Tensor


@dataclass(frozen=True)
class Decoded:
    """Output of the mask decoder for R rows and M candidates.

    Attributes:
        raw: logits before the no-object overwrite [R, M, h, w].
        iou: predicted IoU [R, M].
        high: the chosen mask's logits at picture size [R, 1, S, S].
        pointer: object pointer [R, C].
        score: object score logit [R, 1].
    """

    raw: Tensor
    iou: Tensor
    high: Tensor
    pointer: Tensor
    score: Tensor


class Unroll:
    """Steps of a sam2 model on rows, with gradients."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._raw: Tensor | None = None
        model.sam_mask_decoder.register_forward_hook(self._keep_raw)

    def _keep_raw(self, module: Any, inputs: Any, output: Any) -> None:
        self._raw = output[0]

    def encode(self, images: Tensor, tracks: int) -> list[Features]:
        """Features a frame of images [T, clips, 3, S, S], each clip repeated for its tracks."""
        frames, clips = images.shape[:2]
        out = self.model.forward_image(images.flatten(0, 1))
        _, feats, positions, sizes = self.model._prepare_backbone_features(out)
        feats = [f.unflatten(1, (frames, clips)).repeat_interleave(tracks, 2) for f in feats]
        position = positions[-1][:, :1].expand(-1, clips * tracks, -1)
        return [
            Features(
                top=feats[-1][:, t],
                position=position,
                fine=[
                    f[:, t].permute(1, 2, 0).unflatten(2, size)
                    for f, size in zip(feats[:-1], sizes[:-1], strict=True)
                ],
            )
            for t in range(frames)
        ]

    def _map(self, tokens: Tensor) -> Tensor:
        """[HW, R, C] -> [R, C, H, W]; the coarsest level is square."""
        side = int(tokens.shape[0] ** 0.5)
        return tokens.permute(1, 2, 0).reshape(tokens.shape[1], tokens.shape[2], side, side)

    def from_mask(self, feats: Features, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Prompt with masks [R, 1, S, S]: (logits at picture size, pointer, object score).

        As in sam2's predictor, memory sees the mask through its stride-4 logits.
        """
        out = self.model._use_mask_as_output(self._map(feats.top), feats.fine, masks)
        low, pointer, score = out[3], out[5], out[6]
        high = F.interpolate(low, size=masks.shape[-2:], mode="bilinear", align_corners=False)
        return high, pointer, score

    def from_points(self, feats: Features, coords: Tensor, labels: Tensor) -> Decoded:
        """Prompt with points [R, P, 2] in pixels; labels 1 click, 2 and 3 corners of a box."""
        pix = self._map(feats.top + self.model.no_mem_embed)
        return self._decode(pix, feats, {"point_coords": coords, "point_labels": labels})

    def track(
        self,
        feats: Features,
        memories: list[tuple[Memory, int]],
        pointers: list[tuple[Memory, float]],
    ) -> Decoded:
        """Attend to memories (with rows of maskmem_tpos_enc) and pointers (with distances)."""
        from sam2.modeling.sam2_utils import get_1d_sine_pe

        model = self.model
        keys = [m.tokens for m, _ in memories]
        where = [m.position + model.maskmem_tpos_enc[row] for m, row in memories]
        stacked = torch.stack([m.pointer for m, _ in pointers])  # [P, R, C]
        split = stacked.shape[-1] // model.mem_dim
        pieces = stacked.reshape(*stacked.shape[:2], split, model.mem_dim)
        keys.append(pieces.transpose(1, 2).flatten(0, 1))
        distance = torch.tensor([d for _, d in pointers]) / (model.max_obj_ptrs_in_encoder - 1)
        sine = model.obj_ptr_tpos_proj(get_1d_sine_pe(distance, dim=model.hidden_dim))
        sine = sine[:, None].expand(-1, stacked.shape[1], -1).repeat_interleave(split, 0)
        where.append(sine)
        fused = model.memory_attention(
            curr=[feats.top],
            curr_pos=[feats.position],
            memory=torch.cat(keys),
            memory_pos=torch.cat(where),
            num_obj_ptr_tokens=keys[-1].shape[0],
        )
        return self._decode(self._map(fused), feats, None)

    def _decode(self, pix: Tensor, feats: Features, points: dict[str, Tensor] | None) -> Decoded:
        multimask = self.model._use_multimask(points is not None, points)
        out = self.model._forward_sam_heads(
            backbone_features=pix,
            point_inputs=points,
            high_res_features=feats.fine,
            multimask_output=multimask,
        )
        assert self._raw is not None  # noqa: S101 - set by the hook
        return Decoded(raw=self._raw, iou=out[2], high=out[4], pointer=out[5], score=out[6])

    def memorise(self, feats: Features, high: Tensor, pointer: Tensor, score: Tensor) -> Memory:
        """Encode mask logits [R, 1, S, S] as memory, rounded to bfloat16 as in the engine."""
        side = int(feats.top.shape[0] ** 0.5)
        tokens, position = self.model._encode_new_memory(
            [feats.top], [(side, side)], high, score, False
        )
        tokens = tokens + (tokens.bfloat16().float() - tokens).detach()
        flat = [x.flatten(2).permute(2, 0, 1) for x in (tokens, position[-1])]
        return Memory(flat[0], flat[1], pointer)
