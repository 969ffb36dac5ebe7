"""The rules of sites: what breaks them, and what the user reads."""

from __future__ import annotations

from reana_batch import backends
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Column, Expansion, Hint, Repeated, Resources, Rows, Step, Workflow, literal
from reana_batch.passes.check_laws import check_laws
from reana_batch.passes.context import Context
from reana_batch.site import Limits, Site
from tests.steps import make_step


def at(line: int) -> Place:
    return Place("reana.yaml", line)


def step(name: str, line: int, rows: int = 1, **fields: object) -> Step:
    return make_step(name, (literal(name, at(line)),), at(line), **{"table": Repeated(rows), **fields})


def broken(backend: str, limits: Limits, *steps: Step, **settings: object) -> list[tuple[str, str]]:
    """Return place and message of each rule that a workflow breaks."""
    own: dict[str, object] = {
        "slurm": SlurmSettings(**{k: v for k, v in settings.items() if k == "max_array_size"}),  # type: ignore[arg-type]
        "htcondor": HTCondorSettings(**{k: v for k, v in settings.items() if k == "shared_log"}),  # type: ignore[arg-type]
    }
    site = Site(name="here", limits=limits, systems=own)
    context = Context(backends.lowering(backend).target(site), site, Diagnostics())
    flow = Workflow("w", "serial", steps)
    assert check_laws(flow, context) is flow
    assert all(each.code == "over-limit" and not context.diagnostics.errors for each in context.diagnostics)
    return [(str(each.place), each.message) for each in context.diagnostics]


def test_jobs_at_a_time_are_told_at_the_step_with_most() -> None:
    steps = (step("a", 1, 3), step("b", 2, 7), step("c", 3))
    assert broken("htcondor", Limits(jobs=11), *steps) == []
    [(place, message)] = broken("htcondor", Limits(jobs=10), *steps)
    assert (place, message) == ("reana.yaml:2", "The workflow has 11 jobs; here runs 10 of a user at a time.")


def test_only_slurm_has_all_jobs_in_the_queue() -> None:
    steps = (step("a", 1, 3), step("b", 2, 7))
    assert broken("htcondor", Limits(queued_jobs=9), *steps) == []
    assert broken("slurm", Limits(queued_jobs=10), *steps) == []
    message = "The 10 jobs are in the queue at once; here takes 9."
    assert broken("slurm", Limits(queued_jobs=9), *steps) == [("reana.yaml:2", message)]


def asking(rows: int, seconds: int, hint: str = "slurm_time", **placed: object) -> Step:
    """Return a step whose jobs get a runtime because of a hint, if that is one of a runtime."""
    made = step("a", 4, rows, hints={hint: Hint(seconds, at(9))})
    return made.with_placed(resources=Resources(runtime=seconds), **placed)


def test_many_short_jobs() -> None:
    limits = Limits(short_seconds=120, short_jobs=100)
    message = "101 jobs take 60 s each, or less; here allows 100 that take less than 120 s."
    assert broken("slurm", limits, asking(101, 60)) == [("reana.yaml:4", message)]
    assert broken("slurm", limits, asking(100, 60)) == []
    assert broken("slurm", limits, asking(101, 120)) == []
    assert broken("slurm", limits, asking(404, 60, chunk_size=2)) == []
    # A measured time counts before the time asked for. The site's default says nothing of the job.
    assert broken("slurm", limits, asking(101, 3600, duration=2.5))[0][1].startswith("101 jobs take 2 s")
    assert broken("slurm", limits, asking(101, 60, hint="slurm_partition")) == []


def test_logs_that_stay_open() -> None:
    message = "Each of the 101 jobs has a log of its own; here allows 100 open logs."
    steps = (step("a", 1, 100), step("b", 2))
    assert broken("htcondor", Limits(open_logs=100), *steps, shared_log=False) == [("reana.yaml:1", message)]
    assert broken("htcondor", Limits(open_logs=100), *steps) == []
    assert broken("htcondor", Limits(open_logs=101), *steps, shared_log=False) == []


def makes(name: str, line: int, *paths: str) -> Step:
    """Return a step whose rows make a file each."""
    rows = Rows(("out",), tuple((path,) for path in paths))
    return step(name, line, table=rows, outputs=(Column("out"), "log.txt"))


def test_directories_that_outputs_fill() -> None:
    steps = (makes("a", 1, "out/1", "out/2"), makes("b", 2, *(f"out/b{n}/deep/x" for n in range(1000))))
    assert broken("slurm", Limits(directory_entries=1002), *steps) == []
    [(place, message)] = broken("slurm", Limits(directory_entries=1001), *steps)
    assert (place, message) == (
        "reana.yaml:2",
        "The directory out gets 1,002 entries; here allows 1,001 per directory.",
    )
    two = makes("c", 7, *(f"{folder}/{number}" for folder in "xyz" for number in range(1001)))
    [(place, message)] = broken("make", Limits(directory_entries=1000), two)
    assert message == (
        "The directory x gets 1,001 entries; here allows 1,000 per directory. 2 more of this step have too many."
    )
    [(place, message)] = broken("make", Limits(directory_entries=1000), makes("a", 5, *map(str, range(1001))))
    assert message.startswith("The directory of the workspace gets 1,001 entries; ")


def test_folders_of_the_run_itself() -> None:
    assert broken("slurm", Limits(directory_entries=1000), step("a", 1, 10**6)) == []
    assert broken("slurm", Limits(directory_entries=749), step("a", 1, 250)) == [
        ("reana.yaml:1", "The largest folder of logs or records gets 750 entries; here allows 749 per directory.")
    ]
    many = tuple(step(f"s{number}", number) for number in range(1, 252))
    assert broken("slurm", Limits(directory_entries=249), *many) == [
        ("reana.yaml:1", "The largest folder of steps or expansions gets 250 entries; here allows 249 per directory.")
    ]


def test_expansions_fill_a_folder() -> None:
    expansions = tuple(Expansion(f"e{n}", "e", at(1), "r", (), {}) for n in range(4))
    site = Site(name="here", limits=Limits(directory_entries=3), sources={"limits.directory_entries": "https://a.b/c"})
    context = Context(backends.lowering("make").target(site), site, Diagnostics())
    check_laws(Workflow("w", "serial", (step("a", 1),), expansions=expansions), context)
    [told] = context.diagnostics
    assert told.message == "The largest folder of steps or expansions gets 4 entries; here allows 3 per directory."
    assert str(told.hint).endswith(" The rule is from https://a.b/c")


def test_a_workflow_without_steps_breaks_no_rule() -> None:
    assert broken("make", Limits(jobs=1, directory_entries=1)) == []
