"""The whole model: places, arithmetic against slow loops, settings, and the released runs piece by piece."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import hacm.checkpoints.released
import hacm.model.decoder
import hacm.model.masking
import hacm.model.network
import hacm.model.transformer
from hacm.model.masking import draw_uniform
from hacm.model.network import HACM
from hacm.model.tokens import from_branches, to_branches
from hacm.settings import LossSettings, MaskingSettings, ModelSettings, SpatialSettings, TemporalSettings
from hacm.skeletons.skeleton import Skeleton
from tests.helpers.golden import FOLDER, KINECT_V2, arrays, compare, needs_golden

SKELETON = Skeleton(joints=6, parents=(-1, 0, 1, 2, 0, 4), roots=(0, 4), centre=0)
SMALL = ModelSettings(dim=16, heads=4, encoder_blocks=1, decoder_blocks=1, frames=15)


def build(
    masking: MaskingSettings | None = None, loss: LossSettings | None = None, model: ModelSettings = SMALL
) -> HACM:
    torch.manual_seed(0)
    return HACM(SKELETON, model, masking or MaskingSettings(ratio=0.6), loss or LossSettings())


def sequences(batch: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, 15, 6, 3, generator=generator), torch.rand(batch, 15, 4, generator=generator)


# ---- places ---------------------------------------------------------------------------------------------------------


def check_places() -> None:
    """Every token that is kept is the one that its own scores chose, and comes back at its own segment and joint."""
    source = SpatialSettings(source="precomputed")
    model = build(MaskingSettings(ratio=0.6, spatial=source), model=ModelSettings(dim=16, heads=4, frames=15))
    model.encoder.encode = lambda embedded_BLD: embedded_BLD  # type: ignore[method-assign]
    for name in ("embedding", "blocks", "norm", "head"):
        setattr(model.decoder, name, nn.Identity())
    for position in (model.decoder.segment_embedding, model.decoder.joint_embedding):
        nn.init.normal_(position)
    x, hierarchy = sequences()
    noise = torch.full((3, 20), 0.5)  # equal for all: the largest scores are kept
    with torch.no_grad():
        embedded = model.encoder.embed(x)
        output = model(x, hierarchy, noise=noise)
    found = output.prediction_BSJP
    chosen = chosen_by_loops(model, embedded, hierarchy)
    for b, s, j in itertools.product(range(3), range(5), range(4)):
        kept = (b, s, j) in chosen
        content = embedded[b, s, j] if kept else model.decoder.mask_token
        expected = content + model.decoder.segment_embedding[s] + model.decoder.joint_embedding[j]
        assert bool(output.mask_BSJ[b, s, j]) != kept
        assert torch.allclose(found[b, s, j], expected, atol=1e-6)


def chosen_by_loops(model: HACM, embedded: Tensor, hierarchy: Tensor) -> set[tuple[int, int, int]]:
    """The cells with the largest scores: 4 of 12 in even segments, 3 of 8 in odd ones, by a second implementation."""
    chosen = set()
    even = (0, 2, 4)
    for b in range(len(embedded)):
        query, key = (linear(embedded[b]) for linear in (model.masking.query, model.masking.key))
        attention: dict[tuple[int, int], float] = dict.fromkeys(itertools.product(even, range(4)), 0.0)
        for t, j in itertools.product(even, range(4)):
            share = torch.softmax(torch.stack([query[t, j] @ key[u, j] for u in even]) / 4, 0)
            for u, value in zip(even, share, strict=True):
                attention[u, j] += value.item()
        levels = {(s, j): hierarchy[b, 3 * s : 3 * s + 3, j].mean().item() for s in (1, 3) for j in range(4)}
        for scores, count in ((attention, 4), (levels, 3)):
            chosen |= {(b, *cell) for cell in sorted(scores, key=lambda cell: -scores[cell])[:count]}
    return chosen


def test_every_token_is_chosen_and_returned_at_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    silence_target(monkeypatch)
    check_places()


def silence_target(monkeypatch: pytest.MonkeyPatch) -> None:
    """The head is taken out to look at the cells, so prediction and target differ in width."""
    monkeypatch.setattr(hacm.model.network, "token_errors", lambda prediction, target: prediction.sum(-1))


def joint_major(cells_BSJ: Tensor, spatial: bool) -> Tensor:
    """Branch order with one branch flattened joint-major, as the released code does."""
    branches = [cells_BSJ[:, 0::2], cells_BSJ[:, 1::2]]
    branches[spatial] = branches[spatial].transpose(1, 2)
    return torch.cat([branch.flatten(1, 2) for branch in branches], dim=1)


def put_in_temporal_branch(kept_BKD: Tensor, keep_BK: Tensor, filler_D: Tensor, tokens: int) -> Tensor:
    """The spatial branch's kept tokens land in slots of the temporal branch, as the released code does."""
    return real_put(kept_BKD, keep_BK % 12, filler_D, tokens)


