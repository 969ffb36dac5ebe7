"""What a user reads when HTCondor fails. Files of the test are its logs, and programs of the test are its tools.

tests/real has the same on a real pool.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from reana_batch.backends.htcondor import endings, schedd
from reana_batch.backends.htcondor.examination import examine
from reana_batch.backends.htcondor.nodes import SHIP, VERDICT
from reana_batch.backends.htcondor.settings import HTCondorSettings
from reana_batch.backends.htcondor.single import SINGLE
from reana_batch.backends.htcondor.tools import default_place
from reana_batch.diagnostics import Refused, render
from reana_batch.layout import MANIFEST
from reana_batch.run.parts import Run
from reana_batch.run.queue import JobState, QueuedJob, Submission, Trace
from reana_batch.site import Site

from .stand_ins import Tools, compiled, in_path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two steps that has not been submitted."""
    return compiled(tmp_path, "htcondor")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    """Put programs into PATH, each with what it does in bash. The bindings are not installed."""
    monkeypatch.setitem(sys.modules, "htcondor2", None)
    put = in_path(tmp_path, monkeypatch)
    put(condor_config_val="echo '|||'")
    return put


def told(refused: pytest.ExceptionInfo[Refused]) -> str:
    return render(refused.value.diagnostics, {})


# --- this machine --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condor_q", "state", "note"),
    [("echo 3 jobs", "ok", "the schedd answers"), ("exit 1", "missing", "the schedd does not answer")],
)
def test_the_doctor_tells_whether_the_schedd_answers(tools: Tools, condor_q: str, state: str, note: str) -> None:
    tools(condor_version="echo 'CondorVersion: 25.6'", condor_q=condor_q)
    found = {each.subject: each for each in examine(Site(), True)}
    assert (found["HTCondor tools"].state, found["HTCondor tools"].note) == ("ok", "CondorVersion: 25.6")
    assert (found["HTCondor schedd"].state, found["HTCondor schedd"].note) == (state, note)


def asked(subject: str, group: str | None = None) -> tuple[str, str, str]:
    """Return the doctor's finding about a pool. The profile has this accounting group."""
    site = Site(systems={"htcondor": HTCondorSettings(accounting_group=group)})
    [found] = [each for each in examine(site, True) if each.subject == subject]
    return found.state, found.note, found.cure


GROUPS = "printf '%s\\n' '<none>' group_physics group_other"


@pytest.mark.parametrize(
    ("says", "group", "state", "note"),
    [
        (GROUPS, "group_physics", "ok", "group_physics exists"),
        (GROUPS, "group_physics.alice", "ok", "group_physics.alice exists"),
        (GROUPS, "group_phys", "missing", "group_phys does not exist"),
        ("echo '<none>'", "group_phys", "unknown", "group_phys; the pool does not show its groups"),
        ("exit 1", "group_phys", "unknown", "the collector does not answer"),
    ],
)
def test_the_doctor_looks_for_the_accounting_group(tools: Tools, says: str, group: str, state: str, note: str) -> None:
    tools(condor_version="echo 25.6", condor_q="true", condor_status=says)
    cure = {
        "missing": "set htcondor.accounting_group to one of group_physics, group_other.",
        "unknown": "ask your pool.",
    }
    assert asked("accounting group", group) == (state, note, cure.get(state, ""))


@pytest.mark.parametrize(
    ("says", "state", "note"),
    [
        ("echo worker1", "ok", "it has slots"),
        ("true", "missing", "it has no slots"),
        ("exit 1", "unknown", "the collector does not answer"),
    ],
)
def test_the_doctor_looks_for_workers(tools: Tools, says: str, state: str, note: str) -> None:
    tools(condor_version="echo 25.6", condor_q="true", condor_status=says)
    assert asked("HTCondor pool")[:2] == (state, note)


@pytest.mark.parametrize(
    ("says", "state", "note"),
    [
        ("date +%s", "ok", "agrees with this machine within 5 s"),
        ("echo 86400", "missing", "s behind the clock of this machine"),
        ("echo undefined", "unknown", "the schedd does not show its time"),
    ],
)
def test_the_clock_of_the_schedd(tools: Tools, tmp_path: Path, says: str, state: str, note: str) -> None:
    tools(condor_config_val="echo '||here.site|'", condor_version="echo 25.6", condor_q="true", condor_status=says)
    found = asked("clock of the schedd")
    assert found[0] == state
    assert found[1].endswith(note)
    assert "condor_status -schedd -direct here.site -af MyCurrentTime\n" in (tmp_path / "called").read_text()


