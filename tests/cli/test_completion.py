"""The completion of bash, zsh and fish: real shells, in which Tab is pressed at a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from reana_batch.cli.main import COMPLETE, main
from reana_batch.cli.shells import Fish

from .conftest import PROGRAM, Tool
from .test_help import COMPILER, HEAVY, loaded

_PATIENCE = 120  # seconds until a test gives up; no test measures a time
_PROMPT = "READY> "
_START = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(reana-batch completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -D -u; eval "$(reana-batch completion zsh)"'),
    "fish": (["fish", "--no-config"], "reana-batch completion fish | source"),
}
# A line, and its last word after Tab. Only one completion fits.
TYPED = {
    "reana-batch val": "validate ",
    "reana-batch status -w my\\ run.": "my run.1 ",
    "reana-batch run --site=cern-l": "--site=cern-lxplus ",
    "reana-batch run --option FROM=gre": "FROM=greet ",
    "reana-batch run --set slurm.part": "slurm.partition=",
}
# The words before the last one, that word, and what it can become.
KNOWN = [
    ("status -w", "", ["fit", "my run", "other", "fit.1", "fit.20", "my run.1", "other.1"]),
    ("delete fit.1", "fit.2", ["fit.20"]),
    ("diff fit.1", "o", ["other", "other.1"]),
    ("compare fit.1 fit.20", "o", ["other", "other.1"]),
    ("run -w", "f", ["fit"]),
    ("logs -w other", "", ["greet"]),
    ("inspect --script", "", ["greet"]),
    ("run --option", "", ["FROM=", "TARGET="]),
    ("run -p", "", ["events="]),
    ("config --site", "cern", ["cern-lxplus", "cern-slurm"]),
    ("sites show", "generic-s", ["generic-slurm"]),
    ("config --set", "slurm.p", ["slurm.partition=", "slurm.pyslurm_python="]),
    ("run --set", "backend=", ["backend=make", "backend=htcondor", "backend=slurm"]),
    ("run --set", "container_home=", ["container_home=true", "container_home=false"]),
    ("samples", "di", ["diamond", "dimuon"]),
    ("secrets-delete", "", ["ALICE_KEY"]),
    ("list --filter", "status=f", ["status=finished", "status=failed"]),
    ("list --filter", "name=", ["name=fit", "name=my run", "name=other"]),
    ("list --format", "st", ["started", "status"]),
    ("open", "", ["jupyter"]),
    ("ls --filter", "", ["name=", "size=", "last-modified="]),
    ("du --filter", "s", ["size="]),
]
ANALYSIS = """\
inputs: {parameters: {events: 3}}
workflow:
  type: serial
  specification:
    steps: [{name: greet, environment: debian:12, commands: ["echo ${events}"]}]
