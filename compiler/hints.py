"""REANA's resource hints: how each is read.

The table is reana_commons' analysis schema with the rules of reana-job-controller (0.95 line). Which
hint becomes which native directive is each target's own table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from reana_batch import expressions
from reana_batch.diagnostics import Diagnostics
from reana_batch.ir import Credential, Hint

Reader = Callable[[str], object]


def _slurm_word(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.,@+-]+", text):
        raise expressions.Unreadable(f'Expected names of partitions, not "{text}"')
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise expressions.Unreadable("Expected one line of printable text")
    return text


def _megabytes(text: str) -> int:
    return expressions.positive_integer(text) * 1024**2


# hint -> how its value is read, and the code of the fault when it cannot be
READERS: dict[str, tuple[Reader, str]] = {
    "kubernetes_cpu_request": (expressions.kubernetes_cpu, "bad-cpu"),
    "kubernetes_cpu_limit": (expressions.kubernetes_cpu, "bad-cpu"),
    "kubernetes_memory_request": (expressions.kubernetes_memory, "bad-size"),
    "kubernetes_memory_limit": (expressions.kubernetes_memory, "bad-size"),
    "kubernetes_job_timeout": (expressions.positive_integer, "bad-time"),
    "kubernetes_uid": (expressions.positive_integer, "bad-value"),
    "htcondor_max_runtime": (expressions.max_runtime, "bad-time"),
    "htcondor_accounting_group": (_one_line, "bad-value"),
    "htcondor_request_cpus": (expressions.positive_integer, "bad-cpu"),
    "htcondor_request_memory": (expressions.condor_memory, "bad-size"),
    "htcondor_request_disk": (expressions.condor_disk, "bad-size"),
    "htcondor_requirements": (_one_line, "bad-value"),
    "slurm_partition": (_slurm_word, "bad-value"),
    "slurm_time": (expressions.slurm_time, "bad-time"),
    "c4p_cpu_cores": (expressions.positive_integer, "bad-cpu"),
    "c4p_memory_limit": (_megabytes, "bad-size"),
    "c4p_additional_requirements": (_one_line, "bad-value"),
}

# Hints that steer the compiler itself; every target knows them.
STEERING = frozenset({"compute_backend", "unpacked_img", "kerberos", "voms_proxy", "rucio"})

KNOWN = READERS.keys() | STEERING

_CURES = {
    "bad-size": "write 8Gi or 256M for kubernetes_*, 8 GB for htcondor_* (bare numbers there count MB).",
    "bad-cpu": "write a number such as 4.",
    "bad-time": "write the value as REANA documents it, for example 'workday', '3600' or '60'.",
    "bad-value": "see REANA's documentation of this hint.",
}


def check(hints: Mapping[str, Hint], diagnostics: Diagnostics) -> None:
    """Record every hint whose value cannot be read, and requests above their limits."""
    for name, hint in hints.items():
        if name in READERS and hint.value != "":
            reader, code = READERS[name]
            try:
                reader(str(hint.value))
            except expressions.Unreadable as error:
                diagnostics.error(code, f"{name}: {error}.", hint.place, _CURES[code])
    for kind in ("cpu", "memory"):
        _check_request(f"kubernetes_{kind}_request", f"kubernetes_{kind}_limit", hints, diagnostics)


def _check_request(request: str, limit: str, hints: Mapping[str, Hint], diagnostics: Diagnostics) -> None:
    if request in hints and limit in hints:
        asked, most = value(request, hints[request]), value(limit, hints[limit])
        if isinstance(asked, int) and isinstance(most, int) and asked > most:
            message = f"{request} must be at most {limit}, which is {hints[limit].value}."
            diagnostics.error("bad-value", message, hints[request].place)


def value(name: str, hint: Hint) -> object | None:
    """Return what the hint says in plain units (bytes, seconds, CPUs), or None if it is unreadable or empty.

    ``htcondor_max_runtime`` may come back as the name of a job flavour.
    """
    if hint.value == "":
        return None  # REANA's own default for "not given"
    reader, _ = READERS[name]
    try:
        return reader(str(hint.value))
    except expressions.Unreadable:
        return None


def credentials(hints: Mapping[str, Hint]) -> frozenset[Credential]:
    """Return the credentials that the hints ask for."""
    return frozenset(each for each in Credential if each.value in hints and hints[each.value].value is True)


def first(names: tuple[str, ...], hints: Mapping[str, Hint]) -> Iterator[tuple[Hint, object]]:
    """Yield the first of ``names`` that is given and readable, with its value; nothing if none is."""
    for name in names:
        if name in hints:
            found = value(name, hints[name])
            if found is not None:
                yield hints[name], found
                return