# --- the logs ------------------------------------------------------------------------------------


def log(*events: str) -> str:
    """Return a log of HTCondor's: events of an id, a job and further lines."""
    lines = []
    for event in events:
        number, job, *rest = event.split("|")
        lines += [f"{number} ({job}) 2026-11-29 10:00:00 Something.", *(f"    {line}" for line in rest), "..."]
    return "\n".join([*lines, ""])


GEN, FIT = "000|12.000.000|DAG Node: gen.0", "000|13.000.000|DAG Node: fit.0"
WHOLE_DAG = "000|11.000.000|something else"
ENDINGS = {
    "005|12.000.000|(0) Abnormal termination (signal 9)": "killed by signal 9, mostly for memory",
    "005|12.000.000|(0) Abnormal termination (signal 15)": "killed by signal 15",
    "005|12.000.000|(1) Normal termination (return value 3)": "ended with exit code 3",
    "009|12.000.000|via condor_rm (by user alice)": "removed by hand by alice",
    "009|12.000.000|OtherJobRemoveRequirements = DAGManJobId": "removed together with the run",
    "009|12.000.000|The job attribute PeriodicRemove expression": "removed because it reached its time limit",
    "009|12.000.000|Job removed by SYSTEM_PERIODIC_REMOVE due to wall time exceeded": (
        "removed because it reached its time limit"
    ),
    "009|12.000.000|Python-initiated action.": "removed by HTCondor (Python-initiated action)",
    "012|12.000.000|Error from slot1: no disk|Code 13": "held (Error from slot1: no disk Code 13)",
}


@pytest.mark.parametrize("event", ENDINGS)
def test_why_a_job_did_not_end_by_itself(run: Path, event: str) -> None:
    (run / "batch/workflow.dag.nodes.log").write_text(log(WHOLE_DAG, GEN, FIT, event, "028|12.000.000"))
    assert endings.endings(run) == {("gen", 0): ENDINGS[event]}


def test_jobs_that_ended_well_and_attempts_before_the_last_are_not_told(run: Path) -> None:
    well = "005|12.000.000|(1) Normal termination (return value 0)"
    again = "000|14.000.000|DAG Node: fit.0"
    text = log(GEN, FIT, well, "005|13.000.000|(1) Normal termination (return value 3)", again)
    (run / "batch/workflow.dag.nodes.log").write_text("...\nnot an event\n...\n" + text + "005 (14.000.000) cut")
    assert endings.endings(run) == {}


def test_a_node_that_the_schedd_refused_is_told_with_its_words(run: Path) -> None:
    (run / "batch/workflow.dag.dagman.out").write_text(
        "11/29/26 10:00:00 submit error: of no node\n"
        "11/29/26 10:00:00 Submitting node expansion from file a.dag using direct job submission\n"
        "11/29/26 10:00:00 Submitting node fit.0 from file fit.sub using direct job submission\n"
        "11/29/26 10:00:01 Failed to submit node fit.0: submit error: ERROR: no request_memory\n"
        "ERROR: on line 4\n"
    )
    assert endings.endings(run) == {("fit", 0): "refused by HTCondor (ERROR: no request_memory ERROR: on line 4)"}


def test_the_last_words_are_the_errors_of_dagman(run: Path) -> None:
    lines = [f"11/29/26 10:00:0{number} ERROR: fault {number}" for number in range(8)]
    (run / "batch/workflow.dag.dagman.out").write_text("\n".join([*lines, "11/29/26 10:00:09 all is well", ""]))
    assert endings.last_words(run).splitlines() == [f"ERROR: fault {number}" for number in range(3, 8)]


def test_without_a_log_the_last_words_are_what_dagman_printed(run: Path) -> None:
    assert endings.last_words(run) == ""
    (run / "batch/workflow.dag.lib.err").write_text("cannot write workflow.dag.dagman.out\n")
    assert endings.last_words(run) == "cannot write workflow.dag.dagman.out"


def test_a_job_that_was_ended_after_its_work_was_done_is_among_the_last_words(run: Path) -> None:
    done(run, "gen")
    (run / "batch/workflow.dag.nodes.log").write_text(log(GEN, "009|12.000.000|via condor_rm (by user alice)"))
    assert endings.last_words(run) == (
        "gen (reana.yaml:6): its work is done, but its job was ended before it could end by itself"
        " (removed by hand by alice)."
    )


def done(run: Path, step: str) -> None:
    """Write the record of a step of one row as its job does."""
    (run / f"state/{step}").mkdir(parents=True, exist_ok=True)
    (run / f"state/{step}/0.done").write_text("host=here\nstarted=1\nended=2\nexit=0\n")


