"""HTCondor's own settings in a site profile."""

from __future__ import annotations

from dataclasses import dataclass

from reana_batch.settings import FLAG, NUMBER, POSITIVE, optional, setting, text


@dataclass(frozen=True, slots=True)
class HTCondorSettings:
    accounting_group: str | None = setting(
        None,
        optional(
            text(r"^([^\r\n]*[^\r\n\s\\])?$", "one line of text that ends in no blank and no backslash"),
        ),
        "accounting_group of jobs that name none.",
    )
    job_flavours: bool = setting(False, FLAG, "Whether the pool knows CERN's +JobFlavour and +MaxRuntime.")
    send_credential: bool = setting(False, FLAG, "Whether jobs get MY.SendCredential = True.")
    file_transfer: bool = setting(
        False, FLAG, "Whether HTCondor sends each job its files, where workers share no file system."
    )
    writable_images: bool = setting(
        True,
        FLAG,
        "Whether images of HTCondor's container universe can be written to; their containers do not start where "
        "apptainer's administrator allows no overlay.",
    )
    max_idle: int | None = setting(None, optional(POSITIVE), "The most idle jobs that DAGMan keeps in the queue.")
    shared_log: bool = setting(
        True, FLAG, "Whether DAGMan's one event log is the only one, or each job has its own as well."
    )
    retries: int = setting(0, NUMBER, "How often DAGMan runs a failed job again.")


SETTINGS = HTCondorSettings
