"""Every sample runs, passes its own Gherkin tests, and gives the same bytes when it runs again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Samples that need Rucio run in the box: tests/real/test_data.py.
SAMPLES = sorted({path.parent.name for path in (ROOT / "samples").glob("*/reana.yaml")} - {"published"})
REANA_BATCH = [sys.executable, "-m", "reana_batch"]
# Python would write its bytecode into the workspaces, and bytecode differs from run to run.
WITHOUT_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}


def reana_batch(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | WITHOUT_BYTECODE
    done = subprocess.run([*REANA_BATCH, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_sample_runs_and_fulfils_its_tests(sample: str, tmp_path: Path) -> None:
    reana_batch("samples", sample, cwd=tmp_path)
    for _ in range(2):
        reana_batch("run", "-f", f"{sample}/reana.yaml", "--runs", "runs", "-w", sample, cwd=tmp_path)
    tested = reana_batch("test", "--runs", "runs", "-w", f"{sample}.1", cwd=tmp_path)
    assert tested.stdout.splitlines()[-1].endswith(" passed, 0 failed")
    assert "SUCCESS: Scenario" in tested.stdout
    differences = reana_batch("diff", f"{sample}.1", f"{sample}.2", "--runs", "runs", cwd=tmp_path)
    assert differences.stderr == ""
    assert differences.stdout == "==> No differences in what is run.\n==> No differences in workspace.\n"
    compared = reana_batch("compare", f"{sample}.1", f"{sample}.2", "--runs", "runs", cwd=tmp_path)
    assert f"{sample}.1 (make) and {sample}.2 (make) are equal: " in compared.stdout


def test_there_are_seven_samples_that_run_anywhere() -> None:
    assert SAMPLES == ["channels", "diamond", "dimuon", "helloworld", "lifetime", "toys", "wordcount"]
