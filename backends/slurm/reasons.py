"""Slurm's reasons for a job that does not start: which of them do not pass by waiting, what they mean, and the cure.

After the list of Slurm 25.11 (job_reason_string) and the names that older releases gave. A reason that no row of the
two tables has is shown as Slurm writes it.
"""

from __future__ import annotations

import re

from reana_batch.run.queue import JobState

_CHANGE = "scontrol update JobId={{id}} {}, or stop the run, correct the analysis or settings and run it again"
_ASK = "ask your site"
# Held by hand, or by Slurm when a node could not start the job: its owner may release it.
_OWNER = "held by its owner; to go on: reana-batch resume"
_LAUNCH = "its node could not start it; to go on: reana-batch resume"
RELEASABLE = frozenset({_OWNER, _LAUNCH})


def _change(what: str) -> str:
    return _CHANGE.format(what)


_TIME, _PLACE = _change("TimeLimit=MINUTES"), _change("Partition=NAME")
_ACCOUNT, _QOS = _change("Account=NAME"), _change("QOS=NAME")
_LESS = "stop the run, ask for less and run the analysis again"

# A reason by a regular expression, what it means, and what to do. The first row that fits counts.
_STUCK = (
    ("DependencyNeverSatisfied", "a job that it waits for did not succeed", ""),
    ("JobHeldUser", _OWNER, ""),
    ("launch failed requeued held", _LAUNCH, ""),
    ("JobHeldAdmin", "held by an administrator", _ASK),
    ("JobHoldMaxRequeue", "requeued too many times and then held", "look at its log, then: scontrol release {id}"),
    ("job requeued in held state", "requeued and held", "to go on: scontrol release {id}"),
    ("BadConstraints", "no node has what it asks for", _LESS),
    ("PartitionTimeLimit", "it asks for more time than its partition allows", _TIME),
    ("PartitionNodeLimit", "it asks for more nodes than its partition has or allows", _PLACE),
    ("PartitionDown", "its partition is down", _ASK),
    ("PartitionInactive", "its partition starts no jobs", _ASK),
    ("PartitionConfig", "its partition no longer allows what it asks for", _PLACE),
    ("ReqNodeNotAvail", "the nodes it needs are not available", _ASK),
    ("NodeDown", "a node it needs is down", _ASK),
    ("InvalidAccount", "its account does not exist, or is not yours", _ACCOUNT),
    ("AccountNotAllowed", "its account may not use the partition", _ACCOUNT),
    ("InvalidQOS", "its quality of service does not exist, or is not yours", _QOS),
    ("QOSNotAllowed", "its quality of service may not be used here", _QOS),
    ("Reservation(Deleted|Invalid)|InvalidReservation", "its reservation does not exist", _ASK),
    ("BurstBufferOperation", "its burst buffer failed", _ASK),
    ("(AssociationTimeLimit|AssocMaxWallDurationPerJobLimit)", "it asks for more time than its account allows", _TIME),
    ("(QOSTimeLimit|QOSMaxWallDurationPerJobLimit)", "it asks for more time than its QOS allows", _TIME),
    ("AssocMax[A-Za-z]+Per(Job|Node)(Limit)?", "it asks for more than its account allows a job", _LESS),
    ("QOSMax[A-Za-z]+Per(Job|Node)(Limit)?", "it asks for more than its QOS allows a job", _LESS),
    ("MaxMemPerLimit", "it asks for more memory per CPU or node than allowed", _LESS),
    ("QOSMin[A-Za-z]+", "it asks for less than its QOS demands", _QOS),
    # Minutes that were granted and are used up; RunMinutes come back when other jobs end.
    ("AssocGrp(?![A-Za-z]*RunMinutes)[A-Za-z]*(Minutes|Wall)(Limit)?", "its account has used up its time", _ASK),
    ("QOSGrp(?![A-Za-z]*RunMinutes)[A-Za-z]*(Minutes|Wall)(Limit)?", "its QOS has used up its time", _ASK),
)

# Limits of an account, QOS or user for the jobs that run together. They pass when other jobs end, except for a job that
# asks for more than the limit by itself: Slurm does not say which of the two it is.
_LIMITS = (
    ("AssocGrp(?!Jobs|SubmitJobs)[A-Za-z]+", "the jobs of its account"),
    ("QOSGrp(?!Jobs|SubmitJobs)[A-Za-z]+", "the jobs of its QOS"),
    ("QOSMax(?!Jobs|SubmitJob)[A-Za-z]+PerUser(Limit)?|Max(?!Jobs|SubmitJobs)[A-Za-z]+Per(Account|User)", "your jobs"),
)

# Reasons that pass when other jobs end or a time has come.
_PASSING = (
    "None|Priority|Resources|Dependency|BeginTime|Licenses|Reservation|Prolog|Cleaning|JobArrayTaskLimit|FedJobLock"
    "|BurstBuffer(Resources|StageIn)|SchedDefer|MaxPoweredUpNodes|NvidiaImexChannels|QOSUsageThreshold"
    "|(Association|QOS)(Job|Resource)Limit|AccountingPolicy|(Assoc|QOS)Grp[A-Za-z]+|(Assoc|QOS)Max[A-Za-z]+"
    "|Max[A-Za-z]+Per(Account|User)"
)


# What sbatch says when it refuses a job, and what to do. The first row that fits counts.
_REFUSALS = (
    ("invalid account", "set slurm.account to one of yours: sacctmgr show associations user=$USER"),
    ("invalid qos", "set slurm.qos to one of yours: sacctmgr show associations user=$USER format=account,qos"),
    ("MaxSubmitJob|GrpSubmitJobs", "wait until jobs of yours have ended, or join rows with --rows-per-job."),
    ("MaxWallDurationPerJob|time limit is invalid", "ask for less time, or set slurm.partition or slurm.qos."),
    ("invalid partition", "set slurm.partition to one of these: sinfo -s"),
    ("Max[A-Za-z]+PerJob|Max[A-Za-z]+PerNode|node configuration is not available", "ask for less."),
)


def cure(said: str) -> str:
    """Return what to do about a refusal of sbatch; empty if no row fits."""
    return next((cure for pattern, cure in _REFUSALS if re.search(pattern, said, re.IGNORECASE)), "")


def explain(reason: str, job: str) -> tuple[JobState, str]:
    """Return whether a pending job is held up for good, by squeue's reason, and why; no text if that passes."""
    word, _, detail = reason.partition(", ")
    if "reserved" in detail.lower():  # for another job or for maintenance, which ends
        return JobState.WAITING, f"Slurm says: {reason}"
    for pattern, meaning, cure in _STUCK:
        if re.fullmatch(pattern, word):
            told = f"{meaning} ({detail})" if detail else meaning
            return JobState.HELD, told + (f"; {cure.format(id=job)}" if cure else "")
    for pattern, whose in _LIMITS:
        if re.fullmatch(pattern, word):
            return (
                JobState.WAITING,
                f"{whose} together have reached a limit ({word}); if none of them runs, ask for less",
            )
    if re.fullmatch(_PASSING, word):
        return JobState.WAITING, ""
    return JobState.WAITING, f"Slurm says: {reason}"
