"""What the process that reads a Snakefile is asked, and what it answers: one JSON array per record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Request(NamedTuple):
    """What to read, and as what."""

    snakefile: str
    directory: str  # where the workflow works: its paths are relative to it
    config: Mapping[str, Any]
    goes_on: bool  # whether to list only what is left to do, or all of the workflow
    profiles: Mapping[str, str]  # what names them: profile, workflow-profile


class RuleRecord(NamedTuple):
    """A rule, before the first of its jobs."""

    name: str
    file: str
    line: int
    action: str  # shell, none, or what only Snakemake can run
    local: bool
    shadow: str
    checkpoint: bool
    conda: bool
    modules: bool


class JobRecord(NamedTuple):
    """A job, or a group of jobs that run as one."""

    rule: int  # by the order of the rules' records
    label: str  # of a group
    wildcards: list[list[str]]
    inputs: list[str]
    outputs: list[str]
    flags: list[str]  # of each output, with commas
    logs: list[str]
    benchmark: bool
    commands: list[str]  # of a single job with shell:, by attempt; one if all are the same, none if late
    targets: list[str]  # what Snakemake itself is told to make for this job
    rules: list[str]
    container: str
    threads: int
    resources: list[dict[str, Any]]  # by attempt, with the threads; one if all are the same
    retries: int
    parents: list[int]  # by the order of the jobs' records, in which they may come later
    deferred: bool  # its inputs are known when a checkpoint is done
    grouped: bool
    late: list[str]  # the params, resources and threads that only the run can know
    inside: list[str]  # those of the resources that depend on what the group itself makes


class Fault(NamedTuple):
    """Why there are no jobs."""

    kind: str  # the class of Snakemake's or Python's exception
    message: str
    file: str
    line: int  # 0 if unknown
    rule: str
