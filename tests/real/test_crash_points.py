"""``run`` is killed while it submits: its jobs are known by their scheduler, and each step is done once."""

from __future__ import annotations

import pytest

from .conftest import Desk, eventually, serial

pytestmark = pytest.mark.site

THREE = serial(*(f"echo {number} >>ends.txt" for number in (1, 2, 3)))
SITES = {"slurm": ("generic-slurm", "sbatch"), "htcondor": ("generic-htcondor", "condor_submit_dag")}
# Stands for a tool: its call number CRASH_AT ends all of our processes above it, before or after the real one ran.
KILLER = """#!/bin/bash
tool=${{0##*/}}
echo "$tool" >>"$CRASH_CALLS"
calls=$(grep -cx "$tool" "$CRASH_CALLS")
crash() {{
  local pid=$PPID victims=()
  while true; do
    victims+=("$pid")
    ! tr '\\0' ' ' <"/proc/$pid/cmdline" | grep -q 'bin/reana-batch ' || break
    pid=$(ps -o ppid= -p "$pid" | tr -d ' ')
  done
  kill -KILL "${{victims[@]}}"
}}
[[ $calls != "$CRASH_AT" || $CRASH_WHEN != before ]] || {{ crash; exit 1; }}
/usr/bin/{tool} "$@" || exit
[[ $calls != "$CRASH_AT" ]] || crash
"""


def crash(desk: Desk, kind: str, name: str, number: int, when: str) -> None:
    """Let ``run`` be killed before or after a call of the tool that submits, and see that it was."""
    site, tool = SITES[kind]
    desk.write(f"bin/{tool}", KILLER.format(tool=tool))
    (desk.path / "bin" / tool).chmod(0o755)
    desk.write("no-bindings/sitecustomize.py", "import sys\nsys.modules['htcondor2'] = None\n")
    environment = {
        "PATH": f"{desk.folder}/bin:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": f"{desk.folder}/no-bindings",
        "CRASH_CALLS": f"{desk.folder}/{name}.calls",
        "CRASH_AT": str(number),
        "CRASH_WHEN": when,
    }
    words = ("--site", site, "--set", "container_runtime=none", "--runs", "runs", "-w", name)
    done = desk.reana_batch("run", *words, check=False, env=environment)
    assert done.returncode not in (0, 1, 3), done.stderr
    assert desk.file(f"{name}.calls").split() == [tool] * number


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("slurm", [(1, "before"), (1, "after"), (2, "after"), (3, "after"), (4, "after"), (5, "before")]),
        ("htcondor", [(1, "before"), (1, "after")]),
    ],
)
def test_run_is_killed_while_it_submits(desk: Desk, kind: str, points: list[tuple[int, str]]) -> None:
    desk.write("reana.yaml", THREE)
    for number, when in points:
        name = f"{when}{number}"
        crash(desk, kind, name, number, when)
        taken = desk.slurm_jobs() + desk.condor_jobs()
        deleted = desk.reana_batch("delete", "--runs", "runs", "-w", name, check=False)
        if (number, when) == (1, "before"):
            assert (deleted.returncode, taken) == (0, [])
            assert not (desk.path / f"runs/{name}.1").exists()
            continue
        assert taken
        assert deleted.returncode == 3
        assert f"{name}.1 is queued" in deleted.stderr
        # HTCondor has all of it; of Slurm's chain the rest is missing.
        desk.reana_batch("wait" if kind == "htcondor" else "resume", "--runs", "runs", "-w", name)
        assert desk.wait(f"{name}.1")["status"] == "finished", name
        assert desk.file(f"runs/{name}.1/workspace/ends.txt") == "1\n2\n3\n", name
    eventually(lambda: not desk.condor_jobs(), said=desk.condor_jobs)


# Writes the record of its own row and kills its job: what a node's death just after the record leaves.
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
    run = desk.run("--site", SITES[kind][0], "--set", "container_runtime=none")
    assert desk.wait(run)["status"] == "failed"
    said = desk.reana_batch("status", "--runs", "runs", "-w", run, check=False).stderr
    assert "its work is done, but its job was ended before it could end by itself" in said
    desk.reana_batch("resume", "--runs", "runs", "-w", run)
    assert desk.wait(run)["status"] == "finished"
    assert desk.file(f"runs/{run}/workspace/ends.txt") == "fit\nplot\n"
