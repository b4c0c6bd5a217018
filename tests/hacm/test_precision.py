"""bfloat16, torch.compile, and that no step waits for the device or makes a tensor elsewhere."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hacm.clips.augment import plan_batch, render
from hacm.clips.ragged import Clips
from hacm.model import geometry, losses, masking, targets
from hacm.model.network import HACM
from hacm.settings import LossSettings, MaskingSettings, SpatialSettings, TemporalSettings, TrainSettings
from hacm.training import engine
from hacm.training.engine import Pretraining
from tests.helpers.small_training import SETTINGS, SKELETON, moving_clips, with_pretrain

STEPS = 9
CROSS = replace(SETTINGS.model, decoder="cross_attention", readout="joints")
RECIPES = {
    "hacm": SETTINGS,
    "pomo": replace(
        SETTINGS,
        model=CROSS,
        loss=LossSettings(target="both", normalise="clip", weight="energy", predicted=0.5, contrast=False),
    ),
    "mamp": replace(
        SETTINGS,
        model=replace(SETTINGS.model, prune=False, hyperbolic=False),
        masking=MaskingSettings(strategy="motion", tau=0.8),
        loss=LossSettings(contrast=False),
    ),
    "stored hierarchies, learned attention": replace(
        SETTINGS,
        masking=MaskingSettings(
            ratio=0.5, spatial=SpatialSettings(source="precomputed"), temporal=TemporalSettings(attention="learned")
        ),
    ),
}
"""One for each way that a step may take."""


def clips_for(settings: TrainSettings) -> Clips:
    """Moving clips, with hierarchies where the settings want them."""
    clips = moving_clips()
    rows = len(clips.joints_RVC)
    joints = SKELETON.joints - len(SKELETON.roots)
    hierarchy_RJ = torch.rand(rows, joints, generator=torch.Generator().manual_seed(0))
    return replace(clips, hierarchy_RJ=hierarchy_RJ if settings.needs_hierarchies else None)


def run_steps(settings: TrainSettings, device: str = "cpu") -> tuple[list[float], list[int], Pretraining]:
    """Each step's loss and number of sequences."""
    run = Pretraining(clips_for(settings), torch.arange(12), SKELETON, settings, 0, device)
    curve, sizes = [], []
    for step in range(STEPS):
        before = run.sums.clone()
        run.advance()
        curve.append(float((run.sums - before)[0]))
        sizes.append(run.batches.load(step).total)
    return curve, sizes, run


@pytest.fixture(scope="module")
def plain() -> list[float]:
    return run_steps(SETTINGS)[0]


# ---- bfloat16 -------------------------------------------------------------------------------------------------------


def test_bfloat16_follows_float32(plain: list[float]) -> None:
    curve, _, run = run_steps(with_pretrain(precision="bfloat16"))
    assert curve != plain
    assert curve == pytest.approx(plain, rel=0.02)
    assert plain[-1] < 0.6 * plain[0]  # the curves that agree do fall
    assert all(tensor.dtype == torch.float32 for tensor in run.model.state_dict().values())
    assert not int(run.bad_step)


