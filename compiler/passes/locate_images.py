"""Find the places from which each step's image can be started."""

from __future__ import annotations

from dataclasses import replace

from reana_batch.ir import Step, Workflow
from reana_batch.passes.context import Context
from reana_batch.reading import images


def locate_images(workflow: Workflow, context: Context) -> Workflow:
    """Return ``workflow`` with the places of its images, the best first.

    If the site runs no images, there are no places.

    >>> fit = step("fit", environment="docker.io/library/python:3.11")
    >>> site = Site(container_runtime="apptainer", unpacked_images="/cvmfs/unpacked.cern.ch")
    >>> located = locate_images(workflow(fit), context(site))
    >>> located.steps[0].placed.image.candidates[1]
    'docker://docker.io/library/python:3.11'
    """
    runtime = context.site.container_runtime
    for target in (context.target, *(step.placed.target for step in workflow.steps if step.placed.target)):
        if runtime not in target.container_runtimes:
            hint = f"choose --set container_runtime={min(target.container_runtimes)}."
            message = f"{target.title} cannot start images with {runtime}."
            context.diagnostics.error("unsupported", message, hint=hint)
    if runtime == "none":
        return _without_images(workflow, context)
    return replace(workflow, steps=tuple(_located(step, context) for step in workflow.steps))


def _without_images(workflow: Workflow, context: Context) -> Workflow:
    for step in workflow.steps:
        if step.asked.needs_image:
            message = f'Step "{step.label}" requires an image, and the site {context.site.name} starts none.'
            hint = "choose a container runtime: --set container_runtime=apptainer"
            context.diagnostics.error("unsupported", message, step.origin, hint)
    count = sum(bool(step.asked.environment) and not step.asked.needs_image for step in workflow.steps)
    if count:
        steps = "1 step" if count == 1 else f"{count:,} steps"
        message = f"The site {context.site.name} runs {steps} on the machine itself, not in the image."
        hint = "to run them in their images: --set container_runtime=apptainer"
        context.diagnostics.warning("image-ignored", message, hint=hint)
    return workflow


def _warn_of_unpacked(step: Step, context: Context) -> None:
    """Warn about unpacked_img if the image is not a path and the site names no tree of unpacked images."""
    hint = step.asked.hints.get("unpacked_img")
    if hint and hint.value is True and not context.site.unpacked_images and not images.is_path(step.asked.environment):
        message = f"unpacked_img: the site {context.site.name} names no tree of unpacked images."
        cure = "for example --set unpacked_images=/cvmfs/unpacked.cern.ch"
        context.diagnostics.warning("hint-ignored", message, hint.place, cure)


def _refuse_pull(step: Step, context: Context) -> None:
    target = context.target_of(step)
    if context.site.container_runtime in target.pulls_no_images and not images.is_path(step.asked.environment):
        message = f"{target.title} itself starts only images that are files."
        hint = "name a .sif file, or choose --set container_runtime=apptainer."
        context.diagnostics.error("unsupported", message, step.origin, hint)


def _refuse_server(step: Step, context: Context) -> None:
    """Record a step whose server would start inside the image. The image lacks the server's Python."""
    target = context.target_of(step)
    if step.action.server and context.site.container_runtime in target.sealed_runtimes:
        message = (
            f"{target.title} itself starts the image around the whole job; this step needs it for single commands."
        )
        context.diagnostics.error("unsupported", message, step.origin, "choose --set container_runtime=apptainer.")


def _located(step: Step, context: Context) -> Step:
    _warn_of_unpacked(step, context)
    if step.asked.environment:
        _refuse_pull(step, context)
        _refuse_server(step, context)
    try:
        return step.with_placed(image=images.locate(step.asked.environment, context.site.unpacked_images))
    except images.BadImage:
        return step  # the front end has reported it
