"""Runs on a scheduler that is not the default of the machine that asks, and runs that a user started by hand."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from .conftest import Desk, eventually, serial
from .test_htcondor import by_bindings, by_tools

pytestmark = pytest.mark.site

# Another login node. It has its own name and processes, and the same files.
OTHER_NODE = """hostname other.site.test
exec setpriv --reuid alice --regid alice --init-groups --reset-env bash -lc 'cd "$1" && shift && exec "$@"' _ "$@"
"""
CONDOR = ("--site", "generic-htcondor", "--set", "container_runtime=none")
SLURM = ("--site", "generic-slurm", "--set", "container_runtime=none")
NAP = serial("echo start >>t.txt; while [ ! -e go ]; do sleep 0.2; done; echo end >>t.txt")
SECOND = "bigbird2@login.site.test"
CONFIGURATION = "/etc/condor/config.d/99-zz-second.conf"
# A separate schedd with its own queue, as on a second submission host.
SECOND_SCHEDD = """SCHEDD2 = $(SCHEDD)
SCHEDD2_ARGS = -local-name schedd2
SCHEDD2.SCHEDD_NAME = bigbird2
SCHEDD2.SCHEDD_LOG = /var/log/condor/Schedd2Log
SCHEDD2.SPOOL = /var/lib/condor/spool2
SCHEDD2.SCHEDD_ADDRESS_FILE = /var/lib/condor/spool2/.schedd_address
SCHEDD2.JOB_QUEUE_LOG = /var/lib/condor/spool2/job_queue.log
DAEMON_LIST = $(DAEMON_LIST) SCHEDD2
DC_DAEMON_LIST = +SCHEDD2
"""
# A separate slurmctld with its own node and queue. alone.conf is for a login node that only knows this cluster.
SECOND_SLURM = """set -e
cd /etc/slurm
rm -rf /var/spool/slurmctld2
mkdir -p second /var/spool/slurmctld2 /var/spool/slurmd.m1
sed 's/^ClusterName=.*/ClusterName=second/; s/slurmctld\\b/slurmctld2/; /^NodeName=/d; /^PartitionName=/d' slurm.conf >second/slurm.conf
cat >>second/slurm.conf <<'END'
SlurmctldPort=6827
NodeName=m1 NodeAddr=login NodeHostname=login Port=17011 CPUs=8 RealMemory=8000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE DefMemPerCPU=1000 State=UP
END
sed '/^Accounting/d' second/slurm.conf >second/alone.conf
cp cgroup.conf second/
export SLURM_CONF=$PWD/second/slurm.conf
{ sacctmgr -iQ add cluster second
sacctmgr -iQ add account escape cluster=second
sacctmgr -iQ add user alice account=escape cluster=second; } || : # of an earlier test
slurmctld
slurmd -N m1
"""


@pytest.fixture
def second_slurm(desk: Desk) -> Iterator[dict[str, str]]:
    """A second cluster, and the environment of a login node on which it is the default."""
    desk.box.root("bash", "-c", SECOND_SLURM)
    second = {"SLURM_CONF": "/etc/slurm/second/slurm.conf"}
    eventually(lambda: "idle" in desk.box.alice("sinfo", "-h", "-o", "%T", env=second, check=False).stdout)
    yield second
    desk.box.root("bash", "-c", f"kill -KILL {_PIDS}", check=False)


_PIDS = "$(cat /run/slurm/slurmctld2.pid /run/slurm/slurmd.m1.pid)"


def test_a_run_keeps_its_slurm_cluster(desk: Desk, second_slurm: dict[str, str]) -> None:
    """A command asks the cluster that has the jobs, or none. The default cluster of its machine does not matter."""

    def there(own: dict[str, str]) -> list[str]:
        return desk.box.alice("squeue", "-h", "-o", "%i", env=own).stdout.split()

    alone = {"SLURM_CONF": "/etc/slurm/second/alone.conf"}
    desk.write("reana.yaml", NAP)
    desk.reana_batch("run", *SLURM, "--runs", "runs", "-w", "test")
    until_started(desk, "runs/test.1")
    for env in ({}, second_slurm):
        assert "test.1 is running" in desk.reana_batch("status", "--runs", "runs", "-w", "test", env=env).stdout
    for verb in ("delete", "resume"):
        assert "is running" in refuses(desk, verb, "--runs", "runs", "-w", "test", env=second_slurm)
    for verb in ("status", "stop", "resume", "delete"):
        assert "[scheduler]" in refuses(desk, verb, "--runs", "runs", "-w", "test", env=alone)
    assert "submitted already and is running" in refuses(desk, "submit", "runs/test.1", env=second_slurm)
    desk.reana_batch("stop", "--runs", "runs", "-w", "test", env=second_slurm)
    eventually(lambda: not desk.slurm_jobs(), said=desk.slurm_jobs)
    desk.reana_batch("resume", "--runs", "runs", "-w", "test", env=second_slurm)
    assert desk.slurm_jobs()
    assert not there(second_slurm)
    desk.write("runs/test.1/workspace/go", "")
    desk.reana_batch("wait", "--runs", "runs", "-w", "test", env=second_slurm)
    assert desk.file("runs/test.1/workspace/t.txt") == "start\nstart\nend\n"
    desk.reana_batch("delete", "--runs", "runs", "-w", "test", env=second_slurm)
    # Out of reach it is neither failed nor ended, and nothing is submitted again.
    desk.reana_batch("run", *SLURM, "--runs", "runs", "-w", "far", env=second_slurm)
    until_started(desk, "runs/far.1")
    assert there(second_slurm)
    assert "far.1 is running" in desk.reana_batch("status", "--runs", "runs", "-w", "far").stdout
    desk.box.root("bash", "-c", f"kill -KILL {_PIDS}")
    for verb in ("status", "stop", "resume", "delete"):
        assert "[scheduler]" in refuses(desk, verb, "--runs", "runs", "-w", "far")
    assert not desk.slurm_jobs()


@pytest.fixture
def second_schedd(desk: Desk) -> Iterator[dict[str, str]]:
    """A second schedd, and the environment of a login node on which it is the default."""
    start = f"install -d -o condor -g condor /var/lib/condor/spool2 && cat >{CONFIGURATION} && condor_reconfig"
    desk.box.root("bash", "-c", f"{start} && condor_on -daemon schedd2", input=SECOND_SCHEDD)
    known = ("condor_status", "-schedd", "-af", "Name")
    eventually(lambda: SECOND in desk.box.alice(*known, check=False).stdout.split())
    yield {"_CONDOR_SCHEDD_HOST": SECOND}
    desk.box.root("bash", "-c", f"condor_off -fast -daemon schedd2; rm {CONFIGURATION}; condor_reconfig")


def queued(desk: Desk, env: dict[str, str] | None = None) -> list[str]:
    """Return the clusters in a schedd's queue that were submitted here and are not being removed."""
    where = ("-constraint", f'regexp("^{desk.folder}/", Iwd) && JobStatus != 3')
    return desk.box.alice("condor_q", *where, "-af", "ClusterId", env=env).stdout.split()


