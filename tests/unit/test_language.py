"""Plain English: words that texts for people may not use. The list and the reasons are in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What is read: files, and folders with all that is in them.
READ = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "samples",
    "compiler",
    "backends",
    "benchmarks",
    "tests",
    "templates",
    "Makefile",
    "pyproject.toml",
    "setup.cfg",
    ".ci",
)

# How CONTRIBUTING.md names a word, and what finds it.
WORDS = {
    "nobody": r"nobody",
    "beside": r"beside",
    "anew": r"anew",
    "alike": r"alike",
    "as far as": r"as far as",
    "hand on": r"hand(?:s|ed|ing)? (?:\w+ )?(?:on|in|over)",
    "bear": r"bears?|bore|borne|bearing",
    "mend": r"mend(?:s|ed|ing)?",
    "unheard": r"unheard",
    "is no": r"(?<!there )(?:is|are|was|were) no(?! (?:longer|more than))",
    ", for": r"(?<=\w), for(?! (?:example|instance))|(?<=[`)]), for(?! (?:example|instance))",
    "but for": r"but for",
    "whoever": r"whoever|whosoever",
    "become of": r"(?:becomes?|became) of|of what became",
    "no more": r"no more(?! than)",
    "deinstall": r"deinstall(?:s|ed)?",
    "by way of": r"by way of",
    "all the same": r"all the same",
    "for ever": r"for ever",
    "lie": r"lies?|lay|lain|lying",
    "stand": r"stands?(?! for)|stood(?! for)",
    "live": r"lives?|lived|living",
    "in vain": r"in vain",
    "therein": r"(?:there|here|where)(?:in|of|by|upon|with)",
    "take along": r"(?:tak(?:es?|en|ing)|took|br(?:ings?|ought)) along",
}
_FORBIDDEN = {name: re.compile(rf"(?<![\w-])(?:{pattern})(?![\w-])", re.IGNORECASE) for name, pattern in WORDS.items()}
_FORBIDDEN[", for"] = re.compile(rf"(?:{WORDS[', for']})(?!\w)")

Line = tuple[int, str]


def _markdown(text: str) -> Iterator[Line]:
    """Yield the prose, without code, targets of links, and parts made from the program."""
    hidden = False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"```|<!-- (?!end)", line):
            hidden = line != "```" or not hidden
        elif line == "<!-- end -->":
            hidden = False
        elif not hidden and not line.startswith("    "):
            yield number, re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "`", line))


def _python(text: str) -> Iterator[Line]:
    """Yield comments, and strings of several words: docstrings and messages."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield from enumerate(node.value.splitlines(), node.lineno)


def _bash(text: str) -> Iterator[Line]:
    """Yield comments, and quoted texts of several words."""
    for number, line in enumerate(text.splitlines(), 1):
        code, _, comment = line.partition("# ") if re.search(r"(?:^|\s)##? ", line) else (line, "", "")
        yield number, comment
        for quoted in re.findall(r'"([^"]* [^"]* [^"]*)"', code):
            yield number, quoted


READERS: dict[str, Callable[[str], Iterator[Line]]] = {
    ".md": _markdown,
    ".py": _python,
    **dict.fromkeys((".sh", ".j2", ".toml", ".cfg"), _bash),
}


def kind_of(path: Path) -> str:
    """Return the suffix that selects the reader. A Makefile, a Snakefile and a script without a suffix count as bash."""
    if path.name in ("Makefile", "Snakefile"):
        return ".sh"
    if not path.suffix and path.is_file():
        return ".sh" if path.read_bytes().startswith(b"#!/bin/bash") else ""
    return path.suffix


def found(text: str, kind: str) -> list[str]:
    """Return the lines with words of the list, each with the word."""
    return [
        f"{number}: {name}: {line.strip()}"
        for number, line in sorted(READERS[kind](text))
        for name, pattern in _FORBIDDEN.items()
        if pattern.search(line)
    ]


def pages() -> Iterator[Path]:
    for place in (ROOT / name for name in READ):
        inside = sorted(each for each in place.rglob("*") if kind_of(each) in READERS and each != Path(__file__))
        yield from inside if place.is_dir() else [place]


@pytest.mark.parametrize("page", list(pages()), ids=lambda page: str(page.relative_to(ROOT)))
def test_words_are_plain(page: Path) -> None:
    assert found(page.read_text("utf-8"), kind_of(page)) == []


@pytest.mark.parametrize("name", READ)
def test_what_is_read_exists(name: str) -> None:
    assert (ROOT / name).exists()


def test_scripts_without_a_suffix_are_read() -> None:
    assert {ROOT / "tests/site/site", ROOT / "tests/site/services/slurm-set", ROOT / ".ci/run"} <= set(pages())


def test_contributing_lists_the_words() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = re.search(r"\| Not \| But \|\n\| --- \| --- \|\n((?:\|.*\n)*)", text)
    assert table
    assert re.findall(r"^\| `([^`]*)`", table[1], re.MULTILINE) == list(WORDS)


@pytest.mark.parametrize(
    ("kind", "text", "count"),
    [
        (".md", "A run lies there, for it was made anew.\n", 3),
        (
            ".md",
            "`nobody`\n\n```console\n$ nobody\n```\n\n    nobody\n\n[a](nobody.md), for example. It is no longer.\n",
            0,
        ),
        (".md", "<!-- codes -->\n\n| nobody |\n\n<!-- end -->\n\nnobody\n", 1),
        (".py", '"""Whoever reads."""\nx = 1  # mend it\nerror(f"It is no {x} number.")\nlie = "beside"\n', 3),
        (".sh", 'lie=1 # nobody\n# beside\nsay "this is no row" "$lie"\n', 3),
        (".j2", "# handed on\n", 1),
        (".cfg", "[a]\n# nobody\nnobody = nobody\n", 1),
        (".sh", "made: all ## Mend it\n", 1),
    ],
)
def test_words_are_seen_where_a_person_reads_them(kind: str, text: str, count: int) -> None:
    assert len(found(text, kind)) == count
