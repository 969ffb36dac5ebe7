"""What a user reads when Slurm fails, and what is done then. Programs of the test are its tools.

tests/real has the same on a real cluster.
"""

from __future__ import annotations

import getpass
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reana_batch.backends.slurm import controller
from reana_batch.backends.slurm.examination import examine
from reana_batch.backends.slurm.journal import JOURNAL
from reana_batch.backends.slurm.reasons import RELEASABLE
from reana_batch.backends.slurm.settings import SlurmSettings
from reana_batch.backends.slurm.single import SINGLE
from reana_batch.diagnostics import Refused, refuse, render
from reana_batch.layout import MANIFEST
from reana_batch.lifecycle.deletion import check_all_deletable
from reana_batch.lifecycle.ending import stop
from reana_batch.lifecycle.jobs import jobs_of
from reana_batch.lifecycle.status import status
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, QueuedJob, Submission, Trace
from reana_batch.run.run_json import note, read_record
from reana_batch.site import Limits, Site

from .stand_ins import Tools, compiled, in_path

LAST = Submission(ids=("5", "6"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of two steps that Slurm has accepted as jobs 5 and 6, with finalisers 8 and 9."""
    made = compiled(tmp_path, "slurm")
    journal = [
        "5 gen/0 0 1 1 - -",
        "6 fit/0 0 1 1 - afterok:5",
        "8 .finaliser/failure 0 1 1 - -",
        "9 .finaliser/end 0 1 1 - -",
    ]
    (made / JOURNAL).parent.mkdir(exist_ok=True)
    (made / JOURNAL).write_text("".join(f"{line}\n" for line in journal))
    monkeypatch.setattr(controller, "_PAUSE", 0)
    return made


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Put programs into PATH, each with what it does in bash. Each writes its words into the file ``called``."""
    return in_path(tmp_path, monkeypatch)


def called(run: Path, name: str) -> list[str]:
    """Return the words of the calls of a tool."""
    lines = (run.parent / "called").read_text().splitlines()
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def shows(run: Path, *jobs: str) -> str:
    """Return a squeue that shows these jobs, each as ID|STATE|REASON|REQUEUES."""
    lines = "".join(f"{job}|{run}|\n" for job in jobs)
    return f"cat <<'END'\n{lines}END"


def told(refused: pytest.ExceptionInfo[Refused]) -> str:
    return render(refused.value.diagnostics, {})


# --- this machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(("largest", "state"), [(1001, "ok"), (500, "missing")])
def test_the_doctor_compares_the_arrays_that_slurm_takes_with_the_profile(
    tools: Tools, largest: int, state: str
) -> None:
    config = f"echo 'MaxArraySize            = {largest}'"
    tools(sbatch="echo 'slurm 25.11'", scontrol=f"{config}; echo 'Slurmctld(primary) at n1 is UP'")
    site = Site(systems={"slurm": SlurmSettings(pyslurm_python="/no/such/python", submission="pyslurm")})
    found = {each.subject: each for each in examine(site, True)}
    assert (found["Slurm tools"].note, found["slurmctld"].note) == ("slurm 25.11", "Slurmctld(primary) at n1 is UP")
    assert (found["Slurm arrays"].state, found["Slurm arrays"].cure) == (
        state,
        "" if state == "ok" else f"set slurm.max_array_size to {largest}.",
    )
    assert found["pyslurm"].state == "missing"
    assert "/no/such/python" in found["pyslurm"].note


@pytest.mark.parametrize(("limit", "state"), [(10_000, "ok"), (10_001, "missing")])
def test_the_doctor_compares_the_jobs_that_slurm_takes_with_the_profile(tools: Tools, limit: int, state: str) -> None:
    tools(sbatch="echo slurm 25.11", scontrol="echo 'MaxJobCount = 10000'", sacctmgr="exit 1")
    found = {each.subject: each for each in examine(Site(limits=Limits(queued_jobs=limit)), True)}
    assert found["Slurm jobs"].state == state
    assert found["Slurm jobs"].note == f"MaxJobCount is 10000, the profile says {limit}"
    assert "Slurm jobs" not in {each.subject for each in examine(Site(), True)}


@pytest.mark.parametrize(
    ("parameters", "burst", "rate", "state", "note"),
    [
        ("(null)", None, None, "ok", "slurmctld does not limit them"),
        ("enable_configless,rl_bucket_size=40", 50, 9, "ok", "slurmctld does not limit them"),
        (
            "rl_enable",
            None,
            None,
            "missing",
            "takes 30 at once and then 2 a second, the profile says nothing and nothing",
        ),
        ("enable_configless,rl_enable", 30, 2, "ok", "the profile says 30 and 2"),
        (
            "rl_enable,rl_bucket_size=40,rl_refill_rate=3,rl_refill_period=60",
            40,
            0.05,
            "ok",
            "40 at once and then 0.05 a",
        ),
        ("rl_enable,rl_refill_period=60", 30, 2, "missing", "then 0.0333 a second, the profile says 30 and 2"),
        ("rl_enable,rl_bucket_size=40", 41, 2, "missing", "the profile says 41 and 2"),
    ],
)
def test_the_doctor_compares_the_rate_of_calls_with_the_profile(
    tools: Tools, parameters: str, burst: int | None, rate: float | None, state: str, note: str
) -> None:
    tools(sbatch="echo slurm 25.11", scontrol=f"echo 'SlurmctldParameters = {parameters}'", sacctmgr="exit 1")
    limits = Limits(call_burst=burst, calls_per_second=rate)
    found = {each.subject: each for each in examine(Site(limits=limits), True)}
    assert found["Slurm calls"].state == state
    assert note in found["Slurm calls"].note


PARTITIONS = (
    "PartitionName=main AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Default=YES MaxTime=UNLIMITED State=UP",
    "PartitionName=night AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL Default=NO MaxTime=1-00:00:00 State=DRAIN",
    "PartitionName=closed AllowGroups=no-such-group AllowAccounts=ALL AllowQos=ALL MaxTime=01:00:00 State=UP",
    "PartitionName=paid AllowGroups=ALL AllowAccounts=physics,other AllowQos=long MaxTime=01:00:00 State=UP",
    "PartitionName=some AllowGroups=ALL DenyAccounts=guests AllowQos=ALL MaxTime=01:00:00 State=UP",
)


def scontrol(*partitions: str, accounting: str = "slurmdbd", enforced: str = "associations,limits") -> str:
    """Return a scontrol that shows a configuration and partitions."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S")
    config = (
        f"Configuration data as of {now}\nMaxArraySize = 1001\nClusterName = here\n"
        f"AccountingStorageType = accounting_storage/{accounting}\nAccountingStorageEnforce = {enforced}"
    )
    shown = "\n".join(partitions)
    return f'if [[ "$*" == *partition* ]]; then cat <<"END"\n{shown}\nEND\nelse cat <<"END"\n{config}\nEND\nfi'


def asked(settings: SlurmSettings, subject: str) -> tuple[str, str, str]:
    """Return the doctor's finding about what the jobs of a site ask for."""
    [found] = [each for each in examine(Site(systems={"slurm": settings}), True) if each.subject == subject]
    return found.state, found.note, found.cure


WANTED = [
    ({}, "ok", "main is up; its jobs may take unlimited (the default of the cluster)"),
    ({"partition": "nope"}, "missing", "nope does not exist"),
    ({"partition": "night"}, "missing", "night is drain"),
    ({"partition": "night,main"}, "ok", "night is drain; main is up; its jobs may take unlimited"),
    ({"partition": "closed"}, "missing", "closed does not allow your groups"),
    ({"partition": "paid", "account": "physics", "qos": "long"}, "ok", "paid is up; its jobs may take 01:00:00"),
    ({"partition": "paid", "account": "mine"}, "missing", "paid does not allow the account mine"),
    ({"partition": "paid", "qos": "short"}, "missing", "paid does not allow the QOS short"),
    ({"partition": "some", "account": "guests"}, "missing", "some does not allow the account guests"),
    ({"partition": "some", "account": "physics"}, "ok", "some is up; its jobs may take 01:00:00"),
]


@pytest.mark.parametrize(("given", "state", "note"), WANTED)
def test_the_doctor_looks_at_the_partition_of_the_profile(
    tools: Tools, given: dict[str, Any], state: str, note: str
) -> None:
    tools(sbatch="echo slurm 25.11", scontrol=scontrol(*PARTITIONS), sacctmgr="exit 1")
    cure = "" if state == "ok" else "set slurm.partition to one of main, night, closed, paid, some."
    assert asked(SlurmSettings(**given), "Slurm partition") == (state, note, cure)


def test_partitions_that_cannot_be_seen(tools: Tools) -> None:
    tools(sbatch="echo slurm 25.11", scontrol='[[ "$*" != *partition* ]]', sacctmgr="exit 1")
    assert asked(SlurmSettings(), "Slurm partition")[:2] == ("unknown", "scontrol does not show the partitions")
    tools(scontrol=scontrol("PartitionName=closed Default=NO State=UP"))
    note = "the profile names none, and Slurm has no default"
    assert asked(SlurmSettings(), "Slurm partition") == ("missing", note, "set slurm.partition to one of closed.")


ACCOUNTS = "echo 'physics|normal,long'; echo 'other|normal'"
ASSOCIATED = [
    ({}, ACCOUNTS, "ok", "other, physics"),
    ({"account": "physics", "qos": "long"}, ACCOUNTS, "ok", "physics with QOS long"),
    ({"account": "nope"}, ACCOUNTS, "missing", "ME has no account nope"),
    ({"account": "other", "qos": "long"}, ACCOUNTS, "missing", "ME has no QOS long there"),
    ({}, "true", "missing", "ME has no account"),
    ({"account": "nope"}, "exit 1", "unknown", "sacctmgr does not answer"),
]


@pytest.mark.parametrize(("given", "sacctmgr", "state", "note"), ASSOCIATED)
def test_the_doctor_looks_at_the_account_of_the_profile(
    tools: Tools, given: dict[str, Any], sacctmgr: str, state: str, note: str
) -> None:
    tools(sbatch="echo slurm 25.11", scontrol=scontrol(*PARTITIONS), sacctmgr=sacctmgr)
    found = asked(SlurmSettings(**given), "Slurm account")
    assert found[:2] == (state, note.replace("ME", getpass.getuser()))


def test_accounts_that_slurm_does_not_check(tools: Tools) -> None:
    tools(sbatch="echo slurm 25.11", scontrol=scontrol(*PARTITIONS, enforced="none"), sacctmgr=ACCOUNTS)
    note = f"{getpass.getuser()} has no account nope, but Slurm does not enforce it"
    assert asked(SlurmSettings(account="nope"), "Slurm account") == ("ok", note, "")
    tools(scontrol=scontrol(*PARTITIONS, accounting="none"))
    assert asked(SlurmSettings(), "Slurm account") == ("ok", "this Slurm has no accounting", "")
    note = "this Slurm has no accounting, so nope cannot be checked"
    assert asked(SlurmSettings(account="nope"), "Slurm account") == ("unknown", note, "")


def test_slurm_itself_says_whether_it_would_accept_a_job(tools: Tools, run: Path) -> None:
    version = "[[ $1 != --version ]] || { echo slurm 25.11; exit; }"
    tools(sbatch=f"{version}; echo 'sbatch: Job 5 to start at noon' >&2", scontrol=scontrol(*PARTITIONS))
    assert asked(SlurmSettings(partition="main", qos="long"), "Slurm submission")[:2] == (
        "ok",
        "Slurm would accept a job",
    )
    assert "--test-only --time=1 --partition=main --qos=long --wrap=true" in called(run, "sbatch")
    tools(sbatch=f"{version}; echo 'sbatch: error: Batch job' >&2; echo 'allocation failure: Invalid qos' >&2; exit 1")
    assert asked(SlurmSettings(), "Slurm submission")[:2] == ("missing", "allocation failure: Invalid qos")
    tools(sbatch=f"{version}; exec sleep 60")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reana_batch.findings.TIMEOUT", 1)
        assert asked(SlurmSettings(), "Slurm submission")[0] == "unknown"


@pytest.mark.parametrize(
    ("minutes", "state", "note"), [(0, "ok", "agrees"), (9, "missing", "behind"), (-9, "missing", "ahead of")]
)
def test_the_clock_of_slurmctld(tools: Tools, minutes: int, state: str, note: str) -> None:
    shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() - 60 * minutes))
    tools(sbatch="echo slurm 25.11", scontrol=f"echo 'Configuration data as of {shown}'")
    found = asked(SlurmSettings(), "clock of slurmctld")
    assert found[0] == state
    assert note in found[1]


