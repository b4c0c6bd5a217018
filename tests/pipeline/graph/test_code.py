"""What code reaches what, on small packages written for it."""

from pathlib import Path

import pytest

from pipeline.graph.code import Code

FILES = {
    "hacm/__init__.py": "",
    "hacm/model.py": '''
"""A module."""
from hacm import parts
from hacm.parts import helper as help_me, Base

LIMIT = 3
UNUSED = 4
TABLE = {"a": lambda x: other(x)}

def other(x):
    return x

def lazy():
    from hacm.later import late
    return late()

class Model(Base):
    size = LIMIT

    def __init__(self):
        self.x = help_me()

    def run(self):
        return parts.direct()

    def quiet(self):
        return unused()

def unused():
    return open("facts.txt")

def start():
    model = Model()
    return model.run()

def table():
    return TABLE

def read_fact():
    return open("facts.txt")
''',
    "hacm/parts.py": '''
def helper():
    return inner()

def inner():
    """Say nothing."""
    return 1  # one

def direct():
    return 2

class Base:
    def step(self):
        return 3

    def run(self):
        return self.step()
''',
    "hacm/later.py": "def late():\n    return 5\n\ndef later():\n    return 6\n",
    "hacm/outside.py": "from torch import nn\n\nclass Net(nn.Module):\n    def forward(self):\n        return 1\n\ndef start():\n    return Net()\n",
    "hacm/acting.py": "import hacm.parts\nVALUES = []\nVALUES.append(hacm.parts.direct())\n\ndef start():\n    return VALUES\n",
    "hacm/again.py": "from hacm.model import start as begin\n\ndef start():\n    return begin\n",
    "hacm/facts.txt": "one\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def reached(root: Path, module: str, name: str = "start") -> set[str]:
    return set(Code(root).reach([(f"hacm.{module}", name)]).code)


def test_names_lead_from_definition_to_definition(root: Path) -> None:
    assert reached(root, "model") == {
        "hacm.model:start", "hacm.model:Model", "hacm.model:Model.__init__", "hacm.model:Model.run", "hacm.model:LIMIT",
        "hacm.parts:helper", "hacm.parts:inner", "hacm.parts:direct", "hacm.parts:Base", "hacm.parts:Base.run",
        "hacm.parts:Base.step",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "found"),
    [
        ("model", "lazy", {"hacm.later:late"}),
        ("model", "table", {"hacm.model:TABLE", "hacm.model:other"}),
        ("outside", "start", {"hacm.outside:Net", "hacm.outside:Net.forward"}),
        ("acting", "start", {"hacm.acting:VALUES", "hacm.acting:<module>", "hacm.parts:direct"}),
        ("again", "start", {"hacm.model:start", "hacm.model:Model"}),
    ],
)
def test_other_ways_lead_on_as_well(root: Path, module: str, name: str, found: set[str]) -> None:
    """A lazy import, a function in a table, a method that a library calls, what importing does, a name imported anew."""
    assert found <= reached(root, module, name)


def test_data_files_that_code_names_belong_to_it(root: Path) -> None:
    assert list(Code(root).reach([("hacm.model", "read_fact")]).files) == ["hacm/facts.txt"]
    assert not Code(root).reach([("hacm.model", "start")]).files


def test_a_name_made_at_run_time_is_handed_in(root: Path) -> None:
    found = Code(root).reach([("hacm.model", "other")], dynamic={("hacm.model", "other"): [("hacm.later", "*")]})
    assert set(found.code) == {"hacm.model:other", "hacm.later:late", "hacm.later:later"}


CHANGES = [
    ("hacm/parts.py", "return 1  # one", "return 1", False),
    ("hacm/parts.py", '    """Say nothing."""\n', "", False),
    ("hacm/parts.py", '"""Say nothing."""', '"""Say more."""', False),
    ("hacm/parts.py", "def inner():", "\n\ndef inner( ):", False),
    ("hacm/model.py", "UNUSED = 4", "UNUSED = 5", False),
    ("hacm/model.py", "return unused()", "return None", False),
    ("hacm/later.py", "return 5", "return 7", False),
    ("hacm/parts.py", "return 1  # one", "return 9", True),
    ("hacm/model.py", "LIMIT = 3", "LIMIT = 30", True),
    ("hacm/model.py", "size = LIMIT", "size = LIMIT + 1", True),
    ("hacm/model.py", "parts.direct()", "parts.helper()", True),
    ("hacm/parts.py", "return 3", "return 33", True),
    ("hacm/parts.py", "def inner():", "@print\ndef inner():", True),
    ("hacm/parts.py", "def inner():", "def inner(x=1):", True),
]


@pytest.mark.parametrize(("file", "before", "after", "counts"), CHANGES)
def test_only_what_runs_counts(root: Path, file: str, before: str, after: str, counts: bool) -> None:
    index = root / "index.json"
    start = [("hacm.model", "start")]
    first = Code(root, index).reach(start).code
    text = (root / file).read_text()
    assert text.count(before) == 1
    (root / file).write_text(text.replace(before, after))
    assert (Code(root, index).reach(start).code != first) == counts
    assert Code(root, index).reach(start).code == Code(root).reach(start).code, "the index is of no influence"


def test_a_damaged_index_is_made_anew(root: Path) -> None:
    index = root / "index.json"
    start = [("hacm.model", "start")]
    first = Code(root, index).reach(start).code
    for damage in ("{", "[]", '{"format": "0", "modules": {}}'):
        index.write_text(damage)
        assert Code(root, index).reach(start).code == first
