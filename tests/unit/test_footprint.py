"""What back ends say of the calls and the waiting of a run, next to the files that they write."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from reana_batch import backends
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import Place
from reana_batch.footprint import Footprint, Slice
from reana_batch.ir import Expansion, Need, Pattern, Repeated, RowMapping, Step, Workflow, literal
from reana_batch.site import Site
from tests.steps import make_step

AT = Place("reana.yaml", 1)


def step(name: str, rows: int, *needs: Need, chunk_size: int = 1) -> Step:
    return make_step(name, (literal("ls", AT),), AT, table=Repeated(rows), needs=needs, chunk_size=chunk_size)


def found(backend: str, *steps: Step, expansions: tuple[Expansion, ...] = (), **settings: Any) -> Footprint:
    systems: dict[str, Any] = {"slurm": SlurmSettings(), "htcondor": HTCondorSettings()}
    systems[backend] = replace(systems[backend], **settings) if backend in systems else None
    site, workflow = Site(systems=systems), Workflow("w", "serial", steps, expansions)
    footprint = backends.lowering(backend).footprint(workflow, site)
    if backend == "slurm":
        texts = {file.path: file.text for file in backends.lowering("slurm").lower(workflow, site)}
        lines = "".join(texts["batch/submit.sh"]).splitlines()
        calls = Counter(line.split()[0] for line in lines if line.startswith("submit"))
        ids = calls["submit"] + calls["submit_gate"]
        assert ids < footprint.calls["sbatch"] <= ids + 2  # the finalisers, of which one may have nothing to wait for
    return footprint


SCAN = step("scan", 5)
PAIRS = RowMapping(((0, 1), (2, 3), (4,)))


@pytest.mark.parametrize("backend", backends.BACKENDS)
def test_each_scheduler_job_is_in_one_slice(backend: str) -> None:
    steps = (SCAN, step("fit", 5, Need("scan", Pattern.EACH), chunk_size=2), step("end", 1, Need("fit")))
    arrays: dict[str, Any] = {"max_array_size": 2} if backend == "slurm" else {}
    jobs = Counter((each.step, job) for each in found(backend, *steps, **arrays).slices for job in each.jobs)
    assert jobs == {(each.name, job): 1 for each in steps for job in range(each.chunks)}


def test_arrays_of_slurm_wait_as_submit_sh_says() -> None:
    steps = (
        SCAN,
        step("fit", 5, Need("scan", Pattern.EACH)),
        step("join", 3, Need("fit", PAIRS)),
        step("end", 1, Need("join")),
    )
    both = found("slurm", *steps, max_array_size=3)
    assert both.slices == (
        Slice("scan", range(3)),
        Slice("scan", range(3, 5)),
        Slice("fit", range(3), ((0, Pattern.EACH),)),
        Slice("fit", range(3, 5), ((1, Pattern.EACH),)),
        Slice("join", range(3), ((2, Pattern.ALL), (3, Pattern.ALL))),
        Slice("end", range(1), ((4, Pattern.ALL),)),
    )
    assert both.calls == {"sbatch": 6 + 2, "scontrol": 2}
    assert both.effects == {"slurm.max_array_size": "2 steps are submitted as 4 arrays."}


def test_a_gate_is_a_call_and_what_waits_for_it_waits_for_the_planner() -> None:
    expansion = Expansion("more", "more", AT, "what scan makes", ("scan",))
    steps = (SCAN, step("more", 1, Need("scan")), step("end", 1, Need("more")))
    both = found("slurm", *steps, expansions=(expansion,))
    assert both.slices[-1] == Slice("end", range(1), ((1, Pattern.ALL),))
    assert both.calls["sbatch"] == 3 + 1 + 2


def test_a_step_alone_on_slurm_has_one_finaliser() -> None:
    assert found("slurm", SCAN).calls["sbatch"] == 1 + 1


@pytest.mark.parametrize("backend", ["make", "htcondor"])
def test_jobs_wait_for_single_jobs_where_rows_do(backend: str) -> None:
    slices = found(backend, SCAN, step("join", 3, Need("scan", PAIRS))).slices
    [(parent, pattern)] = slices[1].needs
    assert parent == 0
    assert callable(pattern)
    assert [pattern(job) for job in range(3)] == [(0, 1), (2, 3), (4,)]


def test_dagman_is_submitted_by_one_call_and_holds_jobs_back() -> None:
    both = found("htcondor", SCAN, max_idle=3, shared_log=False)
    assert both.calls == {"condor_submit_dag": 1}
    assert both.effects == {"htcondor.max_idle": "DAGMan keeps at most 3 of its 5 jobs waiting in the queue."}
    assert both.files - found("htcondor", SCAN).files == 5


def test_nodes_call_the_system_of_a_guest() -> None:
    slurm = backends.lowering("slurm").TARGET
    guest = SCAN.with_placed(target=slurm, bundle=2)
    both = found("htcondor", guest, step("end", 5, Need("scan", Pattern.EACH)))
    assert both.calls == {"condor_submit_dag": 1, "sbatch": 3}
    assert both.slices[1].needs == ((0, Pattern.ALL),)
