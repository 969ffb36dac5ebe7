"""Read a Snakefile with Snakemake itself, in a separate process, and write its jobs as lines of JSON.

Reading a Snakefile runs its Python. The request comes as JSON on standard input. The Snakefile's own
output goes to standard error. Snakemake builds its graph of jobs, and then starts its executor. That is
:class:`Executor`, a plugin of Snakemake's public interface, which takes the jobs and runs none.

Run as ``python -m reana_batch.frontends.snakemake.reader``. Only this module and ``snakemake.values``
import Snakemake.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import io
import json
import os
import re
import shlex
import stat
import sys
import tokenize
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO
from urllib.parse import parse_qsl, urlencode

import snakemake.api
from snakemake import exceptions
from snakemake.cli import get_argument_parser, get_profile_dir, parse_config
from snakemake.dag import DAG
from snakemake.io import is_flagged
from snakemake.jobs import Job
from snakemake.profiles import ProfileConfigFileParser
from snakemake.resources import Resources
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import ConfigSettings, DAGSettings, ExecutionSettings, OutputSettings, ResourceSettings
from snakemake.shell import shell
from snakemake.sourcecache import SourceCache
from snakemake.utils import update_config
from snakemake_interface_executor_plugins.executors.base import AbstractExecutor
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry
from snakemake_interface_executor_plugins.settings import CommonSettings
from snakemake_interface_executor_plugins.utils import encode_target_jobs_cli_args

from reana_batch.frontends.snakemake.records import (
    WORKSPACE,
    EndRecord,
    Fault,
    JobRecord,
    KeptRecord,
    Past,
    Request,
    RuleRecord,
)
from reana_batch.frontends.snakemake.values import Evaluation, Values

# Snakemake scales threads down to this number. A batch system has a limit of its own.
CORES = 1_000_000

# Snakemake's flags of files that the jobs must observe.
FLAGS = ("touch", "temp", "protected", "directory", "update", "ensure")

# The keys of a profile that are honoured.
_PROFILE_KEYS = frozenset(
    {
        "set-threads",
        "set-resources",
        "set-scatter",
        "default-resources",
        "max-threads",
        "config",
        "configfile",
        "configfiles",
    }
)

# Directives that make a rule's action more than a command for bash.
_ACTIONS = ("script", "notebook", "wrapper", "cwl", "template_engine", "run")

common_settings = CommonSettings(
    non_local_exec=False,
    dryrun_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
)


# Line numbers in Python's messages. They count lines of the Python that Snakemake makes from the Snakefile.
_THEIR_LINE = re.compile(r" on line \d+| \(detected at line \d+\)")

# A line of a traceback in Snakemake's messages.
_FRAME = re.compile(r'File "([^"]+)", line (\d+), in ')


class AllRead(BaseException):
    """Ends Snakemake when the graph is complete."""


class Executor(AbstractExecutor):  # type: ignore[misc]  # Snakemake has no types
    """Ends the run before it starts."""

    stream: TextIO

    def __init__(self, workflow: Any, logger: Any) -> None:
        super().__init__(workflow, logger)
        raise AllRead

    def run_job(self, job: Any) -> NoReturn:
        raise AssertionError(f"{job} must not be executed")

    shutdown = cancel = handle_job_success = handle_job_error = run_job


# The values of a job whose inputs are not known.
_UNKNOWN = Values(threads=1, resources=[{"threads": 1}], commands=[], late=[], inside=[])


class AllCores(int):
    """The value of ``workflow.cores``: greater than any number, and not usable as a number.

    So ``min(workflow.cores, 8)`` is 8, and an expression that needs the number itself is refused.
    """

    def _less(self, *_: object) -> AllCores:
        return self

    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __radd__ = __rmul__ = _less

    def _refuse(self, *_: object) -> NoReturn:
        raise UnknownCores("The number of all cores, workflow.cores, is not known when compiling.")

    __int__ = __index__ = __float__ = __round__ = __str__ = __repr__ = __format__ = _refuse


class Unsupported(exceptions.WorkflowError):  # type: ignore[misc]  # Snakemake has no types
    """The workflow needs one process that runs all of it."""


class UnknownCores(Unsupported):
    """The workflow depends on the number of cores that Snakemake gets."""


class QueueInput(Unsupported):
    """A rule waits for files that the Snakefile names while the workflow runs."""


class RemoteSource(Unsupported):
    """A job reads a file that belongs to a workflow on another host."""


def _refuse_queue(*_: object, **__: object) -> NoReturn:
    raise QueueInput("from_queue() names files during the run, when no process reads the Snakefile.")


def _source(file: Any) -> str:
    """Return the path of a file of the workflow, not the path of Snakemake's copy."""
    path = str(file.get_path_or_uri(secret_free=True))
    if not file.is_local:
        raise RemoteSource(f"{path} is not a file of the analysis.")
    if not os.path.exists(path):
        raise exceptions.WorkflowError(f"Source file {path} does not exist.")
    return os.path.abspath(path)


