"""Workflows that a serial reana.yaml cannot express: tables, row edges, chunks.

The origins name a file that does not exist, and the tests do not read it. Each job writes its step and row into
``order.txt``, so that a real run shows the order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from reana_batch.diagnostics import Place
from reana_batch.ir import (
    Asked,
    Column,
    Command,
    Expansion,
    Need,
    Pattern,
    Repeated,
    RowMapping,
    Rows,
    Script,
    Server,
    Step,
    Table,
    Workflow,
)
from tests.steps import Numbers

IMAGE = "docker.io/library/debian:12-slim"


@dataclass(frozen=True)
class Scenario:
    """A workflow, and the settings of the site that it is compiled for."""

    workflow: Workflow
    settings: tuple[str, ...] = ()
    names_only: tuple[str, ...] = ("job.sub", "job.sbatch")  # as in golden_cases.Case


# For scenarios in which only the back end's own file matters.
_ALL_JOBS = ("job.sh", "job.sub", "job.sbatch", "command.1", "command.1.0", "command.1.2", "0")


def _place(line: int) -> Place:
    return Place("flow/reana.yaml", line)


def _table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Table:
    return Rows(columns, tuple(rows))


def numbers(count: int) -> Table:
    """Return the table of one column ``n`` with the numbers of its rows."""
    return Numbers(count)


def step(name: str, line: int, *needs: Need, rows: int | None = None) -> Step:
    """Return a step that records its name and row. Without ``rows`` it has no table."""
    number = "0" if rows is None else Column("n")
    return scripted(
        name, line, f"echo {name} ", number, " >>order.txt\n", table=numbers(rows) if rows else None, needs=needs
    )


def scripted(
    name: str, line: int, *parts: str | Column, table: Table | None = None, needs: tuple[Need, ...] = ()
) -> Step:
    table = table or Repeated()
    joined = ("".join(map(str, parts)),) if not table.columns else parts
    command = Command(joined, _place(line))
    return Step(name, name, _place(line), Script((command,)), table, needs, asked=Asked(IMAGE), group=line)


def flow(*steps: Step, outputs: tuple[str, ...] = ()) -> Workflow:
    return Workflow("flow", "serial", steps, output_files=outputs)


def each(name: str) -> Need:
    return Need(name, Pattern.EACH)


def scatter() -> Scenario:
    """One job, three jobs of a table with two columns, one job. All edges are ALL."""
    rows = [(channel, mass) for channel, mass in product(("ee", "mumu"), ("90", "125"))][:3]
    table = _table(("channel", "mass"), rows)
    fit = ("echo 'fit ", Column("channel"), "' --mass=", Column("mass"), " --again ", Column("channel"), " >>order.txt")
    steps = (
        step("prepare", 3),
        scripted("fit", 7, *fit, table=table, needs=(Need("prepare"),)),
        step("merge", 12, Need("fit")),
    )
    return Scenario(flow(*steps, outputs=("all fits.txt",)), names_only=())


ODD_CELLS = (
    *("", " two  blanks ", "tab\there", "two\nlines\n", "\\n stays", "\\", "a\x1fb", "\u00b5\u2192\u03bd", "\r", "\\0037"),
    *("$HOME $(id) `id`", "'single' \"double\"", "100% %s %d", "*?[a-z]", "#;&|<>", "-n", "=1", "\x01\x7f", "\\\\x"),
)  # fmt: skip


def cells() -> Scenario:
    """Cells that each layer could damage on their way into the command."""
    table = _table(("cell", "same"), [(cell, "x") for cell in ODD_CELLS])
    parts = ("cat <<'END'\n", Column("cell"), Column("same"), "\nEND\n")
    return Scenario(flow(scripted("cells", 5, *parts, table=table)))


def each_row() -> Scenario:
    """Row i waits for row i. The last job waits for all rows of both steps."""
    return Scenario(
        flow(
            step("generate", 2, rows=4),
            step("simulate", 3, each("generate"), rows=4),
            step("merge", 4, Need("simulate"), Need("generate")),
        )
    )


def each_row_chunked() -> Scenario:
    """Two rows a job: five rows are three jobs, on both sides of the edge."""
    return Scenario(
        flow(
            step("generate", 2, rows=5),
            step("simulate", 3, each("generate"), rows=5),
            step("merge", 4, Need("simulate")),
        ),
        ("rows_per_job=2",),
    )


def row_mapping() -> Scenario:
    """Rows that wait for two, one and no rows of the parent, and a second parent with ALL."""
    need = Need("part", RowMapping(((0, 1), (2,), ())))
    return Scenario(flow(step("part", 2, rows=3), step("setup", 3), step("pair", 4, Need("setup"), need, rows=3)))


def row_mapping_chunked() -> Scenario:
    """Chunks wait for the chunks that hold their rows' parents."""
    need = Need("part", RowMapping(tuple((2 * row, 2 * row + 1) for row in range(4))))
    return Scenario(flow(step("part", 2, rows=8), step("pair", 3, need, rows=4)), ("rows_per_job=3",))


