"""The site of the docs: it builds without a warning, needs no network when read, and its reference has every command."""

import html
import re
import sys

import pytest
import yaml

from hacm.__main__ import COMMANDS, TOOLS
from tests.conftest import PROJECT, run

pytestmark = pytest.mark.slow
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=["']([^"']+)|url\(["']?([^"')]+)|@import\s+["']([^"']+)"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    recipe = (PROJECT / "Makefile").read_text(encoding="utf-8").split("\ndocs: ", 1)[1].splitlines()[1].strip("\t@")
    assert " -W " in recipe
    words = recipe.replace("build/docs", str(folder)).split()
    assert words[0] == "python"
    built = run(PROJECT, sys.executable, *words[1:])
    assert "WARNING" not in built.stdout + built.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site):
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    assert len(files) > 25
    loaded = [name for path in files for found in LOADED.findall(path.read_text(encoding="utf-8")) for name in found]
    assert len([name for name in loaded if name]) > 100
    assert [name for name in loaded if re.match(r"(https?:)?//", name)] == []


def test_the_reference_has_every_command_and_its_options(site):
    page = html.unescape(re.sub(r"<[^>]+>", "", (site / "docs/site/commands.html").read_text(encoding="utf-8")))
    stages = yaml.safe_load((PROJECT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    typed = [*(f"hacm {name}" for name in COMMANDS | TOOLS), *(f"python -m stages.{name}" for name in stages)]
    for command in typed:
        assert re.search(rf"^usage: {re.escape(command)} ", page, re.MULTILINE), command
    assert page.count("usage: ") == len(typed)
    for option in ("--against", "--top", "--transfer-from", "--timeout"):
        assert option in page, option


def test_the_reference_says_what_a_terminal_says(site):
    page = html.unescape(re.sub(r"<[^>]+>", "", (site / "docs/site/commands.html").read_text(encoding="utf-8")))
    for module, name in (("stages", "pretrain"), ("hacm", "predict")):
        words = ("-m", f"{module}.{name}") if module == "stages" else ("-m", module, name)
        shown = run(PROJECT, sys.executable, *words, "--help", COLUMNS="90").stdout.strip()
        assert shown in page


def test_arguments_of_the_interface_are_listed(site):
    page = (site / "docs/site/api.html").read_text(encoding="utf-8")
    for function in ("hacm.load", "hacm.models.model.Model.predict", "hacm.models.scikit.SkeletonFeatures"):
        assert f'id="{function}"' in page, function
    for name in ("model", "device", "fps", "turn", "score_K", "x"):
        assert re.search(rf"<li><p><strong>{name}\b", page), name


def test_every_page_of_the_docs_is_found_by_the_search(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    for page in ("README", *(f"docs/{path.stem}" for path in (PROJECT / "docs").glob("*.md"))):
        assert f'"{page}"' in index, page


def test_a_flowchart_that_cannot_be_drawn_is_an_error(tmp_path):
    (tmp_path / "README.md").write_text("# A\n\n```mermaid\nflowchart LR\n  a --> b\n  a -.-> c\n```\n")
    sources = PROJECT / "docs/site"
    (tmp_path / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(sources)!r})\nfrom flowchart import Flowchart\n"
        "root_doc = 'README'\nextensions = ['myst_parser']\nmyst_fence_as_directive = ['mermaid']\n"
        "def setup(app):\n    app.add_directive('mermaid', Flowchart)\n"
    )
    built = run(tmp_path, sys.executable, "-m", "sphinx", "-q", "-W", ".", "out", check=False)
    assert built.returncode != 0
    assert "not drawn: a -.-> c" in built.stderr
