"""Jobs fill in the path of the workspace, which is odd, in the commands of both systems, with and without containers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from .conftest import Desk
from .flows import Template, submit_flow
from .test_htcondor import SIF, TREE

pytestmark = pytest.mark.site

MARK = "$REANA_WORKSPACE"
PLACE = 'it\'s a "run" for 100% of $HOME'
PYTHON = (
    f"cat {MARK}/told >{MARK}/seen-{{row}}\npython3 - <<'END'\nopen('{MARK}/python-{{row}}', 'w').write('{MARK}')\nEND"
)
SYSTEMS = {  # the site, and the hints of the step in an image
    "slurm": ("generic-slurm", {}),
    "htcondor": ("generic-htcondor", {}),
    "htcondor and slurm": ("generic-htcondor", {"compute_backend": "slurmcern"}),
}


@pytest.fixture
def odd(desk: Desk) -> Iterator[Desk]:
    """The desk in a folder with an odd name. In the end, alice has no links to workspaces."""
    folder = f"{desk.folder}/{PLACE}"
    desk.box.alice("mkdir", "-p", folder)
    yield Desk(desk.box, folder)
    desk.box.root("rm", "-rf", "/tmp/reana-batch.1000")


def steps(image: str, row_count: int = 2) -> tuple[Template, ...]:
    bare = Template("bare", f"echo {MARK} >{MARK}/told", image="", workspace=MARK)
    return bare, Template("boxed", PYTHON, rows=row_count, needs={"bare": "all"}, image=image, workspace=MARK)


def safe_path(desk: Desk, run: str) -> str:
    return "/tmp/reana-batch.1000/" + hashlib.sha1(f"{desk.folder}/runs/{run}/workspace".encode()).hexdigest()


def check(desk: Desk, run: str) -> None:
    """Check that the jobs of a run had the safe path, and that the workspace holds nothing else."""
    assert desk.wait(run)["status"] == "finished", desk.status(run)
    workspace = desk.path / "runs" / run / "workspace"
    assert {path.name: path.read_text().strip() for path in workspace.iterdir()} == dict.fromkeys(
        ("told", "seen-0", "seen-1", "python-0", "python-1"), safe_path(desk, run)
    )


@pytest.mark.parametrize("system", SYSTEMS)
def test_commands_have_a_safe_path_with_and_without_a_container(system: str, odd: Desk) -> None:
    site, hints = SYSTEMS[system]
    bare, boxed = steps(TREE)
    settings = ["container_runtime=apptainer"]
    check(odd, submit_flow(odd, "flow", site, bare, replace(boxed, hints=hints), settings=settings))


@pytest.mark.parametrize("runtime", ["apptainer", "none"])
def test_a_restart_has_its_own_path(runtime: str, odd: Desk) -> None:
    bare, boxed = steps(TREE)
    boxed = replace(boxed, command=f"[ -e {MARK}/cured ] || exit 3\n{boxed.command}")
    first = submit_flow(odd, "flow", "generic-slurm", bare, boxed, settings=[f"container_runtime={runtime}"])
    assert odd.wait(first)["first_failure"]["exit_code"] == 3
    odd.box.alice("touch", f"{odd.folder}/runs/{first}/workspace/cured")
    odd.reana_batch("restart", "--runs", "runs", "-w", first)
    assert odd.wait(f"{first}.1")["status"] == "finished"
    workspace = odd.path / "runs" / first / "workspace"
    assert (workspace / "seen-0").read_text().strip() == safe_path(odd, first)
    assert (workspace / "python-0").read_text() == safe_path(odd, f"{first}.1")


def test_the_container_universe(odd: Desk) -> None:
    check(odd, submit_flow(odd, "flow", "generic-htcondor", *steps(SIF), settings=["container_runtime=htcondor"]))


def test_a_workspace_that_is_transferred_has_its_path_on_the_worker(odd: Desk) -> None:
    settings = ["container_runtime=apptainer", "htcondor.file_transfer=true"]
    run = submit_flow(odd, "flow", "generic-htcondor", *steps(TREE), settings=settings)
    assert odd.wait(run)["status"] == "finished"
    workspace = odd.path / "runs" / run / "workspace"
    for name in ("told", "python-0", "python-1"):
        assert (workspace / name).read_text().startswith("/var/lib/condor/execute/")


@pytest.mark.site("slurm")
def test_a_folder_of_links_that_another_user_made_is_refused(odd: Desk) -> None:
    odd.box.root("mkdir", "-m", "0777", "/tmp/reana-batch.1000")
    run = submit_flow(odd, "flow", "generic-slurm", *steps(TREE), settings=["container_runtime=none"])
    failure = odd.wait(run)["first_failure"]
    assert failure["exit_code"] == 94
    assert "/tmp/reana-batch.1000 is not a folder of this user with mode 0700" in failure["cause"]
