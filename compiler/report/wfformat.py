"""A run as an instance of WfFormat 1.5, the JSON of WfCommons: https://github.com/wfcommons/WfFormat."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from reana_batch.printable import file_name
from reana_batch.report.provenance import Facts, JobFacts

SCHEMA_VERSION = "1.5"
# What an identifier may not have.
_FOREIGN = re.compile(r"[^0-9a-zA-Z_.-]")


def instance(facts: Facts) -> dict[str, Any]:
    """Return the instance. It has an execution only if the run has ended, because that has the time that it took."""
    jobs = list(facts.jobs)
    tasks = _identifiers(job.name for job in jobs)
    version = facts.run.manifest.made_by
    workflow = {"specification": _specification(facts, jobs, tasks)}
    ended = [job for job in jobs if job.record.started and job.record.ended]
    if facts.has_ended and ended:
        workflow["execution"] = _execution(facts, ended, tasks)
    return {
        "name": facts.run.manifest.workflow or facts.name,
        "description": f"Run {facts.name} on {facts.system}, which is {facts.state}.",
        "createdAt": _time(time.time()),
        "schemaVersion": SCHEMA_VERSION,
        **({"runtimeSystem": {"name": "reana-batch", "version": version}} if version else {}),
        "workflow": workflow,
    }


def _identifiers(names: Iterable[str]) -> dict[str, str]:
    """Return an identifier for each name. They are unique, also for names that differ in other characters alone."""
    return {name: f"{_FOREIGN.sub('_', file_name(name))}_ID{count:07d}" for count, name in enumerate(names, start=1)}


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def _specification(facts: Facts, jobs: Iterable[JobFacts], tasks: Mapping[str, str]) -> dict[str, Any]:
    known = {file.path: file for each in facts.outputs for file in each.files} | dict(facts.intermediate)
    made = dict.fromkeys(path for job in jobs for path in job.results)
    files = _identifiers(made)
    parents = {job.name: [*dict.fromkeys(tasks[parent.name] for parent in facts.parents_of(job))] for job in jobs}
    children: defaultdict[str, list[str]] = defaultdict(list)
    for name, found in parents.items():
        for parent in found:
            children[parent].append(tasks[name])
    return {
        "tasks": [
            {
                "name": facts.steps[job.step].label,
                "id": tasks[job.name],
                "parents": parents[job.name],
                "children": children[tasks[job.name]],
                "outputFiles": [files[path] for path in job.results],
            }
            for job in jobs
        ],
        "files": [{"id": files[path], "sizeInBytes": known[path].size} for path in made],
    }


def _execution(facts: Facts, ended: list[JobFacts], tasks: Mapping[str, str]) -> dict[str, Any]:
    hosts = sorted({job.record.host for job in ended} - {""})
    return {
        "makespanInSeconds": facts.span.seconds,
        "executedAt": _time(facts.span.started),
        "tasks": [{"id": tasks[job.name], **_measured(job)} for job in ended],
        **({"machines": [{"nodeName": host} for host in hosts]} if hosts else {}),
    }


def _measured(job: JobFacts) -> dict[str, Any]:
    """Return what is known of how a job ran."""
    record = job.record
    cpu = 100 * record.cpu / record.duration if record.cpu is not None and record.duration > 0 else None
    known = {
        "runtimeInSeconds": record.duration,
        "command": {"program": "bash", "arguments": ["-c", job.command]} if job.command else None,
        "avgCPU": cpu,
        "memoryInBytes": record.memory,
        "machines": [record.host] if record.host else None,
    }
    return {name: value for name, value in known.items() if value is not None}
