"""What a batch system can do, as data.

Passes ask a target for a capability and never for its name. A back end holds its ``TARGET``; what a site turns on is in
the copy that its ``target(site)`` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# The hints of REANA that any system which knows the field takes, after its own, by the field of Resources.
FALLBACKS: Mapping[str, tuple[str, ...]] = {
    "cpus": ("htcondor_request_cpus", "c4p_cpu_cores", "kubernetes_cpu_limit", "kubernetes_cpu_request"),
    "memory": ("htcondor_request_memory", "c4p_memory_limit", "kubernetes_memory_limit", "kubernetes_memory_request"),
    "disk": ("htcondor_request_disk",),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The capabilities of one batch system.

    ``hints`` says for each field of :class:`~reana_batch.ir.Resources` which hints of REANA fill it,
    the most specific first; a hint that stands in no row has no meaning on this system and the user
    is told so by its name.
    """

    name: str
    title: str
    compute_backends: frozenset[str]
    hints: Mapping[str, tuple[str, ...]] = field(hash=False)
    container_runtimes: frozenset[str]
    pulls_no_images: frozenset[str]  # the runtimes among them that start nothing from a registry
    keeper: str  # what keeps the workflow going, as messages name it
    start_command: str  # how the user hands the run to the system, in the run directory
    enforces_runtime: bool  # does the system itself end a job at its time limit?
    runs_here: bool = False  # does it run on the machine of the user, in the foreground, and is not submitted?
    submit_tool: str = ""  # what a machine has that submits to it
    default_site: str = ""  # the site profile of those who name this system and no site
    sends_files: str = ""  # the setting by which it sends each job its files, where workers share no file system
    forwards_tickets: bool = False  # does the system bring the submitter's Kerberos ticket to the job?
    holds: frozenset[str] = frozenset()  # systems to which a node of its graph can hand jobs, and wait for them
    misread_paths: str = ""  # a pattern of what the system takes for something else in the path of a run
    copies_environment: bool = True  # do jobs get all of the submitter's environment from it, if they are to have that?
    sealed_runtimes: frozenset[str] = frozenset()  # the runtimes whose containers do not see what a job script sets
    environment: tuple[str, ...] = ()  # variables that tell its tools where it is
    retries_jobs: bool = False  # does it start failed jobs again by itself?
    retries: int = 0  # how often it does so, whatever the step asks for
    # What the job of an expansion calls to hand over what it has compiled; nothing where the system takes it by itself.
    submit_programs: tuple[str, ...] = ()
    only_by_hint: frozenset[str] = frozenset()  # resources that count only if a hint of REANA asks for them