"""
MANIFEST = '{"backend": "make", "outputs": {"files": [], "directories": []}, "steps": [%s]}'
STEP = '{"name": "greet", "label": "greet", "folder": "greet", "origin": "a:1", "rows": 1, "chunk_size": 1}'


@pytest.fixture
def alice(empty: Tool) -> Tool:
    """A folder with an analysis, runs and a secret."""
    empty.write("reana.yaml", ANALYSIS)
    for name in ("other.1", "fit.1", "fit.20", "my run.1"):
        empty.write(f"runs/{name}/batch/manifest.json", MANIFEST % STEP)
    empty.environment["REANA_BATCH_RUNS"] = f"{empty.directory}/runs"
    empty.environment["PATH"] = f"{PROGRAM.parent}:{empty.environment['PATH']}"
    empty.write("../home/.config/reana-batch/secrets/env/ALICE_KEY", "1")
    return empty


class Terminal:
    """An interactive shell at a terminal."""

    def __init__(self, alice: Tool, shell: str) -> None:
        command, setup = _START[shell]
        self._master, slave = pty.openpty()
        self._shell = subprocess.Popen(
            command,
            cwd=alice.directory,
            env={**alice.environment, "PS1": _PROMPT, "TERM": "dumb"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.read(_PROMPT)
        self.write(f"{setup}; echo DO''NE\r")
        self.read("DONE")

    def write(self, text: str) -> None:
        os.write(self._master, text.encode())

    def read(self, expected: str) -> str:
        """Return what the shell shows until this text, which must come."""
        shown, end = "", time.monotonic() + _PATIENCE
        while not re.search(expected, shown):
            assert time.monotonic() < end, shown
            if select.select([self._master], [], [], 1)[0]:
                shown += os.read(self._master, 65536).decode("utf-8", "replace")
        return shown

    def words(self, line: str) -> list[str]:
        """Return the words of a line after Tab. A letter shows whether the last one is finished."""
        # Control-A goes to the beginning of the line, and the program there prints the words.
        self.write(f"{line}\tX\x01printf '<%s>' : \r")
        return re.findall("<(.*?)>", self.read(r"<:><reana-batch>.*X>"))[2:]

    def close(self) -> None:
        """End the shell as if the user closed the window."""
        os.close(self._master)
        self._shell.kill()
        self._shell.communicate(timeout=_PATIENCE)


def demand(shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"LEFT OUT: there is no {shell} here, so its completion is not tested")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_tab_completes_names(shell: str, alice: Tool) -> None:
    demand(shell)
    terminal = Terminal(alice, shell)
    try:
        for line, expected in TYPED.items():
            *_, last = words = terminal.words(line)
            shown = last if not expected.endswith(" ") else f"{words[-2]} "
            assert shown.removesuffix("X") == expected, words
    finally:
        terminal.close()


def test_fish_completes_names(alice: Tool) -> None:
    demand("fish")
    command, setup = _START["fish"]
    asked = [f"complete -C'{line}'; echo ---" for line in TYPED]
    ended = subprocess.run(
        [*command, "-c", f"{setup}; {'; '.join(asked)}"],
        cwd=alice.directory,
        env=alice.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [[line.partition("\t")[0] for line in answer.split("\n") if line] for answer in ended.stdout.split("---\n")]
    assert found[:-1] == [[expected.strip()] for expected in TYPED.values()], ended.stderr


def test_every_kind_of_name_is_known(alice: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(alice.directory)
    for name in ("HOME", "REANA_BATCH_RUNS"):
        monkeypatch.setenv(name, alice.environment[name])
    shell = Fish(main, {}, "reana-batch", COMPLETE)
    found = [[str(item.value) for item in shell.get_completions(before.split(), word)] for before, word, _ in KNOWN]
    assert found == [words for _, _, words in KNOWN]


# Lines, each with a module that finds what completes it.
NEEDED = {
    "reana-batch status -w ": "reana_batch.run.names",
    "reana-batch logs -w other ": "reana_batch.run.parts",
    "reana-batch st": "click.shell_completion",
}


def test_tab_loads_no_compiler(alice: Tool) -> None:
    asked = {"_REANA_BATCH_COMPLETE": "bash_complete", "COMP_BREAKS": "=:"}
    for line, needed in NEEDED.items():
        found = loaded(alice, COMP_WORDS=line, **asked)
        assert needed in found, line
        assert found & (HEAVY | COMPILER) == set(), line


@pytest.mark.parametrize("line", ["run -p ", "status -w ", "secrets-delete "])
def test_tab_is_silent_about_faults(line: str, alice: Tool) -> None:
    for name in ("reana.yaml", ".reana-batch.yaml"):
        alice.write(name, "{")
    shutil.rmtree(Path(alice.environment["REANA_BATCH_RUNS"]))
    alice.write("runs", "")
    words = {"COMP_WORDS": f"reana-batch {line}", "COMP_BREAKS": "=:", "_REANA_BATCH_COMPLETE": "bash_complete"}
    ended = alice.run(**words)
    assert (ended.code, ended.stdout, ended.stderr) == (0, "\n", "")
