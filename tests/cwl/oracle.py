"""cwltool, which runs workflows the way REANA does, with the jobs as processes of this machine."""

from __future__ import annotations

import gc
import io
import json
import logging
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from cwltool.job import CommandLineJob
from cwltool.main import main

from . import flows


class Answer(NamedTuple):
    """What cwltool did."""

    code: int
    outputs: dict[str, Any]  # as flows.shown
    files: dict[str, str]  # of the outputs, by path
    jobs: Counter[str]  # the command line tools that ran, by name of the step, without the steps around it
    log: str


def run(workspace: Path, *options: str) -> Answer:
    """Run the analysis of the ``reana.yaml`` in ``workspace`` with more options."""
    document, parameters = flows.analysis(workspace)
    found, log, jobs = io.StringIO(), io.StringIO(), Counter[str]()
    command = CommandLineJob.run

    def counted(job: CommandLineJob, *words: Any) -> None:
        jobs[job.name] += 1
        command(job, *words)

    places = [f"--{name}={workspace}.scratch/" for name in ("tmpdir-prefix", "tmp-outdir-prefix")]
    words = ["--no-container", "--relax-path-checks", "--disable-color", f"--outdir={workspace / 'outputs'}", *places]
    words += [*options, str(workspace / document), str(parameters)]
    with (
        warnings.catch_warnings(action="ignore", category=ResourceWarning),  # it does not close what it reads
        mock.patch.object(CommandLineJob, "run", counted),
    ):
        code = main(words, stdout=found, stderr=log, logger_handler=logging.StreamHandler(log))
        gc.collect()
    outputs = json.loads(found.getvalue() or "{}")
    return Answer(code, flows.shown(outputs), flows.made(workspace / "outputs"), _by_step(jobs), log.getvalue())


def _by_step(jobs: Counter[str]) -> Counter[str]:
    """Return the numbers of jobs by step.

    cwltool numbers the jobs of one name: ``fit``, ``fit_2``. The job of a document without steps has its file's name.
    """
    found = Counter[str]()
    for name, count in jobs.items():
        base, _, number = name.rpartition("_")
        step = base if number.isdecimal() and base else name
        found[step.removesuffix(".cwl")] += count
    return found