real_put = hacm.model.decoder.put
RELEASED_ERRORS: dict[str, tuple[object, str, Callable[..., Tensor]]] = {
    "a: spatial scores joint-major": (
        hacm.model.masking,
        "to_branches",
        lambda cells: joint_major(cells, spatial=True),
    ),
    "b: temporal tokens joint-major": (
        hacm.model.transformer,
        "to_branches",
        lambda cells: joint_major(cells, spatial=False),
    ),
    "c: spatial tokens in temporal slots": (hacm.model.decoder, "put", put_in_temporal_branch),
    "d: positions in natural order on slots in branch order": (
        hacm.model.decoder,
        "from_branches",
        lambda tokens, segments: tokens.unflatten(1, (segments, -1)),
    ),
}


@pytest.mark.parametrize("error", RELEASED_ERRORS)
def test_each_order_error_of_the_release_would_be_noticed(error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    silence_target(monkeypatch)
    monkeypatch.setattr(*RELEASED_ERRORS[error])
    with pytest.raises(AssertionError):
        check_places()


# ---- a pass ---------------------------------------------------------------------------------------------------------

STRATEGIES = [
    (MaskingSettings(strategy="random", ratio=0.6), LossSettings(contrast=False)),
    (MaskingSettings(strategy="motion", ratio=0.6), LossSettings(contrast=False)),
    (MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="precomputed")), LossSettings()),
    (MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="mixed")), LossSettings(combine="alpha", alpha=0.3)),
    (
        MaskingSettings(ratio=0.6, spatial=SpatialSettings(enabled=False), temporal=TemporalSettings(enabled=False)),
        LossSettings(),
    ),
]


@pytest.mark.parametrize("hyperbolic", [True, False])
@pytest.mark.parametrize(("masking", "loss"), STRATEGIES)
@pytest.mark.parametrize("batch", [1, 3])
def test_every_setting_trains(masking: MaskingSettings, loss: LossSettings, hyperbolic: bool, batch: int) -> None:
    settings = ModelSettings(dim=16, heads=4, encoder_blocks=2, decoder_blocks=1, frames=15, hyperbolic=hyperbolic)
    model = build(masking, loss, settings)
    x, hierarchy = sequences(batch)
    output = model(x, hierarchy, generator=torch.Generator().manual_seed(5))
    output.loss.backward()
    assert output.loss.isfinite()
    assert (output.contrast == 0) == (not loss.contrast or batch == 1)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
    assert torch.equal(model.token_mask(x, hierarchy, generator=torch.Generator().manual_seed(5)), output.mask_BSJ)


