"""The scripts that HTCondor runs around jobs."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests import bash_lines
from tests.bash import TEMPLATES


def words_of(script: str, *words: str) -> list[str]:
    return ["bash", str(TEMPLATES / f"htcondor/{script}.sh"), *words]


def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", **bash_lines.traced()}


def run(script: str, *words: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of HTCondor."""
    command = words_of(script, *words)
    return subprocess.run(command, cwd=at, env=environment(), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("code", "retry", "ends", "unfinished"),
    [("0", "0", 0, False), ("1", "0", 1, False), ("1", "2", 0, True), ("143", "2", 0, True)],
)
def test_a_job_that_failed_is_noted_when_it_is_not_tried_again(
    tmp_path: Path, code: str, retry: str, ends: int, unfinished: bool
) -> None:
    assert run("verdict", "job", "0", code, retry, "2", at=tmp_path).returncode == ends
    assert (tmp_path / "0.unfinished").exists() == unfinished


def test_a_step_fails_if_a_job_of_it_did(tmp_path: Path) -> None:
    assert run("verdict", "step", ".", at=tmp_path).returncode == 0
    run("verdict", "job", "0", "1", "2", "2", at=tmp_path)
    assert run("verdict", "step", ".", at=tmp_path).returncode == 1
    assert run("verdict", "job", "0", "0", "2", "2", at=tmp_path).returncode == 0
    assert run("verdict", "step", ".", at=tmp_path).returncode == 0


def test_without_a_kept_environment_a_job_does_not_start(tmp_path: Path) -> None:
    ended = run("environment", "job.sh", at=tmp_path)
    assert ended.returncode == 95
    assert ended.stderr == 'reana-batch: no environment was saved; run "bash batch/credentials.sh"\n'


def job(at: Path, text: str) -> None:
    (at / "batch/steps/fit").mkdir(parents=True)
    (at / "batch/steps/fit/job.sh").write_text(text)


def test_without_declared_outputs_what_a_job_made_goes_back(tmp_path: Path) -> None:
    job(tmp_path, "echo new >workspace/new; echo more >>workspace/changed; exit 3\n")
    (tmp_path / "workspace").mkdir()
    for name in ("kept", "changed"):
        (tmp_path / "workspace" / name).write_text("old\n")
    assert run("ship", "fit", "0", at=tmp_path).returncode == 3
    assert sorted(path.name for path in (tmp_path / "workspace").iterdir()) == ["changed", "new"]


def test_a_signal_reaches_the_job_and_its_exit_code_comes_back(tmp_path: Path) -> None:
    job(tmp_path, "trap 'sleep 0.3; exit 7' TERM\n: >started\nwhile :; do sleep 0.1; done\n")
    with subprocess.Popen(words_of("ship", "fit", "0"), cwd=tmp_path, env=environment()) as process:
        end = time.monotonic() + 60
        while not (tmp_path / "started").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        process.terminate()
        assert process.wait(60) == 7
