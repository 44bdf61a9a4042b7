"""A backbone for many rows of one picture: the same answers up to rounding, in less time.

sam2's modules compute for every row what is the same in all of them, and project before they sum
what could be summed before it is projected. Here what depends on the picture or the weights alone
is computed once, and linear maps that follow each other are one. Whatever a model has that these
rewritings do not cover is left to `Backbone`. Results round differently, so a decision that hangs
on the last bits may fall otherwise: figures that count are replayed on the plain backbone.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vot_memory.backbone import Backbone, Features, Heads
from vot_memory.learn.fast_modules import Decoder, Encoder, Reader, by_cell, is_plain

_CACHE = 1 << 20  # bytes of keys that a core's cache holds


def fast(backbone: Backbone) -> Backbone:
    """The same model, weights shared, arranged for many rows of one picture."""
    return FastBackbone(backbone.model, backbone.name, backbone.device, backbone.dtype)


class FastBackbone(Backbone):
    """A `Backbone` whose memory attention, decoder and memory encoder share work among rows."""

    def __init__(
        self,
        model: Any,
        name: str,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__(model, name, device, dtype)
        attention, decoder = model.memory_attention, model.sam_mask_decoder
        plain, three = is_plain(attention), model._use_multimask(False, None)
        # All prepared here, since autocast would round what is made in it.
        self._readers = [Reader(layer, self.grid) for layer in attention.layers if plain]
        self._decoder = None
        if three and decoder.use_high_res_features:
            self._decoder = Decoder(model, *self._no_prompt, self._image_pe)
        self._encoder = Encoder(model.memory_encoder)
        self._last: _Picture | None = None

    def _picture(self, features: Features) -> _Picture:
        """What all rows share of a picture; that of the last one is kept."""
        if self._last is None or self._last.features is not features:
            self._last = _Picture(self, features)
        return self._last

    # ---- memory attention ------------------------------------------------------------------

    def attend(
        self,
        features: Features,
        memory: Tensor,
        pos: Tensor,
        pointer_tokens: int,
        keep: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> Tensor:
        """As `Backbone.attend`."""
        if not self._readers:
            return super().attend(features, memory, pos, pointer_tokens, keep, scale)
        b = memory.shape[1]
        values = memory.transpose(0, 1).contiguous()
        keys = values + pos.transpose(0, 1)
        if scale is not None:
            keys = keys * scale[..., None]
        x, query = self._picture(features).opening
        query = query.expand(b, -1, -1)
        rows = b if memory.is_cuda else max(1, _CACHE // (4 * self.hidden_dim * len(memory)))
        slices = [slice(at, at + rows) for at in range(0, b, rows)]
        parts = [(part, None if keep is None else keep[part]) for part in slices]
        for i, reader in enumerate(self._readers):
            if i > 0:
                x = x + reader.look(x)
                query = reader.query(x)
            x = x + torch.cat(
                [
                    reader.read(query[part], keys[part], values[part], pointer_tokens, masked)
                    for part, masked in parts
                ]
            )
            x = x + reader.think(x)
        out: Tensor = self.model.memory_attention.norm(x).transpose(1, 2)
        return out.reshape(b, self.hidden_dim, self.grid, self.grid)

    # ---- mask decoder ----------------------------------------------------------------------

    def decode(
        self,
        conditioned: Tensor,
        features: Features,
        points: Tensor | None = None,
        labels: Tensor | None = None,
        dense: Tensor | None = None,
        dense_valid: Tensor | None = None,
        *,
        initial: bool = False,
        multimask: bool | None = None,
        stability: bool = False,
    ) -> Heads:
        """As `Backbone.decode`; only rows without prompts are faster."""
        tracking = points is None and dense is None and multimask is not False
        if not tracking or self._decoder is None:
            return super().decode(
                conditioned,
                features,
                points,
                labels,
                dense,
                dense_valid,
                initial=initial,
                multimask=multimask,
                stability=stability,
            )
        return self._decoder(conditioned, self._picture(features).high)

    # ---- memory encoder --------------------------------------------------------------------

    def encode_memory(
        self, features: Features, logits: Tensor, choice: Tensor, obj: Tensor, hard: Tensor
    ) -> Tensor:
        """As `Backbone.encode_memory`."""
        size = (self.image_size, self.image_size)
        chosen = logits[torch.arange(len(choice), device=choice.device), choice][:, None]
        full = F.interpolate(chosen, size, mode="bilinear", align_corners=False)
        mask = full.sigmoid()
        if bool(hard.any()):
            mask = torch.where(hard[:, None, None, None], (full > 0).float(), mask)
        mask = mask * self.model.sigmoid_scale_for_mem_enc + self.model.sigmoid_bias_for_mem_enc
        feat = self._encoder(self._picture(features).projected, mask)
        absent = self.model.no_obj_embed_spatial
        if absent is not None:
            gone = (obj <= 0).to(feat.dtype)[:, None, None, None]
            feat = feat + gone * absent[..., None, None]
        return feat


class _Picture:
    """What does not differ among the rows of one picture, each computed when first asked for."""

    def __init__(self, backbone: FastBackbone, features: Features) -> None:
        self.backbone, self.features = backbone, features

    @cached_property
    def opening(self) -> tuple[Tensor, Tensor]:
        """Memory attention up to the first layer's query; [1, hw, C] and [1, hw, d]."""
        first, attention = self.backbone._readers[0], self.backbone.model.memory_attention
        x = self.features.top.flatten(2).transpose(1, 2)
        if attention.pos_enc_at_input:
            x = x + 0.1 * self.features.pos.transpose(0, 1)
        x = x + first.look(x)
        return x, first.query(x)

    @cached_property
    def projected(self) -> Tensor:
        """The picture as the memory encoder takes it, [1, h, w, C]."""
        projected: Tensor = self.backbone.model.memory_encoder.pix_feat_proj(self.features.top)
        return projected.permute(0, 2, 3, 1).contiguous()

    @cached_property
    def high(self) -> tuple[Tensor, Tensor]:
        """High-resolution features in cell order (`by_cell`), biases of the upscaling added."""
        first, _, _, second, _ = self.backbone.model.sam_mask_decoder.output_upscaling
        s0, s1 = self.features.high
        return by_cell(s0, 2) + second.bias, by_cell(s1, 1) + first.bias
