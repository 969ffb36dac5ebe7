"""Yadage's own engine, which runs analyses the way REANA's does, with the jobs as processes of this machine.

It keeps what it submitted, so that tests can compare the jobs of reana-batch with it.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import tempfile
import warnings
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import jq
import jsonpath_rw
import yaml
from packtivity.asyncbackends import ExternalAsyncBackend, ExternalAsyncProxy
from packtivity.handlers import publisher_handlers
from packtivity.syncbackends import acquire_job_env, finalize_inputs
from yadage.backends.packtivitybackend import PacktivityBackend
from yadage.steering_api import steering_ctx

WORKSPACE = "$REANA_WORKSPACE"


class Job(NamedTuple):
    """A job that the engine submitted. The workspace's path in its texts is replaced by ``WORKSPACE``."""

    name: str  # its work directory in the workspace
    command: str  # or the script
    interpreter: str  # of a script; empty for a command
    parents: frozenset[str]  # the jobs whose results it takes


@dataclass
class Answer:
    """What a run of the engine did."""

    jobs: dict[str, Job] = field(default_factory=dict)  # in the order of their submission
    failed: set[str] = field(default_factory=set)


def run(workspace: Path, *, jobs_run: bool = True) -> Answer:
    """Run the analysis of the ``reana.yaml`` in ``workspace``, in this directory. Failed jobs are named in the answer.

    Without ``jobs_run`` each job succeeds and does nothing.
    """
    workspace = workspace.resolve()
    answer = Answer()
    backend = PacktivityBackend(
        packtivity_backend=_Backend(job_backend=_Jobs(workspace, answer, jobs_run)),
        backendopts={"purepubopts": {"exec": {"logging": False}}},
    )
    options = {"accept_metadir": True, "visualize": False, "updateinterval": 0, **_given(workspace)}
    with (
        tempfile.TemporaryDirectory() as records,
        _settled(),
        _ending_with_failures(answer),
        steering_ctx(backend=backend, metadir=records, **options) as steering,
    ):
        workflow = steering.workflow  # it runs when the context ends
    parents = _parents(workflow, workspace)
    answer.jobs = {name: job._replace(parents=parents[name]) for name, job in answer.jobs.items()}
    return answer


def _given(workspace: Path) -> dict[str, Any]:
    """Return the arguments that REANA's engine makes of an analysis."""
    analysis = yaml.safe_load((workspace / "reana.yaml").read_text("utf-8"))
    inputs = analysis.get("inputs", {})
    options = inputs.get("options", {})
    initial = [yaml.safe_load((workspace / name).read_text("utf-8")) for name in options.get("initfiles", [])]
    return {
        "dataarg": f"local:{workspace}",
        "dataopts": {"initdir": str(workspace / options.get("initdir", ""))},
        "toplevel": str(workspace / options.get("toplevel", "")),
        "workflow": analysis["workflow"]["file"],
        "initdata": dict(ChainMap(inputs.get("parameters", {}), *reversed(initial))),
    }


@contextlib.contextmanager
def _ending_with_failures(answer: Answer) -> Iterator[None]:
    """Let a workflow end whose jobs have failed. Any other fault is raised."""
    try:
        yield
    except RuntimeError as fault:
        if str(fault) != "workflow finished but failed" or not answer.failed:
            raise


@contextlib.contextmanager
def _settled() -> Iterator[None]:
    """Sort what patterns match: REANA has the order of the directory. Compile each program of jq and path once.

    Packtivity does not close the files that it reads.
    """
    glob = publisher_handlers.glob2.glob
    with (
        warnings.catch_warnings(action="ignore", category=ResourceWarning),
        mock.patch.object(publisher_handlers.glob2, "glob", lambda pattern: sorted(glob(pattern))),
        mock.patch.object(jq, "jq", functools.cache(jq.jq)),
        mock.patch.object(jsonpath_rw, "parse", functools.cache(jsonpath_rw.parse)),
    ):
        yield


