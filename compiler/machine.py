"""Looking at the machine that compiles: the facts that passes need of it."""

from __future__ import annotations

import subprocess

from reana_batch import secrets
from reana_batch.facts import Facts
from reana_batch.ir import Credential, Workflow
from reana_batch.site import Site

_TIMEOUT = 10  # seconds


def facts_for(workflow: Workflow, site: Site) -> Facts:
    """Return what the passes will need for a workflow; nothing is looked at that it has no use for.

    An expansion needs nothing: its credentials and data were checked with those of the whole run.
    """
    asked = _asked(workflow)
    if workflow.within or not asked:
        return Facts()
    known = secrets.store(site.credentials.secrets).known()
    is_open = site.credentials.kerberos == "auto" and not known.value("CERN_USER")
    return Facts(Credential.KERBEROS in asked and is_open and _has_ticket(), known)


def _asked(workflow: Workflow) -> frozenset[Credential]:
    """Return the credentials that jobs may need: data may need any."""
    if workflow.data:
        return frozenset(Credential)
    steps = (step.asked.credentials for step in workflow.steps)
    return frozenset[Credential]().union(*steps, *(expansion.credentials for expansion in workflow.expansions))


def _has_ticket() -> bool:
    try:
        return subprocess.run(["klist", "-s"], check=False, timeout=_TIMEOUT).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
