"""Which site is used if the command line does not name one, and what run does on a machine with a batch system."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from reana_batch.backends import known_settings
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import Diagnostics
from reana_batch.reading import sites
from tests import python_lines
from tests.terminals import all_of

SPEC = """workflow:
  type: serial
  specification:
    steps:
      - name: fit
        environment: docker.io/library/debian:12
        commands: [echo done > out.txt]
outputs: {files: [out.txt]}
"""


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user on a login node with both batch systems. The tests must not call them."""
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    for tool in ("sbatch", "condor_submit_dag"):
        (tmp_path / "bin" / tool).write_text("#!/bin/sh\necho called >&2; exit 1\n")
        (tmp_path / "bin" / tool).chmod(0o755)
    (tmp_path / "reana.yaml").write_text(SPEC)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path / "home"), "REANA_BATCH_RUNS": "runs", "LC_ALL": "C.UTF-8"} | dict(
        python_lines.variables()
    )


def reana_batch(machine: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reana_batch", *words]
    return subprocess.run(
        command, cwd=folder, env=machine, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def test_run_asks_for_a_site_and_starts_nothing(machine: dict[str, str], tmp_path: Path) -> None:
    done = reana_batch(machine, tmp_path, "run")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: This machine submits to HTCondor and Slurm, and nothing says which site to use. [no-site]\n"
        "hint: name it once: --site NAME (local runs here, with make); to keep it: REANA_BATCH_SITE=NAME, or site: NAME"
        " in .reana-batch.yaml next to the analysis or in your home; see reana-batch sites.\n"
        "==> ERROR: 1 fault.\n"
    )
    assert not (tmp_path / "runs").exists()
    assert reana_batch(machine, tmp_path, "validate").returncode == 0


CHOICES = {
    "--site": ("--site", "local"),
    "--backend": ("--backend", "make"),
    "--set": ("--set", "backend=make"),
}


@pytest.mark.parametrize("words", CHOICES.values(), ids=CHOICES)
def test_run_goes_by_the_command_line(words: tuple[str, ...], machine: dict[str, str], tmp_path: Path) -> None:
    done = reana_batch(machine, tmp_path, "run", *words)
    assert "==> SUCCESS: workflow.1 has finished." in done.stdout


KEPT = {
    "REANA_BATCH_SITE": ("", ""),
    "~/.reana-batch.yaml": ("home/.reana-batch.yaml", "site: local\n"),
    ".reana-batch.yaml": (".reana-batch.yaml", "site: local\n"),
}


@pytest.mark.parametrize("where", KEPT)
def test_a_kept_choice_is_used_and_shown(where: str, machine: dict[str, str], tmp_path: Path) -> None:
    name, text = KEPT[where]
    if name:
        (tmp_path / name).write_text(text)
    else:
        machine |= {where: "local"}
    assert "==> SUCCESS: workflow.1 has finished." in reana_batch(machine, tmp_path, "run").stdout
    assert f"==> Site local, by {where}\n" in reana_batch(machine, tmp_path, "config").stderr
    assert json.loads(reana_batch(machine, tmp_path, "doctor", "--json").stdout)["chosen_by"] == where


@pytest.mark.parametrize("keeps", [True, False])
def test_at_a_terminal_the_choice_is_asked_for_and_kept_if_wanted(
    keeps: bool, machine: dict[str, str], tmp_path: Path
) -> None:
    outer, inner = pty.openpty()
    command = [sys.executable, "-m", "reana_batch", "run"]
    with subprocess.Popen(command, cwd=tmp_path, env=machine, stdin=inner, stdout=inner, stderr=inner) as process:
        os.close(inner)
        os.write(outer, b"local\ny\n" if keeps else b"local\nn\n")
        said = all_of(outer)
    os.close(outer)
    assert process.returncode == 0, said.decode()
    assert b"This machine submits to HTCondor and Slurm" in said
    if not keeps:
        assert not (tmp_path / "home/.reana-batch.yaml").exists()
        return
    assert (tmp_path / "home/.reana-batch.yaml").read_text() == "site: local\n"
    assert "==> SUCCESS: workflow.2 has finished." in reana_batch(machine, tmp_path, "run").stdout


def test_the_nearer_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "SYSTEM", tmp_path / "etc")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for folder in ("etc", "home", "project"):
        (tmp_path / folder).mkdir()
    (tmp_path / "etc/sites.yaml").write_text("cluster: {extends: generic-slurm, slurm: {partition: day, qos: low}}\n")
    (tmp_path / "etc/config.yaml").write_text("site: cluster\nslurm: {account: all, max_array_size: 7}\n")

    def resolved() -> sites.ResolvedSite:
        return sites.resolve(None, (), tmp_path / "project", Diagnostics(), {}, known=known_settings())

    assert resolved().site.of(SlurmSettings).partition == "day"
    assert resolved().chosen_by == str(tmp_path / "etc/config.yaml")
    (tmp_path / "home/.reana-batch.yaml").write_text("slurm: {account: mine, qos: high}\n")
    (tmp_path / "project/.reana-batch.yaml").write_text("site: generic-htcondor\nslurm: {qos: top}\n")
    found = resolved()
    assert (found.site.name, found.chosen_by) == ("generic-htcondor", ".reana-batch.yaml")
    settings = found.site.of(SlurmSettings)
    assert (settings.account, settings.qos, settings.max_array_size) == ("mine", "top", 7)
    assert found.origins["slurm.account"] == "~/.reana-batch.yaml"
    assert found.origins["slurm.max_array_size"] == str(tmp_path / "etc/config.yaml")
