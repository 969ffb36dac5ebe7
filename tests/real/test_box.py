"""Tests of the box itself. All other tests of the real systems need it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site.box import CACHE, SITE, Box

from .conftest import eventually

pytestmark = pytest.mark.site


@pytest.fixture
def own(installed: Box) -> Iterator[Box]:
    """A second box that other tests do not use. It is down."""
    made = Box(f"{installed.name}-own")
    made.down()
    yield made
    made.down()


def site(box: Box, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Return the answer of the script ``site`` to any caller."""
    surroundings = {**os.environ, "HOME": os.environ["CALLERS_HOME"], "SITE_BOX": box.name, **variables}
    return subprocess.run([SITE, *words], env=surroundings, capture_output=True, text=True, check=False, timeout=300)


def controller(box: Box) -> str:
    return box.root("cat", "/run/slurm/slurmctld.pid").stdout.strip()


def test_a_controller_that_is_killed_before_it_has_saved_anything_starts_again(own: Box) -> None:
    own.up("slurm")
    killed = controller(own)
    own.kill("cat /run/slurm/slurmctld.pid")
    own.up("slurm")
    assert controller(own) != killed


def test_nothing_that_was_done_in_a_box_is_there_in_the_next(own: Box) -> None:
    traces = [
        "/etc/trace",
        "/home/alice/trace",
        "/shared/alice/trace",
        "/tmp/trace",
        "/var/lib/trace",
        "/opt/site/trace",
    ]
    own.up("slurm")
    own.alice("sbatch", "--wrap", "sleep 100")
    own.root("touch", *traces)
    own.root("rm", "-r", "/usr/bin/squeue", "/var/spool/slurmctld")
    own.down()
    own.up("slurm")
    assert own.root("ls", *traces, check=False).stdout == ""
    assert own.alice("squeue", "--noheader").stdout == ""


def test_a_box_that_does_not_recover_is_replaced_and_its_logs_are_kept(own: Box) -> None:
    own.up("slurm")
    own.kill("cat /run/slurm/slurmctld.pid")
    own.root("rm", "/var/spool/slurmctld/assoc_usage")
    own.root("touch", "/trace")
    answer = site(own, "up", "slurm", SITE_OWNER=str(os.getpid()))
    assert answer.returncode == 0
    assert re.search("^slurm did not come up: .*fatal: No Assoc usage file", answer.stderr, re.MULTILINE), answer.stderr
    assert "site: the box is not healthy: a new one replaces it" in answer.stderr
    (kept,) = re.findall("^site: the logs of its daemons are in (.*)$", answer.stderr, re.MULTILINE)
    assert "fatal: No Assoc usage file" in (Path(kept) / "slurm/slurmctld.log").read_text()
    shutil.rmtree(kept)  # the summary must not show the failure that this test provoked
    assert own.root("ls", "/trace", check=False).stdout == ""
    assert own.root("timeout", "5", "scontrol", "ping").stdout.endswith("is UP\n")


def test_a_box_ends_with_the_process_that_started_it(own: Box) -> None:
    with subprocess.Popen(["sleep", "1000"]) as owner:
        assert site(own, "up", "mariadb", SITE_OWNER=str(owner.pid)).returncode == 0
        pid = Path(site(own, "path").stdout.strip()).parts[2]
        assert Path(f"/proc/{pid}").exists()
        owner.kill()
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    eventually(lambda: not (CACHE / "boxes" / own.name).exists())


def test_a_box_does_not_depend_on_its_caller(own: Box) -> None:
    odd = (
        "umask 077; trap '' HUP INT QUIT TERM CHLD USR1; export LC_ALL=tr_TR.UTF-8 BASH_ENV=/nonexistent;"
        ' ulimit -Sn 128; exec 5</dev/null 77>/dev/null <&-; exec "$@" >/dev/null'
    )
    subprocess.run(
        ["bash", "-c", odd, "_", SITE, "up", "slurm"],
        env={**os.environ, "HOME": os.environ["CALLERS_HOME"], "SITE_BOX": own.name},
        check=True,
        timeout=300,
    )
    facts = "cat /proc/$(cat /run/slurm/slurmctld.pid)/status; ls /proc/1/fd; ulimit -n"
    told = own.root("bash", "-c", facts).stdout
    ignored = int(re.findall("^SigIgn:\\t(.*)$", told, re.MULTILINE)[0], 16)
    assert not ignored & sum(1 << (each - 1) for each in (signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD))
    assert told.splitlines()[-4:-1] == ["0", "1", "2"]
    assert own.alice("sh", "-c", "cd / && ls /etc/slurm/slurm.conf && umask").stdout == "/etc/slurm/slurm.conf\n0022\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", f"import os; os.setsid(); os.execv({str(SITE)!r}, ['site', 'build'])"]
    environment = {**os.environ, "HOME": os.environ["CALLERS_HOME"], "REANA_BATCH_BOX": str(cache)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as build:
        eventually((cache / "part/usr").exists, 60)
        time.sleep(1)
        os.kill(build.pid, number)
        assert build.stderr is not None
        assert "site: interrupted: the unfinished layers are deleted" in build.stderr.read()
    assert build.returncode == 130
    assert sorted(path.name for path in cache.iterdir()) == ["boxes", "lock", "log"]
    session = ["pgrep", "-s", str(build.pid)]
    eventually(lambda: subprocess.run(session, check=False, stdout=subprocess.DEVNULL).returncode == 1)


def test_each_release_of_htcondor_has_layers_of_its_own(tmp_path: Path) -> None:
    def answer(condor: str, *words: str) -> str:
        environment = {**os.environ, "REANA_BATCH_BOX": f"{tmp_path}/site", "REANA_BATCH_BOX_CONDOR": condor}
        ended = subprocess.run([SITE, *words], env=environment, capture_output=True, text=True, check=False)
        return (ended.stdout + ended.stderr).strip()

    folders = {condor: Path(answer(condor, "cache")) for condor in ("25.6", "23.9")}
    for condor, folder in folders.items():
        folder.mkdir()
        (folder / "built").write_text(condor)
        answer(condor, "down", "--all")
    assert {condor: (folder / "built").read_text() for condor, folder in folders.items()} == {c: c for c in folders}
    assert answer("9.0", "cache") == "site: REANA_BATCH_BOX_CONDOR is 25.6 or 23.9, not 9.0."


def test_the_script_may_change_while_it_runs(tmp_path: Path) -> None:
    script = tmp_path / "site"
    script.write_text(SITE.read_text("utf-8"), "utf-8")
    with script.open("a", encoding="utf-8") as end:
        end.write("'")  # bash would read this next, if the file had grown
    ended = subprocess.run(["bash", script, "help"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_another_recipe_or_an_old_box_is_not_used(tmp_path: Path) -> None:
    def answer() -> str:
        environment = {**os.environ, "REANA_BATCH_BOX": str(tmp_path)}
        return subprocess.run([SITE, "up"], env=environment, capture_output=True, text=True, check=False).stderr

    assert answer() == "site: not built: run 'site build'\n"
    (tmp_path / "built").write_text("99-first-start 0123\n")
    assert answer() == "site: built by another recipe: run 'site build'\n"
    month = time.time() - 31 * 86400
    os.utime(tmp_path / "built", (month, month))
    assert answer() == "site: built more than 30 days ago: run 'site build'\n"
