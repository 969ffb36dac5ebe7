"""Submission with pyslurm, as submit.sh does it, with stand-ins that only record calls.

tests/real shows the result with a real pyslurm and a real Slurm.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reana_batch import pipeline
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.ir import Asked, Hint, Need, Pattern, Script, Step, Workflow, literal
from reana_batch.lifecycle.creation import write_run
from reana_batch.site import Site
from reana_batch.templates.slurm import pyslurm_sbatch
from tests.steps import Numbers

ORIGIN = Place("reana.yaml", 1)
ROWS = Numbers(5)

SBATCH = """#!/bin/bash
[[ $1 != --version ]] || { echo "slurm-wlm ${VERSION:-25.11.5}"; exit; }
printf '%s\\n' "$*" >>sbatch-calls
grep -c . sbatch-calls
"""
SCONTROL = """#!/bin/bash
[[ $1 != show ]] || echo "MaxArraySize = 1001"
"""

# The pyslurm of these tests numbers the jobs that it gets and records them.
PYSLURM = """import json, os, types

class PyslurmError(Exception):
    pass

class Config:
    cli_filter_plugins = []
    mpi_parameters = {}
    load = classmethod(lambda cls: cls)

slurmctld = types.SimpleNamespace(Config=Config)

class JobSubmitDescription:
    def __init__(self, **asked):
        assert next(asked.pop("profile_types"), None) is None
        self.asked = asked

    def submit(self):
        with open("submitted", "a+") as file:
            file.write(json.dumps(self.asked) + "\\n")
            file.seek(0)
            return len(file.readlines())
"""


@dataclass(frozen=True)
class Slurm:
    """A run, and a Slurm to submit it to."""

    run: Path
    bin: Path
    packages: Path

    def pyslurm(self, code: str, version: str = "25.11.2") -> None:
        """Install a pyslurm: PYSLURM followed by the given code."""
        folder = self.packages / "pyslurm"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text(PYSLURM + code)
        information = self.packages / "pyslurm.dist-info"
        information.mkdir(exist_ok=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pyslurm\nVersion: {version}\n")

    def submit(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Submit the run."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("SLURM_", "REANA_", "COV_"))}
        paths = {"PATH": f"{self.bin}:{os.environ['PATH']}", "PYTHONPATH": str(self.packages)}
        command = ["bash", "batch/submit.sh", sys.executable]
        return subprocess.run(
            command, cwd=self.run, env=kept | paths | environment, capture_output=True, text=True, check=False
        )

    @property
    def submitted(self) -> list[dict[str, Any]]:
        """Return the jobs that pyslurm received."""
        file = self.run / "submitted"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def journal(self) -> list[list[str]]:
        file = self.run / "state/slurm.jobs"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []


def slurm(path: Path, submission: str, **settings: Any) -> Slurm:
    """Return a run of two arrays and a job that waits for both, not yet submitted."""
    plain: dict[str, Any] = {"label": "x", "origin": ORIGIN, "action": Script((literal("true", ORIGIN),))}
    asked: dict[str, str | int | bool] = {
        "htcondor_request_cpus": 2,
        "kubernetes_memory_limit": "300Mi",
        "htcondor_request_disk": "5M",
        "slurm_time": 2,
    }
    hints = {name: Hint(value, ORIGIN) for name, value in asked.items()}
    steps = (
        Step(name="a", table=ROWS, asked=Asked(hints=hints), **plain),
        Step(name="b", table=ROWS, needs=(Need("a", Pattern.EACH),), **plain),
        Step(name="c", needs=(Need("a"), Need("b")), **plain),
    )
    site = Site(systems={"slurm": SlurmSettings(submission=submission, max_array_size=3, **settings)})
    write_run(pipeline.lower(Workflow("w", "serial", steps), site, "slurm", Diagnostics()), path / "run")
    made = Slurm(path / "run", path / "bin", path / "packages")
    made.bin.mkdir()
    made.packages.mkdir()
    for tool, text in {"sbatch": SBATCH, "scontrol": SCONTROL, "squeue": "", "scancel": ""}.items():
        (made.bin / tool).write_text(text or "#!/bin/bash\n")
        (made.bin / tool).chmod(0o700)
    return made


# --- a pyslurm that works -------------------------------------------------------------------------


def test_the_chain_that_pyslurm_is_given(tmp_path: Path) -> None:
    here = slurm(tmp_path, "pyslurm", partition="main", account="mine", qos="high")
    here.pyslurm("")
    done = here.submit(CANARY="tweet")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "reana-batch: 5 submissions accepted, first job 1\n"
    keys = [key for _, key, *_ in here.journal]
    assert keys == ["a/0", "a/1", "b/0", "b/1", "c/0", ".finaliser/failure", ".finaliser/end"]
    a0, a1, b0, b1, c, failure, end = here.submitted
    assert [job["array"] for job in (a0, a1, b0, b1)] == ["0-2", "0-1", "0-2", "0-1"]
    assert [job.get("dependencies") for job in here.submitted] == [
        None,
        None,
        "aftercorr:1",
        "aftercorr:2",
        "afterok:1,afterok:2,afterok:3,afterok:4",
        "?".join(f"afternotok:{parent}" for parent in sorted("1234", key=failure["dependencies"].find)),
        "afterany:5",
    ]
    assert [job.get("priority") for job in here.submitted] == [0, 0, None, None, None, None, None]
    token = a0.pop("comment").split(":")[0]
    environment = a0.pop("environment")
    assert a0 == {
        "account": "mine",
        "array": "0-2",
        "cpus_per_task": 2,
        "is_requeueable": True,
        "log_files_open_mode": "append",
        "memory_per_node": "300M",
        "min_cpus_per_node": 2,
        "name": "a",
        "ntasks": 0xFFFFFFFE,
        "partitions": "main",
        "priority": 0,
        "qos": "high",
        "script": str(here.run / "batch/steps/a/job.sbatch"),
        "script_args": ["0"],
        "standard_output": str(here.run / "logs/a/slurm.out"),
        "temporary_disk_per_node": "5M",
        "time_limit": 2,
        "working_directory": str(here.run),
    }
    assert a1["script_args"] == ["3"]
    assert {"cpus_per_task", "memory_per_node"} & c.keys() == set()
    assert (end["name"], end["script_args"]) == ("finaliser", ["end", token])
    assert environment["SLURM_SUBMIT_DIR"] == str(here.run)
    assert environment["SLURM_EXPORT_ENV"] == "NIL"
    assert "tweet" not in environment.values()
    assert {"PATH", "HOME"} & environment.keys() == set()


def test_a_job_that_is_refused(tmp_path: Path) -> None:
    here = slurm(tmp_path, "auto")
    here.pyslurm("""
