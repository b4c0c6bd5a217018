"""params.yaml: what is wrong with it is said in one line that names file, line and key; what it says is as it was."""

import json
from dataclasses import asdict
from pathlib import Path

import jsonschema
import pytest
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides

from hacm import protocols
from hacm.cleaning import CleaningSettings
from hacm.errors import UserError
from hacm.settings import EVALUATIONS, KnnSettings, LinearSettings, TrainSettings
from pipeline.yaml_tree import look_up, merge, plain, read_yaml, write_yaml
from stages import normalize
from stages.shared import parameters
from stages.shared.parameters import BENCHMARK_TRAIN, BOOTSTRAP, CLEANING, EVALUATION, HIERARCHY, TRAIN, TRANSFER, load
from stages.shared.parameters.declared import Params
from stages.shared.parameters.editor_schema import FILE as SCHEMA
from stages.shared.parameters.editor_schema import write_schema
from stages.shared.parameters.validation import Source
from tests.conftest import PROJECT, end_of, run, shipped_params

SHIPPED = PROJECT / "params.yaml"


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
        parameters.check_file(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_projects_own_file_is_valid():
    parameters.check_file(PROJECT / "params.yaml")


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
        ("  hacm: {}\n", "  hacm: {masking: {strategy: random}}\n", "variants.hacm.masking.strategy", "loss.contrast true needs"),
        ("  hacm: {}\n", "  hacm: {model: {dim: 64.5}}\n", "variants.hacm.model.dim", "integer"),
        ("  hacm: {}\n", "  hacm: {model: 7}\n", "variants.hacm.model", "must be a mapping"),
        ("    dim: 256", "    dmi: 256", "train.model.dmi", "unknown key"),
        ("    dim: 256", "    dim: 2.5", "train.model.dim", "integer"),
        ("    dim: 256", "    dim: '256'", "train.model.dim", "integer"),
        ("    frames: 72", "    frames: 71", "train.model.frames", "not divisible by segment"),
        ("    ratio: 0.9", "    ratio: 1.5", "train.masking.ratio", "between 0 and 1"),
        ("    ratio: 0.9", "    ratio: 0.999", "train.masking.ratio", "leaves none of 216 tokens; lower it (kinect-sim-xsub, variant hacm, 18 joints)"),
        ("    warmup_epochs: 20", "    warmup_epochs: 600", "train.pretrain.warmup_epochs", "must lie in [0, epochs)"),
        ("    batch: 64", "    batch: 1", "train.pretrain.batch", "at least 2"),
        ("    strategy: hacm", "    strategy: hcam", "train.masking.strategy", "'hacm', 'random' or 'motion'"),
        ("    strategy: hacm", "    strategy: random", "train.loss.contrast", "masking.strategy hacm"),
        ("  datasets: [kinect-sim]", "  datasets: [kinect]", "active.datasets", "known: kard, kinect-sim, "),
        ("  datasets: [kinect-sim]", "  datasets: [utd-mhad]", "active.datasets", "needs the data set kinect-sim"),
        ("{kinect-sim-xsub: kinect-sim}", "{kinect-sim-xs: kinect-sim}", "active.benchmarks.kinect-sim-xs", "xsub"),
        ("protocols: [linear, knn]", "protocols: [linear, kmm]", "active.protocols", "'kmm' is unknown"),
        ("  bootstrap: 2000", "  bootstrap: 2", "evaluate.bootstrap", "greater than or equal to 100"),
        ("  knn: {k: 1,", "  knn: {k: 0,", "evaluate.knn.k", "k must be positive"),
        ("    tree_split: xsub", "    tree_split: xsbu", "datasets.kinect-sim.tree_split", "xsub, xview, xset"),
        ("  scale: 2.0", "  scale: -2.0", "hierarchy.scale", "scale must be positive"),
        ("  ghost_frames: 11", "  ghost_frames: -1", "cleaning.ghost_frames", "ghost_frames"),
        ("      noise: 1.0", "      nosie: 1.0", "datasets.kinect-sim.source.nosie", "unknown key"),
        ("{limit: null,", "{limit: 0,", "datasets.kinect-sim.ingest.limit", "greater than 0"),
        ("      probe: {views: 10}", "      probe: {veiws: 10}", "benchmarks.kinect-sim-xsub.evaluate.probe.veiws", "unknown"),
        ("      probe: {views: 10}", "      probe: {views: 900}", "benchmarks.kinect-sim-xsub.evaluate.probe.views", "1..epochs"),
        ("      probe: {views: 10}", "      prope: {views: 10}", "benchmarks.kinect-sim-xsub.evaluate.prope", "unknown"),
        ("      semi: {shares: [0.05, 0.1, 0.2], draws: 3", "      semi: {shares: [0.05, 0.1, 0.2], draws: 0", "benchmarks.kinect-sim-xsub.evaluate.semi.draws", "positive"),
        ("  linear: {like: probe}", "  linear: {like: prope}", "evaluate.linear.like", "'prope' is no recipe of linear; it can be like probe"),
        ("  linear: {like: probe}", "  linear: {like: tuning}", "evaluate.linear.like", "'tuning' is no recipe of linear"),
        ("  knn: {k: 1,", "  knn: {like: probe, k: 1,", "evaluate.knn.like", "it can be like none"),
        ("xsub: {train: {like: utd-mhad}", "xsub: {train: {like: utd}", "benchmarks.utd-mhad-xsub.train.like", "'utd' is none of recipes.train; known: utd-mhad, "),
        ("  train:\n    # Sized", "  trian:\n    # Sized", "recipes.trian", "unknown key"),
        ("      probe: {views: 20, batch: 64}", "      prope: {views: 20, batch: 64}", "recipes.evaluate.utd-mhad.prope", "unknown key"),
        ("      augment: {crop_least: 0.4, min_frames: 24}", "      augment: {crop_least: 0.4, min_farmes: 24}", "recipes.train.utd-mhad.augment.min_farmes", "unknown key"),
        ("      augment: {crop_least: 0.4, min_frames: 24}", "      augment: {crop_least: 1.4, min_frames: 24}", "recipes.train.utd-mhad.augment.crop_least", "0 < least"),
        ("model: {dim: 64, heads: 4", "model: {dim: 64, heads: 5", "recipes.train.utd-mhad.model.dim", "not divisible"),
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
    parameters.check_file(path)
    with pytest.raises(UserError, match=r"evaluate\.bootstrap: missing"):
        load(BOOTSTRAP, path=path)


def test_only_declared_sections_can_be_read():
    params = load(BOOTSTRAP, CLEANING, path=SHIPPED, dataset="utd-mhad")
    assert params.get(BOOTSTRAP) == 2000
    assert params.get(CLEANING) == CleaningSettings(strategy="none")
    for undeclared in (HIERARCHY, TRAIN):
        with pytest.raises(AssertionError, match="not declared"):
            params.get(undeclared)
    with pytest.raises(AssertionError, match=r"recipes\.train\.utd-mhad is read but not declared"):
        narrow = parameters.Declared("train", TrainSettings, ("benchmarks.{benchmark}.train",))
        load(narrow, path=SHIPPED, benchmark="utd-mhad-xsub").get(narrow)


def test_published_recipe_in_the_file_is_the_librarys_default():
    """Two places state the published recipe; they must agree to the last key."""
    tree = read_yaml(SHIPPED)
    names = {"benchmark": "ntu60-xsub", "variant": "hacm", "dataset": "ntu60"}
    assert load(TRAIN, path=SHIPPED, **names).get(TRAIN) == TrainSettings()
    assert load(EVALUATION, path=SHIPPED, **names, protocol="linear").get(EVALUATION) == LinearSettings()
    assert load(EVALUATION, path=SHIPPED, **names, protocol="knn").get(EVALUATION) == KnnSettings()
    assert load(CLEANING, path=SHIPPED, **names).get(CLEANING) == CleaningSettings()
    for section in ("model", "masking", "loss", "augment", "pretrain"):
        stated = set(tree["train"][section])
        assert stated == set(vars(getattr(TrainSettings(), section))), section


def test_shipped_protocols_say_their_settings_without_torch():
    for name in protocols.names():
        assert protocols.find(name).Settings is EVALUATIONS[name]
    code = "import sys; sys.modules.update(torch=None); from stages.tools.check import main; main()"
    run(PROJECT, "python", "-c", code)


def test_overrides_go_over_the_base_and_no_further():
    settings = load(BENCHMARK_TRAIN, path=SHIPPED, benchmark="kinect-sim-xsub").get(BENCHMARK_TRAIN)
    assert settings.model.dim == 64
    assert settings.model.frames == 72
    assert settings.masking.spatial.source == "precomputed"
    assert merge({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "e": 2}) == {
        "a": {"b": 1, "c": [3]},
        "d": 1,
        "e": 2,
    }


OLD = plain(read_yaml(Path(__file__).parent / "data" / "params-aaa4aa5.yaml"))
"""params.yaml at aaa4aa5: every recipe written out."""
STILL_THERE = [name for name in OLD["benchmarks"] if not name.endswith("-validation")]
"""Those of held-out training subjects gave way to the protocol `loso`."""
ADDED = {
    "model": {"decoder": "self_attention", "readout": "mean"},
    "loss": {"target": "motion", "normalise": "patch", "weight": "equal", "predicted": 1.0},
    "augment": {"limbs": 0.0},
    "pretrain": {"average": None, "watch_epochs": None},
}
"""Settings that came later, at the values that change nothing."""


def overlaid(*sections):
    """Mappings over one another, by a rule of its own: the leaves of a later one replace those of an earlier one."""
    found = {}
    for section in sections:
        for key, value in section.items():
            found[key] = overlaid(found.get(key, {}), value) if isinstance(value, dict) else value
    return found


def as_json(settings):
    """Numbers as numbers: 20 and 20.0 are one value."""
    return json.loads(json.dumps(asdict(settings)))


@pytest.mark.parametrize("variant", OLD["variants"])
@pytest.mark.parametrize("benchmark", STILL_THERE)
def test_pretraining_is_set_as_when_every_recipe_was_written_out(benchmark, variant):
    old = overlaid(OLD["train"], OLD["benchmarks"][benchmark]["train"], OLD["variants"][variant])
    assert old["model"].pop("variant") == "paper"
    old["model"]["arithmetic"] = "textbook"
    for section, new in ADDED.items():
        old[section] |= new
    assert as_json(load(TRAIN, path=SHIPPED, benchmark=benchmark, variant=variant).get(TRAIN)) == old


@pytest.mark.parametrize("way", [way for way in OLD["evaluate"] if way != "bootstrap"])
@pytest.mark.parametrize("benchmark", STILL_THERE)
def test_evaluation_is_set_as_when_every_recipe_was_written_out(benchmark, way):
    old = overlaid(OLD["evaluate"][way], OLD["benchmarks"][benchmark]["evaluate"][way])
    old |= {"knn": {"standardise": False}, "robustness": {"longest_gap": 10}}.get(way, {})
    declared = TRANSFER if way == "transfer" else EVALUATION
    assert as_json(load(declared, path=SHIPPED, benchmark=benchmark, protocol=way).get(declared)) == old


def test_the_rest_is_as_it_was():
    new = plain(read_yaml(SHIPPED))
    assert new["hierarchy"] == OLD["hierarchy"]
    later = {"pomo", "pomo-random"}
    assert {name: changes for name, changes in new["variants"].items() if name not in later} == OLD["variants"]
    missing = {name: new["cleaning"].pop(name) for name in ("missing", "longest_gap")}
    assert missing == {"missing": CleaningSettings.missing, "longest_gap": CleaningSettings.longest_gap}
    for name, old in OLD["datasets"].items():
        cleaning = OLD["cleaning"] | old.pop("cleaning")
        if name in ("utd-mhad", "ui-prmd"):
            cleaning["strategy"] = "none"  # one track in every frame: the clips are the same
        assert new["cleaning"] | new["datasets"][name].pop("cleaning") == cleaning
        assert new["datasets"][name] == old
    assert [name for name in new["benchmarks"] if name in OLD["benchmarks"]] == STILL_THERE
    assert new["evaluate"]["bootstrap"] == OLD["evaluate"]["bootstrap"]


def test_an_old_file_is_told_the_new_names():
    path = Path(__file__).parent / "data" / "params-aaa4aa5.yaml"
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if text == "    variant: paper")
    assert complaint(path).endswith(
        f"params-aaa4aa5.yaml:{line}: train.model.variant: is called train.model.arithmetic now; write arithmetic: textbook"
    )


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("  hacm: {}\n", "  hacm: {model: {variant: released}}\n", "variants.hacm.model"),
        ("    train:\n      model: {dim: 64,", "    train:\n      model: {variant: released, dim: 64,", "benchmarks.kinect-sim-xsub.train.model"),
        ("    utd-mhad:\n      model: {dim: 64,", "    utd-mhad:\n      model: {variant: released, dim: 64,", "recipes.train.utd-mhad.model"),
    ],
)  # fmt: skip
def test_old_names_are_found_in_every_section(edited, old, new, key):
    path, _ = edited(old, new)
    assert f"{key}.variant: is called {key}.arithmetic now; write arithmetic: released" in complaint(path)


