"""Which back end compiles a workflow, and the edges that a back end easily gets wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reana_batch import backends, pipeline
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.backends.make import runner
from reana_batch.backends.placement import Choice, choose, delegate
from reana_batch.backends.slurm import chain, controller
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import Diagnostics, Place, render
from reana_batch.ir import Expansion, Hint, Need, Pattern, Repeated, RowMapping, Step, Table, Workflow, literal
from reana_batch.lifecycle.creation import write_run
from reana_batch.run.parts import Run
from reana_batch.run.run_json import read_record
from reana_batch.site import Site
from tests.steps import make_step

ROOT = Path(__file__).parent.parent.parent
SOURCE = "one\ntwo\nthree\n"


def at(line: int) -> Place:
    return Place("reana.yaml", line, 1, 3)


def table(count: int) -> Table:
    return Repeated(count)


def step(name: str, **fields: Any) -> Step:
    return make_step(name, (literal(name, at(1)),), fields.pop("origin", at(1)), **fields)


def workflow(*steps: Step) -> Workflow:
    return Workflow("w", "serial", steps)


# --- the table ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", backends.BACKENDS)
def test_a_back_end_runs_here_or_is_submitted(name: str) -> None:
    lowering, driver = backends.lowering(name), backends.driver(name)
    assert lowering.TARGET.name == name
    assert lowering.TARGET.runs_here == (driver.here is not None) == (driver.submit is None)
    assert lowering.target(Site()).name == name


# --- talking to the batch system ------------------------------------------------------------------


def test_slurm_reads_no_records_of_a_run_without_expansions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise AssertionError

    names = dict.fromkeys(("name", "label", "folder", "origin"), "a")
    outputs: dict[str, list[str]] = {"files": [], "directories": []}
    manifest = {"backend": "slurm", "outputs": outputs, "steps": [{**names, "rows": 1_000_000, "chunk_size": 1}]}
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch/manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "batch/submit.sh").touch()
    monkeypatch.setattr(Run, "step_progress", read)
    assert controller.submit(Run(tmp_path)) == []
    controller.cancel(tmp_path)


# --- choosing -------------------------------------------------------------------------------------


def asking(*compute_backends: str) -> Workflow:
    """Return a workflow of steps s1, s2, ... with these hints. A step with an empty text has no hint."""
    steps = [
        step(f"s{number}", origin=at(number), hints={"compute_backend": Hint(name, at(number))} if name else {})
        for number, name in enumerate(compute_backends, start=1)
    ]
    return workflow(*steps)


CHOICES = [
    # hints, site's back end, asked for: chosen
    (["", ""], "make", None, "make"),
    ([""], "slurm", None, "slurm"),
    (["slurmcern"], "make", "make", "make"),
    (["slurmcern"], "make", "htcondor", "htcondor"),
    (["slurmcern"], "slurm", None, "slurm"),
    (["slurmcern", "slurmcern"], "make", "auto", "slurm"),
    (["htcondorcern"], "make", "auto", "htcondor"),
    (["compute4punch"], "make", "auto", "htcondor"),
    (["kubernetes", ""], "slurm", "auto", "slurm"),
    (["kubernetes", "slurmcern"], "slurm", "auto", "slurm"),
    ([], "make", "auto", "make"),
]


@pytest.mark.parametrize(("compute_backends", "own", "requested", "expected"), CHOICES)
def test_back_end_of_a_workflow(compute_backends: list[str], own: str, requested: str | None, expected: str) -> None:
    diagnostics = Diagnostics()
    site = Site(name="here", backend=own)
    assert choose(asking(*compute_backends), site, requested, diagnostics) == Choice(expected)
    assert render(diagnostics, {}) == ""


def test_site_that_compiles_for_another_back_end_than_asked() -> None:
    diagnostics = Diagnostics()
    site = Site(name="here", backend="make")
    assert choose(asking("", "slurmcern"), site, None, diagnostics) == Choice("make")
    assert render(diagnostics, {"reana.yaml": SOURCE}) == (
        "reana.yaml:2:1: warning: This step asks for slurmcern, and here compiles for make. [backend-ignored]\n"
        "  two\n"
        "  ^^^\n"
        "hint: choose with --backend, or let the steps choose with --backend auto.\n"
    )


MIXTURES = [
    # hints, site's back end: the one that runs the workflow, and the steps that it delegates to Slurm
    (["htcondorcern", "slurmcern"], "make", ["s2"]),
    (["slurmcern", "compute4punch", "slurmcern"], "make", ["s1", "s3"]),
    (["", "slurmcern", "kubernetes"], "htcondor", ["s2"]),
    (["slurmcern", "", "htcondorcern"], "htcondor", ["s1"]),
]


@pytest.mark.parametrize(("compute_backends", "own", "handed"), MIXTURES)
def test_dag_that_delegates_steps_to_slurm(compute_backends: list[str], own: str, handed: list[str]) -> None:
    diagnostics = Diagnostics()
    site = Site(backend=own, systems={"slurm": SlurmSettings(max_array_size=7)})
    flow = asking(*compute_backends)
    choice = choose(flow, site, "auto", diagnostics)
    assert choice == Choice("htcondor", dict.fromkeys(handed, "slurm"))
    steps = delegate(flow, choice, site, diagnostics).steps
    assert {
        each.name: (each.placed.target, each.placed.bundle) for each in steps if each.placed.target
    } == dict.fromkeys(handed, (chain.target(site), 7))
    assert render(diagnostics, {}) == ""


def refused(compute_backends: list[str], own: str, engine: str | None = None) -> str:
    diagnostics = Diagnostics()
    site = Site(name="here", backend=own)
    flow = asking(*compute_backends)
    choice = choose(flow, site, "auto", diagnostics, engine)
    delegate(flow, choice, site, diagnostics)  # the compiler of an expansion calls this too
    return render(diagnostics, {"reana.yaml": SOURCE})


def test_chain_of_slurm_that_would_delegate_a_step_to_htcondor() -> None:
    cure = (
        "hint: compile all steps for one with --backend slurm;"
        " HTCondor can delegate steps to Slurm, if --site names one of its sites.\n"
    )
    assert refused(["", "slurmcern", "htcondorcern"], "slurm") == (
        "reana.yaml:1:1: error: This step is for Slurm, which cannot delegate steps to HTCondor. [mixed-backends]\n"
        "  one\n"
        "  ^^^\n"
        f"{cure}"
        'reana.yaml:3:1: error: This step is for HTCondor, but "s1" is for Slurm, which cannot delegate steps to HTCondor.'
        " [mixed-backends]\n"
        "  three\n"
        "  ^^^\n"
        f"{cure}"
    )


def test_expansion_whose_steps_the_engine_of_the_run_cannot_hold() -> None:
    lines = refused(["htcondorcern", "slurmcern"], "make", engine="slurm").splitlines()
    assert [line.partition(" error: ")[0] for line in lines if line.startswith("reana")] == [
        "reana.yaml:1:1:",
        "reana.yaml:2:1:",
    ]


def test_make_that_would_delegate_steps() -> None:
    lines = refused(["slurmcern", "htcondorcern", ""], "make").splitlines()
    assert [line for line in lines if line.startswith("reana")] == [
        'reana.yaml:1:1: error: This step is for Slurm, but "s3" is for GNU make, which cannot delegate steps to Slurm.'
        " [mixed-backends]",
        'reana.yaml:2:1: error: This step is for HTCondor, but "s3" is for GNU make, which cannot delegate steps to HTCondor.'
        " [mixed-backends]",
        "reana.yaml:3:1: error: This step is for GNU make, which cannot delegate steps to HTCondor or Slurm."
        " [mixed-backends]",
    ]


def test_mixture_whose_run_directory_is_not_shared() -> None:
    diagnostics = Diagnostics()
    site = Site(backend="htcondor", systems={"htcondor": HTCondorSettings(file_transfer=True)})
    flow = asking("", "slurmcern")
    delegate(flow, choose(flow, site, "auto", diagnostics), site, diagnostics)
    assert render(diagnostics, {"reana.yaml": SOURCE}) == (
        "reana.yaml:2:1: error: Steps on another system need a shared run directory,"
        " but htcondor.file_transfer is on. [unsupported]\n"
        "  two\n"
        "  ^^^\n"
        "hint: compile all steps with --backend htcondor.\n"
    )


# --- make ------------------------------------------------------------------------------------------


@pytest.fixture
def same_signals() -> Iterator[None]:
    """Restore what the test process does on signals."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("same_signals")
