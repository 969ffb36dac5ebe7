"""Laws of workflows: what passes preserve, and what back ends write."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import networkx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reana_batch import backends, layout, pipeline
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.compilation import Compilation
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.facts import ENV, FILE, Secret
from reana_batch.ir import (
    Asked,
    Column,
    Command,
    Hint,
    Need,
    Pattern,
    Placed,
    Repeated,
    RowMapping,
    Script,
    Step,
    Table,
    Workflow,
    chunk_pattern,
    literal,
    parent_rows,
)
from reana_batch.lifecycle.creation import write_run
from reana_batch.names import encode
from reana_batch.passes import PASSES
from reana_batch.passes.context import Context
from reana_batch.secrets import Store
from reana_batch.site import CredentialSettings, Site
from reana_batch.writing import jobs
from reana_batch.writing.render import File
from tests.steps import Numbers

ORIGIN = Place("reana.yaml", 1)
LABELS = st.sampled_from(["fit", "a b", "größe", "-x", "PARENT", "all", "complete", "$HOME", "it's", "", "%", "~"])


def numbered(count: int) -> Table:
    return Numbers(count)


@st.composite
def needs(draw: st.DrawFn, parents: list[Step], count: int) -> tuple[Need, ...]:
    found = []
    for parent in parents:
        kinds = ["none", "all"] + ["mapping"] * (parent.table.count > 0) + ["each"] * (parent.table.count == count)
        kind = draw(st.sampled_from(kinds))
        if kind == "all":
            found.append(Need(parent.name))
        elif kind == "each":
            found.append(Need(parent.name, Pattern.EACH))
        elif kind == "mapping":
            some = st.sets(st.integers(0, parent.table.count - 1), max_size=3).map(sorted).map(tuple)
            rows = draw(st.tuples(*[some] * count))
            found.append(Need(parent.name, RowMapping(rows)))
    return tuple(found)


@st.composite
def workflows(draw: st.DrawFn, most_steps: int = 6, most_rows: int = 7) -> Workflow:
    """Return a workflow in which each command names its step and row."""
    steps: list[Step] = []
    for index in range(draw(st.integers(1, most_steps))):
        count = draw(st.just(1) | st.integers(0, most_rows))
        name = f"{encode(draw(LABELS))}.{index}"
        text = Command((f"{name} ", Column("n"), "\n"), ORIGIN) if count != 1 else literal(f"{name} 0\n", ORIGIN)
        steps.append(
            Step(
                name,
                name,
                ORIGIN,
                Script((text,)),
                table=numbered(count) if count != 1 else Repeated(),
                needs=draw(needs(steps, count)),
                group=draw(st.integers(0, 2)),
                asked=Asked(
                    hints={"htcondor_max_runtime": Hint(draw(st.sampled_from(["", "60", "workday"])), ORIGIN)},
                    environment=draw(st.sampled_from(["", "a/b:1"])),
                ),
                placed=Placed(duration=draw(st.none() | st.sampled_from([1.0, 200.0, 1000.0]))),
            )
        )
    return Workflow("w", "serial", tuple(steps), output_files=draw(st.sampled_from([(), ("a.txt",)])))


BACKENDS = st.sampled_from(sorted(backends.BACKENDS))
SITES = st.builds(
    Site,
    rows_per_job=st.sampled_from([1, 2, 3, 100, "auto"]),
    container_runtime=st.sampled_from(["none", "apptainer"]),
    systems=st.fixed_dictionaries({"slurm": st.builds(SlurmSettings, max_array_size=st.sampled_from([1, 2, 1001]))}),
)


def commands(workflow: Workflow) -> Counter[str]:
    """Return every script that will run, and how often."""
    return Counter(
        command.text(dict(zip(step.table.columns, row, strict=True)))
        for step in workflow.steps
        for row in step.table
        for command in step.action.commands
    )


def order(workflow: Workflow) -> set[tuple[str, str]]:
    """Return pairs of commands: the first must end before the second starts. Steps without rows have no pairs."""
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for step in workflow.steps:
        keys = [str(command.parts) for command in step.action.commands] or [step.name]
        graph.add_nodes_from(keys)
        networkx.add_path(graph, keys)
        graph.add_edges_from((str(workflow.step(need.step).action.commands[-1].parts), keys[0]) for need in step.needs)
    gone = {str(command.parts) for step in workflow.steps for command in step.action.commands if step.table.count == 0}
    return {pair for pair in networkx.transitive_closure(graph).edges if not gone & set(pair)}


@settings(max_examples=50)
@pytest.mark.parametrize("a_pass", PASSES, ids=lambda a_pass: a_pass.__name__)
@given(workflow=workflows(), backend=BACKENDS, site=SITES, fuse=st.booleans(), strict=st.booleans())
def test_every_pass_keeps_every_job_and_what_it_waits_for(
    a_pass: Callable[[Workflow, Context], Workflow],
    workflow: Workflow,
    backend: str,
    site: Site,
    fuse: bool,
    strict: bool,
) -> None:
    context = Context(backends.lowering(backend).TARGET, site, Diagnostics(), fuse=fuse, strict_outputs=strict)
    after = a_pass(workflow, context)
    assert commands(after) == commands(workflow)
    assert order(after) >= order(workflow)
    assert context.diagnostics.errors == []


def lowered(workflow: Workflow, backend: str, site: Site) -> Compilation:
    return pipeline.lower(workflow, site, backend, Diagnostics())


def texts(compilation: Compilation) -> list[tuple[str, str]]:
    def whole(file: File) -> str:
        return file.text if isinstance(file.text, str) else "".join(file.text)

    return [(file.path, whole(file)) for file in compilation.files()]


@given(workflows(), BACKENDS, SITES)
def test_compiling_twice_gives_identical_files(workflow: Workflow, backend: str, site: Site) -> None:
    compilation = lowered(workflow, backend, site)
    first = texts(compilation)
    assert texts(compilation) == first
    assert texts(lowered(workflow, backend, site)) == first
    assert len({path for path, _ in first}) == len(first)
    assert all(path.startswith("batch/") and ".." not in path.split("/") for path, _ in first)


# Credentials, hints and columns: a set or dictionary could lose their order.
HASHING = """
import hashlib, sys
from pathlib import Path
from reana_batch import pipeline
from reana_batch.diagnostics import Diagnostics
from tests.steps import Numbers
seen = hashlib.sha256()
for backend in ("make", "htcondor", "slurm"):
    options = pipeline.Options(backend=backend, ignore_unsupported=True, settings=("container_runtime=apptainer",))
    compilation = pipeline.compile_spec(Path(sys.argv[1]), options, Diagnostics())
    for file in compilation.files():
        seen.update(file.path.encode())
        for piece in (file.text,) if isinstance(file.text, str) else file.text:
            seen.update(piece.encode())
