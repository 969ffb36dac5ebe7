"""Run one step by cwltool. Somebody else runs the command lines: cwltool's own start of a process is replaced.

cwltool prepares a job and collects its outputs as always. For a container it gives the mounts instead of the command
line of a container engine.
"""

from __future__ import annotations

import copy
import os
import shlex
import shutil
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

import cwltool.job
import cwltool.process
from cwltool.builder import Builder
from cwltool.command_line_tool import CommandLineTool
from cwltool.context import LoadingContext, RuntimeContext
from cwltool.docker import DockerCommandLineJob
from cwltool.errors import UnsupportedRequirement, WorkflowException
from cwltool.job import CommandLineJob, JobBase
from cwltool.mutation import MutationManager
from cwltool.process import Process, shortname
from cwltool.utils import WorkflowStateItem, adjustDirObjs, normalizeFilesDirs, trim_listing
from cwltool.workflow import Workflow, WorkflowStep, default_make_tool
from cwltool.workflow_job import WorkflowJob
from ruamel.yaml.comments import CommentedMap
from schema_salad.exceptions import ValidationException

from reana_batch.frontends.cwl.frozen import thaw
from reana_batch.frontends.cwl.logs import logged
from reana_batch.frontends.cwl.origins import output_error, placed
from reana_batch.frontends.cwl.records import PASSED, PASSED_PREFIXES
from reana_batch.frontends.cwl.values import Json

# How often a command that ends with a code of temporaryFailCodes runs again.
RETRIES = 2


class Failed(Exception):
    """A command failed with the exit code ``code``."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Lacks(Exception):
    """The outputs of a command are not as the document says. The text is cwltool's."""


class Broken(Exception):
    """No command of the step can start, because of this worker or of the step's inputs. The text is cwltool's."""


class Command(NamedTuple):
    """A command to run."""

    script: str  # for sh
    seconds: int  # the time limit, or 0
    mounts: Sequence[tuple[str, str, str]]  # source, destination, and ro or rw; none on the machine
    isolated: bool  # must it have no network?


class Runner(Protocol):
    """Runs a command, and returns its exit code."""

    def __call__(self, command: Command) -> int:
        """Run a command."""
        ...


@dataclass
class Attempt:
    """What happens while cwltool runs a step."""

    runner: Runner
    container: bool
    path: str  # PATH of tools on the machine
    strict: bool  # has a container only the network that the document asks for?
    document: Json  # that of the step, with places
    code: int = 0  # of the last command that failed
    temporary: bool = False  # did it end with one of temporaryFailCodes?
    ran: bool = False  # has a command run?
    messages: list[str] = field(default_factory=list)
    outputs: dict[str, Json] | None = None
    status: str = ""
    job: JobBase | None = None
    mounts: list[tuple[str, str, str]] = field(default_factory=list)

    def start(self, job: JobBase) -> None:
        """Remember the job whose command is next."""
        self.job = job

    def isolates(self, job: JobBase) -> bool:
        """Return whether a job that does not ask for a network gets none. In REANA all have one by default."""
        return self.strict or job.get_requirement("NetworkAccess")[0] is not None

    def receive(self, outputs: Mapping[str, Json], status: str) -> None:
        """Take the outputs of the step."""
        self.outputs = {shortname(port): value for port, value in outputs.items()}
        self.status = status


# cwltool's functions find the present attempt here.
_present: list[Attempt] = []


class _Machine(CommandLineJob):
    """A job whose command runs on the machine."""

    def _required_env(self) -> dict[str, str]:
        return {"HOME": self.outdir, "TMPDIR": self.tmpdir, "PATH": _present[-1].path}

    def _setup(self, runtimeContext: RuntimeContext) -> None:  # noqa: N803  # cwltool's name
        super()._setup(runtimeContext)
        for entry in self.generatemapper or ():
            if not os.path.abspath(entry.target).startswith(self.outdir + os.sep):
                raise UnsupportedRequirement(
                    f"The file {entry.target} of the initial work directory needs a container."
                )

    def _execute(self, *arguments: Any, **more: Any) -> None:
        _present[-1].start(self)
        super()._execute(*arguments, **more)


