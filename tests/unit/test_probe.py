"""A probe of a worker. Programs of the test are the batch system, and start its job or do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.findings import Finding
from reana_batch.lifecycle import probe as probes
from reana_batch.site import Site

from .stand_ins import Tools, in_path

SLURM = Site(backend="slurm", container_runtime="apptainer")
# An sbatch that starts the job at once, and a squeue that knows no job.
STARTS = "bash job.sh >job.log 2>&1; echo 5"
GONE = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
# A squeue that shows a waiting job until scancel was called.
WAITS = f'if [ -e "$(dirname "$0")/cancelled" ]; then {GONE}; fi; echo "PENDING|Priority|"'
CANCELS = 'touch "$(dirname "$0")/cancelled"'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    put = in_path(tmp_path, monkeypatch)
    put(sbatch=STARTS, squeue=GONE, scancel="exit 1", apptainer="echo apptainer version 1.4.5")
    monkeypatch.setattr(probes, "_GRACE", 0.5)
    return put


def found(runs: Path, site: Site = SLURM, patience: float = 30) -> dict[str, tuple[str, str]]:
    """Return state and note of each finding of a probe, by subject. Nothing may stay behind."""
    findings = list(probes.probe(site, runs, patience, lambda _words: None))
    assert not runs.exists()
    return {each.subject: (each.state, each.note) for each in findings}


@pytest.mark.usefixtures("tools")
def test_what_a_worker_has(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    seen = found(runs, Site(backend="slurm", container_runtime="apptainer", unpacked_images=str(tmp_path)))
    host = os.uname().nodename
    assert seen["worker"][0] == "ok"
    assert seen["shared directory"] == ("ok", f"{runs} is the same here and on {host}")
    assert seen["bash of the worker"][0] == "ok"
    assert seen["Python of the worker"] == ("ok", f"{sys.executable}, {sys.version.split()[0]} on {host}")
    assert seen["apptainer of the worker"] == ("ok", f"apptainer version 1.4.5 on {host}")
    assert seen["CVMFS of the worker"] == ("ok", f"{tmp_path} exists on {host}")
    assert seen["clock of the worker"] == ("ok", "agrees with this machine within 5 s")


def test_what_a_worker_lacks(tools: Tools, tmp_path: Path) -> None:
    tools(apptainer="exit 1", python="echo 3.9.1", date="[[ $* == +%s ]] && echo 86400", ls="exit 2")
    site = Site(backend="slurm", container_runtime="apptainer", python="/no/python", unpacked_images="/no/images")
    seen = found(tmp_path / "runs", site)
    host = os.uname().nodename
    assert seen["Python of the worker"] == ("absent", f"/no/python does not run on {host}")
    assert seen["apptainer of the worker"] == ("missing", f"none on {host}")
    assert seen["CVMFS of the worker"] == ("missing", f"/no/images does not exist on {host}")
    assert seen["clock of the worker"][0] == "missing"
    assert "behind the clock of this machine" in seen["clock of the worker"][1]


@pytest.mark.parametrize(
    ("package", "note"), [("exit 1", "has no reana-batch"), ("echo 0.0", "has reana-batch 0.0, not")]
)
def test_another_python_than_the_one_here(tools: Tools, tmp_path: Path, package: str, note: str) -> None:
    tools(python9=f"[[ $* != *reana_batch* ]] && echo 3.9.1 || {package}")
    seen = found(tmp_path / "runs", Site(backend="slurm", python=str(tmp_path / "tools/python9")))
    assert seen["Python of the worker"][0] == "absent"
    assert note in seen["Python of the worker"][1]


def test_the_worker_has_the_environment_of_the_user_if_jobs_have_it(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(apptainer='echo "${OF_THE_USER-nothing}"', sbatch="env -u OF_THE_USER bash job.sh; echo 5")
    monkeypatch.setenv("OF_THE_USER", "it's here")
    inherits = Site(backend="slurm", inherit_environment=True)
    assert found(tmp_path / "runs", inherits)["apptainer of the worker"][1].startswith("it's here on ")
    assert found(tmp_path / "runs")["apptainer of the worker"][1].startswith("nothing on ")


def test_another_directory_of_the_same_name(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="printf '%s\\n' host=n1 token=another bash=5.2 >facts; echo 5")
    seen = found(tmp_path / "runs")
    assert seen["shared directory"][0] == "missing"
    assert seen["shared directory"][1].endswith("is the same name, but not the same directory here and on n1")
    assert seen["clock of the worker"] == ("unknown", "not known")


def test_a_job_that_leaves_nothing_here(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="echo 5")
    seen = found(tmp_path / "runs")
    assert seen == {
        "worker": ("missing", "its job 5 ended without an answer"),
        "shared directory": ("missing", f"nothing that the job wrote in {tmp_path}/runs is seen here"),
    }


def test_a_job_that_fails_here(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="echo 'job.sh: no space left' >job.log; echo 5")
    seen = found(tmp_path / "runs")
    assert seen["worker"] == ("missing", "its job 5 ended without an answer: job.sh: no space left")
    assert seen["shared directory"][0] == "unknown"


def test_a_job_that_does_not_start(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="echo 5", squeue=WAITS, scancel=CANCELS)
    told: list[str] = []
    findings = list(probes.probe(SLURM, tmp_path / "runs", 1, told.append))
    assert findings == [
        Finding(
            "worker",
            "unknown",
            "its job was still waiting after 1 s",
            "wait longer with --timeout, or look at the queue.",
        )
    ]
    assert told == ["The job of the probe waits in the queue."]
    assert "scancel --quiet 5\n" in (tmp_path / "called").read_text()


def test_a_job_that_is_held(tools: Tools, tmp_path: Path) -> None:
    tools(
        sbatch="echo 5", squeue=WAITS.replace("Priority", "AssocMaxSubmitJobLimit").replace("PENDING", "SPECIAL_EXIT")
    )
    tools(scancel=CANCELS)
    state, note = found(tmp_path / "runs")["worker"]
    assert state == "missing"
    assert note.startswith("its job is held: ")


def test_a_job_that_is_refused(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="echo 'Invalid account' >&2; exit 1")
    assert found(tmp_path / "runs") == {"worker": ("missing", "Slurm did not accept the job: Invalid account")}


def test_a_scheduler_that_stops_answering(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="echo 5", squeue="echo 'no slurmctld' >&2; exit 1")
    seen = found(tmp_path / "runs")
    assert seen["worker"] == ("unknown", "squeue failed: no slurmctld")
    assert seen["job of the probe"] == ("unknown", "job 5 could not be cancelled: squeue failed: no slurmctld")


def test_a_job_that_cannot_be_cancelled(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reana_batch.lifecycle.single.LINGERING", 0.5)
    tools(sbatch="echo 5", squeue="echo 'COMPLETING|None|'", scancel="exit 0")
    seen = found(tmp_path / "runs", patience=0.1)
    assert seen["worker"] == ("unknown", "its job was still ending after 0 s")
    assert seen["job of the probe"] == ("unknown", "job 5 is still ending")


@pytest.mark.parametrize("again", ["", "kill -INT $PPID $$; ", "kill -TERM $PPID $$; kill -HUP $PPID $$; "])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_cancels_the_job_and_a_second_one_does_not_prevent_that(
    tools: Tools, tmp_path: Path, again: str, number: signal.Signals, code: int
) -> None:
    tools(sbatch="echo 5", squeue=WAITS, scancel=again + CANCELS)
    words = ("-m", "reana_batch", "doctor", "--probe", "--site", "generic-slurm", "--runs", str(tmp_path / "runs"))
    process = subprocess.Popen([sys.executable, *words], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "waits in the queue" in line:
            break
    process.send_signal(number)
    process.stderr.close()
    assert process.wait() == code
    assert "scancel --quiet 5\n" in (tmp_path / "called").read_text()
    assert (tmp_path / "tools/cancelled").exists()
    assert not (tmp_path / "runs").exists()


def test_a_hangup_that_the_caller_ignores_stays_ignored(tools: Tools, tmp_path: Path) -> None:
    tools(sbatch="kill -HUP $PPID; bash job.sh; echo 5")
    words = ("-m", "reana_batch", "doctor", "--json", "--probe", "--site", "generic-slurm")
    done = subprocess.run(
        ["nohup", sys.executable, *words, "--runs", str(tmp_path / "runs")],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    states = {each["subject"]: each["state"] for each in json.loads(done.stdout)["findings"]}
    assert states["worker"] == "ok"


TICKETS = Site(backend="htcondor", systems={"htcondor": HTCondorSettings(send_credential=True)})


@pytest.mark.parametrize(
    ("starts", "klist", "state"),
    [
        ("KRB5CCNAME=FILE:/a bash job.sh", "exit 0", "ok"),
        ("KRB5CCNAME=FILE:/a bash job.sh", "exit 1", "missing"),
        ("env -u KRB5CCNAME bash job.sh", "exit 0", "missing"),
    ],
)
def test_a_ticket_that_htcondor_sends(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: str, klist: str, state: str
) -> None:
    monkeypatch.setitem(sys.modules, "htcondor2", None)
    asks = 'grep -qx "MY.SendCredential = True" "${*: -1}" || exit 1'
    tools(condor_config_val="echo '|||'", condor_q="echo '[]'", klist=klist)
    tools(condor_submit=f"{asks}; {starts}; echo '7.0 - 7.0'")
    seen = found(tmp_path / "runs", TICKETS)
    words = "valid" if state == "ok" else "the site sends it, but the job has no valid one,"
    assert seen["Kerberos ticket of the worker"] == (state, f"{words} on {os.uname().nodename}")


def test_no_ticket_is_looked_for_where_none_is_sent(tools: Tools, tmp_path: Path) -> None:
    tools(klist="exit 0")
    assert "Kerberos ticket of the worker" not in found(tmp_path / "runs")


@pytest.mark.parametrize(
    ("starts", "df", "state", "words"),
    [
        ("TMPDIR=/tmp bash job.sh", "echo Avail; echo 2097152", "ok", "/tmp, 2.0 GiB free"),
        ("TMPDIR=/tmp bash job.sh", "echo Avail; echo 1048576", "missing", "/tmp, 1.0 GiB free"),
        ("TMPDIR=/no/such bash job.sh", "echo Avail; echo 2097152", "missing", "/no/such, not writable"),
        ("_CONDOR_SCRATCH_DIR=/tmp TMPDIR=/no bash job.sh", "exit 1", "missing", "/tmp, not writable"),
    ],
)
def test_the_scratch_space_of_a_worker(
    tools: Tools, tmp_path: Path, starts: str, df: str, state: str, words: str
) -> None:
    tools(sbatch=f"{starts}; echo 5", df=df)
    assert found(tmp_path / "runs")["scratch of the worker"] == (state, f"{words} on {os.uname().nodename}")


def test_a_system_without_such_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reana_batch.backends.driver", lambda _name: SimpleNamespace(single=None))
    assert found(tmp_path / "runs") == {"worker": ("unknown", "not looked at: Slurm starts no such jobs")}


SENDS = Site(backend="htcondor", systems={"htcondor": HTCondorSettings(file_transfer=True)})
# A condor_submit that copies the files to another folder, starts the job there, and copies its answer back.
COPIES = """
sent=$(sed -n 's/^transfer_input_files = //p' "${*: -1}" | tr -d ,)
mkdir "$0.scratch" && cp $sent "$0.scratch" && (cd "$0.scratch" && bash job.sh) && cp "$0.scratch/facts" .
rm -r "$0.scratch"
echo '7.0 - 7.0'
"""


@pytest.mark.parametrize("does", [COPIES, COPIES.replace("cp $sent", "echo other >token && cp $sent")])
def test_files_that_htcondor_sends(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    monkeypatch.setitem(sys.modules, "htcondor2", None)
    tools(condor_config_val="echo '|||'", condor_q="echo '[]'", condor_submit=does)
    seen = found(tmp_path / "runs", SENDS)
    here = f", on {os.uname().nodename}"
    assert seen["worker"][0] == "ok"
    assert "shared directory" not in seen
    assert seen["file transfer"] == (
        ("ok", f"htcondor.file_transfer brings files there and back{here}")
        if does == COPIES
        else ("missing", f"htcondor.file_transfer brings no files there{here}")
    )


def test_an_answer_that_is_not_sent_back(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "htcondor2", None)
    tools(condor_config_val="echo '|||'", condor_q="echo '[]'", condor_submit="echo '7.0 - 7.0'")
    assert found(tmp_path / "runs", SENDS) == {"worker": ("missing", "its job 7.0 ended without an answer")}


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    runs = tmp_path / "file/runs"
    assert found(runs) == {"worker": ("unknown", f"not looked at: {runs}: Not a directory")}


@pytest.mark.usefixtures("tools")
def test_runs_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    [first, *_] = probes.probe(SLURM, tmp_path / "runs", 30, lambda _words: None)
    assert first.state == "ok"
    assert list((tmp_path / "runs").iterdir()) == []
