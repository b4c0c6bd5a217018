"""The six published benchmarks, from raw files in their own formats to a evaluated encoder, with the published settings.

The raw files are simulated: two clips to train on and two to test on, of NTU RGB+D 120 in each of its two archives.
Batches are therefore of two or four clips instead of 32 or 64 (a batch is never larger than its set). There are two
epochs of one step, and a tenth of the kinematic tree's steps, which no recipe reads; all else is what params.yaml ships.
"""

import importlib
import math
import sys
import zipfile
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hacm.checkpoints import checkpoint
from hacm.files import read_json
from hacm.protocols import knn, linear
from hacm.recordings.ntu import parse
from hacm.settings import AugmentSettings, LossSettings, MaskingSettings, ModelSettings, PretrainSettings, TrainSettings
from pipeline.kinect_sim import SimulatorSettings, clips
from pipeline.store.store import SkeletonStore
from pipeline.yaml_tree import editor
from stages.shared.loading import load_benchmark
from stages.shared.parameters import BENCHMARK_TRAIN, EVALUATION, TRAIN, Declared, load
from tests.conftest import PROJECT, shipped_params

DATASETS = {
    "ntu60": ("xsub", "xview"),
    "ntu120": ("xsub", "xset"),
    "pku1": ("xsub",),
    "pku2": ("xsub",),
}
BENCHMARKS = [f"{dataset}-{rule}" for dataset, rules in DATASETS.items() for rule in rules]
COLUMNS = ["NTU-60 xsub", "NTU-60 xview", "NTU-120 xsub", "NTU-120 xset", "PKU-I xsub", "PKU-II xsub"]


@cache
def recordings() -> dict[tuple[int, int, int], bytes]:
    """Content of .skeleton files by (performer, camera, action): performer 1 trains and 3 tests; 58 is of two people."""
    found = {}
    for name, text in clips(SimulatorSettings(performers=(1, 3), actions=(6, 58), cameras=(1, 2))):
        camera, performer, action = (int(name[place : place + 3]) for place in (5, 9, 17))
        found[performer, camera, action] = text
    return found


def write_ntu(path: Path, setups: dict[int, int], later: int) -> None:
    """An archive of official name and layout. setups: of each performer. later: what is added to the actions."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for performer, camera in ((1, 2), (3, 1)):
            for action in (6, 58):
                numbers = (setups[performer], camera, performer, 1, action + later)
                name = "S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}".format(*numbers)
                archive.writestr(f"nturgb+d_skeletons/{name}.skeleton", recordings()[performer, camera, action])


def write_pku(raw: Path, train: str, test: str) -> None:
    """Two videos of two actions each as text, their labels, and both split files."""
    for video, performer in ((train, 1), (test, 3)):
        parts = [parse(recordings()[performer, 2, action], "S001C002P001R001A050.skeleton") for action in (6, 58)]
        frames = []
        for part in parts:
            bodies_MTVC = np.nan_to_num(part.bodies_MTVC)[:2]
            two_MTVC = np.zeros((2, *bodies_MTVC.shape[1:]))
            two_MTVC[: len(bodies_MTVC)] = bodies_MTVC
            frames.append(two_MTVC.swapaxes(0, 1).reshape(-1, 150))
        first, total = len(frames[0]), len(frames[0]) + len(frames[1])
        for folder, text in {
            "skeleton": "".join(" ".join(f"{value:.6f}" for value in row) + "\n" for row in np.concatenate(frames)),
            "label": f"6,0,{first},2\n51,{first},{total},1\n",
        }.items():
            (raw / folder).mkdir(exist_ok=True)
            (raw / folder / f"{video}.txt").write_text(text)
    for word in ("subject", "view"):
        (raw / f"cross-{word}.txt").write_text(f"Training videos: \n{train}\nValidataion videos: \n{test}\n")


def write_raw(dataset: str, raw: Path) -> None:
    raw.mkdir(parents=True)
    if dataset.startswith("ntu"):
        write_ntu(raw / "nturgbd_skeletons_s001_to_s017.zip", {1: 2, 3: 17}, 0)
    if dataset == "ntu120":
        write_ntu(raw / "nturgbd_skeletons_s018_to_s032.zip", {1: 18, 3: 31}, 60)
    if dataset == "pku1":
        write_pku(raw, "0002-L", "0005-M")
    if dataset == "pku2":
        write_pku(raw, "A01N01-L", "A02N10-R")


def write_params(path: Path) -> None:
    """What is shipped, but parts of data sets are accepted, and epochs are few."""
    tree = editor().load(shipped_params())
    tree["hierarchy"]["tree"]["steps"] = 200
    for dataset, rules in DATASETS.items():
        tree["datasets"][dataset]["ingest"]["allow_partial"] = True
        for rule in rules:
            benchmark = tree["benchmarks"][f"{dataset}-{rule}"]
            benchmark["train"].setdefault("pretrain", {}).update(epochs=2, warmup_epochs=1)
            benchmark["evaluate"]["linear"] = {"epochs": 1, "views": 1}
    with open(path, "w", encoding="utf-8") as stream:
        editor().dump(tree, stream)


class Project:
    """A folder with params.yaml in which stages run, in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prepared: set[str] = set()
        write_params(folder / "params.yaml")

    def run(self, stage: str, **options: str) -> None:
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.delenv("HACM_MIRROR", raising=False)
            patch.setattr(sys, "argv", [stage, *words])
            importlib.import_module(f"stages.{stage}").main()

    def prepare(self, dataset: str) -> None:
        if dataset not in self.prepared:
            write_raw(dataset, self.folder / "data" / dataset / "raw")
            for stage in ("download", "ingest", "normalize", "hierarchy"):
                self.run(stage, dataset=dataset)
            self.prepared.add(dataset)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("recipes"))


