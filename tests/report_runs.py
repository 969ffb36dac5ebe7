"""Runs for the tests of the report: written for make, with the records that their jobs would have left."""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from reana_batch import backends, layout
from reana_batch.ir import Need, Pattern, Resources
from reana_batch.lifecycle.status import status
from reana_batch.report.page import page
from reana_batch.report.run_facts import RunFacts
from reana_batch.report.run_reading import run_facts
from reana_batch.run.manifest import StepEntry
from reana_batch.run.parts import Run
from reana_batch.run.run_json import note
from tests.lifecycle.flows import scatter, write_run

START = 1_796_000_000
IMAGE = "docker.io/library/debian@sha256:" + "0123456789abcdef" * 4
# What HTML and JavaScript take for their own.
RUDE = "plot </script><b>\"&'"
_ASKS = Resources(memory=800 << 20, runtime=600)
_SLOTS = 40


@dataclass
class Story:
    """A run in which the records of jobs are written step by step, as if the jobs had run."""

    directory: Path
    ends: dict[str, int] = field(default_factory=dict)  # of steps
    free: list[int] = field(default_factory=lambda: [START + 5] * _SLOTS)  # when each slot can take another job
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def work(self, name: str, seconds: float, *, failing: Collection[int] = (), until: int = START * 2) -> None:
        """Let the jobs of a step run. What would end after ``until`` still runs; what would start then does not."""
        step = Run(self.directory).manifest.steps_by_name()[name]
        ready = max([START + 5, *(self.ends[need] for need in step.needs)])
        self.ends[name] = ready
        for row in range(step.rows):
            slot = min(range(_SLOTS), key=self.free.__getitem__)
            started = max(self.free[slot], ready) + self.chance.randint(1, 4)
            ended = started + max(1, round(self.chance.lognormvariate(0, 0.35) * seconds))
            if started <= until:
                self._start(step, row, slot, started)
                self.free[slot], self.ends[name] = ended, max(self.ends[name], ended)
            if ended <= until:
                self._end(step, row, slot, started, ended, fails=row in failing)

    def _start(self, step: StepEntry, row: int, slot: int, started: int) -> None:
        self._record(step, row, "started", command=1, started=started, **_place(slot))

    def _end(self, step: StepEntry, row: int, slot: int, started: int, ended: int, *, fails: bool) -> None:
        span = {"started": started, "ended": ended, **_place(slot)}
        if not fails:
            self._record(step, row, "done", **span, **self._usage(ended - started))
            return
        self._record(step, row, "failed", exit_code=2, reason="command", command=1, **span)
        self._write(step, row, "command", "run --chunk=<all> & wait\n")
        log = self.directory / layout.LOGS / f"{step.stem(row)}.err"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"reading chunk {row}\nValueError: <b>bad</b> \x1b[31mrun {row}\n", "utf-8")

    def _usage(self, took: int) -> dict[str, object]:
        return {
            "attempt": 1,
            "cpu": round(took * 0.93),
            "memory": self.chance.randint(300, 900) << 20,
            "memory_of": "job",
        }

    def _record(self, step: StepEntry, row: int, ending: str, **facts: object) -> None:
        self._write(step, row, ending, "".join(f"{name}={value}\n" for name, value in facts.items()))

    def _write(self, step: StepEntry, row: int, ending: str, text: str) -> None:
        path = self.directory / layout.STATE / f"{step.stem(row)}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def facts(self) -> RunFacts:
        return run_facts(status(self.directory), lambda name: backends.lowering(name).TARGET.title)

    def page(self) -> str:
        return page(self.facts())


def _place(slot: int) -> dict[str, object]:
    return {"host": f"node{slot % 8 + 1:02}.example.org", "scheduler_job": f"4711.{slot}"}


def created(directory: Path, rows: int = 40) -> Story:
    """Return a run of seven steps, two of them with this many rows. Nothing of it has run."""
    asking = {"resources": _ASKS, "environment": IMAGE}
    write_run(
        directory,
        scatter("download", "echo", credentials=frozenset({"kerberos"})),
        scatter("skim", "echo {row}", rows, needs=(Need("download"),), **asking),
        scatter("calibrate", "echo {row}", max(rows // 5, 1), needs=(Need("download"),), **asking),
        scatter("select", "echo {row}", rows, needs=(Need("skim", Pattern.EACH), Need("calibrate"))),
        scatter("merge", "echo", needs=(Need("select"),)),
        scatter("fit", "echo {row}", 12, needs=(Need("merge"),)),
        scatter("plot", "echo", label=RUDE, needs=(Need("fit"), Need("merge"))),
        outputs=("results/plot.png", "results/limits.json"),
        settings=("credentials.kerberos=ticket",),
    )
    note(directory, created=START - 3)
    return Story(directory)


def failed(directory: Path, rows: int = 40) -> Story:
    """Return the run after three of its jobs have failed. Jobs of its second step were lost."""
    story = created(directory, rows)
    here = os.uname().nodename
    note(directory, submitted=START, ids=[f"{here}:99999999"], host=here)
    story.work("download", 40)
    story.work("skim", 60, failing=(3, 17, 18))
    story.work("calibrate", 20, until=START + 130)
    return story


def finished(directory: Path, rows: int = 40) -> Story:
    """Return the run after its end."""
    story = created(directory, rows)
    note(directory, submitted=START, ids=["4711"])
    for name, seconds in {
        "download": 40,
        "skim": 60,
        "calibrate": 20,
        "select": 30,
        "merge": 90,
        "fit": 240,
        "plot": 12,
    }.items():
        story.work(name, seconds)
    return story