def test_geometry_and_losses_get_float32_whatever_the_blocks_compute_in(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, set[torch.dtype]] = {}

    def watch(module: Any, name: str) -> None:
        original: Callable[..., Any] = getattr(module, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            found = original(*arguments, **named)
            tensors = [*arguments, *(found if isinstance(found, tuple) else (found,))]
            seen.setdefault(name, set()).update(
                part.dtype
                for each in tensors
                for part in (each if isinstance(each, tuple) else (each,))
                if isinstance(part, Tensor) and part.is_floating_point()
            )
            return found

        monkeypatch.setattr(module, name, watched)

    for name in ("expmap0", "mean", "pairwise_distance", "_geodesic"):
        watch(geometry.PoincareBall, name)
    watch(geometry, "euclidean_cdist")
    watch(masking, "gumbel_keys")
    watch(masking, "global_attention")
    watch(losses, "agreement")
    watch(targets, "mapped_motion")
    watch(targets, "normalise_patches")
    run = Pretraining(moving_clips(), torch.arange(12), SKELETON, with_pretrain(precision="bfloat16"), 0, "cpu")
    blocks: set[torch.dtype] = set()
    for name, module in run.model.named_modules():
        if name.endswith(("qkv", "projection", "expand", "contract")):
            module.register_forward_hook(lambda module, inputs, output: blocks.add(output.dtype))
    run.advance()
    assert blocks == {torch.bfloat16}
    assert len(seen) == 10, seen.keys()
    assert all(dtypes == {torch.float32} for dtypes in seen.values()), seen
    each = run.model.forward_each(run.batches.load(0).x_BTVC, None, run.noise(run.batches.load(0)))
    assert each.error_BSJ.dtype == torch.float32


# ---- torch.compile --------------------------------------------------------------------------------------------------


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every program that torch.compile makes, one a piece of code between breaks and a kind of shape."""
    from torch._dynamo.backends.debugging import aot_eager

    made: list[object] = []

    def backend(graph: Any, inputs: Any) -> Any:
        made.append(graph)
        return aot_eager(graph, inputs)

    torch._dynamo.reset()
    monkeypatch.setattr(engine, "COMPILER", backend)
    return made


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_compiled_steps_are_the_same_and_one_program_serves_any_number_of_sequences(
    precision: str, plain: list[float], programs: list[object]
) -> None:
    curve, sizes, run = run_steps(with_pretrain(compile=True, precision=precision))
    assert len(set(sizes)) > 1  # absent bodies are dropped
    assert len(programs) == 1
    assert curve == pytest.approx(plain, rel=1e-4 if precision == "float32" else 0.02)
    names = set(Pretraining(moving_clips(), torch.arange(12), SKELETON, SETTINGS, 0, "cpu").model.state_dict())
    assert set(run.state().model) == names


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "hacm"])
def test_every_recipe_is_one_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one that breaks off and goes on: fullgraph makes that an error."""
    torch._dynamo.reset()
    programs: list[object] = []
    monkeypatch.setattr(engine, "COMPILER", lambda graph, inputs: programs.append(graph) or graph)
    settings = RECIPES[name]
    compiled = replace(settings, pretrain=replace(settings.pretrain, compile=True))
    curve, sizes, _ = run_steps(compiled)
    assert len(set(sizes)) > 1
    assert len(programs) == 1
    assert curve == pytest.approx(run_steps(settings)[0], rel=1e-3)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.skipif("HACM_COMPILE" not in os.environ, reason="takes minutes of two cores; set HACM_COMPILE=1 to run it")
def test_fully_compiled_steps_are_the_same(plain: list[float]) -> None:
    torch._dynamo.reset()
    assert run_steps(with_pretrain(compile=True))[0] == pytest.approx(plain, rel=1e-3)


# ---- nothing waits for the device -----------------------------------------------------------------------------------

WAITING = {"_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "unique_dim", "_unique2"}


class Waits(TorchDispatchMode):
    """Notes every operation whose answer the host would have to wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), named: Any = None) -> Any:
        if function.overloadpacket.__name__ in WAITING:
            self.found.append(str(function))
        return function(*arguments, **(named or {}))


def with_batch(settings: TrainSettings, monkeypatch: pytest.MonkeyPatch) -> Pretraining:
    """A run after a step, whose next one has its batch already: planning it works on the CPU's own tensors."""
    run = Pretraining(clips_for(settings), torch.arange(12), SKELETON, settings, 0, "cpu")
    run.advance()
    batch = run.batches.load(1)
    monkeypatch.setattr(run.batches, "take", lambda step: batch)
    return run


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_step_asks_the_device_nothing(name: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the planning of the batch."""
    settings = replace(RECIPES[name], pretrain=replace(SETTINGS.pretrain, precision=precision))
    run = with_batch(settings, monkeypatch)
    plan = plan_batch(
        run.batches.clips, torch.arange(4), SETTINGS.augment, 12, training=True, absent_bodies="drop",
        generator=torch.Generator(), part=(0, 1),
    )  # fmt: skip
    with Waits() as waits:
        render(plan, run.batches.clips, SETTINGS.augment, "drop", run.device)
        run.advance()
    assert waits.found == []
    with Waits() as waits:  # the report is where the host looks
        run.report(engine.Clock(0))
    assert waits.found


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_step_makes_no_tensor_without_saying_where(
    name: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What names no device is made on the meta device here, and would mix with the step's tensors as CPU with CUDA."""
    settings = replace(RECIPES[name], pretrain=replace(SETTINGS.pretrain, precision=precision, average=0.9))
    run, same = (with_batch(settings, monkeypatch) for _ in range(2))
    same.advance()
    with torch.device("meta"):
        assert torch.zeros(1).device.type == "meta"
        run.advance()
    assert torch.equal(run.sums, same.sums)
    assert all(map(torch.equal, run.model.state_dict().values(), same.model.state_dict().values()))


@pytest.mark.parametrize("name", RECIPES)
def test_a_pass_runs_on_a_device_that_can_be_asked_nothing(name: str) -> None:
    """The meta device: tensors have sizes and no content, so whoever looks at one, or copies it, fails."""
    settings = RECIPES[name]
    model = HACM(SKELETON, settings.model, settings.masking, settings.loss).to("meta")
    hierarchy = torch.empty(5, 12, model.joints, device="meta") if settings.needs_hierarchies else None
    noise = torch.empty(5, model.draws, device="meta")
    losses = model.losses(model.forward_each(torch.empty(5, 12, 6, 3, device="meta"), hierarchy, noise))
    losses.loss.backward()
    trained = [one for one in model.parameters() if one.requires_grad]
    assert all(one.grad is not None and one.grad.device.type == "meta" for one in trained)
    with pytest.raises(RuntimeError):
        losses.loss.item()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cuda_steps_do_not_synchronise(precision: str, compiled: bool) -> None:
    settings = with_pretrain(precision=precision, compile=compiled)
    run = Pretraining(moving_clips(), torch.arange(12), SKELETON, settings, 0, "cuda")
    for _ in range(3):
        run.advance()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            run.advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