def test_a_pass_repeats_with_its_generator_and_follows_its_noise() -> None:
    model, (x, _) = build(), sequences()
    first, second, third = (model(x, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.mask_BSJ, second.mask_BSJ)
    assert first.loss == second.loss
    assert not torch.equal(first.mask_BSJ, third.mask_BSJ)
    noise = draw_uniform(3, 20, x.device, torch.Generator().manual_seed(1))
    assert torch.equal(model(x, noise=noise).mask_BSJ, first.mask_BSJ)


def test_training_lowers_the_loss() -> None:
    model, (x, _) = build(), sequences(8)
    optimiser = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=3e-3)
    noise = draw_uniform(8, 20, x.device, torch.Generator().manual_seed(0))
    losses = []
    for _ in range(60):
        loss = model(x, noise=noise).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_features_see_every_token_and_are_the_encoders() -> None:
    model, (x, _) = build(), sequences()
    found = model.features(x)
    assert found.shape == (3, 5, 4, 16)
    assert torch.allclose(found[1:2], model.features(x[1:2]), atol=1e-6)
    embedded = model.encoder.embed(x)
    latent = model.encoder.encode(to_branches(embedded))
    assert torch.allclose(from_branches(latent, 5), found, atol=1e-5)


def test_half_precision_leaves_the_selection_as_it_is() -> None:
    model, (x, _) = build(), sequences(64)
    noise = torch.rand(64, 20, generator=torch.Generator().manual_seed(0))
    plain = model(x, noise=noise)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = model(x, noise=noise)
    assert torch.equal(plain.mask_BSJ, cast.mask_BSJ)
    assert torch.equal(plain.target_BSJP, cast.target_BSJP)
    assert cast.loss.item() == pytest.approx(plain.loss.item(), rel=0.02)


def test_pruning_off_keeps_the_root_sets_mean_as_father() -> None:
    settings = ModelSettings(dim=16, heads=4, encoder_blocks=1, decoder_blocks=1, frames=15, prune=False)
    model, (x, _) = build(model=settings), sequences()
    output = model(x)
    assert output.mask_BSJ.shape == (3, 5, 6)
    assert model.encoder.embed_roots(x).shape == (3, 5, 2, 16)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"loss\.contrast"):
        build(MaskingSettings(strategy="random", ratio=0.6))
    model, (x, hierarchy) = build(MaskingSettings(ratio=0.6, spatial=SpatialSettings(source="mixed"))), sequences()
    with pytest.raises(ValueError, match=r"masking\.spatial\.source mixed needs hierarchies of shape \(3, 15, 4\)"):
        model(x)
    with pytest.raises(ValueError, match=r"hierarchies of shape \(3, 15, 4\), but got \(3, 15, 6\)"):
        model(x, torch.zeros(3, 15, 6))
    with pytest.raises(ValueError, match="noise"):
        model(x, hierarchy, noise=torch.rand(3, 19))
    with pytest.raises(ValueError, match=r"\(15, 6, 3\)"):
        model(x[:, :14], hierarchy)


# ---- the released runs ----------------------------------------------------------------------------------------------


def released_model(name: str, heads: int) -> tuple[HACM, dict[str, np.ndarray]]:
    return hacm.checkpoints.released.load(FOLDER / f"{name}_release_format.pth", KINECT_V2, heads).model, arrays(name)


def released_hacm() -> tuple[HACM, dict[str, np.ndarray], Tensor]:
    model, golden = released_model("hacm", heads=8)
    return model, golden, torch.from_numpy(golden["x"]).permute(0, 4, 2, 3, 1).flatten(0, 1)


@needs_golden
@torch.no_grad()
def test_golden_pruning_and_embedding() -> None:
    model, golden, x = released_hacm()
    compare("pruning", model.encoder.token_coordinates(x), golden["input_pruned"])
    compare("pruning: the root set", x[:, :, KINECT_V2.roots], golden["input_root_joints"])
    positions = model.encoder.segment_embedding[:, None] + model.encoder.joint_embedding
    compare("embedding", model.encoder.embed(x) - positions, golden["embed"], atol=1e-5)
    compare("embedding of the root set", model.encoder.embed_roots(x), golden["embed_root"], atol=1e-5)


@needs_golden
@torch.no_grad()
def test_golden_masking_from_coordinates() -> None:
    """Our scores from the released weights, then the selection in the released order from the given noise."""
    model, golden, x = released_hacm()
    noise = to_branches(released_cells(torch.from_numpy(golden["uniform_temporal"]), golden["uniform_spatial"]))
    expected = released_cells(torch.from_numpy(golden["temporal_mask"]), golden["spatial_mask"])
    compare("masks, from coordinates and noise", model.token_mask(x, noise=noise), expected)


