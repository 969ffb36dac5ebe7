"""The lowering for the toy: a script that runs the jobs one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from reana_batch.footprint import Footprint, whole_steps
from reana_batch.ir import Workflow
from reana_batch.site import Site
from reana_batch.target import Target
from reana_batch.writing.jobs import folders
from reana_batch.writing.render import File
from tests.toy_backend.toy_settings import ToySettings

TARGET = Target(
    name="toy",
    title="Toy",
    compute_backends=frozenset(),
    hints={"runtime": ("kubernetes_job_timeout",)},
    container_runtimes=frozenset({"none"}),
    pulls_no_images=frozenset(),
    keeper="the toy",
    start_command="bash batch/toy.sh",
    enforces_runtime=False,
    submit_tool="toy-submit",
    default_site="local",
)


def target(_site: Site) -> Target:
    return TARGET


def footprint(workflow: Workflow, _site: Site) -> Footprint:
    """Return the steps. The toy leaves its log, and a file with its process."""
    return Footprint(whole_steps(workflow), {"bash": 1}, files=2)


def lower(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the script. It runs in the run directory."""
    folder_of = folders(workflow)
    jobs = ((folder_of[step.name], chunk) for step in workflow.steps for chunk in range(step.chunks))
    nice = f"nice -n {site.of(ToySettings).niceness} bash"
    yield File("batch/toy.sh", (f"{nice} batch/steps/{folder}/job.sh {chunk} || exit 1\n" for folder, chunk in jobs))
