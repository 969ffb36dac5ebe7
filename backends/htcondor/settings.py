"""HTCondor's own settings in a site profile."""

from __future__ import annotations

from dataclasses import dataclass

from reana_batch.settings import FLAG, NUMBER, POSITIVE, optional, setting, text


@dataclass(frozen=True, slots=True)
class HTCondorSettings:
    accounting_group: str | None = setting(
        None,
        optional(
            text(r"^([^\r\n]*[^\r\n\s\\])?$", "one line of text that does not end with a blank or a backslash"),
        ),
        "accounting_group of jobs that name none.",
    )
    job_flavours: bool = setting(False, FLAG, "Whether the pool knows CERN's +JobFlavour and +MaxRuntime.")
    send_credential: bool = setting(False, FLAG, "Whether jobs get MY.SendCredential = True.")
    file_transfer: bool = setting(
        False, FLAG, "Whether HTCondor transfers the files of each job. Use it if workers share no file system."
    )
    writable_images: bool = setting(
        True,
        FLAG,
        "Whether jobs in HTCondor's container universe can write to their image. Their containers do not start if "
        "the administrator of apptainer does not allow an overlay.",
    )
    max_idle: int | None = setting(None, optional(POSITIVE), "How many idle jobs DAGMan keeps in the queue at most.")
    shared_log: bool = setting(
        True, FLAG, "Whether DAGMan's event log is the only one. If not, each job also has its own."
    )
    retries: int = setting(0, NUMBER, "How often DAGMan runs a failed job again.")


SETTINGS = HTCondorSettings
