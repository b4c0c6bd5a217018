"""dvc.yaml says what the stages do: the parameters they read, the code they run, the files they touch."""

import ast
import importlib
import re
import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo

from pipeline.graph.code import PACKAGES, Code
from pipeline.graph.declared import declare
from pipeline.graph.fingerprint import datasets_of, reach_of
from stages.shared.parameters import check_file
from tests.conftest import shipped_params

PROJECT = Path(__file__).parents[2]


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
    """Params hands out nothing but what PARAMS names (tested in test_parameters); dvc.yaml must name the same."""
    for name, stage in stages.items():
        module, names = parts(stage)
        if "benchmark" in names:
            from pipeline.datasets.registry import find_benchmark

            names["dataset"] = find_benchmark(names["benchmark"])[0].name
        expected = {key.format(**names) for key in importlib.import_module(module).PARAMS}
        assert declared_params(stage) == expected, name


def test_code_that_decides_a_result_is_declared(stages):
    """Every file with code or facts of a stage's fingerprint lies in a folder that dvc.yaml names for it."""
    code = Code(PROJECT)
    for name, stage in stages.items():
        module, names = parts(stage)
        reach = reach_of([(module, "main")], datasets_of(names), names.get("protocol"))
        files = {str(code.path_of(key.split(":")[0])) for key in reach.code} | set(reach.files)
        assert len(files) > 5
        declared = declared_paths(stage)
        missing = {file for file in files if not any(file == dep or file.startswith(f"{dep}/") for dep in declared)}
        assert not missing, (name, missing)


def test_what_reads_own_data_sets_depends_on_them(stages):
    """Their modules are found by looking into the folder."""
    for name, stage in stages.items():
        assert ("pipeline/own" in declared_paths(stage)) == (name != "report"), name


def test_dvc_yaml_is_read_alike_by_dvc_and_by_the_fingerprint(stages):
    for name, stage in stages.items():
        module, names = parts(stage)
        found = declare(module.removeprefix("stages."), names)
        assert found.name == name
        assert set(found.params) == declared_params(stage)
        assert {*found.code, *found.inputs} == declared_paths(stage)
        assert set(found.outs) == {str(out.def_path) for out in stage.outs}
        assert set(found.kept) == {str(out.def_path) for out in stage.outs if out.persist}


def test_modules_are_imported_by_a_made_up_name_in_two_places_only():
    """Any other would be code that a fingerprint does not see (the registry counts by what it finds)."""
    found = set()
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            if any(
                ast.unparse(call.func) in {"importlib.import_module", "__import__", "exec", "eval"} for call in calls
            ):
                found.add(str(path.relative_to(PROJECT)))
    no_stage = {"hacm/__main__.py", "hacm/interrupts.py", "hacm/command_line.py"}  # commands, and their help
    others = {
        "hacm/recordings/poses/extras.py",
        "hacm/exporting/writing.py",
    }  # libraries, by names that are written out
    assert found - no_stage - others == {
        "hacm/protocols/__init__.py",
        "pipeline/datasets/definition.py",
        "pipeline/datasets/registry.py",
    }


def test_declared_paths_exist_or_are_made_by_a_stage(stages):
    made = {str(out.def_path) for stage in stages.values() for out in stage.outs}
    for name, stage in stages.items():
        for path in declared_paths(stage):
            made_here = any(path == out or out.startswith(path + "/") or path.startswith(out + "/") for out in made)
            assert made_here or (PROJECT / path).exists(), (name, path)


def resolve(folder, active):
    """Names of the stages under this section `active` (its lines)."""
    text = re.sub(r"^active:\n(  .*\n)+", f"active:\n{active}", shipped_params(), count=1, flags=re.MULTILINE)
    text += "  kinect-sim-xview: {train: {}, evaluate: {}}\n"
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