def test_an_interrupt_before_make_is_watched_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_kept", [])
    compilation = pipeline.lower(
        workflow(make_step("nap", (literal("sleep 1000", at(1)),), at(1))), Site(), "make", Diagnostics()
    )
    write_run(compilation, tmp_path / "made.1")
    make = runner.start(Run(tmp_path / "made.1"), 1)
    started, end = tmp_path / "made.1/state/nap/0.started", time.monotonic() + 60
    while not started.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert started.exists()
    os.kill(os.getpid(), signal.SIGINT)
    shown: list[object] = []
    runner.watch(tmp_path / "made.1", make, shown.append)
    assert make.returncode not in (None, 0)
    assert read_record(tmp_path / "made.1").stopped
    assert len(shown) == 1


# --- edges ----------------------------------------------------------------------------------------


def written(backend: str, file: str, *steps: Step, site: Site | None = None) -> list[str]:
    """Return the lines of one file of a back end."""
    compilation = pipeline.lower(workflow(*steps), site or Site(), backend, Diagnostics())
    text = next(f.text for f in compilation.files() if f.path == f"batch/{file}")
    return (text if isinstance(text, str) else "".join(text)).splitlines()


MAPPED = (
    step("a", table=table(2)),
    step("b", table=table(4)),
    step(
        "c",
        table=table(2),
        needs=(
            Need("a", RowMapping(((1,), (0,)))),
            Need("b", RowMapping(((0, 2), (1, 3)))),
            Need("a", Pattern.EACH),
        ),
    ),
)


