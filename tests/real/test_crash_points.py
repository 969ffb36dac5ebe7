"""Commands are killed at each kind of step. The scheduler knows what they submitted, and each step runs once."""

from __future__ import annotations

import signal
from dataclasses import dataclass

import pytest

from .conftest import Desk, eventually, serial

pytestmark = pytest.mark.site

# The first step waits, so that no run ends before the test looks.
THREE = serial(
    "until [ -e go ]; do sleep 0.2; done; echo 1 >>ends.txt", *(f"echo {number} >>ends.txt" for number in (2, 3))
)
FAILING = serial("echo 1 >>ends.txt", "test -e go && echo 2 >>ends.txt")
GOING = serial("echo start >>ends.txt; until [ -e go ]; do sleep 0.2; done; echo end >>ends.txt")
SITES = {"slurm": "generic-slurm", "htcondor": "generic-htcondor", "bindings": "generic-htcondor"}
TOOLS = ("sbatch", "squeue", "scancel", "scontrol", "condor_q", "condor_rm", "condor_submit_dag")
# A fake tool. At the chosen call it kills all our processes above it, before or after the real tool ran.
KILLER = """#!/bin/bash
tool=${0##*/}
crash() {
  local pid=$PPID victims=()
  while true; do
    victims+=("$pid")
    ! tr '\\0' ' ' <"/proc/$pid/cmdline" | grep -q 'bin/reana-batch ' || break
    pid=$(ps -o ppid= -p "$pid" | tr -d ' ')
  done
  kill -KILL "${victims[@]}"
}
# shellcheck disable=SC2053  # a pattern
[[ "$tool $*" == ${CRASH_ON-} ]] || exec "/usr/bin/$tool" "$@"
echo "$tool" >>"$CRASH_CALLS"
calls=$(grep -c . "$CRASH_CALLS")
[[ $calls != "$CRASH_AT" || $CRASH_WHEN != before ]] || { crash; exit 1; }
"/usr/bin/$tool" "$@" || exit
[[ $calls != "$CRASH_AT" ]] || crash
"""
# The same for changes that Python itself makes, and for the bindings.
HOOK = """import fnmatch, os, signal, sys
left = int(os.environ.get("CRASH_AT", 0))
def meet(text):
    global left
    if fnmatch.fnmatchcase(text, os.environ.get("CRASH_ON", "")):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(lambda event, args: meet(f"{event} {args[0]}") if event.startswith(("os.", "shutil.")) else None)
if os.environ["CRASH_KIND"] == "bindings":
    import htcondor2
    def spy(name, real):
        def call(*words, **more):
            meet(f"before {name}")
            answer = real(*words, **more)
            meet(f"after {name}")
            return answer
        return call
    for name in ("query", "act", "submit"):
        setattr(htcondor2.Schedd, name, spy(name, getattr(htcondor2.Schedd, name)))
else:
    sys.modules["htcondor2"] = None
"""


@dataclass(frozen=True)
class Point:
    """The point at which a command is killed: call or change ``number`` of those that match ``on``."""

    on: str
    number: int = 1
    when: str = "before"


def environment(desk: Desk, kind: str) -> dict[str, str]:
    """Return the environment in which commands can be killed. Writes the tools and the hook that do it."""
    for tool in TOOLS:
        desk.write(f"bin/{tool}", KILLER)
        (desk.path / "bin" / tool).chmod(0o755)
    desk.write("hook/sitecustomize.py", HOOK)
    path = f"{desk.folder}/bin:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, "PYTHONPATH": f"{desk.folder}/hook", "CRASH_KIND": kind}


def crash(desk: Desk, env: dict[str, str], point: Point, *words: str) -> None:
    """Kill a command at a point, and check that it was killed."""
    calls = {"CRASH_CALLS": f"{desk.folder}/calls", "CRASH_ON": point.on, "CRASH_AT": str(point.number)}
    (desk.path / "calls").unlink(missing_ok=True)
    done = desk.reana_batch(*words, check=False, env=env | calls | {"CRASH_WHEN": point.when})
    assert done.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL), (point, done.returncode, done.stderr)