class _Backend(ExternalAsyncBackend):  # type: ignore[misc]  # yadage has no types
    """The backend of REANA's engine: as packtivity's own, but publishers see the parameters that the job gets."""

    def submit(self, spec: Any, parameters: Any, state: Any, metadata: Any = None) -> ExternalAsyncProxy:
        """Submit a job and return how the engine asks for it."""
        parameters, state = finalize_inputs(parameters, state)
        job, environment = acquire_job_env(spec, parameters, state, metadata, self.config)
        name = self.job_backend.submit(job, environment, state)
        return ExternalAsyncProxy(name, spec, state.json(), parameters.json())


class _Jobs:
    """The system that runs the jobs: each one at once, as the job controller of REANA would start it."""

    def __init__(self, workspace: Path, answer: Answer, jobs_run: bool) -> None:
        self._workspace = workspace
        self._answer = answer
        self._jobs_run = jobs_run

    def submit(self, job: Mapping[str, str], environment: Mapping[str, Any], state: Any) -> str:
        """Run a job and return its name."""
        name = _name(state, self._workspace)
        text, interpreter = job.get("command") or job["script"], job.get("interpreter", "")
        if environment["environment_type"] == "noop-env":
            text, interpreter = ":", ""
        shown = text.replace(str(self._workspace), WORKSPACE)
        self._answer.jobs[name] = Job(name, shown, interpreter, frozenset())
        if self._jobs_run and not self._succeeds(text, interpreter, environment, Path(state.readwrite[0])):
            self._answer.failed.add(name)
        return name

    def _succeeds(self, text: str, interpreter: str, environment: Mapping[str, Any], own: Path) -> bool:
        """Run the command and return whether it succeeded. Packtivity's meaning of ``envscript`` and others holds."""
        command, given = (interpreter, text) if interpreter else (text, None)
        if environment.get("envscript"):
            command = f"source {environment['envscript']} && {command}"
        directory = own if environment["environment_type"] == "localproc-env" else self._workspace
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=environment.get("workdir") or directory,
            env=os.environ | {"REANA_WORKSPACE": str(self._workspace)} | environment.get("env", {}),
            input=given if interpreter else "",
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.returncode == 0

    def ready(self, name: str) -> bool:
        """Return whether the job has ended. It has when it was submitted."""
        return name in self._answer.jobs

    def successful(self, name: str) -> bool:
        """Return whether the job succeeded."""
        return name not in self._answer.failed

    def fail_info(self, name: str) -> str:
        """Return why the job failed."""
        return f"{name} failed"


def _name(state: Any, workspace: Path) -> str:
    return str(Path(state.readwrite[0]).relative_to(workspace))


def _parents(workflow: Any, workspace: Path) -> dict[str, frozenset[str]]:
    """Return by job the jobs whose results it takes, also through nodes that only publish."""
    nodes = {name: workflow.dag.getNode(name) for name in workflow.dag.nodes()}

    def behind(node: Any) -> frozenset[str]:
        taken = [nodes[reference.stepid] for reference in node.task.inputs]
        return frozenset().union(
            *(behind(each) if each.task.pubOnlyTask() else {_name(each.task.state, workspace)} for each in taken)
        )

    return {_name(node.task.state, workspace): behind(node) for node in nodes.values() if not node.task.pubOnlyTask()}


def closed(theirs: Mapping[str, Job]) -> dict[str, frozenset[str]]:
    """Return by job all jobs that the engine ends before it starts this one."""
    found: dict[str, frozenset[str]] = {}
    for name, job in theirs.items():  # parents were submitted before
        found[name] = job.parents.union(*(found[parent] for parent in job.parents))
    return found


def texts(theirs: Mapping[str, Job]) -> dict[str, tuple[str, str]]:
    """Return the command and interpreter of each job."""
    return {name: (job.command.rstrip("\n"), job.interpreter) for name, job in theirs.items()}