def test_the_standard_cleaning_is_for_ntu_format_alone(tmp_path, monkeypatch):
    """Where a data set is active, or cleaned by hand; what no stage will read may stand as it is."""
    path, text = tmp_path / "params.yaml", shipped_params()
    ends = "    ingest: {limit: null, strict: true, allow_partial: false}\n    cleaning: {}\n"
    path.write_text(text.replace(ends, ends.replace("{}\n", "{strategy: standard}\n"), 1))
    parameters.check_file(path)
    monkeypatch.chdir(tmp_path)
    assert "cleaning.strategy: standard is the published cleaning" in end_of(normalize.main, "--dataset", "utd-mhad")
    active = path.read_text().replace("{kinect-sim-xsub: kinect-sim}", "{utd-mhad-xsub: utd-mhad}")
    path.write_text(active.replace("datasets: [kinect-sim]", "datasets: [utd-mhad]"))
    message = complaint(path)
    assert "datasets.utd-mhad.cleaning.strategy: standard is the published cleaning of NTU's .skeleton files" in message


def test_an_old_file_with_its_keys_renamed_says_what_is_missing(tmp_path):
    """What was written out may stay so: sections need not be like anything."""
    path = tmp_path / "params.yaml"
    text = (Path(__file__).parent / "data" / "params-aaa4aa5.yaml").read_text()
    path.write_text(text.replace("    variant: paper", "    arithmetic: textbook"))
    assert "utd-mhad-validation: was removed; settings are chosen by the protocol loso" in complaint(path)
    tree = read_yaml(path)
    for name in ("utd-mhad-validation", "ui-prmd-validation"):
        del tree["benchmarks"][name]
    write_yaml(tree, path, lambda _: None)
    parameters.check_file(path)
    with pytest.raises(UserError, match=r"recipes\.train: missing; add it"):
        load(TRAIN, path=path, benchmark="utd-mhad-xsub", variant="hacm")


