"""How to read REANA's resource hints, and the resources of Snakemake's plugins for batch systems.

The hints are those of reana_commons' analysis schema, with the rules of reana-job-controller (0.95 line).
Each target has a table of the native directives that hints become.
"""

from __future__ import annotations

import functools
import json
import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from reana_batch.credentials import CREDENTIALS
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Hint
from reana_batch.reading import expressions

Reader = Callable[[str], object]


class Form(NamedTuple):
    """How to read a hint."""

    read: Reader
    code: str  # of the fault when its value cannot be read
    cure: str  # what to write
    kind: str = "string"  # its JSON type in a step


def _slurm_word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.,@+-]+", text):
        raise expressions.Unreadable(f'Expected names of partitions, not "{text}"')
    return text


def _option(letters: str) -> Reader:
    """Return a reader of one word for sbatch, which may contain these letters."""

    def read(text: str) -> str:
        if not re.fullmatch(rf"[A-Za-z0-9_.,:+\-{letters}]+", text):
            raise expressions.Unreadable(f'Expected one word that sbatch accepts, not "{text}"')
        return text

    return read


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise expressions.Unreadable("Expected one line of printable text")
    if text.rstrip().endswith("\\"):
        raise expressions.Unreadable("Expected text that does not end in a backslash", len(text.rstrip()) - 1)
    return text


def _megabytes(text: str) -> int:
    return expressions.positive_integer(text) * 1024**2


_CPUS = "write a number such as '4'."
_SIZE = "write a size such as '8Gi' or '256M'."
_ONE_LINE = "see REANA's documentation of this hint."

# The hints. A batch system that honours a hint names it in ``hints`` of its TARGET.
READERS: dict[str, Form] = {
    "kubernetes_cpu_request": Form(expressions.kubernetes_cpu, "bad-cpu", _CPUS),
    "kubernetes_cpu_limit": Form(expressions.kubernetes_cpu, "bad-cpu", _CPUS),
    "kubernetes_memory_request": Form(expressions.kubernetes_memory, "bad-size", _SIZE),
    "kubernetes_memory_limit": Form(expressions.kubernetes_memory, "bad-size", _SIZE),
    "kubernetes_job_timeout": Form(
        expressions.positive_integer,
        "bad-time",
        "write seconds, such as 3600, without quotes.",
        "integer",
    ),
    "kubernetes_uid": Form(expressions.positive_integer, "bad-value", "write a number, without quotes.", "integer"),
    "htcondor_max_runtime": Form(
        expressions.max_runtime,
        "bad-time",
        "write seconds as text, such as '3600', or a job flavour such as workday.",
    ),
    "htcondor_accounting_group": Form(_one_line, "bad-value", _ONE_LINE),
    "htcondor_request_cpus": Form(expressions.positive_integer, "bad-cpu", _CPUS),
    "htcondor_request_memory": Form(
        expressions.condor_memory, "bad-size", "write '8 GB'. A number without a unit is in MB."
    ),
    "htcondor_request_disk": Form(
        expressions.condor_disk, "bad-size", "write '20 GB'. A number without a unit is in KB."
    ),
    "htcondor_requirements": Form(_one_line, "bad-value", _ONE_LINE),
    "slurm_partition": Form(_slurm_word, "bad-value", "write the name of a partition. sinfo lists them."),
    "slurm_time": Form(
        expressions.slurm_time,
        "bad-time",
        "write minutes as text, such as '60', or hours:minutes:seconds, such as '1:00:00'.",
    ),
    "c4p_cpu_cores": Form(expressions.positive_integer, "bad-cpu", _CPUS),
    "c4p_memory_limit": Form(_megabytes, "bad-size", "write megabytes as text, such as '8000'."),
    "c4p_additional_requirements": Form(_one_line, "bad-value", _ONE_LINE),
}

_NUMBER = Form(expressions.positive_integer, "bad-value", "write a whole number.")
_WORD = Form(_option("@"), "bad-value", "write it in sbatch's form.")

# The same for the resources of Snakemake's executor plugins for Slurm and HTCondor.
PLUGIN_READERS: dict[str, Form] = {
    "slurm_account": _WORD,
    "qos": _WORD,
    "reservation": _WORD,
    "constraint": Form(_option(r"@&|()*\[\]"), "bad-value", "write it in sbatch's form."),
    "gres": Form(_option("/"), "bad-value", "write it in sbatch's form, such as gpu:a100:1."),
    "gpu": _NUMBER,
    "gpu_model": Form(_option(""), "bad-value", "write the name of a GPU model. sinfo --Format=gres lists them."),
    "nodes": _NUMBER,
    "tasks": _NUMBER,
    "cpus_per_task": _NUMBER,
}
_ALL_READERS = ChainMap(READERS, PLUGIN_READERS)

# No command can run in less memory than this. The user has left out a unit.
LEAST_MEMORY = 6 * 1024**2


def steering() -> frozenset[str]:
    """Return the hints that steer the compiler itself. Every target has them."""
    return frozenset({"compute_backend", "unpacked_img", *CREDENTIALS})


