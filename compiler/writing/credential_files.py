"""The files that give jobs their credentials; the scripts are in ``templates/credentials``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.ir import Credential, CredentialPlan, Step, Workflow
from reana_batch.writing.libraries import library
from reana_batch.writing.render import File, render

if TYPE_CHECKING:
    from reana_batch.site import Site

SCRIPT = f"{layout.BATCH}/credentials.sh"
LIBRARY = f"{layout.BATCH}/credentials-lib.sh"
# Runs a job in the environment that the script has kept.
ENVIRONMENT = f"{layout.BATCH}/environment.sh"
RUCIO_CONFIG = f"{layout.BATCH}/rucio.cfg"


def files(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield what jobs need for their credentials; nothing if no step asks for one."""
    plan = workflow.credential_plan
    if plan == CredentialPlan():
        return
    settings = site.credentials
    facts = {
        "secrets": settings.secrets,
        "realm": settings.realm or "",
        "ca_certificates": settings.ca_certificates,
        "plan": plan,
    }
    yield File(SCRIPT, render("credentials/credentials.sh.j2", "sh", **facts))
    yield library("credentials-lib.sh")
    if plan.rucio:
        yield File(RUCIO_CONFIG, render("credentials/rucio.cfg.j2", "ini", authentication=plan.rucio))


def shipped(step: Step, plan: CredentialPlan) -> list[str]:
    """Return the files that a job of ``step`` needs where it sees no shared file system."""
    found = [ENVIRONMENT, f"{layout.CREDENTIALS}/environment"] if plan.environment else []
    if not step.placed.credentials:
        return found
    found += [SCRIPT, LIBRARY, f"{layout.CREDENTIALS}/names"]
    kept = {"keytab": ["keytab"], "ticket": ["krb5cc"]}
    made = {"worker": ["usercert.pem", "userkey.pem", "passphrase"]}
    rucio = {"x509": ["usercert.pem", "userkey.pem"], "userpass": ["rucio-password"], "oidc": ["rucio-token"]}
    if Credential.KERBEROS in step.placed.credentials:
        found += [f"{layout.CREDENTIALS}/{name}" for name in kept.get(plan.kerberos, [])]
    if Credential.VOMS_PROXY in step.placed.credentials:
        found += [f"{layout.CREDENTIALS}/{name}" for name in made.get(plan.voms_proxy, ["x509up"])]
    if Credential.RUCIO in step.placed.credentials:
        found += [RUCIO_CONFIG, *(f"{layout.CREDENTIALS}/{name}" for name in rucio.get(plan.rucio, []))]
    return list(dict.fromkeys(found))