# --- tools that fail -----------------------------------------------------------------------------


@pytest.mark.parametrize("failing", ["squeue", "scancel", "scontrol"])
def test_a_tool_that_fails_is_told_with_slurms_words(run: Path, tools: Tools, failing: str) -> None:
    held = [QueuedJob("5", "gen", [0], JobState.HELD, next(iter(RELEASABLE)))]
    tools(squeue=shows(run, "5|RUNNING|None|0"), scancel="", scontrol="")
    tools(**{failing: "echo 'slurm_load_jobs error:'; echo 'Unable to contact slurm controller' >&2; exit 1"})
    calls: dict[str, Callable[[], object]] = {
        "squeue": lambda: controller.query(run),
        "scancel": lambda: controller.cancel(run),
        "scontrol": lambda: controller.release(run, LAST, held),
    }
    with pytest.raises(Refused) as refused:
        calls[failing]()
    assert told(refused) == f"error: {failing} failed: Unable to contact slurm controller [scheduler]\n"


def test_jobs_in_the_queue_get_other_requests(run: Path, tools: Tools) -> None:
    waiting = [QueuedJob(job, "gen", [0], JobState.WAITING) for job in ("5_[1-3]", "6")]
    tools(scontrol="")
    controller.alter(run, LAST, waiting, {"memory": 2**30, "slurm.partition": "long"})
    tools(scontrol="echo 'Invalid partition name specified' >&2; exit 1")
    with pytest.raises(Refused) as refused:
        controller.alter(run, LAST, waiting, {"runtime": 600})
    words = (run.parent / "called").read_text().splitlines()
    assert words == [
        "scontrol update JobId=5_[1-3],6 MinMemoryNode=1024 Partition=long",
        "scontrol update JobId=5_[1-3],6 TimeLimit=10",
    ]
    assert "scontrol failed: Invalid partition name specified [scheduler]" in told(refused)


