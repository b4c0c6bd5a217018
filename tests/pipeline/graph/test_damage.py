"""What of dvc.lock is damage and what is not: a file that says all it should is never overwritten."""

from pathlib import Path

import pytest

from hacm.errors import UserError
from pipeline.graph.damage import KEPT, mend_dvc_files

ENTRY = "    - path: {path}\n      hash: md5\n      md5: {md5}\n      size: 123456\n"
STAGE = "  {name}:\n    cmd: run {name}\n    deps:\n{dep}    params:\n      params.yaml:\n        lr: 0.001\n    outs:\n{out}"
WHOLE = "schema: '2.0'\nstages:\n" + "".join(
    STAGE.format(
        name=name, dep=ENTRY.format(path=f"in-{name}", md5="0123456789abcdef" * 2),
        out=ENTRY.format(path=f"out-{name}", md5="fedcba9876543210" * 2 + ".dir") + "      nfiles: 12\n",
    )
    for name in ("one", "two")
)  # fmt: skip
OLDER = WHOLE.replace("0.001", "0.002")
LOCK = Path("dvc.lock")


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    (tmp_path / ".state").mkdir()
    monkeypatch.chdir(tmp_path)
    KEPT.write_text(OLDER)


def mend():
    said = []
    mend_dvc_files(said.append)
    return said


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        WHOLE.rstrip("\n"),
        "# the runs of the paper\n" + WHOLE,
        "---\n" + WHOLE,
        WHOLE.replace("\n", "\r\n"),
        WHOLE + "# end\n",
        WHOLE + "\n\n",
        "stages:\n" + WHOLE.split("stages:\n")[1] + "schema: '2.0'\n",  # as a tool that sorts keys leaves it
        "schema: '2.0'\nstages: {}\n",
        OLDER.rstrip("\n"),
    ],
)
def test_what_says_all_it_should_stays_and_is_kept(text):
    LOCK.write_bytes(text.encode())
    assert mend() == []
    assert LOCK.read_bytes() == KEPT.read_bytes() == text.encode()


def test_a_lock_cut_anywhere_is_put_back_and_the_piece_kept():
    """Unless what is left are whole stages, which DVC reads; a piece of any other kind never becomes the kept copy."""
    whole_stages = [WHOLE.index("  two:"), len(WHOLE.rstrip("\n"))]
    for end in range(1, len(WHOLE) - 1):
        LOCK.write_text(WHOLE[:end])
        said = mend()
        if KEPT.read_text() == WHOLE[:end]:  # all of a stage but digits of a size or count, which decide nothing
            last = WHOLE[:end].rstrip().rsplit("\n", 1)[-1]
            assert end in whole_stages or last.lstrip().startswith(("size: ", "nfiles: "))
            KEPT.write_text(OLDER)
            continue
        assert len(said) == 1
        assert LOCK.read_text() == KEPT.read_text() == OLDER
        (aside,) = Path().glob("dvc.lock.damaged*")
        assert aside.read_text() == WHOLE[:end]
        aside.unlink()


@pytest.mark.parametrize("content", [b"\0" * 4096, b"<html></html>", WHOLE.encode()[:700] + b"\xff\xfe"])
def test_what_is_no_lock_is_put_back_and_kept_under_a_free_name(content):
    for name in ("dvc.lock.damaged", "dvc.lock.damaged1"):
        LOCK.write_bytes(content)
        (line,) = mend()
        assert f"kept as {name}" in line
        assert Path(name).read_bytes() == content
        assert LOCK.read_text() == OLDER


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("    cmd: run one", "\tcmd: run one", 4, r"found character .+ that cannot start any token"),
        ("    deps:\n", "     deps:\n", 5, "mapping values are not allowed here"),
        ("  two:", "  one:", 19, 'found duplicate key "one"'),
    ],
)
def test_what_a_person_broke_is_named_by_its_line_and_left(old, new, line, words):
    """A tab, a blank too many, a stage twice (a merge that kept both sides)."""
    text = WHOLE.replace(old, new, 1)
    LOCK.write_text(text)
    with pytest.raises(UserError, match=rf"^dvc\.lock:{line}: {words}"):
        mend()
    assert LOCK.read_text() == text
    assert KEPT.read_text() == OLDER


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (WHOLE.encode()[:300] + bytes(30) + WHOLE.encode()[330:], "holds zero bytes, as after a loss of power"),
        (WHOLE.encode()[:300] + b"\xff" + WHOLE.encode()[301:], "is no text"),
        (WHOLE.encode()[: WHOLE.index("    params")], "left half written by a DVC that was killed"),
        (
            WHOLE.encode()[: WHOLE.index("    params", WHOLE.index("  two:"))],
            "left half written by a DVC that was killed",
        ),
    ],
)
def test_what_no_person_writes_is_put_back_and_told(content, words):
    """Zero bytes, no text, a cut just behind a size."""
    LOCK.write_bytes(content)
    (line,) = mend()
    assert line.startswith(f"dvc.lock: {words}; put back as it was before (it is kept as dvc.lock.damaged)")
    assert LOCK.read_text() == KEPT.read_text() == OLDER


@pytest.mark.parametrize(("begin", "line"), [("", 1), ("schema: '2.0'\nstages:\n", 3)])
def test_a_merge_conflict_is_called_one_and_left(begin, line):
    rest = WHOLE.removeprefix(begin)
    text = f"{begin}<<<<<<< HEAD\n{rest}=======\n{rest.replace('0.001', '0.5')}>>>>>>> theirs\n"
    LOCK.write_text(text)
    with pytest.raises(UserError, match=rf"^dvc\.lock:{line}: a merge conflict; take one side"):
        mend()
    assert LOCK.read_text() == text
    assert KEPT.read_text() == OLDER


def test_a_resolved_merge_conflict_is_no_damage():
    LOCK.write_text("# resolved by hand\n" + WHOLE.rstrip("\n"))
    assert mend() == []
    assert LOCK.read_text() == KEPT.read_text()
