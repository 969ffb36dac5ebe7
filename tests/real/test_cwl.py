"""CWL workflows on the real systems: a run makes the same outputs as cwltool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cwl import flows, loops, oracle

from .conftest import SITES, Desk, add_secrets, eventually

pytestmark = pytest.mark.site

BARE = ("--set", "container_runtime=none")
FAULTY = flows.FLOWS.parent / "faulty"


def check(desk: Desk, run: str, theirs: oracle.Answer) -> None:
    """Fail if a run made anything else than cwltool."""
    assert theirs.code == 0, theirs.log
    workspace = desk.path / "runs" / run / "workspace"
    outputs: dict[str, Any] = json.loads((workspace / "cwl/outputs.json").read_text("utf-8"))
    assert flows.shown(outputs) == theirs.outputs
    assert flows.made(workspace / "outputs") == theirs.files
    assert not flows.lost(outputs, workspace)


# One with expansions, and one with all kinds of files. The others run by make, in tests/cwl/test_equality.py.
@pytest.mark.parametrize("flow", ["dynamic", "files"])
def test_a_run_makes_what_cwltool_makes(desk: Desk, flow: str, tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / flow, "analysis")
    names = [desk.run("-f", "analysis", "--site", site, *BARE, name=site) for site in SITES]
    theirs = oracle.run(flows.copy(flow, tmp_path / "theirs"))
    for name in names:
        record = desk.wait(name, 400)
        assert record["status"] == "finished", record
        check(desk, name, theirs)


# The jobs of the first flow need no Python, and those of the second do.
@pytest.mark.parametrize("flow", ["gather", "secondary"])
def test_the_runner_of_documents_prints_what_cwltool_prints(desk: Desk, site: str, flow: str, tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / flow, "analysis")
    options = ("--site", site, "--no-container", "--runs", "runs", "--outdir", "made", "--quiet")
    found = json.loads(desk.reana_batch("cwl-runner", *options, "analysis/workflow.cwl", "analysis/job.yml").stdout)
    theirs = oracle.run(flows.copy(flow, tmp_path / "theirs"))
    assert flows.shown(found) == theirs.outputs
    assert flows.made(desk.path / "made") == theirs.files
    assert not list((desk.path / "runs").glob("*.*")), "a run that succeeds is deleted"


def test_jobs_get_their_files_without_a_shared_file_system(desk: Desk, tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / "secondary", "analysis")
    run = desk.run("-f", "analysis", "--site", "generic-htcondor", *BARE, "--set", "htcondor.file_transfer=true")
    theirs = oracle.run(flows.copy("secondary", tmp_path / "theirs"))
    record = desk.wait(run, 500)
    assert record["status"] == "finished", record
    check(desk, run, theirs)


def test_jobs_run_in_their_images(desk: Desk, site: str, tmp_path: Path) -> None:
    desk.copy(flows.FLOWS / "hello", "analysis")
    desk.change("analysis/workflow/cwl/hello.tool", **{"library/python:2.7-slim": "site/py:12"})
    run = desk.run("-f", "analysis", "--site", site, *desk.images("site/py:12"))
    theirs = oracle.run(flows.copy("hello", tmp_path / "theirs"))
    record = desk.wait(run, 200)
    assert record["status"] == "finished", record
    check(desk, run, theirs)


def test_iterations_of_a_loop_run_in_their_images(desk: Desk, site: str, tmp_path: Path) -> None:
    desk.write("reana.yaml", loops.ANALYSIS)
    desk.write("workflow.cwl", loops.document("v1.3.0-dev1"))
    run = desk.run("--site", site, *desk.images("library/debian:12", "library/debian:13"))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for name in ("reana.yaml", "workflow.cwl"):
        (theirs / name).write_text(desk.file(name), "utf-8")
    answer = oracle.run(theirs, "--enable-ext", "--enable-dev")
    record = desk.wait(run, 400)
    assert record["status"] == "finished", record
    check(desk, run, answer)


def test_jobs_that_ask_for_kerberos_have_a_ticket(desk: Desk, site: str) -> None:
    desk.box.up("krb5", "pki")
    add_secrets(desk.box)
    asking = "run: leaf.cwl\n                hints: {reana: {kerberos: true}}"
    desk.copy(flows.FLOWS / "dynamic", "analysis")
    desk.change("analysis/workflow.cwl", **{"run: leaf.cwl": asking})
    leaf = "baseCommand: [sh, -c, 'klist -s && echo \"$@\"', sh]"
    desk.write("analysis/leaf.cwl", desk.file("analysis/leaf.cwl").replace("baseCommand: echo", leaf))
    run = desk.run("-f", "analysis", "--site", site, *BARE)
    record = desk.wait(run, 240)
    assert record["status"] == "finished", record


def test_a_failure_shows_its_lines_and_a_restart_goes_on(desk: Desk, site: str) -> None:
    desk.copy(FAULTY, "analysis")
    desk.change("analysis/each.cwl", COMMAND="test $1 != 2 -o -e $0/cured || exit 3")
    desk.write("analysis/job.yml", desk.file("analysis/job.yml").replace("FOLDER", f"{desk.folder}/tries"))
    desk.box.alice("mkdir", f"{desk.folder}/tries")
    run = desk.run("-f", "analysis", "--site", site, *BARE)
    record = desk.wait(run, 200)
    assert record["status"] == "failed"
    failure = record["first_failure"]
    line = desk.file("analysis/workflow.cwl").splitlines().index("  each:")
    file, _, number = failure["origin"].partition(":")
    assert (failure["step"], failure["exit_code"], file) == ("each[1]", 3, "workflow.cwl")
    assert int(number.partition(":")[0]) > line
    eventually(lambda: not desk.condor_jobs() + desk.slurm_jobs(), 90)
    desk.box.alice("touch", f"{desk.folder}/tries/cured")
    answer = json.loads(desk.reana_batch("restart", "--runs", "runs", "-w", run, "--json").stdout)
    assert desk.wait(str(answer["name"]), 200)["status"] == "finished"
    assert [len(desk.file(f"tries/tries.{number}")) for number in (1, 2, 3)] == [1, 2, 1]
    assert desk.file(f"runs/{answer['name']}/workspace/outputs/last.txt") == "1\n2\n3\n"
