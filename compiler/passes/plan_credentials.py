"""Decide how jobs come by their credentials, check the secrets, and prove that what is handed on lives long enough."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Iterator
from dataclasses import replace

from reana_batch.diagnostics import Place
from reana_batch.facts import ENV, FILE, KnownSecrets, Secret
from reana_batch.ir import Credential, CredentialPlan, Step, Workflow
from reana_batch.lifetimes import Latest, latest
from reana_batch.passes.context import Context

_KEY = Secret("userkey.pem", FILE)
_CERTIFICATE = Secret("usercert.pem", FILE)


def plan_credentials(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with its credential plan; missing secrets and lives too short are recorded."""
    steps = tuple(_with_credentials(step, context) for step in workflow.steps)
    workflow = replace(workflow, steps=steps)
    if workflow.within:
        return _checked_in_the_run(workflow, context)
    places = {c: _place(steps, c) for c in Credential if any(c in step.placed.credentials for step in steps)}
    environment = _keeps_environment(steps, context)
    if not places or context.diagnostics.errors:
        return replace(workflow, credential_plan=CredentialPlan(environment=environment))
    known = context.facts.secrets
    asking = (step for step in steps if Credential.KERBEROS in step.placed.credentials)
    forwarded = all(context.target_of(step).forwards_tickets for step in asking)
    plan = _sources(places.keys(), forwarded, context)
    for credential, place in places.items():
        for secret in _needed(credential, plan, known):
            _check_secret(secret, credential, place, context)
    plan = replace(_with_lives(plan, workflow, places, context), environment=environment)
    return replace(workflow, credential_plan=plan)


def _keeps_environment(steps: tuple[Step, ...], context: Context) -> bool:
    """Return whether the environment is kept in a file; that is as private as a secret, and beside the secrets."""
    if not context.site.inherit_environment or context.target.copies_environment:
        return False
    if context.site.container_runtime in context.target.sealed_runtimes and any(step.placed.image for step in steps):
        message = f"inherit_environment: containers that {context.target.title} starts do not see the environment that is kept for them."
        context.diagnostics.error("unsupported", message, hint="choose --set container_runtime=apptainer.")
    return True


