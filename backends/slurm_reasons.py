"""Slurm's reasons for a job that does not start: which of them do not pass by waiting, what they mean, and the cure.

After the list of Slurm 25.11 (job_reason_string) and the names that older releases gave. A reason that no row of the
two tables has is shown as Slurm writes it.
"""

from __future__ import annotations

import re

from reana_batch.jobqueue import JobState

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

# Reasons that pass when other jobs end or a time has come.
_PASSING = (
    "None|Priority|Resources|Dependency|BeginTime|Licenses|Reservation|Prolog|Cleaning|JobArrayTaskLimit|FedJobLock"
    "|BurstBuffer(Resources|StageIn)|SchedDefer|MaxPoweredUpNodes|NvidiaImexChannels|QOSUsageThreshold"
    "|(Association|QOS)(Job|Resource)Limit|AccountingPolicy|(Assoc|QOS)Grp[A-Za-z]+|(Assoc|QOS)Max[A-Za-z]+"
    "|Max[A-Za-z]+Per(Account|User)"
)


def explain(reason: str, job: str) -> tuple[JobState, str]:
    """Return whether a pending job is held up for good, by squeue's reason, and why; no text if that passes."""
    word, _, detail = reason.partition(", ")
    if "reserved" in detail.lower():  # for another job or for maintenance, which ends
        return JobState.WAITING, f"Slurm says: {reason}"
    for pattern, meaning, cure in _STUCK:
        if re.fullmatch(pattern, word):
            told = f"{meaning} ({detail})" if detail else meaning
            return JobState.HELD, told + (f"; {cure.format(id=job)}" if cure else "")
    if re.fullmatch(_PASSING, word):
        return JobState.WAITING, ""
    return JobState.WAITING, f"Slurm says: {reason}"