def test_every_variant_goes_with_every_benchmark():
    """The settings that stages.pretrain would train by: every variant on every benchmark, none the same as another."""
    source = Source.read(SHIPPED)
    assert {"hacm", "random", "motion", "mamp", "no-hyperbolic", "no-spatial", "no-temporal"} <= set(
        source.tree["variants"]
    )
    for benchmark in source.tree["benchmarks"]:
        built = {
            variant: Params(source, (TRAIN,), {"benchmark": benchmark, "variant": variant}).get(TRAIN)
            for variant in source.tree["variants"]
        }
        assert built["hacm"] == Params(source, (BENCHMARK_TRAIN,), {"benchmark": benchmark}).get(BENCHMARK_TRAIN)
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
    assert (
        "variants.learned-attention.masking.temporal.attention: masking.temporal.attention learned needs"
        in complaint(path)
    )


def test_a_variant_goes_over_the_benchmark_and_the_benchmark_over_the_recipe(edited):
    path, _ = edited("  no-temporal:\n", "  mine:\n    model: {dim: 32}\n  no-temporal:\n")
    settings = load(TRAIN, path=path, benchmark="kinect-sim-xsub", variant="mine").get(TRAIN)
    assert (settings.model.dim, settings.model.heads, settings.model.frames) == (32, 4, 72)