def _checked_in_the_run(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow``, after recording what its steps need and nobody has handed on to the run."""
    plan = workflow.credential_plan
    for credential in Credential:
        if not getattr(plan, credential.value) and any(
            credential in step.placed.credentials for step in workflow.steps
        ):
            message = f"The steps known before the run did not ask for {credential.value}, so it was not handed on."
            hint = f"let one of them ask for {credential.value}, and run the analysis again."
            context.diagnostics.error("credential", message, _place(workflow.steps, credential), hint)
    return workflow


def _with_credentials(step: Step, context: Context) -> Step:
    """Return ``step`` with the credentials of its jobs.

    They are those that it asks for and those that passes before added. Rucio's client needs the VOMS proxy, unless
    the site says otherwise.
    """
    needed = step.asked.credentials | step.placed.credentials
    if Credential.RUCIO in needed and context.site.credentials.rucio == "x509_proxy":
        needed |= {Credential.VOMS_PROXY}
    return step.with_placed(credentials=needed) if needed else step


def _place(steps: tuple[Step, ...], credential: Credential) -> Place:
    """Return where the first step asks for a credential."""
    step = next(step for step in steps if credential in step.placed.credentials)
    hints = step.asked.hints
    asking = (hints[name].place for name in (credential.value, Credential.RUCIO.value) if name in hints)
    return next(asking, step.origin)


# --- where from --------------------------------------------------------------------------------------


def _sources(wanted: Collection[Credential], forwarded: bool, context: Context) -> CredentialPlan:
    settings = context.site.credentials
    proxy = "file" if context.facts.secrets.value("VOMSPROXY_FILE") else settings.voms_proxy
    return CredentialPlan(
        kerberos=_ticket_source(forwarded, context) if Credential.KERBEROS in wanted else "",
        voms_proxy=proxy if Credential.VOMS_PROXY in wanted else "",
        rucio=settings.rucio if Credential.RUCIO in wanted else "",
    )


def _ticket_source(forwarded: bool, context: Context) -> str:
    chosen = context.site.credentials.kerberos
    if chosen == "forward" and not forwarded:
        message = "credentials.kerberos: nothing forwards tickets to all the jobs here that ask for one."
        context.diagnostics.error("unsupported", message, hint="choose keytab or ticket.")
    if chosen != "auto":
        return chosen
    if forwarded:
        return "forward"
    has_user = context.facts.secrets.value("CERN_USER")
    return "keytab" if has_user or not context.facts.has_ticket else "ticket"


# --- secrets -----------------------------------------------------------------------------------------


def _needed(credential: Credential, plan: CredentialPlan, known: KnownSecrets) -> Iterator[Secret]:
    """Yield the secrets that REANA's names say (reana-job-controller, kubernetes_job_manager)."""
    if credential is Credential.KERBEROS and plan.kerberos == "keytab":
        yield Secret("CERN_USER", ENV)
        yield from _named_file("CERN_KEYTAB", known)
    if credential is Credential.VOMS_PROXY and plan.voms_proxy == "file":
        yield from _named_file("VOMSPROXY_FILE", known)
    elif credential is Credential.VOMS_PROXY:
        yield from (_KEY, _CERTIFICATE, Secret("VONAME", ENV))
        if b"ENCRYPTED" in known.content(_KEY):
            yield Secret("VOMSPROXY_PASS", ENV)
    if credential is Credential.RUCIO:
        yield Secret("RUCIO_USERNAME", ENV)
        if not (known.value("RUCIO_RUCIO_HOST") and known.value("RUCIO_AUTH_HOST")):
            yield Secret("VONAME", ENV)
        more = {"x509": (_KEY, _CERTIFICATE), "userpass": (Secret("RUCIO_PASSWORD", ENV),)}
        yield from {**more, "oidc": (Secret("RUCIO_TOKEN", ENV),)}.get(plan.rucio, ())


def _named_file(name: str, known: KnownSecrets) -> Iterator[Secret]:
    """Yield a secret that names a file, and that file."""
    yield Secret(name, ENV)
    if known.value(name):
        yield Secret(known.value(name), FILE)


def _check_secret(secret: Secret, credential: Credential, place: Place, context: Context) -> None:
    known = context.facts.secrets
    fault = known.fault(secret)
    if not fault and secret.name == "VOMSPROXY_PASS" and not _is_base64(known.value(secret.name)):
        fault = "is not in base64, as in REANA"
    if fault:
        message = f"{credential.value} needs the secret {secret.name}, which {fault}."
        what = f"--env {secret.name}" if secret.type == ENV else f"--file PATH/{secret.name}"
        again = " --overwrite" if known.holds(secret) else ""
        context.diagnostics.error("missing-secret", message, place, f"reana-batch secrets-add {what}{again}")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error:
        return False
    return True


# --- how long it must live -----------------------------------------------------------------------------


def _with_lives(
    plan: CredentialPlan, workflow: Workflow, places: dict[Credential, Place], context: Context
) -> CredentialPlan:
    """Return ``plan`` with what is handed on and when it is last needed; renewed credentials live for ever."""
    times = latest(workflow, context.site.queue_time, lambda step: _tries(step, context))
    if Credential.VOMS_PROXY in places and plan.voms_proxy != "worker":
        needed = _last(Credential.VOMS_PROXY, workflow, times, places, context)
        plan = replace(plan, proxy_needed=needed)
        most = context.site.credentials.proxy_lifetime
        if plan.voms_proxy == "submit" and needed[1] > most:
            message = (
                f'The step "{needed[2]}" may end {needed[1]:,} s after submission, '
                f"{needed[1] - most:,} s after its VOMS proxy has expired."
            )
            hint = "let each job make its own proxy, which needs the key there: --set credentials.voms_proxy=worker"
            context.diagnostics.error("credential", message, places[Credential.VOMS_PROXY], hint)
    if plan.kerberos == "ticket":
        plan = replace(plan, ticket_needed=_last(Credential.KERBEROS, workflow, times, places, context))
    return plan


def _tries(step: Step, context: Context) -> int:
    """Return how often a job of ``step`` may use its whole time limit.

    Each start by the system has a limit of its own. So has each attempt in a job, unless the system ends the job.
    """
    system = context.target_of(step)
    asked = 0 if step.placed.target else step.asked.retries
    starts = max(asked, context.target.retries) if context.target.retries_jobs else 0
    attempts = 0 if system.retries_jobs or system.enforces_runtime else step.asked.retries
    return (1 + starts) * (1 + attempts)


def _last(
    credential: Credential,
    workflow: Workflow,
    times: dict[str, Latest],
    places: dict[Credential, Place],
    context: Context,
) -> tuple[int, int, str]:
    """Return the latest start and end of the steps that need a credential, and whose they are."""
    asking = [step for step in workflow.steps if credential in step.placed.credentials]
    step = max(asking, key=lambda each: times[each.name].end)
    when = times[step.name]
    if when.unlimited:
        message = (
            f'"{when.unlimited}" has no time limit, so nobody can tell whether the {credential.value} lives as long.'
        )
        hint = "give its step a limit, or set default_runtime."
        context.diagnostics.warning("credential", message, places[credential], hint)
    return max(times[each.name].start for each in asking), when.end, step.label
