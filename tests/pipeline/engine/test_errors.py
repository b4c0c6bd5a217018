"""What Snakemake's side says of mistakes and of bugs."""

from tests.conftest import run

SNAKEMAKE = ("snakemake", "--profile", "profiles/local", "--dry-run")


def test_a_mistake_is_one_line_with_a_traceback_on_request(toy):
    step = ("python", "-m", "pipeline.engine", "run", "nothing")
    run(toy, "python", "-m", "pipeline.engine", "mend")
    done = run(toy, *step, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: nothing: dvc.yaml has no such stage; it has: ")
    assert len(done.stderr.splitlines()) == 1
    shown = run(toy, *step, check=False, HACM_TRACEBACK="1").stderr
    assert shown.startswith("Traceback")
    assert shown.endswith(done.stderr)


def test_snakemake_says_the_same(toy):
    (toy / "params.yaml").write_text("active: [one\n")
    done = run(toy, *SNAKEMAKE, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "params.yaml" in done.stdout + done.stderr
    assert "Traceback" in run(toy, *SNAKEMAKE, check=False, HACM_TRACEBACK="1").stderr


def test_a_bug_is_shown_with_where_it_is(toy):
    with open(toy / "pipeline/engine/mending.py", "a") as file:
        file.write("\n\ndef mend():\n    return [][3]\n")
    for command in (SNAKEMAKE, ("python", "-m", "pipeline.engine", "mend")):
        done = run(toy, *command, check=False)
        assert done.returncode == 1
        assert "IndexError" in done.stdout + done.stderr
        assert "mending.py" in done.stdout + done.stderr
