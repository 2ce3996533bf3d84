"""Debian's Chromium, its pages and its complaints: what the tests that need a browser share."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

try:
    import axe_playwright_python
    from playwright.sync_api import expect, sync_playwright
except ImportError as error:
    MISSING = f"not installed: {error.name}"
    expect = None
else:
    MISSING = ""
    AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")

CHROMIUM = shutil.which("chromium")
if not CHROMIUM and not MISSING:
    MISSING = "not installed: chromium"
needs_browser = pytest.mark.skipif(bool(MISSING), reason=MISSING)

# What a browser does not write to its console by itself.
REPORT_ERRORS = "addEventListener('error', (event) => console.error(event.message))"


@contextmanager
def launch_browser():
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


class Visit:
    """A browser's page on a server, and all that the browser had to complain about."""

    def __init__(self, browser, url: str, key: str, **options):
        self.url = url
        self.key = key
        self.allowed: set[int | str] = set()
        self.complaints: list[str] = []
        defaults = {
            "viewport": {"width": 1280, "height": 900},
            "locale": "en-GB",
            "timezone_id": "Europe/Berlin",
        }
        self.context = browser.new_context(**defaults | options)
        self.context.set_default_timeout(5000)
        self.context.add_init_script(REPORT_ERRORS)
        self.page = self.context.new_page()
        self.page.on("console", self.note_message)
        self.page.on("pageerror", self.note_error)
        self.page.on("request", self.note_request)

    def note_message(self, message) -> None:
        if message.type not in ("error", "warning"):
            return
        for status in self.allowed:
            if f"status of {status} " in message.text or status == message.text:
                return
        self.complaints.append(f"{message.text} {message.location.get('url')}")

    def note_error(self, error) -> None:
        self.complaints.append(f"{error} {error.stack}")

    def note_request(self, request) -> None:
        if not request.url.startswith((self.url, "blob:", "data:")):
            self.complaints.append(f"requested {request.url}")

    def allow(self, *statuses: int | str) -> None:
        """Answers that a test expects, which the browser notes on its console; or messages."""
        self.allowed |= set(statuses)

    def open(self, address: str = "#/dashboard"):
        self.page.goto(f"{self.url}/{address}")
        return self.page

    def sign_in(self, key: str | None = None, address: str = "#/dashboard"):
        self.page.goto(f"{self.url}/#key={key or self.key}")
        self.page.locator("h1").wait_for()
        return self.page if address == "#/dashboard" else self.open(address)

    def axe(self) -> list[str]:
        """What a checker of accessibility finds wrong in the page as it is now."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        result = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [describe_violation(violation) for violation in result["violations"]]


def describe_violation(violation: dict) -> str:
    targets = [node["target"] for node in violation["nodes"]]
    return f"{violation['id']}: {targets} {violation['nodes'][0]['failureSummary']}"
