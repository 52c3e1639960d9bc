"""A browser that opens the page of the smoke study, and writes down whatever it asks for or complains of."""

import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright

#: Nothing but the page: no sandbox, which a container has no rights for, and no errand of Chromium's own.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Opened:
    """A page in a browser.

    Attributes:
        page: what tests act on.
        asked: addresses it asked for, data in the page itself apart.
        complaints: errors and warnings of its console.
    """

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chromium():
    """Chromium without a window."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("needs chromium: tests/browser/install.sh installs it on Debian")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page_file(finished):
    """The page of the smoke study, which has figures, tables of all kinds and sounds."""
    return finished.folder / "results" / "report" / "index.html"


@pytest.fixture
def opened(chromium, page_file):
    """Opens the page, or another file, each time it is called."""
    contexts = []

    def opens(file=page_file, *, width=1280, height=900, scheme="light") -> Opened:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        seen = Opened(context.new_page())
        seen.page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
        seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        seen.page.on(
            "request", lambda request: None if request.url.startswith("data:") else seen.asked.append(request.url)
        )
        seen.page.goto(file.as_uri())
        return seen

    yield opens
    for context in contexts:
        context.close()
