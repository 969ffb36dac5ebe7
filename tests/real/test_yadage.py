"""Yadage workflows on the real systems: a run makes the same files as Yadage's own engine, in an order that it allows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reana_batch.run.records import read_record
from tests.yadage import engine, flows

from .conftest import SITES, Desk, add_secrets, eventually

pytestmark = pytest.mark.site

BARE = ("--set", "container_runtime=none")
DYNAMIC = ["globbed", "listed", "chain", "joined", "aside", "late"]


def made(desk: Desk, run: str, flow: str) -> dict[str, str]:
    """Return what a run made. Its workspace has another path in the box."""
    inside = f"{desk.folder}/runs/{run}/workspace"
    found = flows.made(desk.path / "runs" / run / "workspace", flow)
    return {name: text.replace(inside, engine.WORKSPACE) for name, text in found.items()}


@pytest.mark.parametrize("flow", ["search", "lesson", *DYNAMIC])
def test_what_a_run_leaves_is_yadages(desk: Desk, flow: str, tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / flow, "analysis")
    names = [desk.run("-f", "analysis", "--site", site, *BARE, name=site) for site in SITES]
    theirs = flows.copy(flow, tmp_path / "theirs")
    engine.run(theirs)
    for name in names:
        record = desk.wait(name, 400)
        assert record["status"] == "finished", record
        assert made(desk, name, flow) == flows.made(theirs, flow)


WAITING = "for i in {{1..600}}; do [[ ! -e after_2/made.txt ]] || break; sleep 0.5; done"


def test_a_long_branch_does_not_delay_what_follows_from_a_quick_stage(desk: Desk, site: str) -> None:
    """The long job ends when the last job of the expansion has ended."""
    desk.copy(flows.FLOWS / "aside", "analysis")
    desk.change("analysis/workflow.yaml", **{"sleep {seconds}": WAITING})
    run = desk.run("-f", "analysis", "--site", site, *BARE)
    assert desk.wait(run, 200)["status"] == "finished"
    assert desk.file(f"runs/{run}/workspace/end/end.txt") == "long\n1\n2\n3\n"
    part = desk.path / "runs" / run
    [after] = part.glob("expansions/*/state/after")
    started = [read_record(after / f"{row}.done").started for row in range(3)]
    assert max(started) <= read_record(part / "state/long/0.done").ended


FIT = 'sed "s/^/fitted /"'


@pytest.mark.parametrize("word", ["restart", "resume"])
def test_a_failure_in_a_part_shows_its_lines_and_the_rest_goes_on(desk: Desk, site: str, word: str) -> None:
    desk.copy(flows.FLOWS / "chain", "analysis")
    desk.change("analysis/workflow.yaml", **{FIT: f"[[ -e good || {{block}} != *skim_1/block2* ]] && {FIT}"})
    run = desk.run("-f", "analysis", "--site", site, *BARE)
    record = desk.wait(run, 200)
    assert record["status"] == "failed"
    failure = record["first_failure"]
    assert failure["step"] == "fit"
    line = desk.file("analysis/workflow.yaml").splitlines().index("  - name: fit")
    file, _, number = failure["origin"].partition(":")
    assert (file, int(number) > line) == ("workflow.yaml", True)
    assert "skim_1/block2.txt" in failure["command"]
    eventually(lambda: not desk.condor_jobs() + desk.slurm_jobs(), 90)
    desk.box.alice("touch", f"{desk.folder}/runs/{run}/workspace/good")
    answer = json.loads(desk.reana_batch(word, "--runs", "runs", "-w", run, "--json").stdout)
    assert desk.wait(str(answer["name"]), 200)["status"] == "finished"
    assert desk.file(f"runs/{answer['name']}/workspace/report/report.txt").count("fitted") == 6


def test_jobs_run_in_their_images(desk: Desk, site: str) -> None:
    desk.copy(flows.FLOWS / "globbed", "analysis")
    desk.change("analysis/workflow.yaml", **{"docker.io/library/debian": "site/py"})
    run = desk.run("-f", "analysis", "--site", site, *desk.images("site/py:12"))
    record = desk.wait(run, 200)
    assert record["status"] == "finished", record
    assert desk.file(f"runs/{run}/workspace/merge/all.txt") == "2\n" * 5


def test_jobs_of_an_expansion_have_their_ticket(desk: Desk, site: str) -> None:
    desk.box.up("krb5", "pki")
    add_secrets(desk.box)
    asking = "image: docker.io/library/debian, resources: [KRB5Auth]"
    desk.copy(flows.FLOWS / "globbed", "analysis")
    desk.change(
        "analysis/workflow.yaml",
        **{"image: docker.io/library/debian": asking, "wc -w < {chapter}": "klist -s && wc -w < {chapter}"},
    )
    run = desk.run("-f", "analysis", "--site", site, *BARE)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record


@pytest.mark.parametrize("flow", ["lesson", "search"])
def test_jobs_get_their_files_without_a_shared_file_system(desk: Desk, flow: str, tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / flow, "analysis")
    run = desk.run("-f", "analysis", "--site", "generic-htcondor", *BARE, "--set", "htcondor.file_transfer=true")
    theirs = flows.copy(flow, tmp_path / "theirs")
    engine.run(theirs)
    record = desk.wait(run, 500)
    assert record["status"] == "finished", record
    assert made(desk, run, flow) == flows.made(theirs, flow)