class _Container(DockerCommandLineJob):
    """A job whose command runs in a container. It collects the mounts."""

    def get_from_requirements(self, *_: Any, **__: Any) -> str:
        return "image"

    @staticmethod
    def append_volume(
        runtime: list[str],  # noqa: ARG004  # cwltool's interface
        source: str,
        target: str,
        writable: bool = False,
        skip_mkdirs: bool = False,
    ) -> None:
        if not skip_mkdirs and not os.path.exists(source):
            os.makedirs(source)
        _present[-1].mounts.append((source, target, "rw" if writable else "ro"))

    def create_runtime(
        self,
        env: MutableMapping[str, str],  # noqa: ARG002  # that of a container engine
        runtimeContext: RuntimeContext,  # noqa: N803  # the same
    ) -> tuple[list[str], str | None]:
        _present[-1].mounts.clear()
        self.append_volume([], os.path.realpath(self.outdir), self.builder.outdir, writable=True)
        self.append_volume([], os.path.realpath(self.tmpdir), self.CONTAINER_TMPDIR, writable=True)
        anywhere = bool(self.builder.get_requirement("DockerRequirement")[1])
        for mapper, okay in ((self.pathmapper, True), (self.generatemapper, anywhere)):
            if mapper is not None:
                self.add_volumes(mapper, [], runtimeContext.tmpdir_prefix, any_path_okay=okay)
        return [], None

    def _execute(self, runtime: list[str], *arguments: Any, **more: Any) -> None:
        _present[-1].start(self)
        super()._execute(runtime[:-1], *arguments, **more)  # without the image


class _Builder(Builder):
    """Writes numbers in a command line without an exponent, as cwltool does for those that it reads from YAML."""

    def tostr(self, value: Any) -> str:
        return format(Decimal(repr(value)), "f") if isinstance(value, float) else super().tostr(value)


class _Tool(CommandLineTool):
    """A tool that runs where the job's other commands run, whatever its DockerRequirement says."""

    def make_job_runner(self, runtimeContext: RuntimeContext) -> type[JobBase]:  # noqa: N803  # cwltool's name
        if runtimeContext.use_container and self.get_requirement("DockerRequirement")[0] is None:
            self.hints.insert(0, {"class": "DockerRequirement", "dockerPull": "image"})
        return _Container if runtimeContext.use_container else _Machine

    def collect_output_ports(self, *arguments: Any, **more: Any) -> Any:
        try:
            return super().collect_output_ports(*arguments, **more)
        except WorkflowException as error:
            raise output_error(error, self.tool["outputs"]) from error


def make(node: CommentedMap, context: LoadingContext) -> Process:
    """Return cwltool's object of a process."""
    return _Tool(node, context) if node["class"] == "CommandLineTool" else default_make_tool(node, context)


# --- the command ---------------------------------------------------------------------------------


def _popen(
    commands: list[str],
    stdin_path: str | None,
    stdout_path: str | None,
    stderr_path: str | None,
    env: Mapping[str, str],  # noqa: ARG001  # the environment of a container engine
    cwd: str,
    *_: Any,
    timelimit: int | None = None,
    **__: Any,
) -> int:
    """Run a command of cwltool's through the present attempt, and return its exit code."""
    attempt = _present[-1]
    job = attempt.job
    assert job is not None
    attempt.ran = True
    inside = job.builder.outdir if attempt.container else cwd
    streams = [
        ("<", job.stdin if attempt.container else stdin_path),
        (">", stdout_path and inside + stdout_path[len(cwd) :]),
        ("2>", stderr_path and inside + stderr_path[len(cwd) :]),
    ]
    script = _script(commands, streams, job.environment, inside, clean=not attempt.container)
    isolated = attempt.container and not job.networkaccess and attempt.isolates(job)
    code = attempt.runner(Command(script, timelimit or 0, attempt.mounts if attempt.container else (), isolated))
    good = code in job.successCodes or (code == 0 and code not in [*job.temporaryFailCodes, *job.permanentFailCodes])
    if not good:
        attempt.code = code or 1
        attempt.temporary = code in job.temporaryFailCodes
    _relink(job, cwd)
    return code


def _relink(job: JobBase, directory: str) -> None:
    """Let links to staged inputs name the inputs themselves, because what is staged is removed."""
    staged = [(entry.target, entry.resolved) for entry in job.pathmapper if entry.staged]
    for folder, directories, files in os.walk(directory):
        for path in (os.path.join(folder, each) for each in [*directories, *files]):
            aim = os.readlink(path) if os.path.islink(path) else ""
            for target, resolved in staged:
                if aim == target or aim.startswith(target + "/"):
                    os.unlink(path)
                    os.symlink(resolved + aim[len(target) :], path)


def _script(
    commands: Sequence[str],
    streams: Sequence[tuple[str, str | None]],
    environment: Mapping[str, str],
    directory: str,
    *,
    clean: bool,
) -> str:
    passed = {name: value for name, value in os.environ.items() if name in PASSED or name.startswith(PASSED_PREFIXES)}
    variables = [shlex.quote(f"{name}={value}") for name, value in sorted({**passed, **environment}.items())]
    redirections = [f"{sign} {shlex.quote(path)}" for sign, path in streams if path]
    words = ["exec env", *(["-i"] if clean else []), *variables, *map(shlex.quote, commands), *redirections]
    return f"cd {shlex.quote(directory)} || exit 1\n{' '.join(words)}\n"


# --- one step ------------------------------------------------------------------------------------


