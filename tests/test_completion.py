"""hacm --completion: what a shell offers once it has read the script."""

import shutil
import subprocess
import sys

import pytest

from hacm.__main__ import COMMANDS, TOOLS
from hacm.command_line import parser_of
from tests.conftest import PROJECT, run

TRY = """
source /dev/stdin
complete -p hacm | grep -o -- '-F [^ ]*' | cut -c4- > function
offer() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  "$(cat function)" hacm "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  echo "${COMPREPLY[@]}"
}
offer hacm ""
offer hacm pre
offer hacm predict --mo
offer hacm predict --model u
offer hacm predict rec
offer hacm fit --out rec
offer hacm predict --up ""
"""


def script(shell: str) -> str:
    return run(PROJECT, "python", "-m", "hacm", "--completion", shell).stdout


def test_bash_completes_commands_options_models_and_places(tmp_path):
    (tmp_path / "recordings").mkdir()
    (tmp_path / "record.csv").touch()
    done = subprocess.run(
        ["bash", "-c", TRY], cwd=tmp_path, input=script("bash"), capture_output=True, text=True, check=True
    )
    commands, *offers = done.stdout.splitlines()
    assert set(commands.split()) == set(COMMANDS | TOOLS)
    assert [set(offer.split()) for offer in offers] == [
        {"predict"},
        {"--model"},
        {"ui-prmd", "utd-mhad"},
        {"recordings", "record.csv"},
        {"recordings"},
        {"x", "-x", "y", "-y", "z", "-z"},
    ]


def test_zsh_gets_every_command_with_its_options(tmp_path):
    text = script("zsh")
    assert text.startswith("#compdef hacm\n")
    for name in COMMANDS | TOOLS:
        assert f"_shtab_hacm_{name.replace('-', '_')}_options=(" in text
    assert "compadd ui-prmd utd-mhad" in text
    if shutil.which("zsh"):
        subprocess.run(["zsh", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize(
    ("words", "line"),
    [([], "say which shell, bash or zsh"), (["fish"], "--completion fish: must be bash or zsh")],
)
def test_another_shell_is_one_line(words, line):
    done = run(PROJECT, "python", "-m", "hacm", "--completion", *words, check=False)
    assert done.returncode == 1
    assert line in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_options_are_known_without_what_takes_seconds():
    code = (
        "import sys; from hacm.command_line import parser_of; parser_of('hacm.commands.predict'); "
        "print('torch' in sys.modules, 'hacm.commands.predict' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    with pytest.raises(ValueError, match="does not call answer_early"):
        parser_of("hacm.files")
