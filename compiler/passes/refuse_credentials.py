"""Refuse steps that need a credential which the jobs would not get."""

from __future__ import annotations

from reana_batch.ir import Credential, Workflow
from reana_batch.passes.context import Context


def refuse_credentials(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` as it is, after recording each step that asks for a credential."""
    for step in workflow.steps:
        for credential in Credential:
            if credential in step.credentials:
                name = credential.value
                place = step.hints[name].place if name in step.hints else step.origin
                context.diagnostics.error(
                    "unsupported",
                    f"{name}: this version prepares no {name} credential for jobs.",
                    place,
                    "with --ignore-unsupported the step finds only what its worker has.",
                )
    return workflow