class _Context(RuntimeContext):
    """cwltool's settings for a step. Directories have numbers for names."""

    def place(self, outdir: str, directory: str) -> None:
        """Set where outputs and temporary files are."""
        self.folders = {"out": outdir, "tmp": directory}
        self.numbers: list[int] = []
        self.tmpdir_prefix = self.tmp_outdir_prefix = os.path.join(directory, "more")

    def _new(self, kind: str) -> str:
        self.numbers.append(len(self.numbers) + 1)
        made = os.path.join(self.folders[kind], f"{kind if kind == 'tmp' else ''}{self.numbers[-1]}")
        os.makedirs(made)
        return made

    def create_outdir(self) -> str:
        return self._new("out")

    def create_tmpdir(self) -> str:
        return self._new("tmp")

    def get_stagedir(self) -> str:
        return self._new("tmp")


@dataclass
class Step:
    """A frozen step that can run several times."""

    frozen: Json
    checksum: bool
    workspace: str
    path: str
    strict: bool  # as in an attempt
    _thawed: Workflow | None = None

    def run(
        self, inputs: Mapping[str, Json], outdir: str, directory: str, runner: Runner, *, container: bool
    ) -> dict[str, Json]:
        """Run the step and return its outputs.

        Failed, Lacks or Broken is raised if it has none. ``directory`` is for temporary files.
        """
        self._thawed = self._thawed or thaw(self.frozen, make)
        for tries in range(RETRIES + 1):
            attempt = Attempt(runner, container, self.path, self.strict, self._thawed.tool)
            _empty(outdir)
            with _present_is(attempt):
                self._attempt(attempt, inputs, outdir, os.path.join(directory, str(tries)))
            if not attempt.temporary:  # the status of a step without its outputs is permanentFail
                break
        if attempt.outputs is not None and attempt.status in {"success", "skipped"}:
            return attempt.outputs
        if attempt.code:
            raise Failed(attempt.code)
        reason = Lacks if attempt.ran else Broken
        raise reason(attempt.messages[0] if attempt.messages else "An output that the step names is missing.")

    def _attempt(self, attempt: Attempt, inputs: Mapping[str, Json], outdir: str, directory: str) -> None:
        workflow = self._thawed
        assert workflow is not None
        (step,) = workflow.steps
        single = isinstance(step.embedded_tool, CommandLineTool) and not {"scatter", "loop"} & set(step.tool)
        context = self._context(outdir, directory, outdir if single else None)
        context.use_container = attempt.container
        if "single" in self.frozen:
            _complete(step)
        job = WorkflowJob(workflow, context)
        for port in workflow.tool["inputs"]:
            value = copy.deepcopy(inputs.get(shortname(port["id"])))
            normalizeFilesDirs(value)  # results have no nameroot and nameext, which expressions of the step may use
            adjustDirObjs(value, trim_listing)  # each tool lists what it asks for
            job.state[port["id"]] = WorkflowStateItem({"id": port["id"], "type": "Any"}, value, "success")
        job.receive_output = lambda _step, _ports, _final, outputs, status: attempt.receive(outputs, status)  # type: ignore[method-assign, assignment]  # the step is the whole workflow
        try:
            for each in job.try_make_job(job.steps[0], None, context):  # type: ignore[arg-type]  # receive_output does not call it
                if each is None:
                    return  # its steps wait for each other, because one of them has failed
                each.run(context)
        except UnsupportedRequirement as error:
            raise Broken(str(error)) from None
        except (WorkflowException, ValidationException) as error:
            attempt.messages.insert(0, str(error))
        except Exception:
            if not attempt.code:  # cwltool's loops look for the outputs of a command that has failed
                raise

    def _context(self, outdir: str, directory: str, single: str | None) -> _Context:
        context = _Context()
        context.place(outdir, directory)
        context.outdir = single
        context.basedir = self.workspace
        context.compute_checksum = self.checksum
        context.move_outputs = "leave"
        context.mutation_manager = MutationManager()
        context.workflow_eval_lock = threading.Condition(threading.RLock())
        return context


def _complete(step: WorkflowStep) -> None:
    """Let a tool that is not in a workflow leave out outputs. They are null."""
    ports = dict.fromkeys(shortname(port["id"]) for port in step.tool["outputs"])

    def receive(callback: Any, outputs: Mapping[str, Json], status: str) -> None:
        WorkflowStep.receive_output(step, callback, {**ports, **outputs}, status)

    step.receive_output = receive  # type: ignore[method-assign, assignment]  # for this one step


def _empty(directory: str) -> None:
    if os.path.lexists(directory):
        shutil.rmtree(directory)
    os.makedirs(directory)


@contextmanager
def _present_is(attempt: Attempt) -> Iterator[None]:
    """Run commands through the attempt, and collect what cwltool logs."""
    cwltool.process.Builder = _Builder  # type: ignore[attr-defined]  # the name that it calls
    cwltool.job._job_popen = _popen  # noqa: SLF001  # the one place where cwltool starts a tool
    _present.append(attempt)
    try:
        with logged(attempt.messages), placed(attempt.document):
            yield
    finally:
        _present.pop()
