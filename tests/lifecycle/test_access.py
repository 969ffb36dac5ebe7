"""Runs, configurations and outputs that cannot be read: each command names the file and the cause."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.forked import Forked

from .conftest import Desk, said, serial

# Root reads every file, unless it drops these capabilities.
_GIVEN_UP = "-dac_override,-dac_read_search"
POWERLESS = (
    ("setpriv", f"--bounding-set={_GIVEN_UP}", f"--inh-caps={_GIVEN_UP}", "--") if os.geteuid() == 0 else ("env",)
)

ALL = ("status", "wait", "logs", "stop", "delete", "download", "restart", "resume", "test")
LIFE = ("status", "wait", "stop", "delete", "restart", "resume", "test")
UNREADABLE = [
    ("", (*ALL, "ls", "du"), "/batch/manifest.json"),
    ("/batch", ALL, "/batch/manifest.json"),
    ("/batch/manifest.json", ALL, "/batch/manifest.json"),
    ("/state", LIFE, "/state/run."),  # the record, or the lock
    ("/state/run.json", LIFE, "/state/run.json"),
    ("/state/s1", (*LIFE, "logs"), "/state/s1"),
    ("/logs/s1", ("status", "logs"), "/logs/s1/0."),
    ("/workspace", ("ls", "du", "test"), "/workspace"),
    ("/workspace/plots", ("ls", "du"), "/workspace/plots"),
]


@pytest.fixture(scope="module")
def unprivileged() -> Iterator[Forked]:
    """The command line for a user whom file modes restrict."""
    with Forked(*POWERLESS) as made:
        yield made


@pytest.fixture
def alice(tmp_path: Path, unprivileged: Forked) -> Desk:
    """A folder with a failed run, test.1, and a finished one, other.1."""
    made = Desk(tmp_path, unprivileged)
    outputs = {"files": ["plots/a.png"]}
    made.write("t.feature", 'Feature: f\n\n  Scenario: s\n    Then the workspace should contain "plots/a.png"\n')
    made.write("reana.yaml", serial("true"))
    made.run("other")
    command = "mkdir plots; echo 1 > plots/a.png; false"
    made.write("reana.yaml", serial(command, outputs=outputs, tests={"files": ["t.feature"]}))
    made.run("test", exits=1)
    return made


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.mark.parametrize(("part", "commands", "named"), UNREADABLE)
def test_what_cannot_be_read_is_named(alice: Desk, part: str, commands: tuple[str, ...], named: str) -> None:
    path, before = alice.path / f"runs/test.1{part}", _files(alice.path)
    mode = path.stat().st_mode
    for command in commands:
        path.chmod(0)
        done = alice(command, "-w", "test.1", exits=3)
        path.chmod(mode)
        assert re.search(
            rf"^error: \S*runs/test\.1{named}\S*: Permission denied\. \[file-access\]$", done.stderr, re.MULTILINE
        )
    assert _files(alice.path) == before


@pytest.mark.parametrize("part", ["", "/batch", "/batch/manifest.json", "/state", "/state/run.json", "/state/s1"])
def test_a_run_that_cannot_be_read_hides_no_other(alice: Desk, part: str) -> None:
    (alice.path / f"runs/test.1{part}").chmod(0)
    answer = alice.json("list", exits=3)
    assert [each["name"] for each in answer["runs"]] == ["other.1"]
    [fault] = answer["diagnostics"]
    assert (fault["code"], fault["message"].split(":")[0].startswith(f"runs/test.1{part}")) == ("file-access", True)
    done = alice("list", exits=3)
    assert done.stderr.splitlines()[0] == f"error: {fault['message']} [file-access]"
    assert "other\t1\t" in done.stdout
    assert alice.state("other") == "finished"


def test_a_later_run_is_found_beyond_one_that_cannot_be_read(alice: Desk) -> None:
    (alice.path / "runs/other.2").mkdir(mode=0)
    assert alice.state("other.1") == "finished"
    alice.run("test", exits=1)
    (alice.path / "runs/test.1").chmod(0)
    assert alice.json("status", "-w", "test")["name"] == "test.2"


def test_an_unreadable_workspace_is_not_an_empty_one(alice: Desk) -> None:
    alice.run("test", exits=1)
    (alice.path / "runs/test.2/workspace/plots").chmod(0)
    for runs in (("test.1", "test.2"), ("test.2", "test.1")):
        done = alice("diff", *runs, exits=3)
        said(done, "error: runs/test.2/workspace/plots: Permission denied. [file-access]")
        assert done.stdout == ""
    done = alice("download", "-w", "test.2", "-o", "to", exits=1)
    message = "runs/test.2/workspace/plots: Permission denied"
    assert "[file-access]" in done.stderr, message
    assert "Permission denied" in done.stderr
    assert "scenario" not in alice("test", "-w", "test.2", exits=3).stdout


def test_a_failing_disk_is_named(alice: Desk) -> None:
    record = alice.path / "runs/test.1/state/run.json"
    record.unlink()
    record.symlink_to("/proc/self/mem")  # reading its beginning gives an I/O error
    for command in LIFE:
        done = alice(command, "-w", "test.1", exits=3)
        said(done, "error: runs/test.1/state/run.json: Input/output error. [file-access]")
    assert [each["name"] for each in alice.json("list", exits=3)["runs"]] == ["other.1"]


FIFOS = {"batch/manifest.json": ALL, "state/run.json": LIFE, "state/s1/0.failed": ("status", "logs")}
FIFOS["logs/s1/0.out"] = ("status", "logs")


@pytest.mark.parametrize("name", FIFOS)
def test_a_fifo_is_not_waited_for(alice: Desk, name: str) -> None:
    (alice.path / "runs/test.1" / name).unlink()
    os.mkfifo(alice.path / "runs/test.1" / name)
    for command in FIFOS[name]:
        done = alice(command, "-w", "test.1", exits=3)
        said(done, f"error: runs/test.1/{name}: It is a FIFO, not a file. [file-access]")


CONFIGURATION = ("reana.yaml", "data", ".config/reana-batch", ".config/reana-batch/sites.yaml", ".gitignore")


@pytest.mark.parametrize("unreadable", [*CONFIGURATION, ".reana-batch.yaml", "in.txt"])
def test_inputs_and_configurations_that_cannot_be_read_are_named(alice: Desk, unreadable: str) -> None:
    for name in (".config/reana-batch/sites.yaml", ".reana-batch.yaml"):
        alice.write(name, "{}")
    for name in ("data/x", ".gitignore", "in.txt"):
        alice.write(name, "")
    alice.write("reana.yaml", serial("true", inputs={"files": ["in.txt"], "directories": ["data"]}))
    before = _files(alice.path)
    path = alice.path / unreadable
    mode = path.stat().st_mode
    path.chmod(0)
    done = alice("compile", "-o", "new", exits=3, env={"HOME": str(alice.path)})
    path.chmod(mode)
    [fault] = [line for line in done.stderr.splitlines() if "error: " in line]
    assert (unreadable in fault, "Permission denied" in fault) == (True, True), fault
    assert [name for name in _files(alice.path) if name != "new"] == before


def test_where_nothing_may_be_written(alice: Desk) -> None:
    (alice.path / "closed").mkdir(mode=0o500)
    alice("compile", "-o", "closed/run", exits=3)
    alice("inspect", "--format", "dot", "-o", "closed/graph.dot", exits=3)
    alice("download", "-w", "test", "-o", "closed/to", exits=3)
    (alice.path / "runs/test.1/state").chmod(0o500)
    before = _files(alice.path)
    for command in ("resume", "stop"):
        assert "runs/test.1/state/run." in alice(command, "-w", "test.1", exits=3).stderr
    assert _files(alice.path) == before
    (alice.path / "runs/test.1").chmod(0o500)
    done = alice("delete", "-w", "test.1", exits=3)
    assert re.search(r"^error: \S*test\.1/\S+: Permission denied\. \[\S+\]$", done.stderr, re.MULTILINE)


SNAKEFILE = 'include: "{folder}/included"\nrule all:\n  output: "x"\n  shell: "touch x"\n'
READ = {
    "reana.yaml": "error: reana.yaml cannot be read: It is a FIFO, not a file. [missing-file]",
    "Snakefile": 'error: "Snakefile" is not a regular file. [input-kind]',
    "included": "It is a FIFO or socket, not a file",
    "parameters.yaml": "error: parameters.yaml cannot be read: It is a FIFO, not a file. [missing-file]",
    ".reana-batch.yaml": "error: .reana-batch.yaml cannot be read: It is a FIFO, not a file. [missing-file]",
    ".config/reana-batch/sites.yaml": "sites.yaml cannot be read: It is a FIFO, not a file. [missing-file]",
    "in.txt": 'error: "in.txt" is not a regular file. [input-kind]',
    "data/in.txt": "is a link to nothing, or not an ordinary file. [input-symlink]",
}


@pytest.mark.parametrize("name", READ)
def test_a_fifo_is_neither_an_analysis_nor_a_setting(desk: Desk, name: str) -> None:
    desk.write("reana.yaml", "workflow: {type: snakemake, file: Snakefile}\n" + FILES)
    desk.write("Snakefile", SNAKEFILE.format(folder=desk.path))
    for other in ("included", "parameters.yaml", "in.txt", "data/in.txt"):
        desk.write(other, "a: 1\n" if other.endswith(".yaml") else "")
    path = desk.write(name, "")
    path.unlink()
    os.mkfifo(path)
    done = desk("validate", exits=3, env={"HOME": str(desk.path)})
    assert READ[name] in done.stderr


FILES = "inputs: {parameters: {input: parameters.yaml}, files: [in.txt, parameters.yaml], directories: [data]}\n"


def test_a_pipe_is_not_an_analysis(desk: Desk) -> None:
    command = f'exec "{sys.executable}" -m reana_batch validate -f <(echo)'
    done = subprocess.run(["bash", "-c", command], cwd=desk.path, capture_output=True, text=True, check=False)
    assert "cannot be read: It is a FIFO, not a file. [missing-file]\nhint: save its content to a file." in done.stderr
    assert done.returncode == 3


def test_a_run_that_cannot_be_deleted_is_whole_and_the_others_are_deleted(alice: Desk) -> None:
    before = _files(alice.path)
    (alice.path / "runs/test.1/workspace/plots").chmod(0o500)
    done = alice("delete", "-w", "test.1", exits=3)
    assert re.search(
        r"^error: runs/test\.1/workspace/plots: Permission denied\. \[cannot-write\]$", done.stderr, re.MULTILINE
    )
    assert "hint: nothing was deleted" in done.stderr
    assert _files(alice.path) == before
    assert alice.state("test.1") == "failed"
    done = alice("delete", "test.1", "other.1", exits=3)
    assert done.stdout == "==> SUCCESS: other.1 has been deleted.\n"
    assert "hint: nothing was deleted" in done.stderr
    assert [run["name"] for run in alice.json("list")["runs"]] == ["test.1"]


def test_a_file_that_cannot_be_pruned_is_named(alice: Desk) -> None:
    (alice.path / "runs/test.1/workspace/plots").chmod(0o500)
    done = alice("prune", "-w", "test.1", "--force", "--include-outputs", exits=3)
    said(done, f"error: {alice.path}/runs/test.1/workspace/plots/a.png: Permission denied. [cannot-write]")
    assert done.stdout == ""
