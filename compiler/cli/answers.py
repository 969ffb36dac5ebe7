"""The answer of a command, printed as text or as JSON, and the faults that end a command.

The function of a command returns an :class:`Answer`; :func:`answering` prints it and exits.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import click

from reana_batch.amounts import counted
from reana_batch.cli.terminal import Piece, print_pieces, say, show
from reana_batch.printable import printable_json
from reana_batch.run import reasons

if TYPE_CHECKING:
    from pathlib import Path

    from reana_batch.diagnostics import Diagnostics, Refused

# Exit codes; click itself exits with 2 for wrong usage.
EXIT_FAILED = 1  # the workflow ran and failed
EXIT_REFUSED = reasons.REFUSED  # the analysis or a setting has faults
EXIT_INTERRUPTED = 130

SCHEMA_VERSION = 1

Record = Mapping[str, Any]

# The words of the command line are searched for --json, because wrong usage must be printed as JSON too.
_JSON = "--json"
json_option = click.option(_JSON, is_flag=True, expose_value=False, help="Print one JSON object on stdout.")


@dataclass(frozen=True)
class Answer:
    """The result of a command: a record for programs, and pieces of text.

    Only one of ``record`` and ``shown`` is used. If one takes long to make, it is a function or an iterator.
    """

    record: Record | Callable[[], Record]
    shown: Iterable[Piece] = ()
    diagnostics: Diagnostics | None = None
    code: int = 0


def answering(function: Callable[..., Answer]) -> Callable[..., None]:
    """Return a function that prints the answer of ``function`` and exits. It has the option ``--json``."""

    @json_option
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        as_json = wants_json()
        with guarded(as_json=as_json):
            answer = function(*args, **kwargs)
            if as_json:
                print_json(answer.record() if callable(answer.record) else answer.record, answer.diagnostics)
            else:
                print_pieces(answer.shown)
        sys.exit(answer.code)

    return run


def write_file(output: Path, content: bytes, *, new: bool = False, private: bool = False) -> None:
    """Write a file that the user named. Refused is raised if it cannot be written, or exists though it must be new.

    Only the user can read a private file. It is complete, or an earlier one stays. A link in its place is refused.
    """
    from reana_batch.diagnostics import refuse
    from reana_batch.files import is_replaceable, no_follow, write_whole

    try:
        if private and is_replaceable(output):
            write_whole(output, content)
            return
        with open(output, "xb" if new else "wb", opener=no_follow) as stream:
            stream.write(content)
    except FileExistsError as error:
        raise refuse("output-exists", f"{output} exists.", hint="replace it with --force, or name another.") from error
    except OSError as error:
        raise refuse("cannot-write", f"{output} cannot be written: {error.strerror}.") from error


# --- JSON ----------------------------------------------------------------------------------------


def asks_for_json(words: Sequence[str]) -> bool:
    """Return whether the words of a command line contain the option ``--json``."""
    return _JSON in words[: words.index("--") if "--" in words else None]


def wants_json() -> bool:
    """Return whether the user has asked the running command for JSON."""
    return bool(click.get_current_context().find_root().obj)


def print_json(record: Record, diagnostics: Diagnostics | None = None) -> None:
    """Print the answer of a command as one JSON object."""
    told = diagnostics.as_json() if diagnostics is not None else {"diagnostics": [], "more_diagnostics": 0}
    text = json.dumps({"schema_version": SCHEMA_VERSION, **record, **told}, indent=2, ensure_ascii=False, default=str)
    click.echo(printable_json(text))


# --- faults --------------------------------------------------------------------------------------


@contextlib.contextmanager
def guarded(*, as_json: bool) -> Iterator[None]:
    """End the program without a traceback for every fault that a user can cause."""
    from reana_batch.diagnostics import Refused, no_access

    _buffer_output()
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except Refused as refused:
        _end_refused(refused, as_json=as_json)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The program that reads our output has ended, as in `... | head`.
        _forget_output()
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if error.filename is not None:  # an error of the output has no file name
            _end_refused(no_access(error), as_json=as_json)
        _forget_output()
        say(f"error: The answer cannot be written: {error.strerror}. [cannot-write]", "red")
        sys.exit(EXIT_REFUSED)


@contextlib.contextmanager
def usage_errors(*, as_json: bool) -> Iterator[None]:
    """Print wrong usage as JSON if the user has asked for JSON. Afterwards click prints it on stderr and exits."""
    try:
        yield
    except click.ClickException as error:
        if as_json:
            from reana_batch.diagnostics import refuse

            with guarded(as_json=False):
                print_json({"error": True}, refuse("usage", error.format_message()).diagnostics)
        raise


def _end_refused(refused: Refused, *, as_json: bool) -> NoReturn:
    from reana_batch.diagnostics import Severity

    show(refused.diagnostics)
    if as_json:
        print_json({"error": True}, refused.diagnostics)
    say(f"==> ERROR: {counted(refused.diagnostics.count(Severity.ERROR), 'fault')}.", "red")
    sys.exit(EXIT_REFUSED)


def _buffer_output() -> None:
    """Give stdout a buffer even if PYTHONUNBUFFERED is set. If it is closed, open /dev/null instead.

    Without a buffer Python does not report that a pipe or a full disk has accepted only a part of the output. We flush
    all output directly after printing it.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # open until the process ends
    elif isinstance(sys.stdout.buffer, io.RawIOBase):
        kept = {"encoding": sys.stdout.encoding, "errors": sys.stdout.errors}
        sys.stdout = open(sys.stdout.fileno(), "w", closefd=False, **kept)  # noqa: SIM115  # open until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters that the locale cannot encode


def _forget_output() -> None:
    """Prevent Python from writing the rest of the output again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