@pytest.mark.parametrize(
    ("file", "trace"),
    [("dagman.log", Trace.ACCEPTED), ("nodes.log", Trace.ACCEPTED), ("condor.sub", Trace.ASKED), ("other", Trace.NONE)],
)
def test_files_of_a_submission_by_hand_are_seen(run: Path, file: str, trace: Trace) -> None:
    (run / f"batch/workflow.dag.{file}").touch()
    assert schedd.trace(run) == trace


# --- the tools -----------------------------------------------------------------------------------


def test_a_tool_that_is_not_installed_is_named(run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    tools()
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(":")[0])
    with pytest.raises(Refused) as refused:
        schedd.query(run, Submission(place={}))
    assert told(refused) == (
        "error: condor_q is not installed here. [missing-tool]\nhint: run this on a machine that submits to HTCondor.\n"
    )


def test_a_schedd_that_does_not_answer_is_not_waited_for(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(condor_q="exec sleep 60")
    monkeypatch.setattr("reana_batch.backends.htcondor.tools._TIMEOUT", 0.2)
    with pytest.raises(Refused) as refused:
        schedd.query(run, Submission(place={}))
    assert told(refused) == "error: condor_q got no answer from the schedd in 0.2 s. [scheduler]\n"


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("echo 'Error: no such file'; echo 'Try again.'; exit 1", "condor_submit_dag failed: no such file"),
        ("echo 'the queue is full' >&2; exit 1", "condor_submit_dag failed: the queue is full"),
        ("exit 1", "condor_submit_dag failed: it gave no reason"),
        ("echo 'Thank you.'", "condor_submit_dag printed no job id: Thank you."),
    ],
)
def test_a_submission_that_fails_is_told_with_htcondors_words(run: Path, tools: Tools, does: str, message: str) -> None:
    tools(condor_submit_dag=does)
    with pytest.raises(Refused) as refused:
        schedd.submit(Run(run), {})
    assert told(refused) == f"error: {message} [scheduler]\n"


def test_nothing_is_submitted_while_jobs_of_the_run_are_left(run: Path, tools: Tools) -> None:
    (run / "batch/workflow.dag.dagman.log").touch()
    tools(condor_q="""echo '[{"ClusterId": 7, "ProcId": 0, "JobStatus": 3, "Iwd": "/"}]'""")
    with pytest.raises(Refused) as refused:
        schedd.submit(Run(run), {})
    assert told(refused) == (
        "error: Jobs of this run are still in the queue (7.0), although it was stopped or failed. [run-state]\n"
        "hint: if HTCondor is removing them, try again in a moment.\n"
    )


def test_a_run_that_goes_on_leaves_out_what_is_done_and_forgets_old_files(run: Path, tools: Tools) -> None:
    done(run, "gen")
    Run(run).mark_restarted()
    for name in ("batch/workflow.dag.dagman.log", "batch/workflow.dag.rescue002"):
        (run / name).touch()
    tools(condor_q="echo '[]'", condor_submit_dag="echo '1 job(s) submitted to cluster 8.'")
    assert schedd.submit(Run(run), {}) == ["8"]
    assert (run / "batch/workflow.dag.rescue001").read_text() == "DONE gen.0\n"
    assert sorted(path.name for path in (run / "batch").glob("workflow.dag.*")) == ["workflow.dag.rescue001"]


def test_rows_that_failed_after_their_records_do_not_fail_a_run_that_goes_on(run: Path, tools: Tools) -> None:
    Run(run).mark_restarted()
    (run / VERDICT).touch()
    (run / "state/gen").mkdir(parents=True, exist_ok=True)
    (run / "state/gen/0.unfinished").touch()
    tools(condor_q="echo '[]'", condor_submit_dag="echo '1 job(s) submitted to cluster 8.'")
    assert schedd.submit(Run(run), {}) == ["8"]
    assert not (run / "state/gen/0.unfinished").exists()


@pytest.mark.parametrize(("done_inside", "left_out"), [(["gen", "fit"], True), (["gen"], False)])
def test_an_expansion_that_is_done_is_left_out_of_a_run_that_goes_on(
    run: Path, tools: Tools, done_inside: list[str], left_out: bool
) -> None:
    expand(run)
    for step in done_inside:
        done(run / "expansions/rest", step)
    Run(run).mark_restarted()
    tools(condor_q="echo '[]'", condor_submit_dag="echo '1 job(s) submitted to cluster 8.'")
    schedd.submit(Run(run), {})
    assert ("DONE rest.dag\n" in (run / "batch/workflow.dag.rescue001").read_text()) == left_out


