"""A project of commit aaa4aa5 becomes one of today's: everything is converted, nothing that was computed is lost.

data/project-aaa4aa5.tar.xz was made by the commit's own code: `dvc repro` of four clips with CHANGES in params.yaml, then
the same pretraining killed after its second epoch. Left out are raw files and arrays, which today's code computes to the
same bytes (dvc.lock has their hashes), and the report.
"""

import json
import shutil
import sys
import tarfile
from hashlib import md5
from pathlib import Path

import polars as pl
import pytest
from safetensors.numpy import load_file

from hacm.checkpoints import checkpoint
from hacm.errors import UserError
from hacm.files import hash_tree, read_json
from pipeline.graph.content import hash_path, walk
from pipeline.graph.former_names import without_added
from pipeline.graph.lock import read_lock
from pipeline.migration.former_project import code_of
from stages.tools import migrate
from tests.conftest import copy_project, run, write_small_params

pytestmark = pytest.mark.slow  # runs a whole project of its own
TAKEN = "its finished work is taken over"
FIXTURE = Path(__file__).parent / "data" / "project-aaa4aa5.tar.xz"
CHANGES = {
    "datasets.kinect-sim.source.performers": [1, 3],
    "datasets.kinect-sim.source.actions": [8, 23],
    "datasets.kinect-sim.source.cameras": [1],
    "datasets.kinect-sim.source.setups": [1],
    "benchmarks.kinect-sim-xsub.train.model": {
        "frames": 12,
        "dim": 8,
        "heads": 2,
        "encoder_blocks": 1,
        "decoder_blocks": 1,
    },
    "benchmarks.kinect-sim-xsub.train.pretrain": {"epochs": 3, "warmup_epochs": 1, "batch": 2, "checkpoint_epochs": 1},
    "benchmarks.kinect-sim-xsub.evaluate.probe": {"epochs": 2, "views": 2, "batch": 8},
    "evaluate.bootstrap": 100,
}
ARRAYS = ("data/kinect-sim/recordings/joints.zarr", "data/kinect-sim/clips/joints.zarr",
          "data/kinect-sim/hierarchy/hierarchy.zarr")  # fmt: skip
MODEL = Path("models/kinect-sim-xsub/hacm/seed-0")
RESULTS = Path("results/benchmarks/kinect-sim-xsub")
KNN = "evaluate@kinect-sim-xsub-hacm-0-knn"
HEAD, LANDSCAPE = "head.safetensors", "landscape.parquet"
LATER = {
    f"benchmarks/kinect-sim-xsub/hacm/seed-0/{protocol}/{name}"
    for protocol in ("knn", "linear")
    for name in (HEAD, LANDSCAPE)
}
"""What the commit's evaluation did not write: so it runs again."""
LAID_OUT = {"explained", "random_explained"}
"""What the details of a result say of its landscape."""
STATE = Path(".state/pretrain/kinect-sim-xsub/hacm/seed-0/state.pt")
FOLDERS = ("data", "models", "results", ".state/pretrain")
OF_A_RUN = {"files", "sealed", "code", "dirty", "seconds", "memory_mb", "energy_joules", "machine"}


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same work, all of it computed by today's code."""
    folder = copy_project(tmp_path_factory.mktemp("migrate") / "computed")
    write_small_params(folder / "params.yaml", CHANGES)
    run(folder, "dvc", "repro")
    return folder


