"""Large workflows: the places of their files, not their contents."""

from __future__ import annotations

from collections import Counter

import pytest

from reana_batch import pipeline
from reana_batch.backends import BACKENDS, known_settings
from reana_batch.diagnostics import Diagnostics
from reana_batch.ir import Need, Workflow
from reana_batch.reading import sites
from reana_batch.writing import jobs

from .workflows import each, flow, step

# AFS fails beyond 16,000 entries in a directory, and is slow long before.
MOST_ENTRIES = 1000


def _files(workflow: Workflow, backend: str) -> dict[str, str]:
    diagnostics = Diagnostics()
    site = sites.resolve(
        f"generic-{backend}" if backend != "make" else "local", (), None, diagnostics, {}, known=known_settings()
    ).site
    compilation = pipeline.lower(workflow, site, backend, diagnostics)
    return {file.path: file.text if isinstance(file.text, str) else "".join(file.text) for file in compilation.files()}


def _largest_directory(paths: list[str]) -> int:
    """Return the number of entries, files and folders, in the largest directory."""
    known = {path.rsplit("/", depth)[0] for path in paths for depth in range(path.count("/") + 1)}
    return max(Counter(path.rpartition("/")[0] for path in known).values())


def chain(length: int) -> Workflow:
    return flow(step("s0", 1), *(step(f"s{n}", n + 1, Need(f"s{n - 1}")) for n in range(1, length)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_250_steps_lie_flat_and_one_more_does_not(backend: str) -> None:
    flat, deep = _files(chain(250), backend), _files(chain(251), backend)
    assert "batch/steps/s249/job.sh" in flat
    assert {"batch/steps/0/s249/job.sh", "batch/steps/1/s250/job.sh"} <= deep.keys()
    assert "needs=('all 1 0/s249')\n" in deep["batch/steps/1/s250/job.sh"]
    assert "folder=1/s250\n" in deep["batch/steps/1/s250/job.sh"].replace("'", "")
    own_file = {"make": "Makefile", "htcondor": "workflow.dag", "slurm": "submit.sh"}[backend]
    assert "1/s250" in deep[f"batch/{own_file}"]
    folders = list(jobs.run_folders(chain(2001)))
    assert {"logs/7/s1999", "state/8/s2000"} <= set(folders)
    assert _largest_directory([*deep, *folders]) <= MOST_ENTRIES


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_rows_are_spread_over_folders_and_tables(backend: str) -> None:
    rows = 300_000
    workflow = flow(step("generate", 1, rows=rows), step("simulate", 2, each("generate"), rows=rows))
    folders = list(jobs.run_folders(workflow))
    assert {"logs/generate/0/0", "state/simulate/1/1199"} <= set(folders)
    assert (
        _largest_directory([*folders, *(f"logs/generate/1/1199/{row}.out" for row in range(299_750, rows))])
        <= MOST_ENTRIES
    )
    files = _files(flow(*(step(name, 1, rows=10_001) for name in ("a", "b"))), backend)
    assert files["batch/steps/a/rows/0"].count("\n") == 10_000
    assert files["batch/steps/b/rows/1"] == "10000\x1f\n"
