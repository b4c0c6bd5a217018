"""Debian's Chromium, driven by Playwright: no request to any network, nothing in the console."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
NEEDS_BROWSER = pytest.mark.skipif(
    (not CHROMIUM.exists() or find_spec("playwright") is None) and os.environ.get("CI") != "true",
    reason="needs Chromium and Playwright; where CI is true, it fails without them",
)
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class Seen:
    """What a page asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Any, address: str, **looks: Any) -> tuple[Any, Seen]:
    """A page in a fresh window, and what it asks for from now on. looks: color_scheme, reduced_motion, viewport."""
    page, seen = browser.new_context(**looks).new_page(), Seen()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda line: seen.complaints.append(line.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(address)
    return page, seen


@contextmanager
def opened(browser: Any, path: Path, *, width: int = 1280, fragment: str = "", **looks: Any) -> Iterator[Any]:
    """A page of a file; fails if it asks for anything but itself, or complains."""
    page, seen = open_page(browser, path.as_uri() + fragment, viewport={"width": width, "height": 800}, **looks)
    try:
        yield page
        own = (path.as_uri(), "data:", "blob:")
        assert not [url for url in seen.requests if not url.startswith(own)], "the page asks for other files"
        assert not seen.complaints
    finally:
        page.context.close()


def find_barriers(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it is: rule, what it says, where."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    return [f"{rule['id']}: {rule['help']}: {node['target']}" for rule in found for node in rule["nodes"]]