def options(kind: str) -> tuple[str, ...]:
    return ("--site", SITES[kind], "--set", "container_runtime=none", "--runs", "runs", "-w")


def of(name: str) -> tuple[str, ...]:
    return ("--runs", "runs", "-w", name)


RUN = {
    "slurm": (
        Point("sbatch *"),
        *(Point("sbatch *", number, "after") for number in (1, 2, 3, 4)),
        Point("sbatch *", 5),
        Point("scontrol release *", 1, "after"),
    ),
    "htcondor": (Point("condor_submit_dag *"), Point("condor_submit_dag *", 1, "after")),
    "bindings": (Point("before submit"), Point("after submit")),
}


@pytest.mark.parametrize("kind", RUN)
def test_run_is_killed_while_it_submits(desk: Desk, kind: str) -> None:
    desk.write("reana.yaml", THREE)
    env = environment(desk, kind)
    for index, point in enumerate(RUN[kind]):
        name = f"p{index}"
        crash(desk, env, point, "run", *options(kind), name)
        taken = desk.slurm_jobs() + desk.condor_jobs()
        deleted = desk.reana_batch("delete", *of(name), check=False)
        if index == 0:
            assert (deleted.returncode, taken) == (0, [])
            assert not (desk.path / f"runs/{name}.1").exists()
            continue
        assert taken
        assert deleted.returncode == 3
        assert f"{name}.1 is " in deleted.stderr
        desk.write(f"runs/{name}.1/workspace/go", "")
        go_on(desk, f"{name}.1")
        assert desk.wait(f"{name}.1")["status"] == "finished", name
        assert desk.file(f"runs/{name}.1/workspace/ends.txt") == "1\n2\n3\n", name
    eventually(lambda: not desk.condor_jobs(), said=desk.condor_jobs)


def go_on(desk: Desk, run: str) -> None:
    """Submit the missing jobs of a run. If none is missing, the command is refused."""
    done = desk.reana_batch("resume", *of(run), check=False)
    assert done.returncode == 0 or "only a failed or stopped run can be resumed" in done.stderr, done.stderr


# The steps of a new submission: the first query, each kind of call, and the last one.
CALLS = {
    "slurm": (
        Point("squeue *"),
        Point("sbatch *"),
        Point("sbatch *", 1, "after"),
        Point("sbatch *", 2, "after"),
        Point("scontrol release *", 1, "after"),
    ),
    "htcondor": (Point("condor_q *"), Point("condor_submit_dag *"), Point("condor_submit_dag *", 1, "after")),
    "bindings": (Point("before query"), Point("before submit"), Point("after submit")),
}
# The changes of files: the mark or the copy, the intent, and the accepted jobs.
MARKS = {
    "resume": (Point("os.rename *run.restarted*"), Point("os.rename *run.json*"), Point("os.rename *run.json*", 2)),
    "restart": (Point("os.rename *.1.1.new"), Point("os.rename *run.json*", 3)),
}


