"""Debian's Chromium, driven by Playwright: pages as a browser shows them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
NEEDS_BROWSER = pytest.mark.skipif(
    os.environ.get("CI") != "true" and (not CHROMIUM.exists() or find_spec("playwright") is None),
    reason="needs Chromium and Playwright",
)
"""Of tests that are skipped where there is no browser, but never in CI."""
AXE = Path(__file__).parents[1] / "vendor" / "axe-core" / "axe.min.js"
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium; skips the test where there is none, but in CI that is a failure."""
    if not CHROMIUM.exists():
        said = f"{CHROMIUM} is missing: apt-get install chromium"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(
    browser: Any, path: Path, *, width: int = 1280, height: int = 800, fragment: str = "", **options: Any
) -> Iterator[Any]:
    """A page of a file; fails if it asks for anything but itself, or complains."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        page.goto(path.as_uri() + fragment)
        yield page
        outside = [
            url for url in asked if url.partition("#")[0] != path.as_uri() and not url.startswith(("data:", "blob:"))
        ]
        assert not outside, "the page asks for other files"
        assert not complaints
    finally:
        context.close()


@dataclass
class Seen:
    """What a page asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def open_page(browser: Any, address: str, **looks: Any) -> tuple[Any, Seen]:
    """A page in a fresh window, and what it asks for from now on. looks: color_scheme, reduced_motion, viewport."""
    page, seen = browser.new_context(**looks).new_page(), Seen()
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda line: seen.complaints.append(line.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.goto(address)
    return page, seen


def find_barriers(page: Any) -> list[str]:
    """What axe-core finds wrong with the page as it is: rule, what it says, where."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)")
    return [f"{rule['id']}: {rule['help']}: {node['target']}" for rule in found for node in rule["nodes"]]
