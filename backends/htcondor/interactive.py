"""An interactive job of HTCondor, which asks for what the jobs of a step ask for: it sleeps, and a command joins it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from reana_batch import layout

# The seconds that such a job lasts, if its step has no shorter limit.
_LONGEST = 8 * 3600
# What condor_ssh_to_job calls, with a terminal too if there is a command.
_SSH = (
    '"ssh -t -oUser=%u -oIdentityFile=%i -oStrictHostKeyChecking=yes -oUserKnownHostsFile=%k'
    ' -oGlobalKnownHostsFile=%k -oProxyCommand=%x %h"'
)


def submission(directory: Path, folder: str) -> list[str]:
    """Return the words with which condor_submit makes the job from the submit file of a step, in an absolute directory.

    It starts in another directory than the run's jobs, so that it does not count as one of them.
    """
    changed = {
        "executable": "/bin/sleep",
        "arguments": str(_LONGEST),
        "initialdir": str(directory / layout.LOGS),
        "error": "/dev/null",
        "log": "/dev/null",
    }
    appended = [word for name, value in changed.items() for word in ("-append", f"{name} = {value}")]
    return ["condor_submit", "-terse", *appended, f"{layout.BATCH}/steps/{folder}/job.sub"]


def joining(job: str, directory: Path, words: Sequence[str]) -> list[str]:
    """Return the words with which condor_ssh_to_job runs a command in the job, after the job has started."""
    command = f"cd {shlex.quote(str(directory))} && exec {shlex.join(words)}"
    return ["condor_ssh_to_job", "-auto-retry", job, command]


def terminal(*, there_is_one: bool) -> dict[str, str]:
    """Return the variables for a command with a terminal."""
    return {"_CONDOR_SSH_TO_JOB_SSH_CMD": _SSH} if there_is_one else {}
