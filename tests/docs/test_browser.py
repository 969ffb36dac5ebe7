"""The manual as readers see it: in Chromium, on a desk and on a phone, in light and in dark colours."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import SCHEMES, WIDTHS, Opener, faults, is_dark

pytestmark = pytest.mark.browser


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
        if page.evaluate("document.documentElement.dataset.theme") != scheme or is_dark(page) != (scheme == "dark"):
            seen.append(f"the page is not {scheme}")
        if seen:
            found[each] = seen
    assert found == {}
    assert foreign == []


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
    assert not is_dark(page)
    page.click(".theme-switch-container button")
    page.click("button[data-mode='dark'] >> visible=true")
    assert is_dark(page)


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
