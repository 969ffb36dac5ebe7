"""Pruning of a run's workspace: the removal of files that are neither inputs nor outputs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reana_batch import layout
from reana_batch.diagnostics import refuse
from reana_batch.lifecycle.deletion import sharing
from reana_batch.lifecycle.status import known_status
from reana_batch.reading.expressions import is_data_reference
from reana_batch.run import pruning
from reana_batch.run.lock import locked
from reana_batch.run.manifest import Manifest
from reana_batch.run.parts import Run
from reana_batch.run.pruning import Surplus


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to prune besides intermediate files, and whether a run that can be resumed may lose files."""

    inputs: bool = False
    outputs: bool = False
    force: bool = False


def planned(directory: Path, wishes: Wishes) -> list[Surplus]:
    """Return what :func:`prune` would remove. Raises Refused if the run's state does not allow it."""
    _check_prunable(directory, wishes)
    return pruning.surplus(directory / layout.WORKSPACE, _kept(directory, wishes))


def prune(directory: Path, wishes: Wishes) -> Iterator[Surplus | OSError]:
    """Remove files from the workspace of a run. Yield each, or why it stays.

    Raises Refused if the run is active, or if it failed or was stopped and ``force`` is not set.
    """
    with locked(directory, disk_may_be_full=True):
        files = planned(directory, wishes)
        yield from pruning.remove(directory / layout.WORKSPACE, files, _kept(directory, wishes))


def _kept(directory: Path, wishes: Wishes) -> list[str]:
    """Return what a run and all others in its workspace keep there."""
    runs = map(Run, (directory, *sharing(directory)))
    return [path for run in runs for path in _kept_by(run.manifest, wishes)]


def _kept_by(manifest: Manifest, wishes: Wishes) -> list[str]:
    inputs = () if wishes.inputs else (*manifest.inputs, *manifest.tests)
    return [*map(_path, inputs), *(() if wishes.outputs else manifest.outputs)]


def _path(name: str) -> str:
    """Return the path of an input, which may be a data reference."""
    if not is_data_reference(name):
        return name
    from reana_batch.reading.references import input_path

    return input_path(name)


def _check_prunable(directory: Path, wishes: Wishes) -> None:
    """Raise Refused unless the run and those in the same workspace have ended, and lose nothing that they need."""
    for each in (directory, *sharing(directory)):
        state = known_status(each).state
        if state in ("queued", "running"):
            raise refuse(
                "run-state", f"{each.name} is {state}; stop it first.", hint=f"reana-batch stop -w {_word(each)}"
            )
        if state not in ("finished", "failed", "stopped"):
            raise refuse("run-state", f"{each.name} is {state}; only the workspace of an ended run can be pruned.")
        if state != "finished" and not wishes.force:
            message = f"{each.name} is {state}; without the files that its jobs made, it cannot be resumed."
            raise refuse("run-state", message, hint="if it will not be resumed: --force.")


def _word(directory: Path) -> str:
    return shlex.quote(str(directory))