def test_rows_that_wait_for_rows_of_several_steps_in_make() -> None:
    lines = written("make", "Makefile", *MAPPED)
    assert [line for line in lines if line.startswith("state/c/") and "chunk:" in line] == [
        "state/c/0.chunk: | state/a/1.chunk",
        "state/c/1.chunk: | state/a/0.chunk",
        "state/c/0.chunk: | state/b/0.chunk state/b/2.chunk",
        "state/c/1.chunk: | state/b/1.chunk state/b/3.chunk",
    ]


def test_rows_that_wait_for_rows_of_several_steps_in_a_dag() -> None:
    lines = written("htcondor", "workflow.dag", *MAPPED)
    assert [line for line in lines if line.startswith("PARENT")] == [
        "PARENT a.1 CHILD c.0",
        "PARENT a.0 CHILD c.1",
        "PARENT b.0 b.2 CHILD c.0",
        "PARENT b.1 b.3 CHILD c.1",
        "PARENT a.0 CHILD c.0",
        "PARENT a.1 CHILD c.1",
    ]


def test_a_node_for_each_array_of_a_delegated_step() -> None:
    handed = {"target": chain.TARGET, "bundle": 3}
    steps = (
        step("a", table=table(7)),
        step("b", table=table(7), needs=(Need("a", Pattern.EACH),), **handed),
        step("c", table=table(2), needs=(Need("b", RowMapping(((0, 5), (0, 6)))),)),
        step("d", needs=(Need("b"),), **handed),
    )
    lines = written("htcondor", "workflow.dag", *steps)
    assert [line.split()[1] for line in lines if line.startswith("JOB") and line[4] in "bd"] == [
        *("b.0", "b.3", "b.6", "b.verdict", "d.0")
    ]
    assert [line for line in lines if line.startswith("PARENT")] == [
        "PARENT a.0 a.1 a.2 a.3 a.4 a.5 a.6 CHILD a.verdict",
        "PARENT b.0 b.3 b.6 CHILD b.verdict",
        "PARENT a.0 a.1 a.2 CHILD b.0",
        "PARENT a.3 a.4 a.5 CHILD b.3",
        "PARENT a.6 CHILD b.6",
        "PARENT b.0 b.3 CHILD c.0",
        "PARENT b.0 b.6 CHILD c.1",
        "PARENT b.verdict CHILD d.0",
    ]


