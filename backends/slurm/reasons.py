"""Slurm's reasons for a job that does not start: their meanings, their cures, and which of them are permanent.

The tables follow the list of Slurm 25.11 (job_reason_string), with the names of older releases. A reason that no table
has is shown in Slurm's words.
"""

from __future__ import annotations

import re

from reana_batch.run.queue import JobState

_CHANGE = "scontrol update JobId={{id}} {}, or stop the run, correct the analysis or settings and run it again"
_ASK = "ask your site"
# The owner may release a job that was held by hand, or by Slurm because a node could not start it.
_OWNER = "held by its owner; to continue: reana-batch resume"
_LAUNCH = "its node could not start it; to continue: reana-batch resume"
RELEASABLE = frozenset({_OWNER, _LAUNCH})


def _change(what: str) -> str:
    return _CHANGE.format(what)


_TIME, _PLACE = _change("TimeLimit=MINUTES"), _change("Partition=NAME")
_ACCOUNT, _QOS = _change("Account=NAME"), _change("QOS=NAME")
_LESS = "stop the run, ask for less and run the analysis again"

# A regular expression for the reason, its meaning, and what to do. The first row that matches counts.
_STUCK = (
    ("DependencyNeverSatisfied", "a job that it waits for did not succeed", ""),
    ("JobHeldUser", _OWNER, ""),
    ("launch failed requeued held", _LAUNCH, ""),
    ("JobHeldAdmin", "held by an administrator", _ASK),
    ("JobHoldMaxRequeue", "requeued too many times and then held", "look at its log, then: scontrol release {id}"),
    ("job requeued in held state", "requeued and held", "to continue: scontrol release {id}"),
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
    # Granted minutes that are used up. RunMinutes are free again when other jobs end.
    ("AssocGrp(?![A-Za-z]*RunMinutes)[A-Za-z]*(Minutes|Wall)(Limit)?", "its account has used up its time", _ASK),
    ("QOSGrp(?![A-Za-z]*RunMinutes)[A-Za-z]*(Minutes|Wall)(Limit)?", "its QOS has used up its time", _ASK),
)

# Limits of an account, QOS or user for all its running jobs. Usually the job starts when other jobs end. A job that
# asks for more than the limit never starts, but Slurm does not distinguish the two.
_LIMITS = (
    ("AssocGrp(?!Jobs|SubmitJobs)[A-Za-z]+", "the jobs of its account"),
    ("QOSGrp(?!Jobs|SubmitJobs)[A-Za-z]+", "the jobs of its QOS"),
    ("QOSMax(?!Jobs|SubmitJob)[A-Za-z]+PerUser(Limit)?|Max(?!Jobs|SubmitJobs)[A-Za-z]+Per(Account|User)", "your jobs"),
)

# Reasons that end when other jobs end or when a time is reached.
_PASSING = (
    "None|Priority|Resources|Dependency|BeginTime|Licenses|Reservation|Prolog|Cleaning|JobArrayTaskLimit|FedJobLock"
    "|BurstBuffer(Resources|StageIn)|SchedDefer|MaxPoweredUpNodes|NvidiaImexChannels|QOSUsageThreshold"
    "|(Association|QOS)(Job|Resource)Limit|AccountingPolicy|(Assoc|QOS)Grp[A-Za-z]+|(Assoc|QOS)Max[A-Za-z]+"
    "|Max[A-Za-z]+Per(Account|User)"
)

# What sbatch prints when it refuses a job, and what to do. The first row that matches counts.
_REFUSALS = (
    ("invalid account", "set slurm.account to one of yours: sacctmgr show associations user=$USER"),
    ("invalid qos", "set slurm.qos to one of yours: sacctmgr show associations user=$USER format=account,qos"),
    ("MaxSubmitJob|GrpSubmitJobs", "wait until some of your jobs have ended, or join rows with --rows-per-job."),
    ("MaxWallDurationPerJob|time limit is invalid", "ask for less time, or set slurm.partition or slurm.qos."),
    ("invalid partition", "set slurm.partition to one of these: sinfo -s"),
    ("Max[A-Za-z]+PerJob|Max[A-Za-z]+PerNode|node configuration is not available", "ask for less."),
)


def cure(said: str) -> str:
    """Return what to do about a refusal of sbatch. Empty if no row matches."""
    return next((cure for pattern, cure in _REFUSALS if re.search(pattern, said, re.IGNORECASE)), "")


def explain(reason: str, job: str) -> tuple[JobState, str]:
    """Return the state of a pending job, and squeue's reason in plain words.

    The state is HELD if the job can never start. The text is empty if the job only has to wait.
    """
    word, _, detail = reason.partition(", ")
    if "reserved" in detail.lower():  # for another job or for maintenance, both of which end
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
