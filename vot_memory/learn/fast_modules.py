"""Parts of sam2's models on their own weights, rearranged for many rows of one picture.

Built from the modules of a SAM2Base (facebookresearch/sam2 2b90b9f); `fast_backbone` uses them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vot_memory.backbone import Heads

_WIDE = 64  # channels from which convolutions run faster with channels last


def is_plain(attention: Any) -> bool:
    """Whether memory attention is built as in all released models, one head throughout."""
    from sam2.modeling.sam.transformer import RoPEAttention

    return bool(attention.batch_first) and all(
        layer.pos_enc_at_cross_attn_keys
        and not layer.pos_enc_at_attn
        and not layer.pos_enc_at_cross_attn_queries
        and layer.cross_attn_image.rope_k_repeat
        and all(
            isinstance(part, RoPEAttention) and part.num_heads == 1
            for part in (layer.self_attn, layer.cross_attn_image)
        )
        for layer in attention.layers
    )


class Reader:
    """A layer of memory attention with one head in each attention."""

    def __init__(self, layer: Any, grid: int) -> None:
        self.layer, look, read = layer, layer.self_attn, layer.cross_attn_image
        self.cis = look.compute_cis(end_x=grid, end_y=grid).to(look.q_proj.weight.device)
        self.width = look.internal_dim
        own, asked = _scaled(look.q_proj, self.width), _scaled(read.q_proj, read.internal_dim)
        self.look_in = _beside([own, look.k_proj, _merged(look.v_proj, look.out_proj)])
        self.read_query, self.read_out = asked, _merged(read.v_proj, read.out_proj)

    def look(self, x: Tensor) -> Tensor:
        """Self-attention, [b, hw, C] to the same: softmax(q k) (W_o W_v x)."""
        mixed = F.linear(self.layer.norm1(x), *self.look_in)
        d = self.width
        q, k, v = mixed[..., :d], mixed[..., d : 2 * d], mixed[..., 2 * d :]
        return (self._rotated(q) @ self._rotated(k).transpose(1, 2)).softmax(-1) @ v

    def query(self, x: Tensor) -> Tensor:
        """Rotated queries to memory, [b, hw, d], divided by sqrt(d)."""
        return self._rotated(F.linear(self.layer.norm2(x), *self.read_query))

    def read(
        self, query: Tensor, keys: Tensor, values: Tensor, pointers: int, keep: Tensor | None
    ) -> Tensor:
        """Cross-attention to [b, n, mem_dim] keys and values.

        Weights sum to 1, so that values are projected after they are summed, when they are few.
        """
        key = self.layer.cross_attn_image.k_proj(keys).float()
        spatial, area = key.shape[1] - pointers, len(self.cis)
        maps = key[:, :spatial].view(len(key), spatial // area, area, key.shape[2])
        _pairs(maps).mul_(self.cis)
        scores = query @ key.transpose(1, 2)
        if keep is not None:
            scores = scores.masked_fill(~keep[:, None], -torch.inf)
        return F.linear(scores.softmax(-1) @ values, *self.read_out)

    def think(self, x: Tensor) -> Tensor:
        """The layer's perceptron."""
        layer = self.layer
        out: Tensor = layer.linear2(layer.activation(layer.linear1(layer.norm3(x))))
        return out

    def _rotated(self, x: Tensor) -> Tensor:
        """Axial rotary encoding of [..., hw, d]."""
        return torch.view_as_real(_pairs(x.float()) * self.cis).flatten(-2)