def test_the_node_of_a_delegated_step_is_a_script_that_waits_for_its_jobs() -> None:
    delegated = step("a"), step("b", table=table(7), target=chain.TARGET, bundle=3)
    assert written("htcondor", "steps/b/node.sh", *delegated)[-1] == "run_node 'b' 'b' \"$1\" 3 7 1"
    submit_file = written("htcondor", "steps/b/job.sub", *delegated)
    assert 'arguments = "batch/steps/b/node.sh $(chunk)"' in submit_file
    assert "universe = scheduler" in submit_file
    lowered = pipeline.lower(workflow(*delegated), Site(), "htcondor", Diagnostics()).workflow
    assert [file.path for file in chain.lower_nodes(lowered, Site())] == [
        "batch/submit-lib.sh",
        "batch/node-lib.sh",
        "batch/steps/b/node.sh",
        "batch/steps/b/job.sbatch",
    ]


def test_an_expansion_is_a_dag_in_the_dag() -> None:
    rest = Expansion("rest", "rest", at(2), "files", ("a",))
    flow = replace(workflow(step("a")), expansions=(rest,))
    compilation = pipeline.lower(flow, Site(), "htcondor", Diagnostics())
    dag = "".join(next(iter(backends.lowering("htcondor").lower(compilation.workflow, Site()))).text).splitlines()
    assert [line.split()[:3] for line in dag if line.startswith("SUBDAG")] == [["SUBDAG", "EXTERNAL", "rest.dag"]]
    assert sorted(line for line in dag if line.startswith("PARENT")) == [
        "PARENT a.0 CHILD rest.0",
        "PARENT rest.0 CHILD rest.dag",
    ]


def test_a_job_that_inherits_the_environment_starts_in_it() -> None:
    site = Site(inherit_environment=True)
    submit_file = written("htcondor", "steps/a/job.sub", step("a"), site=site)
    assert any(line.startswith('arguments = "batch/environment.sh batch/steps/a/job.sh') for line in submit_file)
    assert any(
        "credentials/environment" in line for line in written("htcondor", "environment.sh", step("a"), site=site)
    )


def test_a_job_whose_files_htcondor_transfers_knows_its_outputs() -> None:
    site = Site(systems={"htcondor": HTCondorSettings(file_transfer=True)})
    steps = step("a", outputs=("one", "a two")), step("b")
    assert written("htcondor", "steps/a/outputs", *steps, site=site) == ["one\0a two\0"]
    assert 'arguments = "batch/ship.sh a $(chunk)"' in written("htcondor", "steps/a/job.sub", *steps, site=site)
    assert written("htcondor", "ship.sh", *steps, site=site)[0].startswith("# shellcheck")


def test_the_job_of_a_delegated_step_retries_itself() -> None:
    steps = step("a", retries=2), step("b", retries=2, target=chain.TARGET)
    assert [line for line in written("htcondor", "workflow.dag", *steps) if line.startswith("RETRY")] == ["RETRY a.0 2"]
    scripts = {name: written("htcondor", f"steps/{name}/job.sh", *steps) for name in "ab"}
    assert {name: "retries=2" in script for name, script in scripts.items()} == {"a": False, "b": True}


