"""Blocks against PyTorch's own, the embedding against a convolution, initialisation."""

import pytest
import torch
from torch import nn

from hacm.model.decoder import Decoder
from hacm.model.geometry import FlatSpace, PoincareBall
from hacm.model.tokens import take, to_branches
from hacm.model.transformer import SHORT, Block, Encoder
from hacm.settings import ModelSettings
from hacm.skeletons.skeleton import Skeleton

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=(0, 4), centre=0)
SETTINGS = ModelSettings(dim=16, heads=4, encoder_blocks=3, decoder_blocks=1, frames=12)


@pytest.mark.parametrize("tokens", [7, SHORT + 1])
def test_block_matches_pytorchs_own_layer(tokens: int) -> None:
    torch.manual_seed(0)
    block = Block(SETTINGS)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.3)
    layer = nn.TransformerEncoderLayer(16, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True)
    names = {
        "self_attn.in_proj_weight": "attention.qkv.weight",
        "self_attn.in_proj_bias": "attention.qkv.bias",
        "self_attn.out_proj.weight": "attention.projection.weight",
        "self_attn.out_proj.bias": "attention.projection.bias",
        "linear1.weight": "mlp.expand.weight",
        "linear1.bias": "mlp.expand.bias",
        "linear2.weight": "mlp.contract.weight",
        "linear2.bias": "mlp.contract.bias",
    }
    weights = block.state_dict()
    layer.load_state_dict({name: weights[names.get(name, name)] for name in layer.state_dict()})
    x = torch.randn(2, tokens, 16)
    assert torch.allclose(block(x), layer(x), atol=1e-5)


def test_embedding_is_the_papers_convolution() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SKELETON, SETTINGS, FlatSpace())
    convolution = nn.Conv2d(3, 16, kernel_size=(3, 1), stride=(3, 1))
    weight_DP = convolution.weight.permute(0, 2, 1, 3).flatten(1)
    encoder.embedding.load_state_dict({"weight": weight_DP, "bias": convolution.bias})
    x_BTVC = torch.randn(2, 12, 6, 3)
    bare_BSVD = convolution(x_BTVC.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    assert torch.allclose(encoder.embed_roots(x_BTVC), bare_BSVD[:, :, [0, 4]], atol=1e-6)
    found = encoder.embed(x_BTVC)
    for s in range(4):
        for j, joint in enumerate((1, 2, 3, 5)):
            expected = bare_BSVD[:, s, joint] + encoder.segment_embedding[s] + encoder.joint_embedding[j]
            assert torch.allclose(found[:, s, j], expected, atol=1e-6)


def test_kept_tokens_alone_are_embedded_as_among_all_and_give_the_same_gradients() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SKELETON, SETTINGS, FlatSpace())
    x_BTVC, keep_BK = torch.randn(2, 12, 6, 3), torch.tensor([[0, 3, 9], [1, 5, 15]])
    weight_BKD = torch.randn(2, 3, 16)
    trained = [encoder.segment_embedding, encoder.joint_embedding, *encoder.embedding.parameters()]
    expected = take(to_branches(encoder.embed(x_BTVC)), keep_BK)
    found = encoder.embed_kept(x_BTVC, keep_BK)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad((found * weight_BKD).sum(), trained),
        torch.autograd.grad((expected * weight_BKD).sum(), trained),
    )


def test_features_are_the_blocks_of_the_mapped_embedding() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SKELETON, SETTINGS, PoincareBall())
    x_BTVC = torch.randn(2, 12, 6, 3)
    vector = encoder.embed(x_BTVC)
    norm = vector.norm(dim=-1, keepdim=True)
    expected = encoder.norm(encoder.blocks((norm.tanh() * vector / norm).flatten(1, 2)))
    assert torch.allclose(encoder(x_BTVC).flatten(1, 2), expected, atol=1e-5)


def test_initial_values() -> None:
    torch.manual_seed(0)
    encoder = Encoder(SKELETON, ModelSettings(dim=128, frames=72), FlatSpace())
    decoder = Decoder(4, ModelSettings(dim=128, frames=72), 9)
    for module in [*encoder.blocks.modules(), *decoder.modules()]:
        if isinstance(module, nn.Linear):
            bound = (6 / (module.in_features + module.out_features)) ** 0.5
            assert bound * 0.98 < module.weight.abs().max().item() <= bound
            assert not module.bias.any()
        if isinstance(module, nn.LayerNorm):
            assert module.eps == 1e-5
    bound = 1 / 9**0.5  # a convolution's default
    assert bound * 0.98 < encoder.embedding.weight.abs().max().item() <= bound
    for embedding in (encoder.segment_embedding, decoder.segment_embedding, decoder.mask_token):
        assert embedding.std().item() == pytest.approx(0.02, rel=0.2)


def test_pruning_off_makes_every_joint_a_token() -> None:
    settings = ModelSettings(dim=16, heads=4, encoder_blocks=1, frames=12, prune=False)
    encoder = Encoder(SKELETON, settings, FlatSpace())
    assert encoder(torch.randn(1, 12, 6, 3)).shape == (1, 4, 6, 16)


@pytest.mark.parametrize("shape", [(1, 12, 5, 3), (1, 11, 6, 3), (12, 6, 3), (1, 12, 6, 2)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(12, 6, 3\)"):
        Encoder(SKELETON, SETTINGS, FlatSpace())(torch.zeros(shape))