def test_a_benchmark_goes_over_the_recipe_that_it_is_like(edited):
    path, _ = edited(
        "utd-mhad-xsub: {train: {like: utd-mhad}",
        "utd-mhad-xsub: {train: {like: utd-mhad, model: {dim: 32}}",
    )
    settings = load(TRAIN, path=path, benchmark="utd-mhad-xsub", variant="hacm").get(TRAIN)
    assert (settings.model.dim, settings.model.segment, settings.model.heads) == (32, 6, 4)


def test_masking_is_checked_on_the_skeletons_of_active_benchmarks(edited):
    """kinect-sim keeps 18 joints: 216 tokens a branch with the shipped 24 segments, 18 with two."""
    path, _ = edited("    ratio: 0.9", "    ratio: 0.96")
    path.write_text(
        path.read_text().replace("  hacm: {}\n", "  hacm: {}\n  long:\n    model: {frames: 24, segment: 12}\n", 1)
    )
    parameters.check_file(path)
    path.write_text(path.read_text().replace("variants: [hacm]", "variants: [hacm, long]"))
    assert complaint(path).endswith(
        "variants.long.model.frames: masking.ratio 0.96 leaves none of 18 tokens; lower it "
        "(kinect-sim-xsub, variant long, 18 joints)"
    )


