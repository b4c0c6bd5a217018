"""Choosing benchmarks changes two lines of params.yaml and nothing else."""

from tests.conftest import PROJECT, run, shipped_params


def activate(folder, *benchmarks):
    return run(folder, "python", "-m", "stages.activate", *benchmarks, check=False)


def test_there_and_back_again(tmp_path):
    for name in ("hacm", "pipeline", "stages"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "params.yaml").write_text(shipped_params())
    before = (tmp_path / "params.yaml").read_text()
    assert activate(tmp_path, "utd-mhad-xsub", "kinect-sim-xview").returncode == 1  # no recipe for the second
    assert (tmp_path / "params.yaml").read_text() == before
    assert activate(tmp_path, "utd-mhad-xsub").returncode == 0
    lines = (tmp_path / "params.yaml").read_text().splitlines()
    changed = [new for old, new in zip(before.splitlines(), lines, strict=True) if old != new]
    assert changed == ["  datasets: [utd-mhad]", "  benchmarks: {utd-mhad-xsub: utd-mhad}"]
    assert activate(tmp_path, "kinect-sim-xsub").returncode == 0
    assert (tmp_path / "params.yaml").read_text() == before


def test_unknown_benchmark_changes_nothing(tmp_path):
    for name in ("hacm", "pipeline", "stages"):
        (tmp_path / name).symlink_to(PROJECT / name)
    (tmp_path / "params.yaml").write_text(shipped_params())
    before = (tmp_path / "params.yaml").read_bytes()
    done = activate(tmp_path, "utd-mhad-xview")
    assert done.returncode == 1
    assert "unknown benchmark 'utd-mhad-xview'" in done.stderr
    assert (tmp_path / "params.yaml").read_bytes() == before