@cache
def published_table() -> dict[str, list[str]]:
    """The table of docs/hacm.md §6: what each row says of the six benchmarks."""
    section = (PROJECT / "docs" / "hacm.md").read_text(encoding="utf-8").split("\n## 6. ")[1].split("\n## 7. ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert rows[0][1:] == COLUMNS
    return {row[0]: row[1:] for row in rows[2:]}


def shipped(tmp_path: Path, benchmark: str, declared: Declared[Any], **names: str) -> Any:
    path = tmp_path / "params.yaml"
    path.write_text(shipped_params(), encoding="utf-8")
    return load(declared, path=path, benchmark=benchmark, **names).get(declared)


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_the_shipped_recipe_is_the_published_one(benchmark: str, tmp_path: Path) -> None:
    column = BENCHMARKS.index(benchmark)
    row = {name: cells[column] for name, cells in published_table().items()}
    assert len(row) == 4
    epochs, warmup = row["pretrain epochs / warm-up"].split("/")
    lr, batch = row["linear-probe lr / batch"].split("/")
    assert shipped(tmp_path, benchmark, BENCHMARK_TRAIN) == TrainSettings(
        model=ModelSettings(
            arithmetic="textbook", dim=256, heads=8, encoder_blocks=8, decoder_blocks=3, mlp_ratio=4, frames=72, segment=3,
            prune=True, hyperbolic=True, curvature=1,
        ),
        masking=MaskingSettings(strategy="hacm", ratio=0.9, tau=0.9),
        loss=LossSettings(contrast=True, combine="sum"),
        augment=AugmentSettings(
            crop_least=0.5, crop_most=1, min_frames=64, rotation=0.3, test_crop=0.95, stream=row["input stream"],  # type: ignore[arg-type]
        ),
        pretrain=PretrainSettings(
            epochs=int(epochs), warmup_epochs=float(warmup), batch=int(row["batch per GPU"]), lr=1e-3, min_lr=5e-4,
            weight_decay=0.05, beta1=0.9, beta2=0.95, absent_bodies="drop", precision="float32", compile=False,
        ),
    )  # fmt: skip
    probe = {"epochs": 100, "views": 100, "batch": int(batch), "lr": float(lr), "momentum": 0.9, "weight_decay": 0.0}
    assert shipped(tmp_path, benchmark, EVALUATION, protocol="linear") == linear.Settings(**probe)  # type: ignore[arg-type]
    assert shipped(tmp_path, benchmark, EVALUATION, protocol="knn") == knn.Settings(k=1)


@pytest.mark.parametrize("benchmark", [*BENCHMARKS, "kinect-sim-xsub", "utd-mhad-xsub", "ui-prmd-xsub"])
def test_robustness_trains_the_probe_of_linear(benchmark: str, tmp_path: Path) -> None:
    probe = asdict(shipped(tmp_path, benchmark, EVALUATION, protocol="linear"))
    robust = asdict(shipped(tmp_path, benchmark, EVALUATION, protocol="robustness"))
    assert {name: robust[name] for name in probe} == probe


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_a_published_benchmark_runs_from_its_raw_files(benchmark: str, project: Project, tmp_path: Path) -> None:
    dataset, rule = benchmark.split("-")
    project.prepare(dataset)
    for stage in ("split", "pretrain"):
        project.run(stage, benchmark=benchmark, **({"device": "cpu"} if stage == "pretrain" else {}))
    project.run("evaluate", benchmark=benchmark, protocol="linear", device="cpu")

    both = 2 if dataset == "ntu120" else 1  # archives
    store = SkeletonStore.open(project.folder / "data" / dataset / "clips")
    split = read_json(project.folder / "data" / "benchmarks" / benchmark / "split" / "split.json")
    assert (split["rule"], split["train"], split["test"]) == (rule, 2 * both, 2 * both)
    assert sorted(store.manifest["bodies"].to_list()) == [1] * (2 * both) + [2] * (2 * both)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project.folder)
        classes = load_benchmark(benchmark, hierarchies=True).classes
    assert len(classes) == (51 if dataset.startswith("pku") else 2 * both)

    model, facts = checkpoint.load(project.folder / "models" / benchmark / "hacm" / "seed-0")
    recipe = shipped(tmp_path, benchmark, BENCHMARK_TRAIN)
    used = replace(recipe, pretrain=replace(recipe.pretrain, epochs=2, warmup_epochs=1))
    assert facts["settings"] == asdict(used)
    assert [len(model.encoder.blocks), len(model.decoder.blocks)] == [8, 3]
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    results = project.folder / "results/benchmarks" / benchmark / "hacm" / "seed-0"
    pretraining = read_json(results / "pretrain" / "metrics.json")
    assert (pretraining["epochs"], pretraining["tokens"], pretraining["tokens_seen"]) == (2, 432, 42)
    assert math.isfinite(pretraining["loss"])
    assert pretraining["loss"] > 0
    evaluated = read_json(results / "linear" / "metrics.json")
    assert (evaluated["n"], evaluated["classes"]) == (2 * both, len(classes))
    settings = read_json(results / "linear" / "details.json")["settings"]
    published = shipped(tmp_path, benchmark, EVALUATION, protocol="linear")
    assert settings == asdict(replace(published, epochs=1, views=1))


