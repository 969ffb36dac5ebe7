"""The submission of a workflow to Slurm and the work of the finalisers, with stand-ins for the programs of Slurm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bash import Bash, Ended

SUBMIT = "slurm/submit"
# Three jobs of one step, and one job that waits for all of them.
CHAIN = "begin; submit fit/0 fit 0 3 3 1; submit plot/0 plot 0 1 1 1 'afterok fit/0'; release"


@pytest.fixture
def slurm(bash: Bash) -> Bash:
    """A run directory, and a Slurm that accepts everything. The file ``queue`` has its queue."""
    for folder in ("state", "logs"):
        (bash.directory / folder).mkdir()
    bash.program(
        "sbatch",
        'n=$(($(cat count 2>/dev/null || echo 6) + 1)); echo "$n" | tee count; [ ! -e on-sbatch ] || . ./on-sbatch',
    )
    bash.program("scontrol", '[[ $1 != show ]] || printf "ClusterName = tier2\\nMaxArraySize = 1001\\n"')
    bash.program("squeue", "[ ! -e queue ] || cat queue; [ ! -e after-squeue ] || . ./after-squeue")
    bash.program("scancel", "[ ! -e on-scancel ] || . ./on-scancel")
    bash.program("sleep")
    return bash


def submitted(slurm: Bash) -> list[tuple[str, str]]:
    """Return the arguments of each call of sbatch: its key, and its words without those that all calls have."""
    found = []
    for call in slurm.calls("sbatch"):
        words = [word for word in call.split(" ") if not word.startswith(("--parsable", "--chdir", "--output"))]
        (comment,) = (word for word in words if word.startswith("--comment="))
        words.remove(comment)
        found.append((comment.partition(":")[2], " ".join(words)))
    return found


def journal(slurm: Bash) -> list[str]:
    return slurm.read("state/slurm.jobs").splitlines()


# --- submitting -----------------------------------------------------------------------------------


def test_all_jobs_are_held_until_all_are_accepted(slurm: Bash) -> None:
    ended = slurm.run(CHAIN, part=SUBMIT)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == "reana-batch: 2 submissions accepted, first job 7\n"
    fit, plot, failure, end = submitted(slurm)
    assert fit == ("fit/0", "--hold --array=0-2 batch/steps/fit/job.sbatch 0")
    assert plot == ("plot/0", "--dependency=afterok:7 batch/steps/plot/job.sbatch 0")
    assert failure[1].startswith("--dependency=afternotok:7 batch/finaliser.sbatch failure ")
    assert end[1].startswith("--dependency=afterany:8 batch/finaliser.sbatch end ")
    assert slurm.calls("scontrol") == ["show config", "release 7"]
    assert journal(slurm) == [
        "7 fit/0 0 fit 3 1 -",
        "8 plot/0 0 plot 1 1 afterok:7",
        "9 .finaliser/failure 0 - 0 1 -",
        "10 .finaliser/end 0 - 0 1 -",
    ]
    assert not slurm.has("state/slurm.submitting")
    assert (slurm.read("state/slurm.cluster"), slurm.read("state/slurm.tools")) == ("tier2\n", f"{slurm.programs}\n")


def test_variables_of_the_job_it_runs_in_do_not_reach_slurm(slurm: Bash) -> None:
    slurm.program("sbatch", "env >seen; echo 7")
    variables = {"SBATCH_PARTITION": "gpu", "SLURM_JOB_ID": "1", "SLURM_CONF": "/etc/slurm.conf"}
    slurm.run("begin; submit fit/0 fit 0 1 1 1", part=SUBMIT, environment=variables)
    seen = slurm.read("seen")
    assert "SLURM_CONF=/etc/slurm.conf\n" in seen
    assert "SBATCH_PARTITION" not in seen
    assert "SLURM_JOB_ID" not in seen


def test_after_a_refusal_all_that_was_accepted_is_cancelled(slurm: Bash) -> None:
    slurm.write("on-sbatch", 'case $* in *plot*) echo "sbatch: error: no such account" >&2; exit 1;; esac')
    ended = slurm.run(CHAIN, part=SUBMIT)
    assert ended.code == 7
    assert ended.stderr.splitlines() == [
        "reana-batch: sbatch refused plot/0: sbatch: error: no such account",
        "reana-batch: cancelling the 1 jobs and arrays accepted so far",
    ]
    assert slurm.calls("scancel") == ["7"]
    assert not slurm.has("state/slurm.jobs")
    assert not slurm.has("state/slurm.submitting")


def test_an_interrupt_cancels_what_was_accepted(slurm: Bash) -> None:
    ended = slurm.run('begin; submit fit/0 fit 0 1 1 1; kill -TERM "$$"; submit plot/0 plot 0 1 1 1', part=SUBMIT)
    assert (ended.code, slurm.calls("scancel")) == (7, ["7"])
    assert ended.stderr.startswith("reana-batch: interrupted\n")


@pytest.mark.parametrize("broken", ["squeue", "scancel"])
def test_a_slurm_that_does_not_answer_keeps_the_jobs_for_the_next_submission(slurm: Bash, broken: str) -> None:
    slurm.program(broken, "exit 1")
    ended = slurm.run("begin; submit fit/0 fit 0 1 1 1; abandon enough", part=SUBMIT)
    assert ended.code == 7
    assert "the next submission of this run cancels them" in ended.stderr
    assert slurm.has("state/slurm.submitting")
    token = slurm.read("state/slurm.submitting").split(maxsplit=1)[0]
    slurm.write("queue", f"7 {token}:fit/0\n8 another:fit/0\n")
    again = slurm.run("begin", part=SUBMIT, environment={"HOSTNAME": "there"})
    assert (again.code, slurm.has("state/slurm.submitting")) == (7, True)
    slurm.program(broken, "cat queue" if broken == "squeue" else "")
    again = slurm.run(CHAIN, part=SUBMIT, environment={"HOSTNAME": "there"})
    assert again.code == 0, again.stderr
    assert again.stderr.startswith("reana-batch: an earlier submission was cut short\n")
    assert slurm.calls("scancel")[-1] == "7"


def test_a_run_is_submitted_once(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", "7 fit/0 0 fit 1 1 -\n")
    ended = slurm.run("begin", part=SUBMIT)
    assert (ended.code, slurm.calls("sbatch")) == (7, [])
    assert "this run was submitted before" in ended.stderr


def test_two_submissions_are_not_under_way_at_once(slurm: Bash) -> None:
    slurm.write("state/slurm.submitting", f"token here {os.getpid()}\n")
    ended = slurm.run("begin", part=SUBMIT)
    assert (ended.code, ended.stderr) == (8, "reana-batch: another submission is under way\n")


def test_a_submission_that_has_been_replaced_cancels_its_own_jobs(slurm: Bash) -> None:
    script = "begin; echo other there 1 >state/slurm.submitting; echo 7 $token:fit/0 >queue; submit fit/0 fit 0 1 1 1"
    ended = slurm.run(script, part=SUBMIT)
    assert (ended.code, slurm.calls("scancel"), slurm.calls("sbatch")) == (8, ["7"], [])


def test_a_submission_that_ended_meanwhile_counts(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", "7 fit/0 0 fit 1 1 -\n")
    ended = slurm.run("token=mine; claim", part=SUBMIT)
    assert (ended.code, slurm.has("state/slurm.submitting")) == (8, False)


def test_an_array_that_is_too_long_is_refused_with_the_setting(slurm: Bash) -> None:
    ended = slurm.run("begin; submit fit/0 fit 0 2000 2000 1", part=SUBMIT)
    assert (ended.code, slurm.calls("sbatch")) == (7, [])
    assert (
        "allows arrays of up to 1001 elements, not 2000; compile it again with --set slurm.max_array_size=1001"
        in ended.stderr
    )


def test_jobs_that_are_done_are_left_out_of_a_restart(slurm: Bash) -> None:
    for name in ("run.restarted", "fit/1.done", "a/0.done"):
        slurm.write(f"state/{name}")
    needs = "'aftercorr fit/0' 'afterok a/0'"
    script = f"begin; submit a/0 a 0 1 1 1; submit fit/0 fit 0 4 4 1; submit b/0 b 0 4 4 1 {needs}; release"
    ended = slurm.run(script, part=SUBMIT)
    assert ended.code == 0, ended.stderr
    assert submitted(slurm)[:2] == [
        ("fit/0", "--hold --array=0-0,2-3 batch/steps/fit/job.sbatch 0"),
        ("b/0", "--dependency=afterany:7 --array=0-3 batch/steps/b/job.sbatch 0"),
    ]


def test_a_restart_without_jobs_submits_nothing(slurm: Bash) -> None:
    slurm.write("state/run.restarted")
    slurm.write("state/a/0.done")
    ended = slurm.run("begin; submit a/0 a 0 1 1 1; release", part=SUBMIT)
    assert ended.stdout == "reana-batch: 0 submissions accepted, first job none, because all are done\n"


def test_a_first_job_that_cannot_be_released_cancels_the_chain(slurm: Bash) -> None:
    slurm.program("scontrol", "[[ $1 != release ]]")
    ended = slurm.run(CHAIN, part=SUBMIT)
    assert (ended.code, slurm.calls("scancel")) == (7, ["10 7 8 9"])


def test_a_job_that_slurm_accepts_late_is_cancelled(slurm: Bash) -> None:
    slurm.program("sbatch", 'echo "connect failure" >&2; [ -e asked ] && echo 7 || { : >asked; exit 1; }')
    late = 'sed -n "s/.*--comment=\\([^ ]*\\) .*/5 \\1/p" calls | head -n 1'
    slurm.write("after-squeue", f"[ ! -e seen ] || {late}; : >seen")
    ended = slurm.run("begin; submit fit/0 fit 0 1 1 1; release", part=SUBMIT)
    assert (ended.code, slurm.calls("scancel")) == (0, ["5"])


def test_a_call_without_an_answer_that_slurm_did_accept_is_found(slurm: Bash) -> None:
    slurm.program("sbatch", 'echo "Unable to contact slurm controller" >&2; exit 1')
    slurm.write("queue", "9 tok:fit/0\n8 tok:plot/0\n")
    ended = slurm("call_sbatch", "fit/0", "log", facts={"token": "tok"}, asked=["id"])
    assert (ended.code, ended["id"], len(slurm.calls("sbatch"))) == (0, "9", 1)
    assert ended.stderr == "reana-batch: sbatch gave no answer for fit/0, but Slurm has accepted it as 9\n"


def test_a_call_without_an_answer_is_made_three_times(slurm: Bash) -> None:
    slurm.program("sbatch", 'echo "Unable to contact slurm controller" >&2; exit 1')
    ended = slurm("call_sbatch", "fit/0", "log", facts={"token": "tok"}, asked=["trouble"])
    assert (ended.code, len(slurm.calls("sbatch"))) == (1, 3)
    assert ended["trouble"] == "Slurm gave no answer for fit/0: Unable to contact slurm controller"


def test_patterns_in_the_path_of_a_log_are_kept_from_slurm(bash: Bash) -> None:
    script = 'PWD=$1; set_output log; echo "$output"'
    told = [bash.run(f"set -- {path}; {script}", part="slurm/tools").stdout for path in ("'/a %j'", r"'/a\b'")]
    assert told == ["/a %%j/log\n", "/dev/null\n"]


# --- gates of expansions ---------------------------------------------------------------------------

# A planner, and a job that waits for its expansion.
GATED = (
    "begin; submit rest/0 rest 0 1 1 1; submit_gate rest rest; submit plot/0 plot 0 1 1 1 'afterok .gate/rest'; release"
)
# The journal of a part: an array, a job that waits for it, another one and the gate of an expansion.
PART_JOURNAL = """31 work/0 0 work 3 1 -
32 join/0 0 join 1 1 aftercorr:31
33 aside/0 0 aside 1 1 -
34 .gate/more 0 - 0 1 afterok:33
35 .finaliser/end 0 - 0 1 -
"""


def test_a_gate_waits_for_the_planner_and_jobs_wait_for_the_gate(slurm: Bash) -> None:
    ended = slurm.run(GATED, part=SUBMIT)
    assert (ended.code, ended.stderr) == (0, "")
    assert submitted(slurm)[1:3] == [
        (".gate/rest", "--dependency=afterok:7 batch/gate.sbatch rest rest"),
        ("plot/0", "--dependency=afterok:8 batch/steps/plot/job.sbatch 0"),
    ]
    assert journal(slurm)[1] == "8 .gate/rest 0 - 0 1 afterok:7"
    # Jobs that others wait for, and those that none waits for.
    failure, end = (words.split()[0].replace("?", ",") for _, words in submitted(slurm)[3:])
    assert sorted(failure.partition("=")[2].split(",")) == ["afternotok:7", "afternotok:8"]
    assert end == "--dependency=afterany:9"


@pytest.mark.parametrize(
    ("planner", "part", "expected"),
    [("done", PART_JOURNAL, "afterany:32,afterany:34"), ("done", "", None), ("", PART_JOURNAL, "afterok:7")],
)
def test_the_gate_of_a_run_that_goes_on(slurm: Bash, planner: str, part: str, expected: str | None) -> None:
    slurm.write("state/run.restarted")
    slurm.write(f"state/rest/0.{planner}")
    if part:
        slurm.write("expansions/rest/state/slurm.jobs", part)
    ended = slurm.run(GATED, part=SUBMIT)
    assert ended.code == 0, ended.stderr
    gates = [words for key, words in submitted(slurm) if key == ".gate/rest"]
    asked = [",".join(sorted(words.split()[0].partition("=")[2].split(","))) for words in gates]
    assert asked == ([expected] if expected else [])
    held = [key for key, words in submitted(slurm) if words.startswith("--hold")]
    assert held == {"": ["rest/0"], "done": [] if expected else ["plot/0"]}[planner]


def test_a_part_lets_the_gate_wait_for_its_last_jobs_before_it_starts(slurm: Bash) -> None:
    part = "expansions/rest/state"
    slurm.write("state/slurm.jobs", "5 rest/0 0 rest 1 1 -\n6 .gate/rest 0 - 0 1 afterok:5\n")
    slurm.write(f"{part}/.here")
    script = f"cd expansions/rest; mkdir logs; {CHAIN.replace('release', 'release rest')}"
    ended = slurm.run(script, part=SUBMIT)
    assert (ended.code, ended.stderr) == (0, "")
    calls = ["show config", "update JobId=6 Dependency=afterok:5,afterany:8", "release 7"]
    assert slurm.calls("scontrol") == calls


def test_a_part_whose_gate_cannot_wait_for_it_is_cancelled(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", "5 rest/0 0 rest 1 1 -\n6 .gate/rest 0 - 0 1 afterok:5\n")
    slurm.write("expansions/rest/state/.here")
    slurm.program("scontrol", "[[ $1 != update ]] || { echo 'Invalid job id' >&2; exit 1; }")
    ended = slurm.run(f"cd expansions/rest; {CHAIN.replace('release', 'release rest')}", part=SUBMIT)
    assert ended.code == 7
    assert ended.stderr.startswith("reana-batch: the jobs that wait for rest cannot wait for its jobs: Invalid job id")
    assert [sorted(call.split()) for call in slurm.calls("scancel")] == [["10", "7", "8", "9"]]


@pytest.mark.parametrize("script", ["", "begin; release rest"])
def test_a_part_without_jobs_leaves_the_gate_as_it_is(slurm: Bash, script: str) -> None:
    """If the planner is done, the gate does not exist yet."""
    if script:
        slurm.write("state/slurm.jobs", "5 rest/0 0 rest 1 1 -\n6 .gate/rest 0 - 0 1 afterok:5\n")
    slurm.write("expansions/rest/state/.here")
    script = script or CHAIN.replace("release", "release rest")
    ended = slurm.run(f"cd expansions/rest; mkdir logs; {script}", part=SUBMIT)
    assert (ended.code, ended.stderr) == (0, "")
    assert not [call for call in slurm.calls("scontrol") if call.startswith("update")]


@pytest.mark.parametrize(("inner", "code"), [("done", 0), ("failed", 91)])
def test_a_gate_lets_jobs_start_if_everything_of_the_expansion_is_done(slurm: Bash, inner: str, code: int) -> None:
    slurm.write("state/rest/0.done")
    slurm.write("expansions/rest/batch/steps.txt", "2 work\n1 more more\n")
    for row in ("work/0", "work/1", "more/0"):
        slurm.write(f"expansions/rest/state/{row}.done")
    slurm.write("expansions/rest/expansions/more/batch/steps.txt", "1 last\n")
    slurm.write(f"expansions/rest/expansions/more/state/last/0.{inner}")
    ended = slurm("pass_gate", "rest", "rest")
    assert ended.code == code
    assert ended.stderr == ("" if code == 0 else "reana-batch: not all jobs of rest are done\n")
    assert slurm.has("state/rest/expanded") is (code == 0)


def test_a_gate_does_not_wait_for_a_part_that_is_not_compiled(slurm: Bash) -> None:
    slurm.write("state/rest/0.done")
    assert slurm("pass_gate", "rest", "rest").code == 91


@pytest.mark.parametrize("kind", ["failure", "end"])
def test_a_gate_that_waits_for_other_journals_is_not_cancelled(slurm: Bash, kind: str) -> None:
    slurm.write(
        "state/slurm.jobs", "5 rest/0 0 rest 1 1 -\n6 .gate/rest 0 - 0 1 afterok:5\n7 plot/0 0 plot 1 1 afterok:6\n"
    )
    slurm.write("queue", "6 6 6 PENDING Dependency\n7 7 7 PENDING Dependency\n")
    ended = slurm("finalise", kind, "tok", environment=IN_JOB)
    assert ended.code == 0, ended.stderr
    assert slurm.calls("scancel") == []
    ((_, words),) = submitted(slurm)
    asked = words.split(" ")[0].partition("=")[2]
    assert sorted(asked.split(",")) == {"failure": ["afternotok:6"], "end": ["afterany:6", "afterany:7"]}[kind]


def test_jobs_behind_a_failed_planner_or_gate_never_start(slurm: Bash) -> None:
    slurm.write(
        "state/slurm.jobs", "5 rest/0 0 rest 1 1 -\n6 .gate/rest 0 - 0 1 afterok:5\n7 plot/0 0 plot 1 1 afterok:6\n"
    )
    slurm.write("state/plot/.here")
    for first, dead in (
        ("5 5 5 FAILED NonZeroExitCode\n6 6 6 PENDING Dependency", "6 7"),
        ("6 6 6 FAILED NonZeroExitCode", "7"),
    ):
        slurm.write("queue", f"{first}\n7 7 7 PENDING Dependency\n")
        slurm.write("on-scancel", "sed -i '/PENDING/d' queue")
        ended = slurm("finalise", "failure", "tok", environment=IN_JOB)
        assert ended.code == 0, ended.stderr
        assert slurm.calls("scancel")[-1] == f"--quiet {dead}"
    assert slurm.read("state/plot/0.skipped") == "reason=parent\ndetail=\n"


# --- submitting by pyslurm ------------------------------------------------------------------------

# It answers each request: first the number of its words, then the words.
PYSLURM = 'echo "ready, {greeting}"; while IFS= read -rd "" n; do for ((i = 0; i < n; i++)); do IFS= read -rd "" w; done\n{answer}\ndone'
TWO_JOBS = "begin auto snake; submit fit/0 fit 0 1 1 1; submit plot/0 plot 0 1 1 1"


def by_pyslurm(slurm: Bash, answer: str, script: str = TWO_JOBS, **given: Any) -> Ended:
    slurm.program("snake", PYSLURM.format(greeting="pyslurm 23", answer=answer))
    return slurm.run(script, part=SUBMIT, asked=["trouble", "submission"], **given)


def test_jobs_are_submitted_by_one_process_of_pyslurm(slurm: Bash) -> None:
    ended = by_pyslurm(slurm, "echo $((++id + 40))")
    assert ended.code == 0, ended.stderr
    assert [line.split()[0] for line in journal(slurm)] == ["41", "42"]
    assert (len(slurm.calls("snake")), slurm.calls("sbatch")) == (1, [])


def test_what_pyslurm_refuses_is_told(slurm: Bash) -> None:
    ended = by_pyslurm(slurm, 'echo "no such account"')
    assert ended.code == 7
    assert ended.stderr.startswith("reana-batch: pyslurm refused fit/0: no such account\n")


def test_a_pyslurm_that_does_not_answer_is_started_again(slurm: Bash) -> None:
    ended = by_pyslurm(
        slurm, "[[ -e hung ]] || { : >hung; exec cat; }; echo 41", environment={"REANA_BATCH_SBATCH_TIMEOUT": "1"}
    )
    assert ended.code == 0, ended.stderr
    assert len(slurm.calls("snake")) == 2


def test_a_pyslurm_that_does_not_fit_is_left_or_refused(slurm: Bash) -> None:
    slurm.program("snake", "echo 'no module named pyslurm' >&2")
    ended = slurm.run(TWO_JOBS, part=SUBMIT)
    assert (ended.code, len(slurm.calls("sbatch"))) == (0, 2)
    assert ended.stderr == "reana-batch: pyslurm does not fit: no module named pyslurm; sbatch is used\n"
    (slurm.directory / "state/slurm.jobs").unlink()
    (slurm.directory / "state/slurm.submitting").unlink()
    ended = slurm.run("begin pyslurm snake", part=SUBMIT)
    assert ended.code == 7
    assert ended.stderr.endswith("no module named pyslurm; choose --set slurm.submission=sbatch\n")


# --- the finalisers -------------------------------------------------------------------------------

JOURNAL = """7 fit/0 0 fit 3 1 -
8 plot/0 0 plot 1 1 afterok:7
9 mail/0 0 mail 1 1 afterok:8
10 each/0 0 each 3 1 aftercorr:7
11 tidy/0 0 tidy 1 1 afterany:7
12 .finaliser/failure 0 - 0 1 -
13 .finaliser/end 0 - 0 1 -
"""
IN_JOB = {"SLURM_JOB_ID": "12"}
END = "2026-11-30T23:00:00"  # of a job, as squeue prints it


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("7 7 7 RUNNING None", {"alive": {"7": "yes"}}),
        ("7_0 7 8 COMPLETED None", {}),
        ("7_1 7 8 FAILED NonZeroExitCode", {"gone": {"7": "some"}}),
        ("7 7 7 FAILED NonZeroExitCode", {"gone": {"7": "all"}}),
        (f"7_1 7 8 TIMEOUT TimeLimit {END}", {"gone": {"7": "some"}, "ended": [f"7_1 7 8 TIMEOUT TimeLimit {END}"]}),
        (f"7_1 7 8 NODE_FAIL None {END}", {"ended": [f"7_1 7 8 NODE_FAIL None {END}"]}),
        ("8 8 8 PENDING Dependency", {"waiting": {"8": "8 "}}),
        ("8 8 8 PENDING DependencyNeverSatisfied", {"dead": ["8"], "gone": {"8": "all"}}),
        ("8 8 8 PENDING Priority", {"alive": {"8": "yes"}}),
    ],
)
def test_what_a_finaliser_sees(slurm: Bash, shown: str, expected: dict[str, Any]) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    slurm.write("queue", f"{shown}\n")
    empty: dict[str, Any] = {"alive": {}, "waiting": {}, "gone": {}, "dead": [], "ended": []}
    script = "declare -A alive waiting gone; look"
    seen = slurm.run(script, part="slurm/finaliser", asked=list(empty)).variables
    assert seen == empty | expected
    assert slurm.calls("squeue")[0].endswith("--jobs=7,8,9,10,11")


@pytest.mark.parametrize(("said", "code"), [("Invalid job id specified", 0), ("timed out", 1)])
def test_a_finaliser_without_an_answer_knows_nothing(slurm: Bash, said: str, code: int) -> None:
    slurm.program("squeue", f"echo 'slurm_load_jobs error: {said}' >&2; exit 1")
    assert slurm.run("declare -A alive waiting gone; look 7", part="slurm/finaliser").code == code


@pytest.mark.parametrize(
    ("gone", "dead"),
    [({"7": "all"}, ["8", "9", "10"]), ({"7": "some"}, ["8", "9"]), ({"8": "all"}, ["9"]), ({}, [])],
)
def test_descendants_of_a_failed_job_never_start(slurm: Bash, gone: dict[str, str], dead: Sequence[str]) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    facts = {"gone": gone, "dead": [], "waiting": {"8": "8 ", "9": "9 ", "10": "10 ", "11": "11 "}}
    assert slurm("add_descendants", facts=facts, asked=["dead"])["dead"] == dead


def test_jobs_that_can_never_start_are_cancelled_and_written_down(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    for name in ("plot", "mail"):
        slurm.write(f"state/{name}/.here")
    waits = "8 8 8 PENDING DependencyNeverSatisfied\n9 9 9 PENDING Dependency\n"
    slurm.write("queue", f"7_0 7 7 FAILED NonZeroExitCode\n7_1 7 14 COMPLETED None\n{waits}")
    slurm.write("on-scancel", "sed -i '/PENDING/d' queue")
    ended = slurm("finalise", "failure", "tok", environment=IN_JOB)
    assert ended.code == 0, ended.stderr
    assert ended.stderr == "reana-batch: cancelling jobs whose parents failed: 8 9\n"
    assert slurm.calls("scancel") == ["--quiet 8 9", "--quiet --state=PENDING 13"]
    assert [slurm.has(f"state/{name}/0.skipped") for name in ("plot", "mail")] == [True, True]
    assert slurm.calls("sbatch") == []


def test_a_finaliser_waits_until_slurm_answers_and_sees(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    later = "echo '8 8 8 PENDING DependencyNeverSatisfied' >queue"
    slurm.write("queue", "8 8 8 PENDING Dependency\n")
    slurm.program("sleep", f"[[ -e seen ]] || {later}; : >seen")
    slurm.program("squeue", "[[ -e tried ]] || { : >tried; echo 'timed out' >&2; exit 1; }; cat queue")
    slurm.write("on-scancel", ": >queue")
    (slurm.directory / "state/plot").mkdir()
    slurm("finalise", "failure", "tok", environment=IN_JOB)
    assert slurm.calls("scancel")[0] == "--quiet 8"


@pytest.mark.parametrize(("kind", "dependency"), [("failure", "afternotok:7"), ("end", "afterany:7,afterany:8")])
def test_while_jobs_run_another_finaliser_will_look(slurm: Bash, kind: str, dependency: str) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    slurm.write("queue", "7 7 7 RUNNING None\n8 8 8 PENDING Dependency\n")
    ended = slurm("finalise", kind, "tok", environment=IN_JOB)
    assert ended.code == 0, ended.stderr
    ((key, words),) = submitted(slurm)
    asked = words.replace("?", ",").split(" ")[0].removeprefix("--dependency=")
    assert key.startswith(".finaliser/")
    assert sorted(asked.split(",")) == dependency.split(",")
    assert journal(slurm)[-1] == f"7 .finaliser/{kind} 0 - 0 1 -"
    assert slurm.calls("scancel") == []


def test_a_new_finaliser_that_has_nothing_to_do_is_cancelled(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    slurm.write("queue", "7 7 7 RUNNING None\n8 8 8 PENDING Dependency\n")
    slurm.write("on-sbatch", ": >queue")
    slurm("finalise", "failure", "tok", environment=IN_JOB)
    assert slurm.calls("scancel") == ["--quiet 7"]


def test_the_last_finaliser_cancels_what_is_left(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    slurm.write("state/slurm.unanswered")
    slurm.write("expansions/later/state/slurm.submitting", "tok2 here 1\n")
    own = [line.split()[0] for line in JOURNAL.splitlines()]
    listed = "".join(f"{number} tok:x\n" for number in [*own, "20"])
    slurm.program("squeue", f"case $* in *%k*) printf '%s' '{listed}30 tok2:y\n' ;; esac")
    slurm("finalise", "end", "tok", environment={"SLURM_JOB_ID": "13"})
    assert slurm.calls("scancel") == ["--quiet --state=PENDING 12", "20", "30"]
    assert not slurm.has("expansions/later/state/slurm.submitting")


def test_finalisers_that_are_gone_are_replaced(slurm: Bash) -> None:
    slurm.write("state/slurm.jobs", JOURNAL)
    slurm.write("queue", "tok:fit/0\n")
    ended = slurm("replace_finalisers", "failure", "end")
    assert (ended.code, ended.stdout) == (0, "7\n8\n")
    assert [words for _, words in submitted(slurm)] == [
        "batch/finaliser.sbatch failure tok",
        "batch/finaliser.sbatch end tok",
    ]
    slurm.program("sbatch", "echo refused >&2; exit 1")
    ended = slurm("replace_finalisers", "end")
    assert ended.code == 7
    assert ended.stderr.startswith("reana-batch: sbatch refused .finaliser/")


def test_a_finaliser_has_no_more_conditions_than_slurm_takes(slurm: Bash) -> None:
    jobs = [str(number) for number in range(100_000, 105_001)]
    ended = slurm("submit_finaliser", "end", *jobs, facts={"token": "tok"}, asked=["accepted"])
    assert (ended.code, ended["accepted"]) == (0, ["7", "8"])
    assert [words.count("afterany:") for _, words in submitted(slurm)] == [5000, 1]


def test_a_journal_that_cannot_be_written_stops_the_submission(slurm: Bash, tmp_path: Path) -> None:
    (tmp_path / "state/slurm.jobs").mkdir()
    ended = slurm("submit_finaliser", "end", "7", facts={"token": "tok"}, asked=["trouble"])
    assert (ended.code, ended["trouble"]) == (1, "state/slurm.jobs is not writable")
