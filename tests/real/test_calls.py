"""A Slurm that limits the calls of its users: what its limit counts, and what a submission does at it."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from .conftest import Desk

pytestmark = pytest.mark.site("slurm")

STEPS = 80
SITE = ("--site", "generic-slurm", "--set", "container_runtime=none")


@pytest.fixture
def limited(desk: Desk) -> Iterator[Desk]:
    """Slurm limits calls, by its own defaults."""
    desk.box.root("slurm-set", "SlurmctldParameters=rl_enable")
    steps = "".join(f"      - {{name: s{n}, environment: 'debian:12', commands: ['true']}}\n" for n in range(STEPS))
    desk.write("reana.yaml", f"workflow:\n  type: serial\n  specification:\n    steps:\n{steps}")
    try:
        yield desk
    finally:
        desk.box.root("slurm-set")


def calls(desk: Desk) -> Counter[str]:
    """Return how often each question of alice reached slurmctld since the last time, without those of slurmd."""
    shown = desk.box.root("sdiag").stdout
    by_message = shown.partition("by message type")[2].partition("by user")[0]
    desk.box.root("sdiag", "--reset")
    found = Counter({name: int(count) for name, count in re.findall(r"(REQUEST_\w+).*count:(\d+)", by_message)})
    for name in list(found):
        if re.search("COMPLETE|STATS|EPILOG|STEP|KILL", name):
            del found[name]
    return found


def refused(desk: Desk) -> int:
    """Return how many calls slurmctld told to wait."""
    return desk.box.root("cat", "/var/log/slurm/slurmctld.log").stdout.count("RPC rate limit exceeded")


def test_a_submission_above_the_limit_is_complete_and_takes_as_long_as_estimated(limited: Desk) -> None:
    desk = limited
    found = json.loads(desk.reana_batch("estimate", *SITE, "--json").stdout)
    assert found["calls"] == {"sbatch": STEPS + 2, "scontrol": 2}
    [effect] = [each for each in found["effects"] if each["setting"] == "limits.calls_per_second"]
    assert effect["text"] == "Where Slurm limits calls, the 84 calls of the submission take 27 s or more."
    warned = desk.reana_batch("validate", *SITE).stderr
    assert "The submission makes 84 calls of sbatch and scontrol." in warned

    doctor = desk.reana_batch("doctor", "--site", "generic-slurm", "--json", "--runs", "runs", check=False).stdout
    limit = next(each for each in json.loads(doctor)["findings"] if each["subject"] == "Slurm calls")
    assert (limit["state"], limit["note"]) == (
        "ok",
        "slurmctld takes 30 at once and then 2 a second, the profile says 30 and 2",
    )

    time.sleep(16)  # then the bucket of alice is full
    before, began = refused(desk), time.monotonic()
    desk.box.root("sdiag", "--reset")
    name = desk.run(*SITE)
    took = time.monotonic() - began
    assert refused(desk) > before
    assert took >= 26, took
    asked = calls(desk)
    # scontrol asks whether slurmctld is there before it shows the configuration.
    assert asked.pop("REQUEST_PING") == 1
    assert sum(asked.values()) - asked["REQUEST_SUBMIT_BATCH_JOB"] == found["calls"]["scontrol"]
    assert asked["REQUEST_SUBMIT_BATCH_JOB"] == found["calls"]["sbatch"]
    assert len(desk.file(f"runs/{name}/state/slurm.jobs").splitlines()) == found["calls"]["sbatch"]
    desk.reana_batch("stop", "-w", f"runs/{name}")


def test_looks_at_a_run_stay_below_the_limit(limited: Desk) -> None:
    desk = limited
    desk.write(
        "reana.yaml",
        "workflow:\n  type: serial\n  specification:\n    steps:\n"
        "      - {name: s, environment: 'debian:12', commands: ['sleep 45']}\n",
    )
    name = desk.run(*SITE)
    desk.until(name, lambda record: record["status"] == "running")
    calls(desk)
    desk.status(name)
    assert calls(desk) == {"REQUEST_JOB_INFO": 1, "REQUEST_PARTITION_INFO": 1}
    for words, most in ((("top", "--follow"), 6), (("wait",), 10)):
        began, before = time.monotonic(), refused(desk)
        desk.box.alice(
            "timeout", "-s", "INT", "12", "reana-batch", *words, "-w", f"runs/{name}", cwd=desk.folder, check=False
        )
        asked = calls(desk)
        assert 2 <= sum(asked.values()) <= most, asked
        assert sum(asked.values()) < 2 * (time.monotonic() - began)
        assert refused(desk) == before
    desk.reana_batch("stop", "-w", f"runs/{name}")
