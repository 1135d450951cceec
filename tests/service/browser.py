"""A page of a real browser that reaches this machine alone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def fresh_page() -> Iterator[Page]:
    """A page of a fresh browser; `faults` has what went wrong in it, `asked` every address it asked for."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        page.faults = []
        page.asked = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: page.asked.append(asked.url))
        yield page
        browser.close()


def until(page: Page, expression: str) -> None:
    """Wait until the expression holds; the page's own policy forbids the browser driver to wait inside it."""
    deadline = time.monotonic() + 30
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, (
            f"still not so: {expression}; {page.inner_text('body')}; {page.faults}"
        )
        page.wait_for_timeout(50)