@pytest.mark.parametrize("kind", CALLS)
@pytest.mark.parametrize("verb", MARKS)
def test_a_run_is_started_again(desk: Desk, kind: str, verb: str) -> None:
    desk.write("reana.yaml", FAILING)
    env = environment(desk, kind)
    desk.reana_batch("run", *options(kind), "p", env=env)
    assert desk.wait("p.1")["status"] == "failed"
    eventually(lambda: not desk.condor_jobs() + desk.slurm_jobs())
    desk.write("runs/p.1/workspace/go", "")
    # The steps that both verbs share are tested with one of them.
    calls = CALLS[kind] if verb == "resume" else CALLS[kind][-1:]
    points = {f"p{index}": point for index, point in enumerate((*calls, *MARKS[verb]))}
    for name, point in points.items():
        desk.copy(desk.path / "runs/p.1", f"runs/{name}.1")
        crash(desk, env, point, verb, *of(f"{name}.1"))
        last = f"{name}.1" if verb == "resume" else f"{name}.1.1"
        if (desk.path / "runs" / last).exists():
            go_on(desk, last)
        else:
            desk.reana_batch("restart", *of(f"{name}.1"))
    for name, point in points.items():
        last = f"{name}.1" if verb == "resume" else f"{name}.1.1"
        assert desk.wait(last)["status"] == "finished", point
        assert desk.file(f"runs/{name}.1/workspace/ends.txt") == "1\n2\n", point
        desk.reana_batch("delete", *of(last))
    eventually(lambda: not desk.condor_jobs() + desk.slurm_jobs())


STOP = {
    "slurm": (Point("squeue *"), Point("scancel *"), Point("scancel *", 1, "after")),
    "htcondor": (Point("condor_q *"), Point("condor_rm *"), Point("condor_rm *", 1, "after")),
    "bindings": (Point("before act"), Point("after act")),
}


@pytest.mark.parametrize("kind", STOP)
def test_a_run_is_stopped_replaced_and_deleted(desk: Desk, kind: str) -> None:
    desk.write("reana.yaml", GOING)
    env = environment(desk, kind)
    desk.reana_batch("run", *options(kind), "p", env=env)
    ends, query = desk.path / "runs/p.1/workspace/ends.txt", STOP["htcondor" if kind == "bindings" else kind][0]
    eventually(ends.exists)
    first = Point("before query") if kind == "bindings" else query
    crash(desk, env, first, "compile", *options(kind)[:4], "-o", "runs/p.1", "--force")
    for point in STOP[kind]:
        assert desk.status("p.1")["status"] == "running"
        crash(desk, env, point, "stop", *of("p.1"))
    desk.reana_batch("stop", *of("p.1"), check=False)
    assert desk.wait("p.1")["status"] in ("stopped", "failed")
    crash(desk, env, Point("os.rename *run.json*"), "resume", *of("p.1"))
    crash(desk, env, first, "delete", *of("p.1"))
    desk.write("runs/p.1/workspace/go", "")
    desk.reana_batch("resume", *of("p.1"))
    assert desk.wait("p.1")["status"] == "finished"
    assert ends.read_text() == "start\nstart\nend\n"
    for point in (Point("os.rename *p.1*"), Point("shutil.rmtree *p.1*")):
        crash(desk, env, point, "delete", *of("p.1"))
    desk.reana_batch("delete", *of("p.1"), check=False)
    assert desk.reana_batch("list", "--runs", "runs", "--json").stdout.count('"name": "p.1"') == 0
    eventually(lambda: not desk.condor_jobs() + desk.slurm_jobs())


# Writes the record of its own row and kills its job, as if the node died just after the record.
LAST_INSTANT = """\
pid=$$PPID; echo fit >>ends.txt
until tr '\\0' ' ' </proc/$$pid/cmdline | grep -q batch/steps/step1/job.sh; do
  pid=$$(ps -o ppid= -p $$pid | tr -d ' ')
done
echo start=1 >../state/step1/0.done; kill -KILL $$pid
"""


@pytest.mark.parametrize("kind", ["slurm", "htcondor"])
def test_a_job_that_is_ended_just_after_its_record_is_told_as_such(desk: Desk, kind: str) -> None:
    desk.write("reana.yaml", serial(LAST_INSTANT, "echo plot >>ends.txt"))
    run = desk.run(*options(kind)[:4])
    assert desk.wait(run)["status"] == "failed"
    said = desk.reana_batch("status", "--runs", "runs", "-w", run, check=False).stdout
    assert "its work is done, but its job was ended before it could end by itself" in said
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"
    assert desk.file(f"runs/{run}/workspace/ends.txt") == "fit\nplot\n"
