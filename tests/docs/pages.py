"""The pages of the manual as data: their blocks, headings, links, and the tables made from the program."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
# The program that is installed for the tests.
PROGRAMS = Path(sys.executable).parent
REWRITE = os.environ.get("REWRITE_GOLDEN") == "1"

_BLOCK = re.compile(r"^```([\w{}]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


def read(page: Path) -> str:
    return page.read_text("utf-8")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return the blocks of a page in order: all, or those of one language."""
    found = [Block(*parts) for parts in _BLOCK.findall(read(page))]
    return [block for block in found if language in (None, block.language)]


def contents(page: Path) -> list[Path]:
    """Return the pages that the table of contents of a page lists, in order."""
    lines = (line for block in blocks(page, "{toctree}") for line in block.text.split() if not line.startswith(":"))
    return [page.with_name(f"{line}.md") for line in lines]


def title(block: Block) -> str:
    """Return the first line of a block without its comment mark. In many blocks it is a file name."""
    return block.text.partition("\n")[0].removeprefix("# ")


def is_file(block: Block) -> bool:
    """Return whether the first line of a block names a file of the reader."""
    return block.language in ("yaml", "python") and re.fullmatch(r"[\w.-]+\.(?:yaml|py)", title(block)) is not None


def prose(page: Path) -> str:
    """Return the page without its fenced blocks."""
    return _BLOCK.sub("", read(page))


def links(page: Path) -> Iterator[str]:
    """Yield the links of a page that do not lead to other sites."""
    yield from (link for link in _LINK.findall(prose(page)) if "://" not in link and not link.startswith("mailto:"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as Python-Markdown and GitHub make them."""
    plain = (re.sub(r"[`*]", "", heading).lower() for heading in _HEADING.findall(prose(page)))
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip()) for heading in plain}


def section(page: Path, heading: str) -> str:
    """Return the text under a heading of the second level."""
    found = re.search(rf"^## `?{re.escape(heading)}`?$(.*?)(?=^## |\Z)", read(page), re.MULTILINE | re.DOTALL)
    assert found, f"{name(page)} has no heading ## {heading}"
    return found[1]


def table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def check_made(page: Path, made: Mapping[str, str]) -> None:
    """Compare the parts of a page between ``<!-- NAME -->`` and ``<!-- end -->`` with the text from the program."""
    text = read(page)
    for part, wanted in made.items():
        found = re.search(rf"(?<=<!-- {part} -->\n)(.*?)(?=<!-- end -->)", text, re.DOTALL)
        assert found, f"{name(page)} has no part <!-- {part} -->"
        if REWRITE:
            text = f"{text[: found.start()]}\n{wanted}\n{text[found.end() :]}"
        else:
            assert found[0] == f"\n{wanted}\n", f"{part} in {name(page)}: accept with REWRITE_GOLDEN=1"
    if REWRITE:
        page.write_text(text, "utf-8")
