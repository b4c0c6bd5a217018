"""For a project without git, such as a downloaded zip: tells DVC so, which would otherwise refuse to start."""

from pathlib import Path

from hacm.files import explain_disk_errors
from pipeline.graph.git import inside_repository

CONFIG = Path(".dvc/config.local")
LINES = "[core]\n    no_scm = true\n"
"""Of this machine alone, and not under git, should the project come under git."""
WITHOUT = "this project is not under git, so it has no past revisions; git init, and commit dvc.lock after dvc repro"


def tell_dvc_of_git() -> None:
    """Write core.no_scm into DVC's local settings where there is no git; take it out again where there is."""
    text = CONFIG.read_text(encoding="utf-8") if CONFIG.exists() else ""
    without = text if "no_scm" in text else LINES + text
    wanted = text.replace(LINES, "", 1) if inside_repository() else without
    if wanted == text:
        return
    with explain_disk_errors(CONFIG):
        if wanted:
            CONFIG.write_text(wanted, encoding="utf-8")
        else:
            CONFIG.unlink()
