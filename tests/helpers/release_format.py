"""Small made-up files in the format of the released checkpoints, written out by hand: names and shapes are theirs."""

import torch
from torch import Tensor


def made_up(method: str, *, joints: int, segments: int = 6, dim: int = 16, blocks: int = 2) -> dict[str, Tensor]:
    """A state dict of HA-CM (segments of 3 frames) or MAMP (of 4), random values in every tensor."""
    segment = {"HA-CM": 3, "MAMP": 4}[method]
    shapes: dict[str, tuple[int, ...]] = {"mask_token": (1, 1, dim)}
    for prefix in ("", "decoder_"):
        shapes |= {f"{prefix}temp_embed": (1, segments, 1, dim), f"{prefix}pos_embed": (1, 1, joints, dim)}
    modules: dict[str, tuple[int, ...]] = {"joints_embed.proj": (dim, 3, segment, 1)}
    for stem, count in (("blocks", blocks), ("decoder_blocks", 1)):
        for block in range(count):
            modules |= {f"{stem}.{block}.norm1": (dim,), f"{stem}.{block}.norm2": (dim,)}
            modules |= {f"{stem}.{block}.attn.qkv": (3 * dim, dim), f"{stem}.{block}.attn.proj": (dim, dim)}
            modules |= {f"{stem}.{block}.mlp.fc1": (4 * dim, dim), f"{stem}.{block}.mlp.fc2": (dim, 4 * dim)}
    modules |= {"norm": (dim,), "decoder_norm": (dim,), "decoder_embed": (dim, dim), "decoder_pred": (3 * segment, dim)}
    if method == "HA-CM":
        shapes |= {"mask_token_t": (1, 1, dim), "mask_token_s": (1, 1, dim)}
        modules |= {"l1": (dim, dim), "l2": (dim, dim), "decoder_embed_t": (dim, dim), "decoder_embed_s": (dim, dim)}
        modules |= {"decoder_fc": (60, dim), "decoder_fc_t": (9, dim), "decoder_fc_s": (9, dim)}
    for name, shape in modules.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    generator = torch.Generator().manual_seed(0)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in sorted(shapes.items())}
