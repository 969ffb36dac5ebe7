"""Reuse of single rows: tables, the patterns between them, and outputs that are gone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from reana_batch.ir import Column, Need, Pattern, RowMapping, Rows, Step
from reana_batch.lifecycle import planning, reuse
from reana_batch.lifecycle.comparison import Circumstances, Plan, compare
from reana_batch.run.parts import Run
from reana_batch.run.records import DONE
from reana_batch.run.run_json import note
from tests.growth import grows_with_its_input, instructions

from . import flows

RAN = "echo {name} {row} >> ../../ran.txt"


def fits(*samples: str, text: str = "echo {row} > {row}.fit") -> Step:
    """Return a step that fits each sample."""
    table = Rows(("row", "output"), tuple((sample, f"{sample}.fit") for sample in samples))
    done = f"{text} && {RAN.replace('{name}', 'fit')}"
    return flows.scatter("fit", done, table=table, outputs=(Column("output"),))


def plots(*samples: str) -> Step:
    """Return a step that plots each fit."""
    table = Rows(("row",), tuple((sample,) for sample in samples))
    needs = (Need("fit", Pattern.EACH),)
    return flows.scatter("plot", RAN.replace("{name}", "plot"), table=table, needs=needs)


def pairs(*rows: tuple[str, tuple[int, ...]]) -> Step:
    """Return a step whose rows wait for some fits each."""
    table = Rows(("row",), tuple((name,) for name, _ in rows))
    needs = (Need("fit", RowMapping(tuple(parents for _, parents in rows))),)
    return flows.scatter("pair", RAN.replace("{name}", "pair"), table=table, needs=needs)


def merge(parent: str = "fit") -> Step:
    return flows.scatter("merge", "echo merge >> ../../ran.txt", needs=(Need(parent),))


BEFORE = (fits("a", "b", "c"), plots("a", "b", "c"), pairs(("ab", (0, 1)), ("bc", (1, 2))), merge())


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of tables, whose jobs add their names to ran.txt."""
    directory = tmp_path / "flow.1"
    flows.write_run(directory, *BEFORE)
    assert flows.make(directory) == 0
    note(directory, created=1, submitted=1, ids=[])
    (tmp_path / "ran.txt").unlink()
    return directory


def restarted(run: Path, *steps: Step) -> tuple[set[str], Plan]:
    """Restart the run with these steps, and return what has run. Check that it is what the plan says."""
    compilation = flows.compiled(*steps)
    plan = planning.planned(Run(run), compilation)
    new, made, code = reuse.restart(run, compilation, lambda new: flows.make(new.directory))
    assert (code, made) == (0, plan)
    assert Run(new).is_complete(Run(new).progress())
    ran = run.parent / "ran.txt"
    found = set(ran.read_text().splitlines()) if ran.exists() else set()
    assert len(found) == plan.jobs - plan.kept
    return found, plan


def reasons(plan: Plan, step: str) -> dict[int, str]:
    [found] = [each for each in plan.steps if each.step.name == step]
    return {row: reason.text for row, reason in found.runs.items()}


def test_a_sample_more(run: Path) -> None:
    after = (fits("a", "x", "b", "c"), plots("a", "x", "b", "c"), pairs(("ab", (0, 2)), ("bc", (2, 3))), merge())
    found, plan = restarted(run, *after)
    assert found == {"fit x", "plot x", "merge"}
    assert [reasons(plan, name) for name in ("fit", "plot", "merge")] == [
        {1: "new"},
        {1: "new"},
        {0: "waits for fit"},
    ]


def test_a_sample_less(run: Path) -> None:
    found, plan = restarted(run, fits("b", "c"), plots("b", "c"), pairs(("bc", (0, 1))), merge())
    assert found == {"merge"}
    assert plan.orphans == {"fit": (0,), "plot": (0,), "pair": (0,)}
    assert not (run / "workspace/a.fit").exists()
    assert (run / "workspace/b.fit").exists()