class JobSubmitDescription(JobSubmitDescription):
    def submit(self):
        if self.asked["name"] == "b":
            raise PyslurmError("Invalid partition name specified")
        return super().submit()
""")
    done = here.submit()
    assert done.returncode == 7
    assert done.stderr.splitlines() == [
        "reana-batch: pyslurm refused b/0: pyslurm: Invalid partition name specified",
        "reana-batch: cancelling the 2 jobs and arrays accepted so far",
    ]
    assert here.journal == []


@pytest.mark.parametrize(
    ("variables", "hydra", "made"),
    [
        ({}, True, {*pyslurm_sbatch.PLAIN_LAUNCHERS, *(name for pair in pyslurm_sbatch.HYDRAS for name in pair)}),
        ({}, False, set(pyslurm_sbatch.PLAIN_LAUNCHERS)),
        ({"HYDRA_BOOTSTRAP": "rsh"}, True, {*pyslurm_sbatch.PLAIN_LAUNCHERS, *pyslurm_sbatch.HYDRAS[1]}),
        ({"HYDRA_BOOTSTRAP": "slurm", "PRTE_MCA_plm_slurm_args": "mine"}, False, {"OMPI_MCA_plm_slurm_args"}),
    ],
)
def test_variables_for_mpirun(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], hydra: bool, made: set[str]
) -> None:
    for name in (*pyslurm_sbatch.PLAIN_LAUNCHERS, *(name for pair in pyslurm_sbatch.HYDRAS for name in pair)):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert pyslurm_sbatch.launchers(hydra=hydra).keys() == made


def test_an_option_that_is_not_in_the_table(tmp_path: Path) -> None:
    script = tmp_path / "job.sbatch"
    script.write_text("#!/bin/bash\n#SBATCH --export=ALL\n#SBATCH --exclusive\ntrue\n")
    with pytest.raises(KeyError, match="exclusive"):
        pyslurm_sbatch.description([str(script)], hydra=True)


def test_lines_that_are_not_options(tmp_path: Path) -> None:
    script = tmp_path / "job.sbatch"
    text = "#!/bin/bash\n# reana.yaml:1\n#SBATCH --export=ALL\n#SBATCH --time=5\n. batch/x\n#SBATCH --time=9\n"
    script.write_text(text)
    asked = pyslurm_sbatch.description(["--time=7", str(script), "--hold"], hydra=True)
    assert (asked["time_limit"], asked["script_args"]) == (7, ["--hold"])
    assert "priority" not in asked


# --- one that does not ------------------------------------------------------------------------------

HANGS = "import time; time.sleep(1000)"
# Seconds until submit.sh gives up a helper that hangs. On a busy machine a helper that works is slow too.
SHORT, PATIENT = "10", "240"

FATAL = "import sys; print('pyslurm: fatal: no slurm.conf', file=sys.stderr); sys.stderr.flush(); os._exit(1)"
MISFITS = [
    pytest.param("", {"VERSION": "26.05.1"}, "is for Slurm 25.11, and the Slurm here is 26.05.1", id="version"),
    pytest.param("", {"SLURM_CLUSTERS": "other"}, "and SLURM_CLUSTERS is set", id="clusters"),
    pytest.param(FATAL, {}, "pyslurm: fatal: no slurm.conf", id="fatal"),
    pytest.param("os.kill(os.getpid(), 11)", {}, "it does not answer", id="segfault"),
    pytest.param("import nonesuch_library", {}, "No module named 'nonesuch_library'", id="library"),
    pytest.param(HANGS, {"REANA_BATCH_SBATCH_TIMEOUT": "2"}, "it does not answer", id="hangs"),
    pytest.param(
        "Config.cli_filter_plugins = ['lua']", {}, "does more than pyslurm: CliFilterPlugins=lua", id="filter"
    ),
    pytest.param(
        "def fail(): raise PyslurmError('Protocol authentication error')\nConfig.load = fail",
        {},
        "slurmctld does not answer pyslurm: Protocol authentication error",
        id="authentication",
    ),
]


@pytest.mark.parametrize(("code", "variables", "reason"), MISFITS)
@pytest.mark.parametrize("submission", ["auto", "pyslurm"])
def test_a_pyslurm_that_does_not_fit(
    tmp_path: Path, submission: str, code: str, variables: dict[str, str], reason: str
) -> None:
    here = slurm(tmp_path, submission)
    here.pyslurm(code)
    _assert_unfit(here, submission, reason, **variables)


@pytest.mark.parametrize("submission", ["auto", "pyslurm"])
def test_no_pyslurm(tmp_path: Path, submission: str) -> None:
    _assert_unfit(slurm(tmp_path, submission), submission, f"pyslurm is not installed for {sys.executable}")


@pytest.mark.parametrize("submission", ["auto", "pyslurm"])
def test_no_python(tmp_path: Path, submission: str) -> None:
    here = slurm(tmp_path, submission, pyslurm_python="/nonesuch/bin/python")
    _assert_unfit(here, submission, "/nonesuch/bin/python: No such file or directory")


def _assert_unfit(here: Slurm, submission: str, reason: str, **variables: str) -> None:
    """Check that sbatch is used instead, or nothing if only pyslurm will do, and that the user sees the reason."""
    done = here.submit(**{"REANA_BATCH_SBATCH_TIMEOUT": PATIENT, **variables})
    assert done.stderr.startswith("reana-batch: pyslurm does not fit: ")
    calls = here.run / "sbatch-calls"
    if submission == "auto":
        assert done.returncode == 0
        assert done.stderr.endswith(f"{reason}; sbatch is used\n")
        assert len(calls.read_text().splitlines()) == 7
    else:
        assert done.returncode == 7
        assert done.stderr.endswith(f"{reason}; choose --set slurm.submission=sbatch\n")
        assert not calls.exists()
        assert here.journal == []
        assert not (here.run / "state/slurm.submitting").exists()
    assert here.submitted == []


# --- two at once ------------------------------------------------------------------------------------

# Numbers jobs for both, and lets the other submission run in between. "release" shows whose jobs may start.
SLOW_SBATCH = """#!/bin/bash
exec 9>>lock; flock 9
for word; do [[ $word != --comment=* ]] || printf '%s\\n' "${word#*=}" >>sbatch-calls; done
grep -c . sbatch-calls
sleep 0.1
"""
# Tells who has begun: each makes its token then. No job is submitted until both have begun or one has given way.
BEGINS = '#!/bin/bash\necho begun >>begun; PATH=${PATH#*:} exec sha1sum "$@"\n'
LATE_SBATCH = SLOW_SBATCH.replace(
    "exec 9", "until [[ -e one-has-ended || $(wc -l <begun) -ge 2 ]]; do sleep 0.05; done\nexec 9"
)
SHOWN = "#!/bin/bash\n[[ ! -e sbatch-calls ]] || nl -w 1 -s ' ' sbatch-calls\n"
RELEASED = f'{SCONTROL}[[ $1 != release ]] || echo "$2" >>released\n'
CANCELLED = """#!/bin/bash\nprintf '%s\\n' "$@" >>cancelled\n"""