@pytest.fixture(scope="module")
def old(computed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as the commit left it, its dvc.lock committed (tag `old`), and then today's code checked out."""
    folder = copy_project(tmp_path_factory.mktemp("migrate") / "old")
    today = (folder / "dvc.yaml").read_bytes()
    with tarfile.open(FIXTURE) as archive:
        archive.extractall(folder, filter="data")
    for array in ARRAYS:
        shutil.copytree(computed / array / "c", folder / array / "c")
    shutil.copy(computed / "data/kinect-sim/raw/kinect-sim.zip", folder / "data/kinect-sim/raw")
    fill_cache(folder)
    commit(folder, "old results")
    run(folder, "git", "tag", "old")
    (folder / "dvc.yaml").write_bytes(today)
    write_small_params(folder / "params.yaml", CHANGES)
    commit(folder, "new code")
    return folder


@pytest.fixture
def project(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, and the working directory."""
    target = tmp_path / "project"
    shutil.copytree(old, target, symlinks=True)
    monkeypatch.chdir(target)
    return target


@pytest.fixture(scope="module")
def migrated(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What became of it."""
    target = tmp_path_factory.mktemp("migrate") / "migrated"
    shutil.copytree(old, target, symlinks=True)
    run(target, "python", "-m", "hacm", "migrate")
    return target


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", message)


def fill_cache(folder: Path) -> None:
    """Put into DVC's cache what dvc.lock records, as `dvc repro` had done."""

    def put(content: bytes, name: str) -> None:
        place = folder / ".dvc/cache/files/md5" / name[:2] / name[2:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    for stage in read_lock((folder / "dvc.lock").read_text()).values():
        for new, recorded in stage.outs.items():
            path = folder / new.replace("/baseline/", "/floor/")
            if not path.exists():
                assert new == "report"
            elif path.is_file():
                put(path.read_bytes(), str(recorded))
            else:
                names = sorted(name for name, _ in walk(str(path)))
                contents = {name: (path / name).read_bytes() for name in names}
                listing = [{"md5": md5(content).hexdigest(), "relpath": name} for name, content in contents.items()]
                for content in contents.values():
                    put(content, md5(content).hexdigest())
                assert md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir" == recorded, path
                put(json.dumps(listing, sort_keys=True).encode(), str(recorded))


def migrate_here(*arguments: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """Run the tool in this process; returns what it said, by line, a last error included."""
    monkeypatch.setattr(sys, "argv", ["hacm migrate", *arguments])
    try:
        migrate.main()
        error = []
    except UserError as failure:
        error = [f"error: {failure}"]
    output, said = capfd.readouterr()
    return (output + said).splitlines() + error


def contents(project: Path) -> dict[str, str]:
    return {f"{top}/{name}": one for top in FOLDERS for name, one in hash_tree(project / top).items()}


def unchanged(project: Path) -> dict[str, str]:
    """What no stage that runs again writes."""
    evaluated = tuple(str(Path("results", name).parent) for name in LATER)
    again = (".state", "results/datasets/kinect-sim/audit", *evaluated)
    return {name: one for name, one in contents(project).items() if not name.startswith(again)}


def test_data_is_what_todays_code_writes(migrated: Path, computed: Path) -> None:
    assert hash_tree(migrated / "data") == hash_tree(computed / "data")


def test_results_are_what_todays_code_computes(migrated: Path, computed: Path) -> None:
    """The claim behind taking work over. If this fails after a change of what is computed, that stage is not to be taken
    over any more."""
    assert set(hash_tree(migrated / "results")) == set(hash_tree(computed / "results")) - LATER
    for path in sorted((computed / "results").rglob("*.json")):
        name = path.relative_to(computed)
        one, other = read_json(migrated / name), read_json(path)
        if name.name == "details.json":
            other = {key: value for key, value in other.items() if key not in LAID_OUT}
            assert list(one) == list(other)
            assert set(one["files"]) == set(other["files"]) - {
                HEAD,
                LANDSCAPE,
            }  # sums of figures that differ by rounding
            one, other = ({key: value for key, value in facts.items() if key not in OF_A_RUN} for facts in (one, other))
            section = "train" if name.parent.name == "pretrain" else f"evaluate.{name.parent.name}"
            other |= {"settings": without_added(other["settings"], section)} if "settings" in other else {}
        if name.parts[3:4] == ("audit",):
            continue  # which says more today
        if name.parts[1] == "datasets" or name.name == "details.json":
            assert {**one, "encoder_hash": 0} == {**other, "encoder_hash": 0}, name
        elif name.name == "metrics.json":
            assert one == pytest.approx(other, rel=1e-3), name
    for path in sorted((computed / "results").rglob("predictions.parquet")):
        one, other = (pl.read_parquet(found) for found in (migrated / path.relative_to(computed), path))
        later = ("subject",)  # earlier versions did not say who performs a clip
        assert one.drop("scores", "predicted").equals(other.drop("scores", "predicted", *later))
        assert one["scores"].explode().to_list() == pytest.approx(other["scores"].explode().to_list(), abs=1e-3)
    one, other = (load_file(folder / MODEL / "weights.safetensors") for folder in (migrated, computed))
    for name, values in other.items():
        assert one[name] == pytest.approx(values, abs=1e-4)


def test_the_weights_stay(migrated: Path, old: Path) -> None:
    assert (migrated / MODEL / "weights.safetensors").read_bytes() == (old / MODEL / "weights.safetensors").read_bytes()
    _, facts = checkpoint.load(migrated / MODEL)
    assert facts["settings"]["model"]["arithmetic"] == "textbook"


def test_dvc_repro_computes_what_was_not_written_then(project: Path) -> None:
    """All stages but audit, evaluate and report take their work over, and their results are byte for byte what they were.
    Evaluated again are the same weights."""
    run(project, "python", "-m", "hacm", "migrate")
    before = unchanged(project)
    figures = {path: read_json(path) for path in (project / RESULTS).rglob("seed-0/*/metrics.json")}
    metrics = (project / RESULTS / "baseline/metrics.json").read_bytes()
    done = run(project, "dvc", "repro")
    assert (done.stdout + done.stderr).count(TAKEN) == 8
    assert unchanged(project) == before
    for path, expected in figures.items():
        assert read_json(path) == pytest.approx(expected, rel=1e-3)
    assert {name for name in contents(project) if name.endswith((HEAD, LANDSCAPE))} == {
        f"results/{name}" for name in LATER
    }
    assert (project / RESULTS / "baseline/metrics.json").read_bytes() == metrics
    assert "up to date" in run(project, "dvc", "status").stdout
    assert run(project, "python", "-m", "hacm", "migrate").stderr.strip() == "nothing to migrate"


def test_an_unfinished_pretraining_is_resumed(project: Path) -> None:
    """It ends in the weights that the old code's uninterrupted run ended in."""
    right = load_file(MODEL / "weights.safetensors")
    shutil.rmtree(MODEL)  # never finished: only its state is there
    shutil.rmtree(RESULTS / "hacm/seed-0/pretrain")
    said = run(project, "python", "-m", "hacm", "migrate").stderr
    assert f"{STATE.parent}: unfinished, the next run resumes it" in said
    stage = ("stages.pretrain", "--benchmark", "kinect-sim-xsub", "--variant", "hacm", "--seed", "0")
    done = run(project, "python", "-m", *stage)
    assert "starting afresh" not in done.stderr
    found = load_file(MODEL / "weights.safetensors")
    for name, values in right.items():
        assert found[name] == pytest.approx(values, abs=1e-4)
    assert not STATE.exists()


KILLED = """
import os, sys
left = int(sys.argv[1])

def counted(real):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os._exit(9)
        return real(*arguments, **options)
    return call

os.replace, os.rename, os.link = counted(os.replace), counted(os.rename), counted(os.link)
sys.argv = ["hacm migrate"]
from stages.tools.migrate import main
main()
"""
"""The tool in a process that ends, as if killed, before the nth thing that it puts in place."""


def test_killed_at_any_moment_it_goes_on(project: Path, migrated: Path) -> None:
    """Killed again and again, in one project, each time later."""
    kills = 0
    while (done := run(project, "python", "-c", KILLED, str(2 * kills + 1), check=False)).returncode == 9:
        kills += 1
    assert done.returncode == 0, done.stderr
    assert kills >= 8
    assert contents(project) == contents(migrated)
    ours, theirs = (read_json(folder / "fingerprints.json") for folder in (project, migrated))
    assert ours == theirs


def test_a_dry_run_says_the_same_and_does_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)
    would = migrate_here("--dry-run", monkeypatch=monkeypatch, capfd=capfd)
    assert contents(project) == before
    assert not Path("fingerprints.json").exists()
    assert migrate_here(monkeypatch=monkeypatch, capfd=capfd) == would
    assert "results/benchmarks/kinect-sim-xsub/floor: → baseline" in would
    assert sum(TAKEN in line for line in would) == 8
    later = ", ".join(f"{RESULTS}/hacm/seed-0/knn/{name}" for name in (HEAD, LANDSCAPE))
    assert f"{KNN}: not taken over: it did not write {later} at aaa4aa5" in would


def edit(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def test_only_what_is_the_same_work_is_taken_over(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Another parameter, a result that was edited, code that was not the commit's: each stage says why."""
    edit("params.yaml", "steps: 50", "steps: 60")
    Path(RESULTS / "floor/metrics.json").write_text("{}")
    split = code_of("split", {})["stages/split.py"]
    edit("dvc.lock", str(split), "0" * 32)
    lines = migrate_here(monkeypatch=monkeypatch, capfd=capfd)
    assert "hierarchy@kinect-sim: not taken over: params.yaml: hierarchy.tree.steps: 50 → 60" in lines
    assert any(
        line.startswith(
            f"baseline@kinect-sim-xsub: not taken over: {RESULTS}/baseline/metrics.json is not what dvc.lock"
        )
        for line in lines
    )
    assert any(
        line.startswith(
            "split@kinect-sim-xsub: not taken over: made by other code than that of aaa4aa5 (stages/split.py)"
        )
        for line in lines
    )
    assert sum(TAKEN in line for line in lines) == 5
    trusted = migrate_here("--trust-code", monkeypatch=monkeypatch, capfd=capfd)
    assert f"split@kinect-sim-xsub: {TAKEN}" in trusted
    edit("params.yaml", "steps: 60", "steps: 50")
    again = migrate_here(monkeypatch=monkeypatch, capfd=capfd)  # the conversions are known from the first time
    assert f"hierarchy@kinect-sim: {TAKEN}" in again


def test_an_unfinished_pretraining_of_other_settings_stops_it_first(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    edit("params.yaml", "epochs: 3\n", "epochs: 4\n")
    before = contents(project)
    lines = migrate_here(monkeypatch=monkeypatch, capfd=capfd)
    assert lines[-1].startswith(
        f"error: {STATE}: an unfinished pretraining, but not of aaa4aa5 with today's params.yaml"
    )
    assert contents(project) == before


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("data/kinect-sim/clips/manifest.parquet", b"?", "manifest.parquet is not as it was written"),
        (str(MODEL / "checkpoint.json"), b"{", "not readable as JSON"),
        (str(RESULTS / "floor/details.json"), b"\xff", "not readable as JSON"),
    ],
)
def test_what_is_damaged_is_one_line_and_left(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    path: str,
    content: bytes,
    said: str,
) -> None:
    Path(path).write_bytes(content)
    lines = migrate_here(monkeypatch=monkeypatch, capfd=capfd)
    assert sum(said in line for line in lines) == 1
    assert lines[-1].startswith("error: 1 not converted: ") or "clips" in path
    assert Path(path).read_bytes() == content
    assert any("recordings: store of format 3 → 4" in line for line in lines)


def test_one_folder_alone(project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=f"format 1, not 2; hacm migrate {MODEL} converts it"):
        checkpoint.load(MODEL)
    store = hash_path("data/kinect-sim/clips")
    assert migrate_here(str(MODEL), monkeypatch=monkeypatch, capfd=capfd) == [f"{MODEL}: checkpoint of format 1 → 2"]
    checkpoint.load(MODEL)
    assert hash_path("data/kinect-sim/clips") == store


def test_the_old_revision_is_read_under_present_names(migrated: Path) -> None:
    """Compared, traced and audited from git and DVC's cache; nothing in it is converted."""
    facts = json.loads(run(migrated, "python", "-m", "hacm", "compare", "old", "workspace", "--json").stdout)
    assert "kinect-sim-xsub/baseline" in facts["matches"] if "matches" in facts else True
    assert facts["parameters"] == []
    assert [one["same"] for one in facts["data"]] == [True]
    asked = ("python", "-m", "hacm", "lineage", "behind", "floor@kinect-sim-xsub", "--rev", "old", "--json")
    assert json.loads(run(migrated, *asked).stdout)["stage"] == "baseline@kinect-sim-xsub"
    asked = ("python", "-m", "hacm", "lineage", "behind", f"{RESULTS}/hacm/seed-0/knn/metrics.json:top1")
    traced = json.loads(run(migrated, *asked, "--rev", "old", "--json").stdout)
    values = {row["key"]: row["value"] for row in traced["parameters"]}
    assert values["train.model.arithmetic"] == "textbook"
    assert run(migrated, "python", "-m", "hacm", "audit", "--dataset", "kinect-sim", "--from", "old", "--strict").stdout
