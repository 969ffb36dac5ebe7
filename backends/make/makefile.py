"""GNU make: a Makefile that runs the jobs on one machine with ``make -jN``, and that make can restart.

- A chunk is done when its stamp ``state/<step>/<chunk>.chunk`` exists, and a step when ``complete`` exists.
- When a job fails, make starts no jobs that depend on it. All others continue (``--keep-going``).
- Chunks that wait for single rows of another step depend on ``<chunk>.ended``. This target never fails, and its file
  is never made.
- An expansion is done when ``expanded`` exists, next to the stamps of its planner. If such chunks wait for it,
  ``expanded.ended`` runs its jobs and never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.footprint import Footprint, stamps, whole_steps
from reana_batch.ir import Pattern, Step, Workflow, chunk_pattern, ending_in_any_case
from reana_batch.target import Target
from reana_batch.writing.jobs import folders
from reana_batch.writing.render import File, stream

if TYPE_CHECKING:
    from reana_batch.site import Site

TARGET = Target(
    name="make",
    title="GNU make",
    compute_backends=frozenset(),
    hints={"runtime": ("kubernetes_job_timeout", "slurm_time", "htcondor_max_runtime")},
    container_runtimes=frozenset({"none", "apptainer"}),
    pulls_no_images=frozenset(),
    keeper="make",
    start_command="make -j4 -f batch/Makefile",
    enforces_runtime=False,
    runs_here=True,
)


# The target that a step waits for, by two facts: the parent is an expansion, and rows of the step are waited for.
_WHOLE = {
    (False, False): "complete",
    (False, True): "ended",
    (True, False): "expanded",
    (True, True): "expanded.ended",
}


def target(_site: Site) -> Target:
    """Return TARGET. No setting changes it."""
    return TARGET


def lower(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the Makefile. It is used in the run directory: ``make -j4 -f batch/Makefile``."""
    folder_of = folders(workflow)
    steps = {step.name: step for step in workflow.steps}
    followed = ending_in_any_case(workflow.steps)
    values = {
        "steps": [_step(step, folder_of, steps, followed, workflow.expansion_names) for step in workflow.steps],
        "expansions": [
            {
                "state": f"state/{folder_of[e.name]}",
                "directory": layout.expansion_folder(e.name),
                "followed": e.name in followed,
            }
            for e in workflow.expansions
        ],
        "clean": not site.inherit_environment,
    }
    yield File(f"{layout.BATCH}/Makefile", stream("make/Makefile.j2", "make", **values))


def footprint(workflow: Workflow, _site: Site) -> Footprint:
    """Return the steps and one call. Make leaves a stamp for each job, step and expansion, its log and its hosts."""
    made = sum(step.chunks for step in workflow.steps) + len(workflow.steps) + len(workflow.expansions)
    return Footprint(whole_steps(workflow), {"make": 1}, files=made - stamps(workflow) + 2)


def _step(
    step: Step, folder_of: dict[str, str], steps: dict[str, Step], followed: set[str], expansions: frozenset[str]
) -> dict[str, object]:
    """Return the values that the template needs for a step. The template reads the lists while it writes."""
    folder = folder_of[step.name]
    each: list[tuple[str, str]] = []
    whole: list[str] = []
    explicit: list[Iterator[tuple[str, list[str]]]] = []
    for need in step.needs:
        parent, ending = folder_of[need.step], _ending(need.step, followed)
        pattern = chunk_pattern(need, step, steps[need.step])
        if pattern is Pattern.ALL:
            whole.append(f"state/{parent}/{_WHOLE[need.step in expansions, step.name in followed]}")
        elif pattern is Pattern.EACH:
            each.append((parent, ending))
        else:
            before = partial(_stamp, parent, count=steps[need.step].chunks, ending=ending)
            own = partial(_stamp, folder, count=step.chunks, ending=_ending(step.name, followed))
            explicit.append(_explicit(step.chunks, own, before, pattern))
    return {
        "name": step.name,
        "folder": folder,
        "origin": step.origin.short,
        "stamps": (_stamp(folder, chunk, step.chunks, ".chunk") for chunk in range(step.chunks)),
        "followed": step.name in followed,
        "ended": (_stamp(folder, chunk, step.chunks, ".ended") for chunk in range(step.chunks)),
        "each": each,
        "whole": whole,
        "explicit": explicit,
    }


def _explicit(
    chunks: int, own: Callable[[int], str], before: Callable[[int], str], pattern: Callable[[int], tuple[int, ...]]
) -> Iterator[tuple[str, list[str]]]:
    """Yield each chunk's target with the targets of the parent that it waits for."""
    for chunk in range(chunks):
        yield own(chunk), list(map(before, pattern(chunk)))


def _ending(name: str, followed: set[str]) -> str:
    """Return the suffix of the targets that run the chunks of a step."""
    return ".ended" if name in followed else ".chunk"


def _stamp(folder: str, chunk: int, count: int, ending: str) -> str:
    return f"state/{folder}/{layout.row_stem(chunk, count)}{ending}"
