"""A server on real workers: the toy server, whose commands run in containers of the real apptainer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from .conftest import Desk
from .flows import Template, submit_flow
from .test_htcondor import TREE

pytestmark = pytest.mark.site

TOY = Path(__file__).parents[1] / "toy_server/toy_server.py"
# In the container: its variables, its network, a mount that is only to read, and one to write.
SCRIPT = """set -e
env | cut -d= -f1 | sort | tr '\\n' ' '
ls /sys/class/net
cat /var/lib/given/in.txt
! touch /var/lib/given/new 2>&-
cp /var/lib/given/in.txt /var/lib/made/{row}.txt
"""


def requests(folder: str) -> str:
    mounts = [[f"{folder}/given", "/var/lib/given", "ro"], [f"{folder}/made", "/var/lib/made", "rw"]]
    return json.dumps([["run", "true", 60], ["run", SCRIPT, 0, mounts, True], ["last"]])


@pytest.mark.parametrize(
    ("site", "settings"),
    [("generic-slurm", ()), ("generic-htcondor", ("htcondor.file_transfer=true",))],
    ids=["slurm", "condor"],
)
def test_a_server_runs_its_commands_in_containers(site: str, settings: tuple[str, ...], desk: Desk) -> None:
    desk.copy(TOY, "toy_server.py")
    desk.write("given/in.txt", "given\n")
    desk.write("made/none", "")
    desk.write("python", f'#!/bin/bash\nPYTHONPATH={desk.folder} exec /opt/venv/reana-batch/bin/python "$@"\n')
    desk.box.root("chmod", "755", f"{desk.folder}/python")
    served = Template("served", requests(desk.folder), rows=3, image=TREE, server="toy_server")
    broken = replace(served, name="broken", rows=None, command=json.dumps([["say", "lacks the file"]]))
    given = ("container_runtime=apptainer", "rows_per_job=2", f"python={desk.folder}/python", *settings)
    run = submit_flow(desk, "served", site, served, replace(broken, needs={"served": "all"}), settings=given)
    record = desk.wait(run)
    assert record["first_failure"]["cause"].endswith("declared outputs are missing or wrong: the file"), record
    logs = f"runs/{run}/logs/served"
    for row in range(3):
        *names, net, read = desk.file(f"{logs}/{row}.out").split()
        assert (net, read) == ("lo", "given")
        assert {name for name in names if name.startswith(("SLURM", "REANA", "_CONDOR"))} == set()
        assert desk.file(f"made/{row}.txt") == "given\n"
    assert desk.file(f"{logs}/0.err").count("serves ") == 1
    assert "serves " not in desk.file(f"{logs}/1.err")
    assert not list((desk.path / f"runs/{run}/state").rglob("serving-*"))
    assert "toy_server" not in desk.box.root("ps", "-eo", "args").stdout