def is_idle(desk: Desk, env: dict[str, str]) -> bool:
    return not queued(desk, env)


def until_started(desk: Desk, run: str) -> None:
    eventually((desk.path / run / "workspace/t.txt").exists, said=lambda: str(desk.condor_jobs() + desk.slurm_jobs()))


def refuses(desk: Desk, *words: str, env: dict[str, str] | None = None) -> str:
    answer = desk.reana_batch(*words, check=False, env=env)
    assert answer.returncode == 3, answer.stderr
    return answer.stderr


@pytest.mark.parametrize("way", [by_bindings, by_tools])
def test_a_run_keeps_its_schedd(desk: Desk, second_schedd: dict[str, str], way: object) -> None:
    """A command asks the schedd that has the jobs. The default schedd of its machine does not matter."""
    assert callable(way)
    plain: dict[str, str] = way(desk)
    other = plain | second_schedd
    desk.write("reana.yaml", NAP)
    desk.reana_batch("run", *CONDOR, "--runs", "runs", "-w", "test", env=other)
    until_started(desk, "runs/test.1")
    assert not queued(desk)
    assert queued(desk, second_schedd)
    for env in (plain, other):
        assert "test.1 is running" in desk.reana_batch("status", "--runs", "runs", "-w", "test", env=env).stdout
    assert "is running" in refuses(desk, "delete", "--runs", "runs", "-w", "test", env=plain)
    assert "submitted already and is running" in refuses(desk, "submit", "runs/test.1", env=plain)
    desk.reana_batch("stop", "--runs", "runs", "-w", "test", env=plain)
    eventually(partial(is_idle, desk, second_schedd))
    desk.reana_batch("resume", "--runs", "runs", "-w", "test", env=plain)
    assert not queued(desk)
    assert queued(desk, second_schedd)
    desk.write("runs/test.1/workspace/go", "")
    desk.reana_batch("wait", "--runs", "runs", "-w", "test", env=plain)
    assert desk.file("runs/test.1/workspace/t.txt") == "start\nstart\nend\n"
    # Out of reach it is neither failed nor ended, and nothing is submitted again.
    (desk.path / "runs/test.1/workspace/go").unlink()
    desk.reana_batch("run", *CONDOR, "--runs", "runs", "-w", "far", env=other)
    until_started(desk, "runs/far.1")
    desk.box.root("condor_off", "-fast", "-daemon", "schedd2")
    eventually(lambda: desk.box.alice("condor_q", check=False, env=second_schedd).returncode != 0)
    for verb in ("status", "stop", "resume", "restart", "delete"):
        assert "[scheduler]" in refuses(desk, verb, "--runs", "runs", "-w", "far", env=plain)
    assert '"status": "unknown"' in desk.reana_batch("list", "--runs", "runs", "--json", env=plain).stdout
    assert not queued(desk)


