"""The words of RO-Crate and of its profiles: identifiers, states, and what is said of files and images."""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from reana_batch.reading import images
from reana_batch.report.provenance import DONE_JOB, FAILED_JOB, RUNNING_JOB, WAITING_JOB, JobFacts
from reana_batch.run.checksums import FileSum

METADATA = "ro-crate-metadata.json"
WFRUN = "https://w3id.org/ro/terms/workflow-run#"
# Terms of the profile that the context of RO-Crate 1.1 does not have. They are in the file, so that it can be read
# without a network.
TERMS = (
    *("ParameterConnection", "connection", "sourceParameter", "targetParameter", "ContainerImage", "DockerImage"),
    *("SIFImage", "containerImage", "registry", "tag", "sha256", "resourceUsage"),
)
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/provenance/0.5": ("Provenance Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
REANA = "https://docs.reana.io/reference/reana-yaml/"
STATUS = {
    DONE_JOB: "http://schema.org/CompletedActionStatus",
    FAILED_JOB: "http://schema.org/FailedActionStatus",
    RUNNING_JOB: "http://schema.org/ActiveActionStatus",
    WAITING_JOB: "http://schema.org/PotentialActionStatus",
}
# What the states of a run are for an action.
OF_RUN = {
    "finished": DONE_JOB,
    "failed": FAILED_JOB,
    "stopped": FAILED_JOB,
    "deleted": FAILED_JOB,
    "running": RUNNING_JOB,
    "unknown": RUNNING_JOB,
    "queued": WAITING_JOB,
    "created": WAITING_JOB,
}

_UNITS = "https://qudt.org/vocab/unit/"

Reference = Mapping[str, str]
# The types of files by their names, the same on every machine.
_TYPES = mimetypes.MimeTypes()
for _ending in (".yaml", ".yml"):
    _TYPES.add_type("application/yaml", _ending)


def ref(identifier: str) -> Reference:
    return {"@id": identifier}


def named(kind: str, name: str) -> str:
    """Return the identifier of something that is not a file."""
    return f"#{kind}/{quote(os.fsencode(name))}"


def time_text(seconds: float | None) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds)) if seconds else ""


def quoted(place: str) -> str:
    """Return the place of a file in a crate as its identifier."""
    return quote(os.fsencode(place))


def file_facts(file: FileSum) -> Mapping[str, object]:
    return {
        "name": os.path.basename(file.name),
        "alternateName": file.name,
        "contentSize": str(file.size),
        "dateModified": time_text(file.modified),
        "encodingFormat": _TYPES.guess_type(file.name)[0],
        "sha256": file.sha256,
    }


def image_facts(name: str) -> Mapping[str, object]:
    """Return what the name of an image says of it."""
    if images.is_path(name):
        return {"name": name, "additionalType": ref(f"{WFRUN}SIFImage")}
    image = images.parse(name)
    algorithm, _, digest = (image.digest or "").partition(":")
    return {
        "name": image.repository,
        "additionalType": ref(f"{WFRUN}DockerImage"),
        "registry": image.registry,
        "tag": image.tag,
        "sha256": digest if algorithm == "sha256" else None,
    }


def unique(references: Iterable[Reference]) -> list[Reference]:
    return list({each["@id"]: each for each in references}.values())


def compact(value: object) -> object:
    """Return the only element of a list of one, as JSON-LD is written."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def usages(job: JobFacts) -> Iterator[tuple[tuple[str, str], Mapping[str, object]]]:
    """Yield what a job has used, if it was measured: the head and the properties of each entity."""
    whose = {"job": "all processes of the scheduler job", "process": "the largest process"}
    of = whose.get(job.record.memory_of, "the job")
    measured = (
        ("cpuTime", "CPU time", "SEC", job.record.cpu),
        ("peakMemory", f"Most memory of {of}", "BYTE", job.record.memory),
    )
    for word, name, unit, value in measured:
        if value is not None:
            text = {"name": name, "propertyID": word, "unitCode": f"{_UNITS}{unit}", "value": str(value)}
            yield (named(f"usage/{word}", job.name), "PropertyValue"), text
