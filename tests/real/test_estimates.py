"""Estimates next to what real runs on the batch systems then do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ended_runs import counts, seconds_of

from .conftest import ROOT, Desk, eventually

pytestmark = pytest.mark.site

BARE = ("--set", "container_runtime=none")
WITHIN = 0.15
ROWS = (".out", ".err", ".done", ".started")
SLOTS = 32  # of the box
MORE = 12  # seconds that each command takes longer, because Slurm starts jobs at intervals of some seconds


def slow_run(desk: Desk, sample: str, site: str, seconds: int) -> Path:
    """Run a sample whose commands sleep first. Return the run's directory on the host after its end."""
    name = f"{sample}.1"
    desk.reana_batch("compile", "-f", "sample", "--site", site, *BARE, "-o", f"runs/{name}")
    for command in (desk.path / f"runs/{name}/batch/steps").rglob("command.*"):
        if command.name in ("command.1", "command.1.0"):
            command.write_text(f"sleep {seconds}\n{command.read_text('utf-8')}", "utf-8")
    desk.reana_batch("submit", f"runs/{name}")
    assert desk.wait(name, 300)["status"] == "finished"
    return desk.path / "runs" / name


def estimated(desk: Desk, *words: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(desk.reana_batch("estimate", "-f", "sample", *BARE, *words, "--json").stdout)
    return record


# The load of the machine can differ between two runs. So the durations are those of the run that is compared.
@pytest.mark.parametrize("sample", ["diamond", "toys", "wordcount", "helloworld", "dimuon", "channels"])
def test_a_sample_on_slurm_takes_as_long_as_its_jobs_foretell(desk: Desk, sample: str) -> None:
    desk.copy(ROOT / "samples" / sample, "sample")
    run = slow_run(desk, sample, "generic-slurm", MORE)
    words = ("--site", "generic-slurm", "--measured", f"runs/{sample}.1", "--slots", str(SLOTS))
    found, took = estimated(desk, *words), seconds_of(run)
    print(f"{sample}: {found['makespan']} s estimated, {took:.1f} s taken; queue {found['queue_seconds']} s,")
    print(f"overhead {found['overhead_milliseconds']} ms")
    assert found["source"] == "measured"
    assert found["makespan"] == pytest.approx(took, rel=WITHIN)


@pytest.mark.parametrize("system", ["slurm", "htcondor"])
def test_a_run_has_the_calls_and_the_files_that_were_counted(desk: Desk, system: str) -> None:
    desk.copy(ROOT / "samples/toys", "sample")
    site = f"generic-{system}"
    name = desk.run("-f", "sample", "--site", site, *BARE, name="toys")
    assert desk.wait(name, 300)["status"] == "finished"
    run = desk.path / "runs" / name
    eventually(lambda: not desk.slurm_jobs() and not desk.condor_jobs(), 60, desk.slurm_jobs)
    found = estimated(desk, "--site", site)
    if system == "slurm":
        assert found["calls"] == {"sbatch": len(desk.file("runs/toys.1/state/slurm.jobs").splitlines()), "scontrol": 2}
    files, left = found["files"], counts(run)
    own = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.suffix not in ROWS)
    assert files["batch"] + files["records"] == left["batch"] + left["records"], "\n".join(own)
