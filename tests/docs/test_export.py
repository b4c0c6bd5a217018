"""docs/export.md: its commands run, its Python runs in the exported folder without this project."""

import re
import subprocess
import sys

import numpy as np

import hacm
from hacm.__main__ import call
from hacm.recordings import Recording
from hacm.recordings.anywhere import Finder
from hacm.recordings.arrays import ArrayReader
from tests.conftest import PROJECT, shell_lines

PAGE = (PROJECT / "docs" / "export.md").read_text(encoding="utf-8")
DEEP_SQUAT = "m01_s02_e01"


def test_commands_and_code_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("COLUMNS", "110")
    lines = shell_lines(PAGE, "1. Commands") + shell_lines(PAGE, "4. Hugging Face")
    assert [line.split()[1] for line in lines] == ["export", "export", "export", "predict"]
    outputs = []
    for line in lines:
        assert call(line.replace("../", f"{tmp_path}/").split()[1:]) == 0
        outputs.append(capsys.readouterr().out)
    assert [len(list((tmp_path / f"ui-prmd-{name}").iterdir())) for name in ("onnx", "encoder", "hub")] == [5, 5, 3]
    assert re.search(r"m01_s02_e01 .* deep squat", outputs[3])

    model = hacm.load("ui-prmd")
    arrays = ArrayReader(topology=model.topology, fps=30.0, nameless=True)
    every = [one for one in Finder(arrays).find(PROJECT / "examples") if isinstance(one, Recording)]
    squat = next(one for one in every if one.identity.name.endswith(DEEP_SQUAT))
    np.save(tmp_path / "ui-prmd-onnx/recording.npy", squat.bodies_MTVC[0])
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    words = [sys.executable, "-c", f"import sys; sys.modules.update(hacm=None, torch=None)\n{code}"]
    done = subprocess.run(words, cwd=tmp_path / "ui-prmd-onnx", capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    (said,) = model.predict(squat.bodies_MTVC[0])
    known = "" if said.familiar else " (unlike anything in training)"
    assert first == f"deep squat: {said.probability:.0%}{known}"
    assert second.startswith("deep squat: ")
