"""Workflows that reana.yaml cannot say yet in a serial specification: tables, row edges, chunks.

The origins point into a file that does not exist; nothing reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from reana_batch.diagnostics import Place
from reana_batch.ir import Column, Command, Need, Pattern, RowMapping, Step, Table, Workflow

IMAGE = "docker.io/library/debian:12-slim"


@dataclass(frozen=True)
class Scenario:
    """A workflow, and the settings of the site that it is compiled for."""

    workflow: Workflow
    settings: tuple[str, ...] = ()
    names_only: tuple[str, ...] = ("job.sub", "job.sbatch")  # as in golden_cases.Case


def _place(line: int) -> Place:
    return Place("flow/reana.yaml", line)


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    return Table(columns, len(rows), lambda: iter(rows))


def _numbers(count: int) -> Table:
    def rows() -> Iterator[tuple[str, ...]]:
        return ((str(number),) for number in range(count))

    return Table(("n",), count, rows)


def _step(name: str, line: int, *parts: str | Column, table: Table | None = None, needs: tuple[Need, ...] = ()) -> Step:
    commands = (Command(parts, _place(line)),)
    return Step(
        name, name, _place(line), commands, environment=IMAGE, needs=needs, table=table or Table(), group=line
    )


def _flow(*steps: Step, outputs: tuple[str, ...] = ()) -> Workflow:
    return Workflow("flow", "serial", steps, output_files=outputs)


N = Column("n")

# For cases of which only the back end's own file is of interest.
_ALL_JOBS = ("job.sh", "job.sub", "job.sbatch", "command.1", "command.1.0", "0")


def scatter() -> Scenario:
    """One job, three jobs of a table with two columns, one job: all by ALL edges."""
    rows = [(channel, mass) for channel, mass in product(("ee", "mumu"), ("90", "125"))][:3]
    table = _table(("channel", "mass"), rows)
    fit = ("./fit --channel '", Column("channel"), "' --mass=", Column("mass"), " --again ", Column("channel"))
    return Scenario(
        _flow(
            _step("prepare", 3, "mkdir -p fits"),
            _step("fit", 7, *fit, table=table, needs=(Need("prepare"),)),
            _step("merge", 12, "cat fits/*", needs=(Need("fit"),)),
            outputs=("all fits.txt",),
        ),
        names_only=(),
    )


def cells() -> Scenario:
    """Cells that each layer could spoil on their way into the command."""
    odd = ["", " two  blanks ", "tab\there", "two\nlines\n", "\\n stays", "\\", "a\x1fb", "\u00b5\u2192\u03bd"]
    odd += ["$HOME $(id) `id`", "'single' \"double\"", "100% %s %d", "*?[a-z]", "#;&|<>", "\r", "-n", "=1"]
    table = _table(("cell", "same"), [(cell, "x") for cell in odd])
    return Scenario(_flow(_step("cells", 5, Column("cell"), Column("same"), "\n", Column("cell"), table=table)))


def each() -> Scenario:
    """Row i follows row i, twice; then all of them."""
    return Scenario(
        _flow(
            _step("generate", 2, "gen ", N, table=_numbers(4)),
            _step("simulate", 3, "sim ", N, table=_numbers(4), needs=(Need("generate", Pattern.EACH),)),
            _step("merge", 4, "merge", needs=(Need("simulate"), Need("generate"))),
        )
    )


def each_chunked() -> Scenario:
    """Two rows a job: five rows are three jobs, on both sides of the edge."""
    return Scenario(each_of_five(), ("rows_per_job=2",))


def each_of_five() -> Workflow:
    return _flow(
        _step("generate", 2, "gen ", N, table=_numbers(5)),
        _step("simulate", 3, "sim ", N, table=_numbers(5), needs=(Need("generate", Pattern.EACH),)),
        _step("merge", 4, "merge", needs=(Need("simulate"),)),
    )


def row_mapping() -> Scenario:
    """Rows that wait for two, one and no rows of the parent, and a second parent by ALL."""
    parents = {0: (0, 1), 1: (2,), 2: ()}
    need = Need("part", RowMapping(lambda row: parents[row]))
    return Scenario(
        _flow(
            _step("part", 2, "part ", N, table=_numbers(3)),
            _step("setup", 3, "setup"),
            _step("pair", 4, "pair ", N, table=_numbers(3), needs=(Need("setup"), need)),
        )
    )


def row_mapping_chunked() -> Scenario:
    """Chunks wait for the chunks that hold their rows' parents."""
    need = Need("part", RowMapping(lambda row: (2 * row, 2 * row + 1)))
    return Scenario(
        _flow(
            _step("part", 2, "part ", N, table=_numbers(8)),
            _step("pair", 3, "pair ", N, table=_numbers(4), needs=(need,)),
        ),
        ("rows_per_job=3",),
    )


def array_limit() -> Scenario:
    """Arrays longer than the cluster's MaxArraySize are cut: 7 rows are 3 + 3 + 1."""
    return Scenario(
        _flow(
            _step("generate", 2, "gen ", N, table=_numbers(7)),
            _step("simulate", 3, "sim ", N, table=_numbers(7), needs=(Need("generate", Pattern.EACH),)),
            _step("merge", 4, "merge", needs=(Need("simulate"),)),
        ),
        ("slurm.max_array_size=3",),
        _ALL_JOBS,
    )


def diamond() -> Scenario:
    """Two branches at once, joined; each pair of parents on one side."""
    both = (Need("left"), Need("right"))
    return Scenario(
        _flow(
            _step("top", 2, "top"),
            _step("left", 3, "left ", N, table=_numbers(2), needs=(Need("top"),)),
            _step("right", 4, "right ", N, table=_numbers(2), needs=(Need("top"),)),
            _step("mixed", 5, "mixed ", N, table=_numbers(2), needs=(Need("left", Pattern.EACH), Need("right"))),
            _step("bottom", 6, "bottom", needs=both),
        )
    )


def independent() -> Scenario:
    """Steps that wait for nothing: all are held and released together."""
    return Scenario(_flow(*(_step(f"alone-{i}", i, f"echo {i}") for i in range(1, 4))), names_only=_ALL_JOBS)


WORKFLOWS: dict[str, Callable[[], Scenario]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        scatter, cells, each, each_chunked, row_mapping, row_mapping_chunked, array_limit, diamond, independent,
    )
}  # fmt: skip
