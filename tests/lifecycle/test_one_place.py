"""Additions to a copy of the package, each in the place that CONTRIBUTING names: they are there everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ANALYSIS = """\
workflow:
  type: serial
  specification:
    steps:
      - {environment: 'debian:12', HINT, commands: ['true']}
"""


@dataclass(frozen=True)
class House:
    """A copy of the package that can be added to, and its command line."""

    path: Path

    def add(self, place: str, before: str, text: str) -> None:
        """Put text before the first line of a file that begins so. CONTRIBUTING names the file."""
        folder, _, rest = place.partition("/")
        file = self.path / "reana_batch" / (rest if folder == "compiler" else place)
        lines = file.read_text("utf-8").splitlines(keepends=True)
        at = next(number for number, line in enumerate(lines) if line.startswith(before))
        file.write_text("".join([*lines[:at], text, *lines[at:]]), "utf-8")

    def run(self, *words: str, code: int = 0, **variables: str) -> str:
        done = self._start("-m", "reana_batch", *words, directory=self.path, **variables)
        assert done.returncode == code, done.stderr
        return done.stdout

    def __call__(self, *words: str, code: int = 0, **variables: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.run(*words, "--json", code=code, **variables))
        return answer

    def fault(self, *words: str, **variables: str) -> dict[str, Any]:
        """Return the only fault of a command that is refused."""
        said = self(*words, code=3, **variables)["diagnostics"]
        [found] = (each for each in said if each["severity"] == "error")
        return dict(found)

    def warnings(self, *words: str) -> str:
        """Return what a command warns of."""
        return " ".join(each["message"] for each in self(*words)["diagnostics"])

    def is_missed(self, test: str) -> bool:
        """Return whether a test of the manual fails because of the addition, which the manual does not have."""
        done = self._start("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", test, directory=ROOT)
        return done.returncode == 1 and f"FAILED {test}" in done.stdout

    def _start(self, *words: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.path), "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
        return subprocess.run(
            [sys.executable, *words],
            cwd=directory,
            env=environment | {"PYTHONPATH": str(self.path)} | variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def house(tmp_path: Path) -> House:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "compiler", tmp_path / "reana_batch", ignore=ignored)
    for folder in ("backends", "templates", "samples"):
        shutil.copytree(ROOT / folder, tmp_path / "reana_batch" / folder, ignore=ignored)
    return House(tmp_path)


def names(section: str) -> set[str]:
    """Return what a list of CONTRIBUTING names in code."""
    found = re.search(rf"\*\*{section}\.\*\*(.*?)\n\n", CONTRIBUTING, re.DOTALL)
    assert found is not None
    return set(re.findall(r"`([^`]+)`", found[1]))


def test_a_setting(house: House) -> None:
    assert "compiler/site.py" in names("A setting")
    house.add(
        "compiler/site.py", "    queue_time:", '    room: str = setting("attic", TEXT, "Where the machine is.")\n'
    )
    assert house("config")["settings"]["room"] == "attic"
    assert house("sites", "show", "cern-slurm")["settings"]["room"] == "attic"
    assert re.search(r"^room\s+attic", house.run("config"), re.MULTILINE)
    named = house("config", "--origin", REANA_BATCH_ROOM="cellar")
    assert (named["settings"]["room"], named["origins"]["room"]) == ("cellar", "environment")
    assert house.fault("config", "--set", "room=5")["message"] == "--set: room must be text, not 5."
    assert house.fault("config", "--set", "romo=5")["hint"] == "did you mean room?"
    file = house.path / ".reana-batch.yaml"
    file.write_text("backend: make\nroom: 5\n")
    fault = house.fault("config")
    assert (fault["file"], fault["line"]) == (".reana-batch.yaml", 2)
    file.write_text("room: kitchen\n")
    assert house("config")["settings"]["room"] == "kitchen"
    assert house.is_missed("tests/docs/test_docs.py::test_settings_table")


def test_a_law_of_a_site(house: House) -> None:
    assert names("A law of a site") == {"compiler/reading/sites.yaml"}
    house.add("compiler/reading/sites.yaml", "    short_seconds: 60", "    cpus: 2\n")
    house.add("compiler/reading/sites.yaml", "    limits.short_seconds: ", "    limits.cpus: a sign\n")
    shown = house("sites", "show", "generic-htcondor")
    assert (shown["settings"]["limits.cpus"], shown["sources"]["limits.cpus"]) == (2, "a sign")
    assert house("config", "--site", "generic-htcondor")["origins"]["limits.cpus"] == "shipped: generic-htcondor"
    (house.path / "reana.yaml").write_text(ANALYSIS.replace("HINT", "kubernetes_cpu_limit: '4'"))
    there = ("validate", "--site", "generic-htcondor")
    assert "generic-htcondor" in house.fault(*there)["message"]
    house(*there, "--set", "limits.cpus=4")
    assert house.is_missed("tests/docs/test_docs.py::test_site_rules_table")


def test_a_resource_hint(house: House) -> None:
    assert {"READERS", "compiler/reading/hints.py", "hints", "TARGET"} <= names("A resource hint")
    (house.path / "reana.yaml").write_text(ANALYSIS.replace("HINT", "slurm_queue: quick"))
    assert "slurm_queue" in house.fault("validate")["message"]
    form = 'Form(_slurm_word, "bad-value", "write the name of a queue.")'
    house.add("compiler/reading/hints.py", '    "slurm_partition": ', f'    "slurm_queue": {form},\n')
    assert "slurm_queue has no meaning on HTCondor" in house.warnings("validate", "-b", "htcondor")
    house.add(
        "backends/slurm/chain.py",
        '        "partition": (',
        '        "partition": ("slurm_partition", "slurm_queue"),\n',
    )
    chain = house.path / "reana_batch/backends/slurm/chain.py"
    chain.write_text(chain.read_text("utf-8").replace('        "partition": ("slurm_partition",),\n', ""), "utf-8")
    assert "slurm_queue" not in house.warnings("validate", "-b", "slurm")
    house("compile", "-b", "slurm", "-o", "made")
    assert "--partition=quick" in "".join(
        path.read_text() for path in (house.path / "made/batch").rglob("*") if path.is_file()
    )
    (house.path / "reana.yaml").write_text(ANALYSIS.replace("HINT", "slurm_queue: 'two words'"))
    assert house.fault("validate", "-b", "slurm")["hint"] == "write the name of a queue."
    assert house.is_missed("tests/docs/test_docs.py::test_hints_are_all_there")


HELLO = '''\
"""A command that says hello."""

from __future__ import annotations

import click

from reana_batch.cli.answers import Answer, answering
from reana_batch.cli.terminal import line


@click.command("hello")
@click.option("--loud", is_flag=True, help="Say it loudly.")
@answering
def hello(loud: bool) -> Answer:
    """Say hello."""
    return Answer({"loud": loud}, [line("hello")])
'''


def test_a_command(house: House) -> None:
    assert {"Answer", "COMMANDS", "compiler/cli/main.py", "docs/commands.md"} <= names("A command")
    (house.path / "reana_batch/cli/hello_commands.py").write_text(HELLO)
    house.add("compiler/cli/main.py", '    "inspect": ', '    "hello": Entry("hello_commands:hello", "Say hello."),\n')
    assert re.search(r"^ +hello +Say hello\.$", house.run("--help"), re.MULTILINE)
    assert re.search(r"--loud +Say it loudly\.", house.run("hello", "--help"))
    house.run("hello")
    assert house("hello", "--loud")["loud"]
    wrong = house("hello", "--soft", code=2)
    assert "--soft" in wrong["diagnostics"][0]["message"]
    completing = {"_REANA_BATCH_COMPLETE": "bash_complete", "COMP_WORDS": "reana-batch he", "COMP_CWORD": "1"}
    program = ("-c", "from reana_batch.cli.main import main; main(prog_name='reana-batch')")
    assert house._start(*program, directory=house.path, **completing).stdout.split() == ["plain,hello"]
    assert house.is_missed("tests/docs/test_docs.py::test_command_is_documented[hello]")
