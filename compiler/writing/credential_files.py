"""The files that give jobs their credentials, and handing them on before a run is submitted.

The scripts do the work (``templates/credentials``); no secret passes through here.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from reana_batch import layout
from reana_batch.diagnostics import refuse
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
    if not step.credentials:
        return found
    found += [SCRIPT, LIBRARY, f"{layout.CREDENTIALS}/names"]
    kept = {"keytab": ["keytab"], "ticket": ["krb5cc"]}
    made = {"worker": ["usercert.pem", "userkey.pem", "passphrase"]}
    rucio = {"x509": ["usercert.pem", "userkey.pem"], "userpass": ["rucio-password"], "oidc": ["rucio-token"]}
    if Credential.KERBEROS in step.credentials:
        found += [f"{layout.CREDENTIALS}/{name}" for name in kept.get(plan.kerberos, [])]
    if Credential.VOMS_PROXY in step.credentials:
        found += [f"{layout.CREDENTIALS}/{name}" for name in made.get(plan.voms_proxy, ["x509up"])]
    if Credential.RUCIO in step.credentials:
        found += [RUCIO_CONFIG, *(f"{layout.CREDENTIALS}/{name}" for name in rucio.get(plan.rucio, []))]
    return list(dict.fromkeys(found))


def hand_on(directory: Path) -> None:
    """Give the jobs of a run what they need, if they need anything.

    Refused if a ticket or proxy cannot be made, or would not outlive the jobs; the script says why.
    """
    if not (directory / SCRIPT).exists():
        return
    done = subprocess.run(["bash", SCRIPT], cwd=directory, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("reana-batch: ")
        message = f"{said[:1].upper()}{said[1:].rstrip('.!')}."
        raise refuse("credential", message, hint="nothing was submitted; reana-batch doctor looks at what is there.")


def withdraw(directory: Path) -> None:
    """Delete what was handed on to the jobs of a run."""
    link = directory / layout.CREDENTIALS / ".folder"
    if not link.is_symlink():
        return
    folder = link.readlink()
    # The run may be somebody else's work, and lead anywhere.
    if folder.parent.name == "runs" and re.fullmatch("[0-9a-f]{40}", folder.name):
        with contextlib.suppress(FileNotFoundError):  # gone already
            shutil.rmtree(folder)  # links in it lead to the secrets, which stay
