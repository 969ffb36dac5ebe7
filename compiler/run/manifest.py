"""The manifest of a run, ``batch/manifest.json``: what it consists of, where each job comes from, and its folder.

Only this module knows the form of the file. All others get a :class:`Manifest`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from reana_batch import layout
from reana_batch.diagnostics import Refused, refuse
from reana_batch.ir import Expansion, Step, Workflow
from reana_batch.run import json_fields
from reana_batch.run.json_fields import MOST_ROWS, Malformed
from reana_batch.run.small_files import damaged, read_json
from reana_batch.site import Limits
from reana_batch.target import Target
from reana_batch.version import __version__
from reana_batch.writing import identity
from reana_batch.writing.identity import ScriptPart
from reana_batch.writing.jobs import folders

# The form that this module writes. A change that an older reana-batch would misread makes it one more.
MANIFEST_VERSION = 1
# By the version of an older form: what makes the JSON of the next form of it.
_UPGRADES: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType({})
# More bytes or seconds than this no machine has.
_MOST_AMOUNT = 10**18 * 1024
_VERSION = re.compile(r"[\w.+-]{1,40}")
_Each = TypeVar("_Each")


@dataclass(frozen=True, slots=True)
class Amounts:
    """Memory in bytes, a runtime in seconds, and CPUs. None means that there is no such request or limit."""

    memory: int | None = None
    runtime: int | None = None
    cpus: int | None = None


@dataclass(frozen=True, slots=True)
class StepEntry:
    """What a manifest says of a step."""

    name: str
    label: str  # the author's name for it
    folder: str  # below batch/steps, state and logs
    origin: str
    rows: int
    chunk_size: int  # rows that one scheduler job runs one after the other
    needs: tuple[str, ...] = ()
    environment: str = ""
    outputs: tuple[str, ...] = ()
    row_origins: tuple[str, ...] = ()  # of a step that stages data: the place of each row
    row_names: tuple[tuple[str, str], ...] = ()  # where each row has a label of its own: that, and its place
    backend: str = ""  # the batch system that it is handed to, where that is not the run's own
    bundle: int = 1  # scheduler jobs that one node hands to that system together
    asks: Amounts = Amounts()  # what a job asks for; the runtime is that of one command
    commands: int = 1  # of a row
    scripts: tuple[ScriptPart, ...] = ()  # with the environment and the hints, the identity of its jobs
    hints: str = ""  # those that change results
    patterns: tuple[str, ...] = ()  # of the needs; empty if each row waits for all rows of each
    output_columns: tuple[int, ...] = ()  # the columns that have outputs of the rows
    served: bool = False  # does a server run its rows?
    credentials: tuple[str, ...] = ()  # the names of those that its jobs get
    in_image: bool = False  # does the site start its commands in its image?

    @property
    def chunks(self) -> int:
        """The number of scheduler jobs."""
        return -(-self.rows // self.chunk_size)

    @property
    def stages_data(self) -> bool:
        return bool(self.row_origins)

    @property
    def namesakes(self) -> int:
        """How many rows have the label of a row."""
        return 1 if self.row_names else self.rows

    def nodes(self) -> Iterator[range]:
        """Yield the chunks of each node of a graph."""
        for first in range(0, self.chunks, self.bundle):
            yield range(first, min(first + self.bundle, self.chunks))

    def chunk(self, number: int) -> range:
        """Return the rows of a chunk."""
        return range(number * self.chunk_size, min((number + 1) * self.chunk_size, self.rows))

    def chunk_of(self, row: int) -> int:
        """Return the chunk that a row is in."""
        return row // self.chunk_size

    def row_origin(self, row: int) -> str:
        """Return the place of a row: that of its own line in the analysis, or that of its step."""
        if self.row_names:
            return self.row_names[row][1]
        return self.row_origins[row] if self.row_origins else self.origin

    def row_label(self, row: int) -> str:
        """Return the author's name for a row: its own, or that of its step."""
        return self.row_names[row][0] if self.row_names else self.label

    def stem(self, row: int) -> str:
        """Return the path of a row's files below ``state`` and ``logs``, without an ending."""
        return f"{self.folder}/{layout.row_stem(row, self.rows)}"


