"""What the process that reads a Snakefile is asked, and what it answers: one JSON array per record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# What stands for the path of the workspace in what outlasts the reading.
WORKSPACE = "$REANA_WORKSPACE"


class Past(NamedTuple):
    """What the compilations before an expansion know; a job is its rule and its wildcards, as text."""

    ran: list[str]  # the run has done these, whatever the times of their files say
    kept: list[str]  # these did not have to run: their outputs are inputs of the analysis
    given: list[str]  # inputs of the analysis that a rule could make


class Request(NamedTuple):
    """What to read, and as what."""

    snakefile: str
    directory: str  # the workspace, or what stands for it when the user compiles
    config: Mapping[str, Any]
    past: Past | None  # None when the user compiles
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
    body: str  # what Snakemake runs: a command, the source of run:, or the name of a script, notebook or wrapper


class JobRecord(NamedTuple):
    """A job, or a group of jobs that run as one."""

    rule: int  # by the order of the rules' records
    keys: list[str]  # of each member
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
    storage: bool  # is any of its files in a storage, from which Snakemake fetches it?


class KeptRecord(NamedTuple):
    """A job that does not run: its outputs are inputs of the analysis."""

    rule: int
    key: str
    outputs: list[str]


class EndRecord(NamedTuple):
    """What is known when the graph is complete."""

    shell_prefix: str
    workdir: str  # where commands work, relative to the workspace; empty if there
    targets: list[str]  # the files that are asked for
    given: list[str]  # as in Past


class Fault(NamedTuple):
    """Why there are no jobs."""

    kind: str  # the class of Snakemake's or Python's exception
    message: str
    file: str
    line: int  # 0 if unknown
    rule: str
    column: int = 0  # 0 if unknown
    note: str = ""  # a sentence about a further place in the same file
    note_line: int = 0
    note_column: int = 0
