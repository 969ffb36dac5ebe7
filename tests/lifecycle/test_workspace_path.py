"""Runs whose commands have the path of the workspace, which is odd, with make and a toy language."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import python_lines
from tests.toy import flows

from .conftest import Desk, environment

ODD = 'it\'s "my" 100% of $HOME'
MARK = "$REANA_WORKSPACE"
LINKS = Path(f"/tmp/reana-batch.{os.geteuid()}")

# Each job names a file by its absolute path and without quotes. The last waits for a file of the user.
STEPS = [
    flows.step("make", f"mkdir -p {MARK}/parts; for i in 1 2; do echo $i >{MARK}/parts/$i; done"),
    flows.step("last", f"{{ [ -e {MARK}/good ] || cat {MARK}/missing; }} && cat {MARK}/out/* >>{MARK}/result", "work"),
]
WORK = flows.step(
    "work", f"mkdir -p out; python3 -c \"open('{MARK}/out/' + '{{file}}'[6:], 'w').write('{MARK}\\n')\"", each=True
)
FLOW: dict[str, Any] = {
    "steps": [{**STEPS[0], "workspace": MARK}],
    "expansions": [
        flows.expansion("parts", "parts/*", "make", steps=[{**each, "workspace": MARK} for each in (WORK, STEPS[1])])
    ],
}


def link(run: Path) -> Path:
    """Return the path that commands have instead of that of the workspace."""
    return LINKS / hashlib.sha1(f"{run}/workspace".encode()).hexdigest()


@pytest.fixture
def places(desk: Desk) -> Iterator[tuple[Path, Path]]:
    """The odd path of a run, and the path to which it moves. Links to them are deleted after the test."""
    odd = desk.path / ODD / "test.1", desk.path / ODD / "größer" / "test.1"
    yield odd
    for place in (*odd, odd[1].with_name("test.1.1")):
        link(place).unlink(missing_ok=True)


def reana_batch(desk: Desk, *words: str, runs: Path, exits: int = 0) -> str:
    """Run a command in a Python that knows the toy language, and return what it prints."""
    own = environment(PYTHONPATH=str(flows.HERE), REANA_BATCH_RUNS=str(runs), **python_lines.variables())
    command = [sys.executable, "-m", "reana_batch", *words]
    done = subprocess.run(command, cwd=desk.path, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == exits, done.stderr
    return done.stdout


def outs(run: Path) -> set[str]:
    return {path.read_text("utf-8").strip() for path in (run / "workspace/out").iterdir()}


def test_a_run_in_an_odd_place_that_moves_and_starts_again(desk: Desk, places: tuple[Path, Path]) -> None:
    desk.write("flow.json", json.dumps(FLOW))
    desk.write("reana.yaml", flows.ANALYSIS)
    run, moved = places
    reana_batch(desk, "run", "-w", "test", runs=run.parent, exits=1)
    assert outs(run) == {str(link(run))}
    status = json.loads(reana_batch(desk, "status", "-w", "test", "--json", runs=run.parent))
    assert f"cat {link(run)}/missing" in status["first_failure"]["command"]

    moved.parent.mkdir()
    run.rename(moved)
    (moved / "workspace/good").touch()
    reana_batch(desk, "resume", "-w", "test", runs=moved.parent)
    assert (moved / "workspace/result").read_text("utf-8") == f"{link(run)}\n{link(run)}\n"
    assert os.readlink(link(moved)) == f"{moved}/workspace"
    assert not list((moved / "workspace").rglob("*reana-batch*"))

    for record in (moved / "expansions/parts/state").rglob("work/*"):
        record.unlink()
    reana_batch(desk, "restart", "-w", "test", runs=moved.parent)
    assert outs(moved) == {str(link(moved.with_name("test.1.1")))}