def is_known(name: str) -> bool:
    """Return whether a step can have a hint of this name."""
    return name in READERS or name in steering()


def cure(name: str) -> str:
    """Return what to write for a hint. Hints that steer the compiler have no such text."""
    return _ALL_READERS[name].cure if name in _ALL_READERS else ""


@functools.lru_cache(2**17)
def _read(name: str, text: str) -> object:
    """Return the value of a hint, or an Unreadable that says why it has none.

    The result is cached, because many steps have the same hints and each hint is read more than once.
    """
    try:
        return _ALL_READERS[name].read(text)
    except expressions.Unreadable as error:
        return error.with_traceback(None)  # otherwise the cache would keep all frames of the traceback


def is_sound(name: str, value: Any, place: Place, diagnostics: Diagnostics) -> bool:
    """Return whether a hint that is written in a workflow has a value of the right kind. If not, record what it must be."""
    is_switch = name in steering() - {"compute_backend"}
    if isinstance(value, str | int) and isinstance(value, bool) == is_switch:
        return True
    expected = "true or false" if is_switch else "text or a whole number"
    message = f"{name} must be {expected}, not {json.dumps(value, ensure_ascii=False)}."
    diagnostics.error("bad-value", message, place, cure(name))
    return False


def check(hints: Mapping[str, Hint], diagnostics: Diagnostics) -> None:
    """Record hints whose value is unreadable or certainly a slip, and requests above their limits."""
    for name, hint in hints.items():
        if name in _ALL_READERS and hint.value != "":
            found = _read(name, str(hint.value))
            if isinstance(found, expressions.Unreadable):
                code, instead = _ALL_READERS[name].code, _unit_cure(name, str(hint.value))
                diagnostics.error(code, f"{name}: {found}.", hint.place, instead)
            else:
                _check_amount(name, hint, found, diagnostics)
    for kind in ("cpu", "memory"):
        _check_request(f"kubernetes_{kind}_request", f"kubernetes_{kind}_limit", hints, diagnostics)


def _check_amount(name: str, hint: Hint, amount: object, diagnostics: Diagnostics) -> None:
    """Record memory that is too little for any command."""
    if "memory" in name and isinstance(amount, int) and 0 < amount < LEAST_MEMORY:
        message = f"{name}: {hint.value} is only {amount:,} bytes of memory."
        megabytes = name.startswith("kubernetes") and str(hint.value).isdecimal() and amount < 10**5
        diagnostics.error("bad-size", message, hint.place, f"write '{hint.value}Mi'." if megabytes else cure(name))


# Sizes and durations in the notation of other hints and tools.
_AMOUNT = re.compile(r"(\d{1,9})\s*([KMGT])(i?)B?", re.IGNORECASE)
_DURATION = re.compile(r"(\d{1,9})\s*(s|sec|seconds?|m|min|minutes?|h|hr|hours?|d|days?)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _unit_cure(name: str, text: str) -> str:
    """Return what to write for a hint. For 8GB or 1h it is the same amount in the hint's own form."""
    size = _AMOUNT.fullmatch(text.strip())
    if size and _ALL_READERS[name].code == "bad-size" and not name.startswith("c4p"):
        number, unit, binary = size[1], size[2].upper(), size[3]
        return f"write '{number}{unit}{binary}'." if name.startswith("kubernetes") else f"write '{number} {unit}B'."
    found = _DURATION.fullmatch(text.strip())
    if _ALL_READERS[name].code != "bad-time" or not found:
        return cure(name)
    seconds = int(found[1]) * _SECONDS[found[2][0].lower()]
    if name == "slurm_time":
        return f"write '{-(-seconds // 60)}': a number without a unit is in minutes."
    number = str(seconds) if name == "kubernetes_job_timeout" else f"'{seconds}'"
    return f"write {number}: the number is in seconds."


def _check_request(request: str, limit: str, hints: Mapping[str, Hint], diagnostics: Diagnostics) -> None:
    if request in hints and limit in hints:
        asked, most = value(request, hints[request]), value(limit, hints[limit])
        if isinstance(asked, int) and isinstance(most, int) and asked > most:
            message = f"{request} must be at most {limit}, which is {hints[limit].value}."
            diagnostics.error("bad-value", message, hints[request].place)


def value(name: str, hint: Hint) -> object | None:
    """Return the hint's value in bytes, seconds or CPUs. An unreadable or empty hint is None.

    The value of ``htcondor_max_runtime`` may be the name of a job flavour.
    """
    if hint.value == "":
        return None  # an empty hint is REANA's default, and means "not given"
    found = _read(name, str(hint.value))
    return None if isinstance(found, expressions.Unreadable) else found


def credentials(hints: Mapping[str, Hint]) -> frozenset[str]:
    """Return the credentials that the hints ask for."""
    return frozenset(name for name in CREDENTIALS.keys() & hints.keys() if hints[name].value is True)


def first(names: tuple[str, ...], hints: Mapping[str, Hint]) -> tuple[Hint, object] | None:
    """Return the first of ``names`` that is given and readable, with its value, or None."""
    for name in names:
        if name in hints:
            found = value(name, hints[name])
            if found is not None:
                return hints[name], found
    return None
