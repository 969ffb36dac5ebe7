"""The progress of a run on stderr: bars on a terminal, elsewhere a line for each noticeable change."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reana_batch.cli.terminal import say

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Task, TaskID

    from reana_batch.backends.drivers import Report
    from reana_batch.run.parts import StepProgress

_MOST_STEPS = 20  # that have a bar
_TENTHS = 10  # how often a step that goes on has a line


@contextlib.contextmanager
def watching(*, quiet: bool) -> Iterator[Report]:
    """Yield a function that shows the progress of each step."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live

        bars = _Bars()
        with Live(console=Console(stderr=True, highlight=False), refresh_per_second=4) as live:
            yield lambda progress: live.update(bars.drawn(progress))
    else:
        yield _Lines()


# --- lines ---------------------------------------------------------------------------------------


class _Lines:
    """Prints a line when a step starts, when it ends, at each tenth of its jobs, and when many more have failed."""

    def __init__(self) -> None:
        self._shown: dict[str, tuple[int, ...]] = {}

    def __call__(self, progress: Sequence[StepProgress]) -> None:
        from reana_batch.lifecycle.status import time_text

        for step in progress:
            mark = _mark(step)
            if any(mark) and self._shown.get(step.name) != mark:
                self._shown[step.name] = mark
                say(f"{time_text(time.time())}  {step.name}  {counts(step)}")


def _mark(step: StepProgress) -> tuple[int, ...]:
    """Return what makes a line noticeable. Failures are noticed at each power of two."""
    started = bool(step.done or step.failed or step.running)
    ended = step.done + step.failed == step.total
    return started, step.done * _TENTHS // max(step.total, 1), step.failed.bit_length(), started and ended


def counts(step: StepProgress) -> str:
    """Return the numbers of jobs of a step in words."""
    running = f", {step.running:,} running" if step.running else ""
    failed = f", {step.failed:,} failed" if step.failed else ""
    return f"{step.done:,}/{step.total:,} done{running}{failed}"


# --- bars ----------------------------------------------------------------------------------------


class _Bars:
    """The bars of the steps that matter now, with elapsed time, rate and remaining time since this command watches."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TextColumn("{task.fields[counts]}", markup=False),
            TimeElapsedColumn(),
            _rate_column(),
            TimeRemainingColumn(compact=True),
            auto_refresh=False,
        )
        self._ids: dict[str, TaskID] = {}

    def drawn(self, progress: Sequence[StepProgress]) -> RenderableType:
        """Return what a terminal shows of this progress."""
        from rich.console import Group
        from rich.text import Text

        shown = _mattering(progress)
        for step in progress:
            if step.name in shown or step.name in self._ids:
                self._show(step, visible=step.name in shown)
        waiting = sum(not (step.done or step.running or step.failed) for step in progress)
        return Group(self._bars, *([Text(f"{waiting:,} steps waiting", "dim")] if waiting else []))

    def _show(self, step: StepProgress, *, visible: bool) -> None:
        from reana_batch.printable import printable

        if step.name not in self._ids:
            # The rate counts from here: jobs that were done before say nothing about it.
            done = step.done if step.done < step.total else 0
            self._ids[step.name] = self._bars.add_task(
                printable(step.name), total=step.total, completed=done, counts=""
            )
        task = self._ids[step.name]
        self._bars.update(task, completed=step.done, counts=counts(step), visible=visible)
        if step.done + step.failed == step.total and not step.running:
            self._bars.stop_task(task)


def _mattering(progress: Sequence[StepProgress]) -> set[str]:
    """Return the steps that run or have failed, and the last that ended."""
    busy = [step.name for step in progress if step.running or step.failed or 0 < step.done < step.total]
    ended = [step.name for step in progress if step.done == step.total]
    return {*ended[-_MOST_STEPS // 2 :], *busy[:_MOST_STEPS]}


def _rate_column() -> Any:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """The jobs that ended in each minute."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{60 * speed:,.3g}/min" if speed else "", "dim")

    return Rate()
