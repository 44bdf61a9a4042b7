"""Memory attention with masked or scaled keys, on the weights of sam2's own module.

sam2's attention has no mask. Rows that read different numbers of memories need one, and SAM2Long
and MoSAM weight or drop keys. Everything else is the module's forward pass, layer by layer.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def masked_memory_attention(
    module: Any,
    query: Tensor,
    query_pos: Tensor,
    memory: Tensor,
    memory_pos: Tensor,
    pointer_tokens: int,
    keep: Tensor | None,
    scale: Tensor | None,
) -> Tensor:
    """Forward pass of `sam2.modeling.memory_attention.MemoryAttention` in eval mode.

    Args:
        module: the memory attention.
        query: [hw, b, C]. query_pos: [hw, b, C].
        query_pos: [hw, b, C].
        memory: [n, b, mem_dim], pointers last. memory_pos: the same shape.
        memory_pos: [n, b, mem_dim].
        pointer_tokens: how many of the n keys carry no rotary encoding.
        keep: bool [b, n], False = never attended to; None = all.
        scale: float32 [b, n] factor on keys, not on values; None = 1.

    Returns:
        [hw, b, C].
    """
    out = query + 0.1 * query_pos if module.pos_enc_at_input else query
    out, query_pos = out.transpose(0, 1), query_pos.transpose(0, 1)
    memory, memory_pos = memory.transpose(0, 1), memory_pos.transpose(0, 1)
    for layer in module.layers:
        out = layer._forward_sa(out, query_pos)
        q = layer.norm2(out)
        if layer.pos_enc_at_cross_attn_queries:
            q = q + query_pos
        k = memory + memory_pos if layer.pos_enc_at_cross_attn_keys else memory
        if scale is not None:
            k = k * scale[..., None]
        out = out + _cross_attention(layer.cross_attn_image, q, k, memory, pointer_tokens, keep)
        hidden = layer.activation(layer.linear1(layer.norm3(out)))
        out = out + layer.linear2(hidden)
    normed: Tensor = module.norm(out)
    return normed.transpose(0, 1)


def _cross_attention(
    attention: Any, q: Tensor, k: Tensor, v: Tensor, pointer_tokens: int, keep: Tensor | None
) -> Tensor:
    """RoPEAttention with a key mask: rotary encoding on all keys but the last pointer_tokens."""
    from sam2.modeling.sam.transformer import apply_rotary_enc

    heads = attention.num_heads
    q = attention._separate_heads(attention.q_proj(q), heads)
    k = attention._separate_heads(attention.k_proj(k), heads)
    v = attention._separate_heads(attention.v_proj(v), heads)
    side = q.shape[-2] ** 0.5
    if attention.freqs_cis.shape[0] != q.shape[-2]:
        attention.freqs_cis = attention.compute_cis(end_x=side, end_y=side)
    attention.freqs_cis = attention.freqs_cis.to(q.device)
    rotated = k.shape[-2] - pointer_tokens
    q, k_rotated = apply_rotary_enc(
        q,
        k[:, :, :rotated],
        freqs_cis=attention.freqs_cis,
        repeat_freqs_k=attention.rope_k_repeat,
    )
    k = torch.cat([k_rotated, k[:, :, rotated:]], dim=2)
    mask = None if keep is None else keep[:, None, None, :]
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    merged: Tensor = attention.out_proj(attention._recombine_heads(out))
    return merged
