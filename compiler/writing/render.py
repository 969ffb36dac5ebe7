"""Rendering of templates, with the quoting of the language that each produces.

The environment of a language quotes every ``{{ value }}``. It does not quote text that is already in that language,
which is marked with :class:`Verbatim`. An undefined name or None is an error.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reana_batch.printable import printable

if TYPE_CHECKING:
    import jinja2

# Text, or pieces of text that are made while the file is written.
Text = str | Iterable[str]


@dataclass(frozen=True, slots=True)
class File:
    """A file to be written below the run directory."""

    path: str
    text: Text
    executable: bool = False


_PLAIN = re.compile(r"[A-Za-z0-9_~.,:/+@&|()*\[\]-]*")
_DAG_WORD = re.compile(r"""[^\s"'\\+]+""")
_ONE_LINE = 10**9  # characters
_FLOW = re.compile(r"[][{},:?]")  # what a list on one line takes for its own
_MAKE_WORD = re.compile(r"[^\s:#%=\\|;()]+")


class Verbatim(str):
    """Text that is already in the language of its file."""

    __slots__ = ()


class Unquotable(ValueError):
    """A value that the language cannot express."""


def mebibytes(size: int | None) -> int | str:
    """Return a number of bytes in whole MiB, rounded up. None and zero give an empty text."""
    return -(-size // 1024**2) if size else ""


def for_shell(value: object) -> str:
    """Return one shell word. All values except integers are quoted, so that the shell interprets none."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "'\"'\"'") + "'"


def for_comment(value: object) -> str:
    """Return one line of printable text for a comment.

    It does not end with a backslash, because submit files and Makefiles would continue the comment on the next line.
    """
    return "".join(c if c.isprintable() else "?" for c in str(value)) + ("." if str(value).endswith("\\") else "")


def for_submit(value: object) -> str:
    """Return the value of an HTCondor submit command: one line without macros."""
    text = str(value)
    if "\n" in text or "\r" in text or "\0" in text:
        raise Unquotable("an HTCondor submit command must be one line")
    if text.rstrip().endswith("\\"):
        raise Unquotable("an HTCondor submit command cannot end with a backslash")
    return text.replace("$", "$(DOLLAR)")


def for_sbatch(value: object) -> str:
    """Return a value for an ``#SBATCH`` line. Values that would need quotes are refused."""
    text = str(value)
    if not _PLAIN.fullmatch(text):
        raise Unquotable(f"an #SBATCH line cannot hold {text!r}")
    return text


def for_classad(value: object) -> str:
    """Return a ClassAd string for a submit command, with its quotes."""
    return for_submit('"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"')


def for_dag(value: object) -> str:
    """Return a word of a DAG file, which cannot quote names."""
    text = str(value)
    if not _DAG_WORD.fullmatch(text):
        raise Unquotable(f"a DAG file cannot hold the name {text!r}")
    return text


def for_make(value: object) -> str:
    """Return a word of a Makefile, outside recipes."""
    text = str(value)
    if not _MAKE_WORD.fullmatch(text):
        raise Unquotable(f"a Makefile cannot hold the name {text!r}")
    return text.replace("$", "$$")


def for_yaml(value: object) -> str:
    """Return a scalar of YAML on one line, which every reader takes as this text or integer."""
    import yaml

    if isinstance(value, int):
        return str(value)
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unquotable("a YAML file must be UTF-8 text") from error
    style = None if text.isprintable() and not _FLOW.search(text) else '"'
    return yaml.safe_dump(text, default_style=style, allow_unicode=True, width=_ONE_LINE).split("\n")[0]


def for_yaml_block(text: str, indent: int) -> str:
    """Return a scalar of YAML that is lines of text, indented by this many blanks."""
    lines = text.removesuffix("\n").split("\n")
    if not all(line.isprintable() for line in lines) or text.startswith((" ", "\n")):
        return for_yaml(text)
    return "|\n" + "\n".join(line and " " * indent + line for line in lines)


def for_html(value: object) -> str:
    """Return text for HTML, also for the value of an attribute. Characters that control a terminal are escapes.

    Markup, which the macros of a template return, is HTML already.
    """
    import markupsafe

    return value if isinstance(value, markupsafe.Markup) else markupsafe.escape(printable(str(value)))


_QUOTING: dict[str, Callable[[object], str]] = {
    "sh": for_shell,
    "sbatch": for_sbatch,
    "sub": for_submit,
    "dag": for_dag,
    "make": for_make,
    "ini": str,
    "yaml": for_yaml,
    "html": for_html,
}


@functools.cache
def environment(language: str) -> jinja2.Environment:
    """Return the template environment of ``language``, a key of the quoting table."""
    import jinja2
    import markupsafe

    quote = _QUOTING[language]
    known = markupsafe.Markup if language == "html" else str  # of text that is already in the language

    def finalize(value: object) -> str:
        if value is None:
            raise jinja2.UndefinedError("a value to be written is None")
        return quote(value) if not isinstance(value, Verbatim) else known(value)

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("reana_batch.templates", ""),
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        autoescape=language == "html",  # noqa: S701  # so that what macros return is Markup; finalize quotes for the language
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["comment"] = lambda value: Verbatim(for_comment(value))
    made.filters["words"] = lambda values: Verbatim(" ".join(map(quote, values)))
    made.filters["block"] = lambda value, indent: Verbatim(for_yaml_block(value, indent))
    made.filters["classad"] = lambda value: Verbatim(for_classad(value))
    return made


@functools.cache
def _template(name: str, language: str) -> jinja2.Template:
    return environment(language).get_template(name)


def render(template: str, language: str, /, **values: object) -> str:
    """Return the rendered template, quoted for ``language``."""
    return _template(template, language).render(**values)


def packaged(name: str) -> str:
    """Return the text of a file of the templates that needs no values."""
    from importlib import resources

    return resources.files("reana_batch.templates").joinpath(name).read_text("utf-8")


def stream(template: str, language: str, /, **values: object) -> Iterable[str]:
    """Return the same as :func:`render`, in pieces that are rendered when they are read."""
    pieces = _template(template, language).stream(**values)
    pieces.enable_buffering(500)
    return pieces