class Decoder:
    """The mask decoder on rows without prompts, three masks a row.

    Args:
        model: the SAM2Base.
        sparse: [1, 2, C], the embedding of no prompt.
        dense: [1, C, h, w], likewise.
        pe: [1, C, h, w], position encoding of the picture.
    """

    def __init__(self, model: Any, sparse: Tensor, dense: Tensor, pe: Tensor) -> None:
        self.model, self.decoder, self.dense = model, model.sam_mask_decoder, dense
        self.transformer, decoder = self.decoder.transformer, self.decoder
        own = [decoder.iou_token.weight, decoder.mask_tokens.weight]
        if decoder.pred_obj_scores:
            own = [decoder.obj_score_token.weight, *own]
        self.tokens = torch.cat([*own, sparse[0].to(own[0].dtype)])[None]
        pe = pe.flatten(2).transpose(1, 2)
        self.blocks = [_Block(block, pe) for block in self.transformer.layers]
        last = self.transformer.final_attn_token_to_image
        self.last, self.last_heads = _beside([last.k_proj, last.v_proj]), _SmallHeads(last)
        self.last_pe = F.linear(pe, last.k_proj.weight)
        # Transposed convolutions of stride 2 are a product per pixel: [in, 2, 2, out].
        first, _, _, second, _ = decoder.output_upscaling
        self.up = [c.weight.permute(0, 2, 3, 1).flatten(1).contiguous() for c in (first, second)]
        # The hypernetworks side by side: per layer [M, in, out] and [M, 1, out].
        layers = zip(*(mlp.layers for mlp in decoder.output_hypernetworks_mlps[1:]), strict=True)
        self.hyper = [
            (
                torch.stack([linear.weight.T for linear in layer]),
                torch.stack([linear.bias for linear in layer])[:, None],
            )
            for layer in layers
        ]

    def __call__(self, conditioned: Tensor, high: tuple[Tensor, Tensor]) -> Heads:
        """Answers to [b, C, h, w]; `high` has the high-resolution features in cell order."""
        decoder, model = self.decoder, self.model
        keys = (conditioned + self.dense).flatten(2).transpose(1, 2)
        tokens, keys = self._transform(keys)
        start = 1 if decoder.pred_obj_scores else 0
        masked = tokens[:, start + 1 : start + 1 + decoder.num_mask_tokens]
        logits = self._masks(masked[:, 1:], keys, high)
        ious = decoder.iou_prediction_head(tokens[:, start])[:, 1:]
        if decoder.pred_obj_scores:
            obj = decoder.pred_obj_score_head(tokens[:, 0])[:, 0]
        else:
            obj = ious.new_full((len(ious),), 10.0)
        several = decoder.use_multimask_token_for_obj_ptr
        ptrs = model.obj_ptr_proj(masked[:, 1:] if several else masked[:, :1])
        ptrs = ptrs.expand(-1, ious.shape[1], -1)
        return Heads(logits.float(), ious.float(), obj.float(), ptrs.float())

    def _transform(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """`TwoWayTransformer.forward`."""
        x = self.tokens
        for block in self.blocks:
            x, keys = block(x, keys, self.tokens)
        last = self.transformer.final_attn_token_to_image
        both = F.linear(keys, *self.last)
        d = last.internal_dim
        query = last.q_proj(x + self.tokens)
        seen = self.last_heads.to_pixels(query, both[..., :d] + self.last_pe, both[..., d:])
        return self.transformer.norm_final_attn(x + last.out_proj(seen)), keys

    def _masks(self, tokens: Tensor, keys: Tensor, high: tuple[Tensor, Tensor]) -> Tensor:
        """Upscaled pixels times the hypernetworks' answers, [b, M, 4h, 4w]."""
        _, norm, activate, _, activate2 = self.decoder.output_upscaling
        fine, middle = high
        up = (keys @ self.up[0]).unflatten(-1, (4, -1)).flatten(1, 2) + middle
        up = activate(F.layer_norm(up, up.shape[-1:], norm.weight, norm.bias, norm.eps))
        up = activate2((up @ self.up[1]).unflatten(-1, (4, -1)).flatten(1, 2) + fine)
        hyper = tokens.transpose(0, 1)
        for i, (weight, bias) in enumerate(self.hyper):
            hyper = torch.baddbmm(bias, hyper.relu() if i > 0 else hyper, weight)
        return _from_cells(hyper.transpose(0, 1) @ up.transpose(1, 2))


class _Block:
    """A two-way block: tokens look at each other and at the picture, then the picture at them."""

    def __init__(self, block: Any, pe: Tensor) -> None:
        self.block = block
        down, up = block.cross_attn_token_to_image, block.cross_attn_image_to_token
        # W (keys + pe) = W keys + W pe: one product for all that reads the keys, pe's part a table.
        self.weight, bias = _beside([down.k_proj, down.v_proj, up.q_proj])
        placed = [F.linear(pe, down.k_proj.weight), F.linear(pe, up.q_proj.weight)]
        table = torch.cat([placed[0], torch.zeros_like(placed[0]), placed[1]], dim=-1)
        self.table, self.down, self.up = table + bias, _SmallHeads(down), _SmallHeads(up)

    def __call__(self, x: Tensor, keys: Tensor, token_pe: Tensor) -> tuple[Tensor, Tensor]:
        block, down = self.block, self.block.cross_attn_token_to_image
        up, d = block.cross_attn_image_to_token, down.internal_dim
        if block.skip_first_layer_pe:  # the first block: no row differs yet
            x = block.norm1(block.self_attn(q=x, k=x, v=x))
        else:
            q = x + token_pe
            x = block.norm1(x + block.self_attn(q=q, k=q, v=x))
        mixed = F.linear(keys, self.weight) + self.table
        key, value, asked = mixed[..., :d], mixed[..., d : 2 * d], mixed[..., 2 * d :]
        seen = self.down.to_pixels(down.q_proj(x + token_pe), key, value)
        x = block.norm2(x + down.out_proj(seen))
        x = block.norm3(x + block.mlp(x))
        told = self.up.to_tokens(asked, up.k_proj(x + token_pe), up.v_proj(x))
        return x, block.norm4(keys + up.out_proj(told))


class _SmallHeads:
    """Attention of many small heads between n tokens and m pixels, in two products a row.

    Tokens are spread: h copies, each with one head's channels and 0 elsewhere, so that a product
    over all channels is one over a head. n is small enough for that to cost less than h products.
    """

    def __init__(self, attention: Any) -> None:
        self.heads, d = attention.num_heads, attention.internal_dim
        self.scale = (d // self.heads) ** -0.5
        own = torch.eye(self.heads, device=attention.q_proj.weight.device)
        self.own = own.repeat_interleave(d // self.heads, dim=1)[:, None]  # [h, 1, d]

    def to_pixels(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Tokens [b or 1, n, d] attend to pixels [b, m, d]; [b, n, d]."""
        weights = (self._spread(query) * self.scale) @ key.transpose(1, 2)
        mixed = weights.softmax(-1) @ value
        split = mixed.view(len(mixed), self.heads, -1, mixed.shape[2])
        out: Tensor = (split * self.own).sum(1)
        return out

    def to_tokens(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Pixels [b, m, d] attend to tokens [b, n, d]; [b, m, d]."""
        weights = (self._spread(key) * self.scale) @ query.transpose(1, 2)
        b, _, m = weights.shape
        weights = weights.view(b, self.heads, -1, m).softmax(2).flatten(1, 2)
        out: Tensor = weights.transpose(1, 2) @ self._spread(value)
        return out

    def _spread(self, tokens: Tensor) -> Tensor:
        return (tokens[:, None] * self.own).flatten(1, 2)


class Encoder:
    """The memory encoder on masks of one picture."""

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder
        *stages, self.embed = encoder.mask_downsampler.encoder
        self.stages = list(zip(*[iter(stages)] * 3, strict=True))
        self.centred = [_centred(conv) for conv, _, _ in self.stages]

    def __call__(self, projected: Tensor, mask: Tensor) -> Tensor:
        """[1, h, w, C] and [b, 1, 16h, 16w] to [b, mem_dim, h, w]."""
        for (conv, norm, activate), (weight, bias) in zip(self.stages, self.centred, strict=True):
            y = F.conv2d(mask, weight, bias, conv.stride, conv.padding)
            y = y * torch.rsqrt(y.square().mean(1, keepdim=True) + norm.eps)
            mask = activate(y * norm.weight[:, None, None] + norm.bias[:, None, None])
        x = _pointwise(self.embed, mask.permute(0, 2, 3, 1)) + projected
        x = self.encoder.fuser.proj(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        for block in self.encoder.fuser.layers:
            y = block.dwconv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            norm = block.norm
            y = F.layer_norm(y, y.shape[-1:], norm.weight, norm.bias, norm.eps)
            y = block.pwconv2(block.act(block.pwconv1(y)))
            x = x + (y if block.gamma is None else block.gamma * y)
        out = self.encoder.out_proj
        x = x if isinstance(out, nn.Identity) else _pointwise(out, x)
        return x.permute(0, 3, 1, 2)


# ---- linear maps ---------------------------------------------------------------------------


def _scaled(linear: nn.Linear, width: int) -> tuple[Tensor, Tensor]:
    """A query's projection with the attention's 1 / sqrt(d) in it."""
    return linear.weight * width**-0.5, linear.bias * width**-0.5


def _merged(inner: nn.Linear, outer: nn.Linear) -> tuple[Tensor, Tensor]:
    """outer(inner(x)) as one map."""
    return outer.weight @ inner.weight, outer.weight @ inner.bias + outer.bias


def _beside(maps: Iterable[nn.Linear | tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Several maps of the same input as one, answers side by side."""
    pairs = [m if isinstance(m, tuple) else (m.weight, m.bias) for m in maps]
    return torch.cat([w for w, _ in pairs]), torch.cat([bias for _, bias in pairs])


def _centred(conv: Any) -> tuple[Tensor, Tensor]:
    """The convolution less its mean over channels, which the norm after it would subtract."""
    weight, bias = conv.weight - conv.weight.mean(0), conv.bias - conv.bias.mean()
    if len(weight) >= _WIDE:
        weight = weight.contiguous(memory_format=torch.channels_last)
    return weight, bias


def _pairs(x: Tensor) -> Tensor:
    """A view of [..., 2 d] as complex [..., d]."""
    return torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))


def _pointwise(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1x1 convolution of [b, h, w, C]."""
    return F.linear(x, conv.weight.flatten(1), conv.bias)


# ---- cell order ----------------------------------------------------------------------------


def by_cell(x: Tensor, levels: int) -> Tensor:
    """[1, C, 2^L h, 2^L w] to [1, h * w * 4^L, C]: pixels in the order that upscaling makes them.

    A transposed convolution of stride 2 turns a pixel into its 2x2 children; left where they are
    made, no map is ever transposed until the masks are put together (`_from_cells`).
    """
    c, side = x.shape[1], x.shape[-1] >> levels
    split = x.reshape(c, *[side, *[2] * levels] * 2)
    n = 1 + levels
    order = [axis for level in range(n) for axis in (1 + level, 1 + n + level)]
    return split.permute(*order, 0).reshape(1, -1, c)


def _from_cells(x: Tensor) -> Tensor:
    """[b, M, h * w * 16] in cell order to [b, M, 4h, 4w]."""
    b, m, n = x.shape
    side = round((n // 16) ** 0.5)
    split = x.reshape(b, m, side, side, 2, 2, 2, 2)
    return split.permute(0, 1, 2, 4, 6, 3, 5, 7).reshape(b, m, 4 * side, 4 * side)
