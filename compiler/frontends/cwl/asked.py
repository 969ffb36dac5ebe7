"""What a step asks for: the resources and the image that CWL knows, and REANA's hints."""

from __future__ import annotations

from typing import Any

from reana_batch.credentials import CREDENTIALS
from reana_batch.diagnostics import Diagnostics, Place, suggestion
from reana_batch.frontends.cwl.records import StepRecord
from reana_batch.ir import Asked, Hint, Resources
from reana_batch.reading import hints, images
from reana_batch.reading.spec import Spec

# The tool and the Python that serves it share the memory of a job: never less than CWL's default for a tool.
_LEAST_MEMORY = 256 * 1024**2

# The seconds that a job gets for everything around a tool with a time limit. The job itself ends the tool at its limit.
_AROUND = 300


def asked(spec: Spec, step: StepRecord, diagnostics: Diagnostics) -> Asked:
    """Return what the jobs of a step ask for. Record what is wrong with it."""
    found = spec.default_hints
    for name, value, written in reversed(step.hints):  # the first counts
        place = Place(*written)
        if not hints.is_known(name):
            _report_unknown(name, place, diagnostics)
        elif value is not None and hints.is_sound(name, value, place, diagnostics):
            found[name] = Hint(value, place)
    hints.check(found, diagnostics)
    if step.image:
        images.check(step.image, Place(*step.place), diagnostics)
    return Asked(
        environment=step.image,
        hints=found,
        resources=_resources(step),
        credentials=hints.credentials(found),
        cvmfs=spec.cvmfs,
        needs_image=step.image_required
        and bool(spec.definition),  # an analysis runs without images where its site does
    )


def _resources(step: StepRecord) -> Resources:
    return Resources(
        cpus=step.cpus,
        memory=step.memory and max(step.memory, _LEAST_MEMORY),
        disk=step.disk,
        runtime=step.runtime and step.runtime + _AROUND,
        gpus=step.gpus,
    )


def _report_unknown(name: str, place: Place, diagnostics: Diagnostics) -> None:
    known = (*hints.READERS, *sorted(hints.steering()))
    hint = suggestion(name, known, "see REANA's hints.")
    diagnostics.warning("hint-ignored", f'The hint "{name}" has no effect.', place, hint)


def credentials_in(task: Any) -> frozenset[str]:
    """Return the credentials that any hint in a frozen workflow asks for. As in REANA, the class does not count."""
    found: set[str] = set()
    left = [task]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += each.values()
            found.update(name for name in CREDENTIALS.keys() & each.keys() if each[name] is True)
        elif isinstance(each, list):
            left += each
    return frozenset(found)
