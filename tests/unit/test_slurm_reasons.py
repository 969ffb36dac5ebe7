"""Every reason that Slurm 25.11 gives for a pending job, and what the user reads about it."""

from __future__ import annotations

import pytest

from reana_batch.backends.slurm.reasons import cure, explain
from reana_batch.run.queue import JobState

RESOURCES = ("BB", "Billing", "Energy", "GRES", "License", "Unknown")

# These end when other jobs end, or at a time. The program does not mention them.
PASSING = [
    *("None", "Priority", "Resources", "Dependency", "BeginTime", "Licenses", "Reservation", "Prolog", "Cleaning"),
    *("JobArrayTaskLimit", "FedJobLock", "BurstBufferResources", "BurstBufferStageIn", "SchedDefer"),
    *("MaxPoweredUpNodes", "NvidiaImexChannels", "QOSUsageThreshold", "AssociationJobLimit", "QOSJobLimit"),
    *("AssociationResourceLimit", "QOSResourceLimit", "AccountingPolicy"),
    *("QOSGrpJobsLimit", "QOSGrpSubmitJobsLimit", "QOSMaxJobsPerUserLimit", "QOSMaxSubmitJobPerUserLimit"),
    *("AssocGrpJobsLimit", "AssocGrpSubmitJobsLimit", "AssocMaxJobsLimit", "AssocMaxSubmitJobLimit"),
    *("MaxJobsPerAccount", "MaxSubmitJobsPerAccount"),
]
# These end unless the job alone asks for more. The program mentions them.
LIMITS = {
    "the jobs of its QOS": [
        *("QOSGrpCpuLimit", "QOSGrpCPURunMinutesLimit", "QOSGrpMemLimit", "QOSGrpNodeLimit", "QOSGrpMemoryRunMinutes"),
        *("QOSGrpNodeRunMinutes", *(f"QOSGrp{what}{end}" for what in RESOURCES for end in ("", "RunMinutes"))),
    ],
    "the jobs of its account": [
        *("AssocGrpCpuLimit", "AssocGrpCPURunMinutesLimit", "AssocGrpMemLimit", "AssocGrpNodeLimit"),
        *("AssocGrpMemRunMinutes", *(f"AssocGrp{what}{end}" for what in RESOURCES for end in ("", "RunMinutes"))),
    ],
    "your jobs": [
        *("QOSMaxCpuPerUserLimit", "QOSMaxNodePerUserLimit", "QOSMaxMemoryPerUser"),
        *(f"QOSMax{what}PerUser" for what in RESOURCES),
        *(f"Max{what}PerAccount" for what in (*RESOURCES, "Cpu", "Node", "Memory")),
        *(f"Max{what}RunMinsPer{who}" for what in (*RESOURCES, "Cpu", "Node", "Memory") for who in ("Account", "User")),
    ],
}

