"""What the real systems write down of jobs: times in the queue, CPU time and memory, in status, jobs and top."""

from __future__ import annotations

import json

import pytest

from .conftest import Desk, serial

pytestmark = pytest.mark.site

# The second command holds 200 MB for some seconds, so that a batch system which samples memory sees it.
BUSY = 'python3 -c "sum(range(10**8))"'
LARGE = 'python3 -c "import time; kept = bytearray(200 * 2**20); time.sleep(8)"'


def test_usage_comes_from_records_and_is_completed_by_the_batch_system(desk: Desk, site: str) -> None:
    desk.write("reana.yaml", serial(BUSY, LARGE))
    name = desk.run("--site", site, "--set", "container_runtime=none")
    assert desk.wait(name)["status"] == "finished"
    answer = json.loads(desk.reana_batch("status", "--runs", "runs", "-w", name, "--usage", "--json").stdout)
    busy, large = answer["usage"]["steps"]
    assert busy["cpu_seconds"] > 0.3 > large["cpu_seconds"] - 0.5
    assert large["longest_seconds"] >= 8
    # Without cgroups, as in the box, HTCondor looks at the memory of a job when it starts, and then after minutes.
    assert large["memory"] > (200 if site == "generic-slurm" else 1) * 2**20
    assert large["memory_of"] in ("job", "process", "sample")
    assert all(step["queue_seconds"] is not None for step in (busy, large))
    assert answer["usage"]["worst"][0]["step"] == large["name"]
    jobs = json.loads(desk.reana_batch("jobs", "--runs", "runs", "-w", name, "--json").stdout)["jobs"]
    assert [(job["status"], job["attempt"]) for job in jobs] == [("finished", 1)] * 2
    assert all(job["scheduler_job"] and job["host"] for job in jobs)


def test_jobs_and_top_of_a_run_that_goes_on(desk: Desk, site: str) -> None:
    desk.write("reana.yaml", serial("until [[ -e go ]]; do sleep 0.2; done", "true"))
    name = desk.run("--site", site, "--set", "container_runtime=none")
    desk.until(name, lambda now: now["steps"][0]["running"] == 1)
    answer = json.loads(desk.reana_batch("top", "--runs", "runs", "-w", name, "--json").stdout)
    (running,) = answer["jobs"]
    assert (answer["status"], running["status"], running["row"]) == ("running", "running", 0)
    assert running["scheduler_job"]
    desk.write(f"runs/{name}/workspace/go", "")
    assert desk.wait(name)["status"] == "finished"
    assert json.loads(desk.reana_batch("top", "--runs", "runs", "-w", name, "--json").stdout)["jobs"] == []