class Workspace:
    """The directory in which the workflow is read. The paths of the run do not depend on it."""

    def __init__(self, root: str) -> None:
        self.root = root

    def path(self, path: str) -> str:
        """Return a path of the workflow relative to the workspace. A path outside of it stays absolute."""
        if not os.path.isabs(path) and os.getcwd() == self.root:
            return path
        relative = os.path.relpath(path, self.root)
        return os.path.abspath(path) if relative.split("/")[0] == ".." else relative

    def key(self, job: Any) -> str:
        """Return the job's name in the run's state: ``RULE?WILDCARD=VALUE&...``."""
        wildcards = sorted(job.wildcards_dict.items())
        portable = [(name, str(value).replace(self.root, WORKSPACE)) for name, value in wildcards]
        return f"{job.rule.name}?{urlencode(portable)}"

    def rule_and_wildcards(self, key: str) -> tuple[str, dict[str, str]]:
        """Return the rule and the wildcards that :meth:`key` made ``key`` from."""
        rule, _, wildcards = key.partition("?")
        found = parse_qsl(wildcards, keep_blank_values=True)
        return rule, {name: value.replace(WORKSPACE, self.root) for name, value in found}


class ContinuedDAG(DAG):  # type: ignore[misc]  # Snakemake has no types
    """The graph that continues after the compilations before an expansion.

    The jobs that the run has done are done, whatever the times of their files are. Inputs of the analysis are used
    as they are, unless they are older than files that the run made for them. All other files are made again.
    """

    workspace: Workspace
    past: Past

    def __init__(self, workflow: Any, *args: Any, **options: Any) -> None:
        super().__init__(workflow, *args, **options)
        self._ran, kept, self._given = map(set, self.past)
        self._done = self._ran | kept
        for key in (*self.past.ran, *self.past.kept):
            name, wildcards = self.workspace.rule_and_wildcards(key)
            if workflow.is_rule(name) and workflow.get_rule(name).is_checkpoint:
                outputs, _ = workflow.get_rule(name).expand_output(wildcards)
                workflow.checkpoints.created_output.update(outputs)

    async def update_(self, job: Any, *args: Any, **options: Any) -> None:
        """Add the job and what it needs. The needs of a job that is done no longer matter."""
        if self._is_done(job):
            self._dependencies[job].clear()  # in a defaultdict, this adds the job
        else:
            await super().update_(job, *args, **options)

    async def update_needrun(self, *args: Any, **options: Any) -> None:
        """Find the jobs that must run."""
        for job in self.jobs:
            if self._is_done(job):
                self._finished.add(job)
            elif self._is_stale(job):
                self.forcefiles.update(job.output)
        await super().update_needrun(*args, **options)

    def _is_done(self, job: Any) -> bool:
        return self.workspace.key(job) in self._done

    def _is_stale(self, job: Any) -> bool:
        """Return whether existing outputs cannot be used.

        They are not inputs of the analysis, or they are older than files that the run made.
        """
        there = {self.workspace.path(str(file)) for file in job.output if os.path.lexists(file)}
        older = any(self.workspace.key(parent) in self._ran for parent in self._dependencies[job])
        return bool(there - self._given) or (bool(there) and older)


