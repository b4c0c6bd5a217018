"""The docs as a site: `make docs` writes build/docs/index.html, which is read and searched without a network.

The source folder is the project's own, so that a link between two pages is the same on GitHub and on the site.
README.md is the front page. The table of contents and the command reference are added while the pages are read.
"""

import logging
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from command_reference import fill_commands
from docstrings import list_arguments
from flowchart import Flowchart

from hacm import __version__

logging.getLogger("numexpr").setLevel(logging.WARNING)  # it says how many threads it takes

project = "HA-CM pipeline"
author = "The HA-CM pipeline maintainers"
copyright = "The HA-CM pipeline maintainers"
release = version = __version__
root_doc = "README"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/**", "examples/**"]
exclude_patterns = [".*", "build", "data", "models", "results", "report"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
suppress_warnings = ["myst.header"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
default_role = "py:obj"

highlight_language = "none"

html_theme = "furo"
html_title = f"{project} {release}"
html_additional_pages = {"index": "first_page.html"}
templates_path = ["templates"]
html_copy_source = False
html_show_sphinx = False

CONTENTS = """
```{toctree}
:hidden:
:caption: Guides

docs/install
docs/use
docs/export
docs/own-data
docs/datasets
docs/training
docs/protocols
docs/experiments
docs/audit
docs/cluster
docs/moving
docs/upgrading
```

```{toctree}
:hidden:
:caption: Method and results

docs/hacm
docs/pomo
docs/deviations
docs/data
docs/results
docs/plan
docs/beyond
docs/records/README
```

```{toctree}
:hidden:
:caption: Reference

docs/glossary
docs/site/commands
docs/site/api
docs/performance
docs/architecture
CONTRIBUTING
CHANGELOG
examples/README
```
"""
"""The sections of the site; a page that stands in none of them is an error of the build."""


def add_contents(app: Sphinx, page: str, text: list[str]) -> None:
    """Give the front page the table of contents, which GitHub would show as code."""
    if page == root_doc:
        text[0] += CONTENTS
    elif page == "docs/site/commands":
        text[0] = fill_commands(text[0])


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.add_directive("mermaid", Flowchart)
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", list_arguments)
