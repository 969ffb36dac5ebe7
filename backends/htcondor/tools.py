"""Calls of HTCondor: of its bindings if they are installed and reach the schedd, else of its command-line tools."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar

from reana_batch.diagnostics import Refused, refuse

_T = TypeVar("_T")
_TIMEOUT = 120  # seconds; a schedd that needs longer is down


# --- which schedd --------------------------------------------------------------------------------


def default_place() -> dict[str, str]:
    """Return the schedd that this machine's tools ask by default, and its pool. Unknown names are omitted."""

    def by_tool() -> dict[str, Any]:
        answer = tool("condor_config_val", "-macro", "|".join(f"$({name}:)" for name in _PLACE_SETTINGS))
        return dict(zip(_PLACE_SETTINGS, answer.strip().split("|"), strict=False))

    try:
        found = by_either(lambda bindings: {name: bindings.param.get(name) for name in _PLACE_SETTINGS}, by_tool)
    except Refused:  # for example a fault in the configuration, which the submission reports
        return {}
    host = str(found.get("FULL_HOSTNAME") or "")
    schedd = str(found.get("SCHEDD_HOST") or found.get("SCHEDD_NAME") or host)
    if schedd.endswith("@"):
        schedd += host
    elif not found.get("SCHEDD_HOST") and "@" not in schedd and schedd != host:
        schedd = f"{schedd}@{host}"
    place = {"schedd": schedd, "pool": str(found.get("COLLECTOR_HOST") or "")}
    return {name: value for name, value in place.items() if value}


_PLACE_SETTINGS = ("SCHEDD_HOST", "SCHEDD_NAME", "FULL_HOSTNAME", "COLLECTOR_HOST")


def variables_of(place: Mapping[str, str] | None) -> dict[str, str]:
    """Return the environment variables that make HTCondor's tools ask this schedd. Empty if it is their default."""
    if not place or place == default_place():
        return {}
    return {VARIABLES[name]: value for name, value in place.items()}


VARIABLES = {"schedd": "_CONDOR_SCHEDD_HOST", "pool": "_CONDOR_COLLECTOR_HOST"}


def schedd(bindings: ModuleType, settings: Mapping[str, str]) -> Any:
    """Return the schedd object of the bindings for these settings."""
    if not settings:
        return bindings.Schedd()
    collector = bindings.Collector(settings.get(VARIABLES["pool"]))
    location = collector.locate(bindings.DaemonType.Schedd, settings[VARIABLES["schedd"]])
    if location is None:  # Schedd(None) would be this machine's schedd
        raise OutOfReach
    return bindings.Schedd(location)


# --- the two ways --------------------------------------------------------------------------------


class OutOfReach(Exception):
    """The bindings do not reach the schedd, and have changed nothing there."""


def by_either(by_bindings: Callable[[ModuleType], _T], by_tool: Callable[[], _T]) -> _T:
    """Return the answer of the bindings. If they are not installed or do not reach the schedd, use the tools."""
    try:
        with _printing_to_stderr():
            import htcondor2

            return by_bindings(htcondor2)
    except (ImportError, OutOfReach):
        return by_tool()


@contextlib.contextmanager
def _printing_to_stderr() -> Iterator[None]:
    """Redirect the output of the bindings' C++ from stdout to stderr.

    For example, it prints the number of a rescue DAG.
    """
    kept = os.dup(1)
    sys.stdout.flush()
    os.dup2(2, 1)
    try:
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C has its own buffer
        os.dup2(kept, 1)
        os.close(kept)


def reaching(call: Callable[[], _T]) -> _T:
    """Return the result of ``call``. Every exception except Refused becomes OutOfReach."""
    try:
        return call()
    except Refused:
        raise
    except Exception as error:  # bindings of another version raise many types
        raise OutOfReach from error


def tool(name: str, *arguments: str, tolerate: str = "", settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """Run one of HTCondor's tools and return its output.

    Raises Refused if it is missing, fails, or gets no answer. A failure whose output has the text ``tolerate`` is none.
    ``settings`` are the variables that name a schedd.
    """
    environment = {**os.environ, **settings}
    words = [name, *arguments]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_TIMEOUT, check=False, env=environment)
    except FileNotFoundError:
        hint = "run this on a machine that submits to HTCondor."
        raise refuse("missing-tool", f"{name} is not installed here.", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise refuse("scheduler", f"{name} got no answer from the schedd in {_TIMEOUT} s.") from None
    if done.returncode != 0 and not (tolerate and tolerate in done.stdout + done.stderr):
        raise refuse("scheduler", f"{name} failed: {_error(done.stderr or done.stdout)}")
    return done.stdout


def _error(text: str) -> str:
    """Return the line that begins with "Error", or the last line. HTCondor may print an explanation after the error."""
    found = re.search(r"^Error: *(.+)", text, re.MULTILINE)
    return found[1].strip() if found else last_line(text)


def last_line(text: str) -> str:
    """Return the last line of a message that is not empty, or a sentence if it has none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it gave no reason"