print(seen.hexdigest())
"""

ANALYSIS = """\
inputs: {parameters: {a: 1, b: 2, c: 3}}
workflow:
  type: serial
  resources: {cvmfs: [a.cern.ch, b.cern.ch], kerberos: true}
  specification:
    steps:
      - {name: one, environment: 'a/b:1', rucio: true, voms_proxy: true, commands: ['echo ${a}', 'echo ${b} ${c}']}
      - {name: two, environment: 'a/b:2', kubernetes_memory_limit: 1Gi, slurm_time: '10', commands: ['echo ${c}']}
"""


def test_files_do_not_depend_on_the_seed_of_hashes(tmp_path: Path) -> None:
    (tmp_path / "reana.yaml").write_text(ANALYSIS)
    kept = Store(tmp_path / CredentialSettings().secrets.removeprefix("~/"))
    for name in ("CERN_USER", "VONAME", "RUCIO_USERNAME", "VOMSPROXY_FILE", "CERN_KEYTAB"):
        kept.add(Secret(name, ENV), b"one")
    kept.add(Secret("one", FILE), b"two")
    script = [sys.executable, "-c", HASHING, str(tmp_path / "reana.yaml")]
    environments = [{"PYTHONHASHSEED": seed, "HOME": str(tmp_path)} for seed in ("0", "1", "2")]
    hashes = {subprocess.run(script, env=env, capture_output=True, check=True).stdout for env in environments}
    assert len(hashes) == 1


# --- edges between chunks -------------------------------------------------------------------------


def rows_waited_for(need: Need, row: int, parent: Step) -> tuple[int, ...]:
    return tuple(range(parent.table.count)) if need.pattern is Pattern.ALL else parent_rows(need, row)


def chunk_edges(workflow: Workflow) -> set[tuple[str, int, str, int]]:
    """Return the chunks (parent and child) of every pair of rows in which one waits for the other."""
    return {
        (parent.name, parent_row // parent.placed.chunk_size, child.name, row // child.placed.chunk_size)
        for child in workflow.steps
        for need in child.needs
        for parent in (workflow.step(need.step),)
        for row in range(child.table.count)
        for parent_row in rows_waited_for(need, row, parent)
    }


@given(workflows(), st.data())
def test_chunks_wait_for_the_chunks_of_their_rows_and_for_no_other(workflow: Workflow, data: st.DataObject) -> None:
    sizes = {step.name: data.draw(st.integers(1, max(1, step.table.count))) for step in workflow.steps}
    chunked = Workflow("w", "serial", tuple(step.with_placed(chunk_size=sizes[step.name]) for step in workflow.steps))
    edges = set()
    for child in chunked.steps:
        for need in child.needs:
            parent = chunked.step(need.step)
            pattern = chunk_pattern(need, child, parent)
            for chunk in range(child.chunks):
                if pattern is Pattern.ALL:
                    waited = tuple(range(parent.chunks))
                else:
                    waited = (chunk,) if isinstance(pattern, Pattern) else pattern(chunk)
                edges |= {(parent.name, other, child.name, chunk) for other in waited}
    assert edges == chunk_edges(chunked)


# --- what the back ends write ---------------------------------------------------------------------


def text_of(compilation: Compilation, name: str) -> str:
    return next(text for path, text in texts(compilation) if path == f"batch/{name}")


def all_chunks(workflow: Workflow) -> list[tuple[str, int]]:
    return [(step.name, chunk) for step in workflow.steps for chunk in range(step.chunks)]


@given(workflows(), SITES)
def test_dag_holds_every_chunk_once_and_every_edge(workflow: Workflow, site: Site) -> None:
    compilation = lowered(workflow, "htcondor", site)
    lines = [line.split() for line in text_of(compilation, "workflow.dag").splitlines()]
    nodes = [words[1] for words in lines if words and words[0] == "JOB" and words[-1] != "NOOP"]
    assert nodes == [f"{name}.{chunk}" for name, chunk in all_chunks(compilation.workflow)]
    variables = [words[1:3] for words in lines if words and words[0] == "VARS"]
    assert variables == [[f"{n}.{c}", f'chunk="{c}"'] for n, c in all_chunks(compilation.workflow)]
    edges = {
        (parent, child)
        for words in lines
        if words and words[0] == "PARENT"
        for parent in words[1 : words.index("CHILD", 1)]
        for child in words[words.index("CHILD", 1) + 1 :]
    }
    judged = {child: {a for a, b in edges if b == child} for _, child in edges if child.endswith(".verdict")}
    edges = {(a, b) for p, b in edges if b not in judged for a in judged.get(p, {p})}
    assert edges == {(f"{p}.{i}", f"{c}.{j}") for p, i, c, j in chunk_edges(compilation.workflow)}
    for step in compilation.workflow.steps:
        assert judged.get(f"{step.name}.verdict") in (None, {f"{step.name}.{chunk}" for chunk in range(step.chunks)})


@given(workflows(), SITES)
def test_slurm_gets_every_chunk_once_after_its_parents(workflow: Workflow, site: Site) -> None:
    compilation = lowered(workflow, "slurm", site)
    calls = [shlex.split(line) for line in text_of(compilation, "submit.sh").splitlines() if line.startswith("submit ")]
    chunks = {}
    for _, key, _, first, count, *_ in calls:
        chunks[key] = [(key.rpartition("/")[0], int(first) + index) for index in range(int(count))]
        assert len(chunks[key]) <= site.of(SlurmSettings).max_array_size
    assert [chunk for slice_ in chunks.values() for chunk in slice_] == all_chunks(compilation.workflow)
    edges = set()
    submitted: set[str] = set()
    for _, key, _, _, _, _, _, *dependencies in calls:
        for dependency in dependencies:
            kind, parent = dependency.split()
            assert parent in submitted
            pairs = (
                zip(chunks[parent], chunks[key], strict=True)
                if kind == "aftercorr"
                else ((p, c) for p in chunks[parent] for c in chunks[key])
            )
            edges |= {(*p, *c) for p, c in pairs}
        submitted.add(key)
    assert edges >= chunk_edges(compilation.workflow)


@settings(max_examples=50)
@given(workflows(), SITES)
def test_folders_that_jobs_write_into_are_made(workflow: Workflow, site: Site) -> None:
    compilation = lowered(workflow, "make", site)
    folder_of = jobs.folders(compilation.workflow)
    made = set(jobs.run_folders(compilation.workflow))
    for step in compilation.workflow.steps:
        for row in range(step.table.count):
            stem = f"{folder_of[step.name]}/{layout.row_stem(row, step.table.count)}"
            assert {f"{kind}/{stem}".rpartition("/")[0] for kind in ("state", "logs")} <= made


@settings(max_examples=50)
@given(workflows(), BACKENDS, SITES)
def test_manifest_knows_every_step(workflow: Workflow, backend: str, site: Site) -> None:
    compilation = lowered(workflow, backend, site)
    manifest = json.loads(text_of(compilation, "manifest.json"))
    expected = [(step.name, step.table.count, step.placed.chunk_size) for step in compilation.workflow.steps]
    assert [(s["name"], s["rows"], s["chunk_size"]) for s in manifest["steps"]] == expected


# --- make runs it --------------------------------------------------------------------------------


@settings(max_examples=10)
@given(workflows(most_steps=4, most_rows=4), st.sampled_from([1, 2, 3]))
def test_make_starts_no_row_before_the_rows_it_waits_for(workflow: Workflow, rows_per_job: int) -> None:
    noting = Workflow("w", "serial", tuple(map(_noting, workflow.steps)))
    compilation = lowered(noting, "make", Site(rows_per_job=rows_per_job))
    steps = compilation.workflow.steps
    with tempfile.TemporaryDirectory() as folder:
        write_run(compilation, Path(folder))
        subprocess.run(["make", "-j4", "-f", "batch/Makefile"], cwd=folder, check=True, capture_output=True)
        noted = Path(folder) / "workspace/events"
        events = noted.read_text().splitlines() if noted.exists() else []
    assert Counter(events) == Counter(
        f"{what} {step.name} {row}" for step in steps for row in range(step.table.count) for what in ("start", "end")
    )
    when = {event: number for number, event in enumerate(events)}
    for child in steps:
        for need in child.needs:
            parent = compilation.workflow.step(need.step)
            for row in range(child.table.count):
                for parent_row in rows_waited_for(need, row, parent):
                    assert when[f"end {parent.name} {parent_row}"] < when[f"start {child.name} {row}"]


def _noting(step: Step) -> Step:
    row: str | Column = Column("n") if step.table.columns else "0"
    parts = (f"echo 'start {step.name} '", row, f" >> events; echo 'end {step.name} '", row, " >> events\n")
    return step._replace(action=Script((Command(parts, ORIGIN),)))


# --- rows that fail -------------------------------------------------------------------------------

Row = tuple[str, int]


def without(failing: set[Row], workflow: Workflow) -> set[Row]:
    """Return the rows that succeed. A row fails if it is in ``failing`` or if a parent fails."""
    done: set[Row] = set()
    for step in workflow.steps:
        for row in range(step.table.count):
            parents = ((need, workflow.step(need.step)) for need in step.needs)
            waited = {(p.name, other) for need, p in parents for other in rows_waited_for(need, row, p)}
            if waited <= done and (step.name, row) not in failing:
                done.add((step.name, row))
    return done


def recorded(run: Path, workflow: Workflow, ending: str) -> set[Row]:
    return {
        (step.name, row)
        for step in workflow.steps
        for row in range(step.table.count)
        if (run / f"state/{step.name}/{row}.{ending}").exists()
    }


def _pairs() -> Workflow:
    """Return four rows, and two rows that wait for two of them each. No option of sbatch can express that."""
    first = Step("a", "a", ORIGIN, Script((literal("", ORIGIN),)), table=numbered(4))
    needs = (Need("a", RowMapping(((0, 1), (2, 3)))),)
    return Workflow("w", "serial", (first, first._replace(name="b", label="b", table=numbered(2), needs=needs)))


@settings(max_examples=25)
@given(
    workflows(most_steps=5, most_rows=4),
    st.sets(st.integers(0, 20), max_size=3),
    st.sampled_from([1, 2, 1001]),
    st.sampled_from([1, 2, 3]),
)
@example(_pairs(), {1}, 1001, 1)
@example(_pairs(), {1}, 1001, 2)
def test_the_rows_that_can_be_done_are_done_on_every_system(
    workflow: Workflow, unlucky: set[int], max_array_size: int, rows_per_job: int
) -> None:
    rows = [(step.name, row) for step in workflow.steps for row in range(step.table.count)]
    failing = {rows[number % len(rows)] for number in unlucky if rows}
    steps = tuple(_failing(step, {row for name, row in failing if name == step.name}) for step in workflow.steps)
    site = Site(systems={"slurm": SlurmSettings(max_array_size=max_array_size)}, rows_per_job=rows_per_job)
    for backend, start in (("make", _start_make), ("slurm", _start_slurm), ("htcondor", _start_dagman)):
        compilation = lowered(Workflow("w", "serial", steps), backend, site)
        expected = without(failing, compilation.workflow)
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder)
            write_run(compilation, run)
            well = start(run)
            assert well == (expected == set(rows)), backend
            assert recorded(run, compilation.workflow, "done") == expected, backend
            assert recorded(run, compilation.workflow, "failed") <= failing
            if backend == "slurm":  # so that no job waits for the record of a row that never starts
                skipped = recorded(run, compilation.workflow, "skipped")
                assert skipped == set(rows) - expected - recorded(run, compilation.workflow, "failed")


def _failing(step: Step, rows: set[int]) -> Step:
    row: str | Column = Column("n") if step.table.columns else "0"
    script = f'case " {" ".join(map(str, sorted(rows)))} " in *" $row "*) exit 3 ;; esac\n'
    return step._replace(action=Script((Command(("row=", row, "\n", script), ORIGIN),)))


def _start_make(run: Path) -> bool:
    """Run make and return whether it succeeded."""
    command = ["make", "-j4", "-f", "batch/Makefile"]
    return subprocess.run(command, cwd=run, check=False, capture_output=True).returncode == 0


def _start_slurm(run: Path) -> bool:
    """Run what submit.sh submits as Slurm would, and return whether all rows succeeded.

    The finaliser records the rows that can never start. Slurm has no exit code for the whole chain, so the records
    decide.
    """
    well: dict[str, list[bool]] = {}  # for each array, the elements that succeeded
    texts = (run / "batch/submit.sh").read_text().splitlines()
    for number, line in enumerate(each for each in texts if each.startswith("submit ")):
        _, key, folder, first, count, rows, size, *needs = shlex.split(line)
        with (run / "state/slurm.jobs").open("a") as journal:
            journal.write(f"{number} {key} {first} {folder} {rows} {size} -\n")
        well[key] = []
        for element in range(int(count)):
            starts = all(_is_fulfilled(need, element, well) for need in needs)
            ended_well = starts and _slurm_job(run, folder, int(first), element, int(count) > 1)
            well[key].append(ended_well)
            if not starts:
                _record_as_skipped(run, number, element)
    return not [*run.glob("state/*/*.failed"), *run.glob("state/*/*.skipped")]


def _start_dagman(run: Path) -> bool:
    """Run the DAG as DAGMan would, and return whether all nodes succeeded."""
    nodes: dict[str, list[str]] = {}
    scripts: dict[tuple[str, str], list[str]] = {}
    before: dict[str, set[str]] = {}
    for line in (run / "batch/workflow.dag").read_text().splitlines():
        match line.split():
            case ["JOB", name, file, *rest]:
                nodes[name] = [file, *rest]
            case ["SCRIPT", kind, name, *command]:
                scripts[kind, name] = command
            case ["PARENT", *words]:
                middle = words.index("CHILD", 1)
                for child in words[middle + 1 :]:
                    before.setdefault(child, set()).update(words[:middle])
    succeeded: set[str] = set()
    order: networkx.DiGraph[str] = networkx.DiGraph()
    order.add_nodes_from(nodes)
    order.add_edges_from((parent, child) for child, parents in before.items() for parent in parents)
    for name in networkx.topological_sort(order):
        if before.get(name, set()) <= succeeded and _dag_node(run, name, nodes[name], scripts):
            succeeded.add(name)
    return succeeded == set(nodes)


def _dag_node(run: Path, name: str, job: list[str], scripts: dict[tuple[str, str], list[str]]) -> bool:
    pre, post = scripts.get(("PRE", name)), scripts.get(("POST", name))
    if pre and _run(run, pre) != 0:
        return False
    chunk = name.rpartition(".")[2]
    script = f"{job[0].removesuffix('.sub')}.sh"
    code = 0 if "NOOP" in job else _run(run, ["/bin/bash", script, chunk])
    return _run(run, [_MACROS.get(word, word).format(code) for word in post]) == 0 if post else code == 0


_MACROS = {"$RETURN": "{}", "$RETRY": "0", "$MAX_RETRIES": "0"}


def _run(run: Path, command: list[str]) -> int:
    environment = ["env", "-i", "REANA_BATCH_PATIENCE=0"]
    return subprocess.run([*environment, *command], cwd=run, check=False, capture_output=True).returncode


def _is_fulfilled(need: str, element: int, well: dict[str, list[bool]]) -> bool:
    kind, parent = need.split()
    if kind == "aftercorr":
        return well[parent][element]
    return kind == "afterany" or all(well[parent])


def _slurm_job(run: Path, folder: str, first: int, element: int, in_array: bool) -> bool:
    array = [f"SLURM_ARRAY_TASK_ID={element}", "SLURM_ARRAY_JOB_ID=7"] if in_array else []
    command = ["env", "-i", "REANA_BATCH_PATIENCE=0", "SLURM_JOB_ID=8", *array, "/bin/bash"]
    script = f"batch/steps/{folder}/job.sbatch"
    return subprocess.run([*command, script, str(first)], cwd=run, check=False, capture_output=True).returncode == 0


def _record_as_skipped(run: Path, job: int, element: int) -> None:
    script = f". batch/submit-lib.sh; record_skipped parent '{job}_[{element}]'"
    subprocess.run(["bash", "-c", script], cwd=run, check=True, capture_output=True)
