"""Each pass: a workflow built by hand, and its result."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from reana_batch import backends
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.rucio import RucioSettings
from reana_batch.diagnostics import Diagnostics, Place, Refused, render
from reana_batch.facts import ENV, FILE, KnownSecrets, Secret
from reana_batch.ir import (
    Command,
    CredentialPlan,
    Expansion,
    Hint,
    Image,
    Need,
    Pattern,
    Repeated,
    Resources,
    RowMapping,
    Script,
    Server,
    Step,
    Table,
    Workflow,
    literal,
)
from reana_batch.machine import facts_for
from reana_batch.passes import PASSES
from reana_batch.passes.check_graph import check_graph
from reana_batch.passes.chunk_rows import chunk_rows
from reana_batch.passes.context import Context
from reana_batch.passes.drop_empty_steps import drop_empty_steps
from reana_batch.passes.fuse_commands import fuse_commands
from reana_batch.passes.locate_images import locate_images
from reana_batch.passes.map_resources import map_resources
from reana_batch.passes.plan_credentials import plan_credentials
from reana_batch.passes.plan_expansions import plan_expansions
from reana_batch.passes.require_outputs import require_outputs
from reana_batch.reading import hints
from reana_batch.secrets import Store
from reana_batch.site import CredentialSettings, Limits, Site
from tests.steps import make_step

# A site where Rucio needs no proxy.
RUCIO_ALONE = CredentialSettings(own={"rucio": RucioSettings(rucio="userpass")})
SOURCE = "".join(f"line {number}\n" for number in range(1, 10))


def at(line: int) -> Place:
    return Place("reana.yaml", line, 1, 6)


def command(text: str) -> Command:
    return literal(text, at(1))


def step(name: str, **fields: Any) -> Step:
    return make_step(name, fields.pop("commands", (command(name),)), fields.pop("origin", at(1)), **fields)


def table(count: int) -> Table:
    return Repeated(count)


def workflow(*steps: Step) -> Workflow:
    return Workflow("w", "serial", steps)


def context(backend: str = "make", site: Site | None = None, *, fuse: bool = False) -> Context:
    return Context(backends.lowering(backend).target(site or Site()), site or Site(), Diagnostics(), fuse=fuse)


def shown(of: Context) -> str:
    return render(of.diagnostics, {"reana.yaml": SOURCE})


def test_passes_are_named_for_their_modules() -> None:
    names = [f"reana_batch.passes.{a_pass.__name__}" for a_pass in PASSES]
    assert [a_pass.__module__ for a_pass in PASSES] == names


# --- steps on a system of their own -----------------------------------------------------------------


def on_slurm(name: str, **fields: Any) -> Step:
    return step(name, target=backends.lowering("slurm").TARGET, **fields)


def test_hints_of_a_delegated_step_are_those_of_its_system() -> None:
    given = {
        "slurm_partition": Hint("short", at(2)),
        "htcondor_accounting_group": Hint("group_u", at(3)),
        "slurm_time": Hint("10", at(4)),
        "htcondor_max_runtime": Hint("espresso", at(5)),
    }
    where = context("htcondor")
    asked = Resources(partition="main", account="group_v")
    steps = step("a", hints=given, resources=asked), on_slurm("b", hints=given, resources=asked)
    own, handed = map_resources(workflow(*steps), where).steps
    assert own.placed.resources == Resources(runtime=1200, flavour="espresso", account="group_u")
    assert handed.placed.resources == Resources(runtime=600, partition="short", account="group_v")
    warned = [line for line in shown(where).splitlines() if "warning" in line]
    assert warned == [
        "reana.yaml:2:1: warning: slurm_partition has no meaning on HTCondor. [hint-ignored]",
        "reana.yaml:3:1: warning: htcondor_accounting_group has no meaning on Slurm. [hint-ignored]",
    ]


@pytest.mark.parametrize(("backend", "hint", "disk"), [("htcondor", "", 9), ("slurm", "", None), ("slurm", "3", 3072)])
def test_only_a_hint_asks_slurm_for_a_disk(backend: str, hint: str, disk: int | None) -> None:
    given = {"htcondor_request_disk": Hint(hint, at(2))}
    (after,) = map_resources(workflow(step("a", hints=given, resources=Resources(disk=9))), context(backend)).steps
    assert after.placed.resources == Resources(disk=disk)


def test_images_of_a_delegated_step_are_started_by_its_system() -> None:
    flow = workflow(step("a", environment="/images/a.sif"), on_slurm("b", environment="docker.io/library/debian:12"))
    where = context("htcondor", Site(container_runtime="htcondor"))
    locate_images(flow, where)
    assert shown(where).startswith("error: Slurm cannot start images with htcondor. [unsupported]\n")
    where = context("htcondor", Site(container_runtime="apptainer"))
    assert [each.placed.image is not None for each in locate_images(flow, where).steps] == [True, True]
    assert shown(where) == ""


@pytest.mark.parametrize(("makes", "forwarded"), [(step, True), (on_slurm, False)])
def test_tickets_that_htcondor_forwards_reach_its_own_jobs_alone(makes: Any, forwarded: bool) -> None:
    site = Site(systems={"htcondor": HTCondorSettings(send_credential=True)})
    asking = {"credentials": frozenset({"kerberos"})}
    flow = workflow(step("a", **asking), makes("b", **asking))
    plan = plan_credentials(flow, context("htcondor", site)).credential_plan
    assert plan.sources["kerberos"] == ("forward" if forwarded else "keytab")


def test_a_secret_that_cannot_even_be_looked_for_is_a_fault(tmp_path: Path) -> None:
    kept = {Secret("CERN_USER", ENV): b"alice", Secret("CERN_KEYTAB", ENV): b"k" * 300, Secret("other", FILE): b"x"}
    for secret, content in kept.items():
        Store(tmp_path).add(secret, content)
    site = Site(credentials=CredentialSettings(secrets=str(tmp_path)))
    flow = workflow(step("a", credentials=frozenset({"kerberos"})))
    here = replace(context(site=site), facts=facts_for(flow, site))
    plan_credentials(flow, here)
    assert [fault.message.partition(", which ")[2] for fault in here.diagnostics.errors] == [
        "cannot be read: File name too long."
    ]


@pytest.mark.parametrize(
    ("backend", "makes", "retries", "tries"),
    [
        pytest.param("htcondor", step, 0, 3, id="started-again-as-the-site-says"),
        pytest.param("htcondor", step, 4, 5, id="started-again-as-the-step-says"),
        pytest.param("htcondor", on_slurm, 4, 3, id="handed-in-again"),
        pytest.param("slurm", step, 4, 1, id="all-attempts-within-the-limit"),
        pytest.param("make", step, 4, 5, id="each-attempt-with-a-limit"),
    ],
)
def test_credentials_outlive_all_tries_of_a_job(backend: str, makes: Any, retries: int, tries: int) -> None:
    site = Site(systems={"htcondor": HTCondorSettings(retries=2)}, queue_time=0)
    asking = makes("a", credentials=frozenset({"voms_proxy"}), retries=retries)
    asking = asking.with_placed(resources=Resources(runtime=100))
    plan = plan_credentials(workflow(asking), context(backend, site)).credential_plan
    assert plan.needed["voms_proxy"] == (0, 100 * tries, "a")


RUCIO_HOSTS = ("RUCIO_RUCIO_HOST", "RUCIO_AUTH_HOST")


@pytest.mark.parametrize(("given", "asked"), [(RUCIO_HOSTS, False), (RUCIO_HOSTS[:1], True), ((), True)])
def test_rucio_needs_no_organisation_if_both_its_hosts_are_given(given: tuple[str, ...], asked: bool) -> None:
    known = KnownSecrets({Secret(name, ENV): b"host" for name in given})
    assert (Secret("VONAME", ENV) in CREDENTIALS["rucio"].secrets("userpass", known)) == asked


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("VOMSPROXY_PASS", b"not base64!", "is not in base64, as in REANA"),
        ("VOMSPROXY_PASS", b"cGFzcw==", ""),
        ("VONAME", b"not base64!", ""),
    ],
)
def test_only_the_passphrase_of_a_proxy_must_be_in_base64(name: str, value: bytes, fault: str) -> None:
    secret = Secret(name, ENV)
    assert CREDENTIALS["voms_proxy"].secret_fault(secret, KnownSecrets({secret: value})) == fault


@pytest.mark.parametrize(
    ("runtime", "image", "refused"),
    [("htcondor", "/images/a.sif", True), ("htcondor", "", False), ("apptainer", "/images/a.sif", False)],
)
def test_containers_that_htcondor_starts_get_no_kept_environment(runtime: str, image: str, refused: bool) -> None:
    here = context("htcondor", Site(container_runtime=runtime, inherit_environment=True))
    made = plan_credentials(locate_images(workflow(step("a", environment=image)), here), here)
    assert made.credential_plan.environment
    assert ("do not get the kept environment" in shown(here)) == refused


# --- check_graph ----------------------------------------------------------------------------------


def test_sound_graph_stays_as_it_is() -> None:
    before = workflow(step("a"), step("b", needs=(Need("a"),)), step("c", needs=(Need("a"), Need("b"))))
    here = context()
    assert check_graph(before, here) == before
    assert shown(here) == ""


def test_steps_come_behind_those_that_they_wait_for() -> None:
    steps = {
        "merge": step("merge", needs=(Need("fit"), Need("plot"))),
        "plot": step("plot", needs=(Need("fit"),)),
        "aside": step("aside"),
        "fit": step("fit"),
    }
    after = check_graph(workflow(*steps.values()), context())
    assert after.steps == (steps["aside"], steps["fit"], steps["plot"], steps["merge"])


def test_circle_is_refused_at_its_first_step() -> None:
    a = step("a", needs=(Need("c"),))
    b = step("b", needs=(Need("a"),), origin=at(2))
    c = step("c", needs=(Need("b"),), origin=at(3))
    here = context()
    with pytest.raises(Refused):
        check_graph(workflow(step("start"), a, b, c), here)
    assert shown(here) == (
        "reana.yaml:1:1: error: Steps wait for each other in a circle: a -> b -> c -> a. [cycle]\n  line 1\n  ^^^^^^\n"
    )


def test_step_that_waits_for_itself() -> None:
    here = context()
    with pytest.raises(Refused):
        check_graph(workflow(step("a", needs=(Need("a"),))), here)
    assert shown(here) == (
        "reana.yaml:1:1: error: Steps wait for each other in a circle: a -> a. [cycle]\n  line 1\n  ^^^^^^\n"
    )


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([step("a"), step("a")], "step names must be unique"),
        ([step("a", needs=(Need("b"),))], "a needs the unknown step b"),
        (
            [step("a", table=table(2)), step("b", table=table(3), needs=(Need("a", Pattern.EACH),))],
            "b and a must have as many rows",
        ),
    ],
)
def test_faults_of_front_ends(steps: list[Step], message: str) -> None:
    with pytest.raises(AssertionError) as fault:
        check_graph(workflow(*steps), context())
    assert str(fault.value) == message


def expansion(name: str, *needs: str) -> Expansion:
    return Expansion(name, f"the label of {name}", at(2), f"the files that {name} makes", needs)


@pytest.mark.parametrize(
    ("expansions", "message"),
    [
        ([expansion("a")], "step names must be unique"),
        ([expansion("b"), expansion("b")], "step names must be unique"),
        ([expansion("b", "a", "c")], "b needs the unknown step c"),
    ],
)
def test_faults_of_front_ends_in_expansions(expansions: list[Expansion], message: str) -> None:
    with pytest.raises(AssertionError) as fault:
        planned([step("a")], expansions, context())
    assert str(fault.value).startswith(message)


def planned(steps: list[Step], expansions: list[Expansion], here: Context) -> Workflow:
    """Return a workflow after the first two passes."""
    return check_graph(plan_expansions(replace(workflow(*steps), expansions=tuple(expansions)), here), here)


def test_a_step_comes_after_the_expansions_that_it_waits_for() -> None:
    steps = [step("join", needs=(Need("c"), Need("b"))), step("a"), step("z")]
    found = planned(steps, [expansion("c", "b"), expansion("b", "a")], context())
    assert [each.name for each in found.steps] == ["a", "z", "b", "c", "join"]
    assert found.awaited_expansions == {"b", "c"}


def test_a_circle_through_an_expansion_is_named() -> None:
    here = context()
    with pytest.raises(Refused):
        planned([step("a", needs=(Need("b"),))], [expansion("b", "a")], here)
    assert [fault.message for fault in here.diagnostics.errors] == [
        "Steps wait for each other in a circle: a -> b -> a."
    ]


@pytest.mark.parametrize("pattern", [Pattern.EACH, RowMapping(((0,),))])
def test_a_row_waits_for_the_whole_expansion(pattern: Pattern | RowMapping) -> None:
    with pytest.raises(AssertionError, match="a waits for rows of the expansion b"):
        planned([step("a", needs=(Need("b", pattern),))], [expansion("b")], context())


def test_an_empty_step_passes_on_the_expansion_that_it_waits_for() -> None:
    steps = [step("empty", table=table(0), needs=(Need("b"),)), step("a", needs=(Need("empty"),))]
    found = drop_empty_steps(planned(steps, [expansion("b")], context()), context())
    assert [(each.name, each.needs) for each in found.steps] == [("b", ()), ("a", (Need("b"),))]


def test_outputs_are_checked_after_all_expansions() -> None:
    here = replace(context(), strict_outputs=True)
    before = planned([step("a")], [expansion("b", "a"), expansion("c", "a")], here)
    *_, check = require_outputs(replace(before, output_files=("out",)), here).steps
    assert (check.needs, check.outputs) == ((Need("b"), Need("c")), ("out",))
    one = planned([], [expansion("b")], here)
    planner, check = require_outputs(replace(one, output_files=("out",)), here).steps
    assert (planner.outputs, check.needs) == ((), (Need("b"),))
    inner = replace(workflow(step("a")), output_files=("out",), within=("b",))
    assert require_outputs(inner, here) is inner


def test_an_expansion_gets_a_job_that_asks_for_little() -> None:
    before = replace(workflow(step("a"), step("b")), expansions=(expansion("c", "a", "b"),))
    *others, planner = map_resources(plan_expansions(before, context("slurm")), context("slurm")).steps
    assert tuple(others) == before.steps
    assert (planner.name, planner.label, planner.origin) == ("c", "the label of c", at(2))
    assert planner.needs == (Need("a"), Need("b"))
    assert planner.action.uses_python
    assert planner.placed.programs == ("sbatch", "scancel", "scontrol", "squeue")
    assert planner.asked.resources == Resources(cpus=1, memory=1024**3, runtime=3600)
    script = 'exec "$REANA_BATCH_PYTHON" -m reana_batch expand --submit "${0%/batch/steps/*}" c\n'
    assert planner.action.commands[0].text({}) == script


def test_the_job_of_an_expansion_keeps_within_the_limits_of_the_site() -> None:
    before = replace(workflow(), expansions=(expansion("c"),))
    here = context("htcondor", Site(limits=Limits(runtime=60, memory=1000)))
    (planner,) = map_resources(plan_expansions(before, here), here).steps
    assert (planner.asked.resources.runtime, planner.asked.resources.memory) == (60, 1000)
    assert planner.placed.programs == ()
    assert shown(here) == ""


def test_an_expansion_needs_the_run_directory() -> None:
    before = replace(workflow(), expansions=(expansion("c"),))
    here = context("htcondor", Site(systems={"htcondor": HTCondorSettings(file_transfer=True)}))
    plan_expansions(before, here)
    assert shown(here) == (
        "reana.yaml:2:1: error: the files that c makes can be known only by a job that sees the run,"
        " and htcondor.file_transfer is on. [unsupported]\n"
        "  line 2\n  ^^^^^^\nhint: run it where workers share a file system with the login node.\n"
    )
    plan_expansions(before, there := context("make", here.site))
    assert shown(there) == ""


def test_the_credentials_of_what_follows_are_those_of_the_run() -> None:
    plan = CredentialPlan({"kerberos": "keytab"})
    asking = [step(name, credentials=frozenset({wish})) for name, wish in (("a", "kerberos"), ("b", "rucio"))]
    after = replace(workflow(*asking[:1]), within=("rest",), credential_plan=plan)
    with_their_own = after.steps[0].with_placed(credentials=frozenset({"kerberos"}))
    assert plan_credentials(after, here := context()) == replace(after, steps=(with_their_own,))
    assert shown(here) == ""
    plan_credentials(replace(after, steps=tuple(asking)), here := context(site=Site(credentials=RUCIO_ALONE)))
    assert shown(here) == (
        "reana.yaml:1:1: error: rucio was not prepared: no step known at submission asked for it."
        " [credential]\n  line 1\n  ^^^^^^\nhint: let one of them ask for rucio, and run the analysis again.\n"
    )


def test_expansions_in_each_other_come_to_an_end() -> None:
    before = replace(workflow(), expansions=(expansion("c"),))
    plan_expansions(replace(before, within=("c",) * 19), here := context())
    assert shown(here) == ""
    plan_expansions(replace(before, within=("c",) * 20), here)
    assert shown(here) == (
        "reana.yaml:2:1: error: Expansions can be nested at most 20 deep: the files that c makes."
        " [over-limit]\n  line 2\n  ^^^^^^\n"
    )


def test_chain_of_many_steps() -> None:
    names = [f"s{number}" for number in range(5000)]
    chain = [step(name, needs=(Need(before),)) for before, name in pairwise(names)]
    here = context()
    check_graph(workflow(step("s0"), *chain), here)
    assert shown(here) == ""


# --- drop_empty_steps -----------------------------------------------------------------------------


def test_workflow_without_empty_steps_stays_as_it_is() -> None:
    before = workflow(step("a"), step("b", needs=(Need("a"),)))
    assert drop_empty_steps(before, context()) is before


def test_what_waited_for_an_empty_step_waits_for_what_that_waited_for() -> None:
    a, b = step("a", table=table(2)), step("b", table=table(2))
    nothing = step("nothing", table=table(0), needs=(Need("a"), Need("b", RowMapping(()))))
    nor_this = step("nor this", table=table(0), needs=(Need("nothing", Pattern.EACH),))
    last = step("last", table=table(2), needs=(Need("nor this"), Need("a", Pattern.EACH), Need("nothing")))
    after = drop_empty_steps(workflow(a, b, nothing, nor_this, last), context())
    assert after.steps == (a, b, last._replace(needs=(Need("a"), Need("b"), Need("a", Pattern.EACH))))


# --- fuse_commands --------------------------------------------------------------------------------


def serial(*groups: int) -> Workflow:
    """Return a chain of steps s0, s1, ... in these groups."""
    steps = [
        step(f"s{number}", group=group, needs=(Need(f"s{number - 1}"),) if number else ())
        for number, group in enumerate(groups)
    ]
    return workflow(*steps)


def outline(of: Workflow) -> list[tuple[str, list[str], list[str]]]:
    return [(s.name, [c.text({}) for c in s.action.commands], [need.step for need in s.needs]) for s in of.steps]


def test_commands_stay_apart_unless_asked() -> None:
    before = serial(0, 0, 1)
    assert fuse_commands(before, context()) is before


def test_commands_of_a_group_become_one_job() -> None:
    assert outline(fuse_commands(serial(0, 0, 0, 1, 2, 2), context(fuse=True))) == [
        ("s0", ["s0", "s1", "s2"], []),
        ("s3", ["s3"], ["s0"]),
        ("s4", ["s4", "s5"], ["s3"]),
    ]


def test_groups_that_come_again_stay_apart() -> None:
    assert outline(fuse_commands(serial(0, 1, 0), context(fuse=True))) == [
        ("s0", ["s0"], []),
        ("s1", ["s1"], ["s0"]),
        ("s2", ["s2"], ["s1"]),
    ]


def test_only_chains_are_fused() -> None:
    before = workflow(step("a"), step("b"), step("c", needs=(Need("a"), Need("b"))))
    assert outline(fuse_commands(before, context(fuse=True))) == outline(before)


def test_scatters_are_not_fused() -> None:
    before = workflow(step("a", table=table(2)), step("b", table=table(2), needs=(Need("a", Pattern.EACH),)))
    assert outline(fuse_commands(before, context(fuse=True))) == outline(before)


def test_commands_that_run_in_different_ways_are_not_fused() -> None:
    before = workflow(step("a", group=0), step("b", group=0, needs=(Need("a"),), server=Server("toy")))
    assert outline(fuse_commands(before, context(fuse=True))) == outline(before)


def test_needs_of_fused_steps_are_followed() -> None:
    last = step("last", group=9, needs=(Need("s0"), Need("s1", Pattern.ALL)))
    fused = fuse_commands(workflow(*serial(0, 0).steps, last), context(fuse=True))
    assert {need.step for need in fused.steps[-1].needs} == {"s0"}


def test_fused_step_is_like_its_first() -> None:
    first = step("s0", group=0, origin=at(3), environment="python:3", cvmfs=("x.cern.ch",))
    second = step("s1", group=0, origin=at(4), environment="python:3", cvmfs=("x.cern.ch",), needs=(Need("s0"),))
    (fused,) = fuse_commands(workflow(first, second), context(fuse=True)).steps
    assert fused == first._replace(action=Script((command("s0"), command("s1"))))


def test_fused_step_has_the_outputs_of_all() -> None:
    first = step("s0", group=0, outputs=("a.txt",))
    second = step("s1", group=0, outputs=("b.txt",), needs=(Need("s0"),))
    (fused,) = fuse_commands(workflow(first, second), context(fuse=True)).steps
    assert fused.outputs == ("a.txt", "b.txt")


# --- require_outputs ------------------------------------------------------------------------------


def strict(backend: str = "make") -> Context:
    return replace(context(backend), strict_outputs=True)


def declaring(*steps: Step) -> Workflow:
    return replace(workflow(*steps), output_files=("a.txt",), output_directories=("plots",))


def test_missing_outputs_are_not_a_fault_unless_asked() -> None:
    before = declaring(step("a"))
    assert require_outputs(before, context()) is before


def test_workflow_that_declares_no_outputs() -> None:
    before = workflow(step("a"))
    assert require_outputs(before, strict()) is before


def test_last_step_must_leave_the_outputs() -> None:
    first, last = step("a", outputs=("x",)), step("b", outputs=("y",), needs=(Need("a"),))
    after = require_outputs(declaring(first, last), strict())
    assert after.steps == (first, last._replace(outputs=("y", "a.txt", "plots")))


@pytest.mark.parametrize(
    "steps",
    [(step("a"), step("b")), (step("a", table=table(2)),)],
    ids=["several last steps", "a last step of many rows"],
)
def test_another_step_looks_for_the_outputs(steps: tuple[Step, ...]) -> None:
    after = require_outputs(declaring(*steps), strict())
    check = step(
        "outputs.check",
        label="outputs",
        origin=Place("reana.yaml", 1),
        commands=(),
        needs=tuple(Need(s.name) for s in steps),
        outputs=("a.txt", "plots"),
    )
    assert after.steps == (*steps, check)


# --- map_resources --------------------------------------------------------------------------------

TITLES = {"make": "GNU make", "htcondor": "HTCondor", "slurm": "Slurm"}
IGNORED = "ignored"
Expectation = dict[str, Any] | str

GI = 1024**3

# hint and value -> what a job then asks of each system, or the warning that the hint has no meaning there
HINTS: dict[tuple[str, str | int], tuple[Expectation, Expectation, Expectation]] = {
    # hint, value: make, htcondor, slurm
    ("kubernetes_cpu_request", "1500m"): (IGNORED, {"cpus": 2}, {"cpus": 2}),
    ("kubernetes_cpu_limit", "4"): (IGNORED, {"cpus": 4}, {"cpus": 4}),
    ("kubernetes_memory_request", "8Gi"): (IGNORED, {"memory": 8 * GI}, {"memory": 8 * GI}),
    ("kubernetes_memory_limit", "8Gi"): (IGNORED, {"memory": 8 * GI}, {"memory": 8 * GI}),
    ("kubernetes_job_timeout", 60): ({"runtime": 60}, {"runtime": 60}, {"runtime": 60}),
    ("kubernetes_uid", 1000): (IGNORED, IGNORED, IGNORED),
    ("htcondor_max_runtime", "600"): ({"runtime": 600}, {"runtime": 600}, {"runtime": 600}),
    ("htcondor_max_runtime", "workday"): (
        {"runtime": 28800, "flavour": "workday"},
        {"runtime": 28800, "flavour": "workday"},
        {"runtime": 28800, "flavour": "workday"},
    ),
    ("htcondor_accounting_group", "group_u_X.u_y"): (IGNORED, {"account": "group_u_X.u_y"}, IGNORED),
    ("htcondor_request_cpus", "4"): (IGNORED, {"cpus": 4}, {"cpus": 4}),
    ("htcondor_request_memory", "2 GB"): (IGNORED, {"memory": 2 * GI}, {"memory": 2 * GI}),
    ("htcondor_request_disk", "2 GB"): (IGNORED, {"disk": 2 * GI}, {"disk": 2 * GI}),
    ("htcondor_requirements", "Arch == 1"): (IGNORED, {"requirements": "Arch == 1"}, IGNORED),
    ("slurm_partition", "inf-short"): (IGNORED, IGNORED, {"partition": "inf-short"}),
    ("slurm_time", "90"): ({"runtime": 5400}, {"runtime": 5400}, {"runtime": 5400}),
    ("c4p_cpu_cores", "4"): (IGNORED, {"cpus": 4}, {"cpus": 4}),
    ("c4p_memory_limit", "2048"): (IGNORED, {"memory": 2 * GI}, {"memory": 2 * GI}),
    ("c4p_additional_requirements", "Arch == 1"): (IGNORED, {"requirements": "Arch == 1"}, IGNORED),
    # REANA treats these values as not given.
    ("htcondor_max_runtime", ""): ({}, {}, {}),
    # A hint that steers the compiler is not a request of a job.
    ("compute_backend", "slurmcern"): ({}, {}, {}),
    ("unpacked_img", True): ({}, {}, {}),
    ("kerberos", True): ({}, {}, {}),
    ("voms_proxy", True): ({}, {}, {}),
    ("rucio", True): ({}, {}, {}),
}


def asked(resources: Resources) -> dict[str, Any]:
    return {name: value for name, value in resources._asdict().items() if value is not None}


@pytest.mark.parametrize("hint", HINTS, ids=lambda hint: f"{hint[0]}={hint[1]}")
@pytest.mark.parametrize("backend", TITLES)
def test_what_a_hint_becomes(hint: tuple[str, str | int], backend: str) -> None:
    name, value = hint
    expected = HINTS[hint][list(TITLES).index(backend)]
    here = context(backend)
    (after,) = map_resources(workflow(step("fit", hints={name: Hint(value, at(5))})), here).steps
    if expected == IGNORED:
        assert asked(after.placed.resources) == {}
        assert shown(here) == (
            f"reana.yaml:5:1: warning: {name} has no meaning on {TITLES[backend]}. [hint-ignored]\n  line 5\n  ^^^^^^\n"
        )
    else:
        assert asked(after.placed.resources) == expected
        assert shown(here) == ""


def test_every_hint_is_in_the_table() -> None:
    assert {name for name, _ in HINTS} == hints.READERS.keys() | hints.steering()


def mapped(backend: str, written: dict[str, str | int], site: Site | None = None) -> dict[str, Any]:
    step_hints = {name: Hint(value, at(5)) for name, value in written.items()}
    (after,) = map_resources(workflow(step("fit", hints=step_hints)), context(backend, site)).steps
    return asked(after.placed.resources)


RIVALS = [
    ({"kubernetes_memory_limit": "1Gi", "htcondor_request_memory": "2 GB"}, "htcondor", {"memory": 2 * GI}),
    ({"kubernetes_memory_limit": "3Gi", "kubernetes_memory_request": "1Gi"}, "slurm", {"memory": 3 * GI}),
    ({"slurm_time": "1", "htcondor_max_runtime": "600"}, "htcondor", {"runtime": 600}),
    ({"slurm_time": "1", "htcondor_max_runtime": "600"}, "slurm", {"runtime": 60}),
    ({"slurm_time": "1", "kubernetes_job_timeout": 30}, "make", {"runtime": 30}),
    ({"slurm_time": "1", "htcondor_max_runtime": "workday"}, "slurm", {"runtime": 60}),
    ({"kubernetes_cpu_limit": "nonsense", "kubernetes_cpu_request": "2"}, "slurm", {"cpus": 2}),
    ({"htcondor_max_runtime": "", "slurm_time": "1"}, "htcondor", {"runtime": 60}),
]


@pytest.mark.parametrize(("written", "backend", "expected"), RIVALS)
def test_most_specific_hint_wins(written: dict[str, str | int], backend: str, expected: dict[str, Any]) -> None:
    assert mapped(backend, written) == expected


def test_runtime_of_the_site_is_for_steps_without_one() -> None:
    site = Site(default_runtime=3600)
    assert mapped("htcondor", {}, site) == {"runtime": 3600}
    assert mapped("htcondor", {"htcondor_max_runtime": "60"}, site) == {"runtime": 60}


def test_limits_of_the_site() -> None:
    site = Site(name="cern", limits=Limits(runtime=3600, memory=GI, cpus=2))
    here = context("htcondor", site)
    asking = {
        "htcondor_max_runtime": Hint("7200", at(3)),
        "htcondor_request_memory": Hint("2 GB", at(4)),
        "htcondor_request_cpus": Hint("4", at(5)),
    }
    modest = {name: Hint(value, at(6)) for name, value in (("htcondor_max_runtime", "3600"), ("slurm_time", "9999"))}
    map_resources(workflow(step("much", hints=asking), step("little", hints=modest)), here)
    assert shown(here) == (
        "reana.yaml:3:1: error: cern allows at most 3,600 s, not 7,200. [over-limit]\n"
        "  line 3\n"
        "  ^^^^^^\n"
        "reana.yaml:4:1: error: cern allows at most 1,073,741,824 B of memory, not 2,147,483,648. [over-limit]\n"
        "  line 4\n"
        "  ^^^^^^\n"
        "reana.yaml:5:1: error: cern allows at most 2 CPUs, not 4. [over-limit]\n"
        "  line 5\n"
        "  ^^^^^^\n"
    )


@pytest.mark.parametrize(
    ("backend", "written", "line"),
    [
        ("slurm", {"slurm_time": ("120", 3), "htcondor_max_runtime": ("60", 4)}, 3),
        ("htcondor", {"kubernetes_job_timeout": ("7200", 3)}, 3),
        ("htcondor", {"kubernetes_cpu_limit": ("4", 3)}, 3),
        ("htcondor", {"c4p_cpu_cores": ("4", 3)}, 3),
        ("htcondor", {"htcondor_request_memory": ("2 GB", 3), "c4p_memory_limit": ("1", 4)}, 3),
    ],
)
def test_limit_is_shown_at_the_hint_that_breaks_it(
    backend: str, written: dict[str, tuple[str, int]], line: int
) -> None:
    here = context(backend, Site(limits=Limits(runtime=3600, memory=GI, cpus=2)))
    step_hints = {name: Hint(value, at(place)) for name, (value, place) in written.items()}
    map_resources(workflow(step("a", hints=step_hints)), here)
    assert [d.place.line for d in here.diagnostics if d.place] == [line]


# --- locate_images --------------------------------------------------------------------------------


def test_images_are_looked_for_where_the_site_has_them() -> None:
    site = Site(container_runtime="apptainer", unpacked_images="/cvmfs/unpacked.cern.ch")
    here = context("htcondor", site)
    before = workflow(step("a", environment="a/b:1"), step("b", environment="/images/b.sif"), step("c"))
    after = locate_images(before, here)
    assert [s.placed.image for s in after.steps] == [
        Image("a/b:1", ("/cvmfs/unpacked.cern.ch/registry.hub.docker.com/a/b:1", "docker://docker.io/a/b:1")),
        Image("/images/b.sif", ("/images/b.sif",)),
        None,
    ]
    assert shown(here) == ""


@pytest.mark.parametrize(("environments", "count"), [(["a/b:1", "", ""], "1 step"), (["a/b:1", "b", ""], "2 steps")])
def test_site_without_containers(environments: list[str], count: str) -> None:
    here = context("make", Site(name="local"))
    before = workflow(*(step(f"s{number}", environment=name) for number, name in enumerate(environments)))
    assert locate_images(before, here) is before
    assert shown(here) == (
        f"warning: The site local runs {count} on the machine itself, not in the image. [image-ignored]\n"
        "hint: to run them in their images: --set container_runtime=apptainer\n"
    )


def test_site_without_containers_for_a_step_that_needs_its_image() -> None:
    here = context("make", Site(name="local"))
    needing = step("fit", environment="a/b:1", origin=at(3))
    locate_images(workflow(needing._replace(asked=needing.asked._replace(needs_image=True))), here)
    assert shown(here) == (
        'reana.yaml:3:1: error: Step "fit" requires an image, and the site local starts none. [unsupported]\n'
        "  line 3\n"
        "  ^^^^^^\n"
        "hint: choose a container runtime: --set container_runtime=apptainer\n"
    )


@pytest.mark.parametrize("backend", ["make", "slurm"])
def test_container_runtime_that_the_system_lacks(backend: str) -> None:
    here = context(backend, Site(container_runtime="htcondor"))
    locate_images(workflow(step("a", environment="a/b:1")), here)
    assert shown(here) == (
        f"error: {TITLES[backend]} cannot start images with htcondor. [unsupported]\n"
        "hint: choose --set container_runtime=apptainer.\n"
    )


@pytest.mark.parametrize(("image", "refused"), [("a/b:1", True), ("/images/a.sif", False), ("", False)])
def test_htcondor_itself_starts_only_images_that_are_files(image: str, refused: bool) -> None:
    here = context("htcondor", Site(container_runtime="htcondor"))
    locate_images(workflow(step("a", environment=image)), here)
    assert ("HTCondor itself starts only images that are files." in shown(here)) == refused


@pytest.mark.parametrize(("runtime", "image"), [("htcondor", ""), ("apptainer", "a.sif"), ("none", "a.sif")])
def test_server_that_can_start_images(runtime: str, image: str) -> None:
    here = context("htcondor", Site(container_runtime=runtime))
    locate_images(workflow(step("a", environment=image, server=Server("toy"))), here)
    assert "error" not in shown(here)


def test_server_needs_images_for_single_commands() -> None:
    here = context("htcondor", Site(container_runtime="htcondor"))
    served = step("a", environment="/images/a.sif", server=Server("toy"), origin=at(3))
    locate_images(workflow(served, step("b", environment="/images/a.sif")), here)
    assert shown(here) == (
        "reana.yaml:3:1: error: HTCondor itself starts the image around the whole job;"
        " this step needs it for single commands. [unsupported]\n"
        "  line 3\n"
        "  ^^^^^^\n"
        "hint: choose --set container_runtime=apptainer.\n"
    )


def test_wish_for_unpacked_images_where_the_site_has_none() -> None:
    here = context("htcondor", Site(name="pool", container_runtime="apptainer"))
    wishing = {"unpacked_img": Hint(value=True, place=at(2))}
    given = step("given", environment="/cvmfs/unpacked.cern.ch/x:1", hints=wishing)
    not_wished = step("not", environment="a/b:1", hints={"unpacked_img": Hint(value=False, place=at(3))})
    locate_images(workflow(step("a", environment="a/b:1", hints=wishing), given, not_wished), here)
    assert shown(here) == (
        "reana.yaml:2:1: warning: unpacked_img: the site pool names no tree of unpacked images. [hint-ignored]\n"
        "  line 2\n"
        "  ^^^^^^\n"
        "hint: for example --set unpacked_images=/cvmfs/unpacked.cern.ch\n"
    )


# --- chunk_rows -----------------------------------------------------------------------------------


def chunk_sizes(of: Workflow, site: Site) -> list[int]:
    return [s.placed.chunk_size for s in chunk_rows(of, context("htcondor", site)).steps]


def test_rows_stay_apart_by_default() -> None:
    assert chunk_sizes(workflow(step("a"), step("b", table=table(5))), Site()) == [1, 1]


def test_rows_per_job_as_the_site_says() -> None:
    before = workflow(step("a"), step("b", table=table(5)), step("c", table=table(100)))
    assert chunk_sizes(before, Site(rows_per_job=10)) == [1, 5, 10]


AUTOMATIC = [
    # rows, seconds of a row, its limit, the site's limit -> rows per job
    (100, None, None, None, 1),
    (1000, None, None, None, 1),
    (1001, None, None, None, 2),
    (1_000_000, None, None, None, 1000),
    (1000, 1.0, None, None, 600),
    (1000, 0.0, None, None, 1000),
    (1000, 7.0, None, None, 85),
    (1000, 3600.0, None, None, 1),
    (1000, 1.0, 60, 3600, 60),
    (1000, 1.0, 7200, 3600, 1),
    # A step without a measurement is taken to last as long as it asks for.
    (1000, None, 60, None, 10),
    (1000, None, 60, 300, 5),
    (1000, None, 3600, None, 1),
]


@pytest.mark.parametrize(("rows", "duration", "runtime", "limit", "expected"), AUTOMATIC)
def test_automatic_rows_per_job(
    rows: int, duration: float | None, runtime: int | None, limit: int | None, expected: int
) -> None:
    scatter = step("a", table=table(rows), duration=duration).with_placed(resources=Resources(runtime=runtime))
    assert chunk_sizes(workflow(scatter), Site(rows_per_job="auto", limits=Limits(runtime=limit))) == [expected]


def test_steps_that_follow_row_by_row_have_equal_chunks() -> None:
    quick = step("quick", table=table(100), duration=10.0)
    slow = step("slow", table=table(100), duration=200.0, needs=(Need("quick", Pattern.EACH),))
    last = step("last", table=table(100), duration=20.0, needs=(Need("slow", Pattern.EACH),))
    apart = step("apart", table=table(100), duration=20.0, needs=(Need("slow"),))
    before = workflow(quick, slow, last, apart)
    assert chunk_sizes(before, Site(rows_per_job="auto")) == [3, 3, 3, 30]
    assert chunk_sizes(before, Site(rows_per_job=7)) == [7, 7, 7, 7]


def test_chunk_that_runs_longer_than_the_site_allows() -> None:
    here = context("htcondor", Site(name="cern", rows_per_job=10, limits=Limits(runtime=3600)))
    scatter = step("a", table=table(100), origin=at(2)).with_placed(resources=Resources(runtime=600))
    fitting = step("b", table=table(100), origin=at(3)).with_placed(resources=Resources(runtime=360))
    chunk_rows(workflow(scatter, fitting), here)
    assert shown(here) == (
        "reana.yaml:2:1: error: 10 commands of 600 s in one job are 6,000 s; cern allows 3,600 s. [over-limit]\n"
        "  line 2\n"
        "  ^^^^^^\n"
        "hint: choose a smaller --rows-per-job, or leave out --fuse.\n"
    )


def test_jobs_are_counted_after_rows_are_joined() -> None:
    here = context("htcondor", Site(rows_per_job=100, limits=Limits(jobs=1000)))
    chunked = workflow(step("a", table=table(20_000)))
    for a_pass in PASSES:
        chunked = a_pass(chunked, here)
    assert shown(here) == ""


# --- all of them ---------------------------------------------------------------------------------


def test_row_mappings_pass_through_all_passes() -> None:
    mapping = RowMapping(((0,), (1,), (2,)))
    after = workflow(step("a", table=table(3)), step("b", table=table(3), needs=(Need("a", mapping),)))
    here = context("htcondor", Site(rows_per_job=2), fuse=True)
    for a_pass in PASSES:
        after = a_pass(after, here)
    assert after.steps[1].needs == (Need("a", mapping),)
    assert shown(here) == ""
