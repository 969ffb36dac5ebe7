"""A run as a Workflow Run RO-Crate: RO-Crate 1.1 with the profile Provenance Run Crate 0.5.

https://w3id.org/ro/crate/1.1 and https://w3id.org/ro/wfrun/provenance/0.5 say what the fields mean. A step is a HowToStep
with a tool and a ControlAction, and a job is a CreateAction. Jobs share one workspace, so an entity "the workspace after a
step" is between two steps, and one "the workspace after a job" where a job waits for single jobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reana_batch import layout
from reana_batch.amounts import counted
from reana_batch.diagnostics import refuse
from reana_batch.printable import file_name
from reana_batch.report.crate_terms import (
    BIOSCHEMAS,
    OF_RUN,
    PROFILES,
    REANA,
    STATUS,
    TERMS,
    WFRUN,
    Reference,
    compact,
    file_facts,
    image_facts,
    named,
    quoted,
    ref,
    time_text,
    unique,
    usages,
)
from reana_batch.report.provenance import (
    DONE_JOB,
    FAILED_JOB,
    RUNNING_JOB,
    WAITING_JOB,
    Declared,
    Facts,
    JobFacts,
    StepFacts,
)
from reana_batch.run.checksums import FileSum
from reana_batch.version import __version__


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user chooses of a crate."""

    with_data: bool = True  # copy the inputs and outputs into it?
    with_logs: bool = False
    agent: str = ""  # who ran the analysis: a name, or an address such as that of an ORCID
    license: str = ""  # of the crate: an address or a text


@dataclass(frozen=True, slots=True)
class Payload:
    """A file that belongs into a crate."""

    root: Path
    path: str  # below the root
    place: str  # in the crate


@dataclass(frozen=True)
class Crate:
    """The metadata of a crate, and the files that it has."""

    metadata: Mapping[str, Any]
    payload: Sequence[Payload]


def crate_of(facts: Facts, wish: Wish) -> Crate:
    """Return the crate of a run. Raises Refused if the library is not installed."""
    return _Writer(facts, wish).crate()


def _new_crate() -> Any:
    try:
        from rocrate.rocrate import ROCrate
    except ImportError:
        hint = "pip install 'reana-batch[rocrate]'"
        raise refuse("missing-tool", "rocrate is needed for an RO-Crate, but it is not installed.", hint=hint) from None
    return ROCrate(version="1.1")


