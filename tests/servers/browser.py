"""Headless Chromium of the machine, and a check of accessibility."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.servers.machine import require

DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}

# How long anything on a page is waited for: with other tests on two cores a browser may stand still for many seconds.
# Less than the minute after which a page with a socket asks by itself: what shall come by a doorbell came by one.
WAIT_MS = 45_000

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; `browser.new_context(viewport=DESKTOP)` is one person's. Raises Missing."""
    program = require("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Page, *, serious: bool = True) -> list[str]:
    """What axe finds on the page, a line each; only what is serious or critical unless told otherwise."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    wanted = [entry for entry in found if not serious or entry["impact"] in ("serious", "critical")]
    return [
        f"{entry['id']} ({entry['impact']}): {entry['help']}: "
        + "; ".join(str(node["target"][0]) + " " + node["html"][:120] for node in entry["nodes"][:4])
        for entry in wanted
    ]


def assert_accessible(page: Page) -> None:
    found = violations(page)
    assert not found, f"{page.url}:\n" + "\n".join(found)
