"""What a job asks HTCondor for, changed in the submit file of its step or in the queue."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reana_batch.writing.directives import with_line
from reana_batch.writing.render import for_submit, mebibytes

SETTINGS = frozenset({"htcondor.accounting_group"})


def time_limit(seconds: int) -> str:
    """Return the expression that is true when a job has run for too long."""
    return f"JobStatus == 2 && time() - JobCurrentStartDate > {seconds}"


def with_requests(submit_file: str, asked: Mapping[str, int | str]) -> str:
    """Return the submit file with other requests."""
    for name, value in asked.items():
        for old, new in _commands(name, value, submit_file).items():
            submit_file = with_line(submit_file, old, new, r"queue\b")
    return submit_file


def _commands(name: str, value: int | str, submit_file: str) -> dict[str, str]:
    """Return the submit commands of a request, each under the pattern of the one that it replaces."""
    if name == "memory":
        return {"request_memory *=": f"request_memory = {mebibytes(int(value))} MB"}
    if name != "runtime":
        return {"accounting_group *=": f"accounting_group = {for_submit(value)}"}
    limits = {
        r"MY\.(JobFlavour|MaxRuntime) *=": f"MY.MaxRuntime = {value}",
        "periodic_remove *=": f"periodic_remove = {time_limit(int(value))}",
    }
    # A file without a limit gets both, because only one of them has an effect on each pool.
    return {old: new for old, new in limits.items() if re.search(f"^{old}", submit_file, re.MULTILINE)} or limits


def attributes(asked: Mapping[str, int | str]) -> dict[str, str]:
    """Return the attributes of a queued job with other requests, as ClassAd expressions."""
    found = {}
    if "memory" in asked:
        found["RequestMemory"] = str(mebibytes(int(asked["memory"])))
    if "runtime" in asked:
        found |= {"MaxRuntime": str(asked["runtime"]), "PeriodicRemove": time_limit(int(asked["runtime"]))}
    return found
