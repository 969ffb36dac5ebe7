"""Windows of the headless Chromium in which pages are looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Route, sync_playwright

from .pages import PROGRAMS

WIDTHS = (1300, 400)
SCHEMES = ("light", "dark")
# Rectangles may differ by one pixel, because browsers round them.
_FAULTS = (Path(__file__).parent / "faults.js").read_text("utf-8")

Opener: TypeAlias = Callable[..., Page]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser, and end it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAMS / "headless-chromium")
        yield browser
        browser.close()


@contextmanager
def windows(browser: Browser, foreign: list[str]) -> Iterator[Opener]:
    """Give a function that opens a window with a width and a colour scheme.

    Addresses outside this machine that pages request are added to ``foreign``. They get no answer.
    """
    contexts = []

    def keep_here(route: Route) -> None:
        place = urlsplit(route.request.url)
        if place.scheme in ("file", "data", "blob", "about") or place.hostname == "127.0.0.1":
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    def opened(width: int = 1300, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        contexts.append(context)
        context.route("**/*", keep_here)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def faults(page: Page) -> list[str]:
    """Return what a reader cannot read on a page:

    tables that are cut off, broken words, and text that scrolls sideways.
    """
    found: list[str] = page.evaluate(_FAULTS)
    return found


def is_dark(page: Page) -> bool:
    """Return whether the background of a page is dark."""
    dark: bool = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).slice(0, 3).every(each => each < 80)"
    )
    return dark