@dataclass
class _Writer:
    facts: Facts
    wish: Wish
    payload: list[Payload] = field(default_factory=list)
    images: dict[str, Reference] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.graph = _new_crate()
        self.graph.metadata.extra_terms.update({term: WFRUN + term for term in TERMS})
        self.workspace = self.facts.run.directory / layout.WORKSPACE
        self.agent = self._agent()
        self.files: dict[str, Reference] = {}  # of the workspace
        # The steps after which, and the jobs after which, another job looks at the workspace.
        self.awaited = {number for step in self.facts.steps for number in step.needs}
        self.awaited_rows = {(number, row) for job in self.facts.jobs for number, rows in job.parents for row in rows}

    # --- entities ---

    def add(self, own: str, kind: str | list[str], /, **properties: object) -> Reference:
        """Add an entity with those properties that have a value. Return the reference to it."""
        from rocrate.model.contextentity import ContextEntity

        return self._add(ContextEntity, own, kind, properties)

    def add_data(self, own: str, kind: str | list[str], /, **properties: object) -> Reference:
        """Add a file or folder of the crate as :meth:`add` does."""
        from rocrate.model.data_entity import DataEntity

        return self._add(DataEntity, own, kind, properties)

    def _add(self, entity: Any, own: str, kind: str | list[str], properties: Mapping[str, object]) -> Reference:
        known = {name: compact(value) for name, value in properties.items() if value not in (None, "", [], ())}
        self.graph.add(entity(self.graph, own, {"@type": kind, **known}))
        return ref(own)

    def crate(self) -> Crate:
        """Return the crate."""
        inputs = [part for each in self.facts.inputs for part in self._declared(each, "input")]
        outputs = [part for each in self.facts.outputs for part in self._declared(each, "output")]
        for path, file in self.facts.intermediate.items():
            self.files[path] = self._described(file)
        actions = [self._step(step) for step in self.facts.steps]
        main = self._workflow()
        run = self._run(main, inputs, outputs)
        engine = self._engine(run, [control for control, _ in actions])
        self._root(main, [run, engine, *(job for _, jobs in actions for job in jobs)])
        return Crate(self.graph.metadata.generate(), self.payload)

    def _root(self, main: Reference, mentions: Sequence[Reference]) -> None:
        root, facts = self.graph.root_dataset, self.facts
        for address, (name, version) in PROFILES.items():
            self.add(address, "CreativeWork", name=name, version=version)
        root["conformsTo"] = [ref(address) for address in PROFILES]
        root["name"] = f"Run {facts.name} of {facts.run.manifest.workflow or 'an analysis'}"
        root["description"] = f"{self._summary()} Written by reana-batch {__version__}."
        root["license"] = self._license()
        root["mainEntity"] = main
        root["mentions"] = list(mentions)
        workflow_crate = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
        self.graph.metadata["conformsTo"] = [ref("https://w3id.org/ro/crate/1.1"), ref(workflow_crate)]

    def _license(self) -> Reference | str:
        given = self.wish.license
        if given.startswith(("http://", "https://")):
            return self.add(given, "CreativeWork", name=given)
        return given or "No license was stated."

    def _summary(self) -> str:
        jobs = list(self.facts.jobs)
        done = sum(job.state == DONE_JOB for job in jobs)
        return f"The run is {self.facts.state} on {self.facts.system}: {done:,} of {counted(len(jobs), 'job')} done."

    # --- files ---

    def _declared(self, declared: Declared, kind: str) -> Iterator[Reference]:
        """Yield the entities of a declared input or output, which is an example of a parameter of the workflow."""
        parameter = ref(named(kind, declared.name))
        files = [self._file(file, () if declared.is_folder else parameter) for file in declared.files]
        is_there = any(not each["@id"].startswith("#") for each in files)
        if declared.is_folder and is_there:
            place = f"{layout.WORKSPACE}/{os.path.normpath(declared.name)}/"
            yield self.add_data(quoted(place), "Dataset", hasPart=files, exampleOfWork=parameter)
        else:
            yield from files

    def _file(self, file: FileSum, parameter: object) -> Reference:
        if file.path not in self.files:
            copied = self.wish.with_data and bool(file.sha256)
            add = self._copied if copied else self._described
            self.files[file.path] = add(file, exampleOfWork=parameter)
        return self.files[file.path]

    def _copied(self, file: FileSum, **properties: object) -> Reference:
        place = f"{layout.WORKSPACE}/{file.path}"
        self.payload.append(Payload(self.workspace, file.path, place))
        return self.add_data(quoted(place), "File", **file_facts(file), **properties)

    def _described(self, file: FileSum, **properties: object) -> Reference:
        """Add a file that is not in the crate."""
        kind = f"It is {file.kind} to {file_name(file.target)}." if file.target else file.kind
        text = kind or "A file of the workspace. It is not in the crate."
        return self.add(
            named(layout.WORKSPACE, file.path), "CreativeWork", **file_facts(file), description=text, **properties
        )

    def _own(self, root: Path, path: str, place: str, kind: str | list[str], **properties: object) -> Reference:
        """Add a file of the run or the analysis."""
        self.payload.append(Payload(root, path, place))
        return self.add_data(quoted(place), kind, **properties)

    # --- the workflow ---

    def _workflow(self) -> Reference:
        facts, source = self.facts, self.facts.analysis
        for each in facts.sources:
            self._own(each.path.parent, each.path.name, each.name, "File", name=each.name)
        kinds = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
        if source is not None:
            language = self.add("#reana", "ComputerLanguage", name="REANA", url=ref(REANA))
            root, path, place = source.path.parent, source.path.name, source.name
        else:
            language = self.add("#manifest", "ComputerLanguage", name="Manifest of a run of reana-batch")
            root, path, place = facts.run.directory, layout.MANIFEST, layout.MANIFEST
        self.add(BIOSCHEMAS, "CreativeWork", name="Bioschemas ComputationalWorkflow profile", version="1.0-RELEASE")
        return self._own(
            root,
            path,
            place,
            kinds,
            name=facts.run.manifest.workflow or place,
            description=f"A workflow of type {facts.run.manifest.type}." if facts.run.manifest.type else None,
            conformsTo=ref(BIOSCHEMAS),
            programmingLanguage=language,
            hasPart=[ref(named("tool", step.name)) for step in facts.steps],
            step=[ref(named("step", step.name)) for step in facts.steps],
            input=[self._parameter("input", each) for each in facts.inputs],
            output=[self._parameter("output", each) for each in facts.outputs],
        )

    def _parameter(self, kind: str, declared: Declared) -> Reference:
        what = "Dataset" if declared.is_folder else "File"
        return self.add(
            named(kind, declared.name), "FormalParameter", name=file_name(declared.name), additionalType=what
        )

    def _run(self, main: Reference, inputs: Sequence[Reference], outputs: Sequence[Reference]) -> Reference:
        facts = self.facts
        state = OF_RUN[facts.state]
        return self.add(
            named("run", facts.name),
            "CreateAction",
            # WfCommons knows the action of the whole workflow by this name.
            name=f"Run of workflow/{main['@id']}",
            description=self._summary(),
            instrument=main,
            object=unique(inputs),
            result=unique(outputs),
            startTime=time_text(facts.span.started),
            endTime=time_text(facts.span.ended) if facts.has_ended else None,
            actionStatus=STATUS[state],
            error=facts.cause or "its files were deleted" if state == FAILED_JOB else None,
            identifier=list(facts.record.ids),
            agent=self.agent,
        )

    def _agent(self) -> Reference | None:
        given = self.wish.agent
        if not given:
            return None
        identifier = given if given.startswith("https://") else "#agent"
        return self.add(identifier, "Person", name=given)

    def _engine(self, run: Reference, controls: Sequence[Reference]) -> Reference:
        facts = self.facts
        version = facts.run.manifest.made_by
        own = self.add("#reana-batch", "SoftwareApplication", name="reana-batch", softwareVersion=version)
        systems = dict.fromkeys([facts.system, *(step.system for step in facts.steps)])
        found = [self.add(named("system", each), "SoftwareApplication", name=each) for each in systems]
        return self.add(
            "#orchestration",
            "OrganizeAction",
            name=f"Run of reana-batch {version}".strip(),
            startTime=time_text(facts.record.submitted),
            instrument=[own, *found],
            object=list(controls),
            result=run,
            actionStatus=STATUS[OF_RUN[facts.state]],
        )

    # --- steps and jobs ---

    def _step(self, step: StepFacts) -> tuple[Reference, list[Reference]]:
        """Add a step with its tool and jobs. Return its control action, and the actions of its jobs."""
        tool = self._tool(step)
        jobs = [self._job(step, job, tool) for job in step.jobs]
        if step.number in self.awaited:
            self.add(named("after", step.name), "CreativeWork", name=f"The workspace after {step.label}")
        needs = [self.facts.steps[number] for number in step.waits_for]
        connections = [self._connection(need, step) for need in needs]
        how = self.add(
            named("step", step.name),
            "HowToStep",
            name=step.label,
            position=step.number,
            workExample=tool,
            connection=connections,
            description=f"{counted(len(step.jobs), 'job')}, by {step.origin}.",
        )
        state, error = _state_of(step)
        control = self.add(
            named("control", step.name),
            "ControlAction",
            name=f"Orchestration of {step.label}",
            instrument=how,
            object=jobs,
            actionStatus=STATUS[state],
            error=error,
        )
        return control, jobs

    def _tool(self, step: StepFacts) -> Reference:
        own = named("tool", step.name)
        needed = self.facts.steps
        inputs = [
            self.add(
                f"{own}/needs/{number}", "FormalParameter", name=needed[number].label, additionalType="CreativeWork"
            )
            for number in step.waits_for
        ]
        output = self.add(f"{own}/done", "FormalParameter", name=f"{step.label} done", additionalType="CreativeWork")
        return self.add(
            own,
            "SoftwareApplication",
            name=step.label,
            description=f"The commands of {step.label} at {step.origin}.",
            softwareRequirements=step.image,
            input=inputs,
            output=output,
        )

    def _connection(self, need: StepFacts, step: StepFacts) -> Reference:
        return self.add(
            f"{named('connection', step.name)}/{need.number}",
            "ParameterConnection",
            sourceParameter=ref(f"{named('tool', need.name)}/done"),
            targetParameter=ref(f"{named('tool', step.name)}/needs/{need.number}"),
        )

    def _job(self, step: StepFacts, job: JobFacts, tool: Reference) -> Reference:
        record, known = job.record, self.facts.steps
        before = [ref(named("after", known[number].name)) for number in step.needs]
        before += [ref(named("after", known[n].jobs[row].name)) for n, rows in job.parents for row in rows]
        after = [ref(named("after", step.name))] if step.number in self.awaited else []
        if (step.number, job.row) in self.awaited_rows:
            after.append(self.add(named("after", job.name), "CreativeWork", name=f"The workspace after {job.name}"))
        action = self.add(
            named("job", job.name),
            "CreateAction",
            name=job.name,
            description=job.command,
            instrument=tool,
            object=before,
            result=[*(self.files[path] for path in job.results), *after],
            startTime=time_text(record.started),
            endTime=time_text(record.ended),
            actionStatus=STATUS[job.state],
            error=job.cause,
            agent=self.agent,
            location=record.host,
            identifier=record.scheduler_job,
            containerImage=self._image(step.image) if step.in_image else None,
            resourceUsage=[self.add(*head, **usage) for head, usage in usages(job)],
        )
        if self.wish.with_logs:
            self._logs(job, action)
        return action

    def _image(self, name: str) -> Reference:
        if name not in self.images:
            self.images[name] = self.add(named("image", name), "ContainerImage", **image_facts(name))
        return self.images[name]

    def _logs(self, job: JobFacts, action: Reference) -> None:
        for path in job.logs():
            relative = str(path.relative_to(self.facts.run.directory))
            text = {"name": f"Log of {job.name}", "encodingFormat": "text/plain", "about": action}
            self._own(self.facts.run.directory, relative, relative, "File", **text)


def _state_of(step: StepFacts) -> tuple[str, str]:
    """Return the state of a step, and what failed in it."""
    states = [job.state for job in step.jobs]
    failed = states.count(FAILED_JOB)
    if failed:
        return FAILED_JOB, f"{failed:,} of {counted(len(states), 'job')} failed"
    if states.count(DONE_JOB) == len(states):
        return DONE_JOB, ""
    return (RUNNING_JOB if {RUNNING_JOB, DONE_JOB}.intersection(states) else WAITING_JOB), ""
