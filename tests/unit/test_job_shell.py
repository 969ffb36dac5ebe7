"""The shell that a job script opens in the place of a command."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reana_batch.ir import Column, Rows
from reana_batch.site import Site
from tests.terminals import all_of
from tests.unit import test_job_script as jobs
from tests.unit.test_job_script import Run, apptainer, command, compiled, step
from tests.unit.test_job_server import in_image, python_path, served

__all__ = ["apptainer", "python_path"]  # fixtures

SHELL = ("shell",)


def files(run: Run) -> dict[str, str]:
    """Return the records and logs of a run."""
    found = [path for kind in ("state", "logs") for path in run.directory.glob(f"{kind}/**/*") if path.is_file()]
    return {str(path.relative_to(run.directory)): path.read_text() for path in found}


def test_a_shell_has_the_place_of_the_command_that_failed(tmp_path: Path) -> None:
    table = Rows(("n",), (("a",), ("b",)))
    fit = step("fit", "true", command("echo ", Column("n"), "; exit 4"), table=table, before=command("echo > before"))
    run = compiled(tmp_path / "run", fit, site=Site(rows_per_job=2))
    assert run.job("fit").returncode == 4
    (run.workspace / "before").unlink()
    before = files(run)
    shell = run.job(
        "fit", 1, mode=SHELL, stdin="pwd; echo $REANA_WORKSPACE; exit 3", environment={"TMPDIR": str(tmp_path)}
    )
    assert (shell.returncode, shell.stdout) == (3, f"{run.workspace}\n" * 2)
    told, script, text = shell.stderr.splitlines()
    assert told == "reana-batch: fit: row 1: before the command, the job runs batch/steps/fit/before"
    assert script.startswith(f"{tmp_path}/reana-batch.")
    assert script.endswith("/command, which is not run:")
    assert text == "  echo b; exit 4"
    assert files(run) == before
    assert not [*tmp_path.glob("reana-batch.*")]
    assert not (run.workspace / "before").exists()


def test_a_shell_is_in_the_container_without_a_time_limit(tmp_path: Path, apptainer: dict[str, str]) -> None:
    site = Site(container_runtime="apptainer", default_runtime=60)
    run = compiled(tmp_path / "run", step("fit", "exit 4", environment="a/b:1"), backend="make", site=site)
    assert "row_time_limit=60\n" in (run.directory / "batch/steps/fit/job.sh").read_text()
    shell = run.job("fit", mode=SHELL, environment=apptainer, prefix=jobs.POWERLESS, stdin="echo in the image")
    assert (shell.returncode, shell.stdout) == (0, "in the image\n")
    assert jobs.arguments(run)[-2:] == ["docker://docker.io/a/b:1", "bash"]


def test_the_server_of_a_row_prepares_its_command_in_the_container(tmp_path: Path, apptainer: dict[str, str]) -> None:
    run = in_image(tmp_path / "run", (["run", "echo the line\n", 30], ["end", 0]))
    shell = run.job("toy", mode=SHELL, environment=apptainer, stdin="echo in the image")
    assert (shell.returncode, shell.stdout) == (0, "in the image\n"), shell.stderr
    assert jobs.arguments(run)[-2:] == ["docker://docker.io/a/b:1", "bash"]


def test_a_row_has_its_directories(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "true", table=jobs.rows(2), directories="rows"))
    (run.workspace / "rows/1").mkdir(parents=True)
    (run.workspace / "rows/1/made").touch()
    shell = run.job("fit", 1, mode=SHELL, stdin="[[ -d $ROW_TMPDIR ]] && ls rows/1")
    assert (shell.returncode, shell.stdout) == (0, "made\n"), shell.stderr


def test_an_interactive_shell_has_a_prompt(tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "exit 4"))
    ours, theirs = pty.openpty()
    words = ["bash", "batch/steps/fit/job.sh", "0", "shell"]
    shell = subprocess.Popen(
        words, cwd=run.directory, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    os.write(ours, b"echo $((6 * 7)) $-\nexit 5\n")
    shown = all_of(ours)
    assert shell.wait() == 5
    assert b"[fit:0] " in shown
    assert b"42 himBHs" in shown


REQUEST: list[Any] = ["run", "echo the line\n", 30]


def test_the_server_of_a_row_prepares_its_command(tmp_path: Path) -> None:
    run = served(tmp_path, ([*REQUEST], ["end", 0]), (["last"],))
    before = files(run)
    shell = run.job("toy", mode=SHELL, stdin="pwd")
    assert (shell.returncode, shell.stdout) == (0, f"{run.workspace}\n")
    assert shell.stderr.endswith("/command, which is not run:\n  echo the line\n")
    shell = run.job("toy", 1, mode=SHELL)
    assert shell.returncode == 94
    assert shell.stderr.endswith("reana-batch: toy: row 1: its server asks for no command: done\n")
    assert files(run) == before
    assert [*run.directory.glob("state/toy/*")] == []
    (run.directory / "state/toy/0.done").touch()
    shell = run.job("toy", mode=SHELL)
    assert "row 0 is done, and its server would make its outputs again" in shell.stderr


@pytest.mark.parametrize("runtime", ["apptainer", "htcondor"])
def test_a_shell_that_cannot_be_opened_says_why(runtime: str, tmp_path: Path) -> None:
    run = compiled(tmp_path, step("fit", "exit 4", environment="a/b:1"), site=Site(container_runtime="apptainer"))
    jobs_facts = run.directory / "batch/steps/fit/job.sh"
    jobs_facts.write_text(jobs_facts.read_text().replace("='apptainer'", f"='{runtime}'"))
    shell = run.job("fit", mode=SHELL, environment={"PATH": "/usr/bin:/bin"})
    assert (shell.returncode, shell.stdout) == (94, "")
    assert shell.stderr.startswith("reana-batch: fit: apptainer is not installed on ")
    assert run.records("fit") == []
