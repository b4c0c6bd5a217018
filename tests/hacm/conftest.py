"""What pytest prints after the tests of the method."""

import pytest

from tests.helpers import golden


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """With -rP: the largest deviation of each golden comparison."""
    if golden.MADE and terminalreporter.hasopt("P"):
        terminalreporter.section("golden comparisons")
        for line in golden.table():
            terminalreporter.write_line(line)