class Graph:
    """The jobs of a workflow that Snakemake would run, parents before their children. A group is one job."""

    def __init__(self, workflow: Any, workspace: Workspace) -> None:
        self._workflow = workflow
        self._workspace = workspace
        self._dag = workflow.dag
        self._rules: dict[str, int] = {}
        self._numbers: dict[Any, int] = {}
        self._evaluation = Evaluation(job for job in self._dag.jobs if self._dag.needrun(job))
        self._before = self._before_updates()

    def lines(self) -> Iterator[str]:
        """Yield the records, each a line of JSON: a rule before the first of its jobs."""
        for name in self._handlers():
            yield _line("handler", name)
        yield _line("options", _options(self._workflow))
        yield _line("config", dict(self._workflow.config_settings.overwrite_config))
        if self._workflow.envvars:
            yield _line("envvars", sorted(self._workflow.envvars))
        if any(_is_open(job) for job in self._dag.jobs if job.rule.norun and not job.output):
            yield _line("open", True)
        for name in sorted(self._wishes()):
            yield _line("wish", name)
        for members in self._nodes():
            yield from self._new_rules(members)
            yield _line("job", self._job(members))
        for job in sorted(filter(self._is_kept, self._dag.jobs), key=_sort_key):
            yield from self._new_rules([job])
            outputs = list(map(self._path, job.output))
            yield _line("kept", KeptRecord(self._rules[job.rule.name], self._workspace.key(job), outputs))
        yield _line("end", self._end())

    def _new_rules(self, jobs: list[Any]) -> Iterator[str]:
        for job in jobs:
            if job.rule.name not in self._rules:
                self._rules[job.rule.name] = len(self._rules)
                yield _line("rule", self._rule(job))

    def _path(self, file: Any) -> str:
        return self._workspace.path(str(file))

    def _is_kept(self, job: Any) -> bool:
        """Return whether a job does not run because all its outputs exist when the run starts."""
        done = self._dag.needrun(job) or self._dag.finished(job)
        return bool(job.output) and not done and all(map(os.path.exists, job.output))

    def _end(self) -> EndRecord:
        workdir = self._path(os.getcwd())
        return EndRecord(
            shell_prefix=shell._get_process_prefix(),  # noqa: SLF001  # shell.prefix only sets it
            workdir="" if workdir == "." else workdir,
            targets=sorted(map(self._path, self._dag.derived_targetfiles)),
            given=sorted(self._given()) if any(rule.is_checkpoint for rule in self._workflow.rules) else [],
        )

    def _given(self) -> Iterator[str]:
        """Yield the files that exist before the run starts and that a rule could make."""
        root = self._workspace.root
        for folder, inner, files in os.walk(root):
            inner[:] = [name for name in inner if os.path.join(folder, name) != f"{root}/.snakemake"]
            for name in (*inner, *files):
                path = os.path.join(folder, name)
                if any(self._dag.output_index.match_producers(each) for each in (path, os.path.relpath(path))):
                    yield self._path(path)

    def _handlers(self) -> Iterator[str]:
        for name in ("onstart", "onsuccess", "onerror"):
            handler = getattr(self._workflow, f"_{name}")
            if "snakemake" not in Path(handler.__code__.co_filename).parts:
                yield name

    def _wishes(self) -> set[str]:
        """Return the resources that any rule sets to True. The jobs of some rules are not known yet."""
        asked = (item for rule in self._workflow.rules for item in rule.resources.items())
        return {name for name, value in asked if getattr(value, "raw", value) is True}

    def _nodes(self) -> list[list[Any]]:
        """Return single jobs and the members of groups, in a fixed order, and number them."""
        found: dict[Any, list[Any]] = {}
        for job in self._dag.jobs:
            if self._dag.needrun(job) and (job.output or not job.rule.norun):
                found.setdefault(self._dag.get_job_group(job) or job, []).append(job)
        nodes = sorted(
            (sorted(members, key=_sort_key) for members in found.values()), key=lambda node: _sort_key(node[0])
        )
        self._numbers = {job: number for number, members in enumerate(nodes) for job in members}
        return nodes

    def _rule(self, job: Any) -> RuleRecord:
        rule = job.rule
        return RuleRecord(
            name=rule.name,
            file=str(rule.snakefile),
            line=_line_of(rule),
            action=_action(job),
            local=rule.name in self._workflow._localrules,  # noqa: SLF001  # REANA's engine does the same
            shadow=rule.shadow_depth or "",
            checkpoint=bool(rule.is_checkpoint),
            conda=bool(rule.conda_env),
            modules=bool(rule.env_modules),
            body=str(next((getattr(rule, each) for each in _BODIES if getattr(rule, each) is not None), "")),
        )

    def _job(self, members: list[Any]) -> JobRecord:
        outputs = [file for job in members for file in job.output]
        inside = set(map(str, outputs)) if len(members) > 1 else set()
        first = members[0]
        group = self._dag.get_job_group(first)
        deferred = any(map(_is_open, members))
        values = _UNKNOWN if deferred else self._values(members, group)
        return JobRecord(
            rule=self._rules[first.rule.name],
            keys=[self._workspace.key(job) for job in members],
            label=str(group.groupid) if group and not _is_pipe_group(first) else "",
            wildcards=[[name, str(value)] for name, value in first.wildcards_dict.items()],
            inputs=[self._path(f) for job in members for f in job.input if str(f) not in inside],
            outputs=[self._path(file) for file in outputs if _flags(file) is not None],
            flags=[flag for flag in (_flags(file) for file in outputs) if flag is not None],
            logs=[self._path(file) for job in members for file in job.log],
            benchmark=any(job.benchmark for job in members),
            commands=values.commands,
            targets=encode_target_jobs_cli_args([spec for job in members for spec in job.get_target_spec()]),
            rules=sorted({job.rule.name for job in members}),
            container=first.container_img_url or "",
            threads=values.threads,
            resources=values.resources,
            retries=max(int(job.restart_times) for job in members),
            parents=self._parents(members),
            deferred=deferred,
            grouped=group is not None,
            late=values.late,
            inside=values.inside,
            storage=any(
                is_flagged(f, "storage_object") for job in members for f in (*job.input, *job.output, *job.log)
            ),
        )

    def _values(self, members: list[Any], group: Any) -> Values:
        is_shell = group is None and _action(members[0]) == "shell"
        values = self._evaluation.values(members, group or members[0], is_shell=is_shell)
        if any(asked["threads"] >= CORES for asked in values.resources):
            message = "The jobs ask for all cores, and their number is not known when compiling."
            raise UnknownCores(message, rule=members[0].rule)
        return values

    def _parents(self, members: list[Any]) -> list[int]:
        own = self._numbers[members[0]]
        parents = (parent for job in members for parent in (*self._dag.dependencies[job], *self._before.get(job, ())))
        found = {self._numbers.get(parent, own) for parent in parents}
        return sorted(found - {own})  # jobs without a number are done already

    def _before_updates(self) -> dict[Any, list[Any]]:
        """Return for each job that updates files the jobs that read these files before the update."""
        readers: dict[str, list[Any]] = {}
        for job in self._dag.needrun_jobs():
            for file in job.input:
                if is_flagged(file, "before_update"):
                    readers.setdefault(str(file), []).append(job)
        found = {}
        for job in self._dag.needrun_jobs():
            updated = [str(file) for file in job.output if is_flagged(file, "update")]
            later = set(self._dag.bfs(self._dag.depending, job)) if readers and updated else set()
            found[job] = [each for file in updated for each in readers.get(file, ()) if each not in later]
        return found