def test_a_split_orders_labels_for_so_many_draws(edited):
    path, _ = edited("draws: 3, least_steps: 200}\n  utd", "draws: 6, least_steps: 200}\n  utd")
    parameters.check_file(path)
    path.write_text(path.read_text().replace("protocols: [linear, knn]", "protocols: [semi]"))
    assert (
        "benchmarks.kinect-sim-xsub.evaluate.semi.draws: draws 6 is more than the 5 that a split orders"
        in complaint(path)
    )


def test_the_editors_schema_is_current_and_fits_the_file():
    text = (PROJECT / SCHEMA).read_text(encoding="utf-8")
    assert text == write_schema(), "run hacm check --schema"
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = plain(read_yaml(SHIPPED))
    jsonschema.validate(tree, schema)
    assert SHIPPED.read_text().startswith(f"# yaml-language-server: $schema={SCHEMA}\n")
    for key, wrong in {
        "train.model.dim": "256",
        "train.masking.strategy": "hcam",
        "train.model.dmi": 3,
        "evaluate.linear.like": 3,
        "recipes.train.utd-mhad.model.dmi": 3,
        "benchmarks.utd-mhad-xsub.train.model": {"dmi": 3},
        "datasets.kinect-sim.tree_split": "xsbu",
        "heirarchy": {},
    }.items():
        section, _, last = key.rpartition(".")
        changed = json.loads(json.dumps(tree))
        (look_up(changed, section) if section else changed)[last] = wrong
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(changed, schema)


def test_dvc_sees_what_a_recipe_and_an_override_change(tmp_path, monkeypatch):
    """By DVC's own -S and status: which stages of which benchmarks differ from what was recorded."""
    text = shipped_params().replace("{kinect-sim-xsub: kinect-sim}", "{pku2-xsub: pku2, pku2-xview: pku2}")
    (tmp_path / "params.yaml").write_text(text.replace("datasets: [kinect-sim]", "datasets: [pku2]"))
    (tmp_path / "dvc.yaml").write_text((PROJECT / "dvc.yaml").read_text())
    monkeypatch.chdir(tmp_path)

    def values():
        with Repo.init(str(tmp_path), no_scm=True, force=True) as repo:
            return {
                stage.name: dep.read_params()
                for stage in repo.index.stages for dep in stage.deps if hasattr(dep, "params")
            }  # fmt: skip

    def changed_by(*overrides):
        before, content = values(), (tmp_path / "params.yaml").read_bytes()
        apply_overrides("params.yaml", list(overrides))
        parameters.check_file(tmp_path / "params.yaml")
        after = values()
        (tmp_path / "params.yaml").write_bytes(content)
        return {name for name in before if before[name] != after[name]}

    both = {"pretrain@pku2-xsub-hacm-0", "pretrain@pku2-xview-hacm-0"}
    assert changed_by("recipes.train.pku2.pretrain.epochs=32") == both
    assert changed_by("+benchmarks.pku2-xview.train.model.dim=32") == {"pretrain@pku2-xview-hacm-0"}
    tuned = changed_by("evaluate.tuning.lr=0.001")
    assert {name.split("@")[0] for name in tuned} == {"evaluate"}
    linear = {f"evaluate@pku2-{rule}-hacm-0-linear" for rule in ("xsub", "xview")}
    assert changed_by("+evaluate.linear.lr=0.5") == linear
    assert changed_by("evaluate.knn.k=3") == {name.replace("linear", "knn") for name in linear}
