"""What either engine says of a project, and what the stages made in it."""

from hacm.files import hash_tree
from tests.conftest import run

CLEAN = "Data and pipelines are up to date."
NOTHING = "Nothing to be done"
LOCAL = ("snakemake", "--profile", "profiles/local")


def status(project):
    return run(project, "dvc", "status").stdout.strip()


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def wants(project):
    """The stages that Snakemake would run."""
    done = run(project, *LOCAL, "-n")
    output = done.stdout + done.stderr
    return (
        set()
        if NOTHING in output
        else {line.split("done/")[1] for line in output.splitlines() if "output: .state/engine/done/" in line}
    )


def artefacts(project):
    """Every file that stages made, by hash, but for the sidecars that say when and by which commit."""
    files = {
        f"{folder}/{name}": content
        for folder in ("data", "models", "results", "parsed", "report.txt")
        if (project / folder).is_dir()
        for name, content in hash_tree(project / folder).items()
    }
    return {name: content for name, content in files.items() if not name.endswith(("details.json", "model.json"))}