def array_limit() -> Scenario:
    """Arrays longer than the cluster's MaxArraySize are cut: 7 rows are 3 + 3 + 1."""
    steps = (
        step("generate", 2, rows=7),
        step("simulate", 3, each("generate"), rows=7),
        step("merge", 4, Need("simulate")),
    )
    return Scenario(flow(*steps), ("slurm.max_array_size=3",), _ALL_JOBS)


def diamond() -> Scenario:
    """Two parallel branches, joined. Between them a step waits for one with EACH and for the other with ALL."""
    return Scenario(
        flow(
            step("top", 2),
            step("left", 3, Need("top"), rows=2),
            step("right", 4, Need("top"), rows=2),
            step("mixed", 5, each("left"), Need("right"), rows=2),
            step("bottom", 6, Need("left"), Need("right"), Need("mixed")),
        )
    )


def independent() -> Scenario:
    """Steps that do not wait."""
    return Scenario(flow(*(step(f"alone-{i}", i) for i in range(1, 4))), names_only=_ALL_JOBS)


def expansions() -> Scenario:
    """Two jobs that compile expansions, one of them after rows of a table. The workflow is itself an expansion."""
    files = Expansion("more", "more files", _place(4), "the files that split makes", ("split",), {"glob": "parts/*"})
    lines = Expansion("lines", "lines", _place(5), "the lines of log.txt", ("split", "count"))
    steps = (step("split", 2), step("count", 3, rows=3))
    expanding = replace(flow(*steps, outputs=("all.txt",)), expansions=(files, lines))
    return Scenario(replace(expanding, within=("outer",)), ("python=/opt/py thon/bin/python3",), ("job.sub", "0"))


def workspace_path() -> Scenario:
    """Commands with a mark for the path of the workspace: one for all rows, in cells, and around the user's commands."""
    mark = "$REANA_WORKSPACE"
    order = f"{mark}/order.txt"
    before, after = Command((f"mkdir -p {mark}/d",), _place(2)), Command((f"cp {order} d",), _place(2))
    table = _table(("n", "file"), [("0", order), ("1", "order.txt")])
    marked = (
        scripted("one", 2, f"echo 'one 0' >>{order}\n"),
        scripted("rows", 3, "echo rows ", Column("n"), " >>", Column("file"), table=table, needs=(Need("one"),)),
        step("plain", 4),
    )
    one, *others = (each._replace(action=each.action._replace(workspace=mark)) for each in marked)
    return Scenario(flow(one._replace(action=one.action._replace(before=before, after=after)), *others))


def server() -> Scenario:
    """Rows that a program runs, which the job starts. Their commands are requests to it."""
    request = ('{"n": ', Column("n"), "}")
    served = scripted("served", 2, *request, table=numbers(3))
    program = Server("toy.server", (("task.json", '{"kind": "toy"}\n'),))
    served = served._replace(action=served.action._replace(server=program))
    return Scenario(flow(served, step("after", 3, Need("served"))), ("python=/opt/python3", "rows_per_job=2"))


def joins() -> Scenario:
    """A step, rows of a table and another expansion that wait for expansions, in an expansion that is waited for.

    Jobs of two rows wait for single rows of the table. So these end as done in any case, and the expansion with them.
    """
    more = Expansion("more", "more files", _place(2), "the files that split makes", ("split",))
    lines = Expansion("lines", "lines", _place(3), "the lines of log.txt", ("more", "split"))
    steps = (
        step("split", 2),
        step("part", 4, Need("more"), rows=4),
        step("pair", 5, Need("part", RowMapping(((0, 1), (2, 3)))), rows=2),
        step("merge", 6, Need("lines"), Need("more"), Need("pair")),
    )
    joining = replace(flow(*steps, outputs=("all.txt",)), expansions=(more, lines), learned={"b": [1], "a": None})
    return Scenario(
        replace(joining, within=("outer",), awaited=True), ("python=/opt/python3", "rows_per_job=2"), _ALL_JOBS
    )


WORKFLOWS: dict[str, Callable[[], Scenario]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        *(scatter, cells, each_row, each_row_chunked, row_mapping, row_mapping_chunked),
        *(array_limit, diamond, independent, expansions, workspace_path, server, joins),
    )
}