def _is_open(job: Any) -> bool:
    """Return whether a job's inputs are known only when a checkpoint is done."""
    return any(is_flagged(file, "checkpoint_target") for file in job.input)


def _line_of(rule: Any) -> int:
    """Return the line of a rule in its Snakefile. Snakemake counts lines of the Python that it makes."""
    return _mapped(str(rule.snakefile), rule.lineno, rule.workflow.linemaps)[1]


def _sort_key(job: Any) -> tuple[int, list[str]]:
    return (job.rule.lineno, [str(file) for file in job.output])


def _is_pipe_group(job: Any) -> bool:
    return job.pipe_group is not None and job.group == job.pipe_group.id


# The attributes that hold what a rule runs. Every rule that runs something also has the source of a function.
_BODIES = ("shellcmd", "script", "notebook", "wrapper", "template_engine", "cwl", "run_func_src")


def _action(job: Any) -> str:
    if job.is_norun:
        return "none"
    if job.is_shell:
        return "shell"
    return next(name for name in _ACTIONS if getattr(job, f"is_{name}"))


def _flags(file: Any) -> str | None:
    """Return the flags of an output as one word.

    Return None if it is not a file in the workspace at the job's end.
    """
    if any(is_flagged(file, each) for each in ("pipe", "service", "storage_object")):
        return None
    return ",".join(flag for flag in FLAGS if is_flagged(file, flag))