ASKED: dict[str, str | int] = {
    "slurm_account": "us", "qos": "long", "constraint": "a&[b|c]", "reservation": "r1", "gres": "lustre:1",
    "gpu": 2, "gpu_model": "a100", "nodes": 3, "tasks": 6, "cpus_per_task": 4,
}  # fmt: skip  # one line has the words of one system or kind


def test_what_snakemake_asks_of_slurm_and_htcondor() -> None:
    asking = step("a", hints={name: Hint(value, Place("Snakefile", 1)) for name, value in ASKED.items()})
    lines = written("slurm", "steps/a/job.sbatch", asking)
    assert {line.removeprefix("#SBATCH --") for line in lines} >= {
        "account=us", "qos=long", "constraint=a&[b|c]", "reservation=r1", "gres=lustre:1",
        "gpus=a100:2", "nodes=3", "ntasks=6", "cpus-per-task=4",
    }  # fmt: skip  # as above
    site = Site(systems={"slurm": SlurmSettings(submission="pyslurm")})
    asked_of = [
        any("pyslurm" in line for line in written("slurm", "submit.sh", each, site=site))
        for each in (asking, step("a"))
    ]
    assert asked_of == [False, True]
    assert "request_gpus = 2" in written("htcondor", "steps/a/job.sub", asking)


def test_a_job_that_dagman_starts_again_knows_how_often() -> None:
    for retries, told in ((0, False), (2, True)):
        dag = written("htcondor", "workflow.dag", step("a", retries=retries))
        submit_file = written("htcondor", "steps/a/job.sub", step("a", retries=retries))
        assert (' tried="$(RETRY)"' in next(line for line in dag if line.startswith("VARS"))) == told
        more = " REANA_BATCH_TRIED=$(tried)" if told else ""
        assert f'environment = "REANA_BATCH_JOB=$(ClusterId).$(ProcId){more}"' in submit_file


def test_step_without_rows_in_a_dag() -> None:
    lines = written("htcondor", "workflow.dag", step("a", table=table(0)), step("b", needs=(Need("a"),)))
    assert [line for line in lines if line.startswith(("JOB", "PARENT"))] == ["JOB b.0 batch/steps/b/job.sub"]


@pytest.mark.parametrize(("shared", "lines"), [(True, []), (False, ["log = $(job_log).log"])])
def test_jobs_have_event_logs_of_their_own_only_where_the_site_wants_them(shared: bool, lines: list[str]) -> None:
    site = Site(systems={"htcondor": HTCondorSettings(shared_log=shared)})
    submit_file = written("htcondor", "steps/fit/job.sub", step("fit"), site=site)
    assert [line for line in submit_file if line.startswith("log")] == lines


@pytest.mark.parametrize(("max_idle", "at_once"), [(None, 20), (1000, 20), (50, 5), (3, 1)])
def test_dagman_submits_a_tenth_of_the_idle_jobs_at_once_at_most(max_idle: int | None, at_once: int) -> None:
    site = Site(systems={"htcondor": HTCondorSettings(max_idle=max_idle)})
    lines = written("htcondor", "dagman.config", step("a"), site=site)
    assert f"DAGMAN_MAX_SUBMITS_PER_INTERVAL = {at_once}" in lines
    assert (f"DAGMAN_MAX_JOBS_IDLE = {max_idle}" in lines) == (max_idle is not None)


@pytest.mark.parametrize("name", ["htcondor", "make", "slurm"])
def test_back_ends_read_what_passes_placed_and_not_what_was_asked(name: str) -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "backends" / name).glob("*.py")]
    assert sources
    assert [re.findall(r"asked\.(?:hints|resources|credentials)", source) for source in sources] == [
        [] for _ in sources
    ]
