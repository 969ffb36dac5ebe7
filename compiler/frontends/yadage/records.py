"""The request to the process that expands a Yadage workflow, and its answer: one JSON array per record.

A node is a step of Yadage. Its name is the path of its work directory in the workspace, such as ``merge`` or
``signal/select_0``. The node of a workflow's parameters is ``init``, or ``signal/init`` in a sub-workflow.
A path is that of a value in the definition, from its root.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

# Stands for the path of the workspace in everything that is kept after the reading.
WORKSPACE = "$REANA_WORKSPACE"


class Process(NamedTuple):
    """A type of process that runs something."""

    word: str  # in the record of a stage
    key: str  # under which the definition has the command or script


PROCESSES = {
    "string-interpolated-cmd": Process("command", "cmd"),
    "interpolated-script-cmd": Process("script", "script"),
}


class Past(NamedTuple):
    """What the compilations before an expansion know. A stage is the directory of its scope, and its name."""

    stages: list[tuple[str, str]]  # the stages that the expansion adds, with all that their sub-workflows add
    done: list[str]  # the nodes whose results are read now
    finished: list[tuple[str, str]]  # the stages of other expansions that are done, with all that they added
    known: Mapping[str, Any]  # by node: the results that earlier compilations read


class Request(NamedTuple):
    """What to expand, and how."""

    definition: Any  # the workflow, with no reference to another file left
    parameters: Mapping[str, Any]  # of init
    directory: str  # the workspace, or the directory that replaces it when the user compiles
    initdir: str  # the directory of relative paths in the parameters, relative to the workspace
    past: Past | None  # None when the user compiles


class StageRecord(NamedTuple):
    """What the jobs of a stage have in common. A stage with cases has one record for each case."""

    path: list[str | int]  # of the packtivity
    label: str  # the names of the stages, the outermost first: signal/select
    process: str  # command, script, or none
    interpreter: str  # of a script
    pieces: list[str]  # the text around the fields of the command; one more than fields
    names: list[str]  # of each field: the parameter that it starts with
    environment: Mapping[str, Any]  # as Yadage has it, with defaults
    made: list[str]  # files that each job must make, relative to its work directory


class JobRecord(NamedTuple):
    """A node that runs a job."""

    stage: int  # its number in the order of the stages' records
    name: str
    fields: list[str]  # the texts in the command
    workdir: str  # environment.workdir; empty if none
    parents: list[str]  # the jobs and groups whose ends it waits for; their records come before


class GroupRecord(NamedTuple):
    """A name for several nodes, such as all nodes of a stage: who waits for it waits for all of them."""

    name: str  # not the name of a node
    members: list[str]  # jobs and groups whose records come before


class PendingRecord(NamedTuple):
    """A stage whose jobs only the run can know."""

    path: list[str | int]  # of the stage
    scope: str  # the directory of its scope; empty for the workflow's own
    name: str
    label: str
    nodes: list[str]  # the nodes it waits for whose results only the run can know
    pending: list[int]  # the numbers of the pending stages it waits for, in the order of their records
    parents: list[str]  # further jobs and groups that it names, and those behind nodes that run no job


class EndRecord(NamedTuple):
    """The facts that are known when the expansion is complete."""

    known: Mapping[str, Any]  # as in Past: all results that were read from the disk so far


# The kinds of faults that are warnings.
WARNINGS = frozenset({"unused-scatter", "no-case", "condition", "left-out", "no-match", "path", "number"})


class Fault(NamedTuple):
    """The reason why there are no jobs, or a warning."""

    kind: str  # a row of the table of messages in process.py, or the class of an exception
    path: list[str | int]
    words: list[str]  # what the message of this kind needs; of an exception, its text