def _line(kind: str, record: object) -> str:
    return json.dumps([kind, record], ensure_ascii=False, separators=(",", ":")) + "\n"


# --- reading -------------------------------------------------------------------------------------


def main() -> None:
    """Read the request and write the records. A fault in the Snakefile is a record, so the exit code is 0 too."""
    request = Request(*json.load(sys.stdin))
    sys.addaudithook(_refuse_waiting)
    if request.past is not None:
        request = request._replace(past=Past(*request.past))
    # The output of the Snakefile and its processes must not mix with the records.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        Executor.stream = stream
        linemaps: dict[str, Any] = {}  # for each file, from compiled lines to lines of the Snakefile
        try:
            for line in _read(request, linemaps):
                stream.write(line)
        except BaseException as error:  # noqa: BLE001  # a Snakefile may raise anything, SystemExit too
            stream.write(_line("fault", _fault(error, linemaps)))


def _options(workflow: Any) -> list[str]:
    """Return the profile's settings as quoted options of Snakemake on the worker."""
    settings, factory = workflow.resource_settings, workflow.spawned_job_args_factory
    default = [f"{name}={each.raw}" for name, each in (settings.default_resources or {}).items() if name != "tmpdir"]
    return [
        *filter(None, factory.get_set_resources_args()),
        *(shlex.join(["--set-scatter", f"{name}={count}"]) for name, count in settings.overwrite_scatter.items()),
        *([shlex.join(["--default-resources", *default])] if default else []),
        *([f"--max-threads {settings.max_threads}"] if settings.max_threads else []),
    ]


def _profiles(request: Request) -> list[Path]:
    """Return the files of the profiles that Snakemake finds. The last one is the workflow's own."""
    own = request.profiles.get("workflow-profile", "default")
    places = [Path("profiles") / own, Path(request.snakefile).parent / "profiles" / own]
    if "workflow-profile" in request.profiles:
        places.insert(0, Path(own))
    named = [request.profiles["profile"]] if "profile" in request.profiles else []
    named += [str(place) for place in places if place.exists()][:1] or [own] * ("workflow-profile" in request.profiles)
    found = {name: get_profile_dir(name) for name in named if name != "none"}
    for name, place in found.items():
        if place is None:
            raise exceptions.WorkflowError(f"There is no profile {name}, or it has no config.yaml.")
    return [place[1] for place in found.values() if place is not None]


def _profile(request: Request) -> tuple[ResourceSettings, ConfigSettings]:
    """Return the settings of the profiles that Snakemake finds. Write a record of the keys that have no effect."""
    profiles = _profiles(request)
    if not profiles:
        return ResourceSettings(cores=CORES), ConfigSettings(config=request.config)
    words: dict[str, list[str]] = {}
    for path in profiles:
        with path.open(encoding="utf-8") as stream:
            given = ProfileConfigFileParser().parse(stream)
        words.update((key, value if isinstance(value, list) else [value]) for key, value in given.items())
        Executor.stream.write(_line("profile", [str(path), [key for key in given if key not in _PROFILE_KEYS]]))
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            honoured = ([f"--{key}", *map(str, values)] for key, values in words.items() if key in _PROFILE_KEYS)
            args = get_argument_parser().parse_args([word for option in honoured for word in option])
    except SystemExit as error:
        raise exceptions.WorkflowError(f"The profile: {told.getvalue().strip().rpartition('error: ')[2]}") from error
    default = dict(args.default_resources or {})
    # A default that depends on the inputs' sizes would make every job an expansion. Snakemake adds some without a text.
    late = {n for n, each in default.items() if each.raw is None or re.search(r"\binput\b", str(each.raw))}
    if any(default[name].raw is not None for name in late):
        Executor.stream.write(_line("profile", [str(profiles[-1]), ["default-resources"]]))
    resources = ResourceSettings(
        cores=CORES,
        max_threads=args.max_threads,
        overwrite_threads=args.set_threads,
        overwrite_scatter=args.set_scatter,
        overwrite_resources=args.set_resources,
        default_resources=Resources({n: each for n, each in default.items() if n not in late}) if default else None,
    )
    config = ConfigSettings(config=parse_config(args.config), configfiles=args.configfile).overwrite_config
    update_config(config, request.config)
    return resources, ConfigSettings(config=config)


