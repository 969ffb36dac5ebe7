"""Options and verbs that users of reana-client are used to."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from reana_batch.cli.elsewhere import VERBS
from reana_batch.cli.main import COMMANDS

from .conftest import Desk, serial


@pytest.fixture(scope="module")
def failed(shared: Desk) -> Desk:
    """A failed run called fit.1, made with the short options of reana-client."""
    first = "echo one > a.txt; printf %1536s '' > b; echo said"
    shared.write("reana.yaml", serial(first, "echo two; false", "true"))
    shared("run", "-n", "fit", "-o", "TARGET=s2", exits=1)
    return shared


def steps(desk: Desk, *filters: str) -> list[str]:
    """Return the steps whose logs the filters choose."""
    return [str(each["step"]) for each in desk.json("logs", "-w", "fit", *filters)["logs"]]


def test_logs_are_filtered(failed: Desk) -> None:
    assert steps(failed) == ["s2"], "without a filter those of the failed jobs"
    assert steps(failed, "--filter", "status=finished") == ["s1"]
    assert steps(failed, "--filter", "status=failed", "--filter", "status=finished") == ["s1", "s2"]
    assert steps(failed, "--filter", "step=s1") == ["s1"]
    assert steps(failed, "--filter", "step=s1", "--filter", "status=failed") == []
    assert steps(failed, "--filter", "compute_backend=make", "s2") == ["s2"]
    assert steps(failed, "--filter", "compute_backend=slurmcern") == []
    assert steps(failed, "--filter", "docker_img=docker.io/library/debian:12") == ["s1", "s2"]
    shown = failed("logs", "-w", "fit", "--filter", "step=s2").stdout
    assert shown.startswith("==> Step: s2 (reana.yaml:1)\n==> Status: failed: ")
    assert shown.endswith("\ntwo\n")
    output = failed.path / "runs/fit.1/logs/s2/0.out"
    output.rename(output.with_suffix(".kept"))
    output.mkdir()
    assert "said\n" in failed("logs", "-w", "fit", "--filter", "compute_backend=make", exits=3).stdout
    output.rmdir()
    output.with_suffix(".kept").rename(output)


def test_status_has_columns(failed: Desk) -> None:
    assert failed("status", "-w", "fit", "--format", "name,status").stdout == "NAME\tSTATUS\nfit\tfailed\n"
    done = failed("status", "-w", "fit", "-v")
    steps = [line.split("\t")[:6] for line in done.stdout.splitlines() if line.count("\t") == 8]
    assert steps == [
        ["STEP", "DONE", "FAILED", "RUNNING", "WAITING", "JOBS"],
        ["s1", "1", "0", "0", "0", "1"],
        ["s2", "0", "1", "0", "0", "1"],
    ]
    assert done.stdout.startswith(failed("status", "-w", "fit").stdout)


def test_sizes_are_readable(failed: Desk) -> None:
    assert failed("du", "-w", "fit", "-h").stdout == "SIZE\tNAME\n4 Bytes\t./a.txt\n1.5 KiB\t./b\n1.5 KiB\t.\n"
    assert "b\t1.5 KiB\t" in failed("ls", "-w", "fit", "--human-readable").stdout


def test_verbs_of_reana_client_say_what_to_use(failed: Desk) -> None:
    assert not VERBS.keys() & COMMANDS.keys()
    for verb, found in VERBS.items():
        shown = failed(verb, "-w", "fit", "--token", "x", exits=2).stderr
        assert shown.startswith(f'Error: reana-batch has no "{verb}", because {found.reason}. Use: ')
        assert "{" not in shown
    answer = failed.json("share-add", exits=2)
    assert answer["diagnostics"][0]["message"].endswith("Use: cp -r RUN/workspace DIRECTORY")


def test_the_command_to_use_works(failed: Desk, desk: Desk) -> None:
    shutil.copytree(failed.path, desk.path, dirs_exist_ok=True)
    desk.write("runs/fit.1/workspace/from here", "moved")
    shown = desk("mv", "-w", "fit", "from here", "to", exits=2).stderr
    subprocess.run(shlex.split(shown.partition("Use: ")[2]), cwd=desk.path, check=True)
    assert desk.read("runs/fit.1/workspace/to") == "moved"
