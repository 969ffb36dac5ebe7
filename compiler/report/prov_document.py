"""A run as a document of W3C PROV, in PROV-JSON or PROV-N: https://www.w3.org/TR/prov-overview/.

Jobs are activities. A job is informed by each job that it waits for. If it waits for all jobs of a large step, it is
informed by the step, and the step by its jobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from reana_batch.diagnostics import refuse
from reana_batch.printable import file_name
from reana_batch.report.provenance import DONE_JOB, FAILED_JOB, Facts, JobFacts, StepFacts
from reana_batch.run.checksums import FileSum

# A file whose name ends so is PROV-N.
NOTATION = ".provn"
_TERMS = "urn:reana-batch:terms:"


def document(facts: Facts, agent: str, *, as_notation: bool) -> str:
    """Return the text of the document. Raises Refused if the library is not installed."""
    found = _Writer(facts, agent).document()
    return str(found.get_provn() if as_notation else found.serialize(indent=1))


def _new_document() -> Any:
    try:
        from prov.model import ProvDocument
    except ImportError:
        hint = "pip install 'reana-batch[prov]'"
        raise refuse(
            "missing-tool", "prov is needed for a PROV document, but it is not installed.", hint=hint
        ) from None
    return ProvDocument()


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


class _Writer:
    def __init__(self, facts: Facts, agent: str) -> None:
        self._facts, self._agent = facts, agent
        self._made = _new_document()
        self._made.add_namespace("run", f"urn:reana-batch:run:{quote(facts.name)}:")
        self._made.add_namespace("rb", _TERMS)

    def document(self) -> Any:
        """Return the document."""
        self._run()
        for step in self._facts.steps:
            self._step(step)
            for job in step.jobs:
                self._job(step, job)
        return self._made

    def _name(self, kind: str, name: str) -> str:
        return f"run:{kind}/{quote(os.fsencode(name))}"

    def _attributes(self, **known: object) -> dict[str, object]:
        return {f"rb:{name}": value for name, value in known.items() if value not in (None, "")}

    def _run(self) -> None:
        facts, made = self._facts, self._made
        ended = facts.span.ended if facts.has_ended else 0
        attributes = self._attributes(state=facts.state, error=facts.cause, system=facts.system)
        run = made.activity("run:run", _time(facts.span.started), _time(ended), attributes)
        version = self._attributes(version=facts.run.manifest.made_by)
        own = made.agent("run:reana-batch", {"prov:type": made.valid_qualified_name("prov:SoftwareAgent"), **version})
        plan = made.entity("run:analysis", {"prov:type": made.valid_qualified_name("prov:Plan")})
        made.wasAssociatedWith(run, own, plan)
        if self._agent:
            person = {"prov:type": made.valid_qualified_name("prov:Person"), "prov:label": self._agent}
            made.wasAssociatedWith(run, made.agent("run:agent", person))
        for file in (file for each in facts.inputs for file in each.files):
            made.used(run, self._file(file, "input"))
        by_jobs = {path for job in facts.jobs for path in job.results}
        outputs = {file.path: file for each in facts.outputs for file in each.files}
        for path, file in (outputs | dict(facts.intermediate)).items():
            entity = self._file(file, "file")
            if path not in by_jobs:
                made.wasGeneratedBy(entity, run)

    def _file(self, file: FileSum, kind: str) -> Any:
        attributes = self._attributes(size=file.size, sha256=file.sha256)
        return self._made.entity(self._name(kind, file.path), {"prov:label": file_name(file.path), **attributes})

    def _step(self, step: StepFacts) -> None:
        if len(step.jobs) > 1:
            own = self._made.activity(self._name("step", step.name), other_attributes={"prov:label": step.label})
            self._informed(own, (self._name("job", job.name) for job in step.jobs))

    def _job(self, step: StepFacts, job: JobFacts) -> None:
        record = job.record
        ended = record.ended if job.state in (DONE_JOB, FAILED_JOB) else 0
        attributes = self._attributes(
            state=job.state,
            step=step.label,
            host=record.host,
            command=job.command,
            error=job.cause,
            image=step.image if step.in_image else None,
            cpu_seconds=record.cpu,
            memory_bytes=record.memory,
        )
        own = self._made.activity(self._name("job", job.name), _time(record.started), _time(ended), attributes)
        self._informed(own, self._awaited(step, job))
        for path in job.results:
            self._made.wasGeneratedBy(self._name("file", path), own, _time(ended))

    def _awaited(self, step: StepFacts, job: JobFacts) -> Iterable[str]:
        """Yield the activities by which a job is informed."""
        for number in step.needs:
            need = self._facts.steps[number]
            yield self._name("step", need.name) if len(need.jobs) > 1 else self._name("job", need.jobs[0].name)
        for number, rows in job.parents:
            yield from (self._name("job", self._facts.steps[number].jobs[row].name) for row in rows)

    def _informed(self, activity: Any, others: Iterable[str]) -> None:
        for other in others:
            self._made.wasInformedBy(activity, other)
