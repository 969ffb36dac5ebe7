"""The file for GitLab CI, run by gitlab-ci-local, and the command that writes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from tests import ci_local

from .conftest import HELLO, PROGRAM, Tool

FEATURE = """\
Feature: Greetings

  Scenario: Both are greeted
    When the workflow is finished
    Then the file "greetings.txt" should be in the workspace
"""


def file_of(tool: Tool, *words: str) -> dict[str, Any]:
    """Return the content of the file for GitLab."""
    ended = tool.run("ci", "gitlab", "--site", "local", *words)
    assert ended.code == 0, ended.stderr
    content: dict[str, Any] = yaml.safe_load(ended.stdout)
    return content


def bash(tool: Tool, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as GitLab does."""
    path = f"{PROGRAM.parent}:{tool.environment['PATH']}"
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tool.directory,
        env={**tool.environment, "PATH": path, **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


# --- pipelines ---------------------------------------------------------------------------------------


@pytest.fixture
def project(hello: Tool) -> Tool:
    """A repository whose analysis is in a folder, and its file for GitLab, which was made in that folder."""
    ci_local.tool("gitlab-ci-local")
    for name in ("reana.yaml", "names.txt"):
        (hello.directory / name).unlink()
    hello.write("greeting/names.txt", "Ann\n")
    hello.write("greeting/tests.feature", FEATURE)
    hello.write("greeting/reana.yaml", f"{HELLO}tests:\n  files: [tests.feature]\n")
    (hello.directory / ".git").mkdir()
    inside = Tool(hello.directory / "greeting", hello.environment)
    ended = inside.run("ci", "gitlab", "--site", "local", "-o", "../.gitlab-ci.yml")
    assert (ended.code, ended.stdout) == (0, "==> SUCCESS: ../.gitlab-ci.yml has been written.\n")
    return hello


def pipeline(project: Tool) -> ci_local.Pipeline:
    """Run all jobs of a push to the default branch."""
    tools = project.directory.parent / "bin"
    tools.mkdir()
    for name, text in ci_local.STAND_INS.items():
        (tools / name).write_text(text, "utf-8")
        (tools / name).chmod(0o755)
    command = ci_local.command(ci_local.node(), ci_local.tool("gitlab-ci-local"))
    env = project.environment | {"PATH": f"{tools}:{PROGRAM.parent}:{project.environment['PATH']}"}
    ended = subprocess.run(command, cwd=project.directory, env=env, capture_output=True, encoding="utf-8", check=False)
    return ci_local.Pipeline(ended.returncode, ended.stdout + ended.stderr)


def test_a_fault_is_reported_at_its_line_and_nothing_runs(project: Tool) -> None:
    project.write("greeting/reana.yaml", HELLO.replace("name: ", "nam: "))
    ended = pipeline(project)
    assert (ended.jobs, ended.code) == ({"validate": "FAIL"}, 1)
    (report,) = project.directory.glob(".gitlab-ci-local/builds/validate/code-quality.json")
    found = {each["check_name"]: each["location"] for each in json.loads(report.read_text("utf-8"))}
    assert found["unknown-key"] == {"path": "greeting/reana.yaml", "lines": {"begin": 7}}


def test_a_run_that_ends_in_its_job_leaves_outputs_tests_and_status(project: Tool) -> None:
    ended = pipeline(project)
    assert (ended.jobs, ended.code) == (dict.fromkeys(("validate", "run", "wait"), "PASS"), 0), ended.output
    got = project.directory / ".gitlab-ci-local/artifacts/run/reana-run"
    assert (got / "outputs/greetings.txt").read_text("utf-8") == "Hello Ann\n"
    assert "has finished" in (got / "status.txt").read_text("utf-8")
    assert [case.get("name") for case in ElementTree.parse(got / "tests.xml").iter("testcase")] == ["Both are greeted"]


# --- scripts -----------------------------------------------------------------------------------------

SHOW = """
reana-batch() { [ "$1" = list ] || printf '%s\\0' "$@"; }
REANA_WORKON=ci-1
"""
# Lines are a block of YAML; text that is not printable is one line with escapes.
VALUES = ['it\'s $(touch made) `touch made` {x}: # "é"\n\n  and - a line', "\x07\u2028\x85 [1], ?'"]


@pytest.mark.parametrize("value", VALUES, ids=["printable", "not-printable"])
def test_every_value_reaches_the_commands(hello: Tool, value: str) -> None:
    hello.write("reana.yaml", HELLO.replace("inputs:", "inputs:\n  parameters: {word: a}"))
    made = file_of(hello, "-p", f"word={value}", "--tag", value)
    assert made["validate"]["tags"] == [value]
    given = ["-f", "reana.yaml", "--parameter", f"word={value}", "--site", "local"]
    for script, verb, rest in (
        (made["validate"]["script"][0], "validate", ["--without-secrets", "--code-quality", "code-quality.json"]),
        (made["run"]["script"][0], "run", ["-w", "ci-1"]),
    ):
        words = bash(hello, SHOW + script).stdout.removesuffix("\0").split("\0")
        assert words == [verb, *given, *rest]
    assert not (hello.directory / "made").exists()


SECRETS = {"CERN_USER": "alice-of-cern", "CERN_KEYTAB_BASE64": "BQIA/w==", "USERKEY_PEM_BASE64": "a2V5Cg=="}


def test_variables_become_secrets_and_are_not_shown(hello: Tool) -> None:
    asking = "kerberos: true\n        voms_proxy: true\n        environment:"
    hello.write("reana.yaml", HELLO.replace("environment:", asking))
    made = file_of(hello)
    ended = bash(hello, made["run"]["script"][0], **SECRETS)
    assert ended.returncode == 0, ended.stderr
    assert (ended.stdout.count("\n"), ended.stderr) == (1, ""), "it names the secrets, and the store"
    assert not [value for value in SECRETS.values() if value in ended.stdout]
    store = Path(hello.environment["HOME"], ".config/reana-batch/secrets")
    assert {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()} == {
        "env/CERN_USER": b"alice-of-cern",
        "env/CERN_KEYTAB": b"cern_keytab",
        "file/cern_keytab": b"\5\2\0\xff",
        "file/userkey.pem": b"key\n",
    }
    assert bash(hello, made["run"]["script"][0]).returncode == 0, "the account may have all secrets already"


def test_an_analysis_outside_of_the_repository_is_refused(hello: Tool) -> None:
    inside = Tool(hello.directory / "inside", hello.environment)
    inside.directory.mkdir()
    ended = inside.run("ci", "gitlab", "-f", "../reana.yaml")
    assert (ended.code, "is not in a git repository, and not below" in ended.stderr) == (2, True)
