"""The files of a run that issue credentials. Their templates are in ``templates/credentials``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.credentials import CREDENTIALS, facts_of, validity_of
from reana_batch.ir import CredentialPlan, Step, Workflow
from reana_batch.writing.libraries import library
from reana_batch.writing.render import File, Verbatim, render

if TYPE_CHECKING:
    from reana_batch.site import Site

SCRIPT = f"{layout.BATCH}/credentials.sh"
LIBRARY = f"{layout.BATCH}/credentials-lib.sh"
# Runs a job in the environment that the script has saved.
ENVIRONMENT = f"{layout.BATCH}/environment.sh"


def files(workflow: Workflow, site: Site) -> Iterator[File]:
    """Yield the scripts and configuration files of the credentials. Nothing if no step asks for one."""
    plan = workflow.credential_plan
    if plan == CredentialPlan():
        return
    values = {
        "secrets": site.credentials.secrets,
        "facts": [(Verbatim(name), value) for name, value in facts_of(plan, site.credentials)],
        "lives": [(Verbatim(name), value) for name, value in validity_of(plan)],
        "environment": plan.environment,
    }
    yield File(SCRIPT, render("credentials/credentials.sh.j2", "sh", **values))
    yield library("credentials-lib.sh")
    for name, source in plan.sources.items():
        for file, (template, language) in CREDENTIALS[name].rendered.items():
            yield File(f"{layout.BATCH}/{file}", render(template, language, source=source))


def shipped(step: Step, plan: CredentialPlan) -> list[str]:
    """Return the files that a job needs if there is no shared file system."""
    found = [ENVIRONMENT, f"{layout.CREDENTIALS}/environment"] if plan.environment else []
    if not step.placed.credentials:
        return found
    found += [SCRIPT, LIBRARY, f"{layout.CREDENTIALS}/names"]
    for name, credential in CREDENTIALS.items():
        if name in step.placed.credentials:
            found += (f"{layout.BATCH}/{file}" for file in credential.rendered)
            issued = credential.files.get(plan.sources.get(name, ""), ())
            found += (f"{layout.CREDENTIALS}/{file}" for file in issued)
    return list(dict.fromkeys(found))
