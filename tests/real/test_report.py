"""The report on runs of real batch systems, which say when each job was submitted."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import ROOT, SITES, Desk

pytestmark = pytest.mark.site

BARE = "container_runtime=none"


@pytest.mark.parametrize("site", SITES)
def test_it_has_the_times_that_jobs_waited_and_what_they_used(desk: Desk, site: str) -> None:
    desk.copy(ROOT / "samples/wordcount", "sample")
    name = desk.run("-f", "sample", "--site", site, "--set", BARE)
    first = desk.reana_batch("report", "--runs", "runs", "-w", name, "-o", "early.html", "--json")
    assert json.loads(first.stdout)["status"] in ("queued", "running", "finished")
    assert desk.wait(name)["status"] == "finished"
    desk.reana_batch("report", "--runs", "runs", "-w", name, "-o", "r.html")
    text = desk.file("r.html")
    assert f"<title>{name}: finished</title>" in text
    rows = re.findall(r'<tr data-step="\d+" data-state="finished">(.*?)</tr>', text)
    assert len(rows) == len(json.loads(desk.file(f"runs/{name}/batch/manifest.json"))["steps"])
    for row in rows:
        waited, took, cpu, *_ = re.findall(r'<td class="number">(\d+ s|\d\.\d s|\d+ min[^<]*)</td>', row)
        assert waited
        assert took
        assert cpu
    assert 'id="chart-timeline"' in text