@pytest.mark.parametrize("hosts", [("here", "here"), ("here", "there")])
def test_of_two_submissions_at_once_one_chain_starts(tmp_path: Path, hosts: tuple[str, str]) -> None:
    """A scheduler may start the job of an expansion twice. Another host cannot see that the first one still runs."""
    here = slurm(tmp_path, "sbatch")
    tools = {"sbatch": LATE_SBATCH, "squeue": SHOWN, "scontrol": RELEASED, "scancel": CANCELLED, "sha1sum": BEGINS}
    for tool, text in tools.items():
        (here.bin / tool).write_text(text)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(here.submit, HOSTNAME=host) for host in hosts]
        wait(both, return_when=FIRST_COMPLETED)
        (here.run / "one-has-ended").touch()
    assert sorted(each.result().returncode for each in both) == [0, 8]
    [released] = (here.run / "released").read_text().splitlines()
    [token] = {_comment(here, number).partition(":")[0] for number in released.split(",")}
    assert [key for _, key, *_ in here.journal][-7:] == [*("a/0", "a/1", "b/0", "b/1", "c/0"), *FINALISERS]
    assert {_comment(here, number).partition(":")[0] for number, *_ in here.journal[-7:]} == {token}
    others = [number for number in range(1, 15) if token not in _comment(here, number, "")]
    cancelled = here.run / "cancelled"
    assert {number for number in others if _comment(here, number, "")} <= {
        int(number) for number in (cancelled.read_text().split() if cancelled.exists() else ())
    }
    assert not list((here.run / "state").glob("slurm.submitting*"))


