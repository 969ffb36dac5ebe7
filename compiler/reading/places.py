"""The places of each key of reana.yaml in the schemas, and the wrong keys that users write."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from reana_batch.diagnostics import closest
from reana_batch.frontend import FrontEnd
from reana_batch.reading import rules, schema

# What to write in a step instead of keys of similar tools, or of our keys without their prefix.
_MEMORY = "write kubernetes_memory_limit: 4Gi, or htcondor_request_memory: 4 GB."
_CPUS = 'write kubernetes_cpu_limit: "4", or htcondor_request_cpus: "4".'
_TIME = 'write slurm_time: "60" (minutes), htcondor_max_runtime: "3600" (seconds) or kubernetes_job_timeout: 3600.'
_DISK = "write htcondor_request_disk: 20 GB."
_IMAGE = "write the image under environment."
_COMMANDS = "write the commands under commands, as a list: each entry is one job."
_GPUS = "REANA has no hint for GPUs. On some sites, HTCondor accepts htcondor_requirements for them."
_SYNONYMS = {
    **dict.fromkeys(("memory", "mem", "mem_mb", "mem_gb", "ram", "slurm_mem", "slurm_memory"), _MEMORY),
    **dict.fromkeys(("cpu", "cpus", "cores", "threads", "ncpus", "slurm_cpus", "cpus_per_task"), _CPUS),
    **dict.fromkeys(("time", "walltime", "runtime", "timeout", "time_limit", "max_runtime", "maxruntime"), _TIME),
    **dict.fromkeys(("disk", "disk_mb", "storage"), _DISK),
    **dict.fromkeys(("image", "container", "docker", "docker_image", "singularity"), _IMAGE),
    **dict.fromkeys(("script", "shell", "run", "cmd", "cmds"), _COMMANDS),
    **dict.fromkeys(("gpu", "gpus", "request_gpus", "nvidia_gpu"), _GPUS),
    **dict.fromkeys(("partition", "queue"), "write slurm_partition."),
    "backend": "write compute_backend.",
    "resources": "write the hints directly in the step, without resources.",
    "env": "write export NAME=VALUE in the command itself.",
    "retries": "REANA has no retries; for HTCondor: --set htcondor.retries=3.",
}


def adviser(front_end: FrontEnd) -> schema.Advice:
    """Return a function that gives the advice for unknown keys in this type of reana.yaml."""
    return functools.partial(_advise, front_end)


def _advise(front_end: FrontEnd, path: list[str | int], key: str, known: list[str]) -> str:
    inside_step = path[:3] == ["workflow", "specification", "steps"]
    if inside_step and key.lower() in _SYNONYMS:
        return _SYNONYMS[key.lower()]
    meant = closest(key, known)
    places = [front_end.elsewhere[key]] if key in front_end.elsewhere else _index().get(key, [])
    if places and not (meant and meant.replace("_", "") == key.replace("_", "")):
        return f"{key} belongs to {' or to '.join(places)}; --lenient ignores it, as REANA does."
    if meant:
        return f"did you mean {meant}?"
    return f"known here: {', '.join(known)}; --lenient ignores all others, as REANA does."


@functools.cache
def _index() -> dict[str, list[str]]:
    """Return the places of each key under their names in messages."""
    found: dict[str, list[str]] = {}
    for key, place in _known(rules.of_analysis({}), ()):
        found.setdefault(key, []).append(place)
    found["steps"] = ["workflow.specification"]
    for key in rules.of_specification()["$defs"]["step"]["properties"]:
        found.setdefault(key, []).insert(0, "a step under workflow.specification.steps")
    return found


def _known(form: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key, inner in form.get("properties", {}).items():
        yield key, ".".join(path) or "the top of the file"
        yield from _known(inner, (*path, key))
