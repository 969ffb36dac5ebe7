"""Make steps of the jobs of a CWL workflow: a step for each step of the document, with a row for each job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reana_batch import layout
from reana_batch.columns import Columns, joined
from reana_batch.diagnostics import Diagnostics, Place
from reana_batch.frontends.cwl import scripts, values
from reana_batch.frontends.cwl.asked import asked
from reana_batch.frontends.cwl.graph import Graph, Node, base, compact
from reana_batch.frontends.cwl.process import Reading
from reana_batch.frontends.cwl.records import OUTPUT_OBJECT, OUTPUTS, TASK, StepRecord
from reana_batch.frontends.cwl.values import Json, Known
from reana_batch.ir import Asked, Column, Command, Hint, Script, Server, Step, literal
from reana_batch.reading.spec import Spec

# The program that runs the rows.
_WORKER = "reana_batch.frontends.cwl.worker"


def steps(spec: Spec, reading: Reading, graph: Graph, part: str, diagnostics: Diagnostics) -> tuple[Step, ...]:
    """Return the steps of a graph, parents before their children. Record what a step asks for but cannot get."""
    found: list[Step] = []
    for node in graph.nodes:
        if node.jobs:
            record = reading.steps[node.jobs[0].step]
            folder = base(part, node.name)
            found.append(_step(spec, node, record, reading, graph, folder, asked(spec, record, diagnostics)))
        elif node.is_last:
            found = _with_outputs(found, _outputs(spec, node, reading, graph, _shared_backend(found)))
    return tuple(found)


def _step(
    spec: Spec, node: Node, record: StepRecord, reading: Reading, graph: Graph, folder: str, wished: Asked
) -> Step:
    origin, count = Place(*record.place), len(node.jobs)
    columns = Columns(count)
    directories = [f"{folder}/{layout.row_stem(row, count)}" for row in range(count)]
    columns.suggest("directory", directories)
    commands = [job.command for job in node.jobs if job.command]
    if commands and in_bash(spec, record):
        action = scripts.script(commands, folder, directories, columns, graph.directories, origin)
        made = [*scripts.paths(commands, directories)]
    else:
        task = reading.tasks[record.task].task
        # Only the runner of CWL documents takes away the network.
        action = _served(node, task, graph.texts, folder, columns, origin, strict=bool(spec.definition))
        results = [f"{directory}.json" for directory in directories]
        columns.suggest("result", results)
        made = [directories, results] if record.command else [results]
    return Step(
        name=node.name,
        label=record.label,
        origin=origin,
        action=action,
        needs=node.needs,
        outputs=tuple(map(columns.column, made)),
        table=columns.table(),
        asked=wished,
        row_names=_row_names(node, record, origin),
    )


def in_bash(spec: Spec, record: StepRecord) -> bool:
    """Return whether bash alone runs the jobs of a step whose command lines are known.

    It cannot take away the network, as the runner of CWL documents does.
    """
    return not (spec.definition and record.image)


def _served(
    node: Node, task: Json, texts: Sequence[str], folder: str, columns: Columns, origin: Place, *, strict: bool
) -> Script:
    """Return the script of a step whose rows a server runs. With ``strict``, it takes away the network."""
    common, request = _request(node, texts, columns)
    server = _server(
        {"kind": "step", "base": folder, "checksum": False, "strict": strict, "common": common, "task": task}
    )
    return Script((Command(joined(request), origin),), server=server)


def _server(task: Mapping[str, Json]) -> Server:
    lines = (f"{compact(key)}: {compact(value)}" for key, value in task.items())
    return Server(_WORKER, ((TASK, "{{\n{}\n}}\n".format(",\n".join(lines))),))


def _request(node: Node, texts: Sequence[str], columns: Columns) -> tuple[dict[str, Json], list[str | Column]]:
    """Return the inputs that all rows share, and the parts of a request, which has the others."""
    common: dict[str, Json] = {}
    parts: list[str | Column] = []
    for port in sorted(node.jobs[0].inputs):
        cells = [texts[job.inputs[port]] for job in node.jobs]
        columns.suggest(port, cells)
        cell = columns.column(cells)
        if isinstance(cell, str):
            common[port] = json.loads(cell)
        else:
            parts += ["," if parts else "{", f"{compact(port)}:", cell]
    return common, [*parts, "}"] if parts else ["{}"]


def _row_names(node: Node, record: StepRecord, origin: Place) -> tuple[tuple[str, Place], ...]:
    """Return the names of the rows if they are not the step's."""
    if all(job.name == record.label for job in node.jobs):
        return ()
    return tuple((job.name, origin) for job in node.jobs)


# --- the outputs of the workflow -----------------------------------------------------------------


def _outputs(spec: Spec, node: Node, reading: Reading, graph: Graph, hints: Mapping[str, Hint]) -> Step:
    """Return the last step, which brings the outputs of the workflow together."""
    origin = spec.document.place(["workflow", "file"])
    known = _known_outputs(reading, graph)
    action = scripts.collecting(known, origin) if known is not None else None
    if action is None:
        outputs = {port: graph.written(value) for port, value in reading.end.outputs.items()}
        server = _server({"kind": "outputs", "checksum": True, "outputs": outputs})
        action = Script((literal("{}", origin),), server=server)
    return Step(
        name=node.name,
        label="outputs",
        origin=origin,
        action=action,
        needs=node.needs,
        outputs=(OUTPUTS, OUTPUT_OBJECT),
        asked=Asked(hints=hints),
    )


def _with_outputs(found: Sequence[Step], outputs: Step) -> list[Step]:
    """Return the steps with the last one. If that waits for one job of bash only, this job does its work too."""
    needed = {need.step for need in outputs.needs}
    before = [each for each in found if {each.name} == needed and _is_one_job_of_bash(each)]
    if not before or outputs.action.server:
        return [*found, outputs]
    (step,) = before
    commands = (*step.action.commands, *outputs.action.commands)
    both = step._replace(action=step.action._replace(commands=commands), outputs=(*step.outputs, *outputs.outputs))
    return [both if each is step else each for each in found]


def _is_one_job_of_bash(step: Step) -> bool:
    return step.table.count == 1 and not step.action.server and not step.asked.environment


def _known_outputs(reading: Reading, graph: Graph) -> dict[str, Json] | None:
    """Return the outputs if nothing but the files that jobs make is unknown. Otherwise None."""
    find = values.known_of(graph.files)
    found = {port: values.resolve(values.read(json), find) for port, json in reading.end.outputs.items()}
    known = {port: value.json for port, value in found.items() if isinstance(value, Known)}
    return known if len(known) == len(found) else None


def _shared_backend(found: Sequence[Step]) -> dict[str, Hint]:
    """Return the hint for the batch system that all steps share. The last step shall not need another one."""
    wishes = [step.asked.hints.get("compute_backend") for step in found]
    first = wishes[0] if wishes else None
    same = first and all(wish and wish.value == first.value for wish in wishes)
    return {"compute_backend": first} if first and same else {}
