"""Slurm: ``submit.sh`` submits one sbatch script per step, as an array if the step has several chunks.

The jobs without parents are held until Slurm has accepted the whole chain. If a submission fails, ``submit.sh`` cancels
all accepted jobs. Jobs check their parents' records themselves. Jobs that wait for an expansion wait for its gate, a
small job that ends after all jobs of the expansion.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.backends.slurm.requests import minutes
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.footprint import Footprint, Slice
from reana_batch.ir import Need, Pattern, Step, Workflow, chunk_pattern
from reana_batch.target import FALLBACKS, Target
from reana_batch.writing.jobs import folders
from reana_batch.writing.libraries import library
from reana_batch.writing.render import File, Verbatim, mebibytes, packaged, render, stream

if TYPE_CHECKING:
    from reana_batch.site import Site

TARGET = Target(
    name="slurm",
    title="Slurm",
    compute_backends=frozenset({"slurmcern"}),
    hints={
        **FALLBACKS,
        "cpus": ("cpus_per_task", *FALLBACKS["cpus"]),
        "runtime": ("slurm_time", "kubernetes_job_timeout", "htcondor_max_runtime"),
        "partition": ("slurm_partition",),
        "account": ("slurm_account",),
        "qos": ("qos",),
        "constraint": ("constraint",),
        "reservation": ("reservation",),
        "gres": ("gres",),
        "gpus": ("gpu",),
        "gpu_model": ("gpu_model",),
        "nodes": ("nodes",),
        "tasks": ("tasks",),
    },
    container_runtimes=frozenset({"none", "apptainer"}),
    pulls_no_images=frozenset(),
    keeper="the finaliser",
    start_command="bash batch/submit.sh",
    enforces_runtime=True,
    submit_tool="sbatch",
    default_site="generic-slurm",
    environment=("SLURM_CONF",),
    # Snakemake sets disk_mb for every job. Most sites configure no TmpDisk in Slurm, and there a job with --tmp would
    # never start.
    only_by_hint=frozenset({"disk"}),
    submit_programs=("sbatch", "scancel", "scontrol", "squeue"),
    queues_all=True,
)

# Resources that batch/pyslurm_sbatch.py does not support.
_SBATCH_ONLY = ("constraint", "reservation", "gres", "gpus", "gpu_model", "nodes", "tasks")


# The most conditions of a dependency; templates/slurm/tools.sh has the same number.
_MOST_CONDITIONS = 5000


@dataclass(frozen=True, slots=True)
class _Submission:
    """A call of sbatch for a job or array of a step."""

    step: str
    key: str
    folder: str
    first: int
    count: int
    rows: int
    chunk_size: int
    needs: tuple[str, ...]  # "TYPE KEY" of each job or array that it waits for
    gate: str  # the name of the expansion whose gate follows it, or empty


# Files that every run on Slurm leaves: its jobs, the cluster, the folder of its tools, what Slurm said last, and the
# log of the finaliser.
_FILES = 5

# The small jobs of a chain that run no step: the values of their script.
_FINALISER = {
    "name": "finaliser",
    "purpose": "Cancels jobs that can never start, because Slurm itself lets them wait without end.",
    "arguments": Verbatim("the kind of finaliser (failure or end) and the token of the submission"),
    "function": "finalise",
}
_GATE = {
    "name": "gate",
    "purpose": "Starts when the jobs of an expansion have ended, and fails if one of them is not done.",
    "arguments": Verbatim("the name of the expansion and the folder of its planner"),
    "function": "pass_gate",
}


def target(site: Site) -> Target:
    """Return TARGET with the size of the site's arrays."""
    return replace(TARGET, array_size=site.of(SlurmSettings).max_array_size)