def _refuse_waiting(event: str, args: tuple[Any, ...]) -> None:
    """Raise OSError if a FIFO or socket is opened, because opening waits for the other end."""
    if event == "open" and isinstance(args[0], str | bytes | os.PathLike):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError, ValueError):
            mode = os.stat(args[0]).st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
                raise OSError(errno.EINVAL, "It is a FIFO or socket, not a file", args[0])


def _read(request: Request, linemaps: dict[str, Any]) -> Iterator[str]:
    ExecutorPluginRegistry().register_plugin("snakemake_executor_plugin_reana_batch", sys.modules[__name__])
    resources, config = _profile(request)
    workspace = Workspace(request.directory)
    snakemake.workflow.from_queue = _refuse_queue
    snakemake.workflow.Workflow.cores = AllCores(CORES)
    SourceCache.get_path = lambda _, file: _source(file)
    if request.past is not None:
        ContinuedDAG.workspace, ContinuedDAG.past = workspace, request.past
        snakemake.workflow.DAG = ContinuedDAG  # Snakemake's API imports it from there
    with snakemake.api.SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)) as api:
        workflow = api.workflow(
            resource_settings=resources,
            config_settings=config,
            snakefile=Path(request.snakefile),
        )
        dag_settings = DAGSettings(rerun_triggers={RerunTrigger.MTIME}, max_inventory_wait_time=0)
        settings = ExecutionSettings(lock=False, ignore_incomplete=True, latency_wait=0)
        try:
            # Snakemake starts no executor if there is nothing to do.
            with contextlib.suppress(AllRead):
                workflow.dag(dag_settings).execute_workflow(executor="reana-batch", execution_settings=settings)
            yield from Graph(workflow._workflow, workspace).lines()  # noqa: SLF001  # the public interface lists no jobs
        finally:
            linemaps.update(workflow._workflow_store.linemaps)  # noqa: SLF001  # Snakemake prints errors with them


# --- faults --------------------------------------------------------------------------------------


def _fault(error: BaseException, linemaps: Mapping[str, Any]) -> Fault:
    """Return what is wrong, and where if Snakemake says so."""
    if isinstance(error, SyntaxError | tokenize.TokenError):
        return _syntax_fault(error, linemaps)
    file, line = _origin(error, linemaps)
    rule = getattr(error, "rule", None)
    error = next((each for each in _causes(error) if isinstance(each, Unsupported)), error)
    message = str(error) or type(error).__name__
    if isinstance(error, KeyError):
        message = f"KeyError: {error}"
    elif not isinstance(error, exceptions.RuleException | exceptions.WorkflowError):
        message = f"{type(error).__name__}: {error}"
    return Fault(type(error).__name__, message, file, line, str(rule) if rule else "")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _origin(error: BaseException, linemaps: Mapping[str, Any]) -> tuple[str, int]:
    if isinstance(error, exceptions.InputFunctionException):
        # Its traceback is from Snakemake. The traceback of the function is in the text.
        frames = _FRAME.findall(str(error))
        frames = [frame for frame in frames if frame[0] in linemaps] or frames
        if frames:
            return frames[-1][0], int(frames[-1][1])
    if isinstance(error, BaseExceptionGroup):
        return _origin(error.exceptions[0], linemaps)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in linemaps:
            return _mapped(frame.filename, frame.lineno or 0, linemaps)
    rule = getattr(error, "rule", None) or getattr(error, "rule2", None) or _rule_at_work(error)
    if rule is not None and not isinstance(rule, str):
        return _mapped(str(rule.snakefile), rule.lineno, linemaps)
    file = getattr(error, "snakefile", None)
    return _mapped(str(file or ""), getattr(error, "lineno", None) or 0, linemaps)


def _rule_at_work(error: BaseException) -> Any:
    """Return the rule of the job that Snakemake was looking at, or None. Its errors about files do not name it."""
    found = (value for frame, _ in traceback.walk_tb(error.__traceback__) for value in frame.f_locals.values())
    return next((each.rule for each in found if isinstance(each, Job)), None)


def _being_read(error: BaseException) -> str:
    """Return the Snakefile that Snakemake was reading last, or an empty text."""
    found = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        path = getattr(frame.f_locals.get("snakefile"), "path", None)
        if isinstance(path, str) and os.path.isfile(path):
            found = path
    return found