def test_who_begins_again_takes_the_mark_away_before_anything_is_cancelled(tmp_path: Path) -> None:
    here = _cut_short(tmp_path)
    (here.bin / "squeue").write_text("#!/bin/bash\nls state/slurm.submitting >>seen 2>>unseen\nexit ${CODE:-0}\n")
    refused = here.submit(CODE="1")
    assert (refused.returncode, here.journal) == (7, [["7", "a/0", "0", "a", "1", "1", "-"]])
    assert (here.run / "state/slurm.submitting").read_text() == "old elsewhere 1\n"
    assert here.submit().returncode == 0
    assert len((here.run / "unseen").read_text().splitlines()) == 2
    assert (here.run / "seen").read_text() == ""
    assert not list((here.run / "state").glob("slurm.submitting*"))


def test_what_is_taken_away_while_it_releases_its_jobs_does_not_count(tmp_path: Path) -> None:
    here = _cut_short(tmp_path)
    taken = '[[ $1 != release ]] || echo "other elsewhere 1" >state/slurm.submitting\n'
    (here.bin / "scontrol").write_text(SCONTROL + taken)
    (here.bin / "squeue").write_text(SHOWN)
    assert here.submit().returncode == 8
    assert (here.run / "cancelled").read_text().split() == [str(number) for number in range(1, 8)]
    assert (here.run / "state/slurm.submitting").read_text() == "other elsewhere 1\n"


def _cut_short(tmp_path: Path) -> Slurm:
    """Return a run whose submission began on another host."""
    here = slurm(tmp_path, "sbatch")
    (here.bin / "sbatch").write_text(SLOW_SBATCH)
    (here.bin / "scancel").write_text(CANCELLED)
    (here.run / "state/slurm.submitting").write_text("old elsewhere 1\n")
    (here.run / "state/slurm.jobs").write_text("7 a/0 0 a 1 1 -\n")
    return here


FINALISERS = (".finaliser/failure", ".finaliser/end")


def _comment(here: Slurm, number: int | str, missing: str | None = None) -> str:
    """Return the comment of a job."""
    comments = (here.run / "sbatch-calls").read_text().splitlines()
    return comments[int(number) - 1] if missing is None or int(number) <= len(comments) else missing


# --- a failure on the way -------------------------------------------------------------------------

BREAKS = [
    pytest.param("os._exit(1)", PATIENT, id="ends"),
    pytest.param(HANGS, SHORT, id="hangs"),
    pytest.param(
        "raise PyslurmError('Unable to contact slurm controller (connect failure)')", PATIENT, id="no-connection"
    ),
]


@pytest.mark.parametrize(("fault", "seconds"), BREAKS)
def test_a_call_without_an_answer_is_repeated(tmp_path: Path, fault: str, seconds: str) -> None:
    here = slurm(tmp_path, "pyslurm")
    here.pyslurm(f"""
class JobSubmitDescription(JobSubmitDescription):
    def submit(self):
        if self.asked["name"] == "b" and not os.path.exists("broken"):
            open("broken", "w").close()
            {fault}
        return super().submit()
""")
    done = here.submit(REANA_BATCH_SBATCH_TIMEOUT=seconds)
    assert (done.returncode, done.stderr) == (0, "")
    assert [key for _, key, *_ in here.journal][:5] == ["a/0", "a/1", "b/0", "b/1", "c/0"]
    assert (here.run / "state/slurm.unanswered").exists()
    assert not (here.run / "sbatch-calls").exists()