def released_cells(temporal_BL: Tensor, spatial_BL: np.ndarray) -> Tensor:
    """Two joint-major branches of the release, (B, 216) each, by true segment and joint: (B, 24, 18)."""
    cells_BSJ = torch.empty(len(temporal_BL), 24, 18)
    cells_BSJ[:, 0::2] = temporal_BL.view(-1, 18, 12).transpose(1, 2)
    cells_BSJ[:, 1::2] = torch.from_numpy(spatial_BL).view(-1, 18, 12).transpose(1, 2)
    return cells_BSJ


@needs_golden
@torch.no_grad()
def test_golden_kept_tokens_and_latent() -> None:
    model, golden, x = released_hacm()
    kept = torch.cat([torch.from_numpy(golden[f"{branch}_kept"]) for branch in ("temporal", "spatial")], dim=1)
    points = model.space.expmap0(model.encoder.embed(x)).point
    flat = {"temporal": points[:, 0::2].transpose(1, 2).flatten(1, 2), "spatial": points[:, 1::2].flatten(1, 2)}
    for branch, tokens in flat.items():
        keep = torch.from_numpy(golden[f"{branch}_ids_restore"]).argsort(1)[:, :21]
        found = tokens.gather(1, keep[..., None].expand(-1, -1, 256))
        compare(f"{branch} kept tokens' points, in the released order", found, golden[f"{branch}_kept"], atol=1e-5)
    latent = model.encoder.norm(model.encoder.blocks(kept))
    compare("encoder on the kept tokens", latent, golden["latent"], atol=1e-4)


@needs_golden
@torch.no_grad()
def test_golden_decoder_in_the_released_order() -> None:
    model, golden, _ = released_hacm()
    kept = model.decoder.embedding(torch.from_numpy(golden["latent"]))
    filled = torch.cat([kept, model.decoder.mask_token.expand(4, 432 - 42, 256)], dim=1)
    restore = torch.from_numpy(golden["ids_restore"])
    slots = filled.gather(1, restore[..., None].expand(-1, -1, 256))
    found = model.decoder.decode(slots.unflatten(1, (24, 18))).flatten(1, 2)
    compare("decoder, in the released order", found, golden["pred"], atol=1e-4)


@needs_golden
@torch.no_grad()
def test_golden_evaluation_features() -> None:
    model, golden, x = released_hacm()
    found = model.features(x)
    expected = golden["linprobe_features"].reshape(4, 24, 18, 256)
    compare("evaluation encoder", found, expected, rtol=1e-5, atol=1e-5)
    pooled = found.unflatten(0, (2, 2)).mean((1, 2, 3)).numpy()
    logits = pooled @ golden["linprobe_head.fc.weight"].T + golden["linprobe_head.fc.bias"]
    compare("linear layer on mean features", logits, golden["linprobe_logits"], atol=1e-4)


@needs_golden
@torch.no_grad()
def test_golden_mamp_as_a_whole() -> None:
    model, golden = released_model("mamp", heads=4)
    x = torch.from_numpy(golden["x"]).permute(0, 4, 2, 3, 1).flatten(0, 1)
    noise = to_branches(torch.from_numpy(golden["uniform"]).view(4, 30, 25))
    output = model(x, noise=noise)
    compare("MAMP: mask, in a whole pass", output.mask_BSJ.flatten(1), golden["mask"])
    compare("MAMP: prediction, in a whole pass", output.prediction_BSJP.flatten(1, 2), golden["pred"], atol=1e-4)
    compare("MAMP: loss, in a whole pass", output.loss, golden["loss"], rtol=1e-5)
    features = model.features(x).reshape(golden["features"].shape)
    compare("MAMP: evaluation encoder", features, golden["features"], rtol=1e-5, atol=1e-5)
