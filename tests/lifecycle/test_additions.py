"""Additions outside the package, made as CONTRIBUTING says: every command works with them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.toy import flows

from .conftest import Desk, environment

Program = Callable[..., subprocess.CompletedProcess[str]]
_COMMAND = 'cat "$TOKEN_FILE" >result'


@pytest.fixture
def program(desk: Desk) -> Program:
    """The program in a Python that has the additions of tests/toy."""
    home = {"HOME": str(desk.path / "home"), "XDG_CONFIG_HOME": str(desk.path / "home/.config")}
    path = f"{desk.path / 'programs'}:{os.environ['PATH']}"
    extended = environment(PYTHONPATH=str(flows.HERE), PATH=path, **home)
    desk.write("home/.keep", "")

    def run(*words: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reana_batch", *words]
        done = subprocess.run(command, cwd=desk.path, env=extended, capture_output=True, text=True, check=False)
        assert done.returncode == exits, done.stderr
        return done

    return run


def toy_analysis(desk: Desk) -> None:
    """Write an analysis in the toy language. Its step asks for the toy credential."""
    step = flows.step("a", _COMMAND) | {"credentials": ["token"]}
    desk.write("flow.json", json.dumps({"steps": [step]}))
    desk.write("reana.yaml", flows.ANALYSIS)


def serial_analysis(desk: Desk) -> None:
    """Write a serial analysis. Its step has the toy credential and the toy hint."""
    step = {"environment": "debian:12", "token": True, "toy_tasks": 2, "commands": [_COMMAND.replace("$", "$$")]}
    workflow = {"type": "serial", "specification": {"steps": [{"name": "a", **step}]}}
    desk.write("reana.yaml", json.dumps({"workflow": workflow, "outputs": {"files": ["result"]}}))


ANALYSES = {"front-end": toy_analysis, "hints-of-a-serial-workflow": serial_analysis}


def store(desk: Desk) -> Path:
    """Return the folder of credentials issued for runs, next to the user's secrets."""
    return desk.path / "home/.config/reana-batch/secrets/runs"


@pytest.mark.parametrize("name", ANALYSES)
def test_every_verb_works_with_the_additions(desk: Desk, program: Program, name: str) -> None:
    ANALYSES[name](desk)
    refused = program("validate", exits=3).stderr
    assert "token needs the secret TOKEN, which is not there" in refused
    program("secrets-add", "--env", "TOKEN=sesame")
    program("validate")
    inspected: dict[str, Any] = json.loads(program("inspect", "--json").stdout)
    assert [step["credentials"] for step in inspected["steps"]] == [["token"]]
    for site in ("generic-slurm", "generic-htcondor"):
        program("compile", "--site", site, "-o", f"compiled/{site}")
    program("run", "-w", "test")
    assert (desk.path / "runs/test.1/workspace/result").read_text().strip() == "sesame"
    status: dict[str, Any] = json.loads(program("status", "-w", "test", "--json").stdout)
    assert [(step["name"], step["done"]) for step in status["steps"]] == [("a", 1)]
    program("logs", "-w", "test")
    program("ls", "-w", "test")
    assert "test" in program("list", "--json").stdout
    assert "Toy tools" in program("doctor", "--json").stdout
    program("restart", "-w", "test")
    assert len(list(store(desk).iterdir())) == 2
    program("delete", "-w", "test.1.1")
    program("delete", "-w", "test.1")
    assert list(store(desk).iterdir()) == []


# A curl that succeeds only with the token in its header.
_CURL = """\
#!/bin/bash
[[ " $* " == *" --header Authorization: Bearer sesame "* ]] || exit 22
while (($#)); do
  [[ $1 != --output ]] || echo opened >"$2"
  shift
done
"""
_URL = "https://h.example/x path=x"


@pytest.mark.parametrize(("url", "words"), [(f"{_URL} credential=token", ()), (_URL, ("data.https_credential=token",))])
def test_the_credential_opens_urls(desk: Desk, program: Program, url: str, words: tuple[str, ...]) -> None:
    desk.write("programs/curl", _CURL).chmod(0o755)
    program("secrets-add", "--env", "TOKEN=sesame")
    steps = [{"environment": "debian:12", "commands": ["cp x result"]}]
    workflow = {"type": "serial", "specification": {"steps": steps}}
    analysis = {"inputs": {"files": [url]}, "workflow": workflow, "outputs": {"files": ["result"]}}
    desk.write("reana.yaml", json.dumps(analysis))
    settings = [word for setting in words for word in ("--set", setting)]
    program("run", "-w", "test", *settings)
    assert (desk.path / "runs/test.1/workspace/result").read_text() == "opened\n"


def test_a_setting_of_the_credential(desk: Desk, program: Program) -> None:
    name, file = "credentials.token_scheme", ".reana-batch.yaml"
    desk.write(file, "credentials: {token_scheme: Sesame, secrets: /kept}\n")
    for command in (("config",), ("sites", "show", "local")):
        shown = json.loads(program(*command, "--json").stdout)["settings"]
        assert (shown[name], shown["credentials.secrets"], shown["credentials.kerberos"]) == ("Sesame", "/kept", "auto")
    asked = json.loads(program("config", "--origin", "--set", f"{name}=Open", "--json").stdout)
    assert (asked["settings"][name], asked["origins"][name]) == ("Open", "command line")
    for text, said in (
        ("token_scheme: a b", "must be a word"),
        ("token_schem: Open", '"token_schem" is not known here'),
    ):
        desk.write(file, f"credentials:\n  {text}\n")
        [fault] = json.loads(program("config", "--json", exits=3).stdout)["diagnostics"]
        assert said in fault["message"]
        assert (fault["file"], fault["line"]) == (file, 2)
    desk.write(file, "backend: make\n")
    asked = json.loads(program("config", "--set", "credentials.token_sheme=a", "--json", exits=3).stdout)
    [fault] = asked["diagnostics"]
    assert fault["hint"] == f"did you mean {name}?"


def test_a_job_reads_the_setting_of_the_credential(desk: Desk, program: Program) -> None:
    toy_analysis(desk)
    program("secrets-add", "--env", "TOKEN=sesame")
    program("compile", "-o", "default")
    program("compile", "--set", "credentials.token_scheme=Open", "-o", "open")
    for run, word in (("default", "Bearer"), ("open", "Open")):
        assert f"token_scheme='{word}'\n" in desk.read(f"{run}/batch/credentials.sh")


def test_what_is_not_known_is_explained_with_the_additions(desk: Desk, program: Program) -> None:
    desk.write("reana.yaml", "workflow: {type: tox, file: flow.json}\n")
    assert "must be one of cwl, serial, snakemake, toy, yadage" in program("validate", exits=3).stderr
    desk.write("reana.yaml", "workflow: {type: toy}\n")
    said = program("validate", exits=3).stderr
    assert 'A toy workflow must have "file".' in said
    assert "name the file." in said


def test_a_hint_that_no_batch_system_honours_is_named(desk: Desk, program: Program) -> None:
    serial_analysis(desk)
    program("secrets-add", "--env", "TOKEN=sesame")
    assert "toy_tasks has no meaning on" in program("validate").stderr
    text = desk.read("reana.yaml").replace('"toy_tasks": 2', '"toy_tasks": 0')
    desk.write("reana.yaml", text)
    assert "write a number." in program("validate", exits=3).stderr
