"""The reasons that a record can give for a failure, and the exit codes of jobs and submissions that are our own.

The bash parts have the codes as constants. A test compares the two, and makes the tables of docs/run-directory.md.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Reason(NamedTuple):
    """What a reason means, and the sentence that tells a user of it."""

    meaning: str
    cause: str  # with {code} and {detail} of the record
    detail: str = ""  # what the record's detail holds


class ExitCode(NamedTuple):
    """An exit code: the name of its bash constant, its meaning, and what the record says then."""

    constant: str
    meaning: str
    record: str


REASONS = {
    "command": Reason("a command ended with this exit code", "the command ended with exit code {code}"),
    "timeout": Reason(
        "a command was ended by its time limit, which the job itself watches",
        "the command was ended by its time limit, {detail}",
        "the time limit",
    ),
    "signal": Reason(
        "the job was ended from outside",
        "the job was ended from outside, by {detail}",
        "the signal, or the limit that was passed",
    ),
    "output": Reason(
        "the commands succeeded, but a declared output is missing",
        "the command succeeded, but declared outputs are {detail}",
        "the missing files",
    ),
    "worker": Reason(
        "the command could not start",
        "the job could not start its command: {detail}",
        "what the worker lacks",
    ),
    "credential": Reason(
        "a credential was missing, or would have expired too early",
        "the job could not get its credentials, and its command was not started: {detail}",
        "which one, and why",
    ),
    "scheduler": Reason("the batch system refused or lost the job", "the job was {detail}", "what it said"),
}

# What our command line exits with that has shown faults.
REFUSED = 3

# What `status` says instead of "command", where the command is one of ours.
OWN_COMMANDS = {
    "data": "declared data could not be brought, as the log says (exit code {code})",
    "expansion": "what follows from it was refused",
}

CAUSES = {name: reason.cause for name, reason in REASONS.items()} | OWN_COMMANDS

# The request that was too small, by the reason of a record and a pattern of its detail.
_LACKS = (
    ("timeout", "", "runtime"),
    ("signal", "its time limit", "runtime"),
    ("signal", "its memory limit", "memory"),
    ("scheduler", "(killed by|held) .*memory", "memory"),
    ("scheduler", "removed because it reached its time limit", "runtime"),
)
_KILLED = 137  # SIGKILL, mostly for memory


def lacks(reason: str, detail: str, exit_code: int) -> str:
    """Return the request of a failed job that was too small: ``memory`` or ``runtime``. Empty for other causes."""
    if reason == "command" and exit_code == _KILLED:
        return "memory"
    return next((what for known, said, what in _LACKS if known == reason and re.match(said, detail)), "")


EXIT_CODES = {
    91: ExitCode("EXIT_PARENT", "not started: a job that it waits for is not done", "`parent`, in `ROW.skipped`"),
    92: ExitCode("EXIT_WRITE", "a record or a log could not be written: disk full, or quota", "none"),
    93: ExitCode(
        "EXIT_OUTPUT", "the command succeeded, but declared outputs are missing (`--strict-outputs`)", "`output`"
    ),
    94: ExitCode("EXIT_WORKER", "the worker lacks apptainer, the image, a CVMFS repository or a program", "`worker`"),
    95: ExitCode(
        "EXIT_CREDENTIAL",
        "a [credential](credentials.md) could not be had, or expires too early",
        "`credential`",
    ),
    96: ExitCode("EXIT_DATA", "[declared data](data.md) could not be fetched or sent", "`command`"),
}

# What `batch/submit.sh` of Slurm exits with.
UNDER_WAY = 8
SUBMISSION_CODES = {
    7: ExitCode("EXIT_REFUSED", "the batch system did not accept the workflow", "none"),
    UNDER_WAY: ExitCode("EXIT_UNDER_WAY", "another submission of the same run is in progress", "none"),
}
