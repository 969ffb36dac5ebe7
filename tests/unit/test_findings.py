"""How doctor calls tools: one that is missing, one that fails, and one that does not answer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reana_batch import backends
from reana_batch.findings import Finding, output, told, tool
from reana_batch.lifecycle.doctor import examine
from reana_batch.site import Site

from .stand_ins import Tools, in_path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    monkeypatch.setattr("reana_batch.findings.TIMEOUT", 0.5)
    return in_path(tmp_path, monkeypatch)


def test_a_tool_that_answers(tools: Tools) -> None:
    tools(apptainer="echo warning >&2; echo apptainer 1.4; echo more")
    assert tool("apptainer", True, "cure", "apptainer") == Finding("apptainer", "ok", "apptainer 1.4")
    assert output("apptainer") == "apptainer 1.4\nmore"
    answer = told("apptainer")
    assert answer is not None
    assert answer.text == "apptainer 1.4\nmore\nwarning"


def test_a_tool_that_fails_or_is_missing(tools: Tools) -> None:
    tools(apptainer="echo no kernel support >&2; exit 1", silent="exit 1")
    assert tool("apptainer", True, "cure", "apptainer") == Finding("apptainer", "missing", "no kernel support", "cure")
    assert tool("it", False, "cure", "silent") == Finding("it", "absent", "it fails")
    assert tool("it", True, "cure", "/no/such/tool") == Finding("it", "missing", "not found", "cure")
    assert told("/no/such/tool") is None


def test_a_tool_that_does_not_answer_is_unknown_and_is_ended_with_its_children(tools: Tools, tmp_path: Path) -> None:
    late = tmp_path / "late"
    tools(hangs=f"(sleep 3; touch '{late}') & wait")
    assert tool("it", True, "cure", "hangs") == Finding("it", "unknown", "hangs did not answer within 0.5 s")
    assert output("hangs") is None
    time.sleep(3)
    assert not late.exists()


@pytest.mark.parametrize("backend", ["slurm", "htcondor", "make"])
def test_a_machine_on_which_every_tool_hangs_has_nothing_missing(tools: Tools, tmp_path: Path, backend: str) -> None:
    names = ("sbatch", "squeue", "scontrol", "condor_version", "condor_q", "apptainer", "klist", "quota", "make")
    tools(**dict.fromkeys(names, "exec sleep 20"))
    site = Site(backend=backend, container_runtime="apptainer")
    states = {each.subject: each.state for each in examine(site, tmp_path / "runs")}
    asked = ("GNU make", "Slurm tools", "HTCondor tools", "apptainer", "Kerberos ticket", "quota")
    assert {states[subject] for subject in asked} == {"unknown"}
    assert "missing" not in states.values(), states


@pytest.mark.parametrize("backend", backends.BACKENDS)
def test_tools_that_hang_after_they_have_said_their_version(tools: Tools, backend: str) -> None:
    tools(sbatch="[ $1 = --version ] && echo slurm 25.11 || exec sleep 20", condor_version="echo 25.6")
    tools(**dict.fromkeys(("scontrol", "sacctmgr", "condor_q", "condor_status", "condor_config_val"), "exec sleep 20"))
    found = {each.subject: each for each in backends.driver(backend).examine(Site(backend=backend), True)}
    for subject, program in (("slurmctld", "scontrol"), ("HTCondor schedd", "condor_q"), ("HTCondor pool", "")):
        if subject in found:
            assert found[subject].state == "unknown", found[subject]
            assert program in found[subject].note
