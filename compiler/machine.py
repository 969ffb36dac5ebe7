"""Read the facts about this machine that passes need."""

from __future__ import annotations

from reana_batch import secrets
from reana_batch.credentials import CREDENTIALS
from reana_batch.credentials.record import Credential
from reana_batch.facts import Facts, KnownSecrets
from reana_batch.findings import output
from reana_batch.ir import Workflow
from reana_batch.site import Site


def facts_for(workflow: Workflow, site: Site, *, without_secrets: bool = False) -> Facts:
    """Return the facts that the passes need for a workflow. Other facts are not read.

    An expansion needs none: its credentials and data were checked with those of the whole run. ``without_secrets``
    says that another machine has the secrets. Then those of this one do not count, nor its tickets.
    """
    asked = _asked(workflow)
    if workflow.within or not asked:
        return Facts()
    if without_secrets:
        return Facts(secrets=KnownSecrets(elsewhere=True))
    known = secrets.store(site.credentials.secrets).known()
    return Facts(any(_has_ticket(CREDENTIALS[name], site, known) for name in asked), known)


def _has_ticket(credential: Credential, site: Site, known: KnownSecrets) -> bool:
    """Return whether the user has a credential now. If nothing depends on that, return False."""
    if credential.at_hand is None or not credential.asks_for_ticket(site.credentials, known):
        return False
    return output(*credential.at_hand.command) is not None


def _asked(workflow: Workflow) -> frozenset[str]:
    """Return the credentials that jobs may need. Declared data may need any of them."""
    if workflow.data:
        return frozenset(CREDENTIALS)
    steps = (step.asked.credentials for step in workflow.steps)
    return frozenset[str]().union(*steps, *(expansion.credentials for expansion in workflow.expansions))