TIME = (
    "; scontrol update JobId=7_[0-3] TimeLimit=MINUTES, or stop the run, correct the analysis or settings and run it"
    " again"
)
STUCK = {
    "DependencyNeverSatisfied": "a job that it waits for did not succeed",
    "JobHeldUser": "held by its owner; to continue: reana-batch resume",
    "JobHeldAdmin": "held by an administrator; ask your site",
    "JobHoldMaxRequeue": "requeued too many times and then held; look at its log, then: scontrol release 7_[0-3]",
    "launch failed requeued held": "its node could not start it; to continue: reana-batch resume",
    "BadConstraints": "no node has what it asks for; stop the run, ask for less and run the analysis again",
    "PartitionTimeLimit": f"it asks for more time than its partition allows{TIME}",
    "AssocMaxWallDurationPerJobLimit": f"it asks for more time than its account allows{TIME}",
    "QOSMaxWallDurationPerJobLimit": f"it asks for more time than its QOS allows{TIME}",
    "PartitionDown": "its partition is down; ask your site",
    "ReqNodeNotAvail, UnavailableNodes:n[1-2]": (
        "the nodes it needs are not available (UnavailableNodes:n[1-2]); ask your site"
    ),
    "InvalidAccount": (
        "its account does not exist, or is not yours; scontrol update JobId=7_[0-3] Account=NAME, or stop the run,"
        " correct the analysis or settings and run it again"
    ),
    "AssocGrpCPUMinutesLimit": "its account has used up its time; ask your site",
    "QOSGrpBillingMinutes": "its QOS has used up its time; ask your site",
    "QOSMaxMemoryPerJob": (
        "it asks for more than its QOS allows a job; stop the run, ask for less and run the analysis again"
    ),
}
# More reasons of the same kinds as those above.
ALSO_STUCK = [
    *("PartitionNodeLimit", "PartitionInactive", "PartitionConfig", "NodeDown", "AccountNotAllowed", "InvalidQOS"),
    *("QOSNotAllowed", "ReservationDeleted", "ReservationInvalid", "BurstBufferOperation", "AssociationTimeLimit"),
    *("QOSTimeLimit", "QOSMaxCpuPerJobLimit", "QOSMaxCpuMinutesPerJobLimit", "QOSMaxNodePerJobLimit", "MaxMemPerLimit"),
    *("QOSMinCpuNotSatisfied", "QOSMinMemory", "QOSMinNode", "QOSMaxCpuPerNode", "AssocMaxCpuPerNode"),
    *("AssocMaxCpuPerJobLimit", "AssocMaxCpuMinutesPerJobLimit", "AssocMaxNodePerJobLimit", "AssocMaxMemPerJob"),
    *("QOSGrpCPUMinutesLimit", "QOSGrpWallLimit", "AssocGrpWallLimit", "AssocGrpMemMinutes", "QOSGrpMemoryMinutes"),
    *(f"{who}Grp{what}Minutes" for who in ("Assoc", "QOS") for what in (*RESOURCES, "Node")),
    *(f"{who}Max{what}{end}" for who in ("Assoc", "QOS") for what in RESOURCES for end in ("PerJob", "MinutesPerJob")),
    *(f"{who}Max{what}PerNode" for who in ("Assoc", "QOS") for what in ("BB", "Billing", "Energy", "GRES", "Unknown")),
    *(f"QOSMin{what}" for what in RESOURCES),
]


def test_reasons_that_pass_are_not_shown() -> None:
    assert {reason: explain(reason, "7") for reason in PASSING} == dict.fromkeys(PASSING, (JobState.WAITING, ""))


@pytest.mark.parametrize("whose", LIMITS)
def test_limits_that_a_job_may_never_meet_are_told_while_it_waits(whose: str) -> None:
    for reason in LIMITS[whose]:
        told = f"{whose} together have reached a limit ({reason}); if none of them runs, ask for less"
        assert explain(reason, "7") == (JobState.WAITING, told)


@pytest.mark.parametrize(
    ("said", "cure_of_it"),
    [
        (
            "sbatch: error: Batch job submission failed: Invalid account or account/partition combination",
            "slurm.account",
        ),
        ("sbatch: error: Batch job submission failed: Invalid qos specification", "slurm.qos"),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", "--rows-per-job"),
        ("sbatch: error: QOSMaxWallDurationPerJobLimit", "less time"),
        ("sbatch: error: something new", ""),
    ],
)
def test_what_sbatch_refuses_has_a_cure(said: str, cure_of_it: str) -> None:
    found = cure(said)
    assert cure_of_it in found
    assert bool(found) == bool(cure_of_it)


@pytest.mark.parametrize("reason", STUCK)
def test_reasons_that_never_pass_are_told_with_their_cure(reason: str) -> None:
    assert explain(reason, "7_[0-3]") == (JobState.HELD, STUCK[reason])


def test_no_reason_that_never_passes_is_missed() -> None:
    assert [reason for reason in ALSO_STUCK if explain(reason, "7")[0] is not JobState.HELD] == []


NODES = "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions"


@pytest.mark.parametrize("reason", ["SomethingNew", NODES, "ReqNodeNotAvail, May be reserved for other job"])
def test_what_no_row_knows_is_shown_as_slurm_writes_it(reason: str) -> None:
    assert explain(reason, "7") == (JobState.WAITING, f"Slurm says: {reason}")
