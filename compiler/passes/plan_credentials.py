"""Choose how jobs get their credentials, check the secrets, and check that credentials are valid for long enough."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.credentials import CREDENTIALS, with_implied
from reana_batch.credentials.record import Question
from reana_batch.diagnostics import Place
from reana_batch.facts import ENV, Secret
from reana_batch.ir import CredentialPlan, Step, Workflow
from reana_batch.lifetimes import Latest, latest
from reana_batch.passes.context import Context


def plan_credentials(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with its credential plan.

    Missing secrets, and credentials that expire too early, are recorded.

    >>> fit = step("fit", credentials=frozenset({"kerberos"}))
    >>> plan_credentials(workflow(fit), context(facts=Facts(has_ticket=True))).credential_plan.sources
    {'kerberos': 'ticket'}
    """
    steps = tuple(_with_credentials(step, context) for step in workflow.steps)
    workflow = replace(workflow, steps=steps)
    if workflow.within:
        return _checked_in_the_run(workflow, context)
    places = {name: _place(steps, name, context) for name in CREDENTIALS if _asking(steps, name)}
    plan = CredentialPlan(environment=_keeps_environment(steps, context))
    if not places or context.diagnostics.errors:
        return replace(workflow, credential_plan=plan)
    plan = replace(plan, sources={name: _source(name, steps, context) for name in places})
    for name, place in places.items():
        for secret in CREDENTIALS[name].secrets(plan.sources[name], context.facts.secrets):
            _check_secret(secret, name, place, context)
    return replace(workflow, credential_plan=replace(plan, needed=_needed(plan, workflow, places, context)))


def _asking(steps: tuple[Step, ...], name: str) -> list[Step]:
    return [step for step in steps if name in step.placed.credentials]


def _keeps_environment(steps: tuple[Step, ...], context: Context) -> bool:
    """Return whether the environment is kept in a file. The file is as private as a secret, and next to the secrets."""
    if not context.site.inherit_environment or context.target.copies_environment:
        return False
    if context.site.container_runtime in context.target.sealed_runtimes and any(step.placed.image for step in steps):
        message = f"inherit_environment: containers that {context.target.title} starts do not get the kept environment."
        context.diagnostics.error("unsupported", message, hint="choose --set container_runtime=apptainer.")
    return True


def _checked_in_the_run(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow``. Credentials that its steps need and the run does not have are recorded."""
    for name in CREDENTIALS:
        if name not in workflow.credential_plan.sources and _asking(workflow.steps, name):
            message = f"{name} was not prepared: no step known at submission asked for it."
            hint = f"let one of them ask for {name}, and run the analysis again."
            context.diagnostics.error("credential", message, _place(workflow.steps, name, context), hint)
    return workflow


def _with_credentials(step: Step, context: Context) -> Step:
    """Return ``step`` with the credentials of its jobs.

    They are those that it asks for, those that earlier passes added, and those that these need themselves.
    """
    needed = step.asked.credentials | step.placed.credentials
    return step.with_placed(credentials=with_implied(needed, context.site.credentials)) if needed else step


def _place(steps: tuple[Step, ...], wanted: str, context: Context) -> Place:
    """Return where the first step asks for a credential, or for one that needs it."""
    step = _asking(steps, wanted)[0]
    implying = (name for name in CREDENTIALS if wanted in CREDENTIALS[name].implied(context.site.credentials))
    return next((step.asked.hints[name].place for name in (wanted, *implying) if name in step.asked.hints), step.origin)


def _source(name: str, steps: tuple[Step, ...], context: Context) -> str:
    forwarded = all(context.target_of(step).forwards_tickets for step in _asking(steps, name))
    question = Question(context.site.credentials, context.facts, forwarded, context.diagnostics)
    return CREDENTIALS[name].source(question)


def _check_secret(secret: Secret, name: str, place: Place, context: Context) -> None:
    known = context.facts.secrets
    fault = known.fault(secret) or CREDENTIALS[name].secret_fault(secret, known)
    if fault:
        message = f"{name} needs the secret {secret.name}, which {fault}."
        what = f"--env {secret.name}" if secret.type == ENV else f"--file PATH/{secret.name}"
        again = " --overwrite" if known.holds(secret) else ""
        context.diagnostics.error("missing-secret", message, place, f"reana-batch secrets-add {what}{again}")


# --- how long it must be valid ---------------------------------------------------------------------------


def _needed(
    plan: CredentialPlan, workflow: Workflow, places: dict[str, Place], context: Context
) -> dict[str, tuple[int, int, str]]:
    """Return when each credential that is issued once is last needed. The others are renewed."""
    times = latest(workflow, context.site.queue_time, lambda step: _tries(step, context))
    found: dict[str, tuple[int, int, str]] = {}
    for name, source in plan.sources.items():
        validity = CREDENTIALS[name].validity
        if validity is None or source not in validity.sources:
            continue
        found[name] = _last(name, workflow, times, places[name], context)
        _, end, label = found[name]
        most = validity.most(source, context.site.credentials)
        if most is not None and end > most:
            message = (
                f'The step "{label}" may end {end:,} s after submission, '
                f"{end - most:,} s after its {validity.title} has expired."
            )
            context.diagnostics.error("credential", message, places[name], validity.cure)
    return found


def _tries(step: Step, context: Context) -> int:
    """Return how often a job of ``step`` may use its whole time limit.

    Each start by the batch system has a limit of its own. Each attempt in a job has one too, unless the batch
    system ends the job.
    """
    system = context.target_of(step)
    asked = 0 if step.placed.target else step.asked.retries
    starts = max(asked, context.target.retries) if context.target.retries_jobs else 0
    attempts = 0 if system.retries_jobs or system.enforces_runtime else step.asked.retries
    return (1 + starts) * (1 + attempts)


def _last(
    name: str, workflow: Workflow, times: dict[str, Latest], place: Place, context: Context
) -> tuple[int, int, str]:
    """Return the latest start and end of steps with a credential, and the last step's label."""
    asking = _asking(workflow.steps, name)
    step = max(asking, key=lambda each: times[each.name].end)
    when = times[step.name]
    if when.unlimited:
        message = f'Step "{when.unlimited}" has no time limit, so its {name} may expire before it ends.'
        hint = "give its step a limit, or set default_runtime."
        context.diagnostics.warning("credential", message, place, hint)
    return max(times[each.name].start for each in asking), when.end, step.label
