"""Laws of jobs: compiled jobs run with the real bash and make."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reana_batch import pipeline
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Column, Command, Rows, Script, Step, Workflow
from reana_batch.lifecycle.creation import write_run
from reana_batch.site import Site

ORIGIN = Place("reana.yaml", 1)
BACKENDS = ("make", "htcondor", "slurm")

# --- compiling, and starting jobs as each system does ---------------------------------------------


@contextmanager
def compiled(workflow: Workflow, backend: str, rows_per_job: int) -> Iterator[tuple[Path, Workflow]]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        compilation = pipeline.lower(workflow, Site(rows_per_job=rows_per_job), backend, Diagnostics())
        write_run(compilation, run)
        yield run, compilation.workflow


def start_all(run: Path, workflow: Workflow, backend: str, variables: tuple[str, ...] = ()) -> list[int]:
    """Run every job of a workflow without edges, and return the exit codes: make's own, or one per job.

    Jobs of HTCondor and Slurm get only the given variables. Make passes its own environment to its jobs.
    """
    if backend == "make":
        return [ended(["make", "-j2", "-f", "batch/Makefile"], run)]
    jobs = ((step, chunk) for step in workflow.steps for chunk in range(step.chunks))
    if backend == "htcondor":
        return [condor_job(run, step, chunk, variables) for step, chunk in jobs]
    return [slurm_job(run, step, chunk, variables) for step, chunk in jobs]


def condor_job(run: Path, step: Step, chunk: int, variables: tuple[str, ...]) -> int:
    return ended(["env", "-i", *variables, "/bin/bash", f"batch/steps/{step.name}/job.sh", str(chunk)], run)


def slurm_job(run: Path, step: Step, chunk: int, variables: tuple[str, ...]) -> int:
    """Run a job from a copy of its script, as slurmd does. The elements of an array differ only in their index."""
    script = str(shutil.copy(run / f"batch/steps/{step.name}/job.sbatch", run.parent / "slurm_script"))
    array = [f"SLURM_ARRAY_TASK_ID={chunk}", "SLURM_ARRAY_JOB_ID=7"] if step.chunks > 1 else []
    return ended(["env", "-i", *variables, "SLURM_JOB_ID=8", *array, "/bin/bash", script, "0"], run)


def ended(command: list[str], run: Path) -> int:
    return subprocess.run(command, cwd=run, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode


# --- scripts arrive to the last byte --------------------------------------------------------------

CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
NASTY = (
    "'",
    '"',
    "$",
    "${x}",
    "$(x)",
    "`",
    "\\",
    "\\\\",
    "\\n",
    "\\0037",
    "\\c",
    "\\x41",
    "%",
    "%s",
    "%%",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "\x1f",
    "\x1e",
    "\x01",
    "\x7f",
    "é",
    "日本",
    "😀",
    "=0",
    "#",
    "!",
    "*",
    "~",
    "EOF\n",
    ")",
    "}",
    "fi",
)
TEXTS = st.lists(st.sampled_from(NASTY) | st.text(CHARACTERS, max_size=10), max_size=8).map("".join)
COLUMNS = ("a", "b", "c")


def showing(name: str | Column) -> tuple[str | Column, ...]:
    """Return the start of a script that copies all of itself and then exits."""
    return ('cat -- "$0" >"$REANA_WORKSPACE/seen.', name, '"; exit\n')


@dataclass(frozen=True)
class Scripts:
    """Literal commands, and one command whose placeholders are filled from a table."""

    literals: tuple[str, ...]
    parts: tuple[str | Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def workflow(self) -> Workflow:
        table = Rows(("id", *COLUMNS), tuple((str(n), *row) for n, row in enumerate(self.rows)))
        filled = Step("t", "t", ORIGIN, Script((Command((*showing(Column("id")), *self.parts), ORIGIN),)), table=table)
        literal = (
            Step(name, name, ORIGIN, Script((Command((*showing(name), text), ORIGIN),)))
            for name, text in ((f"literal{n}", text) for n, text in enumerate(self.literals))
        )
        return Workflow("w", "serial", (filled, *literal))

    def expected(self) -> dict[str, str]:
        """Return the whole script of each job."""
        found = {f"literal{n}": text for n, text in enumerate(self.literals)}
        for number, row in enumerate(self.rows):
            cells = dict(zip(COLUMNS, row, strict=True))
            found[str(number)] = Command(self.parts, ORIGIN).text(cells)
        return {name: "".join(map(str, showing(name))) + text for name, text in found.items()}


HOLES = st.sampled_from(COLUMNS).map(Column)
SCRIPTS = st.builds(
    Scripts,
    literals=st.lists(TEXTS, max_size=2).map(tuple),
    parts=st.lists(TEXTS | HOLES, max_size=6).map(tuple),
    rows=st.lists(st.tuples(*[TEXTS] * len(COLUMNS)), min_size=1, max_size=4).map(tuple),
)


@settings(max_examples=25)
@given(SCRIPTS, st.integers(1, 3), st.sampled_from([(), ("LC_ALL=C.UTF-8",)]))
def test_bash_gets_every_script_to_the_last_byte_on_every_system(
    scripts: Scripts, rows_per_job: int, variables: tuple[str, ...]
) -> None:
    expected = {f"seen.{name}": text.encode() for name, text in scripts.expected().items()}
    for backend in BACKENDS:
        with compiled(scripts.workflow(), backend, rows_per_job) as (run, workflow):
            assert set(start_all(run, workflow, backend, variables)) == {0}, backend
            seen = {path.name: path.read_bytes() for path in (run / "workspace").iterdir()}
        assert seen == expected, backend


# --- rows, records and logs -----------------------------------------------------------------------


@settings(max_examples=20)
@given(
    count=st.integers(1, 9),
    rows_per_job=st.integers(1, 5),
    failing=st.dictionaries(st.integers(0, 8), st.sampled_from([1, 7, 255])),
    backend=st.sampled_from(BACKENDS),
)
def test_chunking_runs_every_row_once_with_its_own_record_and_log(
    count: int, rows_per_job: int, failing: dict[int, int], backend: str
) -> None:
    codes = {row: failing.get(row, 0) for row in range(count)}
    table = Rows(("row", "code"), tuple((str(row), str(code)) for row, code in codes.items()))
    row, code = Column("row"), Column("code")
    parts = ("echo ", row, " >>ran; echo out ", row, "; echo err ", row, " >&2; exit ", code, "\n")
    fit = Step("fit", "fit", ORIGIN, Script((Command(parts, ORIGIN),)), table=table)
    with compiled(Workflow("w", "serial", (fit,)), backend, rows_per_job) as (run, workflow):
        ends = start_all(run, workflow, backend)
        ran = (run / "workspace/ran").read_text().split()
        records = {path.name for path in (run / "state/fit").iterdir() if path.suffix in {".done", ".failed"}}
        logs = [((run / f"logs/fit/{n}.out").read_text(), (run / f"logs/fit/{n}.err").read_text()) for n in codes]
    assert sorted(ran) == sorted(map(str, codes))
    assert records == {f"{number}.{'failed' if code else 'done'}" for number, code in codes.items()}
    assert logs == [(f"out {number}\n", f"err {number}\n") for number in codes]
    if backend == "make":
        assert ends == [2 if any(codes.values()) else 0]
    else:
        # A job exits with the code of its first row that failed.
        chunks = [list(codes.values())[n : n + rows_per_job] for n in range(0, count, rows_per_job)]
        assert ends == [next((code for code in chunk if code), 0) for chunk in chunks]
