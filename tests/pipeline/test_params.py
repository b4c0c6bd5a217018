"""params.yaml: what is wrong with it is said in one line that names file, line and key."""

from pathlib import Path

import pytest

from hacm.cleaning import CleaningSettings
from hacm.errors import UserError
from hacm.protocols import knn, linear
from hacm.settings import TrainSettings
from pipeline.datasets.splits import VALIDATION
from pipeline.params import Params, merge, plain, read_yaml
from stages.shared import parameters
from tests.conftest import shipped_params

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def edited(tmp_path):
    """Write the project's params.yaml with one text replaced; return its path and the line that changed."""

    def edit(old: str, new: str) -> tuple[Path, int]:
        text = shipped_params()
        assert text.count(old) >= 1, f"{old!r} is not in params.yaml"
        path = tmp_path / "params.yaml"
        path.write_text(text.replace(old, new, 1))
        return path, text[: text.index(old)].count("\n") + 1

    return edit


def complaint(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        parameters.check_file(path, protocol_settings=True)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_projects_own_file_is_valid():
    parameters.check_file(PROJECT / "params.yaml", protocol_settings=True)


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("hierarchy:\n", "heirarchy:\n", "heirarchy", "unknown key"),
        ("  variants: [hacm]", "  variants: [hcam]", "active.variants", "'hcam' is unknown"),
        ("  seeds: [0]", "  seeds: [-1]", "active.seeds.0", "greater than or equal to 0"),
        ("  seeds: [0]", "  seeds: [1, 2, 1]", "active.seeds", "names 1 more than once"),
        ("{sources: [], targets: []}", "{sources: [ntu60-xsub], targets: []}", "active.transfer.sources", "none of active.benchmarks"),
        ("{sources: [], targets: []}", "{sources: [kinect-sim-xsub], targets: [kinect-sim-xsub]}", "active.transfer", "both a source and a target"),
        ("  no-contrast:\n", "  baseline:\n", "variants.baseline", "none of baseline"),
        ("  no-contrast:\n", "  no_contrast:\n", "variants.no_contrast", "small letters"),
        ("    loss: {contrast: false}\n  no-pruning", "    loss: {contrats: false}\n  no-pruning", "variants.no-contrast.loss.contrats", "unknown"),
        ("  hacm: {}\n", "  hacm: {masking: {strategy: random}}\n", "variants.hacm", "loss.contrast"),
        ("  hacm: {}\n", "  hacm: {model: {dim: 64.5}}\n", "variants.hacm.model.dim", "integer"),
        ("  hacm: {}\n", "  hacm: {model: 7}\n", "variants.hacm.model", "must be a mapping"),
        ("    dim: 256", "    dmi: 256", "train.model.dmi", "unknown key"),
        ("    dim: 256", "    dim: 2.5", "train.model.dim", "integer"),
        ("    dim: 256", "    dim: '256'", "train.model.dim", "integer"),
        ("    frames: 72", "    frames: 71", "train.model", "not divisible by segment"),
        ("    ratio: 0.9", "    ratio: 1.5", "train.masking", "between 0 and 1"),
        ("    strategy: hacm", "    strategy: hcam", "train.masking.strategy", "'hacm', 'random' or 'motion'"),
        ("    strategy: hacm", "    strategy: random", "train", "loss.contrast"),
        ("  datasets: [kinect-sim]", "  datasets: [kinect]", "active.datasets", "known: kinect-sim"),
        ("  datasets: [kinect-sim]", "  datasets: [utd-mhad]", "active.datasets", "needs the data set kinect-sim"),
        ("{kinect-sim-xsub: kinect-sim}", "{kinect-sim-xs: kinect-sim}", "active.benchmarks.kinect-sim-xs", "xsub"),
        ("protocols: [linear, knn]", "protocols: [linear, kmm]", "active.protocols", "'kmm' is unknown"),
        ("  bootstrap: 2000", "  bootstrap: 2", "evaluate.bootstrap", "greater than or equal to 100"),
        ("  knn: {k: 1,", "  knn: {k: 0,", "evaluate.knn", "k must be positive"),
        ("    tree_split: xsub", "    tree_split: xsbu", "datasets.kinect-sim.tree_split", "xsub, xview, xset"),
        ("  scale: 2.0", "  scale: -2.0", "hierarchy", "scale must be positive"),
        ("  ghost_frames: 11", "  ghost_frames: -1", "cleaning", "ghost_frames"),
        ("      noise: 1.0", "      nosie: 1.0", "datasets.kinect-sim.source.nosie", "unknown key"),
        ("{limit: null,", "{limit: 0,", "datasets.kinect-sim.ingest.limit", "greater than 0"),
        ("      linear: {views: 10}", "      linear: {veiws: 10}", "benchmarks.kinect-sim-xsub.evaluate.linear.veiws", "unknown"),
        ("      linear: {views: 10}", "      linear: {views: 900}", "evaluate.linear", "1..epochs"),
        ("      linear: {views: 10}", "      lienar: {views: 10}", "benchmarks.kinect-sim-xsub.evaluate.lienar", "unknown"),
        ("model: {dim: 64, heads: 4", "model: {dim: 64, heads: 5", "benchmarks.kinect-sim-xsub.train.model", "not divisible"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_key(edited, old, new, key, reason):
    path, line = edited(old, new)
    message = complaint(path)
    assert f"{key}:" in message
    assert reason in message
    if "unknown key" in reason:
        assert f"params.yaml:{line}:" in message


@pytest.mark.parametrize("text", ["a: [1, 2", "a: 1\na: 2\n", "\tb: 1", "- 1\n", "a: \x00"])
def test_broken_yaml_is_one_line(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert "params.yaml" in complaint(path)


def test_absent_file_is_one_line(tmp_path):
    assert "not found" in complaint(tmp_path / "params.yaml")


def test_absent_key_is_named_by_the_stage_that_needs_it(edited):
    path, _ = edited("  bootstrap: 2000 # resamples behind each 95 % interval\n", "")
    parameters.check_file(path, protocol_settings=True)
    with pytest.raises(UserError, match=r"evaluate\.bootstrap: missing"):
        Params(path, ["evaluate.bootstrap"])


def test_only_declared_keys_can_be_read():
    params = Params(PROJECT / "params.yaml", ["evaluate.bootstrap", "train.model"])
    assert params.value("evaluate.bootstrap") == 2000
    assert params.value("train.model.dim") == 256
    for undeclared in ("train", "train.masking", "evaluate", "active.seeds"):
        with pytest.raises(AssertionError, match="not declared"):
            params.value(undeclared)


def test_published_recipe_in_the_file_is_the_librarys_default():
    """Two places state the published recipe; they must agree to the last key."""
    tree = read_yaml(PROJECT / "params.yaml")
    params = Params(PROJECT / "params.yaml", ["train", "evaluate", "cleaning"])
    assert params.section("train", TrainSettings) == TrainSettings()
    assert params.section("evaluate.linear", linear.Settings) == linear.Settings()
    assert params.section("evaluate.knn", knn.Settings) == knn.Settings()
    assert params.section("cleaning", CleaningSettings) == CleaningSettings()
    for section in ("model", "masking", "loss", "augment", "pretrain"):
        stated = set(tree["train"][section])
        assert stated == set(vars(getattr(TrainSettings(), section))), section


def test_overrides_go_over_the_base_and_no_further():
    params = Params(PROJECT / "params.yaml", ["train", "benchmarks.kinect-sim-xsub.train"])
    settings = params.section("train", TrainSettings, "benchmarks.kinect-sim-xsub.train")
    assert settings.model.dim == 64
    assert settings.model.frames == 72
    assert settings.masking.spatial.source == "precomputed"
    assert merge({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "e": 2}) == {
        "a": {"b": 1, "c": [3]},
        "d": 1,
        "e": 2,
    }


def test_what_is_chosen_by_validation_is_what_is_judged():
    """A validation benchmark has the settings of the one whose training subjects it is made of."""
    benchmarks = plain(read_yaml(PROJECT / "params.yaml")["benchmarks"])
    validations = [name for name in benchmarks if name.endswith(f"-{VALIDATION}")]
    assert len(validations) == 2
    for name in validations:
        assert benchmarks[name] == benchmarks[name.replace(VALIDATION, "xsub")]


def test_every_variant_goes_with_every_benchmark():
    """The settings that stages.pretrain would train by: 12 variants on 13 benchmarks, none the same as another."""
    tree = read_yaml(PROJECT / "params.yaml")
    params = Params(PROJECT / "params.yaml", ["train", "benchmarks", "variants"])
    assert {"hacm", "random", "motion", "mamp", "no-hyperbolic", "no-spatial", "no-temporal"} <= set(tree["variants"])
    for benchmark in tree["benchmarks"]:
        built = {variant: parameters.train_settings(params, benchmark, variant) for variant in tree["variants"]}
        assert built["hacm"] == params.section("train", TrainSettings, f"benchmarks.{benchmark}.train")
        assert built["mamp"].model.frames == 120
        assert built["mamp"].model.dim == built["hacm"].model.dim
        streams = {variant for variant in built if variant.endswith("-stream")}
        for variant in streams:
            assert built[variant].augment.stream == variant.removesuffix("-stream")
        assert len({str(built[variant]) for variant in set(built) - streams}) == len(set(built) - streams)


def test_a_variant_that_is_not_run_is_no_obstacle(edited):
    """Learned attention needs the masking of HA-CM, whatever is tried with the recipe otherwise."""
    path, _ = edited("    strategy: hacm", "    strategy: random")
    path.write_text(path.read_text().replace("contrast: true", "contrast: false", 1))
    parameters.check_file(path)
    path.write_text(path.read_text().replace("variants: [hacm]", "variants: [hacm, learned-attention]"))
    assert "variants.learned-attention.masking: masking.temporal.attention learned needs" in complaint(path)


def test_a_variant_goes_over_the_benchmark_and_the_benchmark_over_the_recipe(edited):
    path, _ = edited("  no-temporal:\n", "  mine:\n    model: {dim: 32}\n  no-temporal:\n")
    settings = parameters.train_settings(Params(path, ["train", "benchmarks", "variants"]), "kinect-sim-xsub", "mine")
    assert (settings.model.dim, settings.model.heads, settings.model.frames) == (32, 4, 72)
