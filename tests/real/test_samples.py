"""Every sample of the catalogue on the real systems: HTCondor, Slurm and make give the same results."""

from __future__ import annotations

import json

import pytest

from reana_batch.lifecycle.status import status
from reana_batch.report.crate import Wish, crate_of
from reana_batch.report.provenance import facts_of
from reana_batch.samples import catalogue

from .conftest import ROOT, Desk

pytestmark = pytest.mark.site

SITES = ("local", "generic-htcondor", "generic-slurm")


def left(desk: Desk, name: str) -> dict[str, bytes]:
    """Return the declared outputs of a run, by their paths, after its end."""
    assert desk.wait(name, 300)["status"] == "finished"
    folder = desk.path / "runs" / name
    outputs = json.loads((folder / "batch/manifest.json").read_text("utf-8"))["outputs"]
    files = [folder / "workspace" / path for path in outputs["files"]]
    for directory in outputs["directories"]:
        files += [path for path in (folder / "workspace" / directory).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


# The sample "published" needs new names in Rucio: test_data.py compares its runs.
@pytest.mark.parametrize("sample", sorted(catalogue.descriptions().keys() - {"published"}))
def test_a_sample_gives_the_same_bytes_everywhere(desk: Desk, sample: str) -> None:
    desk.copy(ROOT / "samples" / sample, "sample")
    here = ("-f", "sample", "--set", "container_runtime=none")
    # Chunks do not count: two systems run the rows by twos.
    chunks = ((), ("--rows-per-job", "2"), ("--rows-per-job", "2"))
    runs = [desk.run(*here, *words, "--site", site, name=site) for site, words in zip(SITES, chunks, strict=True)]
    expected, *others = [left(desk, run) for run in runs]
    assert expected
    assert others == [expected, expected]
    compared = json.loads(desk.reana_batch("compare", "--runs", "runs", *runs, "--json").stdout)
    assert compared["equal"]
    assert [run["backend"] for run in compared["runs"]] == ["make", "htcondor", "slurm"]
    assert all(run["jobs"] == run["done"] > 0 and run["outputs"] for run in compared["runs"])
    graph, *other_graphs = [exported(desk, run) for run in runs]
    assert other_graphs == [graph, graph]


def exported(desk: Desk, run: str) -> dict[str, list[str]]:
    """Return the parents of each job, as the provenance of a run has them. It says where all jobs ran.

    Jobs on Slurm write down what the scheduler calls them.
    """
    desk.reana_batch("export", "--runs", "runs", "-w", run, "--wfformat", f"{run}.json")
    workflow = json.loads(desk.file(f"{run}.json"))["workflow"]
    tasks = workflow["specification"]["tasks"]
    assert [len(task["machines"]) for task in workflow["execution"]["tasks"]] == [1] * len(tasks)
    facts = facts_of(status(desk.path / "runs" / run))
    assert all(job.record.scheduler_job or "slurm" not in run for job in facts.jobs)
    assert {
        entity["actionStatus"] for entity in crate_of(facts, Wish()).metadata["@graph"] if "actionStatus" in entity
    } == {"http://schema.org/CompletedActionStatus"}
    return {task["id"]: task["parents"] for task in tasks}