def _syntax_fault(error: BaseException, linemaps: Mapping[str, Any]) -> Fault:
    """Return what Python cannot read. Snakemake counts lines of the Python that it makes."""
    read = _being_read(error)
    own = _slip(read) if read else None
    if own:
        return own
    message = _THEIR_LINE.sub("", error.msg if isinstance(error, SyntaxError) else str(error.args[0]))
    name = os.path.abspath(getattr(error, "filename", None) or read)
    at = getattr(error, "lineno", None) or 0
    file, line = _mapped(name, at, linemaps)
    return Fault(type(error).__name__, message, file, line, "", _column(error, file, line))


def _column(error: BaseException, file: str, line: int) -> int:
    """Return the column in the author's line, or 0 if Snakemake's line is not the same.

    The two lines may have different spaces.
    """
    text, offset = getattr(error, "text", None), getattr(error, "offset", None)
    if not text or not offset or not os.path.isfile(file):
        return 0
    lines = Path(file).read_text("utf-8", "replace").splitlines()
    own = lines[line - 1] if 0 < line <= len(lines) else ""
    before = "".join(text[: offset - 1].split())
    if not "".join(own.split()).startswith(before):
        return 0
    seen = 0
    for column, letter in enumerate(own, 1):
        if seen == len(before) and not letter.isspace():
            return column
        seen += not letter.isspace()
    return len(own)


_PAIRS = {")": "(", "]": "[", "}": "{"}
_NEVER_CLOSED = "This {} is never closed."


def _slip(file: str) -> Fault | None:
    """Return the first bracket, string or indentation that is wrong, or None.

    Versions of Python describe these faults differently.
    """
    opened: list[tuple[str, int, int]] = []
    with open(file, encoding="utf-8", errors="replace") as stream:
        try:
            for token in tokenize.generate_tokens(stream.readline):
                line, column = token.start[0], token.start[1] + 1
                if token.type == tokenize.ERRORTOKEN and token.string[0] in "\"'":
                    return Fault("Unclosed", _NEVER_CLOSED.format("string"), file, line, "", column)
                if token.type != tokenize.OP:
                    continue
                if token.string in _PAIRS.values():
                    opened.append((token.string, line, column))
                elif token.string in _PAIRS and not (opened and opened[-1][0] == _PAIRS[token.string]):
                    return _unopened(file, token.string, opened, line, column)
                elif token.string in _PAIRS:
                    opened.pop()
        except tokenize.TokenError as error:
            return _token_fault(file, error, opened)
        except SyntaxError as error:
            return Fault("SyntaxError", str(error.msg), file, error.lineno or 0, "")
    return None


def _unopened(file: str, bracket: str, opened: list[tuple[str, int, int]], line: int, column: int) -> Fault:
    if not opened:
        return Fault("Unopened", f"This {bracket} has no opening bracket.", file, line, "", column)
    other, *start = opened[-1]
    message = f"This {bracket} cannot close the {other} before it."
    return Fault("Unopened", message, file, line, "", column, f"The {other} is opened here.", *start)


def _token_fault(file: str, error: tokenize.TokenError, opened: list[tuple[str, int, int]]) -> Fault:
    """Return the fault that Python's tokenizer found. From 3.12 on it finds more, and counts columns from 1."""
    message, (line, column) = error.args
    column += sys.version_info < (3, 12)
    if found := re.match(r"unmatched '(.)'|closing parenthesis '(.)'", message):
        return _unopened(file, found[1] or found[2], opened if found[2] else [], line, column)
    if "statement" in message and opened:
        return Fault("Unclosed", _NEVER_CLOSED.format("bracket"), file, opened[-1][1], "", opened[-1][2])
    if "string" in message:
        return Fault("Unclosed", _NEVER_CLOSED.format("string"), file, line, "", column)
    return Fault("SyntaxError", str(message), file, line, "", column)


def _mapped(file: str, line: int, linemaps: Mapping[str, Any]) -> tuple[str, int]:
    try:
        return file, linemaps[file][line]
    except KeyError:
        return file, line


if __name__ == "__main__":
    sys.modules["reana_batch.frontends.snakemake.reader"] = sys.modules[__name__]
    # The graph is needed until the end. To search a large one for garbage, again and again, takes a third of the time.
    gc.disable()
    main()
    gc.freeze()  # otherwise Python frees each job before it ends
