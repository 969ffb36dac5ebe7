"""The record of what a batch system can do.

Passes ask a target for a capability and never for its name. A back end has a ``TARGET``. Its function ``target(site)``
returns a copy with the capabilities that a site turns on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# For fields of Resources, the hints of REANA that each system with that field accepts, after its own hints.
FALLBACKS: Mapping[str, tuple[str, ...]] = {
    "cpus": ("htcondor_request_cpus", "c4p_cpu_cores", "kubernetes_cpu_limit", "kubernetes_cpu_request"),
    "memory": ("htcondor_request_memory", "c4p_memory_limit", "kubernetes_memory_limit", "kubernetes_memory_request"),
    "disk": ("htcondor_request_disk",),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The capabilities of one batch system.

    ``hints`` has for each field of :class:`~reana_batch.ir.Resources` the hints of REANA that fill it, the most
    specific first. A hint that is in no row has no meaning on this system, and the user gets a warning.
    """

    name: str
    title: str
    compute_backends: frozenset[str]
    hints: Mapping[str, tuple[str, ...]] = field(hash=False)
    container_runtimes: frozenset[str]
    pulls_no_images: frozenset[str]  # the runtimes among them that cannot start images from a registry
    keeper: str  # the name, in messages, of the program that keeps the workflow going
    start_command: str  # the command that submits the run, in the run directory
    enforces_runtime: bool  # does the system itself end a job at its time limit?
    runs_here: bool = False  # does it run on the user's machine, in the foreground, without a submission?
    submit_tool: str = ""  # the program that submits to it
    default_site: str = ""  # the site profile of a user who names this system and no site
    sends_files: str = ""  # the setting with which it sends each job its files, if workers share no file system
    forwards_tickets: bool = False  # does the system send the submitter's Kerberos ticket with the job?
    holds: frozenset[str] = frozenset()  # systems to which a node of its graph can submit jobs, and wait for them
    misread_paths: str = ""  # a pattern of the parts of a run's path that the system would misread
    copies_environment: bool = True  # can it copy all of the submitter's environment to the jobs?
    # The runtimes that start the container around the whole job. It does not get a job script's variables.
    sealed_runtimes: frozenset[str] = frozenset()
    environment: tuple[str, ...] = ()  # variables that tell its tools where it is
    retries_jobs: bool = False  # does it start failed jobs again by itself?
    retries: int = 0  # how often it does so, whatever the step asks for
    # The programs with which a planner submits what it has compiled. Empty if the system reads that by itself.
    submit_programs: tuple[str, ...] = ()
    queues_all: bool = False  # are all jobs of a run in the queue at once?
    array_size: int = 0  # the jobs of a step that one call of its tool submits; 0 if a call submits the whole run
    logs_each_job: str = ""  # the setting with which each job has an event log of its own
    only_by_hint: frozenset[str] = frozenset()  # resources that count only if a hint of REANA asks for them
