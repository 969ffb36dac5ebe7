"""HTCondor: a DAG for DAGMan, one submit file per step, one node per chunk.

A step has nodes instead of ``queue N``, because DAGMan removes the rest of a cluster when one of its jobs fails. Rows
do not depend on each other. All paths are relative to the run directory, where the user submits the DAG.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.backends.htcondor.nodes import DAG_FILE, SHIP, VERDICT, expansion_node
from reana_batch.backends.htcondor.requests import time_limit
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.footprint import Footprint, whole_steps
from reana_batch.ir import ChunkPattern, Expansion, Pattern, Step, Workflow, chunk_pattern, ending_in_any_case
from reana_batch.reading.images import is_path
from reana_batch.target import FALLBACKS, Target
from reana_batch.writing import credential_files
from reana_batch.writing.jobs import folders
from reana_batch.writing.render import File, mebibytes, packaged, render, stream

if TYPE_CHECKING:
    from reana_batch.site import Site

TARGET = Target(
    name="htcondor",
    title="HTCondor",
    compute_backends=frozenset({"htcondorcern", "compute4punch"}),
    hints={
        **FALLBACKS,
        "runtime": ("htcondor_max_runtime", "kubernetes_job_timeout", "slurm_time"),
        "account": ("htcondor_accounting_group",),
        "requirements": ("htcondor_requirements", "c4p_additional_requirements"),
        "gpus": ("gpu",),
    },
    container_runtimes=frozenset({"none", "apptainer", "htcondor"}),
    sealed_runtimes=frozenset({"htcondor"}),
    # On a shared file system, HTCondor 23.9 takes docker:// for a path in the run directory and holds the job.
    pulls_no_images=frozenset({"htcondor"}),
    keeper="DAGMan",
    start_command="condor_submit_dag batch/workflow.dag",
    submit_tool="condor_submit_dag",
    default_site="generic-htcondor",
    enforces_runtime=True,
    # getenv omits values of several lines, DAGMan passes few variables to jobs, and every user can read the job ad.
    copies_environment=False,
    holds=frozenset({"slurm"}),
    retries_jobs=True,
    # Macros, commands that print a configuration, and an escaped slash.
    misread_paths=r"\$\w*\(|\||\\/",
)

# As fast as HTCondor's defaults, which are 100 jobs every 5 seconds.
_SUBMITS_A_SECOND = 20


# Files that DAGMan and its submission leave among the batch files.
_FILES = 7


def target(site: Site) -> Target:
    """Return TARGET with the changes that the settings of a site make."""
    settings = site.of(HTCondorSettings)
    return replace(
        TARGET,
        sends_files="htcondor.file_transfer" if settings.file_transfer else "",
        forwards_tickets=settings.send_credential,
        retries=settings.retries,
        logs_each_job="" if settings.shared_log else "htcondor.shared_log",
    )


def no_guests(site: Site) -> str:
    """Return why the DAG cannot delegate steps to another system. Empty if it can."""
    if site.of(HTCondorSettings).file_transfer:
        return "Steps on another system need a shared run directory, but htcondor.file_transfer is on."
    return ""


def lower(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the DAG, its configuration and the submit files."""
    folder_of = folders(workflow)
    # With file transfer a job does not get the records of other jobs, so it cannot check the parents of its rows.
    followed = set() if site.of(HTCondorSettings).file_transfer else ending_in_any_case(workflow.steps)
    yield File(
        DAG_FILE,
        stream(
            "htcondor/workflow.dag.j2",
            "dag",
            steps=[_nodes(step, folder_of, site, followed) for step in workflow.steps],
            edges=_edges(workflow, followed),
            expansions=[_expansion(e, folder_of[e.name], followed) for e in workflow.expansions],
            send_credential=site.of(HTCondorSettings).send_credential,
            environment=sorted(
                {name for step in workflow.steps if step.placed.target for name in step.placed.target.environment}
            ),
        ),
    )
    yield File(f"{layout.BATCH}/dagman.config", _configuration(site.of(HTCondorSettings).max_idle))
    for step in workflow.steps:
        folder = folder_of[step.name]
        lowered = _waiting_file if step.placed.target else _submit_file
        submit_file = lowered(step, folder, workflow, site)
        yield File(f"{layout.BATCH}/steps/{folder}/job.sub", submit_file)
        paths = [output for output in step.outputs if isinstance(output, str)]
        if site.of(HTCondorSettings).file_transfer and paths and len(paths) == len(step.outputs):
            yield File(f"{layout.BATCH}/steps/{folder}/outputs", (f"{path}\0" for path in paths))
    if workflow.credential_plan.environment:
        yield File(credential_files.ENVIRONMENT, packaged("htcondor/environment.sh"))
    if followed:
        yield File(VERDICT, packaged("htcondor/verdict.sh"))
    if site.of(HTCondorSettings).file_transfer:
        yield File(SHIP, packaged("htcondor/ship.sh"))


