"""The values of a job, evaluated as Snakemake does before it runs the job.

Part of the process that reads a Snakefile. A value is late if its function looks at files that the run has yet to
make. It does not matter what the function returns or raises. Snakemake prints late values as ``<TBD>``.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from snakemake.common import get_function_params
from snakemake.common.tbdstring import TBDString
from snakemake.exceptions import RuleException
from snakemake.resources import Resource
from snakemake.rules import Rule
from snakemake.utils import format as formatted

LATE = str(TBDString())

# Snakemake's own resources, which mean nothing to the batch system.
_INTERNAL = frozenset({"_cores", "_nodes", "tmpdir", "mem_mib", "disk_mib", "mem", "disk"})

# Python's audit events, sorted by the kind of their first argument.
_FILE_EVENTS = frozenset({"open", "glob.glob"})
_FOLDER_EVENTS = frozenset({"os.listdir", "os.scandir"})
_PROGRAM_EVENTS = frozenset({"subprocess.Popen", "os.system", "os.posix_spawn"})

_apply: Callable[..., tuple[Any, bool]] = Rule.apply_input_function


@dataclass(slots=True)
class Values:
    """The values of a job or of a group."""

    threads: int
    resources: list[dict[str, Any]]  # by attempt; one if all are the same
    commands: list[str]  # by attempt; one if all are the same, none if they are late
    late: list[str]  # the names of late values
    inside: list[str]  # late resources that depend on files which the group itself makes


@dataclass(slots=True)
class _Found:
    """What the functions of one job or group did."""

    looked: set[str] = field(default_factory=set)  # files, yet to be made, that the running function looked at
    inside: set[str] = field(default_factory=set)
    late: set[str] = field(default_factory=set)


class Evaluation:
    """Evaluates jobs, and watches which files their functions look at."""

    def __init__(self, jobs: Iterable[Any]) -> None:
        """Watch the outputs of ``jobs``, because the run has yet to make them."""
        self._made = {os.path.abspath(file) for job in jobs for file in job.output}
        self._folders = {folder for path in self._made for folder in _folders(path)}
        self._members: Sequence[Any] = ()  # the jobs that are evaluated now
        self._own: set[str] = set()
        self._found = _Found()
        sys.addaudithook(self._hear)

    def values(self, members: Sequence[Any], whole: Any, *, is_shell: bool) -> Values:
        """Return the values of ``whole``: a job, or the group of these ``members``."""
        resources: list[dict[str, Any]] = []
        commands: list[str | None] = []
        with self._watch(members):
            whole.reset_params_and_resources()
            for attempt in range(1, max(int(job.restart_times) for job in members) + 2):
                whole.attempt = attempt
                resources.append({**_plain(whole.resources), "threads": whole.threads})
                self._found.late.update(name for job in members for name in _late(job))
                if is_shell:
                    commands.append(self._command(whole))
            whole.attempt = 1
        known = [command for command in commands if command is not None]
        return Values(
            threads=resources[0]["threads"],
            resources=_once(resources),
            commands=_once(known) if len(known) == len(commands) else [],
            late=sorted(self._found.late),
            inside=sorted(self._found.inside),
        )

    def _command(self, job: Any) -> str | None:
        """Return the command that the rule passes to Snakemake's shell(), or None if it is late.

        ``job.shellcmd`` is only for printing: it uses the names of the main Snakefile, not of the rule's own.
        """
        given: list[str] = []

        def shell(command: str, *args: Any, **names: Any) -> None:
            given.append(formatted(command, *args, stepout=2, **names))

        names = job.rule.run_func.__globals__
        true_shell = names["shell"]
        names["shell"] = shell
        self._found.looked = set()
        try:
            _run(job)
        except Exception as error:
            if self._found.late or self._found.looked:
                return None
            message = f"The command cannot be formatted: {_said(error)}"
            raise RuleException(message, rule=job.rule) from error
        finally:
            names["shell"] = true_shell
        is_late = bool(self._found.looked) or (LATE in given[0] and LATE not in job.rule.shellcmd)
        return None if is_late else given[0]

    # --- the functions of params and resources ---

    def _apply(self, rule: Any, function: Any, wildcards: Any, **options: Any) -> tuple[Any, bool]:
        """Do the same as Snakemake's Rule.apply_input_function, but return a placeholder for a late value."""
        resource = getattr(function, "__self__", None)
        value: Any = None
        incomplete, is_late = False, bool(self._found.late) and _takes_resources(function, options)
        before, self._found.looked = self._found.looked, set()
        try:
            if not is_late:
                value, incomplete = _apply(rule, function, wildcards, **options)
                is_late = incomplete or bool(self._found.looked)
        except Exception:
            if not self._found.looked:
                raise
            is_late = True
        finally:
            inside, self._found.looked = bool(self._found.looked & self._own), before
        if not isinstance(resource, Resource):
            return (TBDString() if is_late else value), incomplete
        if not is_late and not isinstance(value.value, TBDString):
            return value, incomplete
        if inside:
            self._found.inside.add(resource.name.replace("_cores", "threads"))
        if resource.name != "_cores":
            return Resource(resource.name, TBDString()), incomplete
        self._found.late.add("threads")
        return Resource("_cores", 1), incomplete

    # --- watching ---

    @contextmanager
    def _watch(self, members: Sequence[Any]) -> Iterator[None]:
        self._members, self._found = members, _Found()
        self._own = {os.path.abspath(file) for job in members for file in job.output}
        true_stat = os.stat

        def stat(path: Any, *args: Any, **options: Any) -> os.stat_result:
            self._look(path)
            return true_stat(path, *args, **options)

        def apply(rule: Any, *args: Any, **options: Any) -> tuple[Any, bool]:
            return self._apply(rule, *args, **options)

        os.stat, Rule.apply_input_function = stat, apply
        try:
            yield
        finally:
            os.stat, Rule.apply_input_function = true_stat, _apply
            self._members = ()

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        """Note which files Python opens, which folders it lists and which programs it runs."""
        if not self._members or not args:
            return
        if event in _FILE_EVENTS:
            self._look(args[0])
        elif event in _FOLDER_EVENTS:
            self._look("." if args[0] is None else args[0], lists=True)
        elif event in _PROGRAM_EVENTS:
            words = " ".join(map(str, args))
            for file in (str(file) for job in self._members for file in job.input):
                if file in words:
                    self._look(file)

    def _look(self, file: Any, *, lists: bool = False) -> None:
        if not isinstance(file, str | bytes | os.PathLike):
            return  # the number of a file that is open already
        path = os.path.abspath(os.fsdecode(file))
        if path in self._own and len(self._members) == 1:
            return
        is_made = path in self._made or any(folder in self._made for folder in _folders(path))
        if is_made or (path in self._folders and (lists or not os.path.lexists(path))):
            self._found.looked.add(path)