def lower(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield ``submit.sh`` with the files that it uses, and an sbatch script for each step."""
    folder_of = folders(workflow)
    yield library("submit-lib.sh")
    submission = _submission(workflow, site)
    if submission != "sbatch":
        yield File(f"{layout.BATCH}/pyslurm_sbatch.py", packaged("slurm/pyslurm_sbatch.py"))
    gates = workflow.awaited_expansions
    submissions = _all_submissions(workflow, site)
    python = site.of(SlurmSettings).pyslurm_python or Verbatim('"${1:-python3}"')
    asked = {"submission": submission, "python": python, "part": workflow.within[-1] if workflow.awaited else ""}
    text = stream("slurm/submit.sh.j2", "sh", submissions=submissions, **asked)
    yield File(f"{layout.BATCH}/submit.sh", text, executable=True)
    for helper in (_FINALISER, _GATE) if gates else (_FINALISER,):
        named = {name: getattr(site.of(SlurmSettings), name) or "" for name in ("partition", "account", "qos")}
        text = render("slurm/helper.sbatch.j2", "sbatch", **named, **helper)
        yield File(f"{layout.BATCH}/{helper['name']}.sbatch", text)
    followed = _followed_by_aftercorr(workflow.steps)
    for step in workflow.steps:
        folder = folder_of[step.name]
        script = _batch_script(step, folder, site, followed=step.name in followed)
        yield File(f"{layout.BATCH}/steps/{folder}/job.sbatch", script)


def footprint(workflow: Workflow, site: Site) -> Footprint:
    """Return the arrays, and the calls of ``submit.sh``. A gate counts as part of the job that it follows."""
    submissions = list(_all_submissions(workflow, site))
    place = {each.key: number for number, each in enumerate(submissions)}
    place |= {f".gate/{each.gate}": place[each.key] for each in submissions if each.gate}
    followed = {need.partition(" ")[2] for each in submissions for need in each.needs}
    followed |= {each.key for each in submissions if each.gate}
    finalisers = sum(-(-count // _MOST_CONDITIONS) for count in (len(followed), len(place) - len(followed)))
    submission = "pyslurm" if _submission(workflow, site) == "pyslurm" else "sbatch"
    return Footprint(
        tuple(
            Slice(each.step, range(each.first, each.first + each.count), tuple(_waits(each, place)))
            for each in submissions
        ),
        # One call asks for the configuration, and one releases the first jobs.
        {submission: len(place) + finalisers, "scontrol": 2},
        _FILES + len(workflow.steps) + bool(workflow.awaited_expansions),  # slurm.out of each step, gate.out
        Counter(each.step for each in submissions for _ in range(2 if each.gate else 1)),
        _effects(workflow, site),
    )


def _effects(workflow: Workflow, site: Site) -> dict[str, str]:
    most = site.of(SlurmSettings).max_array_size
    split = [step for step in workflow.steps if step.chunks > most]
    arrays = sum(-(-step.chunks // most) for step in split)
    return {"slurm.max_array_size": f"{len(split)} steps are submitted as {arrays:,} arrays."} if split else {}


def _waits(submission: _Submission, place: dict[str, int]) -> Iterator[tuple[int, Pattern]]:
    for need in submission.needs:
        kind, _, key = need.partition(" ")
        yield place[key], Pattern.EACH if kind == "aftercorr" else Pattern.ALL


def _followed_by_aftercorr(steps: Sequence[Step]) -> set[str]:
    """Return the steps with several rows per job whose jobs others follow with aftercorr.

    Their jobs end with success even if rows fail, because the jobs after them check the parents of each row.
    """
    return {
        need.step
        for step in steps
        for need in step.needs
        if need.pattern is Pattern.EACH and step.chunks > 1 and step.placed.chunk_size > 1
    }


def _submission(workflow: Workflow, site: Site) -> str:
    """Return what submits the jobs. It is sbatch if a job asks for a resource that pyslurm does not support."""
    special = any(getattr(step.placed.resources, name) for step in workflow.steps for name in _SBATCH_ONLY)
    return "sbatch" if special else site.of(SlurmSettings).submission


def bundle(site: Site) -> int:
    """Return how many jobs one node of another system's graph submits as an array."""
    return site.of(SlurmSettings).max_array_size


def lower_nodes(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the scripts with which another system's nodes submit steps and wait for them."""
    folder_of = folders(workflow)
    yield library("submit-lib.sh")
    yield library("node-lib.sh")
    for step in workflow.steps:
        if step.placed.target is not None and step.placed.target.name == TARGET.name:
            folder = folder_of[step.name]
            yield File(f"{layout.BATCH}/steps/{folder}/node.sh", _node_script(step, folder))
            yield File(f"{layout.BATCH}/steps/{folder}/job.sbatch", _batch_script(step, folder, site))


def _node_script(step: Step, folder: str) -> str:
    return render(
        "slurm/node.sh.j2",
        "sh",
        label=step.label,
        origin=step.origin.short,
        name=step.name,
        folder=folder,
        bundle=step.placed.bundle,
        rows=step.table.count,
        chunk_size=step.placed.chunk_size,
    )


def _batch_script(step: Step, folder: str, site: Site, *, followed: bool = False) -> str:
    runtime, resources = step.job_runtime, step.placed.resources
    return render(
        "slurm/job.sbatch.j2",
        "sbatch",
        origin=step.origin.short,
        name=step.name,
        folder=folder,
        cpus=resources.cpus or "",
        memory=mebibytes(resources.memory),
        disk=mebibytes(resources.disk),
        minutes=minutes(runtime) if runtime else "",
        partition=resources.partition or site.of(SlurmSettings).partition or "",
        account=resources.account or site.of(SlurmSettings).account or "",
        qos=resources.qos or site.of(SlurmSettings).qos or "",
        **{name: getattr(resources, name) or "" for name in _SBATCH_ONLY} | {"gpus": _gpus(step)},
        environment="ALL" if site.inherit_environment else "NIL",
        followed=followed,
        submits=any(program in step.placed.programs for program in TARGET.submit_programs),
    )


def _gpus(step: Step) -> str:
    """Return the GPUs of a job in the form of sbatch. They may have a model."""
    number, model = step.placed.resources.gpus, step.placed.resources.gpu_model
    return f"{model}:{number or 1}" if model else str(number or "")


def _all_submissions(workflow: Workflow, site: Site) -> Iterator[_Submission]:
    """Yield the sbatch calls of all steps, in their order."""
    folder_of = folders(workflow)
    steps = {step.name: step for step in workflow.steps}
    gates, max_array_size = workflow.awaited_expansions, site.of(SlurmSettings).max_array_size
    for step in workflow.steps:
        yield from _submissions(step, folder_of[step.name], steps, gates, max_array_size)


def _submissions(
    step: Step, folder: str, steps: dict[str, Step], gates: frozenset[str], max_array_size: int
) -> Iterator[_Submission]:
    """Yield the sbatch calls of a step. A step with too many chunks for one array has one call for each slice."""
    for number, first in enumerate(range(0, step.chunks, max_array_size)):
        yield _Submission(
            step=step.name,
            key=_key(step, number),
            folder=folder,
            first=first,
            count=min(max_array_size, step.chunks - first),
            rows=step.table.count,
            chunk_size=step.placed.chunk_size,
            needs=tuple(
                word
                for need in step.needs
                for word in (
                    [f"afterok .gate/{need.step}"]
                    if need.step in gates
                    else _dependency(need, step, steps[need.step], number, max_array_size)
                )
            ),
            gate=step.name if step.name in gates else "",
        )


def _key(step: Step, number: int) -> str:
    return f"{step.name}/{number}"


def _dependency(need: Need, child: Step, parent: Step, number: int, max_array_size: int) -> Iterator[str]:
    """Yield ``TYPE KEY`` for each array that this slice of the child waits for.

    With aftercorr, element i follows element i. Slurm cannot express other dependencies between single elements. Then
    the job waits until all have ended, with or without success (afterany), and checks the records of its own parents.
    """
    pattern = chunk_pattern(need, child, parent)
    if pattern is Pattern.EACH and child.chunks > 1:
        yield f"aftercorr {_key(parent, number)}"
    elif pattern is Pattern.EACH and child.placed.chunk_size > 1:
        yield f"afterany {_key(parent, number)}"
    elif isinstance(pattern, Pattern):
        for slice_number in range(-(-parent.chunks // max_array_size)):
            yield f"afterok {_key(parent, slice_number)}"
    else:
        chunks = range(number * max_array_size, min((number + 1) * max_array_size, child.chunks))
        for slice_number in sorted({before // max_array_size for chunk in chunks for before in pattern(chunk)}):
            yield f"afterany {_key(parent, slice_number)}"
