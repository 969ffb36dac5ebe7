"""The manual as readers see it: in Chromium, on a desk and on a phone, in light and in dark colours."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, sync_playwright

from .pages import PROGRAMS

pytestmark = pytest.mark.browser

WIDTHS = (1300, 400)
SCHEMES = ("light", "dark")
# Rectangles may differ by one pixel, because browsers round them.
FAULTS = (Path(__file__).parent / "faults.js").read_text("utf-8")


Opener: TypeAlias = Callable[..., Page]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(manual: Path) -> Iterator[str]:
    """Return the address that serves the manual, on the loopback interface."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(manual))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAMS / "headless-chromium")
        yield browser
        browser.close()


@pytest.fixture
def foreign() -> list[str]:
    """Return the addresses outside this machine that pages requested. They get no answer."""
    return []


@pytest.fixture
def open_page(chromium: Browser, foreign: list[str]) -> Iterator[Opener]:
    """Return a function that opens a window with a width and a colour scheme."""
    contexts = []

    def opened(width: int = 1300, scheme: str = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        contexts.append(context)
        context.route("**/*", functools.partial(_keep_here, foreign))
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def _keep_here(foreign: list[str], route: Route) -> None:
    place = urlsplit(route.request.url)
    if place.scheme in ("file", "data", "blob", "about") or place.hostname == "127.0.0.1":
        route.continue_()
    else:
        foreign.append(route.request.url)
        route.abort()


def faults(page: Page) -> list[str]:
    """Return what a reader cannot read on a page:

    tables that are cut off, broken words, and text that scrolls sideways.
    """
    found: list[str] = page.evaluate(FAULTS)
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_can_be_read(
    open_page: Opener, manual: Path, address: str, foreign: list[str], width: int, scheme: str
) -> None:
    page = open_page(width, scheme)
    pages = sorted(path.name for path in manual.glob("*.html"))
    assert "commands.html" in pages
    found = {}
    for each in pages:
        page.goto(f"{address}/{each}")
        seen = faults(page)
        if width == WIDTHS[0]:
            seen += page.evaluate(
                "[...document.querySelectorAll('.pst-scrollable-table-container')]"
                ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => 'a table must be scrolled: ' + e.innerText.slice(0, 60))"
            )
        if page.evaluate("document.documentElement.dataset.theme") != scheme or _is_dark(page) != (scheme == "dark"):
            seen.append(f"the page is not {scheme}")
        if seen:
            found[each] = seen
    assert found == {}
    assert foreign == []


def _is_dark(page: Page) -> bool:
    dark: bool = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).every(each => each < 80)"
    )
    return dark


@pytest.mark.parametrize("served", [True, False], ids=["served", "files"])
def test_the_search_finds_a_word(
    open_page: Opener, manual: Path, address: str, foreign: list[str], served: bool
) -> None:
    page = open_page()
    page.goto(f"{address if served else manual.as_uri()}/index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("finaliser")
    page.keyboard.press("Enter")
    page.wait_for_selector("ul.search li a[href*='slurm.html']")
    page.click("ul.search li a[href*='slurm.html'] >> nth=0")
    page.wait_for_url("**/slurm.html*")
    assert foreign == []


def test_the_reader_can_switch_to_dark(open_page: Opener, address: str) -> None:
    page = open_page()
    page.goto(f"{address}/index.html")
    assert not _is_dark(page)
    page.click(".theme-switch-container button")
    page.click("button[data-mode='dark'] >> visible=true")
    assert _is_dark(page)


WIDE = "<tr><td>name</td><td style='white-space: nowrap'>" + "word " * 200 + "</td></tr>"


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        (f"<div style='overflow: hidden'><table>{WIDE}</table></div>", "a part of a table is cut off"),
        (f"<table>{WIDE}</table>", "the page scrolls sideways"),
        (f"<body style='overflow-x: hidden'><table>{WIDE}</table>", "a part of a table is cut off"),
        (f"<div style='overflow-x: clip'><table>{WIDE}</table></div>", "a part of a table is cut off"),
        (f"<div style='overflow-x: auto'><p>A</p><table>{WIDE}</table></div>", "text scrolls sideways"),
        (
            "<table style='table-layout: fixed; width: 300px'><tr><td style='overflow: hidden'>"
            f"<code style='white-space: nowrap'>{'word ' * 30}</code></td></tr></table>",
            "a part of a table is cut off",
        ),
        (
            "<table style='table-layout: fixed; width: 300px'><tr><td>"
            f"<code style='white-space: nowrap'>{'word ' * 12}</code></td><td>next</td></tr></table>",
            "a cell is too narrow",
        ),
        (
            "<table style='table-layout: fixed; width: 60px'><tr><td style='overflow-wrap: anywhere'>1,004</td><td>a</td>"
            "<td>b</td></tr></table>",
            "the word 1,004 is broken",
        ),
    ],
)
@pytest.mark.parametrize("width", WIDTHS)
def test_tables_that_cannot_be_read_are_seen(open_page: Opener, html: str, fault: str, width: int) -> None:
    page = open_page(width)
    page.set_content(html)
    assert fault in "\n".join(faults(page))


@pytest.mark.parametrize(
    "html",
    [
        f"<div class='pst-scrollable-table-container' style='overflow-x: auto'><table>{WIDE}</table></div>",
        f"<table><tr><td>name</td><td>{'word ' * 200}</td></tr></table>",
        f"<pre style='overflow-x: auto'>{'word ' * 200}</pre>",
    ],
)
def test_text_may_wrap_or_scroll_in_its_own_frame(open_page: Opener, html: str) -> None:
    page = open_page(400)
    page.set_content(html)
    assert faults(page) == []


def test_a_request_to_another_site_is_seen(open_page: Opener, foreign: list[str]) -> None:
    page = open_page()
    page.set_content("<img src='http://fonts.example/a.png'>")
    assert foreign == ["http://fonts.example/a.png"]