@dataclass(frozen=True, slots=True)
class ExpansionEntry:
    """What a manifest says of a part of the graph that only the run can know."""

    name: str
    label: str
    origin: str
    reason: str
    digest: str = ""  # of what it is compiled from


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run consists of, as it was compiled."""

    backend: str
    workflow: str = ""
    type: str = ""
    made_by: str = ""  # the version of reana-batch
    inputs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    output_files: tuple[str, ...] = ()
    output_directories: tuple[str, ...] = ()
    expansions: tuple[ExpansionEntry, ...] = ()
    steps: tuple[StepEntry, ...] = ()
    limits: Amounts = Amounts()  # the most that the site lets a job ask for
    strict: bool = False  # does a step demand the declared outputs? They come after its own.

    @property
    def outputs(self) -> tuple[str, ...]:
        """The declared outputs: paths, and patterns."""
        return self.output_files + self.output_directories

    @property
    def jobs(self) -> int:
        """The number of rows of all steps."""
        return sum(step.rows for step in self.steps)

    def before(self, name: str) -> set[str]:
        """Return the steps that must be done before this one starts. The planner of an expansion has its name."""
        found = {name}
        for step in reversed(self.steps):  # each comes after those that it waits for
            if step.name in found:
                found.update(step.needs)
        return found - {name}

    def steps_with_own_outputs(self) -> Iterator[StepEntry]:
        """Yield the steps with the outputs that they declare themselves. Any job may have made what a step demands."""
        demanded = self.outputs if self.strict else ()
        ends = (step.name for step in reversed(self.steps) if demanded and step.outputs[-len(demanded) :] == demanded)
        demanding = next(ends, None)
        for step in self.steps:
            yield replace(step, outputs=step.outputs[: -len(demanded)]) if step.name == demanding else step

    def steps_by_name(self) -> dict[str, StepEntry]:
        return {step.name: step for step in self.steps}


# --- writing -------------------------------------------------------------------------------------


def write(
    workflow: Workflow, target: Target, limits: Limits, definition: str = "", *, strict: bool = False
) -> Iterator[str]:
    """Yield the text of a workflow's manifest, one step at a time.

    ``limits`` are those of the site, ``definition`` is what expansions depend on, and ``strict`` is as in Manifest.
    """
    head = Manifest(
        backend=target.name,
        workflow=workflow.name,
        type=workflow.type,
        made_by=__version__,
        inputs=(*workflow.input_files, *workflow.input_directories),
        tests=workflow.tests,
        output_files=workflow.output_files,
        output_directories=workflow.output_directories,
        expansions=tuple(_expansion_entry(each, f"{definition}\n{target.name}") for each in workflow.expansions),
        limits=Amounts(limits.memory, limits.runtime),
        strict=strict,
    )
    folder_of = folders(workflow)
    return lines(head, (_entry(step, folder_of[step.name]) for step in workflow.steps))


def _expansion_entry(expansion: Expansion, definition: str) -> ExpansionEntry:
    digest = identity.expansion_digest(expansion, definition)
    return ExpansionEntry(expansion.name, expansion.label, expansion.origin.short, expansion.reason, digest)


def _entry(step: Step, folder: str) -> StepEntry:
    placed = step.placed
    return StepEntry(
        name=step.name,
        label=step.label,
        folder=folder,
        origin=step.origin.short,
        rows=step.table.count,
        chunk_size=placed.chunk_size,
        needs=tuple(need.step for need in step.needs),
        environment=step.asked.environment,
        outputs=tuple(output for output in step.outputs if isinstance(output, str)),
        row_origins=tuple(file.place.short for file in placed.data),
        row_names=tuple((label, place.short) for label, place in step.row_names),
        backend=placed.target.name if placed.target else "",
        bundle=placed.bundle,
        asks=Amounts(placed.resources.memory, placed.resources.runtime, placed.resources.cpus),
        commands=max(1, len(step.action.commands)),
        scripts=tuple(identity.script_parts(step)),
        hints=identity.hints(step),
        patterns=identity.patterns(step),
        output_columns=identity.output_columns(step),
        served=step.action.server is not None,
        credentials=tuple(sorted(placed.credentials)),
        in_image=bool(placed.image and placed.image.candidates),
    )


def lines(head: Manifest, steps: Iterable[StepEntry]) -> Iterator[str]:
    """Yield the JSON of a manifest with these steps in the place of its own."""
    record = {
        "manifest_version": MANIFEST_VERSION,
        "reana_batch": head.made_by,
        "workflow": head.workflow,
        "type": head.type,
        "backend": head.backend,
        "inputs": head.inputs,
        "tests": head.tests,
        "outputs": {"files": head.output_files, "directories": head.output_directories},
        **({"limits": _amounts_record(head.limits)} if head.limits != Amounts() else {}),
        **({"strict": True} if head.strict else {}),
        "expansions": [asdict(each) for each in head.expansions],
    }
    yield json.dumps(record, indent=1, ensure_ascii=False)[:-2] + ',\n "steps": [\n'
    before = ""
    for step in steps:
        yield f"{before}  {json.dumps(_step_record(step), ensure_ascii=False)}"
        before = ",\n"
    yield f"{before[1:]} ]\n}}\n"


def _step_record(step: StepEntry) -> dict[str, Any]:
    return {
        "name": step.name,
        "label": step.label,
        "folder": step.folder,
        "origin": step.origin,
        "rows": step.rows,
        "chunk_size": step.chunk_size,
        "needs": step.needs,
        "environment": step.environment,
        "outputs": step.outputs,
        **({"row_origins": step.row_origins} if step.row_origins else {}),
        **({"row_names": step.row_names} if step.row_names else {}),
        **({"backend": step.backend, "bundle": step.bundle} if step.backend else {}),
        **({"asks": _amounts_record(step.asks)} if step.asks != Amounts() else {}),
        **({"commands": step.commands} if step.commands > 1 else {}),
        "scripts": step.scripts,
        **({"hints": step.hints} if step.hints else {}),
        **({"patterns": step.patterns} if step.patterns else {}),
        **({"output_columns": step.output_columns} if step.output_columns else {}),
        **({"served": True} if step.served else {}),
        **({"credentials": step.credentials} if step.credentials else {}),
        **({"in_image": True} if step.in_image else {}),
    }


def _amounts_record(amounts: Amounts) -> dict[str, int]:
    return {name: value for name, value in asdict(amounts).items() if value is not None}


# --- reading -------------------------------------------------------------------------------------


def read(path: Path) -> Manifest:
    """Return the manifest in a file. Refused if it is damaged, or of a newer version than this module knows."""
    record = read_json(path)
    version = record.get("manifest_version", 1)
    if type(version) is not int or version < 1:
        raise damaged(path)
    if version > MANIFEST_VERSION:
        raise _too_new(path, version, record.get("reana_batch"))
    try:
        for older in range(version, MANIFEST_VERSION):
            record = _UPGRADES[older](record)
        return _manifest(record)
    except (Malformed, AttributeError, LookupError, TypeError):
        raise damaged(path) from None


def _too_new(path: Path, version: int, made_by: object) -> Refused:
    newer = made_by if isinstance(made_by, str) and _VERSION.fullmatch(made_by) else "a newer version"
    message = f"{path} has version {version}, and this reana-batch reads manifests up to version {MANIFEST_VERSION}."
    return refuse("unknown-run", message, hint=f"the run was made by reana-batch {newer}: update reana-batch to that.")


def _manifest(record: dict[str, Any]) -> Manifest:
    outputs = record.get("outputs")
    if not isinstance(outputs, dict):
        raise Malformed
    manifest = Manifest(
        backend=json_fields.text(record, "backend"),
        workflow=json_fields.text(record, "workflow", ""),
        type=json_fields.text(record, "type", ""),
        made_by=json_fields.text(record, "reana_batch", ""),
        inputs=json_fields.texts(record, "inputs", ()),
        tests=json_fields.texts(record, "tests", ()),
        output_files=json_fields.texts(outputs, "files"),
        output_directories=json_fields.texts(outputs, "directories"),
        expansions=tuple(map(_expansion, json_fields.records(record, "expansions", ()))),
        steps=tuple(map(_step, json_fields.records(record, "steps"))),
        limits=_amounts(record, "limits"),
        strict=record.get("strict") is True,
    )
    _check_names(manifest)
    return manifest


def _check_names(manifest: Manifest) -> None:
    """Raise Malformed if a name stands for two steps, or for none."""
    names = {step.name for step in manifest.steps}
    needed = {name for step in manifest.steps for name in step.needs}
    if len(names) < len(manifest.steps) or not names.issuperset(needed):
        raise Malformed


def _expansion(record: dict[str, Any]) -> ExpansionEntry:
    return ExpansionEntry(
        json_fields.path(record, "name"),
        json_fields.text(record, "label"),
        json_fields.text(record, "origin"),
        json_fields.text(record, "reason"),
        json_fields.text(record, "digest", ""),
    )


def _step(record: dict[str, Any]) -> StepEntry:
    rows = json_fields.count(record, "rows")
    return StepEntry(
        name=json_fields.text(record, "name"),
        label=json_fields.text(record, "label"),
        folder=json_fields.path(record, "folder"),
        origin=json_fields.text(record, "origin"),
        rows=rows,
        chunk_size=json_fields.count(record, "chunk_size"),
        needs=json_fields.texts(record, "needs", ()),
        environment=json_fields.text(record, "environment", ""),
        outputs=json_fields.texts(record, "outputs", ()),
        row_origins=_of_each_row(json_fields.texts(record, "row_origins", ()), rows),
        row_names=_of_each_row(tuple(map(_pair, record.get("row_names", ()))), rows),
        backend=json_fields.text(record, "backend", ""),
        bundle=json_fields.count(record, "bundle", 1),
        asks=_amounts(record, "asks"),
        commands=json_fields.count(record, "commands", 1),
        scripts=tuple(map(_script_part, record.get("scripts", ()))),
        hints=json_fields.text(record, "hints", ""),
        patterns=json_fields.texts(record, "patterns", ()),
        output_columns=tuple(map(_column, record.get("output_columns", ()))),
        served=record.get("served") is True,
        credentials=json_fields.texts(record, "credentials", ()),
        in_image=record.get("in_image") is True,
    )


def _amounts(record: dict[str, Any], name: str) -> Amounts:
    given = record.get(name, {})
    if not isinstance(given, dict):
        raise Malformed
    return Amounts(
        *(
            json_fields.count(given, each.name, most=_MOST_AMOUNT) if each.name in given else None
            for each in fields(Amounts)
        )
    )


def _pair(value: Any) -> tuple[str, str]:
    label, place = value if isinstance(value, list) and len(value) == 2 else (None, None)
    if not isinstance(label, str) or not isinstance(place, str):
        raise Malformed
    return label, place


def _script_part(value: Any) -> ScriptPart:
    if not isinstance(value, list) or len(value) != len(ScriptPart._fields) or {*map(type, value)} - {str}:
        raise Malformed
    return ScriptPart(*value)


def _column(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_ROWS:
        raise Malformed
    return value


def _of_each_row(values: tuple[_Each, ...], rows: int) -> tuple[_Each, ...]:
    """Return the values; there must be one for each row, or none."""
    if len(values) not in (0, rows):
        raise Malformed
    return values
