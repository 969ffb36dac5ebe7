"""Commands that need no analysis: help, version, completion, wrong usage."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from reana_batch.cli.main import COMMANDS as TABLE
from reana_batch.cli.main import main
from reana_batch.version import __version__

from .conftest import PROGRAM, Tool

COMMANDS = sorted(TABLE)
# Modules that --help must not load.
HEAVY = {"yaml", "jinja2", "networkx", "lark", "rich", "jsonschema_rs", "pathspec", "gherkin", "reana_batch.pipeline"}
# Modules that only reading and compiling need.
COMPILER = {
    f"reana_batch.{name}"
    for name in ("reading.document", "reading.schema", "reading.sites", "reading.spec", "frontends", "passes")
}
COMPILER.add("importlib.resources")
# Modules that rich loads to draw the answer of status.
DRAWING = {"rich", "importlib.resources"}


def test_help_names_every_command(empty: Tool) -> None:
    ended = empty.run("--help")
    assert ended.code == 0
    assert ended.stderr == ""
    listed = ended.stdout[ended.stdout.index("Commands:") :].splitlines()[1:]
    assert [line.split()[0] for line in listed] == COMMANDS
    assert [line.split(maxsplit=1)[1] for line in listed] == [TABLE[name].summary for name in COMMANDS]
    assert empty.run("-h").stdout == ended.stdout


def test_summaries_are_those_of_the_commands() -> None:
    for name, entry in TABLE.items():
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert (command.name, (command.help or "").partition("\n\n")[0]) == (name, entry.summary)


def test_version_is_one_line(empty: Tool) -> None:
    ended = empty.run("--version")
    assert (ended.code, ended.stdout, ended.stderr) == (0, f"reana-batch, version {__version__}\n", "")


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["open", "--help"], ["run", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(args: list[str], empty: Tool) -> None:
    assert loaded(empty, *args) & HEAVY == set()


def test_what_reads_no_analysis_loads_no_compiler(hello: Tool) -> None:
    assert hello.run("compile", "--site", "generic-slurm", "-o", "run").code == 0
    for name in ("sbatch", "scontrol", "scancel"):
        hello.write(f"bin/{name}", "#!/bin/sh\necho 1\n").chmod(0o755)
    hello.write("bin/squeue", '#!/bin/sh\necho "1|PENDING|None|0|$PWD/run|"\n').chmod(0o755)
    path = f"{hello.directory}/bin:{hello.environment['PATH']}"
    submitting = loaded(hello, "submit", "run", PATH=path)
    assert submitting & (HEAVY | COMPILER) == set()
    asking = loaded(hello, "status", "-w", "./run", PATH=path)
    assert asking & (HEAVY | COMPILER) - DRAWING == set()
    assert loaded(hello, "logs", "-w", "./run", PATH=path) & (HEAVY | COMPILER) == set()
    assert loaded(hello, "stop", "-w", "./run", PATH=path) & (HEAVY | COMPILER) == set()
    hello.write("bin/squeue", "#!/bin/sh\n")
    assert loaded(hello, "resume", "-w", "./run", PATH=path) & (HEAVY | COMPILER) == set()


def loaded(tool: Tool, *args: str, **changes: str) -> set[str]:
    """Return the modules that a command loads."""
    command = [sys.executable, "-X", "importtime", str(PROGRAM), *args]
    environment = tool.environment | changes
    ended = subprocess.run(
        command, cwd=tool.directory, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stderr
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "click" in loaded
    return loaded


def test_every_command_has_help(empty: Tool) -> None:
    running = {name: empty.start(name, "--help") for name in COMMANDS}
    for name, process in running.items():
        stdout, stderr = process.communicate()
        assert (process.returncode, stderr) == (0, ""), name
        assert stdout.startswith(f"Usage: reana-batch {name} ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell: str, empty: Tool) -> None:
    ended = empty.run("completion", shell)
    assert (ended.code, ended.stderr) == (0, "")
    assert "_REANA_BATCH_COMPLETE" in ended.stdout


def test_bash_takes_the_completion_script(empty: Tool) -> None:
    script = empty.run("completion", "bash").stdout
    subprocess.run(
        ["bash", "-euc", 'eval "$1"; complete -p reana-batch', "bash", script], check=True, capture_output=True
    )
    words = {"COMP_WORDS": "reana-batch val", "COMP_BREAKS": "=:", "_REANA_BATCH_COMPLETE": "bash_complete"}
    assert "validate" in empty.run(**words).stdout


WRONG = {
    "no such command": ["vaildate"],
    "no such option": ["validate", "--fus"],
    "no such back end": ["validate", "-b", "pbs"],
    "an option without its value": ["validate", "-f"],
    "a word too many": ["validate", "reana.yaml"],
    "no jobs": ["run", "-j", "0"],
    "a picture without a file": ["inspect", "--format", "png"],
    "no such shell": ["completion", "tcsh"],
    "a run without a name": ["status"],
}


def test_wrong_usage_ends_with_2(hello: Tool) -> None:
    started = {name: hello.start(*args) for name, args in WRONG.items()}
    for name, process in started.items():
        stdout, stderr = process.communicate()
        assert (process.returncode, stdout) == (2, ""), name
        assert "Error: " in stderr