def expand(run: Path) -> None:
    """Add an expansion to a run. What it has compiled is a copy of the run."""
    shutil.copytree(run, run / "expansions/rest")
    manifest = json.loads((run / MANIFEST).read_text("utf-8"))
    manifest["expansions"] = [{"name": "rest", "label": "rest", "origin": "reana.yaml:1", "reason": "files"}]
    (run / MANIFEST).write_text(json.dumps(manifest), "utf-8")


def test_a_run_submitted_by_hand_elsewhere_is_not_taken_for_one_that_has_ended(run: Path, tools: Tools) -> None:
    address = "<10.0.0.7:9618?addrs=10.0.0.7-9618&alias=far.cern.ch>"
    opened = f"000 (21.000.000) 2026-11-29 10:00:00 Job submitted from host: {address}\n...\n"
    opened += "001 (21.000.000) 2026-11-29 10:00:01 Job executing on host: here\n...\n"
    (run / "batch/workflow.dag.dagman.log").write_text(opened)
    tools(condor_q="echo '[]'", condor_status="true")
    with pytest.raises(Refused) as refused:
        schedd.query(run, Submission())
    assert told(refused) == (
        "error: This machine's schedd does not know DAGMan's job 21.000.000, which was submitted on far.cern.ch."
        " [scheduler]\nhint: run the command there, or set _CONDOR_SCHEDD_HOST to the name of its schedd.\n"
    )
    # The collector knows the name of that schedd, and the schedd the jobs.
    ad = json.dumps([{"ClusterId": 21, "ProcId": 0, "JobStatus": 2, "Iwd": str(run)}])
    tools(condor_q=f"[ -z \"$_CONDOR_SCHEDD_HOST\" ] && echo '[]' || echo '{ad}'", condor_status="echo far.cern.ch")
    assert [job.id for job in schedd.query(run, Submission()).jobs] == ["21.0"]
    (run / "batch/workflow.dag.dagman.log").write_text(opened + "005 (21.000.000) 2026-11-29 11:00:00 Ended.\n...\n")
    tools(condor_q="echo '[]'")
    assert schedd.query(run, Submission()).jobs == ()


HELD = [
    (1, "via condor_hold", "held by hand (via condor_hold); to continue: condor_release 7.0"),
    (26, "memory limit", "it used more memory than it asked for (memory limit);"
     " to continue: reana-batch resume --memory SIZE"),
    (99, "", "held; then: condor_release 7.0"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "reason", "shown"), HELD)
def test_a_held_job_is_told_with_what_to_do(run: Path, tools: Tools, code: int, reason: str, shown: str) -> None:
    ad = {"ClusterId": 7, "ProcId": 0, "JobStatus": 5, "Iwd": str(run), "DAGNodeName": "fit.0"}
    tools(condor_q=f"echo '{json.dumps([ad | {'HoldReasonCode': code, 'HoldReason': reason}])}'")
    (job,) = schedd.query(run, Submission(place={})).held
    assert (job.step, job.reason) == ("fit", shown)


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        (34, "it used more memory than it asked for; to start it again: reana-batch close, then reana-batch open"),
        (46, "it ran longer than allowed; to start it again: reana-batch close, then reana-batch open --runtime TIME"),
        (1, "held by hand; to continue: condor_release 7.0"),
    ],
)
def test_a_held_session_is_started_again(tmp_path: Path, tools: Tools, code: int, shown: str) -> None:
    ad = {"ClusterId": 7, "ProcId": 0, "Iwd": str(tmp_path), "JobStatus": 5, "HoldReasonCode": code}
    tools(condor_q=f"echo '{json.dumps([ad])}'")
    job = SINGLE.query(tmp_path, "7.0", {})
    assert job is not None
    assert job.reason == shown


def test_a_command_joins_a_job_that_sleeps(run: Path, tools: Tools) -> None:
    tools(condor_submit="echo '7.0 - 7.0'", condor_ssh_to_job="exit 5", condor_rm="")
    assert schedd.on_worker(run, "fit", ["bash", "job.sh", "0"], Submission(place={})) == 5
    submitted, joined, removed = (run.parent / "called").read_text().splitlines()
    assert submitted.startswith("condor_submit -terse -append executable = /bin/sleep -append arguments = ")
    assert submitted.endswith(
        f"-append initialdir = {run}/logs -append error = /dev/null -append log = /dev/null batch/steps/fit/job.sub"
    )
    assert joined == f"condor_ssh_to_job -auto-retry 7.0 cd {run} && exec bash job.sh 0"
    assert removed == "condor_rm 7.0"
    (run / "batch/ship.sh").touch()
    with pytest.raises(Refused, match="do not see the run directory"):
        schedd.on_worker(run, "fit", ["bash"], Submission(place={}))


