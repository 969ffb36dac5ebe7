"""What jobs of a run ask for: changed after the run was compiled, and what to ask for after a failure.

A job's requests are in the file of its batch system and in its job script. The manifest has those that are known.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reana_batch import backends, files, layout
from reana_batch.diagnostics import Diagnostics, refuse
from reana_batch.lifecycle.status import RunStatus
from reana_batch.run import manifest
from reana_batch.run.failures import Failure
from reana_batch.run.manifest import Amounts, Manifest, StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, QueuedJob, Submission
from reana_batch.run.sampling import MOST
from reana_batch.run.steps import Steps, named
from reana_batch.target import Target
from reana_batch.writing.directives import with_fact


@dataclass(frozen=True, slots=True)
class Wish:
    """What jobs shall ask for from now on. Without ``steps``, the steps with failed or held jobs change."""

    steps: Sequence[str] = ()  # their names or labels
    amounts: Amounts = field(default_factory=Amounts)
    settings: Mapping[str, Any] = field(default_factory=dict)  # settings of a site


NO_WISH = Wish()


def read_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the settings of ``KEY=VALUE`` words. Faults raise Refused, with all of them."""
    from reana_batch.reading import sites  # here, because few commands need it

    diagnostics = Diagnostics()
    found = sites.read_settings(pairs, backends.known_settings(), diagnostics)
    diagnostics.stop_if_errors()
    return found


def change(current: RunStatus, wish: Wish) -> Steps:
    """Change the requests of the steps that a wish means, and return them. The caller holds the lock.

    Raises Refused with all faults, and changes nothing then.
    """
    if wish == NO_WISH:
        return ()
    chosen = _chosen(current, wish.steps)
    _check(current.run.manifest.limits, chosen, wish)
    for part, step in chosen:
        _change_files(part, step, _asked(step, wish))
    for part in {id(part): part for part, _ in chosen}.values():
        _change_manifest(part, [step.name for owner, step in chosen if owner is part], wish.amounts)
    return chosen


def alter(directory: Path, jobs: Sequence[QueuedJob], last: Submission, chosen: Steps, wish: Wish) -> None:
    """Change the requests of those jobs in the queue that have not started."""
    for part, step in chosen:
        requests = backends.driver(part.system_of(step)).requests
        waiting = [
            job for job in jobs if job.step == part.name_of(step) and job.state in (JobState.HELD, JobState.WAITING)
        ]
        if requests and waiting:
            requests.alter(directory, last, waiting, _asked(step, wish))


# --- which steps ---------------------------------------------------------------------------------


def _chosen(current: RunStatus, names: Sequence[str]) -> Steps:
    steps = list(current.run.steps())
    if names:
        return [found for name in names for found in named(steps, name)]
    troubled = {failure.step for failure in current.failures} | {job.step for job in current.queue.held}
    found = [(part, step) for part, step in steps if part.name_of(step) in troubled]
    if not found:
        message = f"No job of {current.run.directory.name} has failed, so nothing says which jobs shall ask for more."
        raise refuse("run-state", message, hint="name their step: --step NAME")
    return found


# --- what is refused -----------------------------------------------------------------------------


def _check(limits: Amounts, chosen: Steps, wish: Wish) -> None:
    faults = Diagnostics()
    for part, step in chosen:
        target = backends.lowering(part.system_of(step)).TARGET
        for name, asked in _amounts(wish.amounts).items():
            if name in target.hints:
                _check_limit(faults, name, asked, getattr(limits, name), step)
            else:
                _report_unsupported(faults, name, target)
        for name, value in wish.settings.items():
            _check_setting(faults, name, value, part, step)
    faults.stop_if_errors()


def _report_unsupported(faults: Diagnostics, name: str, target: Target) -> None:
    cure = "let fewer jobs run at a time: --jobs N" if target.runs_here else ""
    faults.error("unsupported", f"{target.title} gives jobs no {name}, so --{name} would change nothing.", hint=cure)


def _check_setting(faults: Diagnostics, name: str, value: object, part: Run, step: StepEntry) -> None:
    requests = backends.driver(part.system_of(step)).requests
    known = sorted(requests.settings) if requests else []
    if name not in known or value is None:
        cure = f"what it changes: {', '.join(known)}." if known else "compile the analysis again."
        faults.error("unsupported", f"resume cannot change {name} of step {step.label}.", hint=cure)


_UNITS = {"memory": "B of memory", "runtime": "s"}


