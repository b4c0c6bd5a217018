"""Hashes are DVC's own, and nothing is read twice."""

from dvc.repo import Repo
from ruamel.yaml import YAML

from pipeline.graph import content
from pipeline.graph.content import hash_path, sign
from pipeline.graph.run_records import Contents, Record


def test_hashes_are_those_in_dvc_lock(small_project, monkeypatch):
    """Of code, folders of code, archives, stores, models and tables: every path that DVC hashed for `dvc repro`."""
    monkeypatch.chdir(small_project)
    content.ignored_names.cache_clear()
    lock = YAML(typ="safe").load((small_project / "dvc.lock").read_text())
    recorded = {
        entry["path"]: entry["md5"] for stage in lock["stages"].values() for entry in (*stage["deps"], *stage["outs"])
    } if all("deps" in stage for stage in lock["stages"].values()) else {}  # fmt: skip
    assert len(recorded) > 40
    assert {path: hash_path(path) for path in recorded} == recorded


def test_the_empty_folder_and_ignored_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content.ignored_names.cache_clear()
    (tmp_path / ".dvcignore").write_text("# a remark\n__pycache__\n.snakemake_timestamp\n")
    (tmp_path / "folder").mkdir()
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        from dvc.output import Output

        def by_dvc():
            out = Output(None, "folder", repo=repo)
            return out.get_hash()[1].value if isinstance(out.get_hash(), tuple) else out.get_hash().value

        (tmp_path / "folder" / "__pycache__").mkdir()
        (tmp_path / "folder" / "__pycache__" / "x.pyc").write_text("x")
        (tmp_path / "folder" / ".snakemake_timestamp").write_text("")
        for name in ("b", "a/z", "a-b", "ä", "a"):
            path = tmp_path / "folder" / name
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                path.write_text(name)
        assert hash_path("folder") == by_dvc()
    content.ignored_names.cache_clear()


def test_what_did_not_change_is_not_read_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("one")
    first = Contents().of("file")
    again = Contents()
    again.remember(Record("", {}, {"file": first}, {}))
    monkeypatch.setattr("pipeline.graph.run_records.hash_path", lambda path: "read")
    assert again.of("file") is first
    (tmp_path / "file").write_text("two")  # as long as before
    changed = Contents()
    changed.remember(Record("", {}, {"file": first}, {}))
    assert changed.of("file").md5 == "read"
    assert sign("nothing") is None
    assert changed.of("nothing") is None