def test_jobs_that_are_gone_meanwhile_are_no_fault_and_other_faults_are(run: Path, tools: Tools) -> None:
    held = [QueuedJob("7.0", "fit", [0], JobState.HELD)]
    tools(condor_rm='echo "Couldn\'t find jobs" >&2; exit 1', condor_release="echo 'Job 7.0 not found' >&2; exit 1")
    schedd.cancel(run, Submission(place={}))
    assert schedd.release(run, Submission(place={}), held) == ["7.0"]
    tools(condor_rm="echo 'Permission denied' >&2; exit 1", condor_release="echo 'Permission denied' >&2; exit 1")
    for call in (
        lambda: schedd.cancel(run, Submission(place={})),
        lambda: schedd.release(run, Submission(place={}), held),
    ):
        with pytest.raises(Refused, match="Permission denied"):
            call()


@pytest.mark.parametrize(
    ("settings", "schedd_name"),
    [
        ("|||", None),
        ("||here.cern.ch|", "here.cern.ch"),
        ("far.cern.ch|mine|here.cern.ch|", "far.cern.ch"),
        ("|mine|here.cern.ch|", "mine@here.cern.ch"),
        ("|mine@|here.cern.ch|", "mine@here.cern.ch"),
        ("|mine@there|here.cern.ch|", "mine@there"),
    ],
)
def test_the_schedd_that_the_tools_ask_is_written_down(tools: Tools, settings: str, schedd_name: str | None) -> None:
    tools(condor_config_val=f"echo '{settings}pool.cern.ch'")
    expected = {"schedd": schedd_name, "pool": "pool.cern.ch"} if schedd_name else {"pool": "pool.cern.ch"}
    assert default_place() == expected
    tools(condor_config_val="echo 'the configuration is broken' >&2; exit 1")
    assert default_place() == {}


# --- the bindings --------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["the collector does not know it", "it raises"])
def test_bindings_that_do_not_reach_the_schedd_leave_it_to_the_tools(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    tools(condor_q="""echo '[{"ClusterId": 7, "ProcId": 0, "JobStatus": 1, "Iwd": "/"}]'""")

    def locate(*_: object) -> None:
        if fault == "it raises":
            raise RuntimeError("no collector")

    monkeypatch.setitem(
        sys.modules,
        "htcondor2",
        SimpleNamespace(
            param={}, DaemonType=SimpleNamespace(Schedd=1), Collector=lambda _: SimpleNamespace(locate=locate)
        ),
    )
    asked = Submission(place={"schedd": "far.cern.ch", "pool": "pool.cern.ch"})
    assert [job.id for job in schedd.query(run, asked).jobs] == ["7.0"]


def test_a_refusal_by_the_bindings_is_told_and_a_schedd_that_is_away_is_tried_by_the_tool(
    run: Path, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools(condor_submit_dag="echo '1 job(s) submitted to cluster 8.'")

    def bindings(said: str) -> SimpleNamespace:
        def submit(_: object) -> None:
            raise RuntimeError(said)

        made = SimpleNamespace(submit=submit)
        return SimpleNamespace(param={}, Schedd=lambda: made, Submit=SimpleNamespace(from_dag=lambda *_: {}))

    monkeypatch.setitem(sys.modules, "htcondor2", bindings("Failed to connect to schedd"))
    assert schedd.submit_dag(run, {}) == "8"
    monkeypatch.setitem(sys.modules, "htcondor2", bindings("Submit failed:\nno request_memory\n"))
    with pytest.raises(Refused) as refused:
        schedd.submit_dag(run, {})
    assert told(refused) == "error: HTCondor did not accept the workflow: no request_memory [scheduler]\n"


def test_a_restarted_run_whose_workspace_is_a_link_cannot_be_transferred(run: Path) -> None:
    (run / SHIP).parent.mkdir(parents=True, exist_ok=True)
    (run / SHIP).touch()
    (run / "workspace").rename(run / "elsewhere")
    (run / "workspace").symlink_to("elsewhere")
    with pytest.raises(Refused, match="does not transfer a directory that is a link"):
        schedd.place(Run(run), Submission())
