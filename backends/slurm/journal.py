"""The journal of a chain: the jobs and arrays that Slurm has accepted. submit.sh writes it."""

from __future__ import annotations

from collections.abc import Mapping

from reana_batch.run.parts import Run

JOURNAL = "state/slurm.jobs"
# Keys of jobs that run no step. The name of a user's step has no dot.
FINALISER, GATE = ".finaliser/", ".gate/"


def jobs_of(run: Run) -> Mapping[str, tuple[str, int]]:
    """Return the step and first chunk of each job or array of a run. The step is empty for a job that runs none."""
    found: dict[str, tuple[str, int]] = {}
    for part in run.parts():
        found |= jobs_of_part(part)
    return found


def jobs_of_part(part: Run) -> dict[str, tuple[str, int]]:
    """Return the same of one part."""
    return {
        job: ("" if key.startswith((FINALISER, GATE)) else part.path + key.rpartition("/")[0], int(first))
        for job, key, first, *_ in lines_of(part)
    }


def lines_of(part: Run) -> list[list[str]]:
    """Return the words of each line. None if nothing was submitted."""
    try:
        return [line.split(" ") for line in (part.directory / JOURNAL).read_text("utf-8").splitlines()]
    except FileNotFoundError:
        return []