def test_a_dag_that_was_submitted_by_hand_is_known(desk: Desk, second_schedd: dict[str, str]) -> None:
    desk.write("reana.yaml", NAP)
    for name, env in (("here", {}), ("there", second_schedd)):
        desk.reana_batch("compile", *CONDOR, "-o", name)
        desk.box.alice("condor_submit_dag", "batch/workflow.dag", cwd=f"{desk.folder}/{name}", env=env)
        until_started(desk, name)
        assert f"{name} is running" in desk.reana_batch("status", "-w", f"./{name}").stdout
        assert "is running" in refuses(desk, "submit", name)
        for verb in ("resume", "restart", "delete"):
            assert "is running" in refuses(desk, verb, "-w", f"./{name}")
        desk.reana_batch("stop", "-w", f"./{name}")
        eventually(partial(is_idle, desk, env))
        desk.write(f"{name}/workspace/go", "")
        desk.reana_batch("resume", "-w", f"./{name}", env=env)
        desk.reana_batch("wait", "-w", f"./{name}")
        assert desk.file(f"{name}/workspace/t.txt") == "start\nstart\nend\n"
        desk.reana_batch("delete", "-w", f"./{name}")


def test_a_make_that_was_started_by_hand_on_another_login_node_is_known(desk: Desk) -> None:
    def there(*words: str, check: bool = True) -> str:
        alone = ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "bash", "-c", OTHER_NODE, "_", desk.folder)
        answer = desk.box.root(*alone, "reana-batch", *words, check=check)
        assert check or answer.returncode == 3, answer.stderr
        return answer.stderr

    desk.write("reana.yaml", NAP)
    desk.reana_batch("compile", "--site", "local", "-o", "byhand")
    make = partial(desk.box.alice, "make", "-f", "batch/Makefile", cwd=f"{desk.folder}/byhand")
    with ThreadPoolExecutor() as pool:
        going = pool.submit(make)
        until_started(desk, "byhand")
        assert "byhand is running" in desk.reana_batch("status", "-w", "./byhand").stdout
        for verb in ("status", "stop", "resume", "restart", "delete"):
            assert "byhand runs on login.site.test. [scheduler]" in there(verb, "-w", "./byhand", check=False), verb
        desk.write("byhand/workspace/go", "")
        going.result()
    there("wait", "-w", "./byhand")
    assert desk.file("byhand/workspace/t.txt") == "start\nend\n"
    there("delete", "-w", "./byhand")


def test_a_chain_that_was_submitted_by_hand_is_known(desk: Desk) -> None:
    desk.write("reana.yaml", NAP)
    desk.reana_batch("compile", *SLURM, "-o", "byhand")
    desk.box.alice("bash", "batch/submit.sh", cwd=f"{desk.folder}/byhand")
    until_started(desk, "byhand")
    assert "byhand is running" in desk.reana_batch("status", "-w", "./byhand").stdout
    assert "is running" in refuses(desk, "submit", "byhand")
    for verb in ("resume", "restart", "delete"):
        assert "is running" in refuses(desk, verb, "-w", "./byhand")
    desk.reana_batch("stop", "-w", "./byhand")
    desk.write("byhand/workspace/go", "")
    desk.reana_batch("resume", "-w", "./byhand")
    desk.reana_batch("wait", "-w", "./byhand")
    assert desk.file("byhand/workspace/t.txt") == "start\nstart\nend\n"
    # The run also records its cluster, because "no such job" from another cluster means nothing.
    other = desk.file("byhand/state/slurm.cluster").strip() + "2"
    desk.write("byhand/state/slurm.cluster", other + "\n")
    (desk.path / "byhand/state/step1/0.done").unlink()
    status = ("status", "-w", "./byhand", "--json")
    eventually(lambda: '"unknown"' in desk.reana_batch(*status, check=False).stdout)  # its last finaliser may still end
    for verb in ("resume", "restart", "delete"):
        assert other in refuses(desk, verb, "-w", "./byhand")
