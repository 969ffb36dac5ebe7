"""Estimates next to what real runs on the batch systems then do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.ended_runs import counts, seconds_of
from tests.estimated_samples import SAMPLES, SLOW, WITHIN, place

from .conftest import ROOT, Desk, eventually

pytestmark = pytest.mark.site

BARE = ("--set", "container_runtime=none")
ROWS = (".out", ".err", ".done", ".started")
SLOTS = {"slurm": 32, "htcondor": 16}  # of the box
MORE = 12  # seconds that each command takes longer, because schedulers start jobs at intervals of some seconds


def slow_run(desk: Desk, *site: str) -> Path:
    """Run the sample with commands that sleep first. Return the run's directory on the host after its end."""
    desk.write("slow.sh", SLOW)
    slow = {"BASH_ENV": f"{desk.folder}/slow.sh", "SECONDS_MORE": str(MORE)}
    words = ("-f", "sample", *site, *BARE, "--set", "inherit_environment=true", "--runs", "runs", "-w", "test")
    name = str(json.loads(desk.reana_batch("run", *words, "--json", env=slow).stdout)["name"])
    assert desk.wait(name, 300)["status"] == "finished"
    return desk.path / "runs" / name


def estimated(desk: Desk, *words: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(desk.reana_batch("estimate", "-f", "sample", *BARE, *words, "--json").stdout)
    return record


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("system", ["slurm", "htcondor"])
def test_a_sample_takes_as_long_as_its_jobs_foretell(desk: Desk, tmp_path: Path, sample: str, system: str) -> None:
    place(sample, tmp_path / "sample")
    desk.copy(tmp_path / "sample", "sample")
    site = ("--site", f"generic-{system}")
    runs = [slow_run(desk, *site) for _ in range(2)]
    found = estimated(desk, *site, "--measured", f"runs/{runs[0].name}", "--slots", str(SLOTS[system]))
    later = sum(each["earlier_seconds"] for each in found["unknown"])  # one follows from the other in these samples
    expected, took = found["makespan"] + later, [seconds_of(run) for run in runs]
    print(f"{sample}: {expected} s estimated, {took[0]:.1f} s and {took[1]:.1f} s taken;", end=" ")
    print(f"queue {found['queue_seconds']} s, overhead {found['overhead_milliseconds']} ms")
    assert found["source"] == "measured"
    # The second run is not the one that has the durations.
    assert [expected] * 2 == pytest.approx(took, rel=WITHIN)


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