def test_an_interactive_job_asks_for_what_its_step_asks_for(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    (run / "batch/steps/gen").mkdir(parents=True, exist_ok=True)
    script = run / "batch/steps/gen/job.sbatch"
    script.write_text("#SBATCH --requeue\n#SBATCH --export=NIL\n#SBATCH --mem=5M # by hand\n#SBATCH -q long\n")
    tools(srun='[ -z "$SLURM_JOB_ID" ] && exit 7')
    assert controller.on_worker(run, "gen", ["bash", "job.sh"], LAST) == 7
    words = f"--mem=5M -q long --export=TERM --ntasks=1 --chdir={run} bash job.sh"
    assert (run.parent / "called").read_text() == f"srun --quiet {words}\n"
    (run / "state/slurm.cluster").write_text("far\n")
    tools(scontrol="echo 'ClusterName = near'", srun='[ "$SLURM_CLUSTERS" = far ] && exit 8')
    assert controller.on_worker(run, "gen", ["bash", "job.sh"], LAST) == 8
    script.write_text("")
    (run / "state/slurm.cluster").unlink()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refused) as refused:
        controller.on_worker(run, "gen", ["bash", "job.sh"], LAST)
    assert "srun is not installed here. [missing-tool]" in told(refused)


def test_a_slurmctld_that_does_not_answer_is_not_waited_for(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(squeue="exec sleep 60")
    monkeypatch.setattr("reana_batch.backends.slurm.tools._TIMEOUT", 0.2)
    with pytest.raises(Refused) as refused:
        controller.query(run)
    assert told(refused) == "error: squeue got no answer from slurmctld in 0.2 s. [scheduler]\n"


def test_a_tool_that_is_not_installed_is_named(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Refused) as refused:
        controller.query(run)
    assert told(refused) == (
        "error: squeue is not installed here. [missing-tool]\nhint: run this on a machine that submits to Slurm.\n"
    )


def test_jobs_that_slurm_has_forgotten_are_no_fault(run: Path, tools: Tools) -> None:
    tools(squeue="echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    tools(scancel="echo 'scancel: error: Kill job error on job id 5: Invalid job id specified' >&2; exit 1")
    assert controller.query(run).jobs == ()
    controller.cancel(run)
    assert called(run, "scancel") == ["--quiet 5 6 8 9"]


def test_a_run_whose_slurm_does_not_answer_is_stopped_by_force_alone(run: Path, tools: Tools) -> None:
    note(run, submitted=1, ids=list(LAST.ids))
    down = "echo 'Unable to contact slurm controller' >&2; exit 1"
    tools(squeue=down, scancel=down, scontrol=down)
    with pytest.raises(Refused, match="Unable to contact slurm controller"):
        stop(run)
    stop(run, force=True)
    record = read_record(run)
    assert record.stopped
    assert record.last_submission.ids == ()


def test_whether_runs_can_be_deleted_is_not_asked_again(run: Path, tools: Tools) -> None:
    note(run, submitted=1, ids=list(LAST.ids))
    tools(squeue=shows(run, "5|RUNNING|None|0"))
    found, asked = [status(run)], called(run, "squeue")
    with pytest.raises(Refused, match=r"made\.1 is running; stop it first"):
        check_all_deletable(found)
    assert called(run, "squeue") == asked
    tools(squeue="exit 1")
    with pytest.raises(Refused, match="squeue failed"):
        check_all_deletable([status(run)])


def test_a_session_is_a_job_by_itself(run: Path, tools: Tools) -> None:
    folder = run / "sessions/jupyter"
    folder.mkdir(parents=True)
    tools(sbatch="echo '9;far'", squeue="echo 'PENDING|Priority|'", scancel="")
    assert SINGLE.submit(folder, {}) == "9"
    job = SINGLE.query(folder, "9", {})
    assert job is not None
    assert (job.id, job.state) == ("9", JobState.WAITING)
    SINGLE.cancel(folder, "9", {})
    tools(squeue="echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert SINGLE.query(folder, "9", {}) is None
    tools(sbatch="echo 'Invalid account' >&2; exit 1")
    with pytest.raises(Refused, match="Slurm did not accept the job: Invalid account"):
        SINGLE.submit(folder, {})


# --- what the queue shows ------------------------------------------------------------------------


def test_a_run_on_another_cluster_is_asked_for_there(run: Path, tools: Tools) -> None:
    (run / "state/slurm.cluster").write_text("far\n")
    here = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    tools(
        scontrol="echo 'ClusterName             = near'",
        squeue=f'if [ "${{SLURM_CLUSTERS-}}" = far ]; then\n{shows(run, "5|RUNNING|None|0", "9|PENDING|Dependency|0")}\nelse {here}; fi',
    )
    assert [(job.id, job.state) for job in controller.query(run).jobs] == [
        ("5", JobState.RUNNING),
        ("9", JobState.WAITING),
    ]
    tools(scontrol="echo 'no slurmctld' >&2; exit 1", squeue=here)
    with pytest.raises(Refused, match="scontrol failed: no slurmctld"):
        controller.query(run)
    tools(scontrol="echo 'ClusterName = far'")
    assert controller.query(run).jobs == ()
    tools(scontrol="echo 'ClusterName = far'; echo 'Slurmctld(primary) at n1 is DOWN'; exit 1")  # a limit of calls
    assert controller.query(run).jobs == ()


def test_a_doctor_whose_call_was_limited_sees_slurmctld(tools: Tools) -> None:
    limited = "echo 'ClusterName = here'; echo 'MaxArraySize = 1001'; echo 'Slurmctld(primary) at n1 is DOWN'; exit 1"
    tools(sbatch="echo 'slurm 25.11'", scontrol=limited)
    found = {each.subject: each for each in examine(Site(), True)}
    assert (found["slurmctld"].state, found["slurmctld"].note) == ("ok", "it answers")
    assert found["Slurm arrays"].state == "ok"
    tools(sbatch="echo 'slurm 25.11'", scontrol="echo 'slurm_load_ctl_conf error: Unable to contact' >&2; exit 1")
    found = {each.subject: each for each in examine(Site(), True)}
    assert (found["slurmctld"].state, found["slurmctld"].note) == (
        "missing",
        "slurm_load_ctl_conf error: Unable to contact",
    )


def test_a_job_of_another_directory_that_has_the_same_id_is_not_ours(run: Path, tools: Tools, tmp_path: Path) -> None:
    tools(squeue=f"echo '5|RUNNING|None|0|{tmp_path}|'; echo '6|RUNNING|None|0|/no/such/folder|'")
    assert [job.id for job in controller.query(run).jobs if job.step] == ["6"]


SACCT = "printf '%s\\n' '5|NODE_FAIL' '5|NODE_FAIL' '5|PREEMPTED' '5|RUNNING'"


@pytest.mark.parametrize(
    ("sacct", "causes"),
    [(SACCT, " (its node failed: 2, preempted: 1)"), ("echo 'no accounting' >&2; exit 1", "")],
)
def test_a_job_that_starts_again_and_again_is_told(run: Path, tools: Tools, sacct: str, causes: str) -> None:
    tools(
        squeue=shows(
            run, "5|RUNNING|None|3", "6|PENDING|Dependency|0", "8|PENDING|Dependency|0", "9|PENDING|Dependency|0"
        )
    )
    tools(sacct=sacct)
    (job,) = controller.query(run).hindered
    assert job.reason == f"started 4 times, and requeued before it ended{causes}; if this goes on, stop the run"


@pytest.mark.parametrize(
    ("shown", "held"),
    [
        ("5|PENDING|JobHeldUser|0", ("5", "gen")),
        ("5|SPECIAL_EXIT|why|0", ("5", "gen")),
    ],
)
def test_a_held_job_is_told_with_its_step(run: Path, tools: Tools, shown: str, held: tuple[str, str]) -> None:
    tools(squeue=shows(run, shown, "8|PENDING|Dependency|0", "9|PENDING|Dependency|0"))
    (job,) = controller.query(run).held
    assert (job.id, job.step) == held
    assert job.reason


def test_elements_of_arrays_are_rows_of_their_step(run: Path, tools: Tools) -> None:
    tools(squeue=shows(run, "5_[0-4:2,7%5]|PENDING|Priority|0", "5_9|RUNNING|None|0", "5_bad|RUNNING|None|0"))
    chunks = {job.id: list(job.chunks) for job in controller.query(run).jobs if job.step}
    assert chunks == {"5_[0-4:2,7%5]": [0, 2, 4, 7], "5_9": [9], "5_bad": []}


def end(run: Path, step: str, ending: str) -> None:
    (run / f"state/{step}").mkdir(parents=True, exist_ok=True)
    (run / f"state/{step}/0.{ending}").write_text("host=here\nstarted=1\nended=2\nexit=0\n")


def test_a_job_that_failed_after_its_work_was_done_is_told_so(run: Path, tools: Tools) -> None:
    end(run, "gen", "done")
    tools(squeue=shows(run, "5|FAILED|NonZeroExitCode|0", "6|CANCELLED|None|0", "9|COMPLETED|None|0"))
    assert {job.id: job.reason for job in controller.query(run).jobs} == {
        "5": "its work is done, but its job was ended before it could end by itself",
        "6": "",  # the consequence of the other
        "9": "",
    }


# --- a submission that ended half-way ------------------------------------------------------------


@pytest.mark.parametrize(
    ("writer", "cut_short"),
    [("HERE 999999999", True), ("elsewhere 1", False), ("nonsense", False), ("HERE SELF", False)],
)
def test_a_submission_that_died_is_told_from_one_under_way(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch, writer: str, cut_short: bool
) -> None:
    words = writer.replace("HERE", os.uname().nodename).replace("SELF", str(os.getpid()))
    (run / "state/slurm.submitting").write_text(f"token {words}\n")
    monkeypatch.chdir(run)
    tools(squeue=shows(run, "5|PENDING|JobHeldUser|0"))
    assert controller.query(run).cut_short == cut_short
    assert f"--user={os.getuid()}" in called(run, "squeue")[0]


def test_jobs_that_a_submission_has_not_written_down_yet_are_cancelled_too(run: Path, tools: Tools) -> None:
    (run / "state/slurm.submitting").write_text("token elsewhere 1\n")
    tools(squeue=shows(run, "5|PENDING|JobHeldUser|0", "7|PENDING|JobHeldUser|0"), scancel="")
    controller.cancel(run)
    assert called(run, "scancel") == ["--quiet 5 6 8 9 7"]


@pytest.mark.parametrize(
    ("files", "trace"),
    [
        ({}, Trace.NONE),
        ({"submitting": ""}, Trace.ASKED),
        ({"jobs": "5 gen/0\n"}, Trace.ACCEPTED),
        ({"jobs": ""}, Trace.NONE),
    ],
)
def test_files_of_a_submission_by_hand_are_seen(tmp_path: Path, files: dict[str, str], trace: Trace) -> None:
    (tmp_path / "state").mkdir()
    for name, text in files.items():
        (tmp_path / f"state/slurm.{name}").write_text(text)
    assert controller.trace(tmp_path) == trace


def test_a_submission_that_fails_is_told_with_slurms_words_and_a_cure(run: Path, tools: Tools) -> None:
    (run / JOURNAL).unlink()
    tools(
        sbatch="echo 'sbatch: error: Batch job submission failed: Invalid account' >&2; exit 1", squeue="", scancel=""
    )
    tools(scontrol="echo 'ClusterName = near'")
    with pytest.raises(Refused) as refused:
        controller.submit(Run(run))
    assert "error: Slurm did not accept the workflow: " in told(refused)
    assert "Invalid account" in told(refused)
    assert "hint: set slurm.account to one of yours" in told(refused)


def test_an_interrupted_submission_cancels_what_slurm_has_accepted(run: Path, tools: Tools) -> None:
    (run / JOURNAL).unlink()
    tools(scontrol="echo 'ClusterName = near'", scancel="", squeue="")
    # The interrupt of a terminal, at the second job. submit.sh is told a moment later.
    interrupt = f"[ ! -s state/slurm.jobs ] || [ -e ../hit ] || {{ : >../hit; kill -INT {os.getpid()}; sleep 3; }}"
    tools(sbatch=f"echo $((20 + $(grep -c ^sbatch ../called))); {interrupt}")
    with pytest.raises(KeyboardInterrupt):
        controller.submit(Run(run))
    assert any("21" in words.split() for words in called(run, "scancel"))
    assert controller.trace(run) is Trace.NONE


# --- expansions ----------------------------------------------------------------------------------


def expand(run: Path) -> Path:
    """Add an expansion to a run, made by the step fit. What it has compiled is a copy of the run. Return that."""
    part = run / "expansions/fit"
    shutil.copytree(run, part)
    (part / JOURNAL).unlink()
    manifest = json.loads((run / MANIFEST).read_text("utf-8"))
    manifest["expansions"] = [{"name": "fit", "label": "fit", "origin": "reana.yaml:1", "reason": "files"}]
    (run / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return part


def test_a_run_that_goes_on_submits_the_chain_of_an_expansion_too(run: Path, tools: Tools) -> None:
    part = expand(run)
    end(run, "gen", "done")
    end(run, "fit", "done")
    end(part, "gen", "done")
    Run(run).mark_restarted()
    tools(scontrol="echo 'ClusterName = near'", scancel="", squeue="")
    tools(sbatch=f"echo $((20 + $(grep -c ^sbatch {run.parent}/called)))")
    ids = controller.submit(Run(run))
    submitted = [line.split()[:2] for line in (part / JOURNAL).read_text().splitlines()]
    assert [key for _, key in submitted if not key.startswith(".finaliser/")] == ["fit/0"]
    assert {job for job, _ in submitted} <= set(ids)
    # If Slurm refuses the chain of the run, no job of the expansion is left.
    (run / "state/gen/0.done").unlink()
    tools(sbatch="[[ $PWD == */expansions/* ]] || { echo 'no such account' >&2; exit 1; }; echo 50")
    with pytest.raises(Refused, match="no such account"):
        controller.submit(Run(run))
    assert any("50" in words.split() for words in called(run, "scancel"))


def test_an_expansion_whose_planner_will_submit_it_is_left_to_it(run: Path, tools: Tools) -> None:
    part = expand(run)
    Run(run).mark_restarted()
    tools(scontrol="echo 'ClusterName = near'", scancel="", squeue="")
    tools(sbatch=f"echo $((20 + $(grep -c ^sbatch {run.parent}/called)))")
    controller.submit(Run(run))
    assert not (part / JOURNAL).exists()


def test_jobs_that_a_planner_submits_while_the_run_is_stopped_are_cancelled_too(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = expand(run)
    (run / "state/fit").mkdir(parents=True, exist_ok=True)
    (run / "state/fit/0.started").write_text("host=here\nstarted=1\n")
    tools(squeue=shows(run, "6|COMPLETING|None|0"), scancel="", scontrol="echo 'ClusterName = near'")

    pause = time.sleep

    def sleep(seconds: float) -> None:
        if seconds == 1:
            (part / JOURNAL).write_text("30 gen/0 0 1 1 - -\n")
            tools(squeue="")
        else:
            pause(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    controller.cancel(run)
    assert called(run, "scancel") == ["--quiet 5 6 8 9", "--quiet 5 6 8 9 30"]


# --- continuing ----------------------------------------------------------------------------------


def test_nothing_is_released_that_waits_for_others_than_its_owner(run: Path, tools: Tools) -> None:
    tools(squeue=shows(run, "5|RUNNING|None|0", "6|PENDING|Dependency|0"), scontrol="")
    assert controller.release(run, LAST, [QueuedJob("5", "gen", [0], JobState.HELD, "its partition is down")]) == []
    assert "scontrol" not in (run.parent / "called").read_text()


def test_a_released_job_that_does_not_start_is_not_waited_for(run: Path, tools: Tools) -> None:
    finalisers = ("6|PENDING|Dependency|0", "8|PENDING|Dependency|0", "9|PENDING|Dependency|0")
    tools(squeue=shows(run, "5|PENDING|JobHeldUser|0", *finalisers), scontrol="")
    held = controller.query(run).held
    waiting = f"echo >>{run.parent}/looks\n" + shows(run, "5|PENDING|Priority|0", *finalisers)
    tools(scontrol=f"cat >'{run.parent}/tools/squeue' <<'ALL'\n#!/bin/bash\n{waiting}\nALL")
    assert controller.release(run, LAST, held) == ["5"]
    assert (run.parent / "looks").read_text().count("\n") == 8


def test_a_run_whose_lost_jobs_do_not_end_is_not_submitted_again_yet(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(squeue=shows(run, "5|PENDING|JobHeldUser|0", "9|PENDING|Dependency|0"), scancel="", sbatch="exit 1")
    held = controller.query(run).held
    monkeypatch.setattr(controller, "LINGERING", 0.5)
    with pytest.raises(Refused) as refused:
        controller.release(run, LAST, held)
    assert told(refused) == "error: Jobs of made.1 are still ending; try again later. [run-state]\n"
    assert called(run, "scancel") == ["--quiet 5 6 8 9"]
    assert not called(run, "sbatch")


def test_a_finaliser_that_is_gone_holds_the_run_and_is_replaced(run: Path, tools: Tools) -> None:
    tools(squeue=shows(run, "5|RUNNING|None|0", "6|PENDING|Dependency|0", "9|PENDING|Dependency|0"))
    tools(sbatch="echo 10", scontrol="echo 'ClusterName = near'", scancel="")
    held = controller.query(run).held
    assert [(job.id, job.reason.partition(",")[0]) for job in held] == [("8", "it is gone")]
    assert controller.release(run, LAST, held) == ["10"]
    assert "failure" in (run / JOURNAL).read_text().splitlines()[-1]
    tools(sbatch="echo 'sbatch: error: no' >&2; exit 1")
    with pytest.raises(Refused, match="No finaliser could be submitted"):
        controller.release(run, LAST, held)


def test_what_its_owner_may_release_is_released(run: Path, tools: Tools) -> None:
    finalisers = ("8|PENDING|Dependency|0", "9|PENDING|Dependency|0")
    tools(squeue=shows(run, "5|PENDING|JobHeldUser|0", "6|PENDING|Dependency|0", *finalisers), scontrol="")
    held = controller.query(run).held
    running = shows(run, "5|RUNNING|None|0", "6|PENDING|Dependency|0", *finalisers)
    # slurmctld shows the job as running once it has been released.
    tools(scontrol=f"cat >'{run.parent}/tools/squeue' <<'ALL'\n#!/bin/bash\n{running}\nALL")
    assert controller.release(run, LAST, held) == ["5"]
    assert called(run, "scontrol") == ["release 5"]


def test_a_run_whose_jobs_slurm_has_lost_is_submitted_again(
    run: Path, tools: Tools, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"
    tools(squeue=shows(run, "5|PENDING|JobHeldUser|0", "9|PENDING|Dependency|0"), scontrol="echo 'ClusterName = near'")
    held = controller.query(run).held
    tools(scancel=f"cat >'{run.parent}/tools/squeue' <<'ALL'\n#!/bin/bash\n{gone}\nALL")
    tools(sbatch="echo $((20 + $(grep -c ^sbatch ../called)))")
    ids = controller.release(run, LAST, held)
    assert len(ids) == 4
    assert "Slurm has lost jobs of the run; submitting every unfinished job again." in capsys.readouterr().err
    assert (run / f"{JOURNAL}.old").read_text().startswith("5 gen/0 ")


def test_of_two_instances_of_a_planner_one_submits(
    run: Path, tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(sbatch="exit 1")
    controller.submit_part(Run(run))  # Slurm has accepted it before
    (run / "state/slurm.submitting").write_text(f"token {os.uname().nodename} {os.getpid()}\n")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        (run / "state/slurm.submitting").unlink()  # the other instance has finished

    monkeypatch.setattr("time.sleep", sleep)
    controller.submit_part(Run(run))
    assert slept == [1]
    assert not (tmp_path / "called").exists()


def test_a_planner_that_is_refused_because_its_other_instance_has_submitted_is_content(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / JOURNAL).unlink()

    def lose(directory: Path) -> None:
        (directory / JOURNAL).write_text("5 gen/0 0 1 1 - -\n")
        raise refuse("scheduler", "Slurm did not accept the workflow.")

    monkeypatch.setattr(controller, "_submit_chain", lose)
    controller.submit_part(Run(run))
    assert controller.trace(run) is Trace.ACCEPTED


def test_a_planner_whose_chain_is_refused_says_so(run: Path, tools: Tools) -> None:
    (run / JOURNAL).unlink()
    tools(sbatch="echo 'sbatch: error: Invalid qos specification' >&2; exit 1", squeue="", scancel="")
    tools(scontrol="echo 'ClusterName = near'")
    with pytest.raises(Refused, match="Invalid qos"):
        controller.submit_part(Run(run))


# --- jobs that are in the queue again ------------------------------------------------------------

FAILED_BEFORE = "exit_code=143\nreason=signal\ndetail=SIGTERM\nstarted=5\nended=7\nhost=node7\nscheduler_job=6\n"


@pytest.mark.parametrize(("reason", "state"), [("BeginTime", "waiting"), ("JobHeldUser", "held")])
@pytest.mark.parametrize("record", ["started", "failed"])
def test_a_job_that_is_in_the_queue_again_has_not_failed_and_does_not_run(
    run: Path, tools: Tools, record: str, reason: str, state: str
) -> None:
    (run / "state/gen").mkdir(parents=True, exist_ok=True)
    (run / "state/gen/0.done").write_text("exit_code=0\nstarted=1\nended=2\n")
    (run / "state/fit").mkdir(parents=True, exist_ok=True)
    (run / "state/fit/0.started").write_text("row=0\nstarted=5\n")
    if record == "failed":
        (run / "state/fit/0.failed").write_text(FAILED_BEFORE)
    note(run, submitted=1, ids=list(LAST.ids))
    tools(squeue=shows(run, f"6|PENDING|{reason}|1"))
    current = status(run)
    fit = current.progress[1]
    assert (current.state, current.failures) == ("running", ())
    assert (fit.failed, fit.running, fit.waiting) == (0, 0, 1)
    (job,) = jobs_of(current, list(current.run.steps())[1:])
    assert (job.state, job.scheduler_job, job.age(9), job.row.record.attempt) == (state, "6", None, 0)
    tools(squeue=shows(run, "6|RUNNING|None|1"))
    fit = status(run).progress[1]
    assert (fit.failed, fit.running) == ((1, 0) if record == "failed" else (0, 1))
