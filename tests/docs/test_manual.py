"""The built manual: everything that its pages load is part of it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

_LOADING = {"src", "srcset", "poster", "data", "xlink:href"}
_CSS = re.compile(r"""(?:url\(|@import)\s*["']?\s*(?:https?:)?//[^)"'\s]*""")
_SCRIPT = re.compile(
    r"""(?:import\s*\(?|importScripts\(|fetch\(|\.src\s*=|\.open\(\s*"GET"\s*,)\s*["'`](?:https?:)?//"""
)


class Loads(HTMLParser):
    """Collects what a browser loads from other sites to show a page. It ignores links that a reader can click."""

    def __init__(self) -> None:
        super().__init__()
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        loading = {*_LOADING, "href"} if tag == "link" else _LOADING
        self.foreign += [
            f"<{tag} {key}={value}>" for key, value in attrs if key in loading and _is_foreign(value or "")
        ]
        self.foreign += [found for key, value in attrs if key == "style" for found in _CSS.findall(value or "")]


def _is_foreign(address: str) -> bool:
    return re.match(r"\s*(?:https?:)?//", address) is not None


def foreign(path: Path) -> list[str]:
    """Return what a file of the manual loads from other sites."""
    text = path.read_text("utf-8")
    if path.suffix != ".html":
        return [found[0] for found in (_CSS if path.suffix == ".css" else _SCRIPT).finditer(text)]
    page = Loads()
    page.feed(text)
    return page.foreign


def test_nothing_is_loaded_from_other_sites(manual: Path) -> None:
    files = [path for path in manual.rglob("*") if path.suffix in (".html", ".css", ".js")]
    assert len(files) > 20
    assert {path.name: found for path in files if (found := foreign(path))} == {}


def test_what_is_loaded_from_other_sites_is_seen(tmp_path: Path) -> None:
    page, sheet, script = (tmp_path / f"a.{kind}" for kind in ("html", "css", "js"))
    page.write_text(
        '<a href="https://x.org"></a><link href="//fonts.example/a.css"><script src="https://x.org/a.js"></script>'
        '<p style="background: url(http://x.org/a.png)">'
    )
    sheet.write_text('@import "https://x.org/a.css"; p { background: url(a.png) }')
    script.write_text('fetch("https://x.org/a.json"); const licence = "https://x.org"')
    assert [len(foreign(path)) for path in (page, sheet, script)] == [3, 1, 1]


def test_code_is_highlighted(manual: Path) -> None:
    text = (manual / "one-job.html").read_text("utf-8")
    assert '<span class="nt">workflow</span>' in text, "YAML is not coloured"
    assert '<span class="gp">$ </span>' in text, "sessions are not coloured"