def _check_limit(faults: Diagnostics, name: str, asked: int, most: int | None, step: StepEntry) -> None:
    rows = step.chunk_size * step.commands if name == "runtime" else 1
    if most is not None and asked * rows > most:
        times = f" for each of {rows} commands in a job" if rows > 1 else ""
        message = f"The site of this run allows at most {most:,} {_UNITS[name]}, not {asked:,}{times}."
        faults.error("over-limit", message)


# --- where they are ------------------------------------------------------------------------------


def _amounts(amounts: Amounts) -> dict[str, int]:
    return {name: amount for name, amount in dataclasses.asdict(amounts).items() if amount is not None}


def _asked(step: StepEntry, wish: Wish) -> dict[str, int | str]:
    """Return the requests of a whole job."""
    asked: dict[str, int | str] = {**_amounts(wish.amounts), **wish.settings}
    if wish.amounts.runtime is not None:
        asked["runtime"] = wish.amounts.runtime * step.chunk_size * step.commands
    return asked


def _change_files(part: Run, step: StepEntry, asked: Mapping[str, int | str]) -> None:
    folder = part.directory / layout.BATCH / "steps" / step.folder
    system = part.system_of(step)
    requests = backends.driver(system).requests
    if requests:
        path = folder / requests.file
        _rewrite(path, requests.changed(files.read_text(path), asked))
    if "runtime" in asked:
        path, each = folder / "job.sh", int(asked["runtime"]) // step.chunk_size
        script = with_fact(files.read_text(path), "life_needed", each)
        watched = _watches_rows(step, backends.lowering(system).TARGET)
        _rewrite(path, with_fact(script, "row_time_limit", each // step.commands) if watched else script)


def _watches_rows(step: StepEntry, target: Target) -> bool:
    return step.chunk_size > 1 or step.commands > 1 or not target.enforces_runtime


def _change_manifest(part: Run, names: Sequence[str], amounts: Amounts) -> None:
    known: Manifest = part.manifest
    steps = (
        dataclasses.replace(step, asks=dataclasses.replace(step.asks, **_amounts(amounts)))
        if step.name in names
        else step
        for step in known.steps
    )
    _rewrite(part.directory / layout.MANIFEST, "".join(manifest.lines(known, steps)))


def _rewrite(path: Path, text: str) -> None:
    files.write_whole(path, text.encode())


# --- what to ask for -----------------------------------------------------------------------------

# For jobs that asked for nothing: more than most sites give them.
_FIRST = {"memory": 4 * 1024**3, "runtime": 8 * 3600}


def cure_of(current: RunStatus) -> str:
    """Return the command that gives the jobs of a run more of what they lacked. Empty if ``resume`` cannot do that."""
    held = current.queue.held
    return cure(current.run, current.failures[:MOST], held) if held or current.state in ("failed", "stopped") else ""


def cure(run: Run, failures: Sequence[Failure], held: Sequence[QueuedJob] = ()) -> str:
    """Return the command that gives jobs more of what they lacked. Empty if no job lacked anything.

    It asks for twice as much, or for the most that the site allows.
    """
    lacking = {(failure.step, failure.lacks) for failure in failures} | {(job.step, job.lacks) for job in held}
    wanted: dict[str, int] = {}
    steps: dict[str, None] = {}
    for part, step in run.steps():
        for name in ("memory", "runtime"):
            more = _more(part, step, name) if (part.name_of(step), name) in lacking else None
            if more is not None:
                wanted[name] = max(more, wanted.get(name, 0))
                steps[part.name_of(step)] = None
    words = [*_words(wanted, steps)]
    return f"reana-batch resume -w {shlex.quote(str(run.directory))} {shlex.join(words)}" if words else ""


def _words(wanted: Mapping[str, int], steps: Mapping[str, None]) -> Iterator[str]:
    for step in steps:
        yield from ("--step", step)
    for name, amount in wanted.items():
        yield from (f"--{name}", _WORDS[name](amount))


def _more(part: Run, step: StepEntry, name: str) -> int | None:
    """Return what the jobs of a step shall ask for. None if they cannot ask for more."""
    if name not in backends.lowering(part.system_of(step)).TARGET.hints:
        return None
    asked, most = getattr(step.asks, name), getattr(part.manifest.limits, name)
    if most is not None and name == "runtime":
        most //= step.chunk_size * step.commands
    more = min(asked * 2 if asked else _FIRST[name], most or math.inf)
    return int(more) if not asked or more > asked else None


def _size(amount: int) -> str:
    mebibytes = amount // 1024**2 or 1
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"


def _duration(seconds: int) -> str:
    unit, letter = next((unit, letter) for unit, letter in ((3600, "h"), (60, "m"), (1, "s")) if seconds % unit == 0)
    return f"{seconds // unit}{letter}"


_WORDS = {"memory": _size, "runtime": _duration}
