"""Find out where each step's image can be run from."""

from __future__ import annotations

from dataclasses import replace

from reana_batch import images
from reana_batch.ir import Step, Workflow
from reana_batch.passes.context import Context


def locate_images(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with the places of its images, the best first; none if the site runs none."""
    runtime = context.site.container_runtime
    if runtime not in context.target.container_runtimes:
        hint = f"choose --set container_runtime={min(context.target.container_runtimes)}."
        message = f"{context.target.title} cannot start images by {runtime}."
        context.diagnostics.error("unsupported", message, hint=hint)
    if runtime == "none":
        return _without_images(workflow, context)
    return replace(workflow, steps=tuple(_located(step, context) for step in workflow.steps))


def _without_images(workflow: Workflow, context: Context) -> Workflow:
    count = sum(bool(step.environment) for step in workflow.steps)
    if count:
        message = f"{context.site.name} runs steps on the machine itself, not in their images ({count:,} steps)."
        hint = "to run them in their images: --set container_runtime=apptainer"
        context.diagnostics.warning("image-ignored", message, hint=hint)
    return workflow


def _located(step: Step, context: Context) -> Step:
    try:
        return replace(step, image=images.locate(step.environment, context.site.unpacked_images))
    except images.BadImage:
        return step  # the front end has reported it
