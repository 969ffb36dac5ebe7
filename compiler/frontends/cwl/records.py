"""The request to the process that reads a CWL workflow, and its answer: one JSON array per record.

A step has the names of the steps around it in its label: ``align/sort``. A job is a step, or one slice of a step that
is scattered: ``align[3]/sort``. Values have the JSON of :mod:`~reana_batch.frontends.cwl.values`. Locations of files in
the workspace start with ``WORKSPACE``, so that no record depends on the place of the run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any, NamedTuple

# Stands for the URL of the workspace in the locations of files, followed by a slash.
WORKSPACE = "workspace:"

# In the workspace: the directories of all jobs and their results; the outputs, as in REANA; and the output object.
FOLDER = "cwl"
OUTPUTS = "outputs"
OUTPUT_OBJECT = f"{FOLDER}/outputs.json"

# In the command lines of jobs: stand for the path of the workspace, and for the directories of jobs, by their numbers.
# No shell quotes these characters.
WORKSPACE_MARK = "/reana-batch-cwl-5b1e9a27/workspace"
JOBS_MARK = "/reana-batch-cwl-5b1e9a27/jobs/"
OWN_MARK = f"{JOBS_MARK}own"

# Variables of the job that the command of a tool gets: what credentials and REANA's clients need.
PASSED = ("KRB5CCNAME", "X509_USER_PROXY", "X509_CERT_DIR")
PASSED_PREFIXES = ("RUCIO_", "REANA_")

# What the worker runs, in the folder of a step.
TASK = "task.json"


class Part(NamedTuple):
    """A step whose jobs only the run can know, when it is known. Its planner reads it again."""

    name: str  # of its record
    label: str
    task: Any  # the frozen workflow with this one step
    inputs: Mapping[str, Any]  # by port of the step: the values, all known


class Request(NamedTuple):
    """What to read."""

    document: str  # the path or URL of the document, with #NAME if it has several; empty in an expansion
    parameters: Mapping[str, Any]  # the inputs; locations are relative to the workspace
    directory: str  # the workspace, or the directory that replaces it when the user compiles
    target: str  # an output, step or input of the workflow: nothing else is wanted; empty for all
    parts: list[Part] | None = None  # of an expansion
    evaluate: bool = True  # are conditions and expressions with known values evaluated?
    defer: bool = False  # do all inputs count as known only in the run? For tests
    analysis: str = ""  # its directory: places are relative to it, and so are files that the document names
    whole: bool = False  # do inputs come from this whole machine, and not from the analysis alone?
    text: str = ""  # of the document, at its lines and columns, if it is a part of the file that ``document`` names


class TaskRecord(NamedTuple):
    """How the jobs of a step run: a workflow with this one step, frozen."""

    task: Any


class StepRecord(NamedTuple):
    """What jobs have in common. Jobs of a label that ask for different resources have different records."""

    label: str
    place: tuple[str, int, int]  # file, line and column of the step, or of a tool that is not a step
    task: int  # the number of its record
    image: str  # dockerPull, or another name of the image; empty if none
    image_required: bool  # is it required, or only a hint?
    hints: list[tuple[str, Any, tuple[str, int, int]]]  # of the class reana: name, value, place; the first counts
    cpus: int | None
    memory: int | None  # bytes
    disk: int | None  # bytes
    runtime: int | None  # seconds, of ToolTimeLimit
    gpus: int | None
    command: bool  # does it run a command in the image or on the machine? Otherwise only an expression
    known: bool = False  # do its jobs have their command lines?


class ValueRecord(NamedTuple):
    """A value of a port. Several jobs can have the same."""

    value: Any


class FileRecord(NamedTuple):
    """A file that a job makes, whatever its inputs are."""

    port: str  # the output
    path: str  # relative to the directory of the job
    format: str  # a URL, or an empty text

    def value(self, directory: str) -> dict[str, Any]:
        """Return the value of the output. ``directory`` is the location of the job's directory."""
        more = {"format": self.format} if self.format else {}
        location = f"{directory}/{self.path}"
        return {"class": "File", "location": location, "basename": posixpath.basename(self.path), **more}


class CommandRecord(NamedTuple):
    """The command line of a job. Paths of files begin with marks."""

    words: list[str]
    stdin: str
    stdout: str
    stderr: str
    variables: list[str]  # NAME=VALUE
    files: list[FileRecord]  # by output


class JobRecord(NamedTuple):
    """A job. Jobs have numbers in the order of their records."""

    step: int  # the number of its record
    name: str
    inputs: Mapping[str, int]  # by port of the step: the number of the value's record
    command: CommandRecord | None = None  # None if only the job can know it


def command_record(json: list[Any]) -> CommandRecord:
    """Return a command line from its JSON."""
    record = CommandRecord(*json)
    return record._replace(files=[FileRecord(*each) for each in record.files])


def job_record(step: int, name: str, inputs: Mapping[str, int], command: list[Any] | None = None) -> JobRecord:
    """Return the record of a job from its JSON."""
    return JobRecord(step, name, inputs, command_record(command) if command else None)


class PendingRecord(NamedTuple):
    """A step whose jobs only the run can know."""

    label: str
    name: str  # that of the step, or of its slice
    place: tuple[str, int, int]
    reason: str  # what only the run can know, such as "how many items split makes"
    task: int  # the number of its record
    inputs: Mapping[str, int]  # as in JobRecord


class EndRecord(NamedTuple):
    """The outputs, when everything has been read."""

    outputs: Mapping[str, Any]  # by output of the workflow. In an expansion: by the name of each part, and then by port
    version: str  # of CWL, as written in the document
    workflow: bool = True  # is the document a workflow, or a single tool?


class Fault(NamedTuple):
    """The reason why there are no jobs, or a warning."""

    kind: str  # a row of MESSAGES in messages.py
    place: tuple[str, int, int] | None  # file, line and column in a CWL document
    parameter: str  # the parameter of reana.yaml that the fault is about, or an empty text
    words: list[str]  # what the message of this kind needs
