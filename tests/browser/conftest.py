"""A browser that opens the page of the smoke study and records its requests and errors."""

import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, sync_playwright

#: Without the sandbox, for which a container has no rights, and without network requests of Chromium itself.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Timeout of loading a page and of waiting for a change of it.
TIMEOUT_MS = 300_000


@dataclass
class Opened:
    """A page in a browser.

    Attributes:
        page: the page.
        requests: addresses it requested, without data URIs.
        messages: errors and warnings of its console.
    """

    page: Page
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


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
    """The page of the smoke study, which has figures, tables of all kinds and audio examples."""
    return finished.folder / "results" / "report" / "smoke" / "index.html"


@pytest.fixture
def opened(chromium, page_file):
    """Function that opens the page or another file."""
    contexts = []

    def open_page(file=page_file, *, width=1280, height=900, scheme="light") -> Opened:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(TIMEOUT_MS)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.messages.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.messages.append(str(error)))
        opened.page.on(
            "request",
            lambda request: None if request.url.startswith("data:") else opened.requests.append(request.url),
        )
        opened.page.goto(file.as_uri())
        return opened

    yield open_page
    for context in contexts:
        context.close()