def test_a_row_that_waits_for_other_rows(run: Path) -> None:
    found, plan = restarted(run, *BEFORE[:2], pairs(("ab", (0, 1)), ("bc", (0, 2))), merge("pair"))
    assert found == {"pair bc", "merge"}
    assert reasons(plan, "pair") == {1: "waits for other jobs"}
    assert reasons(plan, "merge") == {0: "waits for pair"}


def test_a_changed_value(run: Path) -> None:
    found, plan = restarted(run, fits("a", "b", "d"), *BEFORE[1:])
    assert found == {"fit d", "plot c", "pair bc", "merge"}
    assert reasons(plan, "fit") == {2: "its values changed"}
    assert not (run / "workspace/c.fit").exists()


def test_a_pattern_of_a_job_that_runs_again_spares_what_kept_jobs_declare(run: Path) -> None:
    """The folder that a kept job declares stays with all its files."""
    kept = flows.scatter("kept", "mkdir folder; touch folder/x.fit; echo kept >> ../../ran.txt", outputs=("folder",))
    end = "touch own && echo own >> ../../ran.txt"
    own = flows.scatter("own", f"touch own.fit && {end}", outputs=("**/*.fit", ".", "own"))
    assert restarted(run, *BEFORE, kept, own)[0] == {"kept", "own"}
    (run.parent / "ran.txt").unlink()
    changed = flows.scatter("own", f"! test -e own.fit && {end}", outputs=("own",))
    assert restarted(run.with_name("flow.1.1"), *BEFORE, kept, changed)[0] == {"own"}
    names = {path.name for path in (run / "workspace").rglob("*") if path.is_file()}
    assert names == {"a.fit", "b.fit", "c.fit", "x.fit", "own"}


def test_a_changed_command(run: Path) -> None:
    _, plan = restarted(run, fits("a", "b", "c", text="echo new > {row}.fit"), *BEFORE[1:])
    assert set(reasons(plan, "fit").values()) == {"the command changed"}
    assert plan.kept == 0


def test_a_single_sample_has_the_identity_of_a_row(run: Path) -> None:
    command = f"echo b > b.fit && {RAN.replace('{name}', 'fit').replace('{row}', 'b')}"
    single = flows.scatter("fit.1", command, outputs=("b.fit",))._replace(label="fit")
    _, plan = restarted(run, single)
    assert plan.is_kept


def test_an_output_is_gone(run: Path) -> None:
    (run / "workspace/b.fit").unlink()
    found, plan = restarted(run, *BEFORE)
    assert found == {"fit b", "plot b", "pair ab", "pair bc", "merge"}
    assert reasons(plan, "fit") == {1: "its output b.fit is gone"}


def test_the_comparison_of_rows_that_wait_for_one_job_and_for_many_grows_with_their_number(tmp_path: Path) -> None:
    costs = []
    for size in (100, 200, 400):
        needs = (Need("one"), Need("many"))
        steps = (flows.scatter("one", ":"), flows.scatter("many", ": {row}", size))
        flows.write_run(tmp_path / f"flow.{size}", *steps, flows.scatter("end", ": {row}", size, needs=needs))
        run = Run(tmp_path / f"flow.{size}")
        for step in run.manifest.steps:
            for row in range(step.rows):
                run.records(step).path(row, DONE).touch()
        around = Circumstances(is_missing=lambda _: False, changed_input=lambda rows: iter([""] * rows.step.rows))
        assert compare(run, run, around).is_kept
        costs.append(instructions(partial(compare, run, run, around)))
    assert grows_with_its_input(costs), costs


def test_many_rows_have_no_digest_each(tmp_path: Path) -> None:
    samples = tuple(f"s{number}" for number in range(2_000))
    flows.write_run(tmp_path / "flow.1", fits(*samples))
    assert (tmp_path / "flow.1/batch/manifest.json").stat().st_size < 2_000
