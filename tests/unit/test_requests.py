"""What jobs ask for, changed in the files that a run has already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reana_batch.backends.htcondor import requests as htcondor
from reana_batch.backends.slurm import requests as slurm
from reana_batch.diagnostics import Refused
from reana_batch.lifecycle.requests import cure, read_settings
from reana_batch.run.failures import failures
from reana_batch.run.parts import Run
from reana_batch.writing.directives import with_fact

SBATCH = "#!/bin/bash\n# reana.yaml:5\n#SBATCH --mem=100M\n#SBATCH --nice=5\n[[ $PWD ]]\n"


def test_sbatch_scripts_keep_what_was_changed_by_hand() -> None:
    changed = slurm.with_requests(SBATCH, {"memory": 2**30 + 1, "runtime": 61, "slurm.partition": "long"})
    assert changed == SBATCH.replace("--mem=100M", "--mem=1025M").replace(
        "[[", "#SBATCH --time=2\n#SBATCH --partition=long\n[["
    )
    assert slurm.queued({"memory": 2**30, "runtime": 60}) == ["MinMemoryNode=1024", "TimeLimit=1"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('MY.JobFlavour = "espresso"\n', "MY.MaxRuntime = 60\n"),
        ("MY.MaxRuntime = 5\n", "MY.MaxRuntime = 60\n"),
        ("periodic_remove = true\n", f"periodic_remove = {htcondor.time_limit(60)}\n"),
        ("", f"MY.MaxRuntime = 60\nperiodic_remove = {htcondor.time_limit(60)}\n"),
    ],
)
def test_submit_files_have_the_limit_of_their_pool(before: str, after: str) -> None:
    assert htcondor.with_requests(f"{before}queue\n", {"runtime": 60}) == f"{after}queue\n"


def test_submit_files_have_other_requests() -> None:
    asked: dict[str, int | str] = {"memory": 2**30, "htcondor.accounting_group": "g"}
    assert htcondor.with_requests("request_memory = 5 MB\nqueue\n", asked) == (
        "request_memory = 1024 MB\naccounting_group = g\nqueue\n"
    )
    assert htcondor.attributes({**asked, "runtime": 60}) == {
        "RequestMemory": "1024",
        "MaxRuntime": "60",
        "PeriodicRemove": htcondor.time_limit(60),
    }


def test_a_fact_of_a_job_script_is_its_last_line_of_this_form() -> None:
    script = "outputs=('a\nlimit=1')\nlimit=2\nlife=3\n"
    assert with_fact(script, "limit", 7) == script.replace("limit=2", "limit=7")
    assert with_fact(script, "other", 7) == script


def test_settings_are_checked() -> None:
    assert read_settings(["slurm.qos=long"]) == {"slurm.qos": "long"}
    with pytest.raises(Refused, match="there is no setting"):
        read_settings(["slurm.qoss=long"])


GIB = 1024**3


@pytest.mark.parametrize(
    ("record", "asks", "limits", "words"),
    [
        ("reason=signal\ndetail=its memory limit\n", {}, {}, "--memory 4Gi"),
        ("reason=signal\ndetail=its memory limit\n", {"memory": 3 * GIB // 4}, {}, "--memory 1536Mi"),
        ("reason=command\nexit_code=137\n", {"memory": 2 * GIB}, {"memory": 3 * GIB}, "--memory 3Gi"),
        ("reason=command\nexit_code=137\n", {"memory": 2 * GIB}, {"memory": 2 * GIB}, ""),
        ("reason=signal\ndetail=its time limit\n", {}, {}, "--runtime 8h"),
        ("reason=timeout\ndetail=after 90 s\n", {"runtime": 90}, {}, "--runtime 3m"),
        ("reason=timeout\ndetail=after 90 s\n", {"runtime": 90}, {"runtime": 490}, "--runtime 122s"),
        ("reason=command\nexit_code=7\n", {}, {}, ""),
    ],
)
def test_the_cure_is_twice_as_much_or_what_the_site_allows(
    record: str, asks: dict[str, int], limits: dict[str, int], words: str, tmp_path: Path
) -> None:
    step = {"name": "fit", "label": "f", "folder": "fit", "origin": "r:1", "rows": 2, "chunk_size": 2, "commands": 2}
    outputs: dict[str, list[str]] = {"files": [], "directories": []}
    manifest = {"backend": "slurm", "outputs": outputs, "limits": limits, "steps": [step | {"asks": asks}]}
    for path, text in {"batch/manifest.json": json.dumps(manifest), "state/fit/0.failed": record}.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    run = Run(tmp_path)
    command = f"reana-batch resume -w {tmp_path} --step fit {words}" if words else ""
    assert cure(run, failures(run)) == command
