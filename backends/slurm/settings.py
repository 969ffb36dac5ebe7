"""Slurm's own settings in a site profile."""

from __future__ import annotations

from dataclasses import dataclass

from reana_batch.settings import PATH, POSITIVE, one_of, optional, setting, text

_NAME = optional(text("^[A-Za-z0-9_.,@+-]+$", "a name that sbatch takes"))


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    partition: str | None = setting(None, _NAME, "--partition of jobs that name none.")
    account: str | None = setting(None, _NAME, "--account of every job.")
    qos: str | None = setting(None, _NAME, "--qos of every job.")
    # Slurm's default is 1001.
    max_array_size: int = setting(1001, POSITIVE, "MaxArraySize of the cluster: array indices stay below it.")
    submission: str = setting(
        "sbatch",
        one_of("sbatch", "pyslurm", "auto"),
        "What submits jobs: sbatch, pyslurm or auto. With auto it is pyslurm if it works with the site's Slurm, and "
        "sbatch otherwise.",
    )
    pyslurm_python: str | None = setting(
        None, optional(PATH), "The Python that has pyslurm; null is the one that runs reana-batch."
    )


SETTINGS = SlurmSettings
