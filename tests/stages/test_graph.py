"""dvc.yaml says what the stages do: the parameters they read, the code they run, the files they touch."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from stages.shared.parameters import check_file
from tests.conftest import shipped_params

PROJECT = Path(__file__).parents[2]
INFRASTRUCTURE = {
    "hacm/__init__.py", "hacm/settings.py", "hacm/skeletons/skeleton.py", "pipeline/__init__.py", "hacm/errors.py",
    "hacm/files.py", "pipeline/results/machine.py", "pipeline/params.py", "hacm/skeletons/__init__.py", "hacm/skeletons/correspondence.py", "hacm/skeletons/topology.py", "stages/__init__.py",
    "stages/shared/arguments.py", "stages/shared/console.py", "stages/shared/costs.py", "stages/shared/devices.py", "stages/shared/launching.py", "stages/shared/loading.py", "stages/shared/parameters.py", "stages/shared/places.py",
}  # fmt: skip
"""Modules that every stage stands on and that do not decide a result: progress, paths, checked loading."""

READING = {
    "hacm/model/chunks.py",
    "hacm/clips/ragged.py",
    "hacm/model/losses.py",
    "hacm/model/masking.py",
    "hacm/evaluation/__init__.py",
    "hacm/evaluation/result.py",
    "hacm/evaluation/task.py",
    "hacm/protocols/__init__.py",
    "hacm/recordings/notes.py",
    "hacm/training/__init__.py",
    "pipeline/datasets/__init__.py",
    "pipeline/datasets/definition.py",
    "pipeline/datasets/kinect_sim.py",
    "pipeline/datasets/ntu.py",
    "pipeline/datasets/pku_mmd.py",
    "pipeline/datasets/registry.py",
    "pipeline/datasets/ui_prmd.py",
    "pipeline/datasets/utd_mhad.py",
    "pipeline/datasets/layouts.py",
    "pipeline/graph/lock.py",
    "pipeline/store/format_3.py",
    "pipeline/store/manifest.py",
    "pipeline/store/rows.py",
    "pipeline/datasets/splits.py",
    "pipeline/store/__init__.py",
    "pipeline/store/store.py",
}
"""Modules that bring an artefact back as it was written; where a stage *writes* by them they are declared."""


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """The resolved stages of the project's dvc.yaml by name."""
    folder = tmp_path_factory.mktemp("graph")
    # With a transfer, so that its stage is looked at, too.
    text = shipped_params().replace(
        "{sources: [], targets: []}", "{sources: [kinect-sim-xsub], targets: [kinect-sim-xsub]}"
    )
    (folder / "params.yaml").write_text(text)
    shutil.copy(PROJECT / "dvc.yaml", folder)
    with Repo.init(str(folder), no_scm=True) as repo:
        return {stage.name: stage for stage in repo.index.stages if stage.path.endswith("dvc.yaml")}


def declared_params(stage):
    return {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}


def declared_paths(stage):
    return {str(dep.def_path) for dep in stage.deps if not hasattr(dep, "params")}


def parts(stage):
    words = stage.cmd.split()
    module = words[words.index("-m") + 1]
    return module, dict(re.findall(r"--(\w+) (\S+)", stage.cmd))


def test_the_graph_is_the_one_in_the_readme(stages):
    assert {name.split("@")[0] for name in stages} == {
        "download", "ingest", "normalize", "audit", "hierarchy", "split", "prepare", "pretrain", "baseline", "evaluate",
        "transfer", "report",
    }  # fmt: skip
    assert "evaluate@kinect-sim-xsub-hacm-0-linear" in stages
    assert "evaluate@kinect-sim-xsub-hacm-0-knn" in stages


def test_every_stage_declares_exactly_the_parameters_it_reads(stages):
    """Params hands out nothing but what PARAMS names (tested in test_params); dvc.yaml must name the same."""
    for name, stage in stages.items():
        module, names = parts(stage)
        if "benchmark" in names:
            from pipeline.datasets.registry import find_benchmark

            names["dataset"] = find_benchmark(names["benchmark"])[0].name
        expected = {key.format(**names) for key in importlib.import_module(module).PARAMS}
        assert declared_params(stage) == expected, name


