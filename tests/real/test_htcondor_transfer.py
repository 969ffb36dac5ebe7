"""HTCondor without a shared file system: file transfer copies the files of each job to the worker and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import ROOT, Desk, serial
from .flows import Template, submit_flow
from .test_htcondor import BARE, HERE, SIF, SITE, sample_by_make

pytestmark = pytest.mark.site

TRANSFER = "htcondor.file_transfer=true"
# Fails if the job sees the run directory, because it could then write into it directly.
ELSEWHERE = "case $REANA_WORKSPACE in /var/lib/condor/execute/*) ;; *) exit 9 ;; esac"


def test_a_sample_comes_out_as_on_one_machine(desk: Desk, tmp_path: Path) -> None:
    desk.copy(ROOT / "samples" / "diamond", "diamond")
    run = desk.run(*HERE, "--set", TRANSFER, "-f", "diamond", name="diamond")
    expected = sample_by_make(ROOT / "samples" / "diamond", tmp_path)
    assert desk.wait(run)["status"] == "finished"
    assert desk.file(f"runs/{run}/workspace/results/table.txt") == (expected / "results/table.txt").read_text("utf-8")


def test_parallel_jobs_give_back_their_own_files_only(desk: Desk) -> None:
    """Each row changes one file and leaves 19 others unchanged. Stale copies must not come back."""
    prepare = 'mkdir -p data/empty; for i in $(seq 0 19); do echo old >"data/µ $i, x"; done; echo "exit 0" >run; chmod 755 run'
    change = 'sleep $(({row} % 3)); echo new {row} >>"data/µ {row}, x"; ./run; touch -d 2001-01-01 "from 2001 {row}"'
    declared = 'echo kept >"results {row}"; mkdir tree-{row}; echo leaf >tree-{row}/leaf; echo scratch >junk-{row}; echo bad >run'
    steps = (
        Template("prepare", f"{ELSEWHERE}; {prepare}"),
        Template("change", f"{ELSEWHERE}; {change}", rows=20, needs={"prepare": "all"}),
        Template("declare", declared.replace("{row}", "0"), needs={"prepare": "all"}, outputs=("results 0", "tree-0")),
        Template("merge", "cat data/µ* | sort >merged", needs={"change": "all", "declare": "all"}),
    )
    run = submit_flow(desk, "parallel", SITE, *steps, settings=[BARE, TRANSFER])
    assert desk.wait(run)["status"] == "finished"
    workspace = desk.path / "runs" / run / "workspace"
    assert desk.file(f"runs/{run}/workspace/merged").splitlines() == sorted(
        [f"new {row}" for row in range(20)] + 20 * ["old"]
    )
    assert {path.name for path in workspace.iterdir()} == {
        *(f"from 2001 {row}" for row in range(20)),
        *("data", "run", "merged", "results 0", "tree-0"),
    }
    assert (workspace / "tree-0" / "leaf").read_text() == "leaf\n"
    assert (workspace / "data" / "empty").is_dir()
    assert (workspace / "run").read_text() == "exit 0\n"


def test_a_failure_comes_back_with_its_log_and_resume_goes_on(desk: Desk) -> None:
    failing = "[ -e cured ] || { echo no luck >&2; echo half >half; exit 7; }"
    steps = (Template("first", "echo 1 >>first"), Template("second", failing, needs={"first": "all"}))
    run = submit_flow(desk, "fails", SITE, *steps, settings=[BARE, TRANSFER])
    failure = desk.wait(run)["first_failure"]
    assert (failure["step"], failure["exit_code"], failure["log"]) == ("second", 7, "no luck")
    assert desk.file(f"runs/{run}/workspace/half") == "half\n"
    refused = desk.reana_batch("restart", "--runs", "runs", "-w", run, check=False)
    assert refused.returncode != 0
    assert "reana-batch resume" in refused.stderr
    desk.write(f"runs/{run}/workspace/cured", "")
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"
    assert desk.file(f"runs/{run}/workspace/first") == "1\n"


def test_images_and_what_cannot_be_sent(desk: Desk) -> None:
    look = f"{ELSEWHERE}; python3 -c 'print(6 * 7)' >answer"
    runs = [
        submit_flow(
            desk, runtime, SITE, Template("look", look, image=SIF), settings=[f"container_runtime={runtime}", TRANSFER]
        )
        for runtime in ("apptainer", "htcondor")
    ]
    desk.write("reana.yaml", serial("mkdir d && ln -s d link", "true"))
    desk.run(*HERE, "--set", TRANSFER, name="link")
    for run in runs:
        assert desk.wait(run)["status"] == "finished"
        assert desk.file(f"runs/{run}/workspace/answer") == "42\n"
    held = desk.until("link.1", lambda record: bool(record["held"]))["held"][0]
    assert held["reason"].startswith("its files could not be transferred back (")
    assert "symlinks to directories is not supported" in held["reason"]
    desk.reana_batch("stop", "--runs", "runs", "-w", "link")