def _folders(path: str) -> Iterator[str]:
    """Yield the folders that hold the absolute ``path``."""
    while (folder := os.path.dirname(path)) != path:
        yield folder
        path = folder


def _takes_resources(function: Any, options: Mapping[str, Any]) -> bool:
    """Return whether ``function`` is of a param and takes the job's resources or threads."""
    if "resources" not in options:
        return False
    taken = get_function_params(getattr(function, "callable", None) or function)
    return bool(taken.keys() & {"resources", "threads"}) or any(
        each.kind == each.VAR_KEYWORD for each in taken.values()
    )


def _run(job: Any) -> None:
    """Call the function that Snakemake made from the rule, in the same way as its executor."""
    rule = job.rule
    given = {
        "input": job.input._plainstrings(),  # noqa: SLF001  # as Snakemake's own executor does
        "output": job.output._plainstrings(),  # noqa: SLF001
        "params": job.params,
        "wildcards": job.wildcards,
        "threads": job.threads,
        "resources": job.resources,
        "log": job.log._plainstrings(),  # noqa: SLF001
        "rule": rule.name,
        "jobid": job.jobid,
        "is_shell": True,
        "basedir": rule.basedir,
    }
    rule.run_func(**{name: given.get(name) for name in _parameters(rule.run_func)})


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of what the function of a rule takes. All jobs of the rule ask for them."""
    return tuple(name for name in inspect.signature(function).parameters if name != "__is_snakemake_rule_func")


def _late(job: Any) -> Iterator[str]:
    """Yield the names of the job's params and resources that are late."""
    for name, value in job.resources.items():
        if isinstance(value, TBDString) and name not in _INTERNAL:
            yield f"resources.{name}"
    for number, (name, value) in enumerate(job.params._allitems()):  # noqa: SLF001  # no public interface has the names
        if _holds_late(value):
            yield f"params.{name}" if name else f"params[{number}]"


def _holds_late(value: Any) -> bool:
    if isinstance(value, str):
        return LATE in value
    if isinstance(value, dict):
        return any(map(_holds_late, (*value.keys(), *value.values())))
    return isinstance(value, list | tuple | set) and any(map(_holds_late, value))


def _plain(resources: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in resources.items()
        if name not in _INTERNAL and isinstance(value, str | int | float) and not isinstance(value, TBDString)
    }


def _once(values: list[Any]) -> list[Any]:
    """Return ``values``, or only the first if all are equal."""
    return values if any(each != values[0] for each in values) else values[:1]


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, NameError) else f"{type(error).__name__}: {error}"
