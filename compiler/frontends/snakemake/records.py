"""The request to the process that reads a Snakefile, and its answer: one JSON array per record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# Stands for the path of the workspace in everything that is kept after the reading.
WORKSPACE = "$REANA_WORKSPACE"


class Past(NamedTuple):
    """What the compilations before an expansion know. A job is its rule and its wildcards, as text."""

    ran: list[str]  # the jobs that the run has done, whatever the times of their files are
    kept: list[str]  # the jobs that did not run, because their outputs are inputs of the analysis
    given: list[str]  # inputs of the analysis that a rule could make


class Request(NamedTuple):
    """What to read, and how."""

    snakefile: str
    directory: str  # the workspace, or the directory that replaces it when the user compiles
    config: Mapping[str, Any]
    past: Past | None  # None when the user compiles
    profiles: Mapping[str, str]  # under profile and workflow-profile: the user's names for them


class RuleRecord(NamedTuple):
    """A rule. It comes before the first of its jobs."""

    name: str
    file: str
    line: int
    action: str  # shell, none, or something that only Snakemake can run
    local: bool
    shadow: str
    checkpoint: bool
    conda: bool
    modules: bool
    body: str  # what Snakemake runs: a command, the source of run:, or the name of a script, notebook or wrapper


class JobRecord(NamedTuple):
    """A job, or a group of jobs that run as one."""

    rule: int  # its number in the order of the rules' records
    keys: list[str]  # of each member
    label: str  # of a group
    wildcards: list[list[str]]
    inputs: list[str]
    outputs: list[str]
    flags: list[str]  # of each output, with commas
    logs: list[str]
    benchmark: bool
    commands: list[str]  # of a single job with shell:, by attempt; one if all are the same, none if late
    targets: list[str]  # what Snakemake on the worker must make for this job
    rules: list[str]
    container: str
    threads: int
    resources: list[dict[str, Any]]  # by attempt, with the threads; one if all are the same
    retries: int
    parents: list[int]  # their numbers in the order of the jobs' records; a parent may come later
    deferred: bool  # are its inputs known only when a checkpoint is done?
    grouped: bool
    late: list[str]  # the params, resources and threads that only the run can know
    inside: list[str]  # the resources that depend on files which the group itself makes
    storage: bool  # is any of its files in a storage, from which Snakemake fetches it?


class KeptRecord(NamedTuple):
    """A job that does not run: its outputs are inputs of the analysis."""

    rule: int
    key: str
    outputs: list[str]


class EndRecord(NamedTuple):
    """The facts that are known when the graph is complete."""

    shell_prefix: str
    workdir: str  # the folder in which commands work, relative to the workspace; empty if it is the workspace
    targets: list[str]  # the files that the first rule asks for
    given: list[str]  # as in Past


class Fault(NamedTuple):
    """The reason why there are no jobs."""

    kind: str  # the class of Snakemake's or Python's exception
    message: str
    file: str
    line: int  # 0 if unknown
    rule: str
    column: int = 0  # 0 if unknown
    note: str = ""  # a sentence about a further place in the same file
    note_line: int = 0
    note_column: int = 0