def _configuration(max_idle: int | None) -> str:
    """Return the configuration of DAGMan. It never submits more than a tenth of ``max_idle`` jobs at once."""
    at_once = _SUBMITS_A_SECOND if max_idle is None else max(1, min(_SUBMITS_A_SECOND, max_idle // 10))
    return render("htcondor/dagman.config.j2", "sub", max_idle=max_idle or "", at_once=at_once)


def _submit_file(step: Step, folder: str, workflow: Workflow, site: Site) -> str:
    resources, image = step.placed.resources, step.placed.image
    keep_flavour = site.of(HTCondorSettings).job_flavours and resources.flavour and step.placed.chunk_size == 1
    in_container = site.container_runtime == "htcondor" and image is not None
    return render(
        "htcondor/job.sub.j2",
        "sub",
        origin=step.origin.short,
        folder=folder,
        image=image.candidates[0] if in_container and image else "",
        image_is_path=in_container and image is not None and is_path(image.candidates[0]),
        cpus=resources.cpus or "",
        memory=mebibytes(resources.memory),
        disk=-(-resources.disk // 1024) if resources.disk else "",
        flavour=resources.flavour if keep_flavour else "",
        runtime=step.job_runtime or "",
        time_limit=time_limit(step.job_runtime or 0),
        cern=site.of(HTCondorSettings).job_flavours,
        account=resources.account or site.of(HTCondorSettings).accounting_group or "",
        requirements=resources.requirements or "",
        gpus=resources.gpus or "",
        send_credential=site.of(HTCondorSettings).send_credential,
        file_transfer=site.of(HTCondorSettings).file_transfer,
        writable_images=site.of(HTCondorSettings).writable_images,
        stages_data=bool(step.placed.data),
        retries=_retries(step, site),
        shared_log=site.of(HTCondorSettings).shared_log,
        kept_environment=workflow.credential_plan.environment,
        shipped=credential_files.shipped(step, workflow.credential_plan),
        label=step.label,
    )


def _waiting_file(step: Step, folder: str, workflow: Workflow, site: Site) -> str:
    """Return the submit file of a step that another system runs."""
    target = step.placed.target
    assert target is not None
    return render(
        "htcondor/waiting.sub.j2",
        "sub",
        origin=step.origin.short,
        system=target.title,
        folder=folder,
        kept_environment=workflow.credential_plan.environment,
        environment=", ".join(("PATH", *target.environment)),
        shared_log=site.of(HTCondorSettings).shared_log,
        label=step.label,
    )


def footprint(workflow: Workflow, site: Site) -> Footprint:
    """Return the steps, the call that submits DAGMan, and the calls of nodes that delegate steps.

    DAGMan itself submits the job of each node. Each job leaves what its script prints, and its own log if the site
    has no shared one.
    """
    nodes = sum(len(step.nodes) for step in workflow.steps)
    calls, calls_of = {"condor_submit_dag": 1}, {}
    for step in workflow.steps:
        if step.placed.target:
            tool = step.placed.target.submit_tool
            calls_of[step.name] = len(step.nodes)
            calls[tool] = calls.get(tool, 0) + len(step.nodes)
    settings = site.of(HTCondorSettings)
    logs, idle = nodes * (1 if settings.shared_log else 2), settings.max_idle
    effects = {}
    if idle is not None and nodes > idle:
        effects["htcondor.max_idle"] = f"DAGMan keeps at most {idle:,} of its {nodes:,} jobs waiting in the queue."
    return Footprint(whole_steps(workflow), calls, _FILES + logs, calls_of, effects)


def _nodes(step: Step, folder_of: dict[str, str], site: Site, followed: set[str]) -> dict[str, object]:
    folder = folder_of[step.name]
    return {
        "origin": step.origin.short,
        "retries": _retries(step, site),
        "submit_file": f"{layout.BATCH}/steps/{folder}/job.sub",
        "folder": folder,
        "verdict": _verdict_node(step.name) if step.name in followed else "",
        "nodes": (
            (_node(step, chunk), chunk, *(f"{kind}/{folder}/{stem}" for kind in (layout.LOGS, layout.STATE)))
            for chunk, stem in ((chunk, layout.row_stem(chunk, step.chunks)) for chunk in step.nodes)
        ),
    }


def _expansion(expansion: Expansion, folder: str, followed: set[str]) -> dict[str, str]:
    """Return the values of an expansion's node. If it has a verdict, the node counts as done even if jobs failed.

    DAGMan runs the node and its script in the node's ``directory``. From there, ``parent`` is the directory of the DAG.
    """
    directory = layout.expansion_folder(expansion.name)
    return {
        "origin": expansion.origin.short,
        "planner": f"{expansion.name}.0",
        "node": expansion_node(expansion.name),
        "directory": directory,
        "verdict": _verdict_node(expansion.name) if expansion.name in followed else "",
        "parent": "/".join(".." for _ in directory.split("/")),
        "state": f"{layout.STATE}/{folder}/expanded",
    }


def _retries(step: Step, site: Site) -> int:
    """Return how often DAGMan starts a failed node again.

    A delegated step has no retries of its own here: the jobs on the other system start each failed row again.
    """
    return max(0 if step.placed.target else step.asked.retries, site.of(HTCondorSettings).retries)


def _node(step: Step, chunk: int) -> str:
    """Return the name of the node with this first chunk.

    The dot distinguishes it from DAGMan's own words, such as PARENT.
    """
    return f"{step.name}.{chunk}"


def _verdict_node(step: str) -> str:
    """Return the name of the node that checks a step's records."""
    return f"{step}.verdict"


def _edges(workflow: Workflow, followed: set[str]) -> Iterator[tuple[Iterator[str], Iterator[str]]]:
    """Yield the parents and children of each PARENT line.

    DAGMan itself inserts a join node between many parents and many children.
    """
    steps, expansions = {step.name: step for step in workflow.steps}, workflow.expansion_names
    for child in workflow.steps:
        if child.name in followed:
            yield _all_nodes(child), iter((_verdict_node(child.name),))
        for need in child.needs:
            parent = steps[need.step]
            pattern = chunk_pattern(need, child, parent)
            if pattern is Pattern.ALL:
                judged = parent.name in followed and child.name not in followed
                yield iter((_verdict_node(parent.name),)) if judged else _whole(parent, expansions), _all_nodes(child)
            else:
                for node in child.nodes:
                    parents = _nodes_before(node, child, pattern, parent)
                    if parents:
                        yield (_node(parent, p) for p in parents), iter((_node(child, node),))


def _nodes_before(node: int, child: Step, pattern: ChunkPattern, parent: Step) -> list[int]:
    """Return the nodes of ``parent`` that a node waits for. All chunks of a bundle wait for the same nodes."""
    chunks: Iterable[int] = range(node, min(node + child.placed.bundle, child.chunks))
    if not isinstance(pattern, Pattern):
        chunks = (before for chunk in chunks for before in pattern(chunk))
    return sorted({before - before % parent.placed.bundle for before in chunks})


def _whole(step: Step, expansions: frozenset[str]) -> Iterator[str]:
    """Return the nodes that end last: those of a step, or the node of the expansion that it compiles."""
    return iter((expansion_node(step.name),)) if step.name in expansions else _all_nodes(step)


def _all_nodes(step: Step) -> Iterator[str]:
    return (_node(step, chunk) for chunk in step.nodes)