def test_code_that_decides_a_result_is_declared(stages):
    """Of the project's modules that a stage imports, each is declared or stands in one of the two lists above."""
    missing = {}
    for name, stage in stages.items():
        module, _ = parts(stage)
        protocol = re.search(r"--protocol (\w+)", stage.cmd)
        also = f"; import hacm.protocols.{protocol[1]}" if protocol else ""
        code = f"import sys; import {module}{also}; print(*[m.__file__ for m in list(sys.modules.values()) if getattr(m, '__file__', None)])"
        loaded = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
        ).stdout
        own = {str(Path(path).relative_to(PROJECT)) for path in loaded.split() if is_own(path)}
        declared = declared_paths(stage)
        covered = {path for path in own if any(path == dep or path.startswith(dep + "/") for dep in declared)}
        allowed = INFRASTRUCTURE | READING | UNUSED.get(module.removeprefix("stages."), set())
        missing[name] = sorted(own - covered - allowed)
    assert not any(missing.values()), missing


def test_what_reads_own_data_sets_depends_on_them(stages):
    """The module is imported when a data set is looked for, which the test above does not see."""
    for name, stage in stages.items():
        reads_definition = name.split("@")[0] in ("download", "ingest", "audit", "hierarchy", "split", "transfer")
        assert ("pipeline/own" in declared_paths(stage)) == reads_definition, name


UNUSED = {
    # imported for their settings' types only, to check params.yaml in full
    stage: {"hacm/cleaning.py", "hacm/recordings/__init__.py"} for stage in
    ("download", "ingest", "normalize", "audit", "hierarchy", "split", "prepare", "pretrain", "baseline", "evaluate", "transfer", "report")
}  # fmt: skip


def is_own(path: str) -> bool:
    """A module of the project that holds code: most packages' own are a docstring and nothing more."""
    if not path.startswith(str(PROJECT)) or "/.venv/" in path or "/kinect_sim/" in path:
        return False
    return len(Path(path).read_text(encoding="utf-8").splitlines()) > 1


def test_declared_paths_exist_or_are_made_by_a_stage(stages):
    made = {str(out.def_path) for stage in stages.values() for out in stage.outs}
    for name, stage in stages.items():
        for path in declared_paths(stage):
            made_here = any(path == out or out.startswith(path + "/") or path.startswith(out + "/") for out in made)
            assert made_here or (PROJECT / path).exists(), (name, path)


def resolve(folder, active):
    """Names of the stages under this section `active` (its lines)."""
    text = re.sub(r"^active:\n(  .*\n)+", f"active:\n{active}", shipped_params(), count=1, flags=re.MULTILINE)
    text += "  kinect-sim-xview: {train: {}, evaluate: {linear: {}, knn: {}, transfer: {}}}\n"
    (folder / "params.yaml").write_text(text)
    check_file(folder / "params.yaml")
    shutil.copy(PROJECT / "dvc.yaml", folder)
    with Repo.init(str(folder), no_scm=True) as repo:
        return {stage.name for stage in repo.index.stages}


def test_one_instance_a_combination(tmp_path):
    """The graph follows params.yaml: data sets, benchmarks, variants, seeds and protocols."""
    names = resolve(
        tmp_path,
        """\
  datasets: [utd-mhad, kinect-sim]
  benchmarks: {kinect-sim-xsub: kinect-sim, utd-mhad-xsub: utd-mhad, kinect-sim-xview: kinect-sim}
  variants: [hacm, no-contrast]
  seeds: [0, 7]
  protocols: [knn]
  transfer: {sources: [utd-mhad-xsub], targets: [kinect-sim-xview]}
""",
    )
    benchmarks = ("kinect-sim-xsub", "utd-mhad-xsub", "kinect-sim-xview")
    pretrained = {
        f"{benchmark}-{variant}-{seed}"
        for benchmark in benchmarks for variant in ("hacm", "no-contrast") for seed in (0, 7)
    }  # fmt: skip
    expected = {f"{stage}@{data}" for stage in ("download", "ingest", "normalize", "audit", "hierarchy")
                for data in ("utd-mhad", "kinect-sim")}  # fmt: skip
    expected |= {f"{stage}@{benchmark}" for stage in ("split", "prepare", "baseline") for benchmark in benchmarks}
    expected |= {f"pretrain@{name}" for name in pretrained} | {f"evaluate@{name}-knn" for name in pretrained}
    expected |= {
        f"transfer@utd-mhad-xsub-kinect-sim-xview-{variant}-{seed}"
        for variant in ("hacm", "no-contrast") for seed in (0, 7)
    }  # fmt: skip
    assert names == expected | {"report"}