def test_the_recipe_of_this_project_runs_at_ntus_size(project: Project, tmp_path: Path) -> None:
    """PoMo at the published size, from raw files: docs/pomo.md."""
    project.prepare("ntu60")
    project.run("split", benchmark="ntu60-xsub")
    project.run("pretrain", benchmark="ntu60-xsub", variant="pomo", device="cpu")
    project.run("evaluate", benchmark="ntu60-xsub", variant="pomo", protocol="linear", device="cpu")

    model, facts = checkpoint.load(project.folder / "models" / "ntu60-xsub" / "pomo" / "seed-0")
    recipe = shipped(tmp_path, "ntu60-xsub", TRAIN, variant="pomo")
    assert facts["settings"] == asdict(replace(recipe, pretrain=replace(recipe.pretrain, epochs=2, warmup_epochs=1)))
    assert (recipe.model.dim, recipe.model.readout, recipe.model.decoder) == (256, "joints", "cross_attention")
    assert len(model.encoder.blocks) == 8
    results = project.folder / "results/benchmarks/ntu60-xsub/pomo/seed-0"
    loss = read_json(results / "pretrain" / "metrics.json")["loss"]
    assert math.isfinite(loss)
    assert loss > 0
    assert read_json(results / "linear" / "metrics.json")["n"] == 2
